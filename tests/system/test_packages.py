"""Test that commands report missing packages before they begin."""

import io
import sys
from pathlib import Path

import pytest

from emo.batch.labelling import make_run_config
from emo.batch.run import run_batch
from emo.cli.main import main
from emo.errors import EmoError
from tests.support.models import write_savee
from tests.support.signals import encoded, voice


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    path = tmp_path / "spoken.wav"
    path.write_bytes(encoded(voice(duration_s=1.0)))
    return path


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


@pytest.mark.parametrize(
    "arguments",
    [["train", "mlp"], ["evaluate", "--protocol", "speakers"], ["evaluate", "--protocol", "all"]],
    ids=" ".join,
)
def test_training_commands_check_their_packages_first(
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    without(monkeypatch, "keras", "sklearn")
    monkeypatch.setenv("EMO_CACHE", str(tmp_path / "cache"))
    folder = write_savee(tmp_path / "savee", takes=1)
    models = tmp_path / "models"
    models.mkdir()
    status = main([*arguments, "--data", str(folder), "--models", str(models), "--jobs", "1"])
    assert status == 1
    error = capsys.readouterr().err
    assert "keras, scikit-learn" in error
    assert "requirements.txt" in error
    assert not (tmp_path / "cache").exists()
    assert list(models.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "out", "inputs", "dask"),
    [
        ("pyarrow", "rows.parquet", ["spoken.wav"], ""),
        ("distributed", "rows.csv", ["spoken.wav"], "local"),
        ("fsspec", "rows.csv", ["spoken.wav", "s3://bucket/clip.wav"], ""),
        ("fsspec", "rows.csv", ["spoken.wav", "list.txt"], ""),
    ],
)
def test_check_batch_rejects_missing_packages(
    module: str,
    out: str,
    inputs: list[str],
    dask: str,
    spoken: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = spoken.parent
    (folder / "list.txt").write_text(f"{spoken}\nmemory://far/clip.wav\n")
    without(monkeypatch, module)
    before = sorted(folder.iterdir())
    paths = [text if "://" in text else str(folder / text) for text in inputs]
    with pytest.raises(EmoError, match=f"{module}.*pip install {module}"):
        run_batch(paths, folder / out, make_run_config(), jobs=1, dask=dask)
    assert sorted(folder.iterdir()) == before


def test_check_batch_rejects_an_unknown_kind_of_storage(
    spoken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")
    out = spoken.with_name("rows.jsonl")
    with pytest.raises(EmoError, match=r"nowhere://x/clip\.wav cannot be opened"):
        run_batch([str(spoken), "nowhere://x/clip.wav"], out, make_run_config(), jobs=1)
    assert not out.exists()


@pytest.mark.slow
def test_check_batch_warns_of_formats_that_cannot_be_read(
    spoken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "codecpod")
    messages = io.StringIO()
    run_batch(
        [str(spoken)], spoken.with_name("rows.jsonl"), make_run_config(), jobs=1, messages=messages
    )
    assert "codecpod" in messages.getvalue().splitlines()[0]
