"""HTML of the verdict beside the player."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from emo.app import html
from emo.app.analyse.verdict import text
from emo.app.text import PLAYER, UNSURE, model_bars
from emo.inference.predictor import Answer


@dataclass(frozen=True)
class Row:
    """A model and its answer, beside the player.

    Attributes
    ----------
    key, name
        Of the model.
    now
        Its answer to what the page shows.
    then
        Its answer to the whole clip as it was recorded, if the page shows another thing.
    is_aside
        Whether it has no part in the ensemble that is served.
    tag
        Word behind the name, which says what it is; empty for none.
    """

    key: str
    name: str
    now: Answer
    then: Answer | None = None
    is_aside: bool = False
    tag: str = ""


@dataclass(frozen=True)
class Point:
    """How often the ensemble is right on one kind of recording; ``is_here`` marks the clip's."""

    name: str
    text: str
    note: str = ""
    is_here: bool = False


def verdict(
    now: Answer,
    then: Answer | None,
    overline: str,
    remark: str,
    sentence: str,
    is_alone: bool,
    is_average: bool = False,
) -> Markup:
    """Return the answer of the ensemble in large letters, and one sentence below it.

    Parameters
    ----------
    now, then
        Its answer to what the page shows, and to the whole clip as it was recorded where that is
        another thing.
    overline, remark
        Of what it is the verdict, and what is to be known before it.
    sentence
        How far the models agree.
    is_alone
        Whether it answers where no model does, so that it must not sound sure.
    is_average
        Whether it is the average over a long recording, which has a headline of its own.
    """
    shares = html.bars(now.probabilities.tolist(), model_bars(text.TOGETHER), labels=now.labels)
    was = "" if then is None else text.before(then)
    probably = text.PROBABLY if is_alone and not now.unsure else ""
    return html.render(
        "stage",
        "verdict",
        html.headline(now),
        overline,
        remark,
        probably,
        was,
        sentence,
        shares,
        text.all_labels(len(now.labels)),
        text.ON_AVERAGE if is_average else "",
    )


def headline(sentence: str) -> Markup:
    """Return the answer to a long recording over time in large letters."""
    return html.render("stage", "headline", text.OVER_TIME, sentence)


def rows(models: Sequence[Row]) -> Markup:
    """Return a row for each model: name, answer, a bar; all seven bars when it is opened.

    Where an answer has a ``then``, the row reads "angry 98 % → 62 %", with the bar of then behind.
    """
    return html.render("stage", "rows", text.ROWS_LABEL, UNSURE, [_row(model) for model in models])


def _row(model: Row) -> dict[str, object]:
    now, then = model.now, model.then
    return {
        "key": model.key,
        "name": model.name,
        "is_aside": model.is_aside,
        "tag": model.tag,
        "is_unsure": now.unsure,
        "label": now.label,
        "names_label": then is None or then.label != now.label,
        "share": now.confidence,
        "was": "" if then is None else text.before(then),
        "was_label": "" if then is None else then.label,
        "was_share": 0.0 if then is None else then.confidence,
        "bars": html.bars(now.probabilities.tolist(), model_bars(model.name), labels=now.labels),
    }


def points(title: str, figures: Sequence[Point], level: int = 3, note: str = "") -> Markup:
    """Return how often the ensemble is right, by kind of recording, in one strip.

    Parameters
    ----------
    title, figures
    level
        Level of the heading, 2 or 3.
    note
        Sentence below the figures.
    """
    return html.render("stage", "points", title, figures, level, note)


def strip(now: Answer, models: Sequence[Row]) -> Markup:
    """Return the strip at the bottom of a phone: play, the verdict, the sign of each model."""
    answers = [(model.name, model.now.label) for model in models if not model.is_aside]
    return html.render("stage", "strip", PLAYER["play"], html.headline(now), answers)
