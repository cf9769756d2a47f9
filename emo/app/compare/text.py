"""Texts of the page *Compare clips*."""

from collections.abc import Sequence

from emo.app.compare.collection import (
    MAX_BYTES,
    MAX_CLIPS,
    SHOWS,
    Agreement,
    ClipCounts,
)
from emo.app.samples import Sample, credits_of
from emo.app.text import ALL_MODELS, PAGES, SHORT_NAMES
from emo.classifiers.voice import MIN_CLIPS as MIN_VOICE_CLIPS
from emo.classifiers.voice import VOICE
from emo.formatting import NBSP, in_words, listed, percent

TITLE = "Compare clips"
LEAD = (
    f"Upload several clips, see where {ALL_MODELS} agree, and count how often they are right. "
    "Tick two clips to put them side by side."
)
LIMITS = f"Up to {MAX_CLIPS} clips, together up to {MAX_BYTES // 2**20}{NBSP}MB."
UPLOAD_LABEL = "Clips"
FOLDER_LABEL = "A folder"
FOLDER_HELP = (
    "All clips in a folder and in the folders inside it. If a folder has the name of an emotion, "
    "that emotion is expected of its clips."
)
SAMPLES_LABEL = "Add the samples"
BACK_LABEL = "Back to the comparison"

SHOW_LABEL = "Show"
SHOW_NAMES = dict(
    zip(SHOWS, ("All", "Disagreement", "Unsure", "Wrong", "Not speech?", "Not read"), strict=True)
)
ENSEMBLE_LABEL = "Ensemble"
ANY_EMOTION = "any emotion"
ORDER_LABEL = "Order"
ORDER_NAMES = {
    "disagreement": "disagreement first",
    "given": "as uploaded",
    "name": "by name",
    "length": "longest first",
    "expected": "by expected emotion",
    "ensemble": "by emotion of the ensemble",
    "confidence": "least confident ensemble first",
}
NAME_LABEL = "Name contains"
NOTHING_SHOWN = "No clip matches."
SHOW_ALL_LABEL = "Show all clips"

TABLE_CAPTION = "Clips and their answers"
VOICE_NAME = "One speaker"
EXPECTED_LABEL = "Expected"
COLUMNS = {
    "name": "Clip",
    "length": "Length",
    "expected": EXPECTED_LABEL,
    VOICE: VOICE_NAME,
    **SHORT_NAMES,
    "agreement": "Agreement",
}
"""Titles of the columns; that of the voice is there where one is known."""
TABLE = {
    "caption": TABLE_CAPTION,
    "tick": "Tick {0}",
    "ticks": "Tick",
    "open": "Open {0} in full",
    "order": "Order the clips: {0}",
    "plays": "Play",
    "play": "Play {0}",
    "pause": "Pause {0}",
    "expect": "Emotion expected of {0}",
    "none": "–",
    "right": "as expected",
    "wrong": "not as expected",
}
"""Texts in the table; {0} is the name of a clip, or of an order."""

TABLE_NOTE = (
    "Click a clip to open it. A pale sign with a question mark means unsure. Agreement counts the "
    "models that are sure. “Disagreement first” puts clips higher, the more emotions the models "
    "answer and the further their probabilities lie apart. Expected is guessed from the name of "
    "the clip or of its folder; change it where the guess is wrong."
)
CSV_LABEL = "Table as CSV"
CSV_HELP = (
    "The clips shown, in this order, with the expected emotions. The format is that of `emo "
    "predict --format csv`."
)
EXPECT_TICKED_LABEL = "Expected of the ticked clips"
EXPECT_NOTHING = "choose …"

ONE_SPEAKER_LABEL = "All clips are of one speaker"
ONE_SPEAKER_HELP = (
    f"Where {MIN_VOICE_CLIPS} clips or more are of one speaker and differ in emotion, each gets "
    "one more answer, relative to what the clips have in common. Emo does not check who speaks. "
    "The command is `emo predict --same-speaker`."
)

SCORE_TITLE = "Right answers"
SCORE_CAPTION = "Share of clips with the expected answer"
NO_EXPECTED = (
    "Choose the expected emotion of some clips in the table. The right answers are then counted "
    "here."
)

MAP_TITLE = "Map of the clips"
MAP_NEEDS_MORE = "A map needs three clips or more."
SIGNS_LABEL = "Signs"
SIGNS_NAMES = {"answer": "Answer", "expected": "Expected"}
MAP = {
    "caption": "The clips on the map, and the most alike clip of each",
    "map": "Map of the clips. The arrow keys go from clip to clip.",
    "play": "Play {0}",
    "clip": "Clip",
    "answer": "Answer",
    "expected": EXPECTED_LABEL,
    "nearest": "Most alike",
    "none": "–",
}
"""Texts of the map; {0} is the name of a clip."""

SEND_HELP = "Adds the clips shown that have an expected emotion; if some are ticked, only those."
REMOVE_TICKED_LABEL = "Remove the ticked clips"
UNTICK_LABEL = "Untick all"
REMOVE_ALL_LABEL = "Remove all clips"
REMOVE_ALL_HELP = "Removes the clips and their answers from this session."

TICK_TWO = "Tick two clips to put them side by side."
TICK_ANOTHER = "One clip is ticked. Tick another to put the two side by side."
UNREADABLE = "A ticked clip could not be read. Tick another one instead."

