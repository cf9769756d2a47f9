"""The page *Confusion matrices*: predictions for clips whose acted emotion is known."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import streamlit as st

from emo import formatting
from emo.app import common, html, url
from emo.app import text as app_text
from emo.app.matrices import cell as matrices_cell
from emo.app.matrices import (
    diagnostics,
    export,
    grid,
    guest_text,
    guests,
    references,
    selection,
    text,
)
from emo.app.matrices.figures import Caption
from emo.app.matrices.selection import MatrixFilter, ScoresByKey
from emo.classifiers.ensembles import ENSEMBLES
from emo.corpora import protocols
from emo.inference import loading

SMALL_WIDTH = 191
"""Width in pixels of the matrices that are not shown large."""

# --- Matrices ------------------------------------------------------------------------------------


def show_matrices(metrics: common.Metrics, matrix_filter: MatrixFilter) -> ScoresByKey:
    """Show the matrices in one colour scale, with the tables that belong beside them.

    Returns
    -------
    ScoresByKey
        The scores of the models, the ensemble, and the listeners where these are shown (first).
    """
    scores_by_key = selection.filtered_scores(metrics, matrix_filter)
    if not scores_by_key:
        if not matrix_filter.is_filtered or not _is_tested(metrics, matrix_filter):
            has_corpus = matrix_filter.corpus != app_text.ALL_CORPORA
            not_tested = text.not_tested(matrix_filter.protocol)
            st.info(text.NO_SCORES_OF_CORPUS if has_corpus else not_tested)
        _write_address(matrix_filter, None)
        return {}
    human = selection.listener_scores(matrix_filter)
    if not matrix_filter.is_filtered:
        _show_references(scores_by_key, matrix_filter, human)
    models = loading.MODEL_KEYS
    order = (*ENSEMBLES, *models) if human else (*models, *ENSEMBLES)
    shown = {text.LISTENERS: human} if human else {}
    shown |= {key: scores_by_key[key] for key in order if key in scores_by_key}
    shown |= {key: scores for key, scores in scores_by_key.items() if key not in shown}  # guests
    if not any(selection.confusion(scores).sum() for scores in shown.values()):
        st.info(text.NONE_LEFT)
    top = 1.0 if matrix_filter.normalise else _highest_count(scores_by_key)
    _show_summary(metrics, matrix_filter, scores_by_key, top)
    cell = matrices_cell.selected_cell(list(shown), matrix_filter.labels)
    _show_all(shown, matrix_filter, top, cell)
    _write_address(matrix_filter, cell)
    _show_notes(metrics, matrix_filter, scores_by_key)
    return shown


def _write_address(matrix_filter: MatrixFilter, cell: matrices_cell.SelectedCell | None) -> None:
    params = {"cell": cell.as_param() if cell else "", "look": diagnostics.address_param()}
    url.write(selection.address_params(matrix_filter) | params)


def _is_tested(metrics: common.Metrics, matrix_filter: MatrixFilter) -> bool:
    return any(selection.stored_scores(metrics, key, matrix_filter) for key in metrics)


def _highest_count(scores_by_key: ScoresByKey) -> float:
    counts = (selection.confusion(scores).max() for scores in scores_by_key.values())
    return float(max(1, *counts))


def _show_summary(
    metrics: common.Metrics, matrix_filter: MatrixFilter, scores_by_key: ScoresByKey, top: float
) -> None:
    """Show the number of clips and folds, and the colour scale of all matrices."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        n_clips = max(scores.get("of", scores["n"]) for scores in scores_by_key.values())
        runs = selection.list_runs(metrics, next(iter(scores_by_key)), matrix_filter)
        st.text(text.tested_on(n_clips, matrix_filter.corpus, runs), width="content")
        _show_scale(matrix_filter, top)
    if n_unknown := selection.count_unknown_sexes(matrix_filter):
        st.caption(text.unknown_sexes(n_unknown))


def _show_scale(matrix_filter: MatrixFilter, top: float) -> None:
    light, dark = grid.palettes("sequential")
    if len(light) == len(dark) > 1:
        high = formatting.percent(1.0) if matrix_filter.normalise else f"{top:,.0f} clips"
        st.html(html.colour_scale(light, dark, "0", high), width="content")


def _show_references(
    scores_by_key: ScoresByKey, matrix_filter: MatrixFilter, human: app_text.Scores
) -> None:
    if matrix_filter.protocol == protocols.EMOBOX.key:
        references.show_published(scores_by_key, matrix_filter.corpus)
    elif matrix_filter.protocol == protocols.LISTENERS.key:
        references.show_listeners(scores_by_key, human)
    elif selection.is_cross_corpus_mean(matrix_filter):
        references.show_cross_corpus(scores_by_key)


def _show_all(
    shown: ScoresByKey,
    matrix_filter: MatrixFilter,
    top: float,
    cell: matrices_cell.SelectedCell | None,
) -> None:
    """Show one matrix large, the clips of its cell beside it, and the other matrices below."""
    large = matrices_cell.large_matrix(list(shown))
    left, right = st.columns([7, 5], gap="medium")
    selected = (cell.acted, cell.answer) if cell else None
    with left:
        _show_matrix(large, shown[large], matrix_filter, top, selected)
    with right, st.container(key="drawer"):
        matrices_cell.show_cell(matrix_filter, list(shown), cell)
    own_guests = guest_keys(shown)
    others = [key for key in shown if key != large]
    with st.container(horizontal=True, gap="small", key="smaller"):
        for key in others:
            if key not in own_guests:
                _show_matrix(key, shown[key], matrix_filter, top, None, is_large=False)
    if not own_guests:
        return
    guests.show_heading(own_guests)
    with st.container(horizontal=True, gap="small", key="smaller-guests"):
        for key in others:
            if key in own_guests:
                _show_matrix(key, shown[key], matrix_filter, top, None, is_large=False)


