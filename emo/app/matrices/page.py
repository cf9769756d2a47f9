"""The page *Confusion matrices*: what each model answers for clips whose emotion is known."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from emo import formatting
from emo import labels as emo_labels
from emo.app import common, html, url
from emo.app import text as app_text
from emo.app.matrices import cell as matrices_cell
from emo.app.matrices import diagnostics, export, grid, references, selection, text
from emo.app.matrices.selection import MatrixFilter
from emo.inference import predictor

Drawn = dict[str, app_text.Scores]
"""What is drawn: the scores of models, the vote, and perhaps the listeners, by key."""


# --- Matrices ------------------------------------------------------------------------------------


def show_matrices(metrics: common.Metrics, matrix_filter: MatrixFilter) -> Drawn:
    """The scores that are drawn; draws their matrices in one colour scale, and what to compare.

    Under ``listeners`` the matrix of the listeners comes first, beside that of the vote.
    """
    shown = selection.filtered_scores(metrics, matrix_filter)
    if not shown:
        has_others = matrix_filter.corpus != app_text.ALL_CORPORA
        if not matrix_filter.is_filtered or not _is_tested(metrics, matrix_filter):
            st.info(
                text.NO_FIGURES_OF_CORPUS if has_others else text.not_tested(matrix_filter.protocol)
            )
        _put_into_address(matrix_filter, None)
        return {}
    human = selection.listener_scores(matrix_filter)
    if not matrix_filter.is_filtered:
        _show_comparison(shown, matrix_filter, human)
    order = (
        (emo_labels.VOTE, *predictor.MODEL_KEYS)
        if human
        else (*predictor.MODEL_KEYS, emo_labels.VOTE)
    )
    drawn = {text.LISTENERS: human} if human else {}
    drawn |= {key: shown[key] for key in order if key in shown}
    if not any(selection.confusion(scores).sum() for scores in drawn.values()):
        st.info(text.NOTHING_LEFT)
    top = 1.0 if matrix_filter.normalise else _highest(shown)
    _show_summary(metrics, matrix_filter, shown, top)
    cell = matrices_cell.selected_cell(list(drawn), matrix_filter.labels)
    _show_grid(drawn, matrix_filter, top, cell)
    _put_into_address(matrix_filter, cell)
    _show_notes(metrics, matrix_filter, shown)
    matrices_cell.show_cell(matrix_filter, list(drawn), cell)
    return drawn


def _put_into_address(matrix_filter: MatrixFilter, cell: matrices_cell.SelectedCell | None) -> None:
    extra = {"cell": cell.as_text() if cell else "", "look": diagnostics.in_address()}
    url.write(selection.in_address(matrix_filter) | extra)


def _is_tested(metrics: common.Metrics, matrix_filter: MatrixFilter) -> bool:
    return any(selection.stored_scores(metrics, key, matrix_filter) for key in metrics)


def _highest(shown: Mapping[str, app_text.Scores]) -> float:
    return float(max(max(selection.confusion(scores).max() for scores in shown.values()), 1))


def _show_summary(
    metrics: common.Metrics,
    matrix_filter: MatrixFilter,
    shown: Mapping[str, app_text.Scores],
    top: float,
) -> None:
    """What the matrices are of, and the colours that they share."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        n_clips = max(scores.get("of", scores["n"]) for scores in shown.values())
        runs = selection.list_runs(metrics, next(iter(shown)), matrix_filter)
        st.text(text.tested_on(n_clips, matrix_filter.corpus, runs), width="content")
        _show_scale(matrix_filter, top)
    if n_unknown := selection.unknown_sexes(matrix_filter):
        st.caption(text.unknown_sexes(n_unknown))


def _show_comparison(
    shown: Mapping[str, app_text.Scores], matrix_filter: MatrixFilter, human: app_text.Scores
) -> None:
    if matrix_filter.protocol == "emobox":
        references.show_published(shown, matrix_filter.corpus)
    elif matrix_filter.protocol == "listeners":
        references.show_listeners(shown, human)
    elif matrix_filter.protocol == "cross-corpus" and matrix_filter.corpus == app_text.ALL_CORPORA:
        references.show_cross_corpus(shown)


def _show_grid(
    drawn: Mapping[str, app_text.Scores],
    matrix_filter: MatrixFilter,
    top: float,
    cell: matrices_cell.SelectedCell | None,
) -> None:
    """Two matrices in a row."""
    keys = list(drawn)
    for first in range(0, len(keys), 2):
        for key, column in zip(keys[first : first + 2], st.columns(2, gap="medium"), strict=False):
            with column:
                selected = (cell.acted, cell.answer) if cell and cell.key == key else None
                _show_matrix(key, drawn[key], matrix_filter, top, selected)


