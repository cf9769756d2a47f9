"""Test the layout of the repository: imports, sizes, and which files may be in it."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

TRAINING_ONLY = {"keras", "librosa", "numba", "sklearn", "tensorflow", "torch"}
AUDIO = {".aac", ".aif", ".aiff", ".au", ".caf", ".flac", ".m4a", ".mp3", ".mp4", ".ogg", ".opus"}
AUDIO |= {".wav", ".webm"}
RUNS_CODE = {".dill", ".h5", ".joblib", ".pickle", ".pkl", ".pt", ".pth"}
MAX_BYTES = 12_000_000


def imported(path: Path) -> set[str]:
    """Return the full names of all imports in the file at `path`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports by a relative name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def modules() -> list[Path]:
    """Return the files of the modules of ``emo``."""
    return [path for path in sorted((ROOT / "emo").rglob("*.py")) if path.name != "__init__.py"]


def tracked() -> list[Path]:
    """Return every file that is, or would be, in the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout, so what belongs to it is not known")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [ROOT / name for name in sorted(set(listed.stdout.split("\0"))) if name]
    return [path for path in paths if path.is_file()]


@pytest.mark.slow
def test_imports_keep_the_layers() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout


def test_folders_are_small_and_modules_short() -> None:
    product = [*modules(), *(ROOT / "bench").rglob("*.py")]
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path.name != "__init__.py"]
    folders = Counter(path.parent for path in [*product, *tests])
    assert [str(folder) for folder, count in folders.items() if count > 16] == []
    lines = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in [*product, *tests]
    }
    assert [str(path) for path, count in lines.items() if count > 500] == []
    top = {path.stem for path in modules() if path.parent == ROOT / "emo"}
    assert top <= {"__main__", "errors", "formatting", "labels"}


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*.py")), ids=lambda path: path.stem)
def test_page_imports_only_streamlit_and_emo(path: Path) -> None:
    assert {name.split(".")[0] for name in imported(path)} <= {"streamlit", "emo"}


PREDICT = """
from pathlib import Path
from emo.audio import clip as audio
from emo.inference import loading, predictor
clip = next(path for path in Path("samples").iterdir() if path.suffix in (".opus", ".flac"))
predictor.predict(audio.load(clip), loading.load_models())
"""

PAGES = """
from pathlib import Path
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("streamlit_app.py", default_timeout=60).run()
for page in sorted(Path("pages").glob("*.py")):
    app.switch_page(str(page)).run()
    assert not app.exception, (page, app.exception)
"""


@pytest.mark.parametrize("code", [PREDICT, PAGES], ids=["predict", "pages"])
@pytest.mark.slow
def test_serving_never_imports_what_only_training_needs(code: str) -> None:
    report = f"import sys\nprint('found:', *({TRAINING_ONLY} & sys.modules.keys()))"
    ran = subprocess.run(
        [sys.executable, "-c", code + report], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1].split() == ["found:"]


def test_no_large_file_and_no_format_that_runs_code() -> None:
    files = tracked()
    assert len(files) > 20
    assert [path for path in files if path.stat().st_size > MAX_BYTES] == []
    assert [path for path in files if path.suffix.lower() in RUNS_CODE] == []


def test_audio_only_in_samples_and_tests() -> None:
    audio = [path.relative_to(ROOT) for path in tracked() if path.suffix.lower() in AUDIO]
    assert [path for path in audio if path.parts[0] not in {"samples", "tests"}] == []


def text_lines() -> Iterator[tuple[str, str]]:
    """Yield every line of every text file, with its place."""
    for path in tracked():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            yield f"{path.relative_to(ROOT)}:{number}", line


@pytest.mark.slow
def test_no_path_of_one_machine_in_any_file() -> None:
    machine = re.compile(r"(?<![\w./~:-])/(home|mnt|opt|root|tmp|Users|work)/[\w.-]+")
    assert [place for place, line in text_lines() if machine.search(line)] == []
