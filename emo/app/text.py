"""The words of the pages, in one place.  Nothing here imports Streamlit."""

from collections.abc import Mapping, Sequence
from typing import Any

from emo.audio.limits import ALL_LIMITS, READING_LIMITS
from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.catalogue import CORPORA
from emo.formatting import listed, percent
from emo.inference.predictor import Answer
from emo.labels import VOTE

Scores = Mapping[str, Any]


NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def in_words(number: int) -> str:
    """Return a small number as a word: "three"; from ten on its digits."""
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


MODEL_NAMES = {key: row.name for key, row in CLASSIFIERS.items()} | {VOTE: "Vote"}
"""Name of each model as the pages show it."""
SHORT_NAMES = {VOTE: "Vote"} | {key: row.short_name for key, row in CLASSIFIERS.items()}
"""The same for narrow columns and lanes."""
MODELS_IN_TEXT = {key: f"the {row.name_in_text}" for key, row in CLASSIFIERS.items()}
"""Name of each classifier within a sentence."""
MODEL_KINDS = {key: row.summary for key, row in CLASSIFIERS.items()}
"""What each classifier is, in a sentence."""
ALL_MODELS = f"the {in_words(len(CLASSIFIERS))} models"
VOTE_KIND = (
    "The product of the percentages of all models, each raised to the power of its weight. The "
    "weights were fitted on clips kept aside."
)

ALL_CORPORA = "all"
CORPUS_NAMES = {ALL_CORPORA: "All corpora"} | {corpus.key: corpus.title for corpus in CORPORA}

PAGES = {
    "analyse": "Analyse",
    "compare": "Compare clips",
    "teach": "Teach it",
    "confusion_matrices": "Confusion matrices",
    "about": "About",
}
"""Names in the navigation, by the files of the pages."""

UPLOAD_HELP = f"{ALL_LIMITS} {READING_LIMITS}"
LISTENING = "Listening …"
LOADING = "Loading the models …"

COURTESY = (
    "Only give it voices of people who know about it and agree. Your audio stays in memory, for "
    "this session."
)
NOT_TO_BE_RELIED_ON = (
    "Not to be relied on: a model gives seven percentages for any sound, and how often it is right "
    "was only measured on speech."
)
UNCALIBRATED = "Whether the percentages can be believed has not been measured yet."
UNSURE_UNMEASURED = "It is less sure than its answers need to be."
PLAYER = {
    "play": "Play",
    "pause": "Pause",
    "zoom_in": "Zoom in",
    "zoom_out": "Zoom out",
    "fit": "Whole clip",
    "scale": "Frequencies",
    "mel": "mel, as the ear hears them",
    "linear": "linear, in hertz",
    "range": "Range",
    "pitch": "Pitch",
    "level": "Loudness",
    "pan": "Part of the clip in view",
    "position": "Position in the clip",
    "keys_title": "Keys",
    "keys": (
        "On the picture: Space plays and pauses; the arrows move by a tenth of a second, with "
        "Shift by a second, Home and End to the ends; S and E, or [ and ], set the start and the "
        "end of a selection, and Escape clears it; + and − zoom, and 0 shows the whole clip."
    ),
    "hint": "Drag to select a part: the models then answer for it.",
    "chosen": "Selected: {0} to {1}",
    "clear": "Clear the selection",
}
"""What the player says."""


NO_MODELS = (
    "No trained models are here, or they are damaged, so no clip can be read. Run `make models` "
    "to train them, or fetch the folder `models/` again."
)
NO_METRICS = (
    "No measurements of the models are here. Run `make models` to make them; the README says "
    "where the recordings come from."
)
TRY_AGAIN = "Try again"
UNEXPECTED = (
    "Something inside Emo failed on this clip; the log of the server says what. Try another clip, "
    "or save this one as WAV and try again."
)


def busy(wait_s: int) -> str:
    """That too many others are being answered, and when to come back."""
    return (
        "Many clips are being heard at the moment, and yours would have to wait too long. Please "
        f"try again in {wait_s} s; what you gave is kept."
    )


def unreadable_figures(place: str, fault: str) -> str:
    """That the figures in a file cannot be read, and what to do."""
    return (
        f"The figures in {place} cannot be read ({fault}). Evaluate that model again, or fetch the "
        "file anew."
    )


def unsure_of(names: Sequence[str]) -> str:
    """An unsure answer, by the one or two labels that it names."""
    return f"Unsure: {' or '.join(names)}"


def still_needed(answer: Answer) -> str:
    """What an unsure answer lacks, in a few words; empty where that is not known."""
    if not answer.threshold or answer.threshold > 1:
        return ""
    return f"below the {percent(answer.threshold)} it needs" if answer.is_below else ""


def why_unsure(answer: Answer) -> str:
    """Why an answer is unsure, as a sentence."""
    if not answer.threshold:
        return UNSURE_UNMEASURED
    if answer.threshold > 1:
        return (
            "It is always unsure: on voices that it had never heard, no percentage was high enough "
            "for its answers to be relied on."
        )
    if answer.is_below:
        return f"Below {percent(answer.threshold)} it is unsure."
    return "No model is sure by itself, so the vote is unsure too, however high its product."


def and_then(label: str, share: float) -> str:
    """The second likeliest label."""
    return f"then {label} {percent(share)}"


def model_bars(name: str) -> str:
    """Caption of a model's seven bars."""
    return f"{name}: share of each emotion"


def log_odds_of(label: str) -> str:
    """Caption of what moved an answer."""
    return f"Change in the log-odds of {label}"


def agreement(labels: Mapping[str, str | None], vote: str | None) -> str:
    """Return a sentence on how many models agree.

    Parameters
    ----------
    labels
        Answer of each model, by key; None where it is unsure.
    vote
        Answer of the vote, which may be that of no model; None if it is unsure.
    """
    n = len(labels)
    all_models = "both" if n == 2 else f"all {in_words(n)}"
    by_label: dict[str, list[str]] = {}
    for key, label in labels.items():
        if label is not None:
            by_label.setdefault(label, []).append(MODELS_IN_TEXT[key])
    unsure = [MODELS_IN_TEXT[key] for key, label in labels.items() if label is None]
    answers = [
        f"{listed(names)} say{'s' * (len(names) == 1)} {label}" for label, names in by_label.items()
    ]
    largest = max(map(len, by_label.values()), default=0)
    common = [label for label, names in by_label.items() if len(names) == largest]
    expected = set(by_label)
    if n > 1 and len(unsure) == n:
        sentence = f"{all_models} are unsure"
    elif n > 1 and largest == n:
        sentence = f"{all_models} say {common[0]}"
    elif unsure:
        are = f"{listed(unsure)} {'is' if len(unsure) == 1 else 'are'} unsure"
        sentence = f"{', '.join(answers)}; {are}" if answers else are
    elif n > 2 and largest == 1:
        sentence = f"{all_models} differ: {listed(answers)}"
    elif largest > 1 and len(common) == 1:
        others = [text for label, text in zip(by_label, answers, strict=True) if label != common[0]]
        sentence = f"{in_words(largest)} of {in_words(n)} say {common[0]}; {listed(others)}"
        expected = set(common)
    else:
        sentence = "; ".join(answers)
        expected = set(common)
    sentence = f"{sentence[0].upper()}{sentence[1:]}."
    if n < 3 or vote is None or not by_label or vote in expected:
        return sentence
    return f"{sentence} Weighed together, {vote} comes out ahead."
