"""Colours, signs and line styles of the emotions on all pages and figures."""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from emo.app.own import served
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

They have a contrast of at least 3:1 with the page (WCAG 2.2, 1.4.11), and a distance of at least
0.1 in OKLab with normal sight, protanopia, deuteranopia and tritanopia.
"""

CALM_COLOURS = EMOTION_COLOURS["neutral"]
"""Colours of calm, a trained label that is no answer; its curve has another line style."""

DASHES = dict(
    zip(
        TRAINED_LABELS,
        ("solid", "dash", "dot", "dashdot", "longdash", "solid", "dash", "dot"),
        strict=True,
    )
)
"""Line style of the ROC curve of each emotion, so that colour is not the only difference."""


SIGNS = {
    "angry": (  # a burst
        "M8 0l1.4 4.6 4.3-2.3-2.3 4.3L16 8l-4.6 1.4 2.3 4.3-4.3-2.3L8 16l-1.4-4.6-4.3 2.3 "
        "2.3-4.3L0 8l4.6-1.4-2.3-4.3 4.3 2.3z"
    ),
    "disgusted": (  # crossed out
        "M3.4.6L8 5.2 12.6.6l2.8 2.8L10.8 8l4.6 4.6-2.8 2.8L8 10.8l-4.6 4.6-2.8-2.8L5.2 8 .6 3.4z"
    ),
    "fearful": "M0 9l4-6 4 5 4-5 4 6v5l-4-6-4 5-4-5-4 6z",  # a tremble
    "happy": "M0 4h16a8 8 0 0 1-16 0z",  # a bowl, as of a smile
    "neutral": "M0 5.7h16v4.6H0z",  # level
    "sad": "M8 0c3 4.4 5.2 7.3 5.2 10.6a5.2 5.2 0 0 1-10.4 0C2.8 7.3 5 4.4 8 0z",  # a drop
    "surprised": (  # an open ring
        "M8 0a8 8 0 1 1 0 16A8 8 0 0 1 8 0zm0 4.4a3.6 3.6 0 1 0 0 7.2 3.6 3.6 0 0 0 0-7.2z"
    ),
}
"""Outline of the sign of each emotion as an SVG path, filled by the even-odd rule."""


OTHER_COLOURS: tuple[tuple[str, str], ...] = (
    ("#0b7285", "#3bc9db"),
    ("#a61e4d", "#f783ac"),
    ("#5f7a00", "#c0eb75"),
    ("#5f3dc4", "#b197fc"),
    ("#c2410c", "#ffa94d"),
    ("#1f6f43", "#69db7c"),
    ("#7048a8", "#d0a2f7"),
    ("#8a5a00", "#e8c16b"),
    ("#1c5d99", "#74c0fc"),
    ("#b5179e", "#f7a1e8"),
    ("#4a5568", "#cbd5e1"),
    ("#9d2a2a", "#ff8787"),
)
"""Colours of labels of own models that are none of the seven, on the light and the dark page."""

OTHER_SIGNS = (
    "M8 1l7 14H1z",  # a triangle
    "M2 2h12v12H2z",  # a square
    "M8 0l8 8-8 8-8-8z",  # a diamond
    "M6 0h4v6h6v4h-6v6H6v-6H0V6h6z",  # a plus
    "M1 1l14 7-14 7z",  # to the right
    "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1z",  # a disc
    "M1 1h5v14H1zM10 1h5v14h-5z",  # two bars
    "M15 1v14L1 8z",  # to the left
    "M4 1h8l4 7-4 7H4L0 8z",  # a hexagon
    "M1 1h14v14H1zm4 4v6h6V5z",  # a frame
    "M1 1h14L8 15z",  # a triangle on its tip
    "M0 0h7v7H0zM9 9h7v7H9z",  # two squares
)
"""Signs of these labels, in the same order."""


def colours(label: str) -> tuple[str, str]:
    """Return the colours of a label on the light and on the dark page."""
    return EMOTION_COLOURS.get(label) or OTHER_COLOURS[_place(label)]


def sign(label: str) -> str:
    """Return the outline of the sign of a label as an SVG path."""
    return SIGNS.get(label) or OTHER_SIGNS[_place(label)]


def looks(labels: Sequence[str]) -> dict[str, list[str]]:
    """Return the colours of some labels, and their signs as CSS images, for a component."""
    return {label: [*colours(label), mask_css(label)] for label in labels}


def _place(label: str) -> int:
    others = served.other_labels()
    place = others.index(label) if label in others else len(others)
    return place % len(OTHER_COLOURS)


def styles() -> str:
    """Return the CSS of the colours and signs of the seven emotions and of the labels served."""
    return "".join(map(_style, dict.fromkeys((*EMOTION_COLOURS, *served.labels()))))


def _style(label: str) -> str:
    light, dark = colours(label)
    both = f"light-dark({light},{dark})"
    return (
        f".emo-{label}{{background:{light};background:{both};fill:{light};fill:{both}}}"
        f".emo-sign-{label},.st-key-sample-{label}{{--emo-sign:{mask_css(label)};--emo-colour:{both}}}"
    )


def mask_css(label: str) -> str:
    """Return the shape of a label's sign as a CSS image."""
    return f'url("data:image/svg+xml,{quote(_picture(label))}")'


def _picture(label: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        f'<path fill-rule="evenodd" d="{sign(label)}"/></svg>'
    )


def upload_hints(hints: Mapping[str, str]) -> str:
    r"""Return the CSS with the text of each uploader, by the beginning of its key.

    >>> upload_hints({"up": "Drop a \"file\""})
    '[class*="st-key-up"]{--emo-hint:"Drop a \\"file\\""}'
    """
    return "".join(
        f'[class*="st-key-{key}"]{{--emo-hint:{json.dumps(hint, ensure_ascii=False)}}}'
        for key, hint in hints.items()
    )
