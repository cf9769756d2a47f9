"""Answers written out: JSON, CSV and a table, the same from the command line and from the page."""

import csv
import json
from collections.abc import Sequence
from typing import Any, TextIO

from emo.labels import LABELS
from emo.predict import Prediction

Row = tuple[str, Prediction | str]
"""A path and its prediction, or the sentence that says why there is none."""

COLUMNS = (
    "path",
    "duration_s",
    "model",
    "label",
    "confidence",
    *(f"p_{label}" for label in LABELS),
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
            "warnings": " ".join(found.warnings),
        }
        for key, answer in found.answers.items():
            given = zip(LABELS, answer.probabilities, strict=True)
            shares = {f"p_{label}": f"{p:.6f}" for label, p in given}
            said = {"model": key, "label": answer.label, "confidence": f"{answer.confidence:.6f}"}
            writer.writerow(shared | said | shares)


def write_table(rows: Sequence[Row], out: TextIO) -> None:
    """Nothing; writes one line a path for a terminal, and its warnings under it."""
    width = max(len(printable(path)) for path, _ in rows)
    keys = next((list(found.answers) for _, found in rows if not isinstance(found, str)), [])
    if keys:
        out.write(f"{'path':<{width}} {'s':>6} {' '.join(f'{key:<16}' for key in keys)}".rstrip())
        out.write("\n")
    for path, found in rows:
        shown = printable(path).ljust(width)
        if isinstance(found, str):
            out.write(f"{shown} {found}\n")
            continue
        cells = [f"{a.label:<10}{a.confidence:>5.0%} " for a in found.answers.values()]
        out.write(f"{shown} {found.duration_s:6.2f} {' '.join(cells).rstrip()}\n")
        for warning in found.warnings:
            out.write(f"{' ' * width} {warning}\n")


def printable(text: str) -> str:
    """The text with control characters as escapes, so that a file name cannot steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
