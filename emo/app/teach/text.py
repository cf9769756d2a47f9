"""The words of the page *Teach it* and of the answer that was taught."""

from collections.abc import Mapping, Sequence

from emo.formatting import NBSP, listed, percent
from emo.inference.adaptation import MAX_CLIPS, MIN_CLIPS, MIN_EMOTIONS, CrossValidation

PAGE_NAME = "Teach it"
TITLE = "Teach it a voice"
LEAD = (
    "Give a few clips for each emotion, in your own voice or any other. A small head learns at "
    "once from what the CNN and the MLP make of them, and answers beside the three models, for "
    "this session."
)
EMOTION_LABEL = "The next clips sound"
UPLOAD_LABEL = "Upload clips"
RECORD_LABEL = "Record a clip"
RECORDING = "Recording"
BACK_LABEL = "Back to your clips"
COURTESY = (
    "Only give it voices of people who know about it and agree. A clip is dropped once it was "
    "heard: what stays, for this session, is its name and what the models made of it."
)
LISTENING = "Listening to {0}"
REMOVE_HELP = "Remove this clip"
NO_LESSONS = (
    f"Nothing is taught yet. Give at least {MIN_CLIPS} clips for each of at least "
    f"{MIN_EMOTIONS} emotions; five of each are better."
)
LESSONS_TITLE = "Your clips"
LESSONS_NOTE = "Press a clip to remove it."
LEARNED_TITLE = "What was learned"
TRY_LABEL = "Try it on the page Analyse"
CONFUSION_LABEL = "Which was taken for which"
CONFUSION_CAPTION = "Your clips by emotion, and what the head answered"
CONFUSION_HEAD = "You said"
RANKING_CAPTION = "Clips named right before and after"
VOTE_NAME = "The vote, before"
RESTRICTED_NAME = "The vote, if it may only say these"
YOURS_NAME = "Yours"
YOURS_KIND = "Learned from your clips, going on from the vote."
FILE_TITLE = "Keep it"
FILE_NOTE = (
    "Closing the tab forgets what you taught. The file holds names, emotions and what the models "
    "made of each clip, not its sound; it fits these models only."
)
SAVE_LABEL = "Save as a file"
LOAD_LABEL = "Load a saved file"
REMOVE_ALL_LABEL = "Remove all clips"
REMOVE_ALL_HELP = "Removes every clip of this page, and the answer Yours, from this session."
UNEXPECTED = (
    "Something inside Emo failed on this file; the log of the server says what. Try another one."
)
NOTHING_TO_LEARN_FROM = "Neither the network nor the perceptron can be loaded."
MAX_CHIP = 36


def chip(name: str) -> str:
    """A name short enough for a small button, its end kept."""
    if len(name) <= MAX_CHIP:
        return name
    return f"{name[: MAX_CHIP - 13]}…{name[-12:]}"


def count(n: int) -> str:
    """A number of clips."""
    return f"{n}{NBSP}clip{'s' * (n != 1)}"


def still_needed(counts: Mapping[str, int]) -> str:
    """What is missing before a head can learn, or what it must leave out.

    Parameters
    ----------
    counts
        Clips of each emotion that has some.
    """
    single = [label for label, n in counts.items() if n < MIN_CLIPS]
    if len(counts) - len(single) >= MIN_EMOTIONS:
        if not single:
            return ""
        return (
            f"Left out so far: {listed(single)}, which {'needs' if len(single) == 1 else 'need'} "
            f"at least {MIN_CLIPS} clips."
        )
    return (
        f"Too few to learn from: {MIN_EMOTIONS} emotions with at least {MIN_CLIPS} clips "
        "each are needed, so that each clip can be tested on what the others taught."
    )


def taken_anyway(concern: str) -> str:
    """What speaks against a clip that was taken nevertheless."""
    return f"{concern} It was taken all the same; below, it can be removed."


def ranking_rows(trial: CrossValidation) -> list[tuple[str, int]]:
    """Names and clips named right: the vote, the vote among the taught emotions, the head."""
    rows = [(VOTE_NAME, trial.vote_right)]
    if trial.restricted_right != trial.vote_right:
        rows.append((RESTRICTED_NAME, trial.restricted_right))
    return [*rows, (YOURS_NAME, trial.head_right)]


def share(right: int, clips: int) -> str:
    """Clips named right, of how many."""
    return f"{right} of {clips}"


def how_tested(trial: CrossValidation, duration_s: float) -> str:
    """How the figures came about, and how little they are."""
    how = (
        "Each clip was answered by a head that had learned from the others, so from fewer"
        if trial.folds == trial.clips
        else f"Each clip was answered by a head that had learned from the other "
        f"{trial.folds - 1} of {trial.folds} parts"
    )
    seconds = f"{max(duration_s, 0.01):.2f}{NBSP}s"
    return (
        f"Learned from {count(trial.clips)} and tested in {seconds}. {how}. These are few clips: "
        f"one more or less is {percent(1 / trial.clips)}. Clips of one sitting are alike, so "
        "expect less of another day, room or microphone. It knows only "
        f"{listed(trial.labels)}."
    )


def trust(trial: CrossValidation) -> str:
    """How far to trust the taught answer."""
    return (
        f"Learned from {count(trial.clips)}; it knows only {listed(trial.labels)}. Tested on clips "
        f"it had not learned from, it was right for {trial.head_right} of {trial.clips}, the vote "
        f"for {trial.vote_right}."
    )


def is_lesson(emotion: str) -> str:
    """That a clip is one of those that were taught, and as what."""
    return (
        f"This is one of the clips that you taught, as {emotion}. The answer Yours has learned "
        "from it, so what it says here is no test of it."
    )


def confusion_rows(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> list[list[str]]:
    """A row for each taught emotion: its name, and how often each was answered."""
    return [
        [label, *(str(n) if n else "–" for n in row)]
        for label, row in zip(labels, counts, strict=True)
    ]


def most() -> str:
    """How many clips can be taught."""
    return f"Up to {MAX_CLIPS} clips."
