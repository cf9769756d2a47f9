"""Pieces of a page as HTML, for what Streamlit has no element for.

Each piece is a macro in a Jinja2 template in ``templates/``; the style is in ``static/app.css``.
Text in the arguments is escaped; only ``Markup``, which the functions here return, is not.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import jinja2
from markupsafe import Markup

from emo.app.accuracy_text import TITLE as RATES_TITLE
from emo.app.own import served
from emo.app.text import UNSURE, and_then, model_bars, still_needed
from emo.formatting import percent, signed
from emo.inference.predictor import Answer
from emo.labels import LABELS

TEMPLATES = Path(__file__).with_name("templates")

NO_HTML = Markup("")


# --- Templates -----------------------------------------------------------------------------------


def render(template: str, piece: str, *args: object, **kwargs: object) -> Markup:
    """Return the HTML of one macro of the file ``templates/<template>.html.j2``.

    Raises
    ------
    jinja2.UndefinedError
        The macro uses a value that it was not given.
    """
    macros = _environment().get_template(f"{template}.html.j2").module
    html: Markup = getattr(macros, piece)(*args, **kwargs)
    return html


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
    )
    environment.filters |= {"percent": percent, "width": _width}
    return environment


def _source(name: str) -> str:
    """Return a template without its line breaks and indents, which are there for its readers."""
    return re.sub(r"\n\s*", "", (TEMPLATES / name).read_text(encoding="utf-8"))


def _width(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.1f}%"


# --- Answers -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RankingRow:
    """A row of a ranking: a share from 0 to 1, its text, a small text beside the name."""

    name: str
    share: float
    text: str
    small: str = ""
    is_ours: bool = False


@dataclass(frozen=True)
class Trust:
    """Evidence on how far to trust an answer: sentences, and a table of how often it is right.

    ``rows`` hold a name and as many figures as there are ``heads``; without any there is no table.
    """

    sentences: Sequence[str] = ()
    heads: Sequence[str] = ()
    rows: Sequence[tuple[str, Sequence[str]]] = ()


@dataclass(frozen=True)
class ClipAnswer:
    """The answer of a model to a clip; ``is_own`` marks the model that the page is about."""

    name: str
    label: str
    share: float
    is_own: bool

    @property
    def has_sign(self) -> bool:
        """Return True if the label is one of those that have a sign."""
        return self.label in LABELS or self.label in served.labels()


def bars(
    probabilities: Sequence[float],
    caption: str,
    n_marked: int = 1,
    labels: Sequence[str] = LABELS,
) -> Markup:
    """Return all probabilities as bars, in the order of their labels; a table if read aloud.

    A label that cannot occur, whose probability is 0, is pale.

    Parameters
    ----------
    probabilities
        Shares from 0 to 1.
    caption
        The model; read aloud, not shown.
    n_marked
        Number of the likeliest labels to emphasise.
    labels
        Of the probabilities.
    """
    marked = sorted(range(len(labels)), key=lambda i: -probabilities[i])[:n_marked]
    rows = [
        (label, probabilities[i], "emo-top" if i in marked else "emo-out" * (not probabilities[i]))
        for i, label in enumerate(labels)
    ]
    return render("answers", "bars", rows, caption)


def ranking(rows: Sequence[RankingRow], caption: str) -> Markup:
    """Return names with a bar and a figure each, ours emphasised."""
    return render("answers", "ranking", rows, caption)


def verdict(answer: Answer, level: int) -> Markup:
    """Return an answer in large letters, and the likeliest labels with their shares below.

    An unsure answer also names the threshold that it does not reach.

    Parameters
    ----------
    level
        2 for a heading, 3 for a paragraph.
    """
    return render("answers", "verdict", headline(answer), level)


def headline(answer: Answer) -> dict[str, object]:
    """Return what the large letters of an answer say, and the line below them."""
    first, second = likeliest(answer.probabilities.tolist(), answer.labels)
    return {
        "title": UNSURE if answer.unsure else "",
        "first": first,
        "second": second,
        "next": and_then(*second),
        "lack": still_needed(answer),
    }


def ensemble(answer: Answer, overline: str, sentence: str) -> Markup:
    """Return the headline of a result: the ensemble, and a sentence on how many models agree."""
    return render("answers", "ensemble", headline(answer), overline, sentence)


def trust(evidence: Trust) -> Markup:
    """Return how far to trust the answer above, in small letters under a line."""
    sentences = [sentence for sentence in evidence.sentences if sentence]
    return render("answers", "trust", RATES_TITLE, evidence.heads, evidence.rows, sentences)


def rates(caption: str, heads: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> Markup:
    """Return a table of shares of right answers by kind of recording."""
    return render("answers", "rates", caption, heads, rows)


def working(
    title: str,
    weights: Sequence[tuple[str, float]],
    sentence: str,
    summary: str,
    sentences: Sequence[str],
    table: Markup,
) -> Markup:
    """Return the weights of the models in the ensemble as one bar, and its table on demand.

    Parameters
    ----------
    weights
        Name and weight of each model, in the order of the bar.
    sentence
        Stands below the bar.
    summary
        Opens the table and its sentences.
    """
    return render("answers", "working", title, weights, sentence, summary, sentences, table)


def note(text: str) -> Markup:
    """Return a sentence in small letters under a line."""
    return render("answers", "note", text)


def summary(text: str) -> Markup:
    """Return a sentence that sums up a result."""
    return render("answers", "summary", text)


def card(name: str, kind: str, answer: Answer, evidence: Trust) -> Markup:
    """Return the answer of a model: name, label, confidence, bars, and how far to trust it."""
    shares = bars(answer.probabilities.tolist(), model_bars(name), len(answer.named), answer.labels)
    return render("answers", "card", name, kind, headline(answer), shares, trust(evidence))


def emotion_line(label: str, text: str) -> Markup:
    """Return an emotion with its sign, and a short text beside it."""
    return render("answers", "emotion_line", label, text)


def clip_answers(heading: str, answers: Sequence[ClipAnswer], remark: str = "") -> Markup:
    """Return the answers of several models to one clip as a list, and a remark as its last row."""
    return render("answers", "clip_answers", heading, answers, remark)


def paired_bars(
    name: str,
    pair: tuple[Sequence[float], Sequence[float]],
    caption: str,
    letters: Sequence[str],
    key: str,
    labels: Sequence[str] = LABELS,
) -> Markup:
    """Return the shares that a model gives each emotion in two clips, two bars a row.

    Parameters
    ----------
    pair
        Shares from 0 to 1 of each clip, in the order of the labels.
    letters
        The names of the two clips.
    key
        What the two kinds of bar stand for.
    labels
        Of the shares.
    """
    rows = [
        (label, [(shares[i], shares[i] == max(shares)) for shares in pair])
        for i, label in enumerate(labels)
    ]
    return render("answers", "paired_bars", name, rows, caption, letters, key)


def side_by_side(pieces: Sequence[Markup]) -> Markup:
    """Return pieces beside each other, as many as there is room for."""
    return render("answers", "side_by_side", pieces)


def likeliest(
    probabilities: Sequence[float], labels: Sequence[str] = LABELS
) -> tuple[tuple[str, float], tuple[str, float]]:
    """Return the two likeliest labels with their shares; of equally likely ones the first."""
    ordered = sorted(zip(labels, probabilities, strict=True), key=lambda pair: -pair[1])
    return ordered[0], ordered[1]


# --- Explanations --------------------------------------------------------------------------------


def reasons(
    name: str,
    sentences: Sequence[str],
    picture: Markup = NO_HTML,
    more: Sequence[tuple[str, Sequence[str]]] = (),
) -> Markup:
    """Return the explanation of a model's answer: a picture, sentences, and more on demand.

    Parameters
    ----------
    more
        Titles, and the sentences that are shown under each when it is opened.
    """
    return render("explanation", "reasons", name, sentences, picture, more)


def details(more: Sequence[tuple[str, Sequence[str]]]) -> Markup:
    """Return titles, and the sentences that are shown under each when it is opened."""
    return render("explanation", "details", more)


@dataclass(frozen=True)
class Chip:
    """A step of an explanation: a word, the share after it, and more when it is pointed at."""

    word: str
    share: float
    more: str = ""
    is_calm: bool = False


def chips(chips: Sequence[Chip], caption: str) -> Markup:
    """Return steps in a row with the share after each; the one that raised it most has a frame."""
    rises = [0.0, *(after.share - before.share for before, after in pairwise(chips))]
    most = rises.index(max(rises)) if max(rises, default=0.0) > 0 else -1
    return render("explanation", "chips", chips, caption, most)


def shifts(amounts: Mapping[str, float], caption: str) -> Markup:
    """Return how far each group moved the share of a label, in points, from a middle line."""
    highest = max((abs(amount) for amount in amounts.values()), default=0.0) or 1.0
    rows = [
        (
            group,
            "left" if amount >= 0 else "right",
            _width(abs(amount) / highest / 2),
            signed(amount, 0),
        )
        for group, amount in amounts.items()
    ]
    return render("explanation", "shifts", rows, caption)


# --- Over time -----------------------------------------------------------------------------------


def chosen_part(region: str, has_lanes: bool = False) -> Markup:
    """Return the part of the clip that the player selects: hidden JSON for its script.

    Room is kept for the player, and for its lanes where it has some.
    """
    return render("timeline", "chosen_part", region, has_lanes)


def lanes(data: str, description: str, labels: Sequence[str] = LABELS) -> Markup:
    """Return the answers over the time of a clip: hidden JSON for the player, and the signs' key.

    Parameters
    ----------
    data
        JSON of the lanes that the player draws.
    description
        Read aloud instead.
    labels
        Of the answers.
    """
    return render("timeline", "lanes", data, description, labels)


def timeline_table(
    summary: str, heads: Sequence[str], rows: Sequence[tuple[float, Sequence[str]]]
) -> Markup:
    """Return answers over time as a table, shown on demand; its first column moves the player.

    Parameters
    ----------
    summary
        Opens the table.
    heads
        Names of the columns.
    rows
        Seconds to which the first cell of a row moves the player, and the cells.
    """
    return render("timeline", "table", summary, heads, rows)


# --- Tables --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeyedRow:
    """A row of a table that is the key of a chart: an emotion, the dashes of its line, texts."""

    name: str
    dash: str
    texts: Sequence[str]


def scores(values: Mapping[str, str], intervals: Mapping[str, str] | None = None) -> Markup:
    """Return a few figures in a row, each under its name and above its interval, if any."""
    small = intervals or {}
    rows = [(name, value, small.get(name, "")) for name, value in values.items()]
    return render("tables", "scores", rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> Markup:
    """Return a table whose first column names the rows; columns of figures are flush right."""
    numeric = [
        column > 0 and all(row[column][:1].isdigit() or row[column] in ("–", "") for row in rows)
        for column in range(len(header))
    ]
    return render("tables", "table", header, rows, numeric, caption)


def keyed_table(header: Sequence[str], rows: Sequence[KeyedRow], caption: str) -> Markup:
    """Return a table of figures with a piece of the line before each name."""
    return render("tables", "keyed_table", header, rows, caption)


def colour_scale(light: Sequence[str], dark: Sequence[str], low: str, high: str) -> Markup:
    """Return the colour scale that several matrices share, from its lowest to its highest value."""
    stops = [f"light-dark({a},{b})" for a, b in zip(light, dark, strict=True)]
    return render("tables", "colour_scale", ",".join(stops), low, high)
