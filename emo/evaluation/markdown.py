"""Render the generated documents from the Jinja2 templates in ``templates/``."""

import functools
import textwrap
from pathlib import Path

import jinja2

from emo.classifiers.conformal import LEVELS
from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.splits import VALIDATION_ONE_IN
from emo.evaluation import tables
from emo.evaluation.bootstrap import N_RESAMPLES
from emo.evaluation.figures.differences import DETECTABLE_ERRORS
from emo.evaluation.robustness import report
from emo.evaluation.selective import MARGIN, TARGET_ACCURACY
from emo.labels import LABELS

NOTICE = "<!-- Made by: python -m emo docs. Changes by hand are lost. -->"

WIDTH = 100

_FUNCTIONS = (
    "benchmark_table",
    "class_table",
    "corpus_table",
    "emobox_table",
    "expectation",
    "made_by",
    "own_sets_table",
    "percent",
    "protocol_table",
    "risk_coverage_table",
    "size",
)
"""Functions of ``tables`` that templates call."""

_ALTERED_FUNCTIONS = ("losses_table", "robustness_table", "unusable_clips")
"""Functions of ``robustness.report`` that templates call."""


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - Markdown of our own figures, not HTML
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sentence"] = lambda text: text[:1].upper() + text[1:]
    environment.globals |= {name: getattr(tables, name) for name in _FUNCTIONS}
    environment.globals |= {name: getattr(report, name) for name in _ALTERED_FUNCTIONS}
    environment.globals |= {
        "notice": NOTICE,
        "n_labels": len(LABELS),
        "n_classifiers": len(CLASSIFIERS),
        "n_resamples": N_RESAMPLES,
        "calibration_one_in": VALIDATION_ONE_IN,
        "detectable_errors": DETECTABLE_ERRORS,
        "levels": LEVELS,
        "wanted_accuracy": TARGET_ACCURACY + MARGIN,
    }
    return environment


def render(template: str, **values: object) -> str:
    """Return a document, its paragraphs filled to a width and without surplus blank lines.

    Raises
    ------
    jinja2.UndefinedError
        The template uses a value that it was not given.
    """
    text = _environment().get_template(f"{template}.md.j2").render(**values)
    head, fence = "", "---\n"
    if text.startswith(fence):  # YAML, which stays as it is
        head, text = text[: text.index(fence, 4) + 4], text[text.index(fence, 4) + 4 :]
    pieces = text.split("```")
    for i in range(0, len(pieces), 2):  # the odd ones are code
        blocks = [_fill(block) for block in pieces[i].split("\n\n")]
        pieces[i] = "\n\n".join(block for block in blocks if block)
    code = [f"```\n{piece.strip(chr(10))}\n```" for piece in pieces[1::2]]
    parts = [part for pair in zip(pieces[::2], [*code, ""], strict=True) for part in pair if part]
    return (f"{head}\n" if head else "") + "\n\n".join(parts) + "\n"


def _fill(block: str) -> str:
    """Return a paragraph or list filled to the width; tables, headings and comments as they are."""
    block = block.strip("\n")
    if not block.strip() or block.startswith(("|", "#", "<!--")):
        return block.strip()
    items = block.replace("\n- ", "\n\n- ").split("\n\n")
    return "\n".join(
        textwrap.fill(
            " ".join(item.split()),
            WIDTH,
            subsequent_indent="  " if item.startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for item in items
    )
