"""Texts of the explanations on the page *Analyse*."""

from emo.formatting import NBSP, percent
from emo.inference.predictor import Answer
from emo.inference.reasons.without_regions import MAX_S
from emo.inference.regions import Regions

NOTE = (
    "This says what changed the answer of a model, not what a person feels. For a network, parts "
    "of the spectrogram are hidden, and it answers again; the framed parts lower the probability "
    "of its answer most."
)
NUMBERS = "The numbers"
START = "at first"
POINTS_NOTE = (
    "A bar to the right speaks for this answer, a bar to the left against it, in percentage "
    "points. They add up to the change."
)
PICTURE = {
    "hear": "Hear it",
    "without": "Hear it without these",
    "stop": "Stop",
}
"""Texts at the spectrogram of a network."""


def calm_question(word: str) -> str:
    """Return the word of a question of a tree that asks for calm, a label that is no answer."""
    return f"calm? {word}"


def share_after(label: str) -> str:
    """Return the caption of the chips of a tree, read aloud."""
    return f"Probability of {label} after each question"


def chips_note(label: str) -> str:
    """Return what the figures on the chips are."""
    return (
        "Each chip is a question: how the voice differs from the average training clip, and the "
        f"probability of {label} after it."
    )


def points_of(label: str) -> str:
    """Return the caption of the bars of the perceptron, read aloud."""
    return f"Change in the probability of {label}, in percentage points"


def without(answer: Answer) -> str:
    """Return the answer of a network to the sound without the framed parts."""
    unsure = ", unsure" if answer.unsure else ""
    second = float(sorted(answer.probabilities)[-2])
    return (
        f"Without the framed parts it answers {answer.label} {percent(answer.confidence)}{unsure}, "
        f"then {answer.runner_up} {percent(second)}."
    )


def not_heard(duration_s: float, regions: Regions) -> str:
    """Return why there is no sound without the framed parts."""
    if not regions.marked.any():
        return "No part is framed, as hiding any of them leaves the answer as it is."
    if duration_s > MAX_S:
        return (
            f"To hear it without the framed parts, select a part of at most {MAX_S:.0f}{NBSP}s; "
            f"this one has {duration_s:.0f}{NBSP}s."
        )
    return "This part is too short to be played without the framed parts."
