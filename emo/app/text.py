"""Texts that several pages share."""

from collections.abc import Mapping, Sequence
from typing import Any

from emo.audio.limit_text import ALL_LIMITS, READING_LIMITS
from emo.audio.limits import MAX_BYTES, MAX_DURATION_S
from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.catalogue import CORPORA
from emo.formatting import NBSP, in_words, listed, percent
from emo.inference.predictor import Answer
from emo.labels import ENSEMBLE

Scores = Mapping[str, Any]


MODEL_NAMES = {key: row.name for key, row in CLASSIFIERS.items()} | {
    key: row.title for key, row in ENSEMBLES.items()
}
"""Name of each model as the pages show it."""
SHORT_NAMES = {ENSEMBLE: "Ensemble"} | {key: row.short_name for key, row in CLASSIFIERS.items()}
"""Name of each model in narrow columns and lanes."""
MODELS_IN_TEXT = {key: f"the {row.name_in_text}" for key, row in CLASSIFIERS.items()}
"""Name of each classifier within a sentence."""
ALL_IN_TEXT = MODELS_IN_TEXT | {key: row.name_in_text for key, row in ENSEMBLES.items()}
"""Name of each classifier and ensemble within a sentence."""
MODEL_KINDS = {key: row.summary for key, row in CLASSIFIERS.items()}
"""One sentence on how each classifier works."""
ALL_MODELS = f"the {in_words(len(CLASSIFIERS))} models"
ENSEMBLE_KIND = (
    "It multiplies the probabilities of all models, each raised to the power of its weight. The "
    "weights were fitted on clips that were kept apart."
)

ALL_CORPORA = "all"
CORPUS_NAMES = {ALL_CORPORA: "All corpora"} | {corpus.key: corpus.title for corpus in CORPORA}

PAGES = {
    "analyse": "Analyse",
    "listen": "Listen",
    "compare": "Compare clips",
    "teach": "Teach it",
    "confusion_matrices": "Confusion matrices",
    "about": "About",
}
"""Names in the navigation, by the files of the pages."""

AMONG_LABEL = "Emotions that can occur"
AMONG_HELP = (
    "If you know that some of them cannot occur, untick them. The models then choose among the "
    "rest, and are right more often."
)
UPLOAD_HELP = f"{ALL_LIMITS} {READING_LIMITS}"
_LIMITS = (
    f"WAV, MP3, M4A, Opus …, up to {MAX_BYTES // 2**20}{NBSP}MB and {MAX_DURATION_S / 60:g} minutes"
)
UPLOAD_HINTS = {
    "up": f"Drop a file or choose one: {_LIMITS}",
    "comparison-up": f"Drop files or choose some: {_LIMITS} each",
    "comparison-folder": "Drop a folder or choose one",
    "examples-up": f"Drop files or choose some: {_LIMITS} each",
    "examples-file": "Drop a saved file or choose one",
}
"""Texts in the uploaders, in place of those of Streamlit, by the beginning of their keys."""
LISTENING = "Reading the clip …"
LOADING = "Loading the models …"

PRIVACY = "Emo stores no audio. Your clip stays in memory until you remove it or close the tab."
PRIVACY_OF_SEVERAL = (
    "Emo stores no audio. Your clips stay in memory until you remove them or close the tab."
)
NOT_TO_BE_RELIED_ON = (
    "Do not rely on this answer: a model answers to any sound, but it was tested on speech only."
)
UNCALIBRATED = "How well the confidence fits has not been measured yet."
UNSURE_UNMEASURED = "Its confidence is below its threshold."
PLAYER = {
    "play": "Play",
    "pause": "Pause",
    "play_part": "Play part",
    "loop": "Loop",
    "slow": "Half speed, at the same pitch",
    "volume": "Volume",
    "zoom_in": "Zoom in",
    "zoom_out": "Zoom out",
    "fit": "Whole clip",
    "view": "View",
    "scale": "Frequencies",
    "mel": "mel (close to human hearing)",
    "linear": "linear (in hertz)",
    "range": "Range",
    "pitch": "Pitch",
    "level": "Loudness",
    "save": "Save",
    "wav": "Sound as WAV",
    "part_wav": "Selected part as WAV",
    "png": "Spectrogram as PNG",
    "picture": "spectrogram",
    "time_axis": "Time",
    "frequency_axis": "Frequency in Hz",
    "level_axis": "dB",
    "pan": "Part of the clip in view",
    "position": "Position in the clip",
    "keys_title": "Keys",
    "keys": (
        "Space plays and pauses, wherever you are on the page. On the picture: ← and → move by a "
        "tenth of a second, with Shift by a second; Home and End go to the ends. S and E, or [ and "
        "], set the start and the end of a part; Escape clears it. P plays the part, L loops it. + "
        "and − zoom, 0 shows the whole clip."
    ),
    "hint": "Drag to select a part; the answers follow it.",
    "chosen": "Selected: {0} to {1} ({2} s)",
    "short": "{0} s is too short. Select at least {1} s.",
    "shrunk": "{0} s is too short. The models need {1} s, so they answer for the whole clip.",
    "clear": "Clear",
    "progress": "Window {0} of {1}",
    "unsure": "unsure",
}
"""Texts of the player."""

