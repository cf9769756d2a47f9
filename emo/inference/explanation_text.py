"""Explanations in sentences."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise

import numpy as np

from emo.classifiers.batches import Arrays
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.tree import surrogate_arrays
from emo.features.functionals import functional_table
from emo.formatting import MINUS, NBSP, percent, signed
from emo.inference.explanation import (
    Explanation,
    Measurement,
    Part,
    Patch,
    Regions,
    Shift,
    Step,
    SurrogateStep,
    TreePath,
    split_unit,
)
from emo.inference.predictor import Answer
from emo.labels import CALM, TRAINED_LABELS, VOTE

SHOWN_PATCHES = 3
MIN_SHARE = 0.01  # labels that are rarer in a leaf are not listed

LOG_ODDS = f"Log-odds: 0 is 50{NBSP}%, and 0.7 more doubles the odds."
AXES = (
    f"The axis of an emotion is a weighted sum of all {len(functional_table())} measurements, "
    "which grows as the emotion stands out; the mean of the training clips is at 0."
)

PLAIN_TREE = (
    "A second, smaller tree asks about one measurement at a time. It is there to be read and gives "
    "no answer, since it is right less often."
)


def path_sentences(path: TreePath) -> list[str]:
    """The tree's way in words: what an axis is, each question, and what lies in the leaf."""
    before = [path.share, *(step.share for step in path.steps)]
    return [
        AXES,
        *(
            _question(i + 1, step, path.label, before[i])  # before: as the last question left it
            for i, step in enumerate(path.steps)
        ),
        _leaf_sentence(path),
    ]


def surrogate_sentences(path: TreePath) -> list[str]:
    """The way through the readable tree in words: each question, and what lies in the leaf."""
    plain = path.surrogate
    return [
        *(_plain_question(i, step) for i, step in enumerate(plain.steps, 1)),
        f"Training clips like that were taught as {_shares(plain.leaf)}.",
    ]


def surrogate_outline(arrays: Arrays) -> str:
    """The whole readable tree of a tree's arrays as text, a line a question or answer."""
    plain = surrogate_arrays(arrays)

    def lines(node: int, depth: int) -> Iterator[str]:
        indent = "  " * depth
        if plain["left"][node] < 0:
            share = plain["probabilities"][node]
            yield f"{indent}{TRAINED_LABELS[share.argmax()]} {percent(share.max())}"
            return
        name, unit = split_unit(functional_table()[plain["axis"][node]][0])
        limit = _rounded(plain["threshold"][node]) + (f" {unit}" if unit else "")
        yield f"{indent}{name} above {limit}?"
        for answer, side in (("no", "left"), ("yes", "right")):
            first, *rest = lines(int(plain[side][node]), depth + 1)
            yield f"{indent}{answer + ':':4} {first.strip()}"
            yield from rest

    return "\n".join(lines(0, 0))


def _plain_question(number: int, step: SurrogateStep) -> str:
    unit = f"{NBSP}{step.unit}" if step.unit else ""
    value, limit = _told_apart(step.value, step.limit)
    said = "Yes" if step.above else "No"
    return f"{number}. {_capital(step.name)} above {limit}{unit}? {said}, {value}{unit}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def turning_point(path: TreePath) -> str:
    """The question that moved the tree most, in words; empty where none was asked."""
    if not path.steps:
        return ""
    before = [path.share, *(step.share for step in path.steps)]
    moves = [abs(after - share) for share, after in pairwise(before)]
    i = moves.index(max(moves))
    step, total = path.steps[i], len(path.steps)
    told = (
        f"Question {i + 1} of {total} moved it most: the share of {path.label} went from "
        f"{percent(before[i])} to {percent(step.share)}."
    )
    if not step.strongest:
        return told
    return f"{told} What weighed most there: {'; '.join(map(_reading, step.strongest))}."


def _question(number: int, step: Step, label: str, before: float) -> str:
    said = "yes" if step.above else "no"
    value, limit = _apart(step.value, step.limit)
    told = [
        f"Question {number}: is the axis of {TRAINED_LABELS[step.axis]} above {limit}? "
        f"{said.capitalize()}, it is {value}: {_sum(step.parts)}."
    ]
    if step.strongest:
        told.append(f"Strongest for {said}: {'; '.join(map(_reading, step.strongest))}.")
    told.append(f"The share of {label} goes from {percent(before)} to {percent(step.share)}.")
    return " ".join(told)


def _leaf_sentence(path: TreePath) -> str:
    told = f"What the tree was taught of the training clips in the same leaf: {_shares(path.leaf)}."
    calm = path.leaf.get(CALM, 0.0)
    shown = percent(path.steps[-1].share if path.steps else path.share)
    if calm >= MIN_SHARE:
        most = ", though it has the most there" if calm > path.leaf[path.label] else ""
        return (
            f"{told} Calm is no answer and is left out{most}; calibrated, that leaves "
            f"{path.label} {shown}, as shown."
        )
    if shown == percent(path.leaf[path.label]):
        return told
    return f"{told} Calibrated, {path.label} has {shown}, as shown."


