"""Explain the answers of the classifiers in sentences."""

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
    Reason,
    Shift,
    Step,
    SurrogateStep,
    TreePath,
    split_unit,
)
from emo.inference.predictor import Answer
from emo.inference.regions import Patch, Regions
from emo.labels import CALM, TRAINED_LABELS

NOUNS = {
    "angry": "anger",
    "calm": "calm",
    "disgusted": "disgust",
    "fearful": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "sad": "sadness",
    "surprised": "surprise",
}
"""Nouns of the trained labels, for sentences on what a clip scores for them."""

SHOWN_PATCHES = 3
MIN_SHARE = 0.01  # labels with a lower share in a leaf are not listed

LOG_ODDS = f"Log-odds: 0 is 50{NBSP}%, and 0.7 more doubles the odds."
AXES = (
    f"The score for an emotion is a weighted sum of all {len(functional_table())} measurements. It "
    "grows as the clip differs from the average training clip, which scores 0, towards the emotion."
)

PLAIN_TREE = (
    "A second, smaller tree compares one measurement at a time. It is there to be read and has no "
    "part in the ensemble, since it is right less often."
)


def path_sentences(path: TreePath) -> list[str]:
    """Return the path through the tree in sentences, with the definition of an axis."""
    before = [path.share, *(step.share for step in path.steps)]
    return [
        AXES,
        *(_question(i + 1, step, path, before[i]) for i, step in enumerate(path.steps)),
        _leaf_sentence(path),
    ]


def surrogate_sentences(path: TreePath) -> list[str]:
    """Return the path through the surrogate tree in sentences."""
    surrogate = path.surrogate
    return [
        *(_surrogate_question(i, step) for i, step in enumerate(surrogate.steps, 1)),
        f"Training clips in this leaf: {_shares(surrogate.leaf)}.",
    ]


def surrogate_outline(arrays: Arrays) -> str:
    """Return the whole surrogate tree as text, with a line for each question or answer."""
    nodes = surrogate_arrays(arrays)

    def lines(node: int, depth: int) -> Iterator[str]:
        indent = "  " * depth
        if nodes["left"][node] < 0:
            share = nodes["probabilities"][node]
            yield f"{indent}{TRAINED_LABELS[share.argmax()]} {percent(share.max())}"
            return
        name, unit = split_unit(functional_table()[nodes["axis"][node]][0])
        limit = _rounded(nodes["threshold"][node]) + (f" {unit}" if unit else "")
        yield f"{indent}{name} above {limit}?"
        for answer, side in (("no", "left"), ("yes", "right")):
            first, *rest = lines(int(nodes[side][node]), depth + 1)
            yield f"{indent}{answer + ':':4} {first.strip()}"
            yield from rest

    return "\n".join(lines(0, 0))


def _surrogate_question(number: int, step: SurrogateStep) -> str:
    unit = f"{NBSP}{step.unit}" if step.unit else ""
    value, limit = _distinct(step.value, step.limit, _rounded, range(3, 9))
    reply = "Yes" if step.above else "No"
    return f"{number}. {_capital(step.name)} above {limit}{unit}? {reply}, {value}{unit}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def turning_point(path: TreePath) -> str:
    """Return the question that changed the share most, in a sentence; "" if there is none."""
    if not path.steps:
        return ""
    before = [path.share, *(step.share for step in path.steps)]
    moves = [abs(after - share) for share, after in pairwise(before)]
    i = moves.index(max(moves))
    step, total = path.steps[i], len(path.steps)
    sentence = (
        f"Question {i + 1} of {total} changed it most: the probability of {path.label} went from "
        f"{percent(before[i])} to {percent(step.share)}."
    )
    if not step.strongest:
        return sentence
    return f"{sentence} The strongest measurements: {'; '.join(map(_measurement, step.strongest))}."


def calm_share(path: TreePath) -> float:
    """Return the share of calm in the leaf, where it is no answer; own models may answer it."""
    return path.leaf[CALM] if tuple(path.leaf) == TRAINED_LABELS else 0.0


def asks_calm(path: TreePath, step: Step) -> bool:
    """Return whether a split compares the axis of calm, where that is no answer."""
    return tuple(path.leaf) == TRAINED_LABELS and TRAINED_LABELS[step.axis] == CALM


def axis_label(path: TreePath, step: Step) -> str:
    """Return the label whose axis a split of the tree compares."""
    return list(path.leaf)[step.axis]


