"""Test the sample clips: recordings of held-out actors with their terms, and a synthetic minute."""

import importlib.util
import itertools
import json
import shutil
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from emo.app.samples import Sample, acted_by, attribution, chosen_by_listeners, read_gallery
from emo.audio.clip import RATE_HZ, load
from emo.corpora.catalogue import CORPUS, default_directory, find_recordings, read_stem
from emo.corpora.metadata import LISTENER_LABELS, read_sexes_and_ages, read_votes
from emo.corpora.splits import HELD_OUT_SPEAKERS
from emo.errors import CorpusError, EmoError
from emo.features.frames import analyse
from emo.labels import LABELS
from emo.system import paths
from tests.support.signals import voice

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
MAX_BYTES = 1_500_000

DATA = default_directory()
with_corpora = pytest.mark.skipif(DATA is None, reason="the corpora are not on this machine")


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"samples_{name}", SAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def make() -> ModuleType:
    return script("make")


@pytest.fixture(scope="module")
def choose() -> ModuleType:
    return script("choose")


def read_list() -> dict[str, Any]:
    content = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def recorded() -> list[dict[str, Any]]:
    content = read_list()
    return [*content["gallery"], *content["game"]]


# --- What ships ----------------------------------------------------------------------------------


def test_every_file_is_listed_and_small() -> None:
    rows = [*recorded(), read_list()["minute"]]
    audio = (".opus", ".flac", ".wav", ".ogg", ".mp3")
    files = {p.relative_to(SAMPLES).as_posix() for p in SAMPLES.rglob("*") if p.suffix in audio}
    assert sorted(row["file"] for row in rows) == sorted(files)
    sizes = [(SAMPLES / row["file"]).stat().st_size for row in recorded()]
    assert sum(sizes) <= MAX_BYTES
    assert len(sizes) == 67


def test_the_gallery_has_a_clip_for_each_emotion() -> None:
    rows = read_list()["gallery"]
    assert [row["emotion"] for row in rows] == list(LABELS)
    assert [row["file"] for row in rows] == [f"{label}.opus" for label in LABELS]


def test_clips_for_games_are_balanced() -> None:
    rows = read_list()["game"]
    assert Counter(f"{row['corpus']}-{row['actor']}" for row in rows) == dict.fromkeys(
        HELD_OUT_SPEAKERS, 10
    )
    by_emotion = Counter(row["emotion"] for row in rows)
    assert set(by_emotion) == set(LABELS)
    assert set(by_emotion.values()) == {8, 9}


@pytest.mark.parametrize("row", recorded(), ids=lambda row: row["file"])
def test_a_clip_is_readable_and_its_row_follows_from_its_name(row: dict[str, Any]) -> None:
    clip = load(SAMPLES / row["file"])
    assert clip.warnings == ()
    assert 1.0 < clip.duration_s < 8.0
    assert clip.source_rate_hz == RATE_HZ
    known = read_stem(Path(f"{row['clip']}.opus"))
    assert known is not None
    corpus, name = known
    assert corpus.key == row["corpus"] in read_list()["sources"]
    assert name.emotion == row["emotion"]
    assert name.speaker == f"{row['corpus']}-{row['actor']}"
    assert name.speaker in HELD_OUT_SPEAKERS
    assert row["sex"] in ("woman", "man")
    assert row["text"].endswith(".")
    if row["corpus"] == "cremad":
        assert 18 <= row["age"] <= 120
        assert list(row["votes"]) == list(LISTENER_LABELS)
        assert sum(row["votes"].values()) >= 6
    else:
        assert (row["age"], row["votes"]) == (None, None)
        assert row["sex"] == ("man" if int(row["actor"]) % 2 else "woman")


def test_no_clip_of_a_corpus_that_may_not_be_passed_on() -> None:
    assert {row["corpus"] for row in recorded()} == {"cremad", "ravdess"}
    sources = read_list()["sources"]
    assert not sources["ravdess"]["commercial_use"]
    assert sources["ravdess"]["licence"] == CORPUS["ravdess"].licence == "CC BY-NC-SA 4.0"
    assert all(row["licence"] == sources[row["corpus"]]["licence"] for row in recorded())


def test_the_notices_name_each_corpus_with_its_citation_and_licence() -> None:
    for file in (SAMPLES / "README.md", ROOT / "NOTICE"):
        words = " ".join(file.read_text(encoding="utf-8").split())
        for source in read_list()["sources"].values():
            for part in ("citation", "url", "licence_url"):
                assert source[part] in words, (file, source[part])
        assert "no commercial use" in words
    for command in ("rm samples/surprised.opus", "samples/game/03-"):
        assert command in (ROOT / "NOTICE").read_text(encoding="utf-8")


def test_the_samples_are_left_without_ravdess(tmp_path: Path) -> None:
    copy = shutil.copytree(SAMPLES, tmp_path / "samples")
    for file in [copy / "surprised.opus", *(copy / "game").glob("03-*")]:
        file.unlink()  # as NOTICE says
    left = read_gallery(copy)
    assert [sample.emotion for sample in left] == [*LABELS[:-1], "all"]
    assert {sample.source.title for sample in left if sample.source} == {"CREMA-D"}
    for row in recorded():
        assert (copy / row["file"]).exists() == (row["corpus"] == "cremad")


def test_sample_path_names_the_clips_of_the_gallery() -> None:
    assert [paths.sample_path(label).name for label in LABELS] == [f"{x}.opus" for x in LABELS]
    assert paths.sample_path("minute").name == "minute.flac"
    with pytest.raises(EmoError, match="no sample 'bored'; choose one of angry, disgusted"):
        paths.sample_path("bored")