NO_MODELS = (
    "There are no trained models here, or they are damaged, so no clip can be analysed. Run `make "
    "models` to train them, or download the folder `models/` again."
)
NO_METRICS = (
    "There are no test results of the models here. Run `make models` to make them; "
    "docs/training.md says where to get the recordings."
)
TRY_AGAIN = "Try again"
UNEXPECTED = (
    "This clip could not be processed because of an error in Emo. Try another clip, or save this "
    "one as WAV and try again."
)


def too_few(labels: Sequence[str]) -> str:
    """Return why an emotion cannot be unticked, and what to do."""
    left = f"only {labels[0]} would be" if labels else "none would be"
    return f"At least two emotions must stay, and {left} left. Tick another one first."


def busy(wait_s: int) -> str:
    """Return a notice that the server is busy, and when to try again."""
    return (
        "Many clips are being analysed at the moment, and yours would have to wait too long. "
        f"Please try again in {wait_s} s; your clip is kept."
    )


def unreadable_figures(place: str, fault: str) -> str:
    """Return an error that a file of test results cannot be read, and what to do."""
    return (
        f"The test results in {place} cannot be read ({fault}). Evaluate that model again, or "
        "download the file again."
    )


UNSURE = "Unsure:"
"""Before the label of an unsure answer."""


def still_needed(answer: Answer) -> str:
    """Return the threshold that an unsure answer does not reach; empty where it is not known."""
    if not answer.threshold or answer.threshold > 1:
        return ""
    return f"below its {percent(answer.threshold)}" if answer.is_below else ""


def in_short(answer: Answer) -> str:
    """Return an answer as a phrase, such as "unsure: angry 82 %, below its 90 %"."""
    phrase = f"{answer.label} {percent(answer.confidence)}"
    if not answer.unsure:
        return phrase
    lack = still_needed(answer)
    return f"unsure: {phrase}, {lack}" if lack else f"unsure: {phrase}"


def why_unsure(answer: Answer) -> str:
    """Return a sentence that says why an answer is unsure."""
    if not answer.threshold:
        return UNSURE_UNMEASURED
    if answer.threshold > 1:
        return (
            "It is always unsure here: on recordings like this one its answers were wrong too "
            "often at any confidence."
        )
    if answer.is_below:
        return f"Below {percent(answer.threshold)} it is unsure."
    return "No model is sure, so the ensemble is unsure too, whatever its confidence."


def and_then(label: str, share: float) -> str:
    """Return the second likeliest label and its share."""
    return f"then {label} {percent(share)}"


def model_bars(name: str) -> str:
    """Return the caption of the seven bars of a model."""
    return f"{name}: probability of each emotion"


def agreement(labels: Mapping[str, str | None], ensemble: str | None) -> str:
    """Return a sentence on how many models agree.

    Parameters
    ----------
    labels
        Answer of each model, by key; None where it is unsure.
    ensemble
        Answer of the ensemble, which may be that of no model; None if it is unsure.
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
        alone = "" if ensemble is None else "by themselves, "
        sentence = f"{alone}{all_models} are unsure"
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
    if n < 3 or ensemble is None or not by_label or ensemble in expected:
        return sentence
    return f"{sentence} Together, {ensemble} is likeliest."
