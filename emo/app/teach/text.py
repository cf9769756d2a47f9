"""Texts of the page *Teach it*, and of the answer *Yours*."""

from collections.abc import Mapping, Sequence

from emo.app.text import ALL_MODELS, MODELS_IN_TEXT
from emo.classifiers.registry import CLASSIFIERS
from emo.formatting import NBSP, listed, percent
from emo.inference.adaptation import MAX_CLIPS, MIN_CLIPS, MIN_EMOTIONS, CrossValidation
from emo.inference.predictor import Answer

PAGE_NAME = "Teach it"
TITLE = "Add your own clips"
NETWORKS = listed([MODELS_IN_TEXT[key] for key, row in CLASSIFIERS.items() if row.has_hidden_layer])
LEAD = (
    "Record or upload a few clips of each emotion. A small extra model learns from your clips "
    f"within a second, on top of {NETWORKS}. It answers beside {ALL_MODELS} until you close the "
    "tab."
)
EMOTION_LABEL = "Emotion of the next clips"
UPLOAD_LABEL = "Upload clips"
RECORD_LABEL = "Record a clip"
RECORDING = "Recording"
BACK_LABEL = "Back to your clips"
PROMPT_TITLE = "Record by prompt"
PROMPT_FILE = "recording.wav"
SENTENCES = (
    "The bus leaves at half past nine.",
    "I put the keys on the kitchen table.",
    "You called me again last night.",
    "They are painting the house next door.",
    "It is the third door on the left.",
    "There is a letter for you downstairs.",
    "She said that we would meet on Monday.",
    "I have seen that film before.",
)
"""Sentences to act, whose words fit every emotion."""
PROMPT = {
    "title": PROMPT_TITLE,
    "choice": "Emotions to act",
    "card": "Card {0}",
    "act": "Say it as if you were {0}:",
    "record": "Hold to record",
    "start": "Start recording",
    "stop": "Stop recording",
    "release": "Release to stop",
    "hint": "Hold the button, or the space bar on it, while you speak. Or press once to start and "
    "once more to stop.",
    "opening": "Allow the microphone if your browser asks.",
    "ready": "The microphone is on. Hold the button and speak.",
    "on": "The microphone is on. It goes off by itself after 20 seconds.",
    "recording": "Recording",
    "sending": "The recording is sent …",
    "level": "Level of the microphone",
    "short": "That was too short. Hold the button while you speak.",
    "quiet": "That was very quiet. Come closer to the microphone.",
    "loud": "That was too loud for the microphone. Move away a little.",
    "closed": "The microphone is off again.",
    "skip": "Another card",
    "meant": "You meant",
    "hear": "Play it",
    "again": "Record it again",
    "denied": "Your browser did not allow the microphone. Allow it beside the address of this "
    "page, then try again.",
    "missing": "There is no microphone. Connect one, or upload clips below.",
    "taken": "Another program uses the microphone. Close that program, then try again.",
    "unplugged": "The microphone was disconnected. Connect it, then try again.",
    "insecure": "Browsers give the microphone only to pages on https or on this computer. Upload "
    "clips below.",
    "unsupported": "This browser is too old to record here. Upload clips below.",
    "failed": "The microphone could not be started. Try again, or upload clips below.",
    "lost": "The recording could not be sent. Try again in a moment.",
}
"""Texts of the cards; braces hold values."""
HEARD = {
    "play": "Play",
    "pause": "Pause",
    "blocked": "Your browser does not play by itself: press Play.",
}
HEAR_LABEL = "Play {0}"
UNDO_LABEL = "Undo"
PROCESSING = "Processing {0}"
REMOVE_HELP = "Remove this clip"
NO_EXAMPLES = (
    f"No clips yet. You need at least {MIN_CLIPS} clips for each of {MIN_EMOTIONS} emotions; five "
    "of each work better."
)
EXAMPLES_TITLE = "Your clips"
EXAMPLES_NOTE = (
    "▶ plays a clip, × removes it. Clips from a saved file have no sound. Of a long clip, 30 "
    "seconds are played."
)
FITTED_TITLE = "How often it is right"
TRY_LABEL = "Try it on the page Analyse"
CONFUSION_LABEL = "Confusion matrix"
CONFUSION_CAPTION = "Your clips by emotion, and the answers to them"
CONFUSION_HEAD = "Your emotion"
RANKING_CAPTION = "Clips answered right, without and with your clips"
ENSEMBLE_NAME = "The ensemble, without your clips"
RESTRICTED_NAME = "The ensemble, choosing among your emotions"
YOURS_NAME = "Yours"
YOURS_KIND = "Trained on your clips, from inner layers of CNN and MLP and the ensemble's answer."
FILE_TITLE = "Save what was learned"
FILE_NOTE = (
    "When you close the tab, your clips are gone. The saved file holds no sound: only the name and "
    "the emotion of each clip, and what the models computed from it. It works only with these "
    "models."
)
SAVE_LABEL = "Save as a file"
LOAD_LABEL = "Load a saved file"
REMOVE_ALL_LABEL = "Remove all clips"
REMOVE_ALL_HELP = "Removes every clip of this page, and the answer Yours, from this session."
UNEXPECTED = "This file could not be processed because of an error in Emo. Try another one."
NO_HIDDEN_VALUES = f"This needs {NETWORKS}, and none of them could be loaded."
MAX_CHIP = 36


