"""The words on how the vote comes about.  Nothing here imports Streamlit."""

from collections.abc import Mapping

from emo.app.text import MODELS_IN_TEXT
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.tree import TREE_TEACHER
from emo.formatting import NBSP, percent

OUT_OF_PLACE_OVERLINE = "The vote, not to be relied on"
SUMMARY = "How the vote comes about"
TIMES = "Times likelier"
CAPTION = "What each model adds to the vote"
TOGETHER = "Vote"
MANY = 1000


def overline(weights: Mapping[str, float], is_part: bool) -> str:
    """Return what stands over the vote: whose it is, with the weights, the greatest first."""
    what = "The vote on the selected part" if is_part else "The vote"
    ordered = sorted(weights, key=lambda key: -weights[key])
    parts = [f"{_short_name(key)}{NBSP}{weights[key]:.2f}" for key in ordered]
    return f"{what}, by weight: {', '.join(parts)}" if parts else what


def _short_name(key: str) -> str:
    name = CLASSIFIERS[key].short_name
    return name if name.isupper() else name.lower()


def heads(first: str, second: str) -> tuple[str, str]:
    """Return the heads of the table of the working."""
    return "Weight", f"{first} over {second}"


def rows(
    weights: Mapping[str, float], factors: Mapping[str, float], ratio: float
) -> list[tuple[str, list[str]]]:
    """Return a row for each model, with its weight and its factor, and one for their product."""
    listed = [
        (MODELS_IN_TEXT.get(key, key).removeprefix("the "), [f"{weights[key]:.2f}", times(factor)])
        for key, factor in factors.items()
    ]
    return [*listed, (TOGETHER, ["", times(ratio)])]


def times(factor: float) -> str:
    """Return a factor as text, such as "× 3.2"."""
    if factor >= MANY:
        return f">{NBSP}{MANY:,}{NBSP}×"
    return f"{factor:.2f}{NBSP}×" if factor < 10 else f"{factor:.0f}{NBSP}×"


def sentences(first: str, second: str) -> list[str]:
    """Return what the working means."""
    return [
        f"Each model makes {first} so many times likelier than {second}: the ratio of its "
        "percentages, to the power of its weight. The vote multiplies them. So models that agree "
        "raise the vote above each of them, and one with a small weight hardly counts.",
        f"The MLP taught the decision tree {percent(TREE_TEACHER)} of what it learned, so where "
        "these two agree, that is not two opinions.",
    ]