def _show_matrix(
    key: str,
    scores: app_text.Scores,
    matrix_filter: MatrixFilter,
    top: float,
    selected: grid.Cell | None,
) -> None:
    name = text.model_name(key)
    is_model = key != text.LISTENERS
    counts, labels = selection.confusion(scores), selection.score_labels(scores)
    own_top = top if is_model or matrix_filter.normalise else float(counts.max())
    chart = f"chart-{key}"
    with st.container(border=True, height="stretch", key=f"matrix-{key}"):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.subheader(name, anchor=False, width="content")
            _show_save(key, scores, matrix_filter)
        st.html(_headline(scores) if is_model else _human_headline(scores))
        grid.show_grid(
            grid.confusion_grid(counts, matrix_filter.normalise, own_top),
            labels,
            matrices_cell.sentences(counts, labels, not is_model),
            text.matrix_alt(name, matrix_filter.normalise),
            chart,
            selected,
            partial(matrices_cell.toggle_cell, key, chart),
        )


def _show_save(key: str, scores: app_text.Scores, matrix_filter: MatrixFilter) -> None:
    title = text.matrix_title(text.model_name(key), matrix_filter.normalise)
    caption = export.Caption(
        title, diagnostics.note(matrix_filter, scores["n"]), text.ACROSS, text.DOWN
    )
    unit = "votes" if key == text.LISTENERS else "clips"
    make = partial(
        export.export_matrix,
        selection.confusion(scores),
        matrix_filter.normalise,
        selection.score_labels(scores),
        caption,
        unit,
    )
    export.show_save_buttons(
        make, diagnostics.file_stem(matrix_filter, "confusion", key), f"matrix-{key}"
    )


def _headline(scores: app_text.Scores) -> str:
    intervals = scores.get("intervals", {})
    named = {name: title for name, title in text.SCORE_NAMES.items() if name in scores}
    values = {
        title: formatting.points(scores[name]) if name == "ece" else formatting.tenths(scores[name])
        for name, title in named.items()
    }
    small = {title: formatting.interval(intervals.get(name)) for name, title in named.items()}
    for title, (value, counted) in matrices_cell.coverage_scores(scores).items():
        values[title], small[title] = value, counted
    return html.scores(values, small)


def _human_headline(scores: app_text.Scores) -> str:
    values = {
        text.SINGLE_LISTENER: formatting.tenths(scores["single_accuracy"]),
        text.PLURALITY: formatting.tenths(scores["plurality_accuracy"]),
    }
    counted = (text.votes(scores["votes"]), text.clips(scores["n"]))
    return html.scores(values, dict(zip(values, counted, strict=True)))


def _show_notes(
    metrics: common.Metrics, matrix_filter: MatrixFilter, shown: Mapping[str, app_text.Scores]
) -> None:
    """What the figures mean, and who is missing."""
    missing = [key for key in (*predictor.MODEL_KEYS, emo_labels.VOTE) if key not in shown]
    if missing:
        st.info(text.some_not_tested(missing))
    first = next(iter(shown.values()))
    has = {name for scores in shown.values() for name in scores}
    is_mean = (
        matrix_filter.protocol == "cross-corpus" and matrix_filter.corpus == app_text.ALL_CORPORA
    )
    st.caption(
        text.scores_note(len(selection.score_labels(first)), has, matrix_filter.corpus, is_mean)
    )
    n_left = len(
        metrics[next(iter(shown))].get(matrix_filter.source_protocol, {}).get("left_out", [])
    )
    if n_left:
        st.caption(text.left_out(n_left))


def _show_scale(matrix_filter: MatrixFilter, top: float) -> None:
    light, dark = grid.palettes("sequential")
    if len(light) == len(dark) > 1:
        high = formatting.percent(1.0) if matrix_filter.normalise else f"{top:,.0f} clips"
        st.html(html.colour_scale(light, dark, "0", high), width="content")


# --- Provenance ----------------------------------------------------------------------------------


def show_provenance(metrics: common.Metrics, matrix_filter: MatrixFilter, drawn: Drawn) -> None:
    """The commands, commits and seeds that made the figures of the chosen protocol."""
    made: dict[str, list[str]] = {}
    for key in drawn:
        if key not in metrics:
            continue
        for line in _made_by(selection.list_runs(metrics, key, matrix_filter)):
            made.setdefault(line, []).append(text.model_name(key))
    if not made:
        return
    with st.expander(text.PROVENANCE_TITLE):
        for line, names in made.items():
            st.markdown(f"**{', '.join(names)}.** {line}")


def _made_by(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for all folds that one command, commit and seed made."""
    same: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for run in runs:
        same.setdefault(tuple(run.get(k) for k in ("command", "commit", "seed")), []).append(run)
    return [text.provenance(part[0], [run["fold"] for run in part]) for part in same.values()]
