"""The words of the page *Confusion matrices*.  Nothing here imports Streamlit."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from emo.app.text import ALL_CORPORA, CORPUS_NAMES, MODEL_NAMES, MODELS_IN_TEXT
from emo.corpora import protocols
from emo.evaluation.metrics import N_RESAMPLES
from emo.evaluation.subsets import ALL, Bin
from emo.formatting import NBSP, listed, percent, points, tenths

MATRICES_TITLE = "Confusion matrices"
MATRICES_LEAD = (
    "What each model answered for clips whose acted emotion is known, and that it was not trained "
    "on. Each row holds the clips of one emotion; the diagonal is where the model was right."
)

PROTOCOL_LABEL = "Test"
SHOW_LABEL = "Numbers"
CORPUS_LABEL = "Recordings"
FOLD_LABEL = "Fold"
SHOWN_PROTOCOLS = (
    protocols.SPEAKERS,
    protocols.RANDOM,
    protocols.CROSS_CORPUS,
    protocols.EMOBOX,
    protocols.LISTENERS,
)
PROTOCOL_NAMES = {row.key: row.title for row in SHOWN_PROTOCOLS}
PROTOCOL_MEANINGS = {row.key: row.description for row in SHOWN_PROTOCOLS}
EMOBOX_SPLITS = {
    "emobox": "Speakers of this test were heard in training, in other clips.",
    "speakers": "No speaker of this test was heard in training.",
}
"""What a test of the benchmark is like, by the protocol whose folds it has."""

CROSS_CORPUS_FOLDS = {1: "CREMA\u2011D", 2: "RAVDESS, with its songs", 3: "TESS", 4: "SAVEE"}
"""The corpus that each fold of ``cross-corpus`` tests."""

SHOW_NAMES = {"shares": "Share of each row", "counts": "Counts"}

PER_CLASS_TITLE = "Emotion by emotion"
PER_CLASS_NOTE = (
    "Precision: of the clips that it called so, the share that were. Recall: of the clips that "
    "were so, the share that it found. F1 balances the two."
)
PER_CLASS_COLUMNS = ("Emotion", "Clips", "Precision", "Recall", "F1")
CURVES_TITLE = "How the CNN learned"
CURVES_NAMES = ("training clips", "test clips")
CURVES_NOTE = (
    "Training clips are made harder on purpose (stretched, mixed, noisy), so their accuracy stays "
    "below what the network reaches on clips as they are. The test clips are kept from it until "
    "it has learned."
)
CURVE_TITLES = {"loss": "Loss", "accuracy": "Accuracy"}
NO_CURVES = "No learning curve was kept for this kind of test."
PROVENANCE_TITLE = "Where these figures come from"

SCORE_NAMES = {
    "accuracy": "Accuracy",
    "uar": "UAR",
    "macro_f1": "Macro-F1",
    "ece": "Calibration error",
}

CROSS_CORPUS_TITLE = "UAR on each corpus in turn"
CROSS_CORPUS_COLUMNS = ("Model", *CROSS_CORPUS_FOLDS.values(), "Mean")
PUBLISHED_TITLE = "Beside published models"
OURS = "Emo"
LISTENERS = "listeners"
LISTENERS_NAME = "Listeners"
LISTENERS_TITLE = "Models and listeners"
LISTENERS_COLUMNS = (
    "Who answers",
    "Named as acted",
    "UAR",
    "Same as the commonest vote",
    "Distance from the votes",
)
SINGLE_LISTENER = "A single listener"
PLURALITY = "The commonest vote on a clip"
BASELINES = {
    "distance_of_acted_label": "Always certain of the acted emotion",
    "distance_of_equal_shares": "All six alike",
    "distance_of_mean_votes": "The mean of all votes",
}
"""What a distance from the votes can be held against."""

NO_LISTENERS = "What the listeners answered is not among these figures."
NO_FIGURES_OF_CORPUS = "No model was tested on these recordings in this way."


def not_tested(protocol: str) -> str:
    """That a test was not run, and the command that runs it, as Markdown."""
    return (
        f"No model has been through this test here. `python -m emo evaluate --protocol {protocol}` "
        "runs it; it needs the recordings and takes time."
    )


def some_not_tested(keys: Sequence[str]) -> str:
    """Which models have no figures in a test that others went through."""
    in_text = {"vote": "the vote"} | MODELS_IN_TEXT
    names = [in_text[key] for key in keys]
    text = listed(names)
    return f"{text[0].upper()}{text[1:]} {'has' if len(names) == 1 else 'have'} no figures here."


def tested_on(n_clips: int, corpus: str, runs: Sequence[Mapping[str, Any]]) -> str:
    """How many clips stand behind the matrices, in how many folds, and the commit of the code."""
    where = "" if corpus == ALL_CORPORA else f" of {CORPUS_NAMES.get(corpus, corpus)}"
    parts = [f"{n_clips:,} test clips{where}"]
    if runs:
        parts.append(f"{len(runs)} fold{'s' * (len(runs) > 1)}")
        commits = list(dict.fromkeys(short_commit(run.get("commit", "?")) for run in runs))
        parts.append(f"commit{'s' * (len(commits) > 1)} {', '.join(commits)}")
    return " · ".join(parts)


def short_commit(commit: object) -> str:
    """The first ten digits of a commit, with what is said after its forty."""
    return re.sub(r"^([0-9a-f]{10})[0-9a-f]{30}", r"\1", str(commit))


def scores_note(
    n_labels: int, given: Collection[str], corpus: str, is_of_corpora: bool = False
) -> str:
    """What the figures over a matrix mean.

    Parameters
    ----------
    n_labels
        How many answers the models chose from.
    given
        Names of the figures that are shown.
    corpus
        Key of the corpus, or ``all``.
    is_of_corpora
        Whether UAR is the mean of the corpora that were kept out of training.
    """
    text = (
        "Accuracy: the share of clips named right. UAR: the mean recall over the emotions, so that "
        "rare ones count as much as common ones; guessing gives "
        f"{tenths(1 / n_labels)}. Macro-F1: the mean of the F1 of each emotion."
    )
    if is_of_corpora:
        text += " UAR is here the mean of those of the four corpora, each counting alike."
    if "ece" in given:
        text += (
            " Calibration error: the mean distance between a stated percentage and the share of "
            "answers that were right."
        )
    if "intervals" in given:
        text += (
            f" In small figures: 95{NBSP}% intervals, by drawing the test speakers anew "
            f"{N_RESAMPLES:,} times."
        )
        if corpus in ("tess", "savee"):
            text += " With the few speakers of this corpus they are too narrow."
    return text


def emobox_note(corpus: str, protocol: str, sources: Sequence[str]) -> str:
    """How the comparison with published models is made."""
    return (
        f"UAR, the mean over the folds (EmoBox calls it UA, and accuracy WA). "
        f"{EMOBOX_SPLITS[protocol]} Ours are "
        "trained on the clips of all four corpora that the test leaves, theirs on those of "
        f"{CORPUS_NAMES.get(corpus, corpus)} alone. Published in {listed(sources)}."
    )


def listeners_note(n_clips: int, n_votes: int) -> str:
    """What the comparison with listeners means."""
    return (
        f"{n_votes:,} votes on {n_clips:,} clips, by people who heard the voice and did not see "
        "the face. Distance from the votes: how much of a model's belief would have to move to "
        "match the listeners' shares of a clip, 0 to 1, the mean over clips (total variation). "
        "A smaller distance is nearer to how people hear the clip, which need not be what was "
        "acted."
    )


def votes(n: int) -> str:
    """A number of votes as text."""
    return f"{n:,} votes"


def clips(n: int) -> str:
    """A number of clips as text."""
    return f"{n:,} clips"


def matrix_alt(name: str, normalise: bool) -> str:
    """What a screen reader calls a matrix."""
    cells = "share of each acted emotion" if normalise else "number of answers"
    return f"Confusion matrix of the {name}: {cells} by answer."


def provenance(run: Mapping[str, Any], folds: Sequence[Any]) -> str:
    """The command, commit, seed and folds behind some scores, as Markdown."""
    command, commit = (str(run.get(key, "?")).replace("`", "") for key in ("command", "commit"))
    tested = f", fold{'s' * (len(folds) > 1)} {', '.join(str(fold) for fold in folds)}"
    return f"`{command}`, commit `{commit}`, seed {run.get('seed', '?')}{tested}."


def left_out(n_clips: int) -> str:
    """How many test clips no model could use."""
    return f"{n_clips} test clip{'s' * (n_clips > 1)} had no usable sound and stayed out."


def per_class_caption(name: str) -> str:
    """What the table of one model holds."""
    return f"{name}, emotion by emotion"


def curve_alt(title: str) -> str:
    """What a screen reader says of a learning curve."""
    return f"{title} of the CNN over the epochs of training"


def run_name(run: str) -> str:
    """A training run as text: "speakers-2" is "Fold 2"."""
    return f"Fold {run.rsplit('-', 1)[-1]}"


def model_name(key: str) -> str:
    """Name of a model, the vote or the listeners over a matrix."""
    return MODEL_NAMES.get(key, LISTENERS_NAME)


VOICES_LABEL = "Voices"
VOICES_NAMES = {ALL: "All", "women": "Women", "men": "Men"}
THRESHOLD_LABEL = "Leave out answers below"
THRESHOLD_HELP = (
    "A model that is not sure enough of its likeliest answer gives none here. The share of the "
    "clips that it still answers stands over its matrix. Listeners gave no percentages, so theirs "
    "all count."
)
READING = "Reading the stored answers …"
NO_ANSWERS = (
    "The single answers behind these figures are not here, or are damaged, so nothing can be "
    "filtered or listed. `python -m emo evaluate` makes them anew."
)
KEPT = "Kept"
NOTHING_LEFT = "No answer is left. Choose other recordings or voices, or a lower percentage."
NO_VOTES_CUT = (
    "What each listener answered is not here, so the listeners cannot be filtered or listed. "
    "The table `cremad_listener_votes.csv` is looked for in the folder of the corpora."
)

TITLE = "Behind a cell"
HINT = "Click a cell of a matrix, or choose one here, to see the clips in it."
MODEL_LABEL = "Answers of"
ACTED_LABEL = "Acted"
ANSWER_LABEL = "Answer"
ANY = "Choose …"
ORDER_LABEL = "Order"
ORDER_NAMES = {"surest": "Surest first", "doubtful": "Least sure first"}
EARLIER = "Earlier"
LATER = "Later"
NONE_SO = "There is no such clip."
HOW_TO_HEAR = (
    "To hear these clips, put the corpora into a folder on the computer that runs Emo, and start "
    "Emo with EMO_DATA set to that folder. The README says where to get them."
)
LOOKING = "Looking for the recordings …"
NOT_HEARD = "This clip cannot be played."
OPEN = "Open on the page Analyse"
SEX_OF = {"women": "woman", "men": "man"}


def threshold_name(floor: int) -> str:
    """A threshold of the slider as text."""
    return f"{floor}{NBSP}%"


def kept(n: int, n_all: int) -> str:
    """How many of the clips are still answered."""
    return f"{n:,} of {n_all:,}"


def unknown_sexes(n_clips: int) -> str:
    """That the sex of some speakers is not known, and what would tell it."""
    return (
        f"The speakers of {n_clips:,} clips are in neither group: whether the actors of CREMA-D "
        "are women or men is said in their table, `cremad_actors.csv`, which is looked for in the "
        "folder of the corpora."
    )


def cell(acted: str, answer: str, n: int, n_row: int, of_listeners: bool) -> str:
    """What one cell of a matrix says, as a sentence."""
    if not n_row:
        return f"No clip that was acted {acted} is here."
    share = percent(n / n_row)
    if of_listeners:
        return f"Of {n_row:,} votes on clips acted {acted}, {n:,} ({share}) were for {answer}."
    clips = f"{n_row:,} clip{'s' * (n_row != 1)}"
    called = f"{n:,} ({share}) {'was' if n == 1 else 'were'} called {answer}"
    return f"Of {clips} acted {acted}, {called}{', which is right' if acted == answer else ''}."


def shown_of(first: int, last: int, n: int) -> str:
    """Which of the clips are in sight."""
    return f"{first:,} to {last:,} of {n:,}"


def speaker(corpus: str, name: str, sex: str) -> str:
    """Whose clip it is."""
    number = name.split("-", 1)[-1]
    known = f", {SEX_OF[sex]}" if sex in SEX_OF else ""
    return f"{corpus}, speaker {number}{known}"


def votes_for(answer: str, n: int, n_all: int) -> str:
    """How many listeners gave an answer."""
    return f"{n} of {n_all} listeners said {answer}"


LOOK_LABEL = "A closer look"
LOOK_NAMES = {
    "classes": "Emotion by emotion",
    "reliability": "Reliability",
    "roc": "ROC",
    "difference": "Difference",
    "learning": "Learning",
}
CURVES_MODEL_LABEL = "Model"
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
FILE_KINDS = {
    "png": "Picture (PNG)",
    "svg": "Drawing (SVG)",
    "pdf": "Document (PDF)",
    "csv": "Table (CSV)",
}
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
