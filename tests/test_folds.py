import csv
import functools
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emo.corpora import Recording, default_directory, find
from emo.errors import CorpusError
from emo.folds import (
    PROTOCOLS,
    Fold,
    check_fold,
    content_hash,
    content_keys,
    folds,
    voices_fold,
)
from emo.labels import CALM

DATA = default_directory()
with_corpora = pytest.mark.skipif(DATA is None, reason="the corpora are not on this machine")

SPEAKERS = {"cremad": "cremad-1001", "tess": "tess-OAF", "savee": "savee-DC"}


def tone(path: Path, pitch_hz: float, *, kind: str = "WAV") -> None:
    """A short tone; the same pitch is the same audio."""
    time_s = np.arange(800) / 16_000
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.round(8_000 * np.sin(2 * np.pi * pitch_hz * time_s)).astype(np.int16)
    soundfile.write(path, samples, 16_000, format=kind)


def made(n: int = 20, emotion: str = "angry") -> list[Recording]:
    """Recordings of as many actors, none of them on disk."""
    return [
        Recording(Path("nowhere"), "cremad", f"{s}_DFA_ANG_XX", f"cremad-{s}", emotion)
        for s in range(1001, 1001 + n)
    ]


def distinct(recordings: Sequence[Recording]) -> list[str]:
    return [f"audio {i}" for i in range(len(recordings))]


@functools.cache
def real() -> tuple[tuple[Recording, ...], tuple[str, ...]]:
    assert DATA is not None
    recordings = find(DATA).recordings
    return recordings, content_keys(recordings)


def table(name: str) -> dict[tuple[str, str], int]:
    assert DATA is not None
    path = DATA / name
    if not path.exists():
        pytest.skip(f"this copy of the corpora has no {name}")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["corpus"], row["clip"]): int(row["test_fold"]) for row in rows}


@with_corpora
def test_the_clips_fold_tests_the_clips_of_the_table() -> None:
    recordings, keys = real()
    (fold,) = folds("clips", recordings, keys)
    tested = {(recordings[i].corpus, recordings[i].stem) for i in fold.test}
    assert tested == set(table("clips_test_fold.csv"))
    # 12,798 less one tested clip under two labels, less one twin of a tested clip.
    assert len(fold.train) + len(fold.test) == 12_796


@with_corpora
def test_the_voices_folds_are_those_of_the_table() -> None:
    recordings, _ = real()
    expected = table("voices_test_folds.csv")
    assert {(r.corpus, r.stem): voices_fold(r) for r in recordings} == expected


@with_corpora
def test_every_clip_but_calm_is_tested_once_by_the_voices_folds() -> None:
    recordings, keys = real()
    made_folds = folds("voices", recordings, keys)
    assert [fold.number for fold in made_folds] == [1, 2, 3, 4, 5, 6]
    tested = np.concatenate([fold.test for fold in made_folds])
    assert len(tested) == len(set(tested)) == 12_798
    for fold in made_folds:
        assert len(fold.train) + len(fold.test) == 12_798


@with_corpora
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_speaker_and_no_identical_audio_crosses(protocol: str) -> None:
    recordings, keys = real()
    for fold in folds(protocol, recordings, keys):
        train, test = set(fold.train.tolist()), set(fold.test.tolist())
        assert not train & test
        assert not {keys[i] for i in train} & {keys[i] for i in test}
        if protocol == "voices":
            assert not {recordings[i].speaker for i in train} & {
                recordings[i].speaker for i in test
            }
        assert all(recordings[i].emotion != CALM for i in train | test)


@with_corpora
def test_identical_audio_is_found_by_content() -> None:
    recordings, keys = real()
    groups: dict[str, list[str]] = {}
    for recording, key in zip(recordings, keys, strict=True):
        groups.setdefault(key, []).append(recording.stem)
    assert [group for group in groups.values() if len(group) > 1] == [
        ["1006_TIE_HAP_XX", "1006_TIE_NEU_XX"],
        ["1013_WSI_DIS_XX", "1013_WSI_SAD_XX"],
        ["1017_IWW_ANG_XX", "1017_IWW_FEA_XX"],
        ["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"],
    ]


def test_folds_do_not_depend_on_the_order_of_the_recordings() -> None:
    recordings = made()
    backwards = recordings[::-1]
    for protocol in PROTOCOLS:
        forth = folds(protocol, recordings, distinct(recordings))
        back = folds(protocol, backwards, distinct(backwards))
        for a, b in zip(forth, back, strict=True):
            assert {recordings[i].stem for i in a.test} == {backwards[i].stem for i in b.test}


def test_a_fifth_of_the_clips_is_tested_and_calm_is_in_neither_side() -> None:
    recordings = made(20) + made(5, CALM)
    (fold,) = folds("clips", recordings, distinct(recordings))
    assert len(fold.test) == 4
    assert sorted([*fold.train, *fold.test]) == list(range(20))


def test_audio_under_two_labels_is_not_tested() -> None:
    recordings = made(20)
    (fold,) = folds("clips", recordings, distinct(recordings))
    tested, trained = int(fold.test[0]), int(fold.train[0])
    keys = distinct(recordings)
    keys[tested] = keys[trained]
    recordings[trained] = Recording(Path("nowhere"), "cremad", "x", "cremad-1001", "sad")
    (fold,) = folds("clips", recordings, keys)
    assert tested not in fold.test
    assert trained in fold.train


