"""Texts of the page of ``emo review``."""

from collections.abc import Sequence

from emo.app.text import SHORT_NAMES
from emo.classifiers.voice import VOICE
from emo.formatting import percent
from emo.review.clips import Answered
from emo.review.labels import NONE, SEVERAL, SKIPPED
from emo.review.settings import CONFIDENCE, DISAGREEMENT, RANDOM

TITLE = "Review"
LEAD = "Name the emotion in clips of a batch. The answers of the models come after yours."
NOTICE = (
    "Only review recordings of people who act, or who know of it and agreed. The page is served to "
    "this computer alone, which also keeps the labels; nothing is sent elsewhere."
)
RATER_LABEL = "Your name or initials"
RATER_HELP = "It stands beside your labels in the file, so that several people can review a batch."
START_LABEL = "Start"
CLOSED = (
    "This page belongs to the command `emo review`, which serves it to its own computer. Start it "
    "there, and open the address that it prints."
)
READING = "Reading the rows of the batch …"
CONTINUE_LABEL = "Go on labelling"
OTHER_RATER_LABEL = "Another person labels"
SKIP_LABEL = "Skip this clip"
RESULTS_TITLE = "Results"
NOT_WRITTEN = "Your answer is not stored: {0}. Fix that, then answer again."
CHANGED = (
    "This file has changed since the batch was answered, so the answers belong to another sound."
)

WORDS = {
    "card": "Clip {0} of {1}",
    "play": "Play the clip",
    "pause": "Pause",
    "question": "Which emotion is expressed?",
    "listen_first": "Play the clip first.",
    "no_sound": "Your browser cannot play this clip. Skip it.",
    "others": "Other answers",
    "undo": "Undo",
    "auto": "Play each clip at once",
    "finish": "Stop and see the results",
    "last": "Your last answer",
    "progress": "Labelled clips",
}
"""Texts of the component that hold for every clip."""

OTHERS = ((SEVERAL, "several emotions"), (NONE, "none of them"), (SKIPPED, "skip"))
"""Answers beside the labels of the models: value and name."""

IN_WORDS = {SEVERAL: "several emotions", NONE: "none of them", SKIPPED: "skipped"}

NAMES = SHORT_NAMES | {VOICE: "Known voice"}

_CHOICES = {
    RANDOM: "drawn at random",
    CONFIDENCE: "more of them of low confidence",
    DISAGREEMENT: "more of them where the models differ",
}


def keys(labels: Sequence[str]) -> dict[str, str]:
    """Return the key of each answer: digits, and letters where there are more than seven labels."""
    others = "890" if len(labels) < 8 else "xyz"
    values = [*labels, *(value for value, _ in OTHERS)]
    return dict(zip(values, [*"123456789abc"[: len(labels)], *others], strict=True))


def keys_hint(labels: Sequence[str]) -> str:
    """Return what the keys do."""
    given = list(keys(labels).values())
    last, first, end = given[len(labels) - 1], given[-3], given[-1]
    return (
        f"Keys: Space plays, 1 to {last} name the emotion, {first} to {end} are the others, "
        "U undoes."
    )


def about(n: int, population: int, choice: str, out: str) -> str:
    """Return what is reviewed, and where the labels go."""
    return (
        f"{n:,} of {population:,} clips of the batch are for review, {_CHOICES[choice]}. Each "
        f"answer is written to {out} at once."
    )


def progress(rater: str, place: int, total: int) -> str:
    """Return how far a rater is."""
    if place == total:
        return f"{rater} has answered all {total:,} clips."
    return f"{rater} has answered {place:,} of {total:,} clips."


def resumed(rater: str, place: int, total: int) -> str:
    """Return that a review goes on where it stopped."""
    return f"{progress(rater, place, total)} The review goes on with the next one."


def said(label: str) -> str:
    """Return an answer in words."""
    return IN_WORDS.get(label, label)


def answer(answered: Answered) -> str:
    """Return the answer of a model in short, with a question mark if it is unsure."""
    return f"{answered.label}{'?' * answered.unsure} {percent(answered.confidence)}"


def stored(place: int, label: str, of_batch: Answered | None) -> str:
    """Return what is said after an answer: that it is stored, and the answer of the batch."""
    text = f"Clip {place:,}: {said(label)}, stored."
    return text if of_batch is None else f"{text} The batch says {answer(of_batch)}."