def _question(number: int, step: Step, path: TreePath, before: float) -> str:
    reply = "Yes" if step.above else "No"
    label = axis_label(path, step)
    value, limit = _distinct(step.value, step.limit, _fixed, range(2, 8))
    strongest = "; ".join(map(_measurement, step.strongest))
    because = f", mainly because of {strongest}" if strongest else ""
    sentences = [
        f"{number}. Does it score above {limit} for {NOUNS.get(label, label)}? "
        f"{reply}, it scores {value}{because}.",
        f"By groups: {_sum(step.parts)}.",
        f"The probability of {path.label} goes from {percent(before)} to {percent(step.share)}.",
    ]
    return " ".join(sentences)


def _leaf_sentence(path: TreePath) -> str:
    sentence = f"Training clips in the same leaf: {_shares(path.leaf)}."
    calm = calm_share(path)
    shown = percent(path.steps[-1].share if path.steps else path.share)
    if calm >= MIN_SHARE:
        most = ", though it has the most there" if calm > path.leaf[path.label] else ""
        return (
            f"{sentence} Calm is not one of the answers and is left out{most}; after calibration "
            f"that leaves {path.label} {shown}."
        )
    if shown == percent(path.leaf[path.label]):
        return sentence
    return f"{sentence} After calibration that is {path.label} {shown}."


def _shares(leaf: Mapping[str, float]) -> str:
    ordered = sorted(leaf, key=lambda label: -leaf[label])
    return ", ".join(
        f"{label} {percent(leaf[label])}" for label in ordered if leaf[label] >= MIN_SHARE
    )


def _measurement(item: Measurement) -> str:
    unit = f"{NBSP}{item.unit}" if item.unit else ""
    return f"{item.name}, {_rounded(item.value)}{unit} (typical {_rounded(item.typical)})"


def shift_sentences(shift: Shift) -> list[str]:
    """Return the contributions to the perceptron's answer in sentences, the largest first."""
    return [
        f"Log-odds of {shift.label}: {signed(shift.typical)} for the mean training clip, "
        f"{signed(shift.log_odds)} for this one, a change of "
        f"{signed(shift.log_odds - shift.typical)}.",
        f"It comes from {_sum(shift.parts)}.",
    ]


def region_sentences(regions: Regions) -> list[str]:
    """Return the regions on which the network's answer depends in sentences."""
    marked = sorted((p for p in regions.patches if p.marked), key=lambda p: -p.drop)
    if not marked:
        return [
            f"The answer {regions.label} depends on no single part of the spectrogram: hiding any "
            f"of the {len(regions.patches)} leaves its log-odds as high, "
            f"{signed(regions.log_odds)}."
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


NO_EXPLANATION = "There is no explanation of the answers of this classifier."


def explanation_blocks(explanation: Explanation) -> list[tuple[str, list[str]]]:
    """Return a heading with the answer and sentences, for the ensemble and each classifier.

    The sentences for the ensemble are the warnings about the recording.
    """
    prediction = explanation.prediction
    warnings = [warning.sentence for warning in prediction.speech_warnings]
    blocks = [
        (_heading(row.title, prediction.answers[key]), _sentences(explanation.why.get(key)))
        for key, row in CLASSIFIERS.items()
        if key in prediction.answers
    ]
    return [(_heading("Ensemble", prediction.ensemble), [*warnings, *prediction.warnings]), *blocks]


def _sentences(reason: Reason | None) -> list[str]:
    if isinstance(reason, TreePath):
        return [*path_sentences(reason), PLAIN_TREE, *surrogate_sentences(reason)]
    if isinstance(reason, Regions):
        return region_sentences(reason)
    return [NO_EXPLANATION] if reason is None else shift_sentences(reason)


def _heading(title: str, answer: Answer) -> str:
    perhaps = f", perhaps {answer.runner_up}" if len(answer.named) > 1 else ""
    unsure = f", unsure{perhaps}" if answer.unsure else ""
    return f"{title}: {answer.label} {percent(answer.confidence)}{unsure}"


def _sum(parts: Iterable[Part]) -> str:
    """Return the parts by size, each with its sign."""
    ordered = sorted(parts, key=lambda part: -abs(part.amount))
    return ", ".join(f"{part.group} {signed(part.amount)}" for part in ordered)


def _rounded(number: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, without an exponent."""
    return _minus(np.format_float_positional(number, digits, fractional=False, trim="-"))


def _fixed(number: float, decimals: int) -> str:
    return _minus(f"{number:.{decimals}f}")


def _distinct(
    value: float, limit: float, write: Callable[[float, int], str], digits: range
) -> tuple[str, str]:
    """Return both numbers with the fewest digits at which they read as different."""
    pairs = [(write(value, n), write(limit, n)) for n in digits]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])


def _minus(text: str) -> str:
    return text.replace("-", MINUS)