def _shares(leaf: Mapping[str, float]) -> str:
    ordered = sorted(TRAINED_LABELS, key=lambda label: -leaf[label])
    return ", ".join(
        f"{label} {percent(leaf[label])}" for label in ordered if leaf[label] >= MIN_SHARE
    )


def _reading(reading: Measurement) -> str:
    unit = f"{NBSP}{reading.unit}" if reading.unit else ""
    return f"{reading.name}, {_rounded(reading.value)}{unit} (typical {_rounded(reading.typical)})"


def shift_sentences(shift: Shift) -> list[str]:
    """What moved the perceptron, in words: the start, the groups by size, the end."""
    return [
        f"Log-odds of {shift.label}: {signed(shift.typical)} for the mean training clip, "
        f"{signed(shift.log_odds)} for this one, a change of "
        f"{signed(shift.log_odds - shift.typical)}.",
        f"It comes from {_sum(shift.parts)}.",
    ]


def region_sentences(regions: Regions) -> list[str]:
    """What carries the network's answer, in words, and how far hiding it goes."""
    marked = sorted((p for p in regions.patches if p.marked), key=lambda p: -p.drop)
    if not marked:
        return [
            f"No part of the spectrogram carries {regions.label} by itself: hiding any one of "
            f"{len(regions.patches)} leaves its log-odds as high, {signed(regions.log_odds)}."
        ]
    strongest = "; ".join(_patch(patch) for patch in marked[:SHOWN_PATCHES])
    return [
        f"Log-odds of {regions.label}: {signed(regions.log_odds)}. Hiding one part of the "
        f"spectrogram changes them most at {strongest}.",
        f"Hiding the {len(marked)} strongest of {len(regions.patches)} parts together changes them "
        f"by {signed(-regions.marked_drop)}; hiding as many others, chosen at random, by "
        f"{signed(-regions.unmarked_drop)} on average.",
    ]


def _patch(patch: Patch) -> str:
    start_s = max(0.0, patch.start_s)
    return (
        f"{start_s:.2f} to {patch.stop_s:.2f}{NBSP}s, {patch.low_hz:.0f} to "
        f"{patch.high_hz:.0f}{NBSP}Hz ({signed(-patch.drop)})"
    )


def explanation_blocks(found: Explanation) -> list[tuple[str, list[str]]]:
    """A heading with the answer, and the sentences under it, for the vote and each classifier.

    Under the vote stand the concerns and warnings.
    """
    told = {
        "tree": [*path_sentences(found.tree), PLAIN_TREE, *surrogate_sentences(found.tree)],
        "cnn": region_sentences(found.cnn),
        "mlp": shift_sentences(found.mlp),
    }
    answers = found.prediction.answers
    concerns = [concern.sentence for concern in found.prediction.speech_warnings]
    blocks = [
        (_heading(CLASSIFIERS[key].title, answers[key]), sentences)
        for key, sentences in told.items()
    ]
    doubts = [*concerns, *found.prediction.warnings]
    return [(_heading("Vote", answers[VOTE]), doubts), *blocks]


def _heading(title: str, answer: Answer) -> str:
    perhaps = f", perhaps {answer.runner_up}" if len(answer.named) > 1 else ""
    unsure = f", unsure{perhaps}" if answer.unsure else ""
    return f"{title}: {answer.label} {percent(answer.confidence)}{unsure}"


def _sum(parts: Iterable[Part]) -> str:
    """The parts by size, each with its sign."""
    ordered = sorted(parts, key=lambda part: -abs(part.amount))
    return ", ".join(f"{part.group} {signed(part.amount)}" for part in ordered)


def _rounded(number: float, digits: int = 3) -> str:
    """So many significant digits, without an exponent."""
    return _minus(np.format_float_positional(number, digits, fractional=False, trim="-"))


def _apart(value: float, limit: float) -> tuple[str, str]:
    """Both with two decimals, or with as many more as it takes to read as different."""
    return _written_apart(value, limit, lambda one, n: _minus(f"{one:.{n}f}"), range(2, 8))


def _told_apart(value: float, limit: float) -> tuple[str, str]:
    """Both with three significant digits, or with as many more as it takes to read as different."""
    return _written_apart(value, limit, _rounded, range(3, 9))


def _written_apart(
    value: float, limit: float, write: Callable[[float, int], str], digits: range
) -> tuple[str, str]:
    pairs = [(write(value, n), write(limit, n)) for n in digits]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])


def _minus(text: str) -> str:
    return text.replace("-", MINUS)
