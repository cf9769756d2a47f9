import csv
import functools
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emo.corpora.catalogue import Recording, default_directory, find_recordings
from emo.corpora.protocols import PROTOCOLS
from emo.corpora.splits import (
    EMOBOX_CORPORA,
    EMOBOX_LIST,
    VALIDATION_ONE_IN,
    Fold,
    check_fold,
    content_hash,
    content_keys,
    family,
    folds,
    read_emobox,
    speakers_fold,
)
from emo.errors import CorpusError
from emo.labels import CALM

DATA = default_directory()
with_corpora = pytest.mark.skipif(DATA is None, reason="the corpora are not on this machine")

SPEAKERS = {"cremad": "cremad-1001", "tess": "tess-OAF", "savee": "savee-DC"}


def tone(path: Path, pitch_hz: float, *, kind: str = "WAV") -> None:
    """Write a short tone; equal pitches give identical audio."""
    time_s = np.arange(800) / 16_000
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.round(8_000 * np.sin(2 * np.pi * pitch_hz * time_s)).astype(np.int16)
    soundfile.write(path, samples, 16_000, format=kind)


def made(n: int = 20, emotion: str = "angry") -> list[Recording]:
    """Return recordings of so many actors, none of them on disk."""
    return [
        Recording(Path("nowhere"), "cremad", f"{s}_DFA_ANG_XX", f"cremad-{s}", emotion)
        for s in range(1001, 1001 + n)
    ]


def distinct(recordings: Sequence[Recording]) -> list[str]:
    return [f"audio {i}" for i in range(len(recordings))]


@functools.cache
def real() -> tuple[tuple[Recording, ...], tuple[str, ...]]:
    assert DATA is not None
    recordings = find_recordings(DATA).recordings
    return recordings, content_keys(recordings)


def table(name: str) -> dict[tuple[str, str], int]:
    assert DATA is not None
    path = DATA / name
    if not path.exists():
        pytest.skip(f"this copy of the corpora has no {name}")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["corpus"], row["clip"]): int(row["test_fold"]) for row in rows}


@functools.cache
def real_folds(protocol: str) -> tuple[Fold, ...]:
    if protocol == "emobox":
        table(EMOBOX_LIST)  # or skipped
    return folds(protocol, *real(), DATA)


def sides(fold: Fold) -> dict[str, set[int]]:
    """Positions by side."""
    return {name: set(getattr(fold, name).tolist()) for name in ("train", "validation", "test")}


def speakers_of(recordings: Sequence[Recording], rows: Iterable[int]) -> set[str]:
    return {recordings[i].speaker for i in rows}


@with_corpora
@pytest.mark.slow
def test_random_fold_tests_the_clips_of_the_table() -> None:
    recordings, _ = real()
    (fold,) = real_folds("random")
    tested = {(recordings[i].corpus, recordings[i].stem) for i in fold.test}
    assert tested == set(table("clips_test_fold.csv"))
    # 12,798 less a clip under two labels that would have been tested, less two twins of tests.
    assert sum(map(len, sides(fold).values())) == 12_795
    assert len(fold.validation) == pytest.approx((12_795 - len(fold.test)) / 12, abs=2)


@with_corpora
def test_speakers_folds_are_those_of_the_table() -> None:
    recordings, _ = real()
    expected = table("voices_test_folds.csv")
    assert {(r.corpus, r.stem): speakers_fold(r) for r in recordings} == expected


@with_corpora
def test_emobox_folds_of_ravdess_and_savee_are_those_of_speakers() -> None:
    recordings, _ = real()
    own = {(r.corpus, r.stem): r for r in recordings}
    listed = {
        row: fold for row, fold in table(EMOBOX_LIST).items() if row[0] in ("ravdess", "savee")
    }
    assert {row: speakers_fold(own[row]) for row in listed} == listed


