"""Texts of the page *Confusion matrices*."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from emo.app.text import ALL_CORPORA, ALL_IN_TEXT, CORPUS_NAMES, MODEL_NAMES, MODELS_IN_TEXT
from emo.corpora import protocols
from emo.evaluation.bootstrap import N_RESAMPLES
from emo.evaluation.metrics import Bin
from emo.evaluation.subsets import ALL
from emo.formatting import NBSP, listed, percent, points, signed, tenths

MATRICES_TITLE = "Confusion matrices"
MATRICES_LEAD = (
    "What each model answered for clips that it was not trained on. Each row holds the clips of "
    "one acted emotion; the diagonal holds the right answers."
)

# --- The filter ----------------------------------------------------------------------------------

PROTOCOL_LABEL = "Test"
SHOW_LABEL = "Numbers"
CORPUS_LABEL = "Recordings"
SHOWN_PROTOCOLS = (
    protocols.SPEAKERS,
    protocols.RANDOM,
    protocols.CROSS_CORPUS,
    protocols.EMOBOX,
    protocols.LISTENERS,
)
PROTOCOL_NAMES = {row.key: row.title for row in SHOWN_PROTOCOLS}
PROTOCOL_MEANINGS = {row.key: row.description for row in SHOWN_PROTOCOLS}
SHOW_NAMES = {"shares": "Shares", "counts": "Counts"}
VOICES_LABEL = "Voices"
VOICES_NAMES = {ALL: "All", "women": "Women", "men": "Men"}
THRESHOLD_LABEL = "Minimum confidence"
THRESHOLD_HELP = (
    "Answers with a lower confidence are left out. The share of clips that are still answered "
    "stands above each matrix. Listeners gave no confidence, so all their votes count."
)


def threshold_name(threshold_percent: int) -> str:
    """Return a threshold of the slider as text."""
    return f"{threshold_percent}{NBSP}%"


# --- Messages ------------------------------------------------------------------------------------

READING = "Reading the stored answers …"
NO_PREDICTIONS = (
    "The stored answers behind these figures are missing or damaged, so they cannot be filtered or "
    "listed. `python -m emo evaluate --protocol all` makes them again; it needs the recordings."
)
NO_VOTES = (
    "The stored votes of the listeners are missing, so they cannot be filtered or listed. Put the "
    "table `cremad_listener_votes.csv` into the folder of the corpora."
)
NO_LISTENERS = "The votes of the listeners are missing."
NO_SCORES_OF_CORPUS = "No model was tested on these recordings in this way."
NONE_LEFT = "No answer is left. Choose other recordings or voices, or a lower minimum confidence."


def not_tested(protocol: str) -> str:
    """Return, as Markdown, that a test was not run, with the command that runs it."""
    return (
        f"This test was not run yet. `python -m emo evaluate --protocol {protocol}` runs it; it "
        "needs the recordings and takes time."
    )


def some_not_tested(keys: Sequence[str]) -> str:
    """Return which models were not tested where others were."""
    names = [ALL_IN_TEXT[key] for key in keys]
    text = listed(names)
    return f"{text[0].upper()}{text[1:]} {'has' if len(names) == 1 else 'have'} no figures here."


def unknown_sexes(n_clips: int) -> str:
    """Return how many clips are left out because the speaker's sex is not known."""
    return (
        f"{n_clips:,} clips are left out because the sex of their speakers is not known here. For "
        "CREMA-D, put the table `cremad_actors.csv` into the folder of the corpora."
    )


def left_out(n_clips: int) -> str:
    """Return how many test clips no model could use."""
    return f"{n_clips} test clip{'s' * (n_clips > 1)} had no usable sound and stayed out."


# --- Over and under the matrices -----------------------------------------------------------------

