"""Test the index of clips."""

from pathlib import Path

import pytest

from emo.corpora.catalogue import index_clips, locate_clip
from emo.errors import CorpusError
from tests.support import signals


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(signals.encoded(signals.tone(220.0, 0.5)))
    return path


def test_locate_clip_returns_a_relative_path(tmp_path: Path) -> None:
    path = put(tmp_path / "cremad" / "1001_DFA_ANG_XX.wav")
    put(tmp_path / "AudioData" / "DC" / "a01.wav")
    shelf = index_clips(tmp_path)
    assert locate_clip(shelf, "cremad", "1001_DFA_ANG_XX") == ("cremad/1001_DFA_ANG_XX.wav", path)
    assert locate_clip(shelf, "savee", "DC_a01")[0] == "AudioData/DC/a01.wav"


@pytest.mark.parametrize(
    ("corpus", "stem"),
    [
        ("cremad", "1002_DFA_ANG_XX"),
        ("savee", "1001_DFA_ANG_XX"),
        ("cremad", "../secret"),
        ("cremad", "1001_DFA_ANG_XX.wav"),
    ],
)
def test_locate_clip_rejects_a_missing_clip(tmp_path: Path, corpus: str, stem: str) -> None:
    put(tmp_path / "cremad" / "1001_DFA_ANG_XX.wav")
    put(tmp_path.parent / "secret")
    with pytest.raises(CorpusError, match="not in the folder") as caught:
        locate_clip(index_clips(tmp_path), corpus, stem)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_locate_clip_rejects_a_link_out_of_the_folder(tmp_path: Path, kind: str) -> None:
    outside = put(tmp_path / "elsewhere" / "1001_DFA_ANG_XX.wav")
    inside = tmp_path / "corpora"
    (inside / "cremad").mkdir(parents=True)
    if kind == "file":
        (inside / "cremad" / outside.name).symlink_to(outside)
    else:
        (inside / "linked").symlink_to(outside.parent)
    with pytest.raises(CorpusError, match="outside the folder") as caught:
        locate_clip(index_clips(inside), "cremad", "1001_DFA_ANG_XX")
    assert str(tmp_path) not in str(caught.value)


def test_index_clips_follows_a_linked_folder(tmp_path: Path) -> None:
    put(tmp_path / "disk" / "cremad" / "1001_DFA_ANG_XX.wav")
    (tmp_path / "corpora").symlink_to(tmp_path / "disk")
    shelf = index_clips(tmp_path / "corpora")
    assert locate_clip(shelf, "cremad", "1001_DFA_ANG_XX")[0] == "cremad/1001_DFA_ANG_XX.wav"


def test_index_clips_rejects_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="empty"):
        index_clips(tmp_path)
