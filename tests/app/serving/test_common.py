"""Test the functions of all pages that need no page."""

import shutil
from pathlib import Path

import pytest

from emo.app import common
from emo.errors import ModelError
from emo.evaluation.stored import METRICS
from emo.labels import ENSEMBLE
from emo.system import paths


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / ENSEMBLE).mkdir()
    shutil.copy(paths.MODELS_DIR / ENSEMBLE / METRICS, tmp_path / ENSEMBLE)
    return tmp_path


def test_metrics_are_checked_once_as_long_as_the_file_is_the_same(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = common.load_metrics(directory)
    assert list(first) == [ENSEMBLE]
    with monkeypatch.context() as patched:
        patched.setattr(common, "read_metrics", None)
        assert common.load_metrics(directory) == first


def test_metrics_that_are_damaged_later_are_refused(directory: Path) -> None:
    common.load_metrics(directory)
    (directory / ENSEMBLE / METRICS).write_text("[]", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(ModelError, match=METRICS):
            common.load_metrics(directory)
