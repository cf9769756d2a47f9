"""Texts of the verdict beside the player."""

from emo.app.text import in_short
from emo.classifiers.ensembles import FROM_SCRATCH
from emo.classifiers.registry import CLASSIFIERS
from emo.formatting import NBSP, in_words, percent
from emo.inference.predictor import Answer

TOGETHER = "Together"
NOT_TO_BE_RELIED_ON = "do not rely on this"
STRANGE = "Unlike the training clips, so the confidence is lowered."
YOURS = "Yours"
GUEST = "guest"
POINTS_TITLE = "How often it is right"
PROBABLY_YOU = "probably yours"
ROWS_LABEL = "Each model"
OVER_TIME = "Together, over time"
ON_AVERAGE = "On average"
NO_HEADLINE = "…"
PROBABLY = "Probably"
RESET_LABEL = "Reset"
UNCHANGED = "the whole clip, unchanged"
RESET_HELP = f"Back to {UNCHANGED}."
ROW_NAMES = {key: row.short_name for key, row in CLASSIFIERS.items()} | {
    FROM_SCRATCH: "From scratch",
}
"""Name of each model in its row."""


def all_labels(n: int) -> str:
    """Return what opens the shares of all labels, such as "All seven emotions"."""
    return f"All {in_words(n)} emotions"


def overline(
    part_s: tuple[float, float] | None,
    is_altered: bool,
    is_doubtful: bool = False,
    who: str = TOGETHER,
) -> str:
    """Return the line above the verdict: of what it is the verdict.

    Parameters
    ----------
    part_s
        Start and end of the selected part in seconds; None for the whole clip.
    is_altered
        Whether *What if* alters the clip.
    is_doubtful
        Whether it may be no speech.
    who
        Whose verdict it is.
    """
    parts = [f"{who}: {NOT_TO_BE_RELIED_ON}" if is_doubtful else who]
    if part_s is not None:
        parts.append(f"selected part, {part_s[0]:.2f} to {part_s[1]:.2f}{NBSP}s")
    if is_altered:
        parts.append("changed")
    return " · ".join(parts)


def before(then: Answer) -> str:
    """Return what an answer was, to stand before an arrow and the answer of now.

    The label is repeated only where it changed, as in "angry 98 % → 62 %".
    """
    return f"{then.label}{NBSP}{percent(then.confidence)}"


def announcement(now: Answer, then: Answer | None, place: str) -> str:
    """Return the verdict as a screen reader announces it.

    Parameters
    ----------
    now
        Answer of the ensemble.
    then
        Its answer to the whole clip as it was recorded, if that is another matter.
    place
        The line above the verdict.
    """
    was = "" if then is None else f"; it was {in_short(then)} for {UNCHANGED}"
    return f"{place}: {in_short(now)}{was}."
