"""The words of the page *Compare clips*.  Nothing here imports Streamlit."""

from collections.abc import Sequence

from emo.app.compare.collection import ANY, MAX_BYTES, MAX_CLIPS, SHOWS, VOTES, Tally
from emo.app.text import SHORT_NAMES
from emo.formatting import NBSP, listed
from emo.inference.predictor import Answer

TITLE = "Compare clips"
LEAD = (
    "Give it several clips, and see where the three models agree. Tick two to put them side by "
    "side."
)
LIMITS = f"Up to {MAX_CLIPS} clips, together up to {MAX_BYTES // 2**20}{NBSP}MB."
UPLOAD_LABEL = "Clips, or a folder of them"
SAMPLES_LABEL = "Add the samples"
SAMPLES_HELP = "Synthetic speech, one clip for each emotion; no person speaks."
BACK_LABEL = "Back to the comparison"
LISTENING = "Listening …"

SHOW_LABEL = "Show"
SHOW_NAMES = dict(
    zip(SHOWS, ("All", "Disagreement", "Unsure", "Out of place", "Not read"), strict=True)
)
VOTE_LABEL = "Vote"
VOTE_NAMES = {key: key for key in VOTES} | {ANY: "any emotion"}
ORDER_LABEL = "Order"
ORDER_NAMES = {
    "disagreement": "disagreement first",
    "given": "as given",
    "name": "by name",
    "length": "longest first",
    "vote": "by emotion of the vote",
    "confidence": "least confident vote first",
}
NAME_LABEL = "Name contains"
NOTHING_SHOWN = "None of the clips is of this kind."
SHOW_ALL_LABEL = "Show all clips"

TABLE_CAPTION = "Clips and the answers to them"
COLUMNS = {
    "name": "Clip",
    "length": "Length",
    **SHORT_NAMES,
    "agreement": "Agreement",
}
TABLE = {
    "caption": TABLE_CAPTION,
    "tick": "Tick {0}",
    "ticks": "Tick",
    "open": "Open {0} in full",
    "order": "Order the clips: {0}",
}
"""What the table says; {0} is the name of a clip, or of an order."""

AGREEMENTS = {1: "all three", 2: "two of three", 3: "all differ"}
AGREEMENTS_OF_TWO = {1: "both", 2: "the two differ"}
NO_AGREEMENT = "–"
SYNTHETIC = "synthetic speech"
TABLE_NOTE = (
    "Click a clip to see it in full. A pale sign and a question mark: unsure. Disagreement first "
    "means: first where the models name most different emotions, and among these where their "
    "percentages lie furthest apart."
)
CSV_LABEL = "Table as CSV"
CSV_HELP = "The clips that are shown, in this order, as `python -m emo predict` writes them."
REMOVE_LABEL = "Remove the ticked"
UNTICK_LABEL = "Untick all"
FORGET_LABEL = "Forget all clips"
FORGET_HELP = "Removes the clips and their answers from this session."

TICK_TWO = "Tick two clips to put them side by side."
TICK_ANOTHER = "One clip is ticked. Tick another to put the two side by side."
UNREADABLE = "A ticked clip could not be read, so it cannot be put beside another."

PAIR_TITLE = "Side by side"
PAIR_NOTE = (
    "Both players show the same seconds across and the same frequencies up; zoom one, and the "
    "other follows. Loudness is relative to the loudest moment of each clip, since the models "
    "hear no absolute loudness."
)
PLAYER_HINT = "Drag to select a part to play."
LETTERS = ("A", "B")
KEY = "A plain, B striped"


def answered(done: int, total: int) -> str:
    """How far the answers are, for the progress bar."""
    return f"{done} of {total} clips answered"


def left_out(names: Sequence[str]) -> str:
    """That clips are beyond the limits, and which."""
    n = len(names)
    told = [*names[:3], f"{n - 3} more"] if n > 3 else names
    were = "One clip was" if n == 1 else f"{n} clips were"
    return f"{were} left out: {listed(told)}. {LIMITS} Remove some to make room."


def copies(names: Sequence[str]) -> str:
    """The other names of a clip."""
    return f"the same as {listed(names)}"


def unsure(answer: Answer) -> str:
    """Which one or two labels an unsure answer names."""
    return f"unsure: {' or '.join(answer.named)}"


def ticked(names: Sequence[str]) -> str:
    """That too many are ticked for a pair."""
    return f"{len(names)} clips are ticked. Leave two to put them side by side."


def summary(counts: Tally) -> str:
    """How many clips there are, how many the models agree on, and what is odd among them."""
    n = counts.answered
    one, two, three = (number or "none" for number in counts.named)
    agreed = (
        f"{n} clip{'s' * (n != 1)} answered: all three models agree on {one}, two of three on "
        f"{two}, and on {three} all differ."
    )
    are = "is" if counts.doubtful == 1 else "are"
    odd = {
        f"the vote is unsure in {counts.unsure}": counts.unsure,
        f"{counts.doubtful} {are} out of place": counts.doubtful,
        f"{counts.unread} could not be read": counts.unread,
    }
    text = "; ".join(part for part, number in odd.items() if number)
    return f"{agreed} {text[0].upper()}{text[1:]}." if text else agreed


def clip(letter: str) -> str:
    """Over the vote on one of two clips."""
    return f"Clip {letter}: the vote"


def pair_caption(name: str) -> str:
    """Whose bars these are, read aloud."""
    first, second = LETTERS
    return f"{name}: share of each emotion in clip {first} and in clip {second}"