def _show_matrix(
    key: str,
    scores: app_text.Scores,
    matrix_filter: MatrixFilter,
    top: float,
    selected: grid.Cell | None,
    is_large: bool = True,
) -> None:
    name, normalise = guests.model_name(key), matrix_filter.normalise
    is_model = key != text.LISTENERS
    counts, labels = selection.confusion(scores), selection.score_labels(scores)
    own_top = top if is_model or normalise else float(counts.max())
    chart = f"chart-{key}"
    width: int | Literal["stretch"] = "stretch" if is_large else SMALL_WIDTH
    with st.container(border=True, key=f"matrix-{key}", width=width):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            is_guest = is_model and key not in app_text.MODEL_NAMES
            mark = f" :gray-badge[{guest_text.GUEST}]" if is_guest else ""
            st.subheader(f"{name}{mark}", anchor=False, width="content")
            if is_large:
                _show_save_button(key, scores, matrix_filter)
            else:
                st.button(
                    text.LARGER,
                    key=f"larger-{key}",
                    type="tertiary",
                    icon=":material/open_in_full:",
                    on_click=matrices_cell.enlarge,
                    args=(key,),
                )
        st.html(_model_headline(scores) if is_model else _listener_headline(scores))
        grid.show_grid(
            grid.confusion_grid(counts, normalise, own_top),
            labels,
            matrices_cell.cell_sentences(counts, labels, not is_model),
            text.matrix_alt(name, normalise),
            chart,
            selected,
            partial(matrices_cell.toggle_cell, key, chart),
            is_small=not is_large,
            focus=matrices_cell.focus_number() if selected else 0,
        )


def _show_save_button(key: str, scores: app_text.Scores, matrix_filter: MatrixFilter) -> None:
    caption = Caption(
        text.matrix_title(guests.model_name(key), matrix_filter.normalise),
        diagnostics.figure_note(matrix_filter, scores["n"]),
        text.ANSWER_LABEL,
        text.ACTED_LABEL,
    )
    make = partial(
        export.export_matrix,
        selection.confusion(scores),
        matrix_filter.normalise,
        selection.score_labels(scores),
        caption,
        "votes" if key == text.LISTENERS else "clips",
    )
    stem = diagnostics.file_stem(matrix_filter, "confusion", key)
    export.show_save_buttons(make, stem, f"matrix-{key}")


def _model_headline(scores: app_text.Scores) -> str:
    intervals = scores.get("intervals", {})
    titles = {name: title for name, title in text.SCORE_NAMES.items() if name in scores}
    values = {
        title: formatting.points(scores[name]) if name == "ece" else formatting.tenths(scores[name])
        for name, title in titles.items()
    }
    small = {title: formatting.interval(intervals.get(name)) for name, title in titles.items()}
    if scores.get("coverage", 1.0) < 1.0:
        values[text.COVERAGE] = formatting.tenths(scores["coverage"])
        small[text.COVERAGE] = text.coverage_counts(scores["n"], scores["of"])
    return html.scores(values, small)


def _listener_headline(scores: app_text.Scores) -> str:
    values = {
        text.SINGLE_LISTENER: formatting.tenths(scores["single_accuracy"]),
        text.PLURALITY: formatting.tenths(scores["plurality_accuracy"]),
    }
    small = {
        text.SINGLE_LISTENER: text.votes(scores["votes"]),
        text.PLURALITY: text.clips(scores["n"]),
    }
    return html.scores(values, small)


def _show_notes(
    metrics: common.Metrics, matrix_filter: MatrixFilter, scores_by_key: ScoresByKey
) -> None:
    """Show the meaning of the scores, and which models and clips are missing."""
    missing = [key for key in app_text.MODEL_NAMES if key not in scores_by_key]
    if missing:
        st.info(text.some_not_tested(missing))
    key, scores = next(iter(scores_by_key.items()))
    st.caption(
        text.scores_note(
            len(selection.score_labels(scores)),
            {name for block in scores_by_key.values() for name in block},
            matrix_filter.corpus,
            selection.is_cross_corpus_mean(matrix_filter),
        )
    )
    n_left_out = len(metrics[key].get(matrix_filter.source_protocol, {}).get("left_out", []))
    if n_left_out:
        st.caption(text.left_out(n_left_out))


def guest_keys(shown: ScoresByKey) -> list[str]:
    """Return the keys of the guests among the models that are shown."""
    return [key for key in shown if key not in (*app_text.MODEL_NAMES, text.LISTENERS)]


# --- Provenance ----------------------------------------------------------------------------------


def show_provenance(
    metrics: common.Metrics, matrix_filter: MatrixFilter, shown: ScoresByKey
) -> None:
    """Show the commands, commits and seeds behind the scores of the chosen protocol."""
    names_by_line: dict[str, list[str]] = {}
    for key in shown:
        if key not in metrics:
            continue
        for line in _provenance_lines(selection.list_runs(metrics, key, matrix_filter)):
            names_by_line.setdefault(line, []).append(guests.model_name(key))
    own = guest_keys(shown)
    if not names_by_line and not own:
        return
    with st.expander(text.PROVENANCE_TITLE):
        for line, names in names_by_line.items():
            st.markdown(f"**{', '.join(names)}.** {line}")
        guests.show_sources(own)


def _provenance_lines(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for all folds of one command, commit and seed."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for run in runs:
        origin = tuple(run.get(name) for name in ("command", "commit", "seed"))
        groups.setdefault(origin, []).append(run)
    return [text.provenance(group[0], [run["fold"] for run in group]) for group in groups.values()]
