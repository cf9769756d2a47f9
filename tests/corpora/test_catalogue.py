import csv
import functools
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emo.corpora import catalogue
from emo.corpora.catalogue import (
    CORPORA,
    Collection,
    Corpus,
    coverage,
    default_directory,
    find_recordings,
)
from emo.errors import CorpusError
from emo.labels import CALM, LABELS

DATA = default_directory()
with_corpora = pytest.mark.skipif(DATA is None, reason="the corpora are not on this machine")

OFFICIAL = {
    "AudioWAV/1001_DFA_ANG_XX.wav": ("cremad", "1001_DFA_ANG_XX", "cremad-1001", "angry"),
    "AudioWAV/1040_ITH_SAD_X.wav": ("cremad", "1040_ITH_SAD_XX", "cremad-1040", "sad"),
    "AudioWAV/1091_IEO_FEA_LO.wav": ("cremad", "1091_IEO_FEA_LO", "cremad-1091", "fearful"),
    "Actor_12/03-01-07-02-01-01-12.wav": (
        "ravdess",
        "03-01-07-02-01-01-12",
        "ravdess-12",
        "disgusted",
    ),
    "Actor_12/03-02-02-01-01-01-12.wav": (
        "ravdess-song",
        "03-02-02-01-01-01-12",
        "ravdess-12",
        "calm",
    ),
    "OAF_angry/OAF_back_angry.wav": ("tess", "OAF_back_angry", "tess-OAF", "angry"),
    "OAF_neutral/OA_bite_neutral.wav": ("tess", "OAF_bite_neutral", "tess-OAF", "neutral"),
    "OAF_Fear/OAF_back_fear.wav": ("tess", "OAF_back_fear", "tess-OAF", "fearful"),
    "YAF_pleasant_surprised/YAF_Back_ps.wav": (
        "tess",
        "YAF_back_ps",
        "tess-YAF",
        "surprised",
    ),
    "AudioData/DC/a01.wav": ("savee", "DC_a01", "savee-DC", "angry"),
    "AudioData/JK/sa15.wav": ("savee", "JK_sa15", "savee-JK", "sad"),
    "ALL/KL_su02.wav": ("savee", "KL_su02", "savee-KL", "surprised"),
    "ALL/JE_n30.WAV": ("savee", "JE_n30", "savee-JE", "neutral"),
}
"""File as the official downloads and their common copies hold it, and what it must be read as."""


def touch(top: Path, *names: str, content: bytes = b"sound") -> None:
    for name in names:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def reasons(collection: Collection) -> dict[str, str]:
    return {
        s.path.relative_to(collection.directory).as_posix(): s.reason for s in collection.skipped
    }


@functools.cache
def real() -> Collection:
    assert DATA is not None
    return find_recordings(DATA)


@pytest.mark.parametrize("name", OFFICIAL)
def test_find_recordings_reads_corpus_speaker_and_emotion(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    (recording,) = find_recordings(tmp_path).recordings
    assert recording.path == tmp_path / name
    found = (recording.corpus, recording.stem, recording.speaker, recording.emotion)
    assert found == OFFICIAL[name]


@pytest.mark.parametrize("extension", [".opus", ".flac", ".MP3", ".m4a"])
def test_find_recordings_accepts_every_audio_ending(tmp_path: Path, extension: str) -> None:
    touch(tmp_path, f"cremad/1001_DFA_ANG_XX{extension}")
    assert len(find_recordings(tmp_path).recordings) == 1


@pytest.mark.parametrize("corpus", CORPORA, ids=lambda corpus: corpus.key)
def test_corpora_have_every_field(tmp_path: Path, corpus: Corpus) -> None:
    touch(tmp_path, corpus.example)
    (recording,) = find_recordings(tmp_path).recordings
    assert recording.corpus == corpus.key
    assert recording.emotion in (*LABELS, CALM)
    assert re.match("https?://", corpus.url)
    assert all((corpus.title, corpus.folders, corpus.citation, corpus.licence))
    assert corpus.n_clips >= corpus.n_speakers > 0


def test_clips_are_sorted_by_corpus_and_stem(tmp_path: Path) -> None:
    touch(tmp_path, *OFFICIAL)
    recordings = find_recordings(tmp_path).recordings
    assert [(r.corpus, r.stem) for r in recordings] == [
        (found[0], found[1])
        for key in ("cremad", "ravdess", "ravdess-song", "tess", "savee")
        for found in sorted(v for v in OFFICIAL.values() if v[0] == key)
    ]


def test_find_recordings_skips_a_nested_copy(tmp_path: Path) -> None:
    touch(tmp_path, "TESS/OAF_back_sad.wav", "TESS/TESS/OAF_back_sad.wav")
    found = find_recordings(tmp_path)
    assert [r.path for r in found.recordings] == [tmp_path / "TESS/OAF_back_sad.wav"]
    assert reasons(found) == {
        "TESS/TESS/OAF_back_sad.wav": "the same clip as TESS/OAF_back_sad.wav"
    }


def test_find_recordings_prefers_a_lossless_format(tmp_path: Path) -> None:
    touch(tmp_path, "AudioMP3/1001_DFA_ANG_XX.mp3", "deep/er/AudioWAV/1001_DFA_ANG_XX.wav")
    found = find_recordings(tmp_path)
    assert found.recordings[0].path.suffix == ".wav"
    assert list(reasons(found)) == ["AudioMP3/1001_DFA_ANG_XX.mp3"]


def test_find_recordings_gives_a_reason_for_every_other_file(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "1001_DFA_ANG_XX.wav",
        "ReadMe.txt",
        "LICENSE",
        "a01.wav",
        "holiday.wav",
        "1001_DFA_CAL_XX.wav",
        "1092_DFA_ANG_XX.wav",
        "03-01-09-01-01-01-01.wav",
        "01-01-01-01-01-01-01.mp4",
        "._1001_DFA_ANG_XX.wav",
        ".git/objects/aa",
    )
    touch(tmp_path, "1002_DFA_ANG_XX.wav", content=b"")
    touch(tmp_path, "1003_DFA_ANG_XX.wav", content=b"version https://git-lfs.github.com/spec/v1\n")
    tells_nothing = "its name follows the pattern of no corpus, so its emotion is not known"
    assert reasons(find_recordings(tmp_path)) == {
        ".git": "hidden",
        "._1001_DFA_ANG_XX.wav": "hidden",
        "01-01-01-01-01-01-01.mp4": (
            "a RAVDESS video (its name begins with 01 or 02; sound alone is 03)"
        ),
        "03-01-09-01-01-01-01.wav": tells_nothing,
        "1001_DFA_CAL_XX.wav": tells_nothing,
        "1002_DFA_ANG_XX.wav": "an empty file",
        "1003_DFA_ANG_XX.wav": (
            "a Git LFS pointer, not the sound itself; 'git lfs pull' fetches it"
        ),
        "1092_DFA_ANG_XX.wav": tells_nothing,
        "LICENSE": "not an audio file (no ending)",
        "ReadMe.txt": "not an audio file (.txt)",
        "a01.wav": "a SAVEE name outside a speaker's folder DC, JE, JK, KL",
        "holiday.wav": tells_nothing,
    }


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path, "real/1001_DFA_ANG_XX.wav")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/link").symlink_to(tmp_path / "real")
    (tmp_path / "real/loop").symlink_to(tmp_path / "data")
    found = find_recordings(tmp_path / "data")
    assert len(found.recordings) == 1
    assert found.skipped == ()


