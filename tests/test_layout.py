"""The shape of the repository: who imports whom, and what may be in it."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ORDER = [
    "errors",
    "files",
    "lists",
    "process",
    "spawn",
    "packages",
    "labels",
    "names",
    "frames",
    "containers",
    "limits",
    "limit_words",
    "chunks",
    "boxes",
    "flac",
    "parts",
    "repair",
    "channels",
    "streams",
    "audio",
    "seccomp",
    "confine",
    "decoder",
    "features",
    "functionals",
    "measures",
    "likeness",
    "presence",
    "quality",
    "degrade",
    "instruments",
    "bursts",
    "signals",
    "sounds",
    "whatif",
    "corpora",
    "shelf",
    "people",
    "folds",
    "audit",
    "augment",
    "store",
    "epochs",
    "examples",
    "mlp",
    "tree",
    "cnn",
    "classifiers",
    "bundle",
    "calibrate",
    "predict",
    "timeline",
    "teach",
    "explain",
    "explain_words",
    "reports",
    "comparison",
    "skips",
    "archives",
    "inputs",
    "rows",
    "journal",
    "workers",
    "cluster",
    "batch",
    "metrics",
    "manifest",
    "published",
    "selective",
    "results",
    "slices",
    "colours",
    "figures",
    "grids",
    "plates",
    "prints",
    "player",
    "train",
    "evaluate",
    "alarms",
    "tables",
    "card_words",
    "report",
    "non_speech",
    "cards",
    "quota",
    "gate",
    "memory",
    "cache",
    "counters",
    "stderr",
    "logs",
    "hosts",
    "messages",
    "connections",
    "bodies",
    "headers",
    "health",
    "guard_words",
    "guard",
    "ui",
    "cli_options",
    "cli_batch",
    "cli_answering",
    "__main__",
]  # a module imports only from those before it; ui_* share the place of ui

TRAINING_ONLY = {"keras", "librosa", "numba", "sklearn", "tensorflow", "torch"}
AUDIO = {".aac", ".aif", ".aiff", ".au", ".caf", ".flac", ".m4a", ".mp3", ".mp4", ".ogg", ".opus"}
AUDIO |= {".wav", ".webm"}
RUNS_CODE = {".dill", ".h5", ".joblib", ".pickle", ".pkl", ".pt", ".pth"}
MAX_BYTES = 10_000_000


def position(module: str) -> int:
    """Place of a module of ``emo`` in the order."""
    return ORDER.index("ui" if module.startswith("ui_") else module)


def imported(path: Path) -> set[str]:
    """Full names of what the file at `path` imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports by a relative name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def modules() -> list[Path]:
    """Files of the modules of ``emo``."""
    return [path for path in sorted((ROOT / "emo").glob("*.py")) if path.name != "__init__.py"]


def tracked() -> list[Path]:
    """Every file that is, or would be, in the repository."""
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


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_module_imports_only_from_those_before_it(path: Path) -> None:
    own = {name.split(".")[1] for name in imported(path) if name.startswith("emo.")}
    for module in own & {other.stem for other in modules()}:
        both_ui = path.stem.startswith("ui") and module.startswith("ui")
        assert both_ui or position(module) < position(path.stem), f"{path.stem} imports {module}"


def test_no_circle_among_the_ui_modules() -> None:
    files = {path.stem: path for path in modules() if path.stem.startswith("ui")}
    needs = {
        stem: {name.split(".")[1] for name in imported(path) if name.startswith("emo.")}
        & set(files)
        for stem, path in files.items()
    }
    while needs:
        free = {stem for stem, others in needs.items() if not others & set(needs)}
        assert free, f"these import each other in a circle: {sorted(needs)}"
        needs = {stem: others for stem, others in needs.items() if stem not in free}


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_only_ui_imports_streamlit(path: Path) -> None:
    uses = any(name.split(".")[0] == "streamlit" for name in imported(path))
    assert not uses or path.stem.startswith("ui")


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*.py")), ids=lambda path: path.stem)
def test_page_imports_only_streamlit_and_emo(path: Path) -> None:
    assert {name.split(".")[0] for name in imported(path)} <= {"streamlit", "emo"}


PREDICT = """
from pathlib import Path
from emo import audio, predict
clip = next(path for path in Path("samples").iterdir() if path.suffix in (".wav", ".flac", ".ogg"))
predict.predict(audio.load(clip), predict.load_models())
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
    """Every line of every text file, with its place."""
    for path in tracked():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            yield f"{path.relative_to(ROOT)}:{number}", line


def test_no_path_of_one_machine_in_any_file() -> None:
    machine = re.compile(r"(?<![\w./~:-])/(home|mnt|opt|root|tmp|Users|work)/[\w.-]+")
    assert [place for place, line in text_lines() if machine.search(line)] == []