def test_the_twin_of_a_tested_clip_does_not_train() -> None:
    recordings = made(20)
    (fold,) = folds("clips", recordings, distinct(recordings))
    tested, trained = int(fold.test[0]), int(fold.train[0])
    keys = distinct(recordings)
    keys[tested] = keys[trained]
    (fold,) = folds("clips", recordings, keys)
    assert tested in fold.test
    assert trained not in fold.train


def test_speech_and_song_of_an_actor_are_tested_together() -> None:
    spoken = Recording(Path("a"), "ravdess", "03-01-03-01-01-01-09", "ravdess-09", "happy")
    sung = Recording(Path("b"), "ravdess-song", "03-02-03-01-01-01-09", "ravdess-09", "happy")
    assert voices_fold(spoken) == voices_fold(sung) == 3


@pytest.mark.parametrize(
    ("actor", "fold"), [(1001, 1), (1018, 1), (1019, 2), (1072, 4), (1073, 5), (1090, 5), (1091, 5)]
)
def test_the_blocks_of_actors(actor: int, fold: int) -> None:
    recording = Recording(Path("a"), "cremad", "", f"cremad-{actor}", "happy")
    assert voices_fold(recording) == fold


def test_a_folder_without_some_voices_has_fewer_folds() -> None:
    recordings = made(20)  # blocks 1 and 2
    assert [f.number for f in folds("voices", recordings, distinct(recordings))] == [1, 2]


def test_one_voice_cannot_be_split() -> None:
    recordings = made(1)
    with pytest.raises(CorpusError, match="too few speakers"):
        folds("voices", recordings, distinct(recordings))
    with pytest.raises(CorpusError, match="1 clips cannot be split"):
        folds("clips", recordings, distinct(recordings))


def test_an_unknown_protocol_is_refused_with_those_there_are() -> None:
    with pytest.raises(CorpusError, match=r"no protocol 'emobox'.*clips and voices"):
        folds("emobox", made(), distinct(made()))


def test_the_guard_sees_a_speaker_on_both_sides() -> None:
    recordings = [*made(2), made(1)[0]]
    fold = Fold("voices", 1, np.array([0, 1]), np.array([2]))
    with pytest.raises(CorpusError, match="trains on the speakers that it tests: cremad-1001"):
        check_fold(fold, recordings, distinct(recordings))
    check_fold(Fold("clips", 1, fold.train, fold.test), recordings, distinct(recordings))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_guard_sees_identical_audio_on_both_sides(protocol: str) -> None:
    recordings = made(3)
    fold = Fold(protocol, 1, np.array([0, 1]), np.array([2]))
    with pytest.raises(CorpusError, match=r"tests 1003_DFA_ANG_XX.*also in training as 1001"):
        check_fold(fold, recordings, ["same", "other", "same"])


def test_the_folds_of_real_files_keep_identical_audio_on_one_side(tmp_path: Path) -> None:
    for actor in range(1001, 1021):
        tone(tmp_path / f"{actor}_DFA_ANG_XX.wav", actor)
    tone(tmp_path / "1019_DFA_ANG_XX.wav", 1001)  # the same audio, of another actor
    recordings = find(tmp_path).recordings
    with pytest.raises(CorpusError, match="whose audio is also in training"):
        folds("voices", recordings)
    (fold,) = folds("clips", recordings)
    keys = content_keys(recordings)
    assert not {keys[i] for i in fold.train} & {keys[i] for i in fold.test}


def test_the_hash_is_of_the_sound_not_of_the_file(tmp_path: Path) -> None:
    tone(tmp_path / "1001_DFA_ANG_XX.wav", 300)
    tone(tmp_path / "1002_DFA_ANG_XX.flac", 300, kind="FLAC")
    tone(tmp_path / "1003_DFA_ANG_XX.wav", 301)
    (tmp_path / "1004_DFA_ANG_XX.wav").write_bytes(b"no sound")
    (tmp_path / "1005_DFA_ANG_XX.wav").write_bytes(b"no sound")
    one, same, other, broken, copy = map(content_hash, find(tmp_path).recordings)
    assert one == same != other
    assert broken == copy not in (one, other)


def test_the_rate_belongs_to_the_sound(tmp_path: Path) -> None:
    samples = np.zeros(100, dtype="int16")
    for stem, rate_hz in (("1001_DFA_ANG_XX", 16_000), ("1002_DFA_ANG_XX", 8_000)):
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, rate_hz, format="WAV")
        (tmp_path / f"{stem}.wav").write_bytes(buffer.getvalue())
    recordings = find(tmp_path).recordings
    assert len(set(map(content_hash, recordings))) == 2
    assert len(set(content_keys(recordings))) == 2


def test_keys_find_the_same_sound_and_tell_how_far_they_are(tmp_path: Path) -> None:
    for stem, pitch_hz in (("1001", 300), ("1002", 300), ("1003", 301), ("1004", 302)):
        tone(tmp_path / f"{stem}_DFA_ANG_XX.wav", pitch_hz)
    calls: list[tuple[int, int]] = []
    keys = content_keys(find(tmp_path).recordings, lambda done, total: calls.append((done, total)))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
