"""Pieces of a page as HTML text: the parts that Streamlit has no element for.

Every piece escapes what it is given.  The looks stand in ``app.css``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from emo.app.accuracy_text import TITLE as RATES_TITLE
from emo.app.text import and_then, log_odds_of, model_bars, still_needed, unsure_of
from emo.app.theme import sign
from emo.formatting import percent
from emo.inference.explanation_text import signed
from emo.inference.predictor import Answer
from emo.labels import LABELS

LONG_LABEL = 7
"""Letters of a label from which on it takes a wider stretch to show it."""

Likely = tuple[str, float]
"""A label and its share."""


@dataclass(frozen=True)
class RankingRow:
    """A row of a ranking: a share from 0 to 1, its text, a small text beside the name."""

    name: str
    share: float
    text: str
    small: str = ""
    is_ours: bool = False


@dataclass(frozen=True)
class LaneSegment:
    """A stretch of a clip with one answer."""

    start_s: float
    stop_s: float
    label: str
    share: float
    is_unsure: bool


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
            f"<tr{' class=emo-top' if i in marked else ''}>"
            f'<th scope="row">{sign(label)}{escape(label)}</th>'
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


def ranking(rows: Sequence[RankingRow], caption: str) -> str:
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


def verdict(answer: Answer, level: int) -> str:
    """An answer in large letters, and the likeliest labels with their shares below.

    An unsure answer names its second label too where that is close, and else says what it lacks.

    Parameters
    ----------
    level
        2 for a heading, 3 for a paragraph.
    """
    tag = "h2" if level == 2 else "p"
    small = f'<p class="emo-next emo-next-{level}">'
    kind = f'class="emo-verdict emo-verdict-{level}'
    first, second = likeliest(answer.probabilities.tolist())
    if not answer.unsure:
        return f'<{tag} {kind}">{_likely(first)}</{tag}>{small}{escape(and_then(*second))}</p>'
    head = f'<{tag} {kind} emo-unsure">{escape(unsure_of(answer.named))}'
    if len(answer.named) > 1:
        return f"{head}</{tag}>{small}{_likely(first)} {_likely(second)}</p>"
    lack = still_needed(answer)
    rest = f"<span>{escape(lack)}</span> " if lack else ""
    return (
        f"{head}{_share(first[1])}</{tag}>{small}{rest}<span>{escape(and_then(*second))}</span></p>"
    )


def _likely(found: Likely) -> str:
    label, share = found
    return f'<span class="emo-likely">{sign(label)}{escape(label)}{_share(share)}</span>'


def _share(share: float) -> str:
    return f' <span class="emo-confidence">{percent(share)}</span>'


def vote(answer: Answer, overline: str, sentence: str) -> str:
    """The headline of a result: the vote, and whether the three agree."""
    return (
        f'<p class="emo-overline">{escape(overline)}</p>{verdict(answer, 2)}'
        f'<p class="emo-agree">{escape(sentence)}</p>'
    )


@dataclass(frozen=True)
class Trust:
    """How far to trust an answer: sentences, and a table of how often it is right.

    ``rows`` hold a name and as many figures as there are ``heads``; without any there is no table.
    """

    sentences: Sequence[str] = ()
    heads: Sequence[str] = ()
    rows: Sequence[tuple[str, Sequence[str]]] = ()


def trust(given: Trust) -> str:
    """How far to trust what stands above, in small letters under a line."""
    told = "".join(f'<p class="emo-note">{escape(text)}</p>' for text in given.sentences if text)
    shown = rates(RATES_TITLE, given.heads, given.rows) if given.rows else ""
    return f'<div class="emo-trust">{shown}{told}</div>' if shown or told else ""


def rates(
    caption: str, heads: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], kind: str = ""
) -> str:
    """Shares of right answers by kind of recording, all at one size; the first row stands out."""
    columns = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(text)}</td>" for text in texts)
        + "</tr>"
        for name, texts in rows
    )
    return (
        f'<table class="emo-rates{kind}"><caption>{escape(caption)}</caption>'
        f"<thead><tr><td></td>{columns}</tr></thead><tbody>{body}</tbody></table>"
    )


def working(summary: str, sentences: Sequence[str], table: str) -> str:
    """How the vote comes about, shown when it is opened."""
    told = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return (
        f'<details class="emo-working"><summary>{escape(summary)}</summary>{table}{told}</details>'
    )


def note(text: str) -> str:
    """A sentence in small letters under a line: how far to trust what stands above."""
    return f'<p class="emo-note">{escape(text)}</p>'


def card(name: str, kind: str, answer: Answer, given: Trust) -> str:
    """One model's answer: name, label, confidence, seven bars, and how far to trust it."""
    return (
        f'<h3 class="emo-model">{escape(name)}</h3><p class="emo-kind">{escape(kind)}</p>'
        f"{verdict(answer, 3)}"
        f"{bars(answer.probabilities.tolist(), model_bars(name), len(answer.named))}"
        f"{trust(given)}"
    )


