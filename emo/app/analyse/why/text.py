"""Texts of the explanations on the page *Analyse*."""

from emo.formatting import NBSP, percent
from emo.inference.predictor import Answer
from emo.inference.reasons.without_regions import MAX_S
from emo.inference.regions import Regions

NOTE = (
    "These sentences say what moved a model, not what makes a feeling. A network is asked again "
    "with parts of its spectrogram hidden; the framed parts lower its share most when they are "
    "hidden."
)
NUMBERS = "The numbers"
START = "at first"
POINTS_NOTE = (
    "Bars in percentage points, to the right for this answer and to the left against it. They add "
    "up to the change."
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
    return f"Share of {label} after each question"


def chips_note(label: str) -> str:
    """Return what the figures on the chips are."""
    return (
        f"A question a chip: how the voice differs from the average training clip, and the share "
        f"of {label} after it."
    )


def points_of(label: str) -> str:
    """Return the caption of the bars of the perceptron, read aloud."""
    return f"Change in the share of {label}, in percentage points"


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
