"""Pieces of a page as HTML text: the parts that Streamlit has no element for.

Every piece escapes what it is given.  The looks stand in ``app.css``.
"""

from collections.abc import Mapping, Sequence
from html import escape

from emo.figures import EMOTION_COLOURS
from emo.labels import LABELS
from emo.ui_words import percent


def emotion_styles() -> str:
    """CSS that gives each emotion its colour on the light and on the dark page."""
    return "".join(
        f".emo-{label}{{background:{light};background:light-dark({light},{dark})}}"
        for label, (light, dark) in EMOTION_COLOURS.items()
    )


def bars(probabilities: Sequence[float], caption: str) -> str:
    """All seven probabilities as bars, in the order of ``LABELS``; a table to a screen reader.

    Parameters
    ----------
    probabilities
        Seven shares from 0 to 1.
    caption
        Whose they are; read aloud, not shown.
    """
    top = max(range(len(LABELS)), key=lambda i: probabilities[i])
    rows = []
    for i, (label, share) in enumerate(zip(LABELS, probabilities, strict=True)):
        width = 100 * min(max(share, 0.0), 1.0)
        rows.append(
            f'<tr{" class=emo-top" if i == top else ""}><th scope="row">{escape(label)}</th>'
            f'<td class="emo-track"><div class="emo-bar emo-{escape(label)}" '
            f'style="width:{width:.1f}%"></div></td>'
            f'<td class="emo-share">{percent(share)}</td></tr>'
        )
    return (
        f'<table class="emo-bars"><caption>{escape(caption)}</caption>'
        '<colgroup><col class="emo-c1"><col><col class="emo-c3"></colgroup>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def verdict(label: str, confidence: float, level: int) -> str:
    """An answer in large letters: colour, label, percentage; a heading if ``level`` is 2."""
    tag = "h2" if level == 2 else "p"
    return (
        f'<{tag} class="emo-verdict emo-verdict-{level}"><span class="emo-dot emo-{escape(label)}">'
        f'</span>{escape(label)} <span class="emo-confidence">{percent(confidence)}</span></{tag}>'
    )


def vote(label: str, confidence: float, overline: str, sentence: str) -> str:
    """The headline of a result: the vote, and whether the three agree."""
    return (
        f'<p class="emo-overline">{escape(overline)}</p>{verdict(label, confidence, 2)}'
        f'<p class="emo-agree">{escape(sentence)}</p>'
    )


def note(text: str) -> str:
    """A sentence in small letters under a line: how far to trust what stands above."""
    return f'<p class="emo-note">{escape(text)}</p>'


def card(name: str, kind: str, label: str, probabilities: Sequence[float], trust: str) -> str:
    """One model's answer: name, label, confidence, seven bars, and how far to trust it."""
    confidence = probabilities[LABELS.index(label)]
    return (
        f'<h3 class="emo-model">{escape(name)}</h3><p class="emo-kind">{escape(kind)}</p>'
        f"{verdict(label, confidence, 3)}"
        f"{bars(probabilities, f'{name}: share of each emotion')}"
        f"{note(trust)}"
    )


def scores(named: Mapping[str, str]) -> str:
    """A few figures in a row, each under its name."""
    pairs = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
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
