"""Answers written out: JSON, CSV and a table, the same from the command line and from the page."""

import csv
import json
from collections.abc import Sequence
from typing import Any, TextIO

from emo.labels import LABELS
from emo.predict import Answer, Prediction

Row = tuple[str, Prediction | str]
"""A path and its prediction, or the sentence that says why there is none."""

COLUMNS = (
    "path",
    "duration_s",
    "model",
    "label",
    "confidence",
    "second",
    "unsure",
    *(f"p_{label}" for label in LABELS),
    "concerns",
    "warnings",
    "error",
)


def write_json(rows: Sequence[Row], out: TextIO) -> None:
    """Nothing; writes a list of one object a path: the prediction's fields, or ``error``."""
    listed: list[dict[str, Any]] = [
        {"path": path, "error": found}
        if isinstance(found, str)
        else {"path": path} | found.as_dict()
        for path, found in rows
    ]
    json.dump(listed, out, indent=1, ensure_ascii=False)
    out.write("\n")


def write_csv(rows: Sequence[Row], out: TextIO) -> None:
    """Nothing; writes a line a path and model, and one with the error where there is none."""
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for path, found in rows:
        if isinstance(found, str):
            writer.writerow({"path": path, "error": found})
            continue
        shared = {
            "path": path,
            "duration_s": f"{found.duration_s:.3f}",
            "concerns": " ".join(concern.sentence for concern in found.concerns),
            "warnings": " ".join(found.warnings),
        }
        for key, answer in found.answers.items():
            given = zip(LABELS, answer.probabilities, strict=True)
            shares = {f"p_{label}": f"{p:.6f}" for label, p in given}
            said = {
                "model": key,
                "label": answer.label,
                "confidence": f"{answer.confidence:.6f}",
                "second": answer.second,
                "unsure": "yes" if answer.unsure else "no",
            }
            writer.writerow(shared | said | shares)


def write_table(rows: Sequence[Row], out: TextIO) -> None:
    """Nothing; writes one line a path for a terminal, and its concerns and warnings under it."""
    width = max(len(printable(path)) for path, _ in rows)
    found_ones = [found for _, found in rows if not isinstance(found, str)]
    cells = [[_cell(a) for a in found.answers.values()] for found in found_ones]
    if cells:
        keys = list(found_ones[0].answers)
        columns = [max(map(len, texts)) for texts in zip(keys, *cells, strict=True)]
        head = "  ".join(key.ljust(n) for key, n in zip(keys, columns, strict=True))
        out.write(f"{'path':<{width}} {'s':>6}  {head}".rstrip() + "\n")
    written = iter(cells)
    for path, found in rows:
        shown = printable(path).ljust(width)
        if isinstance(found, str):
            out.write(f"{shown} {found}\n")
            continue
        line = "  ".join(text.ljust(n) for text, n in zip(next(written), columns, strict=True))
        out.write(f"{shown} {found.duration_s:6.2f}  {line}".rstrip() + "\n")
        for sentence in (*(concern.sentence for concern in found.concerns), *found.warnings):
            out.write(f"{' ' * width} {sentence}\n")


def _cell(answer: Answer) -> str:
    """The answer and its confidence; the two likeliest with a question mark where it is unsure."""
    if answer.unsure:
        return f"{answer.label}/{answer.second}? {answer.confidence:.0%}"
    return f"{answer.label} {answer.confidence:.0%}"


def printable(text: str) -> str:
    """The text with control characters as escapes, so that a file name cannot steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
