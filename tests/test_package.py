"""Test the package as it is installed from its wheel, its interface and its examples."""

import ast
import doctest
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from packaging.requirements import Requirement

import emo
from emo.classifiers.registry import CLASSIFIERS
from emo.system.paths import SAMPLES_DIR, sample_path
from tests.support.predictions import rounded

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmeasured_processes")]

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGE = PROJECT["project"]
EXAMPLES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((ROOT / "emo").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


LESSON = ROOT / "docs" / "lesson.ipynb"

OTHER_FILES = ("README.md", "game", "samples.json")
"""In the installed folder of samples, beside the clips of the gallery and the minute."""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Return the standard output of a command that succeeds."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    ran = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of commands of an environment that holds the wheel.

    Its dependencies are those of the environment of the tests, so that nothing is downloaded.
    """
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    run(*build, cwd=folder)
    (wheel,) = folder.glob("emo-*.whl")
    venv.create(folder / "env", with_pip=False)
    commands = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    pip = (sys.executable, "-m", "pip", "--python", commands / "python", "--quiet")
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    paths = 'import sysconfig; print(sysconfig.get_path("purelib"))'
    packages = Path(run(commands / "python", "-c", paths, cwd=folder).strip())
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return commands


@pytest.mark.slow
def test_installed_command_prints_its_version(installed: Path, tmp_path: Path) -> None:
    for command in ([installed / "emo"], [installed / "python", "-m", "emo"]):
        assert run(*command, "--version", cwd=tmp_path).strip() == f"emo {emo.__version__}"


@pytest.mark.slow
def test_installed_package_answers_as_the_checkout_does(installed: Path, tmp_path: Path) -> None:
    sample = sample_path("happy")
    expected = rounded(emo.predict(sample).to_dict())
    printed = run(installed / "emo", "predict", sample, "--format", "json", cwd=tmp_path)
    assert rounded(json.loads(printed)[0]) == {"path": str(sample)} | expected
    code = (
        "import emo, json, sys; print(emo.__file__); "
        "print(json.dumps(emo.predict(sys.argv[1]).to_dict()))"
    )
    file, answers = run(installed / "python", "-c", code, sample, cwd=tmp_path).splitlines()
    assert Path(file).is_relative_to(installed.parent)
    assert rounded(json.loads(answers)) == expected


@pytest.mark.slow
def test_installed_command_exports_files_that_run_without_emo(
    installed: Path, tmp_path: Path
) -> None:
    run(installed / "emo", "export", "--onnx", "exported", cwd=tmp_path)
    clip = emo.load(sample_path("happy"))
    soundfile.write(tmp_path / "voice.wav", clip.samples, 16_000, subtype="PCM_16")
    example = tmp_path / "exported" / "example.py"
    printed = run(installed / "python", "-I", example, "voice.wav", cwd=tmp_path)
    served = emo.predict(tmp_path / "voice.wav").answers["cnn"]
    assert max(json.loads(printed)["cnn"].values()) == pytest.approx(served.confidence, abs=0.03)


@pytest.mark.slow
def test_wheel_holds_the_notice_and_only_files_that_are_served(installed: Path) -> None:
    (wheel,) = installed.parent.parent.glob("emo-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.endswith("/licenses/NOTICE")]
    assert "emo/models/encoder.tflite" in names
    for key, row in CLASSIFIERS.items():
        assert (f"emo/models/{key}/weights.npz" in names) != row.has_runtime
    assert not [name for name in names if "/predictions/" in name or "/calibration/" in name]


@pytest.mark.slow
def test_installed_command_starts_workers(installed: Path, tmp_path: Path) -> None:
    batch = ("batch", sample_path("sad"), "--out", "rows.jsonl", "--jobs", "2")
    run(installed / "emo", *batch, cwd=tmp_path)
    (line,) = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["label"] == emo.predict(sample_path("sad")).ensemble.label


@pytest.mark.slow
def test_installed_package_holds_the_samples_and_their_terms(
    installed: Path, tmp_path: Path
) -> None:
    code = (
        "import json; from importlib.metadata import distribution; from emo.system import paths; "
        "folder = paths.SAMPLES_DIR; about = distribution('emo'); "
        "print(json.dumps([sorted(p.name for p in folder.iterdir()), "
        "len(list((folder / 'game').iterdir())), about.metadata['License-Expression'], "
        "[p.name for p in about.files if 'licenses' in p.parts]]))"
    )
    names, n_game, terms, notices = json.loads(run(installed / "python", "-c", code, cwd=tmp_path))
    assert names == sorted([*(f"{x}.opus" for x in emo.LABELS), "minute.flac", *OTHER_FILES])
    assert n_game == 60
    assert set(terms.split(" AND ")) == {"MIT", "ODbL-1.0", "CC-BY-NC-SA-4.0"}
    assert sorted(notices) == ["LICENSE", "NOTICE"]


@pytest.mark.slow
def test_installed_package_holds_the_pages(installed: Path, tmp_path: Path) -> None:
    code = (
        "from emo.system.paths import PACKAGE_DIR, shipped; "
        "from streamlit.testing.v1 import AppTest; "
        "script = shipped('streamlit_app.py'); assert script.is_relative_to(PACKAGE_DIR); "
        "assert shipped('.streamlit').is_relative_to(PACKAGE_DIR); "
        "assert shipped('review_app.py').is_relative_to(PACKAGE_DIR); "
        "import streamlit; icons = []; "
        "streamlit.set_page_config = lambda **settings: icons.append(settings.get('page_icon')); "
        "app = AppTest.from_file(str(script), default_timeout=60).run(); "
        "assert not app.exception, app.exception; "
        "from pathlib import Path; assert Path(icons[0]).is_file(), icons; "
        "app.switch_page('pages/about.py').run(); assert not app.exception, app.exception"
    )
    run(installed / "python", "-c", code, cwd=tmp_path)


EXECUTE = """
import json, sys
from nbclient import NotebookClient
import nbformat
lesson = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(lesson, timeout=120, kernel_name="python3", coalesce_streams=True).execute()
outputs = [output for cell in lesson.cells for output in cell.get("outputs", [])]
print(json.dumps([output.text for output in outputs if output.output_type == "stream"]))
"""


def test_lesson_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    lesson = json.loads(LESSON.read_text(encoding="utf-8"))
    (mine,) = (cell for cell in code_cells(lesson) if "guesses = [" in "".join(cell["source"]))
    mine["source"] = ["guesses = [str(acted[index]) for index in drawn]"]  # all of them right
    lesson["cells"].append(code_cell("print(emo.__file__)"))
    (tmp_path / "lesson.ipynb").write_text(json.dumps(lesson), encoding="utf-8")
    settings = {name: str(tmp_path / name) for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    settings["OPENBLAS_NUM_THREADS"] = "1"
    command = (installed / "python", "-c", EXECUTE, "lesson.ipynb")
    printed = json.loads(run(*command, cwd=tmp_path, **settings).splitlines()[-1])
    assert Path(printed[-1].strip()).is_relative_to(installed.parent)
    text = "".join(printed)
    assert "You: 10 of 10" in text
    assert "405 of 480 labels are wrong" in text
    table = text[text.index("clip  you") :].splitlines()
    samples = json.loads((SAMPLES_DIR / "samples.json").read_text(encoding="utf-8"))["game"]
    first = int(np.random.default_rng(1).choice(len(samples), size=10, replace=False)[0])
    answers = emo.predict(SAMPLES_DIR / samples[first]["file"])
    models = [answers.answers[key].label for key in CLASSIFIERS]
    assert table[1].split()[3:-1] == [*models, answers.ensemble.label]


def code_cell(source: str) -> dict[str, Any]:
    """Return a cell of a notebook."""
    row: dict[str, Any] = {"cell_type": "code", "id": "last", "metadata": {}, "outputs": []}
    return row | {"execution_count": None, "source": [source]}


def code_cells(lesson: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cells of a notebook that hold code."""
    return [cell for cell in lesson["cells"] if cell["cell_type"] == "code"]


def test_lesson_imports_only_what_comes_with_the_package() -> None:
    lesson = json.loads(LESSON.read_text(encoding="utf-8"))
    code = "\n".join("".join(cell["source"]) for cell in code_cells(lesson))
    nodes = list(ast.walk(ast.parse(code)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    required = {Requirement(text).name for text in PACKAGE["dependencies"]}
    every_kernel_has = {"IPython"}
    allowed = required | set(sys.stdlib_module_names) | every_kernel_has | {"emo"}
    assert {name.split(".")[0] for name in names} <= allowed
    assert not [cell for cell in code_cells(lesson) if cell["outputs"]]


def test_import_is_fast_and_lazy() -> None:
    code = (
        "import sys, time; start = time.process_time(); import emo; "  # whatever else runs
        "print(time.process_time() - start, 'numpy' in sys.modules)"
    )
    runs = [run(sys.executable, "-c", code, cwd=ROOT).split() for _ in range(5)]
    assert statistics.median(float(took_s) for took_s, _ in runs) < 0.1
    assert {has_numpy for _, has_numpy in runs} == {"False"}


def test_package_names_its_public_interface() -> None:
    assert dir(emo) == sorted(emo.__all__)
    for name in emo.__all__:
        assert getattr(emo, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'forget'"):
        emo.forget  # noqa: B018
    assert (ROOT / "emo" / "py.typed").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_in_docstrings_hold(name: str) -> None:
    ran = doctest.testmod(import_module(name))
    assert ran.attempted > 0
    assert ran.failed == 0


def test_public_functions_have_ten_examples() -> None:
    finder = doctest.DocTestFinder(recurse=False)
    functions = [getattr(emo, name) for name in emo.__all__ if name[0].islower()]
    found = [test for item in functions for test in finder.find(item, item.__name__)]
    examples = [example for test in found for example in test.examples if "emo." in example.source]
    assert len(examples) >= 10
    assert all(test.examples for test in found)


@pytest.mark.parametrize(
    ("group", "ranges"),
    [
        ("app", PACKAGE["dependencies"]),
        ("all", PACKAGE["optional-dependencies"]["training"]),
        ("cluster", PACKAGE["optional-dependencies"]["cluster"]),
        ("onnx", PACKAGE["optional-dependencies"]["onnx"]),
    ],
)
def test_ranges_of_the_package_hold_the_pinned_versions(group: str, ranges: list[str]) -> None:
    pins = [
        Requirement(text) for text in PROJECT["dependency-groups"][group] if isinstance(text, str)
    ]
    bounds = {bound.name: bound for bound in map(Requirement, ranges)}
    assert {pin.name for pin in pins} == bounds.keys()
    for pin in pins:
        (version,) = (part.version for part in pin.specifier)
        assert bounds[pin.name].specifier.contains(version), pin
        assert bounds[pin.name].marker == pin.marker
