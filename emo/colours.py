"""The colour of each emotion, and the dashes of its curves: fixed, on every page and figure."""

from emo.labels import TRAINED_LABELS

EMOTION_COLOURS: dict[str, tuple[str, str]] = {
    "angry": ("#b30405", "#e04127"),
    "disgusted": ("#009a78", "#3acd87"),
    "fearful": ("#3a1c6d", "#8e51b6"),
    "happy": ("#a87600", "#fad535"),
    "neutral": ("#545655", "#8f8f8f"),
    "sad": ("#195aca", "#1a87ff"),
    "surprised": ("#e05ec7", "#fe8ee5"),
}
"""Colour of each emotion on the light and on the dark page.

Found by a search over the hues that people expect: at least 3:1 against the page, and at least
0.1 apart in OKLab as seen with normal sight, protanopia, deuteranopia and tritanopia.
"""

CALM_COLOURS = EMOTION_COLOURS["neutral"]
"""Of calm, which is measured and never answered: its curve is told apart by its dashes."""

DASHES = dict(
    zip(
        TRAINED_LABELS,
        ("solid", "dash", "dot", "dashdot", "longdash", "solid", "dash", "dot"),
        strict=True,
    )
)
"""Of the ROC of each emotion: colour alone does not tell them apart."""
