"""What stands beside our matrices: published models, listeners, and one corpus beside another."""

from collections.abc import Mapping, Sequence

import streamlit as st

from emo import ui, ui_html, ui_matrices_words, ui_words
from emo.published import PUBLISHED, Published

Shown = Mapping[str, ui_words.Scores]
"""Scores of the models, and perhaps the vote, in one view, by key."""

_TABLE_WIDTH = 860  # pixels; wider, the eye loses the row
_RANKING_WIDTH = 760


# --- EmoBox --------------------------------------------------------------------------------------


def ranking_rows(shown: Shown, corpus: str) -> list[ui_html.Ranked]:
    """Models by falling UAR on a corpus of EmoBox, ours among those published."""
    rows = [
        ui_html.Ranked(row.model, row.uar, ui_words.tenths(row.uar)) for row in _published(corpus)
    ]
    for key, scores in shown.items():
        name = f"{ui_matrices_words.OURS}: {ui_matrices_words.model_name(key)}"
        between = ui_words.interval(scores.get("intervals", {}).get("uar"))
        rows.append(
            ui_html.Ranked(name, scores["uar"], ui_words.tenths(scores["uar"]), between, True)
        )
    return sorted(rows, key=lambda row: -row.share)


def _published(corpus: str) -> Sequence[Published]:
    return [row for row in PUBLISHED if row.corpus == corpus]


def show_published(shown: Shown, corpus: str) -> None:
    """Our UAR on a corpus of EmoBox among that of published models."""
    title = ui_matrices_words.PUBLISHED_TITLE
    st.subheader(title, anchor=False)
    st.html(ui_html.ranking(ranking_rows(shown, corpus), title), width=_RANKING_WIDTH)
    protocol = next(iter(shown.values()))["protocol"]
    sources = list(dict.fromkeys(row.source for row in _published(corpus)))
    st.caption(ui.plain(ui_matrices_words.emobox_note(corpus, protocol, sources)))


# --- Corpora -------------------------------------------------------------------------------------


def corpora_rows(shown: Shown) -> list[list[str]]:
    """UAR of each model on each unheard corpus and their mean, as text; "–" if not measured."""
    rows = []
    for key, scores in shown.items():
        uar = {fold["fold"]: ui_words.tenths(fold["uar"]) for fold in scores.get("folds", [])}
        mean = scores.get("uar")
        rows.append(
            [
                ui_matrices_words.model_name(key),
                *(uar.get(fold, "–") for fold in ui_matrices_words.UNHEARD),
                "–" if mean is None else ui_words.tenths(mean),
            ]
        )
    return rows


def show_corpora(shown: Shown) -> None:
    """One unheard corpus beside another."""
    title = ui_matrices_words.UNHEARD_TITLE
    st.subheader(title, anchor=False)
    st.html(
        ui_html.table(ui_matrices_words.UNHEARD_COLUMNS, corpora_rows(shown), title),
        width=_TABLE_WIDTH,
    )


# --- Listeners -----------------------------------------------------------------------------------


def listeners_rows(shown: Shown, human: ui_words.Scores) -> list[list[str]]:
    """Listeners, models and baselines beside the acted labels and the votes, as text."""

    def row(name: str, *values: str) -> list[str]:
        return [
            name,
            *values,
            *["–"] * (len(ui_matrices_words.LISTENERS_COLUMNS) - 1 - len(values)),
        ]

    rows = []
    if human:
        single = ui_words.tenths(human["single_accuracy"]), ui_words.tenths(human["single_uar"])
        rows.append(row(ui_matrices_words.SINGLE_LISTENER, *single))
        plurality = ui_words.tenths(human["plurality_accuracy"])
        rows.append(row(ui_matrices_words.PLURALITY, plurality))
    for key, scores in shown.items():
        rates = (scores[name] for name in ("accuracy", "uar", "agreement_with_plurality"))
        distance = f"{scores['distance_from_votes']:.3f}"
        rows.append(row(ui_matrices_words.model_name(key), *map(ui_words.tenths, rates), distance))
    for name, title in ui_matrices_words.BASELINES.items():
        if name in human:
            rows.append(row(title, "–", "–", "–", f"{human[name]:.3f}"))
    return rows


def show_listeners(shown: Shown, human: ui_words.Scores) -> None:
    """How models and listeners name the clips of CREMA-D, and how far they lie apart."""
    title = ui_matrices_words.LISTENERS_TITLE
    st.subheader(title, anchor=False)
    rows = listeners_rows(shown, human)
    columns = ui_matrices_words.LISTENERS_COLUMNS
    st.html(ui_html.table(columns, rows, title), width=_TABLE_WIDTH)
    if human:
        st.caption(ui_matrices_words.listeners_note(human["n"], human["votes"]))
    else:
        st.info(ui_matrices_words.NO_LISTENERS)