def emotion_line(label: str, text: str) -> str:
    """An emotion with its sign, and a short text beside it."""
    return (
        f'<p class="emo-taught">{sign(label)}<b>{escape(label)}</b><span>{escape(text)}</span></p>'
    )


def likeliest(probabilities: Sequence[float]) -> tuple[Likely, Likely]:
    """The two likeliest labels with their shares; of equally likely ones the first."""
    ordered = sorted(zip(LABELS, probabilities, strict=True), key=lambda found: -found[1])
    return ordered[0], ordered[1]


def reasons(
    name: str,
    sentences: Sequence[str],
    picture: str = "",
    more: Sequence[tuple[str, Sequence[str]]] = (),
) -> str:
    """A model's reasons: its name, a picture if there is one, the sentences, more on demand.

    ``more`` holds titles, and the sentences that are shown under each when it is opened.
    """
    told = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    for title, rest in more:
        told += f"<details><summary>{escape(title)}</summary>"
        told += "".join(f"<p>{escape(sentence)}</p>" for sentence in rest) + "</details>"
    return f'<h3 class="emo-model">{escape(name)}</h3><div class="emo-why">{picture}{told}</div>'


def steps(shares: Sequence[float], caption: str) -> str:
    """A share after each of several steps as columns, beside the highest; the last stands out."""
    most = max(shares) or 1.0
    columns = "".join(
        f'<i style="height:{_width(share / most)}" title="{percent(share)}"></i>'
        for share in shares
    )
    ends = f"<span>{percent(shares[0])}</span><span>{percent(shares[-1])}</span>"
    return (
        f'<div class="emo-steps" role="img" aria-label="{escape(caption)}">{columns}</div>'
        f'<p class="emo-ends" aria-hidden="true">{ends}</p>'
    )


def shifts(amounts: Mapping[str, float], label: str) -> str:
    """How far each group moved the log-odds of a label, as bars from a middle line."""
    most = max((abs(amount) for amount in amounts.values()), default=0.0) or 1.0
    rows = "".join(
        f'<tr><th scope="row">{escape(group)}</th><td class="emo-shift"><div '
        f'style="{"left" if amount >= 0 else "right"}:50%;width:{50 * abs(amount) / most:.1f}%">'
        f'</div></td><td class="emo-share">{signed(amount)}</td></tr>'
        for group, amount in amounts.items()
    )
    return (
        f'<table class="emo-bars"><caption>{escape(log_odds_of(label))}</caption>'
        '<colgroup><col class="emo-c1"><col><col class="emo-c3"></colgroup>'
        f"<tbody>{rows}</tbody></table>"
    )


def chosen_part(region: str) -> str:
    """The part of the clip that the player shows as selected: JSON for its script, not shown."""
    return f'<div hidden data-emo-region="{escape(region)}">&nbsp;</div>'


def overlay(patches: str) -> str:
    """What the player lays over its spectrogram: JSON, read by its script and shown nowhere."""
    return f'<div hidden data-emo-patches="{escape(patches)}">&nbsp;</div>'


def timeline(
    duration_s: float,
    shown_s: Sequence[Sequence[float]],
    probabilities: Sequence[Sequence[float]],
    lanes: Mapping[str, Sequence[LaneSegment]],
    words: str,
) -> str:
    """Answers over the time of a clip: a band of shares, then a lane for each name.

    The player moves the line over it, and seeks where it is clicked.

    Parameters
    ----------
    shown_s
        Start and stop of each window, in order; a gap between two is left blank.
    probabilities
        Seven shares for each window, for the band.
    lanes
        By name; the labels of the first stand under it.
    words
        The same for those who do not see it.
    """
    rows = "".join(
        f'<span>{escape(name)}</span><div class="emo-lane">'
        f"{''.join(_cue(one, duration_s) for one in lane)}</div>"
        for name, lane in lanes.items()
    )
    first = next(iter(lanes.values()), ())
    labels = "".join(
        f'<b style="left:{_place(one.start_s, duration_s)};'
        f'width:{_place(one.stop_s - one.start_s, duration_s)}">'
        f"<span{' class=emo-long' if len(one.label) > LONG_LABEL else ''}>{escape(one.label)}"
        f"{'?' if one.is_unsure else ''}</span></b>"
        for one in first
    )
    band = "".join(
        f'<div class="emo-{escape(label)}" style="clip-path:polygon({corners})"></div>'
        for label, corners in _areas(duration_s, shown_s, probabilities)
    )
    return (
        f'<div class="emo-timeline" role="img" aria-label="{escape(words)}"><span></span>'
        f'<div class="emo-band">{band}</div>{rows}'
        f'<span></span><div class="emo-labels">{labels}</div>'
        '<div class="emo-seek" data-emo-seek="1"><div class="emo-head" data-emo-head="1"></div>'
        f"</div></div>{legend()}"
    )


