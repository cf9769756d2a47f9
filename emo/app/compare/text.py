"""Texts of the page *Compare clips*."""

from collections.abc import Sequence

from emo.app.compare.collection import (
    ANY,
    ENSEMBLE_ANSWERS,
    MAX_BYTES,
    MAX_CLIPS,
    SHOWS,
    Agreement,
    ClipCounts,
)
from emo.app.samples import Sample, credits_of
from emo.app.text import ALL_MODELS, SHORT_NAMES
from emo.formatting import NBSP, in_words, listed
from emo.inference.predictor import Answer

TITLE = "Compare clips"
LEAD = (
    f"Upload several clips and see where {ALL_MODELS} agree. Tick two clips to put them side by "
    "side."
)
LIMITS = f"Up to {MAX_CLIPS} clips, together up to {MAX_BYTES // 2**20}{NBSP}MB."
UPLOAD_LABEL = "Clips, or a folder of them"
SAMPLES_LABEL = "Add the samples"
BACK_LABEL = "Back to the comparison"

SHOW_LABEL = "Show"
SHOW_NAMES = dict(
    zip(SHOWS, ("All", "Disagreement", "Unsure", "Not speech?", "Not read"), strict=True)
)
ENSEMBLE_LABEL = "Ensemble"
ENSEMBLE_NAMES = {key: key for key in ENSEMBLE_ANSWERS} | {ANY: "any emotion"}
ORDER_LABEL = "Order"
ORDER_NAMES = {
    "disagreement": "disagreement first",
    "given": "as uploaded",
    "name": "by name",
    "length": "longest first",
    "ensemble": "by emotion of the ensemble",
    "confidence": "least confident ensemble first",
}
NAME_LABEL = "Name contains"
NOTHING_SHOWN = "No clip matches."
SHOW_ALL_LABEL = "Show all clips"

TABLE_CAPTION = "Clips and their answers"
COLUMNS = {"name": "Clip", "length": "Length", **SHORT_NAMES, "agreement": "Agreement"}
TABLE = {
    "caption": TABLE_CAPTION,
    "tick": "Tick {0}",
    "ticks": "Tick",
    "open": "Open {0} in full",
    "order": "Order the clips: {0}",
}
"""Texts in the table; {0} is the name of a clip, or of an order."""

TABLE_NOTE = (
    "Click a clip to see it in full. A pale sign and a question mark mean unsure. Agreement counts "
    "the models that are sure. Disagreement first: the more emotions they name, and the further "
    "their percentages lie apart, the higher."
)
CSV_LABEL = "Table as CSV"
CSV_HELP = "The clips shown, in this order, in the format of `emo predict --format csv`."
REMOVE_TICKED_LABEL = "Remove the ticked"
UNTICK_LABEL = "Untick all"
REMOVE_ALL_LABEL = "Remove all clips"
REMOVE_ALL_HELP = "Removes the clips and their answers from this session."

TICK_TWO = "Tick two clips to put them side by side."
TICK_ANOTHER = "One clip is ticked. Tick another to put the two side by side."
UNREADABLE = "A ticked clip could not be read. Tick another one instead."

PAIR_TITLE = "Side by side"
PAIR_NOTE = (
    "Both players show the same length of time and the same frequencies; when you zoom one, the "
    "other follows. Loudness is relative to the loudest moment of each clip, because the models "
    "get all clips at one level."
)
PLAYER_HINT = "Drag to select a part to play."
LETTERS = ("A", "B")
KEY = "A plain, B striped"


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


def unsure(answer: Answer) -> str:
    """Return the one or two labels that an unsure answer names."""
    return f"unsure: {' or '.join(answer.named)}"


def ticked(names: Sequence[str]) -> str:
    """Return a hint where more than two clips are ticked."""
    return f"{len(names)} clips are ticked. Leave two to put them side by side."


def summary(counts: ClipCounts) -> str:
    """Return how many clips were answered, how far the models agree, and what is unusual."""
    n_clips: dict[str, int] = {}
    for kind, n in counts.agreements:
        n_clips[agreement(kind)] = n_clips.get(agreement(kind), 0) + n
    parts = [f"{counts.answered} clip{'s' * (counts.answered != 1)} answered."]
    if n_clips:
        parts.append(f"Agreement: {', '.join(f'{text} in {n}' for text, n in n_clips.items())}.")
    unusual = {
        f"the ensemble is unsure in {counts.unsure}": counts.unsure,
        f"{counts.non_speech} may not be speech": counts.non_speech,
        f"{counts.unread} could not be read": counts.unread,
    }
    text = "; ".join(part for part, n in unusual.items() if n)
    return " ".join([*parts, f"{text[0].upper()}{text[1:]}."] if text else parts)


def clip(letter: str) -> str:
    """Return the text above the ensemble on one of two clips."""
    return f"Clip {letter}: the ensemble"


def pair_caption(name: str) -> str:
    """Return the caption of the bars of a model, read aloud."""
    first, second = LETTERS
    return f"{name}: share of each emotion in clip {first} and in clip {second}"
