"""Texts on how the ensemble is computed."""

from collections.abc import Mapping

from emo.app.text import MODELS_IN_TEXT
from emo.classifiers.registry import CLASSIFIERS
from emo.formatting import NBSP, percent

TITLE = "How the ensemble is computed"
SENTENCE = (
    "The bar shows the weight of each model in the ensemble. Agreement raises the confidence: "
    "models that agree make the ensemble more confident than each of them."
)
SUMMARY = "The numbers for this clip"
CAPTION = "What each model adds to the ensemble"
TOGETHER = "Ensemble"
MAX_FACTOR = 1000
"""Largest factor that is written out."""


def _capitalised(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def heads(first: str, second: str) -> tuple[str, str]:
    """Return the column titles of the table of factors."""
    return "Weight", f"{first} over {second}"


def rows(
    weights: Mapping[str, float], factors: Mapping[str, float], ratio: float
) -> list[tuple[str, list[str]]]:
    """Return a row for each model with its weight and factor, and one for their product."""
    model_rows = [
        (MODELS_IN_TEXT.get(key, key).removeprefix("the "), [f"{weights[key]:.2f}", times(factor)])
        for key, factor in factors.items()
    ]
    return [*model_rows, (TOGETHER, ["", times(ratio)])]


def times(factor: float) -> str:
    """Return a factor as text, such as "× 3.2"."""
    if factor >= MAX_FACTOR:
        return f">{NBSP}{MAX_FACTOR:,}{NBSP}×"
    return f"{factor:.2f}{NBSP}×" if factor < 10 else f"{factor:.0f}{NBSP}×"


def sentences(first: str, second: str) -> list[str]:
    """Return the explanation of the table of factors."""
    return [
        f"Each model makes {first} so many times likelier than {second}: the ratio of its "
        "probabilities, raised to the power of its weight. The ensemble multiplies these factors.",
        *(
            f"{_capitalised(MODELS_IN_TEXT[row.teacher])} provided {percent(row.teacher_share)} of "
            f"the training targets of {MODELS_IN_TEXT[key]}, so their agreement counts less than "
            "that of two independent models."
            for key, row in CLASSIFIERS.items()
            if row.teacher
        ),
    ]
