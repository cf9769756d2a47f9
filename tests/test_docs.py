"""Test that the pages of the documentation hold: their navigation, their examples, the notebook."""

import doctest
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages_of(navigation: Any) -> list[str]:
    """Return the files of a navigation in its order."""
    if isinstance(navigation, str):
        return [navigation]
    entries = navigation if isinstance(navigation, list) else list(navigation.values())
    return [page for entry in entries for page in pages_of(entry)]


def test_navigation_has_every_page_once() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    files = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert sorted(pages_of(settings["nav"])) == sorted(files)


@pytest.mark.slow
def test_examples_of_the_page_on_python_hold() -> None:
    text = (DOCS / "python.md").read_text(encoding="utf-8").replace("```", "\n")
    test = doctest.DocTestParser().get_doctest(text, {}, "python.md", None, 0)
    assert len(test.examples) > 10
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.slow
def test_first_answer_is_printed_as_the_command_prints_it() -> None:
    text = (DOCS / "getting-started.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```console\n\$ emo (.+)\n([^`]+)```", text)
    command, output = shown
    ran = subprocess.run(
        [sys.executable, "-m", "emo", *command.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ran.stdout == output


def test_lesson_page_shows_every_cell_of_the_notebook(hooks: ModuleType) -> None:
    text = hooks.cells(DOCS / "lesson.ipynb")
    for cell in json.loads((DOCS / "lesson.ipynb").read_text(encoding="utf-8"))["cells"][1:]:
        last = cell["source"][-1]
        assert last in text
    assert text.count("```python") == text.count("```") / 2
    assert text.count('<details markdown="1">') == 6


def test_screenshots_are_shown_in_both_colours(hooks: ModuleType) -> None:
    class File:
        abs_src_path = str(DOCS / "tour.md")
        src_path = "tour.md"

    class Page:
        file = File()

    text = hooks.on_page_markdown("![A](screens/about-light.png)\n[x](../README.md)", Page())
    assert text == (
        "![A](screens/about-light.png#only-light)\n![A](screens/about-dark.png#only-dark)\nx"
    )
    assert (DOCS / "screens" / "about-dark.png").exists()
    with pytest.raises(FileNotFoundError, match="missing"):
        hooks.on_page_markdown("[x](../NONE.md)", Page())
