"""Text for people stands in the modules of words, so that a translation has one place to go to."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

EMO = Path(__file__).resolve().parent.parent / "emo"
PAGES = [path for path in sorted(EMO.glob("ui*.py")) if not path.stem.endswith("words")]
TAG = re.compile(r"<[^<>]*>?|[^<>]*>")
"""A tag, or what is left of one where a literal begins or ends inside it."""

WORD = re.compile(r"[“‘(]?[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ’'-]*[.,;:?!…)”’]*")
NAME = re.compile(r"[A-Z][a-z]{2,}[.,;:?!…]*")


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every literal that could be shown: none of documentation, types or the log.

    The values in an f-string are replaced by a sign that is no word.
    """
    skipped = set(notes(tree))
    todo = [tree]
    while todo:
        node = todo.pop()
        if id(node) in skipped or is_log(node):
            continue
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(
                    str(getattr(part, "value", "\u25a1"))
                    if isinstance(part, ast.Constant)
                    else "\u25a1"
                    for part in node.values
                ),
            )
            todo += [part for part in node.values if not isinstance(part, ast.Constant)]
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        todo += ast.iter_child_nodes(node)


def notes(tree: ast.AST) -> Iterator[int]:
    """Identities of the nodes that only a programmer reads: strings that stand by themselves."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node)


def is_log(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-2:-1] == ["LOG"]


def is_for_people(text: str) -> bool:
    """Whether a literal, without its tags, has two words side by side, or is a word with a capital.

    Names of classes and settings of a style are no words: they have hyphens, colons or figures.
    """
    shown = TAG.sub(" ", text) if "<" in text or ">" in text else text
    tokens = shown.split()
    words = [WORD.fullmatch(token) is not None and "=" not in token for token in tokens]
    together = any(a and b for a, b in pairwise(words))
    return together or (len(tokens) == 1 and NAME.fullmatch(tokens[0]) is not None)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_text_for_people_outside_the_words(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [(line, text) for line, text in literals(tree) if is_for_people(text)] == []


@pytest.mark.parametrize(
    "text",
    ["Try another clip.", "<p>All three agree</p>", "Close", '<b class="x">then \u25a1</b> we say',
     "“Why?” says what"],
)  # fmt: skip
def test_text_for_people_is_found(text: str) -> None:
    assert is_for_people(text)


@pytest.mark.parametrize(
    "text",
    ['<tr class="emo-top emo-faint"><td>', "left:\u25a1;width:\u25a1", "stretch", "text/csv", "emo",
     ' class=emo-top', 'style="left', "sample-\u25a1", ":material/download:"],
)  # fmt: skip
def test_what_only_a_program_reads_is_left_alone(text: str) -> None:
    assert not is_for_people(text)


def test_notes_and_the_log_are_left_alone() -> None:
    tree = ast.parse(
        '"""Doc string here."""\nui.LOG.error("it went wrong")\nshow("It went wrong.")'
    )
    assert [text for _, text in literals(tree)] == ["It went wrong."]