PAIR_TITLE = "Side by side"
PAIR_NOTE = (
    "Both players show the same length of time and the same frequencies, and zoom together. "
    "Loudness is relative to the loudest moment of each clip, because the models get all clips at "
    "one level."
)
PLAYER_HINT = "Drag to select a part to play."
LETTERS = ("A", "B")
KEY = "A plain, B striped"


def clips(n: int) -> str:
    """Return a number of clips."""
    return f"{n} clip{'s' * (n != 1)}"


def samples_help(gallery: Sequence[Sample]) -> str:
    """Return the help of the button that adds the samples: what they are, and whose."""
    whose = credits_of(gallery)
    return f"Actors, a clip for each emotion. {whose}." if whose else "A clip for each emotion."


def agreement(agreement: Agreement) -> str:
    """Return how many models agree, such as "two of three"; "–" where there is only one."""
    n_models, n_sure, n_agreeing = agreement.n_models, agreement.n_sure, agreement.n_agreeing
    all_models = "both" if n_models == 2 else f"all {in_words(n_models)}"
    if n_models < 2:
        return "–"
    if n_sure == 0:
        return f"{all_models} unsure"
    if n_sure == 1:
        return "one sure"
    if n_agreeing == n_models:
        return all_models
    if n_agreeing > 1:
        return f"{in_words(n_agreeing)} of {in_words(n_models)}"
    return f"{all_models} differ" if n_sure == n_models else f"{in_words(n_sure)} differ"


def answered(done: int, total: int) -> str:
    """Return the text of the progress bar."""
    return f"{done} of {total} clips answered"


def left_out(names: Sequence[str]) -> str:
    """Return a warning with the names of the clips that exceed the limits."""
    n = len(names)
    shown = [*names[:3], f"{n - 3} more"] if n > 3 else names
    were = "One clip was" if n == 1 else f"{n} clips were"
    return f"{were} left out: {listed(shown)}. {LIMITS} Remove some to make room."


def copies(names: Sequence[str]) -> str:
    """Return a note with the other names of a clip."""
    return f"the same as {listed(names)}"


def voice_known(n_clips: int) -> str:
    """Return the note where all clips are stated to be of one speaker, and the voice is known."""
    return (
        f"{n_clips} different clips are stated to be of one speaker. The answers under "
        f"{VOICE_NAME} are relative to what these clips have in common."
    )


def csv_label(n_shown: int, n_clips: int) -> str:
    """Return the label of the button that saves the table; a filter shows some of its rows."""
    return CSV_LABEL if n_shown == n_clips else f"{CSV_LABEL}: {n_shown} of {n_clips} rows"


def send_label(n_clips: int) -> str:
    """Return the label of the button that makes clips examples."""
    return f"Send {n_clips} to {PAGES['teach']}"


def share(right: int, n_clips: int) -> str:
    """Return how many of the clips were answered as expected."""
    return f"{right} of {n_clips}"


def score_note(n_clips: int) -> str:
    """Return how uncertain the shares of right answers are."""
    clips = "1 clip has" if n_clips == 1 else f"{n_clips} clips have"
    return (
        f"{clips} an expected emotion. One clip more or less is {percent(1 / n_clips)}. An unsure "
        "answer counts as its likeliest emotion."
    )


def cell_sentence(expected: str, answer: str, n: int) -> str:
    """Return what a cell of the matrix means."""
    return f"{clips(n)} expected {expected}, answered {answer}."


def matrix_caption(key: str) -> str:
    """Return the caption of the matrix, read aloud."""
    return f"Clips by expected emotion, and the answers to them: {COLUMNS[key]}"


def map_note(explained: float) -> str:
    """Return what the map shows, and how much of the differences."""
    return (
        "The closer two clips, the more alike they are to the pre-trained encoder: in voice, words "
        f"and room as well as in emotion. The map shows {percent(explained)} of the differences. "
        "Click a clip to hear it."
    )


def ticked(names: Sequence[str]) -> str:
    """Return a hint where more than two clips are ticked."""
    return f"{len(names)} clips are ticked. Leave two to put them side by side."


def summary(counts: ClipCounts, right: int = 0, n_expected: int = 0) -> str:
    """Return how many clips were answered and how many right, and what is unusual.

    Parameters
    ----------
    counts
    right, n_expected
        Clips that were answered as expected, of those with an expected emotion.
    """
    n_clips: dict[str, int] = {}
    for kind, n in counts.agreements:
        n_clips[agreement(kind)] = n_clips.get(agreement(kind), 0) + n
    parts = [f"{clips(counts.answered)} answered."]
    if n_expected:
        parts.append(f"{right} of {n_expected} right ({percent(right / n_expected)}).")
    if n_clips:
        parts.append(f"Agreement: {', '.join(f'{text} in {n}' for text, n in n_clips.items())}.")
    unusual = {
        f"the ensemble is unsure in {counts.unsure}": counts.unsure,
        f"{counts.non_speech} may not be speech": counts.non_speech,
        f"{counts.unread} could not be read": counts.unread,
    }
    text = "; ".join(part for part, n in unusual.items() if n)
    return " ".join([*parts, f"{text[0].upper()}{text[1:]}."] if text else parts)


def clip(letter: str, is_known: bool = False) -> str:
    """Return the text above the served answer to one of two clips, whose voice may be known."""
    return f"Clip {letter}: {'all clips of one speaker' if is_known else 'the ensemble'}"


def pair_caption(name: str) -> str:
    """Return the caption of the bars of a model, read aloud."""
    first, second = LETTERS
    return f"{name}: probability of each emotion in clip {first} and in clip {second}"
