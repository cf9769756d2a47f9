"""The words for a closer look at the answers, and for figures that are kept as files."""

from collections.abc import Sequence

from emo.slices import Bin
from emo.ui_words import percent, points, tenths

LOOK_LABEL = "A closer look"
LOOK_NAMES = {
    "classes": "Emotion by emotion",
    "reliability": "Reliability",
    "roc": "ROC",
    "difference": "Difference",
    "learning": "Learning",
}
MODEL_LABEL = "Model"
FIRST_LABEL = "First"
SECOND_LABEL = "Second"

RELIABILITY_TITLE = "Can the percentages be believed?"
RELIABILITY_AXES = ("Stated percentage", "Share that is right", "Answers")
RELIABILITY_NOTE = (
    "Answers are put together by the percentage of the likeliest emotion, in 15 steps. On the "
    "dotted line a model is right as often as it says; below it, it is too sure of itself, above "
    "it, too modest. Below, how many answers there are. The threshold above leaves this as it is."
)
RELIABILITY_COLUMNS = ("Percentage", "Answers", "Mean", "Right")
ROC_TITLE = "Each emotion against all others"
ROC_AXES = ("False alarms", "Found")
ROC_NOTE = (
    "If a clip were called so from some percentage of that emotion on: how many of its clips would "
    "be found, and how many of all others would be called so too. AUC, the area under the curve: "
    f"how often a clip of the emotion has the higher percentage, of two; guessing gives "
    f"{percent(0.5)}. The threshold above leaves this as it is."
)
ROC_COLUMN = "Area under the curve"
ROC_MEAN = "Mean"
NO_ROC = "These clips are all of one emotion, so there is nothing to tell apart."
DIFFERENCE_TITLE = "One against another"
SAME = "Choose two different ones."

SAVE = "Save"
KINDS = {"png": "Picture (PNG)", "svg": "Drawing (SVG)", "csv": "Table (CSV)"}
ACROSS, DOWN = "Answer", "Acted"
EPOCH = "Epoch"


def bin_sentence(one: Bin) -> str:
    """What a bin of the reliability diagram says."""
    between = f"between {percent(one.low)} and {percent(one.high)}"
    if one.accuracy is None or one.confidence is None:
        return f"No answer was given with {between}."
    return (
        f"{one.n:,} answer{'s' * (one.n != 1)} with {between}, on average "
        f"{tenths(one.confidence)}: {tenths(one.accuracy)} right."
    )


def bin_row(one: Bin) -> list[str]:
    """A row of the table under the reliability diagram."""
    shares = ("–" if value is None else tenths(value) for value in (one.confidence, one.accuracy))
    return [f"{100 * one.low:.0f} to {percent(one.high)}", f"{one.n:,}", *shares]


def calibration_sentence(name: str, error: float, n: int) -> str:
    """How far the percentages of a model lie from the truth on average."""
    return f"{name}: calibration error {points(error)}, over {n:,} answers."


def reliability_alt(name: str) -> str:
    """What a screen reader says of a reliability diagram."""
    return f"Reliability diagram of the {name}. The table beside it has the figures."


def roc_alt(name: str) -> str:
    """What a screen reader says of the ROC curves."""
    return f"ROC curves of the {name}, one for each emotion. The table beside it has the areas."


def difference_sentence(
    acted: str, answer: str, names: Sequence[str], one: float, other: float
) -> str:
    """What a cell of the difference says; shares of the two, in their order."""
    if one != one or other != other:
        return f"No clip that was acted {acted} is here."
    return f"Acted {acted}, called {answer}: {names[0]} {tenths(one)}, {names[1]} {tenths(other)}."


def difference_note(names: Sequence[str]) -> str:
    """How to read the matrix of differences."""
    return (
        f"Each cell: the share of the row that the {names[0]} called so, less the share that the "
        f"{names[1]} did, in points. Blue: the {names[0]} says it more often; orange: the "
        f"{names[1]} does. On the diagonal more is better, elsewhere less."
    )


def difference_alt(names: Sequence[str]) -> str:
    """What a screen reader says of the matrix of differences."""
    return f"Matrix of differences in points: the {names[0]} less the {names[1]}."


def difference_title(names: Sequence[str]) -> str:
    """Title of a matrix of differences that is saved."""
    return f"{names[0]} less {names[1]}: points"


def run_note(test: str, run: str) -> str:
    """What run a saved learning curve is of."""
    return f"{test}, fold {run.rsplit('-', 1)[-1]}. Emo."


def matrix_title(name: str, normalise: bool) -> str:
    """Title of a matrix that is saved."""
    return f"{name}: {'per cent of each row' if normalise else 'counts'}"


def note(test: str, recordings: str, voices: str, floor: int, n_clips: int) -> str:
    """What a saved figure is of."""
    parts = [test, recordings]
    if voices:
        parts.append(voices.lower())
    if floor:
        parts.append(f"answers of {floor} % and more")
    return f"{', '.join(parts)}; {n_clips:,} test clips. Emo."
