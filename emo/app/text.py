"""The words of the pages, in one place.  Nothing here imports Streamlit."""

from collections.abc import Mapping, Sequence
from typing import Any

from emo.app.player_data import LOSSLESS_S
from emo.audio.limit_text import ALL_LIMITS, READING_LIMITS
from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.catalogue import CORPORA
from emo.formatting import NBSP, listed, percent
from emo.inference.predictor import Answer
from emo.labels import LABELS, VOTE

Scores = Mapping[str, Any]


MODEL_NAMES = {key: row.name for key, row in CLASSIFIERS.items()} | {VOTE: "Vote"}
"""Name of each model as the pages show it."""
SHORT_NAMES = {VOTE: "Vote"} | {key: row.short_name for key, row in CLASSIFIERS.items()}
"""The same for narrow columns and lanes."""
MODELS_IN_TEXT = {key: f"the {row.name_in_text}" for key, row in CLASSIFIERS.items()}
"""Name of each classifier within a sentence."""
MODEL_KINDS = {key: row.summary for key, row in CLASSIFIERS.items()}
"""What each classifier is, in a sentence."""
VOTE_KIND = (
    "The percentages of all three, each raised to the power of its weight, multiplied. The weights "
    "were fitted on clips kept aside."
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

ANALYSE_TITLE = "The emotion in a voice"
ANALYSE_LEAD = (
    "Give it a clip of speech. Three classifiers, built differently and trained on acted "
    "recordings, each say which of seven acted emotions it sounds most like."
)
UPLOAD_LABEL = "Upload a clip"
UPLOAD_HELP = f"{ALL_LIMITS} {READING_LIMITS}"
RECORD_LABEL = "Record a clip"
SAMPLES_LABEL = "Or pick a sample"
SAMPLES_NOTE = (
    "Synthetic speech, chosen with these models from many tries, so no test of them. No person "
    "speaks."
)
MAX_QUOTED = 90
CALM_TOLD = 0.1
"""Share of calm from which on it is said that it was left out."""
SAMPLE_OF_ALL = "all seven in a minute"
NO_SAMPLES = "No samples are here. Run `make samples` to make them."
RECORDING = "Recording"
LISTENING = "Listening …"
LOADING = "Loading the models …"
JSON_LABEL = "Answers as JSON"
CSV_LABEL = "Answers as CSV"
BACK_TO_CELL = "Back to the cell"
FORGET_LABEL = "Forget this clip"
FORGET_HELP = "Removes the clip and its answers from this session."

COURTESY = (
    "Only give it voices of people who know about it and agree. Your audio stays in memory, for "
    "this session."
)
UNMEASURED = "How often it is right has not been measured yet."
SYNTHETIC = "synthetic speech"
VOTE_BARS = "Vote: share of each emotion"
NOT_TO_BE_RELIED_ON = (
    "Not to be relied on: a model gives seven percentages for any sound, and how often it is right "
    "was only measured on speech."
)
UNCALIBRATED = "Whether the percentages can be believed has not been measured yet."
UNSURE_UNMEASURED = "It is less sure than its answers need to be."
SPECTROGRAM_NOTE = (
    "Above, the waveform, shaded where silence at the ends is left out; below, how strong each "
    "frequency is over time: the brighter, the louder. What plays is mono, up to 8,000 Hz and as "
    f"loud as it can be, and an MP3 if longer than {LOSSLESS_S:g} s. The models get the sound "
    "without the MP3, without the shaded silence, and all clips at one level."
)
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

WHY_LABEL = "Why?"
WHY_HELP = "What made each model answer as it did; the CNN's regions are laid over the spectrogram."
WHY_NOTE = (
    "These sentences say what moved a model, not what a feeling is made of. Framed on the "
    "spectrogram: the parts whose hiding lowers the CNN's answer most; the bluer, the more."
)
LOOKING_FOR_REASONS = "Asking the models why …"

TIMELINE_TITLE = "Over time"
TIMELINE_NOTE = (
    "The models answer for windows of three seconds, at most a second apart. Above, the shares of "
    "the vote; below, the likeliest emotion of each: pale and with a question mark where it is "
    "unsure. Pauses, and what is not speech, stay blank. Click to go there."
)
TIMELINE_FILES = {
    "csv": "Timeline as CSV",
    "json": "Timeline as JSON",
    "srt": "Subtitles (SRT)",
    "vtt": "Subtitles (WebVTT)",
}
SPOKEN_STRETCHES = 12

MATRICES_TITLE = "Confusion matrices"
MATRICES_LEAD = (
    "What each model answered for clips whose acted emotion is known, and that it was not trained "
    "on. Each row holds the clips of one emotion; the diagonal is where the model was right."
)

RESULT_COLUMNS = ("Model", "Accuracy", "UAR", "Calibration error")
RESULT_TESTS = {
    "corpora": "Unheard corpus",
    "voices": "Unseen voices",
    "clips": "Random clips",
}
"""Tests whose figures are shown, the one that is nearest to a visitor's clip first."""
RESULTS_CAPTION = "What was measured of each model"
RESULTS_NOTE = (
    "Accuracy: the share of clips named right. UAR: the mean recall over the emotions, so that "
    f"rare ones count as much as common ones; guessing gives {100 / len(LABELS):.0f}{NBSP}%. "
    "Calibration error: the mean distance between a stated percentage and the share of answers "
    "that were right. In brackets: 95\u00a0% intervals, by drawing the test speakers anew."
)
DATA_CAPTION = "Collections of recordings"
DATA_SOURCES = "Where they come from"
DATA_COLUMNS = ("Collection", "Clips", "Speakers", "Licence")

NO_MODELS = (
    "No trained models are here, or they are damaged, so no clip can be read. Run `make models` "
    "to train them, or fetch the folder `models/` again."
)
WHY_NEEDS_ALL = "The reasons can be given only when all three models are there."
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


def trained_on(corpus: str, emotion: str) -> str:
    """That the models were trained on a clip, and what was acted in it."""
    return (
        f"All three models were trained on this clip of {corpus}, acted {emotion}. So what they "
        "answer here is no test of them. The matrix has the answers of models that were not "
        "trained on it."
    )


def unreadable_figures(place: str, fault: str) -> str:
    """That the figures in a file cannot be read, and what to do."""
    return (
        f"The figures in {place} cannot be read ({fault}). Evaluate that model again, or fetch the "
        "file anew."
    )


def sample_name(emotion: str) -> str:
    """What a sample is called on its button: its emotion, or that it has them all."""
    return emotion if emotion in LABELS else SAMPLE_OF_ALL


def samples_note(unsure: Sequence[str]) -> str:
    """What the samples are, and of which emotions no model is sure.

    Parameters
    ----------
    unsure
        Emotions of the samples that all three models are unsure of.
    """
    if not unsure:
        return SAMPLES_NOTE
    return f"{SAMPLES_NOTE} All three models are unsure of {listed(unsure)}."


def quoted(text: str) -> str:
    """What a sample says, in quotation marks; of much, how it begins."""
    if len(text) <= MAX_QUOTED:
        return f"“{text}”"
    return f"“{text[:MAX_QUOTED].rsplit(' ', 1)[0]} …”"


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


def calm_left_out(share: float) -> str:
    """That a good share of what a model said is calm, which is no answer."""
    return f"It gave {percent(share)} to calm, which is none of the seven and is left out."


def and_then(label: str, share: float) -> str:
    """The second likeliest label."""
    return f"then {label} {percent(share)}"


def model_bars(name: str) -> str:
    """Caption of a model's seven bars."""
    return f"{name}: share of each emotion"


def log_odds_of(label: str) -> str:
    """Caption of what moved an answer."""
    return f"Change in the log-odds of {label}"


def share_over_questions(label: str) -> str:
    """What the columns over the tree's path are."""
    return f"The share of {label} before the first question, and after each."


def share_by_question(label: str, shares: Sequence[float]) -> str:
    """The columns over the tree's path for those who do not see them."""
    return f"Share of {label} from question to question: {', '.join(map(percent, shares))}"


READABLE_TREE = "In plain questions"


def all_questions(n: int) -> str:
    """Above the questions of the tree, which are shown on demand."""
    return f"All {n} questions, one by one"


def region(start_s: float, stop_s: float) -> str:
    """The selected part of a clip in words."""
    return f"selected: {start_s:.2f} to {stop_s:.2f}{NBSP}s"


def windows_heard(done: int, total: int) -> str:
    """How far a timeline is, for its progress bar."""
    return f"{done} of {total} windows answered"


def timeline_in_words(stretches: Sequence[Any]) -> str:
    """The vote over time for those who do not see it, the first stretches one by one."""
    if not stretches:
        return "Timeline: no speech was found so far."
    told = [
        f"{one.start_s:.0f} to {one.stop_s:.0f} s {one.label}{', unsure' if one.is_unsure else ''}"
        for one in stretches[:SPOKEN_STRETCHES]
    ]
    more = len(stretches) - len(told)
    return f"The vote over time: {'; '.join(told)}{f'; and {more} more' if more else ''}."


def agreement(labels: Mapping[str, str | None], vote: str | None) -> str:
    """Whether the three models agree, as a sentence.

    Parameters
    ----------
    labels
        Answer of each of the three models, by key; None where it is unsure.
    vote
        Answer of the vote, which need not be that of any two; None if it is unsure.
    """
    said: dict[str, list[str]] = {}
    for key, label in labels.items():
        if label is not None:
            said.setdefault(label, []).append(MODELS_IN_TEXT[key])
    unsure = [MODELS_IN_TEXT[key] for key, label in labels.items() if label is None]
    if len(labels) < 3:
        return _agreement_of_two(labels)
    if not said:
        return "All three are unsure."
    common = max(said, key=lambda label: len(said[label]))
    if len(said[common]) == len(labels):
        return f"All three say {common}."
    answers = [f"{listed(names)} say{'s' * (len(names) == 1)} {a}" for a, names in said.items()]
    if unsure:
        sentence = f"{', '.join(answers)}; {listed(unsure)} {'is' if len(unsure) == 1 else 'are'}"
        sentence = f"{sentence[0].upper()}{sentence[1:]} unsure."
        expected = set(said)
    elif len(said) == len(labels):
        sentence = f"All three differ: {listed(answers)}."
        expected = set(said)
    else:
        other = next(text for label, text in zip(said, answers, strict=True) if label != common)
        sentence = f"Two of three say {common}; {other}."
        expected = {common}
    if vote is None or vote in expected:
        return sentence
    return f"{sentence} Weighed together, {vote} comes out ahead."


def _agreement_of_two(labels: Mapping[str, str | None]) -> str:
    """What the models say that are left, where one or two could not be loaded."""
    told = [
        f"{MODELS_IN_TEXT[key]} {'is unsure' if label is None else f'says {label}'}"
        for key, label in labels.items()
    ]
    if len(told) == 2 and len(set(labels.values())) == 1:
        label = next(iter(labels.values()))
        return "Both are unsure." if label is None else f"Both say {label}."
    sentence = "; ".join(told)
    return f"{sentence[0].upper()}{sentence[1:]}."


def faulty(keys: Sequence[str]) -> str:
    """That models gave no numbers for a clip, and that the vote is without them."""
    names = listed([MODELS_IN_TEXT[key] for key in keys])
    return (
        f"{names[0].upper()}{names[1:]} gave no answer to this clip: a fault of the model, not of "
        "your clip. The vote is that of the others; how often it is right was not measured."
    )


def missing(keys: Sequence[str]) -> str:
    """That models could not be loaded, and whose the vote is without them."""
    names = listed([MODELS_IN_TEXT[key] for key in keys])
    left = [MODELS_IN_TEXT[key] for key in MODELS_IN_TEXT if key in CLASSIFIERS and key not in keys]
    if len(keys) == 1:
        begin = f"{names[0].upper()}{names[1:]} is missing here, or its files are damaged"
    else:
        begin = f"{names[0].upper()}{names[1:]} are missing here, or their files are damaged"
    whose = listed(left) + (" together" if len(left) > 1 else " alone")
    return (
        f"{begin}. The vote is that of {whose}; how often it is right was not measured. Whoever "
        "runs this page can fetch the folder `models/` again."
    )