@with_corpora
def test_the_emobox_protocol_tests_the_clips_of_the_lists() -> None:
    recordings, keys = real()
    expected = {row for row in table(EMOBOX_LIST) if row[0] in EMOBOX_CORPORA}
    (fold,) = real_folds("emobox")
    assert {(recordings[i].corpus, recordings[i].stem) for i in fold.test} == expected
    twins = {keys[i] for i in fold.test}
    rest = [i for i in range(len(recordings)) if keys[i] not in twins]
    assert sides(fold)["train"] | sides(fold)["validation"] == set(rest)


@with_corpora
@pytest.mark.parametrize("protocol", ["speakers", "cross-corpus"])
def test_every_clip_is_tested_once(protocol: str) -> None:
    recordings, _ = real()
    made_folds = real_folds(protocol)
    n_folds = {"speakers": 6, "cross-corpus": 4}[protocol]
    assert [fold.number for fold in made_folds] == list(range(1, n_folds + 1))
    tested = np.concatenate([fold.test for fold in made_folds])
    assert sorted(tested) == list(range(len(recordings)))
    for fold in made_folds:
        assert sum(map(len, sides(fold).values())) == len(recordings)


@with_corpora
def test_cross_corpus_folds_train_on_the_other_corpora() -> None:
    recordings, _ = real()
    for fold, name in zip(
        real_folds("cross-corpus"), ("cremad", "ravdess", "tess", "savee"), strict=True
    ):
        assert {family(recordings[i]) for i in fold.test} == {name}
        others = {family(recordings[i]) for i in (*fold.train, *fold.validation)}
        assert others == {"cremad", "ravdess", "tess", "savee"} - {name}


@with_corpora
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_speaker_or_identical_audio_is_in_two_sets(protocol: str) -> None:
    recordings, keys = real()
    for fold in real_folds(protocol):
        parts = sides(fold)
        for one, other in combinations(parts.values(), 2):
            assert not one & other
            assert not {keys[i] for i in one} & {keys[i] for i in other}
            if protocol in ("speakers", "cross-corpus"):
                assert not speakers_of(recordings, one) & speakers_of(recordings, other)
        assert all(parts.values())


@with_corpora
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_calm_is_in_every_set_but_under_random(protocol: str) -> None:
    recordings, _ = real()
    for fold in real_folds(protocol):
        calm = {
            name
            for name, rows in sides(fold).items()
            if CALM in {recordings[i].emotion for i in rows}
        }
        if protocol == "random":
            assert calm == set()
        elif protocol == "speakers":
            assert calm == {"train", "validation", "test"}
        elif protocol == "cross-corpus":
            assert calm == ({"test"} if fold.number == 2 else {"train", "validation"})
        else:
            assert calm == {"train", "validation"}  # no clip of RAVDESS is tested


@with_corpora
@pytest.mark.parametrize("protocol", ["speakers", "cross-corpus"])
def test_validation_has_one_speaker_in_twelve_of_large_corpora(protocol: str) -> None:
    recordings, _ = real()
    for fold in real_folds(protocol):
        heard = speakers_of(recordings, (*fold.train, *fold.validation))
        kept = speakers_of(recordings, fold.validation)
        for name in ("cremad", "ravdess", "tess", "savee"):
            own = sum(speaker.startswith(name) for speaker in heard)
            chosen = sum(speaker.startswith(name) for speaker in kept)
            assert chosen == round(own / VALIDATION_ONE_IN)


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


def lists(directory: Path, recordings: Sequence[Recording]) -> Path:
    """Write the table of EmoBox, with some recordings in its one test fold."""
    rows = "".join(f"{r.corpus},{r.stem},1\n" for r in recordings)
    (directory / EMOBOX_LIST).write_text(f"corpus,clip,test_fold\n{rows}")
    return directory


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_folds_do_not_depend_on_the_order_of_the_recordings(protocol: str, tmp_path: Path) -> None:
    recordings = [*made(30), *sung(30)]
    lists(tmp_path, recordings[:5])
    backwards = recordings[::-1]
    forth = folds(protocol, recordings, [r.stem for r in recordings], tmp_path)
    back = folds(protocol, backwards, [r.stem for r in backwards], tmp_path)
    for a, b in zip(forth, back, strict=True):
        for name in ("train", "validation", "test"):
            one = {recordings[i].stem for i in getattr(a, name)}
            assert one == {backwards[i].stem for i in getattr(b, name)}


