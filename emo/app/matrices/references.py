"""What stands beside our matrices: published models, listeners, and one corpus beside another."""

from collections.abc import Mapping, Sequence

import streamlit as st

from emo import formatting
from emo.app import common, html
from emo.app import text as app_text
from emo.app.matrices import text
from emo.evaluation.benchmark import PUBLISHED, Published

Shown = Mapping[str, app_text.Scores]
"""Scores of the models, and perhaps the vote, in one matrix_filter, by key."""

_TABLE_WIDTH = 860  # pixels; wider, the eye loses the row
_RANKING_WIDTH = 760


# --- EmoBox --------------------------------------------------------------------------------------


def ranking_rows(shown: Shown, corpus: str) -> list[html.RankingRow]:
    """Models by falling UAR on a corpus of EmoBox, ours among those published."""
    rows = [
        html.RankingRow(row.model, row.uar, formatting.tenths(row.uar))
        for row in _published(corpus)
    ]
    for key, scores in shown.items():
        name = f"{text.OURS}: {text.model_name(key)}"
        between = formatting.interval(scores.get("intervals", {}).get("uar"))
        rows.append(
            html.RankingRow(name, scores["uar"], formatting.tenths(scores["uar"]), between, True)
        )
    return sorted(rows, key=lambda row: -row.share)


def _published(corpus: str) -> Sequence[Published]:
    return [row for row in PUBLISHED if row.corpus == corpus]


def show_published(shown: Shown, corpus: str) -> None:
    """Our UAR on a corpus of EmoBox among that of published models."""
    title = text.PUBLISHED_TITLE
    st.subheader(title, anchor=False)
    st.html(html.ranking(ranking_rows(shown, corpus), title), width=_RANKING_WIDTH)
    protocol = next(iter(shown.values()))["protocol"]
    sources = list(dict.fromkeys(row.source for row in _published(corpus)))
    st.caption(common.escape_markdown(text.emobox_note(corpus, protocol, sources)))


# --- Corpora -------------------------------------------------------------------------------------


def cross_corpus_rows(shown: Shown) -> list[list[str]]:
    """UAR of each model on each corpus in turn and their mean, as text; "–" if not measured."""
    rows = []
    for key, scores in shown.items():
        uar = {fold["fold"]: formatting.tenths(fold["uar"]) for fold in scores.get("folds", [])}
        mean = scores.get("uar")
        rows.append(
            [
                text.model_name(key),
                *(uar.get(fold, "–") for fold in text.CROSS_CORPUS_FOLDS),
                "–" if mean is None else formatting.tenths(mean),
            ]
        )
    return rows


def show_cross_corpus(shown: Shown) -> None:
    """Show the UAR on each corpus side by side."""
    title = text.CROSS_CORPUS_TITLE
    st.subheader(title, anchor=False)
    st.html(
        html.table(text.CROSS_CORPUS_COLUMNS, cross_corpus_rows(shown), title),
        width=_TABLE_WIDTH,
    )


# --- Listeners -----------------------------------------------------------------------------------


def listeners_rows(shown: Shown, human: app_text.Scores) -> list[list[str]]:
    """Listeners, models and baselines beside the acted labels and the votes, as text."""

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
    for key, scores in shown.items():
        rates = (scores[name] for name in ("accuracy", "uar", "agreement_with_plurality"))
        distance = f"{scores['distance_from_votes']:.3f}"
        rows.append(row(text.model_name(key), *map(formatting.tenths, rates), distance))
    for name, title in text.BASELINES.items():
        if name in human:
            rows.append(row(title, "–", "–", "–", f"{human[name]:.3f}"))
    return rows


def show_listeners(shown: Shown, human: app_text.Scores) -> None:
    """How models and listeners name the clips of CREMA-D, and how far they lie apart."""
    title = text.LISTENERS_TITLE
    st.subheader(title, anchor=False)
    rows = listeners_rows(shown, human)
    columns = text.LISTENERS_COLUMNS
    st.html(html.table(columns, rows, title), width=_TABLE_WIDTH)
    if human:
        st.caption(text.listeners_note(human["n"], human["votes"]))
    else:
        st.info(text.NO_LISTENERS)