# --- In words ------------------------------------------------------------------------------------


def test_a_sample_in_words() -> None:
    *recordings, minute = read_gallery(SAMPLES)
    assert acted_by(recordings[0]) == "acted by a man of 51, actor 1039 of CREMA-D"
    assert acted_by(recordings[-1]) == "acted by a woman, actor 02 of RAVDESS"
    assert acted_by(minute) == "synthetic speech"
    for sample in recordings:
        assert sample.source is not None
        assert sample.source.licence_url in attribution(sample.source)


def test_votes_in_words() -> None:
    def said(*votes: tuple[str, int]) -> str:
        return chosen_by_listeners(Sample("x.opus", "sad", votes=votes))

    assert said(("angry", 0), ("sad", 10)) == "All 10 listeners chose sad."
    assert said(("angry", 1), ("happy", 3), ("sad", 6)) == (
        "6 of 10 listeners chose sad, 3 happy and 1 angry."
    )
    assert said() == said(("angry", 0)) == ""


# --- The choice ----------------------------------------------------------------------------------


@with_corpora
def test_the_held_out_speakers_follow_from_the_rule(choose: ModuleType) -> None:
    assert DATA is not None
    recordings = find_recordings(DATA).recordings
    votes, actors = read_votes(DATA), read_sexes_and_ages(DATA)
    assert choose.choose_speakers(recordings, votes, actors) == HELD_OUT_SPEAKERS


@with_corpora
def test_the_choice_gives_the_clips_that_ship(choose: ModuleType, tmp_path: Path) -> None:
    assert DATA is not None
    shutil.copy(SAMPLES / "samples.json", tmp_path)  # it keeps the row of the minute
    content = choose.write_samples(DATA, tmp_path)
    assert content == read_list()
    assert (tmp_path / "samples.json").read_bytes() == (SAMPLES / "samples.json").read_bytes()
    for row in recorded():
        assert (tmp_path / row["file"]).read_bytes() == (SAMPLES / row["file"]).read_bytes()


def test_the_choice_needs_the_votes(choose: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"lacks cremad_actors\.csv or cremad_listener_votes"):
        choose.write_samples(tmp_path, tmp_path)


def test_the_gallery_takes_the_clearest_clip(choose: ModuleType) -> None:
    names = ("1009_DFA_SAD_XX", "1009_IEO_SAD_HI", "1020_DFA_SAD_XX", "1038_DFA_SAD_XX")
    counts = ([1, 0, 0, 0, 1, 8], [0, 0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 9], [0, 0, 0, 0, 0, 9])
    votes = {name: np.array(row, float) for name, row in zip(names, counts, strict=True)}
    clips = [
        choose.Recording(Path(name), "cremad", name, f"cremad-{name[:4]}", "sad") for name in names
    ]
    surprised = [
        choose.Recording(Path(name), "ravdess", name, f"ravdess-{name[-2:]}", "surprised")
        for name in ("03-01-08-02-02-01-02", "03-01-08-01-01-01-02", "03-01-08-02-01-01-03")
    ]
    assert choose.clearest(clips, votes).stem == "1020_DFA_SAD_XX"
    assert choose.clearest(surprised, votes).stem == "03-01-08-02-01-01-03"


# --- The minute ----------------------------------------------------------------------------------


def test_a_minute_has_every_emotion_with_pauses_between(make: ModuleType) -> None:
    row = read_list()["minute"]
    path = SAMPLES / row["file"]
    clip = load(path)
    assert row["emotion"] == "all"
    assert row["synthetic"] is True
    assert clip.warnings == ()
    assert 60 <= clip.duration_s <= 120
    assert path.stat().st_size <= 1_500_000
    parts = row["parts"]
    assert [part["emotion"] for part in parts] == list(make.STORY)
    assert {part["emotion"] for part in parts} == set(LABELS)
    assert row["text"] == " … ".join(part["text"] for part in parts)
    assert parts[0]["start_s"] == 0.0
    assert parts[-1]["stop_s"] == pytest.approx(clip.duration_s, abs=0.02)
    for before, after in itertools.pairwise(parts):
        assert after["start_s"] - before["stop_s"] == pytest.approx(make.PAUSE_S, abs=0.02)
        pause = slice(*(round(t * RATE_HZ) for t in (before["stop_s"], after["start_s"])))
        assert np.abs(clip.samples[pause][200:-200]).max() == 0.0
        assert np.abs(clip.samples[pause.stop : pause.stop + RATE_HZ * 2]).max() > 0.05


@pytest.mark.parametrize("glide", [-6.0, 0.0, 6.0])
def test_a_glide_bends_the_pitch_by_its_semitones(make, glide):
    steady = voice(150.0, duration_s=2.0).astype(float)
    pitch = analyse(make.bend_pitch(steady, glide, 0.0).astype(np.float32)).pitch_hz
    pitch = pitch[~np.isnan(pitch)]
    found = 12 * np.log2(np.median(pitch[-20:]) / np.median(pitch[:20]))
    assert found == pytest.approx(glide, abs=1.0)


def test_a_wav_on_a_pipe_with_a_wrong_length_is_read_whole(make):
    samples = (np.arange(-1000, 1000) * 8).astype("<i2")
    header = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\1\0\1\0" + RATE_HZ.to_bytes(4, "little")
    header += (2 * RATE_HZ).to_bytes(4, "little") + b"\2\0\x10\0data\xff\xff\xff\x7f"
    np.testing.assert_allclose(make.read_wav(header + samples.tobytes()), samples / 32768)


def test_every_emotion_has_a_prosody(make):
    assert list(make.PROSODY) == list(LABELS)
