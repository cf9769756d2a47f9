"""Pieces of a page as HTML text: the parts that Streamlit has no element for.

Every piece escapes what it is given.  The looks stand in ``app.css``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from emo.figures import EMOTION_COLOURS
from emo.labels import LABELS
from emo.ui_words import percent

Likely = tuple[str, float]
"""A label and its share."""


@dataclass(frozen=True)
class Ranked:
    """A row of a ranking: a share from 0 to 1, its text, a small text beside the name."""

    name: str
    share: float
    text: str
    small: str = ""
    is_ours: bool = False


def emotion_styles() -> str:
    """CSS that gives each emotion its colour on the light and on the dark page."""
    return "".join(
        f".emo-{label}{{background:{light};background:light-dark({light},{dark})}}"
        for label, (light, dark) in EMOTION_COLOURS.items()
    )


def bars(probabilities: Sequence[float], caption: str, n_marked: int = 1) -> str:
    """All seven probabilities as bars, in the order of ``LABELS``; a table to a screen reader.

    Parameters
    ----------
    probabilities
        Seven shares from 0 to 1.
    caption
        Whose they are; read aloud, not shown.
    n_marked
        How many of the likeliest stand out.
    """
    marked = sorted(range(len(LABELS)), key=lambda i: -probabilities[i])[:n_marked]
    rows = []
    for i, (label, share) in enumerate(zip(LABELS, probabilities, strict=True)):
        rows.append(
            f'<tr{" class=emo-top" if i in marked else ""}><th scope="row">{escape(label)}</th>'
            f'<td class="emo-track"><div class="emo-bar emo-{escape(label)}" '
            f'style="width:{_width(share)}"></div></td>'
            f'<td class="emo-share">{percent(share)}</td></tr>'
        )
    return (
        f'<table class="emo-bars"><caption>{escape(caption)}</caption>'
        '<colgroup><col class="emo-c1"><col><col class="emo-c3"></colgroup>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _width(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.1f}%"


def ranking(rows: Sequence[Ranked], caption: str) -> str:
    """Names with a bar and a figure each, ours standing out."""
    body = "".join(
        f'<tr{" class=emo-top" if row.is_ours else ""}><th scope="row">{escape(row.name)}'
        f'{_small(row.small)}</th><td class="emo-track"><div class="emo-bar" '
        f'style="width:{_width(row.share)}"></div></td>'
        f'<td class="emo-share">{escape(row.text)}</td></tr>'
        for row in rows
    )
    return (
        f'<table class="emo-bars emo-ranking"><caption>{escape(caption)}</caption>'
        '<colgroup><col class="emo-c1"><col><col class="emo-c3"></colgroup>'
        f"<tbody>{body}</tbody></table>"
    )


def _small(text: str) -> str:
    return f' <span class="emo-interval">{escape(text)}</span>' if text else ""


def verdict(first: Likely, second: Likely, is_unsure: bool, level: int) -> str:
    """An answer in large letters, and its two likeliest labels with their shares below.

    Parameters
    ----------
    first, second
        The two likeliest labels, each with its share.
    is_unsure
        Whether both are the answer.
    level
        2 for a heading, 3 for a paragraph.
    """
    tag = "h2" if level == 2 else "p"
    small = f'<p class="emo-next emo-next-{level}">'
    kind = f'class="emo-verdict emo-verdict-{level}'
    if is_unsure:
        return (
            f'<{tag} {kind} emo-unsure">Unsure: {escape(first[0])} or {escape(second[0])}</{tag}>'
            f"{small}{_likely(first)} {_likely(second)}</p>"
        )
    return (
        f'<{tag} {kind}">{_likely(first)}</{tag}>'
        f"{small}then {escape(second[0])} {percent(second[1])}</p>"
    )


def _likely(found: Likely) -> str:
    label, share = found
    return (
        f'<span class="emo-likely"><span class="emo-dot emo-{escape(label)}"></span>'
        f'{escape(label)} <span class="emo-confidence">{percent(share)}</span></span>'
    )


def vote(first: Likely, second: Likely, is_unsure: bool, overline: str, sentence: str) -> str:
    """The headline of a result: the vote, and whether the three agree."""
    return (
        f'<p class="emo-overline">{escape(overline)}</p>{verdict(first, second, is_unsure, 2)}'
        f'<p class="emo-agree">{escape(sentence)}</p>'
    )


def note(text: str) -> str:
    """A sentence in small letters under a line: how far to trust what stands above."""
    return f'<p class="emo-note">{escape(text)}</p>'


def card(
    name: str,
    kind: str,
    probabilities: Sequence[float],
    is_unsure: bool,
    trust: str,
) -> str:
    """One model's answer: name, label, confidence, seven bars, and how far to trust it."""
    first, second = likeliest(probabilities)
    return (
        f'<h3 class="emo-model">{escape(name)}</h3><p class="emo-kind">{escape(kind)}</p>'
        f"{verdict(first, second, is_unsure, 3)}"
        f"{bars(probabilities, f'{name}: share of each emotion', 1 + is_unsure)}"
        f"{note(trust)}"
    )


def likeliest(probabilities: Sequence[float]) -> tuple[Likely, Likely]:
    """The two likeliest labels with their shares; of equally likely ones the first."""
    ordered = sorted(zip(LABELS, probabilities, strict=True), key=lambda found: -found[1])
    return ordered[0], ordered[1]


def scores(named: Mapping[str, str], intervals: Mapping[str, str] | None = None) -> str:
    """A few figures in a row, each under its name, and under it in small its interval, if any."""
    small = {name: text for name, text in (intervals or {}).items() if text}
    pairs = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        + (f'<dd class="emo-interval">{escape(small[name])}</dd>' if name in small else "")
        + "</div>"
        for name, value in named.items()
    )
    return f'<dl class="emo-scores">{pairs}</dl>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A table whose first column names the rows; columns of figures are set flush right."""
    numeric = [
        all(row[column][:1].isdigit() or row[column] in ("–", "") for row in rows)
        for column in range(len(header))
    ]
    align = [' class="emo-number"' if is_number else "" for is_number in numeric]
    heads = "".join(
        f'<th scope="col"{align[column]}>{escape(text)}</th>' for column, text in enumerate(header)
    )
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(
            f"<td{align[column]}>{escape(row[column])}</td>" for column in range(1, len(header))
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="emo-scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="emo-table"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def colour_scale(light: Sequence[str], dark: Sequence[str], low: str, high: str) -> str:
    """The colour scale that several matrices share, from its lowest to its highest value."""
    stops = [f"light-dark({a},{b})" for a, b in zip(light, dark, strict=True)]
    return (
        f'<div class="emo-scale"><span>{escape(low)}</span>'
        f'<div style="background:linear-gradient(to right,{",".join(stops)})"></div>'
        f"<span>{escape(high)}</span></div>"
    )


def expectation(title: str, shares: Mapping[str, str], note: str) -> str:
    """What a person may expect of each model, before the first clip."""
    return (
        f'<section class="emo-expect"><h2>{escape(title)}</h2>{scores(shares)}'
        f"<p>{escape(note)}</p></section>"
    )