def legend() -> str:
    """The sign, the colour and the name of every emotion, in a row."""
    rows = "".join(f"<li>{sign(label)}{escape(label)}</li>" for label in LABELS)
    return f'<ul class="emo-legend" aria-hidden="true">{rows}</ul>'


def _place(time_s: float, duration_s: float) -> str:
    return f"{100 * time_s / duration_s:.3f}%"


def _cue(one: LaneSegment, duration_s: float) -> str:
    return (
        f'<div class="emo-{escape(one.label)}{" emo-faint" if one.is_unsure else ""}" '
        f'style="left:{_place(one.start_s, duration_s)};'
        f'width:{_place(one.stop_s - one.start_s, duration_s)}">{sign(one.label)}</div>'
    )


def _areas(
    duration_s: float,
    shown_s: Sequence[Sequence[float]],
    probabilities: Sequence[Sequence[float]],
) -> list[tuple[str, str]]:
    """Label and corners of each stacked area, as CSS has them; an SVG would not be let through."""
    areas = []
    for first, last in _without_gaps(shown_s):
        times = [shown_s[first][0], *(sum(one) / 2 for one in shown_s[first:last])]
        times.append(shown_s[last - 1][1])
        rows = [probabilities[first], *probabilities[first:last], probabilities[last - 1]]
        across = [_place(time, duration_s) for time in times]
        below = [0.0] * len(rows)
        for i, label in enumerate(LABELS):
            above = [floor + row[i] for floor, row in zip(below, rows, strict=True)]
            edge = [f"{x} {100 - 100 * y:.1f}%" for x, y in zip(across, above, strict=True)]
            back = [f"{x} {100 - 100 * y:.1f}%" for x, y in zip(across, below, strict=True)]
            areas.append((label, ",".join(edge + back[::-1])))
            below = above
    return areas


def _without_gaps(shown_s: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """First and last (half-open) of the windows that follow each other without a gap."""
    starts = [i for i in range(len(shown_s)) if i == 0 or shown_s[i][0] > shown_s[i - 1][1]]
    return list(pairwise([*starts, len(shown_s)])) if starts else []


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


@dataclass(frozen=True)
class KeyedRow:
    """A row of a table that is the key of a drawing: an emotion, the dashes of its line, texts."""

    name: str
    dash: str
    texts: Sequence[str]


def keyed_table(header: Sequence[str], rows: Sequence[KeyedRow], caption: str) -> str:
    """A table of figures with a piece of the line before each name."""
    heads = "".join(f'<th scope="col" class="emo-number">{escape(text)}</th>' for text in header)
    body = "".join(
        f'<tr><th scope="row">{_line(row)}{escape(row.name)}</th>'
        + "".join(f'<td class="emo-number">{escape(text)}</td>' for text in row.texts)
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="emo-scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="emo-table"><caption>{escape(caption)}</caption>'
        f'<thead><tr><th scope="col">{escape(caption)}</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _line(row: KeyedRow) -> str:
    kinds = f"emo-key-{escape(row.dash)} emo-{escape(row.name)}"
    return f'<span class="emo-key {kinds}"></span>' if row.dash else ""


def colour_scale(light: Sequence[str], dark: Sequence[str], low: str, high: str) -> str:
    """The colour scale that several matrices share, from its lowest to its highest value."""
    stops = [f"light-dark({a},{b})" for a, b in zip(light, dark, strict=True)]
    return (
        f'<div class="emo-scale"><span>{escape(low)}</span>'
        f'<div style="background:linear-gradient(to right,{",".join(stops)})"></div>'
        f"<span>{escape(high)}</span></div>"
    )


def expectation(
    title: str, heads: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], note: str
) -> str:
    """What a person may expect of each model, before the first clip."""
    return (
        f'<section class="emo-expect"><h2>{escape(title)}</h2>'
        f"<div>{rates(title, heads, rows, ' emo-rates-large')}<p>{escape(note)}</p></div></section>"
    )
