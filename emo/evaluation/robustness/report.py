"""Markdown tables of the figures under each condition."""

from emo.evaluation.robustness.conditions import CLEAN, titles
from emo.evaluation.robustness.storage import RobustnessFigures, RobustnessTables
from emo.evaluation.tables import TITLES, percent, points, table


def robustness_table(measured: RobustnessTables, key: str) -> str:
    """Return a row for each condition with the figures of one model, as recorded first."""
    rows = []
    for name, title in titles().items():
        row = measured["conditions"].get(name, {"models": {}})["models"].get(key)
        if row is not None:
            loss = "" if name == CLEAN else _loss_cell(row)
            shares = (row["uar"], row["unchanged"], row["coverage"])
            rows.append((title, percent(row["accuracy"]), loss, *map(percent, shares)))
    header = ("Condition", "accuracy", "loss, points", "UAR", "unchanged", "coverage")
    return table(header, rows)


def unusable_clips(measured: RobustnessTables) -> str:
    """Return how many clips cannot be used under which conditions; empty if all can."""
    names = titles()
    parts = [
        f"{block['unusable']:,} ({names.get(name, name)})"
        for name, block in measured["conditions"].items()
        if block["unusable"]
    ]
    return ", ".join(parts)


def losses_table(measured: RobustnessTables) -> str:
    """Return the loss of accuracy of every model under each condition, with its interval."""
    rows = [
        [title, *(_loss(measured, name, key) for key in TITLES)]
        for name, title in titles().items()
        if name in measured["conditions"] and name != CLEAN
    ]
    return table(["Loss of accuracy, points", *TITLES.values()], rows)


def _loss(measured: RobustnessTables, condition: str, key: str) -> str:
    row = measured["conditions"][condition]["models"].get(key)
    return "–" if row is None else _loss_cell(row)


def _loss_cell(row: RobustnessFigures) -> str:
    lost, low, high = (
        points(value).removeprefix("+") for value in (row["loss"], *row["loss_interval"])
    )
    return f"{lost} ({low} to {high})"
