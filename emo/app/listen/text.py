"""Texts of the page *Listen*."""

from collections.abc import Sequence

from emo.app.listen.rounds import CROWD, N_CLIPS, YOU, Score, crowd_labels
from emo.app.samples import HELD_OUT, Sample, acted_by
from emo.app.text import ALL_IN_TEXT, SHORT_NAMES
from emo.formatting import listed, percent
from emo.inference.predictor import Answer

TITLE = "Listen and guess"
LEAD = "Name the emotion that an actor plays. Then see what other listeners and the models said."
WORDS = {
    "card": "Clip {0} of {1}",
    "play": "Play the clip",
    "pause": "Pause",
    "question": "Which emotion was acted?",
    "listen_first": "Play the clip first.",
    "no_sound": "Your browser cannot play this clip.",
    "next": "Next clip",
    "finish": "See your result",
    "keys": "Keys: Space plays, 1 to 7 answer, Enter goes on.",
    "round": "Round {0}",
    "copy": "Copy the link",
    "copied": "Link copied. It opens the same ten clips.",
    "not_copied": "The link could not be copied. It stands in the address of this page.",
    "again": "New round",
    "another": "Play another round",
    "board": "Listeners and answers by emotion",
    "emotion": "Emotion",
    "listeners": "Listeners",
    "said": "Answers",
    "acted": "acted",
    "no_votes": "no votes",
    "score": "Score so far",
    "result": "Named as they were acted",
    "matrix": "Confusion matrix",
    "acted_down": "Acted",
    "answer_across": "Answer",
    "beside": "Beside yours",
    "hear": "Play them again",
    "hear_clip": "Play clip {0}",
    "pause_clip": "Pause clip {0}",
    "right": "right",
    "wrong": "wrong",
}
"""Texts of the component that hold for every clip."""

NAMES = {YOU: "You", CROWD: "Listeners"} | SHORT_NAMES
"""Who answers, as the scores and the answers name them."""

NO_CLIPS = (
    f"There are fewer than {N_CLIPS} clips for this page in the folder `samples/game/`. Download "
    "the folder `samples/` again, or make the clips with `python samples/choose.py`."
)
ACTED_ONLY = "All clips are acted: the game says nothing about what a person feels."
SOME_TRAINED_ON = (
    "The models were trained on clips of some of these actors, so this is no test of them."
)
HOW_COUNTED = (
    "Right is the emotion that was acted. Listeners are people who heard the clips of CREMA-D, "
    "sound alone, and chose one of six emotions, all but surprised. Their answer is the emotion "
    "with most votes; a tie is not right. RAVDESS has no votes, so listeners are not scored there. "
    "An unsure answer (?) of a model counts by its likeliest emotion."
)


def about(samples: Sequence[Sample], held_out: frozenset[str] | None) -> str:
    """Return that all is acted, whether the models know the actors, and how answers are counted.

    Parameters
    ----------
    samples
        The clips of the game.
    held_out
        Speakers on whom no model was trained; None where that is not known.
    """
    if held_out is None:
        return f"{ACTED_ONLY} {HOW_COUNTED}"
    is_test = all(sample.speaker in held_out for sample in samples)
    trained = HELD_OUT.replace("this actor", "these actors") if is_test else SOME_TRAINED_ON
    return f"{ACTED_ONLY} {trained} {HOW_COUNTED}"


# --- The answer to a clip ------------------------------------------------------------------------


def verdict(sample: Sample, guess: str) -> str:
    """Return which emotion was acted, and whether the visitor named it."""
    if guess == sample.emotion:
        return f"You are right: it was acted as {sample.emotion}."
    return f"It was acted as {sample.emotion}. You said {guess}."


def spoken(sample: Sample) -> str:
    """Return the words of a clip, and who acted it."""
    return f"“{sample.text}” – {acted_by(sample)}"


def credit(sample: Sample) -> str:
    """Return whose recording a clip is, and its licence."""
    source = sample.source
    return f"Recording: {source.credit}, {source.licence}." if source else ""


def votes(sample: Sample) -> str:
    """Return the answer of the listeners as a sentence."""
    if not sample.votes:
        return "Nobody was asked about this clip, so listeners are not scored here."
    total, chosen = sum(n for _, n in sample.votes), crowd_labels(sample)
    most = dict(sample.votes)[chosen[0]]
    if len(chosen) > 1:
        return f"Listeners tie: {most} of {total} each chose {listed(chosen)}."
    return f"{most} of {total} listeners chose {chosen[0]}."


def ensemble_says(answer: Answer) -> str:
    """Return the answer of the ensemble as a sentence."""
    unsure = ", unsure" if answer.unsure else ""
    name = ALL_IN_TEXT["ensemble"]
    return f"{name[0].upper()}{name[1:]} says {answer.label}, {percent(answer.confidence)}{unsure}."


def share(answer: Answer) -> str:
    """Return the percentage of an answer, with a question mark if it is unsure."""
    return f"{percent(answer.confidence)}{' ?' if answer.unsure else ''}"


def short(answer: Answer) -> str:
    """Return the label of an answer, with a question mark if it is unsure."""
    return f"{answer.label}{'?' * answer.unsure}"


def crowd(sample: Sample) -> str:
    """Return the answer of the listeners in a word or two; empty without votes."""
    chosen = crowd_labels(sample)
    return f"tie: {' or '.join(chosen)}" if len(chosen) > 1 else "".join(chosen)


# --- Scores --------------------------------------------------------------------------------------


def score(score: Score) -> str:
    """Return how many clips were named right, such as "3 of 4"; a dash if none counts."""
    return f"{score.n_right} of {score.n_clips}" if score.n_clips else "–"


def score_in_words(scores: Sequence[Score]) -> str:
    """Return the visitor's score as a sentence, with the listeners' if it counts."""
    parts = [
        f"{NAMES[score.key]}: {score.n_right} of {score.n_clips}"
        for score in scores
        if score.n_clips and score.key in (YOU, CROWD)
    ]
    return f"{', '.join(parts)}."


def result(score: Score) -> str:
    """Return the result of a round as a sentence."""
    return f"You named {score.n_right} of {score.n_clips} clips as they were acted."


def cell(acted: str, answer: str, n: int) -> str:
    """Return the meaning of a cell of a small confusion matrix."""
    return f"{n} acted {acted}, answered {answer}"
