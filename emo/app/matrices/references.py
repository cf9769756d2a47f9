"""Tables beside the matrices: published models, listeners, and each corpus in turn."""

from collections.abc import Sequence

import streamlit as st

from emo import formatting
from emo.app import common, html
from emo.app import text as app_text
from emo.app.matrices import guest_text, guests, text
from emo.app.matrices.selection import ScoresByKey
from emo.evaluation.figures.benchmark import PUBLISHED, Published

_TABLE_WIDTH = 860  # pixels; in a wider table the eye loses the row
_RANKING_WIDTH = 760


# --- EmoBox --------------------------------------------------------------------------------------


def ranking_rows(scores_by_key: ScoresByKey, corpus: str) -> list[html.RankingRow]:
    """Return the published models and those of Emo on a corpus of EmoBox, the highest UAR first."""
    rows = [
        html.RankingRow(row.model, row.uar, formatting.tenths(row.uar))
        for row in _published(corpus)
    ]
    for key, scores in scores_by_key.items():
        is_ours = key in app_text.MODEL_NAMES
        maker = text.OURS if is_ours else guest_text.GUEST.capitalize()
        name = f"{maker}: {guests.model_name(key)}"
        interval = formatting.interval(scores.get("intervals", {}).get("uar"))
        uar = scores["uar"]
        rows.append(html.RankingRow(name, uar, formatting.tenths(uar), interval, is_ours))
    return sorted(rows, key=lambda row: -row.share)


def _published(corpus: str) -> Sequence[Published]:
    return [row for row in PUBLISHED if row.corpus == corpus]


def show_published(scores_by_key: ScoresByKey, corpus: str) -> None:
    """Show the UAR on a corpus of EmoBox beside that of published models."""
    title = text.PUBLISHED_TITLE
    st.subheader(title, anchor=False)
    st.html(html.ranking(ranking_rows(scores_by_key, corpus), title), width=_RANKING_WIDTH)
    protocol = next(iter(scores_by_key.values()))["protocol"]
    sources = list(dict.fromkeys(row.source for row in _published(corpus)))
    st.caption(common.escape_markdown(text.emobox_note(corpus, protocol, sources)))


# --- Corpora -------------------------------------------------------------------------------------


def cross_corpus_rows(scores_by_key: ScoresByKey) -> list[list[str]]:
    """Return the UAR of each model on each corpus and their mean; "–" if it was not measured."""
    rows = []
    for key, scores in scores_by_key.items():
        uar = {fold["fold"]: formatting.tenths(fold["uar"]) for fold in scores.get("folds", [])}
        mean = scores.get("uar")
        rows.append(
            [
                guests.model_name(key),
                *(uar.get(fold, "–") for fold in text.CROSS_CORPUS_FOLDS),
                "–" if mean is None else formatting.tenths(mean),
            ]
        )
    return rows


def show_cross_corpus(scores_by_key: ScoresByKey) -> None:
    """Show the UAR on each corpus side by side."""
    title = text.CROSS_CORPUS_TITLE
    st.subheader(title, anchor=False)
    st.html(
        html.table(text.CROSS_CORPUS_COLUMNS, cross_corpus_rows(scores_by_key), title),
        width=_TABLE_WIDTH,
    )


# --- Listeners -----------------------------------------------------------------------------------


def listeners_rows(scores_by_key: ScoresByKey, human: app_text.Scores) -> list[list[str]]:
    """Return how listeners, models and baselines agree with the acted labels and the votes."""

    def row(name: str, *values: str) -> list[str]:
        return [
            name,
            *values,
            *["–"] * (len(text.LISTENERS_COLUMNS) - 1 - len(values)),
        ]

    rows = []
    if human:
        single = formatting.tenths(human["single_accuracy"]), formatting.tenths(human["single_uar"])
        rows.append(row(text.SINGLE_LISTENER, *single))
        plurality = formatting.tenths(human["plurality_accuracy"])
        rows.append(row(text.PLURALITY, plurality))
    for key, scores in scores_by_key.items():
        rates = (scores[name] for name in ("accuracy", "uar", "agreement_with_plurality"))
        distance = f"{scores['distance_from_votes']:.3f}"
        rows.append(row(guests.model_name(key), *map(formatting.tenths, rates), distance))
    for name, title in text.BASELINES.items():
        if name in human:
            rows.append(row(title, "–", "–", "–", f"{human[name]:.3f}"))
    return rows


def show_listeners(scores_by_key: ScoresByKey, human: app_text.Scores) -> None:
    """Show how models and listeners label the clips of CREMA-D, and how far they are apart."""
    title = text.LISTENERS_TITLE
    st.subheader(title, anchor=False)
    rows = listeners_rows(scores_by_key, human)
    columns = text.LISTENERS_COLUMNS
    st.html(html.table(columns, rows, title), width=_TABLE_WIDTH)
    if human:
        st.caption(text.listeners_note(human["n"], human["votes"]))
    else:
        st.info(text.NO_LISTENERS)