def sung(n: int) -> list[Recording]:
    """Songs of up to 24 actors, none of them on disk."""
    return [
        Recording(Path("nowhere"), "ravdess-song", f"song-{i}", f"ravdess-{i % 24 + 1:02d}", "sad")
        for i in range(n)
    ]


def test_random_fold_tests_a_fifth_of_the_clips_without_calm() -> None:
    recordings = made(20) + made(5, CALM)
    (fold,) = folds("random", recordings, distinct(recordings))
    assert len(fold.test) == 4
    assert len(fold.validation) == 2  # a twelfth of 16, rounded up
    assert sorted([*fold.train, *fold.validation, *fold.test]) == list(range(20))


def test_identical_audio_is_in_validation_or_training_together() -> None:
    recordings = made(40)
    keys = [f"audio {i // 2}" for i in range(40)]
    (fold,) = folds("random", recordings, keys)
    assert len(fold.validation) > 0
    assert not {keys[i] for i in fold.validation} & {keys[i] for i in fold.train}


def test_validation_has_clips_where_speakers_are_few() -> None:
    recordings = [
        Recording(Path("nowhere"), "savee", f"{name}_a0{i}", f"savee-{name}", "angry")
        for name in ("JE", "KL", "DC")
        for i in range(4)
    ]
    for fold in folds("speakers", recordings, distinct(recordings)):
        assert len(fold.validation) == 1  # a twelfth of 8, rounded up
        assert len(fold.train) == 7


def test_audio_under_two_labels_is_not_tested() -> None:
    recordings = made(20)
    (fold,) = folds("random", recordings, distinct(recordings))
    tested, trained = int(fold.test[0]), int(fold.train[0])
    keys = distinct(recordings)
    keys[tested] = keys[trained]
    recordings[trained] = replace(recordings[trained], emotion="sad")
    (fold,) = folds("random", recordings, keys)
    assert not {tested, trained} & set().union(*sides(fold).values())


def test_audio_under_two_labels_may_train() -> None:
    recordings = made(20)
    (fold,) = folds("random", recordings, distinct(recordings))
    one, other = (int(i) for i in fold.train[:2])
    keys = distinct(recordings)
    keys[one] = keys[other]
    recordings[one] = replace(recordings[one], emotion="sad")
    (again,) = folds("random", recordings, keys)
    assert again.test.tolist() == fold.test.tolist()
    assert {one, other} <= {*again.train, *again.validation}


def test_a_copy_of_a_tested_clip_is_not_in_training() -> None:
    recordings = made(20)
    (fold,) = folds("random", recordings, distinct(recordings))
    tested, trained = int(fold.test[0]), int(fold.train[0])
    keys = distinct(recordings)
    keys[tested] = keys[trained]
    (fold,) = folds("random", recordings, keys)
    assert tested in fold.test
    assert trained not in fold.train


def test_speech_and_song_of_an_actor_are_tested_together() -> None:
    spoken = Recording(Path("a"), "ravdess", "03-01-03-01-01-01-09", "ravdess-09", "happy")
    sung = Recording(Path("b"), "ravdess-song", "03-02-03-01-01-01-09", "ravdess-09", "happy")
    assert speakers_fold(spoken) == speakers_fold(sung) == 3


@pytest.mark.parametrize(
    ("actor", "fold"), [(1001, 1), (1018, 1), (1019, 2), (1072, 4), (1073, 5), (1090, 5), (1091, 5)]
)
def test_the_blocks_of_actors(actor: int, fold: int) -> None:
    recording = Recording(Path("a"), "cremad", "", f"cremad-{actor}", "happy")
    assert speakers_fold(recording) == fold


def test_a_folder_without_some_speakers_has_fewer_folds() -> None:
    recordings = made(20)  # blocks 1 and 2
    assert [f.number for f in folds("speakers", recordings, distinct(recordings))] == [1, 2]


