"""Texts of the pages about own models."""

from collections.abc import Sequence

from emo.formatting import in_words, listed

LEAD = (
    "Upload or record a voice, or pick a sample. Models that somebody trained on recordings of "
    "their own say which of {} labels it resembles: {}."
)
ABOUT_TITLE = "The models of this server"
ABOUT = (
    "This server answers with custom models: somebody trained them on recordings of their own, "
    "with the labels {}. What is said below of the models that come with Emo, of their data and of "
    "their figures does not hold for these. The page Confusion matrices has the figures of these."
)
EXPECTATION = "How often the model is right"
EXPECTATION_NOTE = (
    "Measured on the recordings that these models came from: each clip was answered by models that "
    "were trained on other speakers. Recordings made elsewhere are harder."
)
UNMEASURED = (
    "These models have not been evaluated, so it is not known how often they are right, and no "
    "answer is unsure. Run `emo evaluate --protocol speakers` with the same clips."
)
NEEDS_SEVEN = (
    "{} is not available for these models: its clips were acted with seven emotions, and the "
    "models answer with other labels."
)
NO_ADAPTATION = (
    "Teach it is not available for custom models. To add examples, add their clips to the "
    "recordings and train again."
)
NEW_SPEAKERS = "New speakers, same collection"
CALIBRATED = "For new speakers of the same collection"
ALONE = "The model"
MATRICES_LEAD = (
    "Where the custom models of this server err: clips by their stated label, and by the answer. "
    "Each clip was answered by models that were not trained on it."
)
PROTOCOL_LABEL = "Test"
MODEL_LABEL = "Model"
STATED = "Stated"
CAPTION = "Clips by stated label, and the answers to them"
PER_LABEL = "Each label"
PER_LABEL_HEADS = ("Label", "Clips", "Of these found", "Right when answered")
SPREAD = "Below the figures: 95 % intervals, by resampling the speakers."
FOLDS = "Each fold"
FOLD_HEADS = ("Fold", "Clips", "Accuracy", "UAR")


def lead(labels: Sequence[str]) -> str:
    """Return the purpose of the page Analyse, with the labels."""
    return LEAD.format(in_words(len(labels)), listed(list(labels)))


def about(labels: Sequence[str]) -> str:
    """Return whose the models are, for the page About."""
    return ABOUT.format(listed(list(labels)))


def cell(stated: str, answer: str, n: int) -> str:
    """Return a cell of a matrix in a sentence."""
    clips = "1 clip" if n == 1 else f"{n:,} clips"
    return f"{clips} stated as {stated}: the answer is {answer}"


def made_by(commit: str, seed: int) -> str:
    """Return the version of Emo and the seed that made the figures."""
    return f"Made by Emo {commit[:12]}, seed {seed}."