def chip(name: str) -> str:
    """Return a name short enough for a small button, with its end."""
    if len(name) <= MAX_CHIP:
        return name
    return f"{name[: MAX_CHIP - 13]}…{name[-12:]}"


def count(n: int) -> str:
    """Return a number of clips."""
    return f"{n}{NBSP}clip{'s' * (n != 1)}"


def still_needed(counts: Mapping[str, int]) -> str:
    """Return which clips are missing before a head can be fitted, or which emotions it leaves out.

    Parameters
    ----------
    counts
        Number of clips of each emotion that has some.
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
        f"Not enough yet: add clips until {MIN_EMOTIONS} emotions have at least {MIN_CLIPS} each."
    )


def removed(name: str, emotion: str) -> str:
    """Return which clip was removed."""
    return f"Removed: {chip(name)}, {emotion}."


def ensemble_says(answer: Answer, meant: str) -> str:
    """Return the answer of the ensemble to a recording, and whether it is what was meant."""
    unsure = "unsure, " if answer.unsure else ""
    says = "also says" if answer.label == meant else "says"
    return f"The ensemble {says} {answer.label} ({unsure}{percent(answer.confidence)})."


def used_anyway(warning: str) -> str:
    """Return a warning about a clip that is used nevertheless."""
    return f"{warning} It is used all the same; you can remove it below."


def ranking_rows(cross_validation: CrossValidation) -> list[tuple[str, int]]:
    """Return names and right answers: ensemble, ensemble among fewer emotions, and head."""
    rows = [(ENSEMBLE_NAME, cross_validation.ensemble_right)]
    if cross_validation.restricted_right != cross_validation.ensemble_right:
        rows.append((RESTRICTED_NAME, cross_validation.restricted_right))
    return [*rows, (YOURS_NAME, cross_validation.head_right)]


def share(right: int, clips: int) -> str:
    """Return how many of the clips were answered right."""
    return f"{right} of {clips}"


def how_tested(cross_validation: CrossValidation, duration_s: float) -> str:
    """Return how the figures were measured, and how uncertain they are."""
    n_clips, n_folds = cross_validation.clips, cross_validation.folds
    rest = (
        "all other clips"
        if n_folds == n_clips
        else f"the other {n_folds - 1} of {n_folds} parts of the clips"
    )
    seconds = f"{max(duration_s, 0.01):.2f}{NBSP}s"
    return (
        f"Trained on {count(n_clips)} and tested in {seconds}. For the test, each clip was "
        f"answered after training on {rest} only. With so few clips, one more or less right is "
        f"{percent(1 / n_clips)}. Clips recorded together are alike, so expect less on another "
        "day, in another room or with another microphone. Its only answers are "
        f"{listed(cross_validation.labels)}."
    )


def trust(cross_validation: CrossValidation) -> str:
    """Return how often the answer *Yours* was right in the test."""
    return (
        f"Trained on {count(cross_validation.clips)}; its only answers are "
        f"{listed(cross_validation.labels)}. Tested on clips that it was not trained on, it was "
        f"right for {cross_validation.head_right} of {cross_validation.clips}, the ensemble for "
        f"{cross_validation.ensemble_right}."
    )


def is_example(emotion: str) -> str:
    """Return a notice that a clip is one of the examples, and of which emotion."""
    return (
        f"This is one of your clips on the page {PAGE_NAME}, marked {emotion}. The model Yours was "
        "trained on it, so its answer here is no test."
    )


def confusion_rows(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> list[list[str]]:
    """Return a row for each emotion of the examples: its name, and the counts of the answers."""
    return [
        [label, *(str(n) if n else "–" for n in row)]
        for label, row in zip(labels, counts, strict=True)
    ]


def limit() -> str:
    """Return how many clips can be added."""
    return f"Up to {MAX_CLIPS} clips."