def test_one_speaker_cannot_be_split() -> None:
    recordings = made(1)
    with pytest.raises(CorpusError, match=r"cannot be split for protocol 'speakers'.*too few"):
        folds("speakers", recordings, distinct(recordings))
    with pytest.raises(CorpusError, match="1 clips cannot be split"):
        folds("random", recordings, distinct(recordings))


def test_folds_names_the_protocols_if_one_is_unknown() -> None:
    with pytest.raises(CorpusError, match=r"no protocol 'years'.*random, speakers, emobox"):
        folds("years", made(), distinct(made()))


# --- check_fold -----------------------------------------------------------------------------------


def split(protocol: str, train: list[int], validation: list[int], test: list[int]) -> Fold:
    parts = (np.array(rows, dtype=np.int64) for rows in (train, validation, test))
    return Fold(protocol, 1, *parts)


@pytest.mark.parametrize("protocol", ["speakers", "cross-corpus"])
@pytest.mark.parametrize(("side", "place"), [("training", 0), ("validation", 1)])
def test_check_fold_rejects_a_speaker_in_two_sets(protocol: str, side: str, place: int) -> None:
    recordings = [*made(2), made(2)[place]]
    fold = split(protocol, [0] if place == 0 else [], [1] if place == 1 else [], [2])
    with pytest.raises(
        CorpusError, match=rf"has speakers of its test in {side}: cremad-{1001 + place}\."
    ):
        check_fold(fold, recordings, distinct(recordings))
    fold = split("random", fold.train.tolist(), fold.validation.tolist(), [2])
    check_fold(fold, recordings, distinct(recordings))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("side", "place"), [("training", 0), ("validation", 1)])
def test_check_fold_rejects_identical_audio_in_two_sets(
    protocol: str, side: str, place: int
) -> None:
    recordings = made(3)
    keys = ["one", "two", ("one", "two")[place]]
    fold = split(protocol, [0] if place == 0 else [], [1] if place == 1 else [], [2])
    with pytest.raises(
        CorpusError, match=rf"tests 1003_DFA_ANG_XX.*also in {side} as {1001 + place}_"
    ):
        check_fold(fold, recordings, keys)


@pytest.mark.parametrize(("side", "train"), [("training", [0]), ("validation", [])])
def test_check_fold_rejects_a_corpus_in_two_sets(side: str, train: list[int]) -> None:
    recordings = made(2)
    fold = split("cross-corpus", train, [] if train else [0], [1])
    with pytest.raises(CorpusError, match=f"has corpora of its test in {side}: cremad"):
        check_fold(fold, recordings, distinct(recordings))
    check_fold(
        split("speakers", fold.train.tolist(), fold.validation.tolist(), [1]),
        recordings,
        distinct(recordings),
    )


def test_a_song_is_of_the_corpus_of_its_speaker() -> None:
    (song,) = sung(1)
    assert family(song) == "ravdess"


# --- The lists of EmoBox -------------------------------------------------------------------------


def test_the_lists_are_read_from_the_table(tmp_path: Path) -> None:
    (tmp_path / EMOBOX_LIST).write_text("corpus,clip,test_fold\ncremad,A,1\nravdess,B,6\n")
    assert read_emobox(tmp_path) == {"A": 1, "B": 6}


def test_the_lists_are_read_from_a_copy_of_the_repository(tmp_path: Path) -> None:
    folder = tmp_path / "EmoBox-main" / "data"
    for name, number, clips in (("cremad", 1, ("A", "B")), ("ravdess", 2, ("C",))):
        path = folder / name / f"{name}_test_fold_{number}.jsonl"
        path.parent.mkdir(parents=True)
        rows = [json.dumps({"key": c, "wav": f"downloads/{name}/{c}.wav"}) for c in clips]
        path.write_text("\n".join(rows) + "\n")
        path.with_name(f"{name}_train_fold_{number}.jsonl").write_text('{"wav": "D.wav"}\n')
    assert read_emobox(tmp_path) == {"A": 1, "B": 1, "C": 2}


