"""The words of the page *Confusion matrices*.  Nothing here imports Streamlit."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from emo.metrics import N_RESAMPLES
from emo.ui_words import (
    ALL_CORPORA,
    CORPUS_NAMES,
    MODEL_NAMES,
    MODELS_IN_TEXT,
    NBSP,
    listed,
    tenths,
)

PROTOCOL_LABEL = "Test"
SHOW_LABEL = "Numbers"
CORPUS_LABEL = "Recordings"
FOLD_LABEL = "Fold"
PROTOCOL_NAMES = {
    "voices": "Unseen voices",
    "clips": "Random clips",
    "corpora": "Unheard corpus",
    "emobox": "EmoBox",
    "listeners": "Listeners",
}
PROTOCOL_MEANINGS = {
    "voices": (
        "No speaker in the test was heard in training, but others in the same studios, saying the "
        "same sentences, were. This is what to expect of a new actor there, and too much to expect "
        "of a recording of your own: for that see Unheard corpus."
    ),
    "clips": (
        "A random fifth of the clips is the test. The same speakers were heard in training, "
        "so the figures flatter: they are here because the old project measured this way."
    ),
    "corpora": (
        "Each corpus in turn is the test, and the other three train: not only the speakers are "
        "new, but their sentences, rooms, microphones and directors too. This is the hardest test, "
        "and the nearest to recordings of your own."
    ),
    "emobox": (
        "The EmoBox benchmark says which clips of a corpus are the test, so that models of "
        "different makers can be compared. Nearly all of those beside ours were pre-trained on "
        "about a thousand hours of other speech, or on far more."
    ),
    "listeners": (
        "The clips of CREMA-D, named by models that had never heard their speakers and by people "
        "who only heard the clip. Right is the emotion that the actor was asked to show. The "
        "models choose among the six answers that the listeners could give."
    ),
}
EMOBOX_SPLITS = {
    "emobox": "Speakers of this test were heard in training, in other clips.",
    "voices": "No speaker of this test was heard in training.",
}
"""What a test of the benchmark is like, by the protocol whose folds it has."""

UNHEARD = {1: "CREMA\u2011D", 2: "RAVDESS, with its songs", 3: "TESS", 4: "SAVEE"}
"""The corpus that each fold of ``corpora`` tests."""

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
OLD_TITLE = "Beside the project that this one replaces"
OLD_COLUMNS = ("Model", "It printed", "Ours, random clips", "Ours, unseen voices")
OLD_NOTE = "All figures in this table are accuracies."
PROVENANCE_TITLE = "Where these figures come from"

SCORE_NAMES = {
    "accuracy": "Accuracy",
    "uar": "UAR",
    "macro_f1": "Macro-F1",
    "ece": "Calibration error",
}

UNHEARD_TITLE = "UAR on each unheard corpus"
UNHEARD_COLUMNS = ("Model", *UNHEARD.values(), "Mean")
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
    """A training run as text: "voices-2" is "Fold 2"."""
    return f"Fold {run.rsplit('-', 1)[-1]}"


def model_name(key: str) -> str:
    """Name of a model, the vote or the listeners over a matrix."""
    return MODEL_NAMES.get(key, LISTENERS_NAME)