LISTENERS = "listeners"
LISTENERS_NAME = "Listeners"
SCORE_NAMES = {
    "accuracy": "Accuracy",
    "uar": "UAR",
    "macro_f1": "Macro-F1",
    "ece": "Calibration error",
}
COVERAGE = "Answered"
SINGLE_LISTENER = "A single listener"
PLURALITY = "The most frequent vote on a clip"
PROVENANCE_TITLE = "Where these figures come from"


def model_name(key: str) -> str:
    """Return the name of a model, of the ensemble or of the listeners."""
    return MODEL_NAMES.get(key, LISTENERS_NAME)


def tested_on(n_clips: int, corpus: str, runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the number of clips and folds behind the matrices, and the commits of the code."""
    of_corpus = "" if corpus == ALL_CORPORA else f" of {CORPUS_NAMES.get(corpus, corpus)}"
    parts = [f"{n_clips:,} test clips{of_corpus}"]
    if runs:
        parts.append(f"{len(runs)} fold{'s' * (len(runs) > 1)}")
        commits = list(dict.fromkeys(short_commit(run.get("commit", "?")) for run in runs))
        parts.append(f"commit{'s' * (len(commits) > 1)} {', '.join(commits)}")
    return " · ".join(parts)


def short_commit(commit: object) -> str:
    """Return the first ten digits of a commit, with any suffix such as ``-dirty``."""
    return re.sub(r"^([0-9a-f]{10})[0-9a-f]{30}", r"\1", str(commit))


def coverage_counts(n: int, n_all: int) -> str:
    """Return how many of the clips are answered."""
    return f"{n:,} of {n_all:,}"


def scores_note(
    n_labels: int, shown: Collection[str], corpus: str, is_cross_corpus_mean: bool = False
) -> str:
    """Return what the scores over a matrix mean.

    Parameters
    ----------
    n_labels
        Number of labels that the models choose from.
    shown
        Names of the scores that are shown.
    corpus
        Key of the corpus, or ``all``.
    is_cross_corpus_mean
        UAR is the mean over the corpora that are tested in turn.
    """
    text = (
        "Accuracy: the share of clips with the right answer. UAR: the mean of the recalls of the "
        "emotions, so that rare emotions count as much as frequent ones; guessing gives "
        f"{tenths(1 / n_labels)}. Macro-F1: the mean of the F1 of each emotion."
    )
    if is_cross_corpus_mean:
        text += " Here UAR is the mean of the UAR of the four corpora, each counting alike."
    if "ece" in shown:
        text += (
            " Calibration error: the mean distance between the confidence of answers and the share "
            "of them that is right."
        )
    if "intervals" in shown:
        text += (
            f" Small figures: 95{NBSP}% intervals, from {N_RESAMPLES:,} random draws of the test "
            "speakers."
        )
        if corpus in ("tess", "savee"):
            text += " This corpus has few speakers, so its intervals are too narrow."
    return text


def matrix_alt(name: str, normalise: bool) -> str:
    """Return the description of a matrix for screen readers."""
    cells = "share of each acted emotion" if normalise else "number of answers"
    return f"Confusion matrix of the {name}: {cells} by answer."


def votes(n: int) -> str:
    """Return a number of votes as text."""
    return f"{n:,} votes"


def clips(n: int) -> str:
    """Return a number of clips as text."""
    return f"{n:,} clips"


def provenance(run: Mapping[str, Any], folds: Sequence[Any]) -> str:
    """Return the command, commit, seed and folds behind some scores, as Markdown."""
    command, commit = (str(run.get(key, "?")).replace("`", "") for key in ("command", "commit"))
    tested = f", fold{'s' * (len(folds) > 1)} {', '.join(str(fold) for fold in folds)}"
    return f"`{command}`, commit `{commit}`, seed {run.get('seed', '?')}{tested}."


# --- Beside the matrices -------------------------------------------------------------------------

CROSS_CORPUS_FOLDS = {1: "CREMA\u2011D", 2: "RAVDESS, with its songs", 3: "TESS", 4: "SAVEE"}
"""The corpus that each fold of ``cross-corpus`` tests."""

CROSS_CORPUS_TITLE = "UAR on each corpus in turn"
CROSS_CORPUS_COLUMNS = ("Model", *CROSS_CORPUS_FOLDS.values(), "Mean")
PUBLISHED_TITLE = "Beside published models"
OURS = "Emo"
EMOBOX_SPLITS = {
    protocols.EMOBOX.key: "Other clips of the speakers of this test were in training.",
    protocols.SPEAKERS.key: "No speaker of this test was in training.",
}
"""Sentence on a test of the benchmark, by the protocol whose folds it has."""

LISTENERS_TITLE = "Models and listeners"
LISTENERS_COLUMNS = (
    "Who answers",
    "Same as acted",
    "UAR",
    "Same as the most frequent vote",
    "Distance from the votes",
)
BASELINES = {
    "distance_of_acted_label": "Always certain of the acted emotion",
    "distance_of_equal_shares": "The same share for all six",
    "distance_of_mean_votes": "The mean of all votes",
}
"""Distances from the votes to compare with, by their names in ``listeners.json``."""


def emobox_note(corpus: str, protocol: str, sources: Sequence[str]) -> str:
    """Return how the models are compared with published ones."""
    return (
        f"UAR is the mean over the folds (EmoBox calls it UA, and accuracy WA). "
        f"{EMOBOX_SPLITS[protocol]} The models of Emo are trained on all other clips of the four "
        f"corpora, the published ones on those of {CORPUS_NAMES.get(corpus, corpus)} alone. "
        f"Published in {listed(sources)}."
    )


def listeners_note(n_clips: int, n_votes: int) -> str:
    """Return what the comparison with listeners means."""
    return (
        f"{n_votes:,} votes on {n_clips:,} clips, by people who heard the voice and did not see "
        "the face. Distance from the votes: how far a model's probabilities lie from the shares of "
        "the votes on a clip, 0 to 1 (total variation), the mean over clips. A smaller distance is "
        "nearer to how people hear the clip, which need not be the acted emotion."
    )


# --- The clips in a cell -------------------------------------------------------------------------

CELL_TITLE = "Clips in this cell"
CELL_HINT = "Click a cell of a matrix, or choose one here, to see its clips."
CELL_MODEL_LABEL = "Answers of"
ACTED_LABEL = "Acted"
ANSWER_LABEL = "Answer"
CHOOSE = "Choose …"
ORDER_LABEL = "Order"
ORDER_NAMES = {"surest": "Surest first", "doubtful": "Least sure first"}
EARLIER = "Earlier"
LATER = "Later"
HOW_TO_PLAY = (
    "To play these clips, put the corpora into a folder on the computer that runs Emo, and start "
    "Emo with EMO_DATA set to that folder. docs/training.md says where to get them."
)
LARGER = "Show larger"
KEYS_HINT = "↓ and ↑ play the next clip and the one before."
LOOKING = "Looking for the recordings …"
CANNOT_PLAY = "This clip cannot be played."
OPEN = "Open on the page Analyse"

_SEX_NAMES = {"women": "woman", "men": "man"}


def cell_sentence(acted: str, answer: str, n: int, n_row: int, is_of_listeners: bool) -> str:
    """Return what a cell of a matrix means, as a sentence.

    Parameters
    ----------
    n, n_row
        Clips (votes, for listeners) in the cell and in its row.
    """
    if not n_row:
        return f"There is no clip that was acted {acted}."
    share = percent(n / n_row)
    if is_of_listeners:
        return f"Of {n_row:,} votes on clips acted {acted}, {n:,} ({share}) were for {answer}."
    row = f"{n_row:,} clip{'s' * (n_row != 1)}"
    cell = f"{n:,} ({share}) {'was' if n == 1 else 'were'} answered {answer}"
    return f"Of {row} acted {acted}, {cell}{', which is right' if acted == answer else ''}."


def shown_of(first: int, last: int, n: int) -> str:
    """Return which of the clips are listed."""
    return f"{first:,} to {last:,} of {n:,}"


def speaker(corpus: str, name: str, sex: str) -> str:
    """Return the corpus, number and sex of a speaker."""
    number = name.split("-", 1)[-1]
    return f"{corpus}, speaker {number}" + (f", {_SEX_NAMES[sex]}" if sex in _SEX_NAMES else "")


def votes_for(answer: str, n: int, n_all: int) -> str:
    """Return how many listeners gave an answer."""
    return f"{n} of {n_all} listeners said {answer}"


# --- Diagnostics ---------------------------------------------------------------------------------

LOOK_LABEL = "More about the models"
LOOK_NAMES = {
    "classes": "Emotion by emotion",
    "reliability": "Reliability",
    "risk": "Risk and coverage",
    "roc": "ROC",
    "difference": "Difference",
    "learning": "Learning",
}

PER_CLASS_NOTE = (
    "Precision: of the clips with this answer, the share that was acted so. Recall: of the clips "
    "acted so, the share that got this answer. F1: the harmonic mean of both."
)
PER_CLASS_COLUMNS = ("Emotion", "Clips", "Precision", "Recall", "F1")


def per_class_caption(name: str) -> str:
    """Return the caption of the table of one model."""
    return f"{name}, emotion by emotion"


CURVES_MODEL_LABEL = "Model"
RELIABILITY_AXES = ("Confidence", "Share that is right", "Answers")
RELIABILITY_NOTE = (
    "Answers are grouped by confidence, in 15 steps. On the dotted line a model is right as often "
    "as its confidence says. Below the line it is overconfident, above it underconfident. The bars "
    "count the answers. The minimum confidence has no effect here."
)
RELIABILITY_COLUMNS = ("Confidence", "Answers", "Mean", "Right")
ROC_AXES = ("False alarms", "Found")
ROC_NOTE = (
    "Suppose a clip got an answer as soon as the probability of that emotion reached a threshold. "
    "Each point of a curve is one threshold: the share of the clips acted so that are found, and "
    "the share of all others that are false alarms. AUC, the area under the curve: of two clips, "
    "one acted so and one not, how often the first has the higher probability; guessing gives "
    f"{percent(0.5)}. The minimum confidence has no effect here."
)
ROC_COLUMN = "Area under the curve"
ROC_MEAN = "Mean"
NO_ROC = "All these clips are of one emotion, so there are no curves."


def bin_sentence(row: Bin) -> str:
    """Return what a bin of the reliability diagram means."""
    between = f"between {percent(row.low)} and {percent(row.high)}"
    if row.accuracy is None or row.confidence is None:
        return f"There are no answers {between}."
    return (
        f"{row.n:,} answer{'s' * (row.n != 1)} {between}, on average "
        f"{tenths(row.confidence)}: {tenths(row.accuracy)} right."
    )


def bin_row(row: Bin) -> list[str]:
    """Return a row of the table beside the reliability diagram."""
    shares = ("–" if value is None else tenths(value) for value in (row.confidence, row.accuracy))
    return [f"{100 * row.low:.0f} to {percent(row.high)}", f"{row.n:,}", *shares]


def calibration_sentence(name: str, error: float, n: int) -> str:
    """Return the calibration error of a model."""
    return f"{name}: calibration error {points(error)}, over {n:,} answers."


def reliability_alt(name: str) -> str:
    """Return the description of a reliability diagram for screen readers."""
    return f"Reliability diagram of the {name}. The table under it has the figures."


def roc_alt(name: str) -> str:
    """Return the description of the ROC curves for screen readers."""
    return f"ROC curves of the {name}, one for each emotion. The table beside it has the areas."


FIRST_LABEL = "First"
SECOND_LABEL = "Second"
SAME = "Choose two different ones."


def difference_sentence(
    acted: str, answer: str, names: Sequence[str], first: float, second: float
) -> str:
    """Return what a cell of the difference means; the shares are NaN for a row without clips."""
    if first != first or second != second:
        return f"There is no clip that was acted {acted}."
    shares = f"{names[0]} {tenths(first)}, {names[1]} {tenths(second)}"
    return f"Acted {acted}, answered {answer}: {shares}."


def difference_note(names: Sequence[str]) -> str:
    """Return how to read the matrix of differences."""
    return (
        "Each cell: of the clips in the row, the share that the first model answers so, minus the "
        f"share that the second does, in points. Blue: {names[0]} answers so more often; orange: "
        f"{names[1]} does. On the diagonal more is better, elsewhere less is."
    )


PAIRED_COLUMNS = ("Rate", "Difference", "95\u00a0% interval", "Detectable")
PAIRED_NOTE = (
    "Both models answer the same clips, and are counted in the same draws of speakers. Where zero "
    "lies outside the interval, the difference is more than chance. Detectable: the smallest true "
    "difference that a test of this size finds in 80\u00a0% of the cases."
)
NO_PAIRED = (
    "For an interval of the difference choose two models, and a minimum confidence of 0\u00a0%."
)


def paired_row(
    name: str, difference: float, interval: Sequence[float], detectable: float
) -> list[str]:
    """Return a rate's difference of two models, its interval, and what could be detected."""
    low, high = (signed(100 * value, 1) for value in interval)
    return [name, signed(100 * difference, 1), f"{low} to {high}", points(detectable)]


def difference_alt(names: Sequence[str]) -> str:
    """Return the description of the matrix of differences for screen readers."""
    return f"Matrix of differences in points: the {names[0]} minus the {names[1]}."


FOLD_LABEL = "Fold"
CURVES_NAMES = ("training clips", "test clips")
CURVES_NOTE = (
    "Training clips are changed at random (stretched, mixed, noisy), so accuracy on them stays "
    "below what the model reaches on unchanged clips. Test clips are not used in training."
)
CURVE_TITLES = {"loss": "Loss", "accuracy": "Accuracy"}
EPOCH = "Epoch"
NO_CURVES = "There are no learning curves for this kind of test."


def curves_title(key: str) -> str:
    """Return the title of the learning curves of a classifier."""
    return f"Learning curves of {MODELS_IN_TEXT[key]}"


def curve_alt(title: str, key: str) -> str:
    """Return the description of a learning curve for screen readers."""
    return f"{title} of {MODELS_IN_TEXT[key]} over the epochs of training"


def run_name(run: str) -> str:
    """Return the name of a training run: "Fold 2" for ``speakers-2``."""
    return f"Fold {run.rsplit('-', 1)[-1]}"


# --- Saved figures -------------------------------------------------------------------------------

SAVE = "Save"
FILE_KINDS = {
    "png": "Picture (PNG)",
    "svg": "Drawing (SVG)",
    "pdf": "Document (PDF)",
    "csv": "Table (CSV)",
}


def matrix_title(name: str, normalise: bool) -> str:
    """Return the title of a saved matrix."""
    return f"{name}: {'per cent of each row' if normalise else 'counts'}"


def difference_title(names: Sequence[str]) -> str:
    """Return the title of a saved matrix of differences."""
    return f"{names[0]} minus {names[1]}: points"


def run_note(protocol: str, run: str) -> str:
    """Return the note of a saved learning curve."""
    return f"{protocol}, fold {run.rsplit('-', 1)[-1]}. Emo."


def figure_note(
    protocol: str, recordings: str, voices: str, threshold_percent: int, n_clips: int
) -> str:
    """Return the note of a saved figure: protocol, filter and number of clips."""
    parts = [protocol, recordings]
    if voices:
        parts.append(voices.lower())
    if threshold_percent:
        parts.append(f"answers of {threshold_percent} % and more")
    return f"{', '.join(parts)}; {n_clips:,} test clips. Emo."