def test_both_forms_of_the_lists_give_the_same_folds(tmp_path: Path) -> None:
    recordings = made(30)
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    lists(one, recordings[:6])
    rows = [json.dumps({"wav": f"AudioWAV/{r.stem}.wav"}) for r in recordings[:6]]
    (other / "cremad_test_fold_1.jsonl").write_text("\n".join(rows))
    (a,), (b,) = (folds("emobox", recordings, distinct(recordings), d) for d in (one, other))
    assert a.test.tolist() == b.test.tolist() == list(range(6))
    assert a.validation.tolist() == b.validation.tolist()
    assert len(a.validation) == 2  # a twelfth of 24


def test_emobox_tests_no_other_corpus(tmp_path: Path) -> None:
    recordings = [*made(20), *sung(20)]
    lists(tmp_path, [recordings[0], recordings[20]])
    (fold,) = folds("emobox", recordings, distinct(recordings), tmp_path)
    assert fold.test.tolist() == [0]


def test_read_emobox_names_the_source_of_missing_lists(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"needs the clip lists of EmoBox.*emo-box/EmoBox"):
        folds("emobox", made(), distinct(made()), tmp_path)
    with pytest.raises(CorpusError, match="needs the folder that holds the lists"):
        folds("emobox", made(), distinct(made()))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (EMOBOX_LIST, "corpus,clip\ncremad,A\n"),
        (EMOBOX_LIST, "corpus,clip,test_fold\ncremad,A,first\n"),
        ("cremad_test_fold_1.jsonl", "no list\n"),
        ("cremad_test_fold_1.jsonl", '{"key": "A"}\n'),
        ("cremad_test_fold_one.jsonl", '{"wav": "A.wav"}\n'),
    ],
)
def test_damaged_lists_are_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(CorpusError, match="clip lists of EmoBox cannot be read"):
        read_emobox(tmp_path)


# --- Same audio ----------------------------------------------------------------------------------


def test_folds_of_real_files_keep_identical_audio_in_one_set(tmp_path: Path) -> None:
    for actor in range(1001, 1021):
        tone(tmp_path / f"{actor}_DFA_ANG_XX.wav", actor)
    tone(tmp_path / "1019_DFA_ANG_XX.wav", 1001)  # the same audio, of another actor
    recordings = find_recordings(tmp_path).recordings
    keys = content_keys(recordings)
    assert len(set(keys)) == 19  # of 20 files
    for fold in (*folds("speakers", recordings), *folds("random", recordings)):
        assert not {keys[i] for i in fold.train} & {keys[i] for i in fold.test}


def test_content_hash_is_of_the_samples(tmp_path: Path) -> None:
    tone(tmp_path / "1001_DFA_ANG_XX.wav", 300)
    tone(tmp_path / "1002_DFA_ANG_XX.flac", 300, kind="FLAC")
    tone(tmp_path / "1003_DFA_ANG_XX.wav", 301)
    (tmp_path / "1004_DFA_ANG_XX.wav").write_bytes(b"no sound")
    (tmp_path / "1005_DFA_ANG_XX.wav").write_bytes(b"no sound")
    one, same, other, broken, copy = map(content_hash, find_recordings(tmp_path).recordings)
    assert one == same != other
    assert broken == copy not in (one, other)


def test_content_hash_depends_on_the_rate(tmp_path: Path) -> None:
    samples = np.zeros(100, dtype="int16")
    for stem, rate_hz in (("1001_DFA_ANG_XX", 16_000), ("1002_DFA_ANG_XX", 8_000)):
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, rate_hz, format="WAV")
        (tmp_path / f"{stem}.wav").write_bytes(buffer.getvalue())
    recordings = find_recordings(tmp_path).recordings
    assert len(set(map(content_hash, recordings))) == 2
    assert len(set(content_keys(recordings))) == 2


def test_content_keys_match_identical_audio_and_report_progress(tmp_path: Path) -> None:
    for stem, pitch_hz in (("1001", 300), ("1002", 300), ("1003", 301), ("1004", 302)):
        tone(tmp_path / f"{stem}_DFA_ANG_XX.wav", pitch_hz)
    calls: list[tuple[int, int]] = []
    keys = content_keys(
        find_recordings(tmp_path).recordings, lambda done, total: calls.append((done, total))
    )
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