def test_coverage_counts_the_clips_of_each_corpus(tmp_path: Path) -> None:
    touch(tmp_path, "AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1001_DFA_SAD_XX.wav")
    assert coverage(find_recordings(tmp_path)) == (
        "CREMA-D: 2 of 7,442 clips",
        "RAVDESS speech: 0 of 1,440 clips",
        "RAVDESS song: 0 of 1,012 clips",
        "TESS: 0 of 2,800 clips",
        "SAVEE: 0 of 480 clips",
    )


def test_find_recordings_rejects_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"There is no folder .*nowhere"):
        find_recordings(tmp_path / "nowhere")


def test_a_file_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "1001_DFA_ANG_XX.wav")
    with pytest.raises(CorpusError, match="is a file"):
        find_recordings(tmp_path / "1001_DFA_ANG_XX.wav")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cremad").mkdir()
    with pytest.raises(CorpusError, match="is empty"):
        find_recordings(tmp_path)


def test_find_recordings_names_the_expected_files_of_a_wrong_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a.py", "b.py", "holiday.wav")
    with pytest.raises(CorpusError, match=r"None of the 3 files .* 2 of them: not an audio .*DFA"):
        find_recordings(tmp_path)


def test_find_recordings_rejects_too_many_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, *(f"{n}.wav" for n in range(5)))
    monkeypatch.setattr(catalogue, "MAX_FILES", 4)
    with pytest.raises(CorpusError, match="more than 4 files"):
        find_recordings(tmp_path)


def test_default_directory_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMO_DATA", "speech/corpora")
    assert default_directory() == Path("speech/corpora")


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_characters="/\0"), min_size=1, max_size=30))
@pytest.mark.slow
def test_find_recordings_reads_any_name(stem: str) -> None:
    matches = [c.key for c, pattern in catalogue._PATTERNS if pattern.fullmatch(stem)]
    assert len(matches) <= 1


@with_corpora
@pytest.mark.slow
def test_the_real_corpora_are_complete() -> None:
    found = real()
    assert found.counts() == {corpus.key: corpus.n_clips for corpus in CORPORA}
    assert {s.path.suffix for s in found.skipped} <= {".csv", ".md"}
    for corpus in CORPORA:
        speakers = {r.speaker for r in found.recordings if r.corpus == corpus.key}
        assert len(speakers) == corpus.n_speakers


@with_corpora
def test_the_real_labels_are_those_of_the_published_counts() -> None:
    emotions = [r.emotion for r in real().recordings]
    assert {label: emotions.count(label) for label in (*LABELS, CALM)} == {
        "angry": 2107,
        "disgusted": 1923,
        "fearful": 2107,
        "happy": 2107,
        "neutral": 1795,
        "sad": 2107,
        "surprised": 652,
        "calm": 376,
    }


@with_corpora
def test_the_actors_of_the_real_table_are_the_speakers() -> None:
    assert DATA is not None
    table = DATA / "cremad_actors.csv"
    if not table.exists():
        pytest.skip("this copy of the corpora has no table of actors")
    with table.open(newline="") as file:
        actors = {f"cremad-{row['speaker']}" for row in csv.DictReader(file)}
    assert actors == {r.speaker for r in real().recordings if r.corpus == "cremad"}
