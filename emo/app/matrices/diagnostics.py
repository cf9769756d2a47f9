"""Diagnostics of the models: rates by emotion, reliability, ROC, differences, learning curves.

One of them is shown at a time, so that the page is there at once.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from markupsafe import Markup

from emo.app import common, controls, html, theme, url
from emo.app.matrices import charts, export, grid, guests, risk_text, selection, text
from emo.app.matrices.figures import Caption
from emo.app.matrices.selection import MatrixFilter, ScoresByKey
from emo.app.text import CORPUS_NAMES, MODEL_NAMES
from emo.classifiers.registry import CLASSIFIERS
from emo.evaluation import metrics, selective, subsets
from emo.evaluation.figures import differences
from emo.evaluation.metrics import ClassScores, class_scores
from emo.evaluation.predictions import Predictions
from emo.evaluation.selective import RiskCoverage
from emo.formatting import percent, tenths
from emo.labels import ENSEMBLE
from emo.system import paths

TABLE_WIDTH = 640  # pixels; in a wider table the eye loses the row

_LOOK = "look"
_FIRST = next(iter(text.LOOK_NAMES))
_MIN_TOP = 0.1  # of a scale of differences, so that noise does not look like a difference


def address_param() -> str:
    """Return the value of the parameter ``look`` of the address; empty for the first part."""
    if url.is_opened(_LOOK):
        param = url.read(_LOOK, text.LOOK_NAMES)
        if param or url.is_returned():
            st.session_state[_LOOK] = param or _FIRST
    look = str(controls.value_of(_LOOK, _FIRST))
    return "" if look == _FIRST else look


def show_diagnostics(matrix_filter: MatrixFilter, scores_by_key: ScoresByKey) -> None:
    """Show the chosen part; ``scores_by_key`` are those of the matrices."""
    address_param()
    st.header(text.LOOK_LABEL, anchor=False)
    look = selection.show_segments(
        _LOOK, text.LOOK_LABEL, text.LOOK_NAMES, label_visibility="collapsed"
    )
    models = {key: scores for key, scores in scores_by_key.items() if key != text.LISTENERS}
    parts: dict[str, Callable[[], None]] = {
        "classes": lambda: show_per_class(models),
        "reliability": lambda: show_reliability(matrix_filter, list(models)),
        "risk": lambda: show_risk(matrix_filter, list(models)),
        "roc": lambda: show_roc(matrix_filter, list(models)),
        "difference": lambda: show_difference(matrix_filter, scores_by_key),
        "learning": lambda: show_curves(matrix_filter),
    }
    if look == "learning" or models:
        parts[look]()


def file_stem(matrix_filter: MatrixFilter, figure: str, key: str) -> str:
    """Return the name of a saved figure without its ending: its kind, model and filter."""
    parts = ["matrices", figure, key, *selection.address_params(matrix_filter).values()]
    return "-".join(part for part in parts if part)


def figure_note(matrix_filter: MatrixFilter, n_clips: int) -> str:
    """Return the note of a saved figure: protocol, filter and number of clips."""
    corpus, sex = matrix_filter.tested_corpus, matrix_filter.sex
    return text.figure_note(
        text.PROTOCOL_NAMES[matrix_filter.protocol],
        CORPUS_NAMES.get(corpus, corpus),
        "" if sex == subsets.ALL else text.VOICES_NAMES[sex],
        matrix_filter.threshold_percent,
        n_clips,
    )


# --- Emotion by emotion --------------------------------------------------------------------------


def show_per_class(models: ScoresByKey) -> None:
    """Show precision, recall and F1 of each emotion, with a tab for each model."""
    names = [guests.model_name(key) for key in models]
    for tab, name, scores in zip(st.tabs(names), names, models.values(), strict=True):
        caption = text.per_class_caption(name)
        classes = class_scores(selection.confusion(scores), selection.score_labels(scores))
        rows = [_class_row(label, rates) for label, rates in classes.items()]
        tab.html(html.table(text.PER_CLASS_COLUMNS, rows, caption), width=TABLE_WIDTH)
    st.caption(text.PER_CLASS_NOTE)


def _class_row(label: str, scores: ClassScores) -> list[str]:
    rates = (scores.precision, scores.recall, scores.f1)
    return [label, f"{scores.n:,}", *("–" if rate is None else percent(rate) for rate in rates)]


# --- Reliability and ROC -------------------------------------------------------------------------


def _choose_model(keys: Sequence[str], part: str) -> str:
    """Return the key of the model to show, the ensemble by default."""
    names = {key: guests.model_name(key) for key in keys}
    default = ENSEMBLE if ENSEMBLE in keys else None
    return selection.show_segments(f"model-of-{part}", text.CURVES_MODEL_LABEL, names, default)


def show_reliability(matrix_filter: MatrixFilter, keys: Sequence[str]) -> None:
    """Show the reliability diagram of a model and its figures."""
    key = _choose_model(keys, "reliability")
    predictions = selection.filtered_predictions(matrix_filter)
    if predictions is None:
        return
    error = metrics.expected_error(predictions[key])
    if error is None:
        return
    left, right = st.columns(2, gap="medium")
    with left:
        _show_reliability_diagram(matrix_filter, key, predictions[key])
        st.text(text.calibration_sentence(guests.model_name(key), error, len(predictions[key])))
    with right:
        bins = [text.bin_row(row) for row in metrics.reliability(predictions[key])]
        alt = text.reliability_alt(guests.model_name(key))
        st.html(html.table(text.RELIABILITY_COLUMNS, bins, alt))
    st.caption(text.RELIABILITY_NOTE)


def show_risk(matrix_filter: MatrixFilter, keys: Sequence[str]) -> None:
    """Show the risk-coverage curve of a model, and the figures of all models."""
    key = _choose_model(keys, "risk")
    predictions = selection.filtered_predictions(matrix_filter)
    if predictions is None or not len(predictions[key]):
        return
    curves = {key: selective.risk_coverage(predictions[key]) for key in keys}
    left, right = st.columns(2, gap="medium")
    with left:
        _show_risk_coverage(matrix_filter, key, curves[key], len(predictions[key]))
    with right:
        rows = [risk_text.row(guests.model_name(key), curve) for key, curve in curves.items()]
        st.html(html.table(risk_text.columns(), rows, risk_text.TABLE_CAPTION))
        st.caption(risk_text.NOTE)


def _show_reliability_diagram(
    matrix_filter: MatrixFilter, key: str, predictions: Predictions
) -> None:
    name, bins = guests.model_name(key), metrics.reliability(predictions)
    all_confidences = replace(matrix_filter, threshold_percent=0)
    st.plotly_chart(
        charts.reliability_diagram(
            bins, text.RELIABILITY_AXES, [text.bin_sentence(row) for row in bins]
        ),
        key="chart-reliability",
        config=common.CHART,
        alt=text.reliability_alt(name),
    )
    across, down, _ = text.RELIABILITY_AXES
    caption = Caption(
        f"{name}: {text.LOOK_NAMES['reliability'].lower()}",
        figure_note(all_confidences, len(predictions)),
        across,
        down,
    )
    make = partial(export.export_reliability, bins, caption)
    stem = file_stem(all_confidences, "reliability", key)
    export.show_save_buttons(make, stem, "reliability")


def _show_risk_coverage(
    matrix_filter: MatrixFilter, key: str, curve: RiskCoverage, n_clips: int
) -> None:
    name = guests.model_name(key)
    all_confidences = replace(matrix_filter, threshold_percent=0)
    sentences = [
        risk_text.point_sentence(coverage, risk)
        for coverage, risk in zip(curve.coverages.tolist(), curve.risks.tolist(), strict=True)
    ]
    st.plotly_chart(
        charts.risk_coverage_curve(curve, risk_text.AXES, sentences),
        key="chart-risk",
        config=common.CHART,
        alt=risk_text.alt(name),
    )
    note = figure_note(all_confidences, n_clips)
    caption = Caption(f"{name}: {risk_text.TITLE.lower()}", note, *risk_text.AXES)
    make = partial(export.export_risk_coverage, curve, caption)
    export.show_save_buttons(make, file_stem(all_confidences, "risk", key), "risk")


def show_roc(matrix_filter: MatrixFilter, keys: Sequence[str]) -> None:
    """Show the ROC curves of a model, and the areas under those of all models."""
    key = _choose_model(keys, "roc")
    predictions = selection.filtered_predictions(matrix_filter)
    if predictions is None:
        return
    curves = {key: metrics.roc(predictions[key]) for key in keys}
    if not curves[key]:
        st.info(text.NO_ROC)
        return
    name = guests.model_name(key)
    all_confidences = replace(matrix_filter, threshold_percent=0)
    st.html(f"<style>{_curve_styles([curve.label for curve in curves[key]])}</style>")
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(key="roc"):
        st.plotly_chart(
            charts.roc_curves(curves[key], text.ROC_AXES),
            key="chart-roc",
            config=common.CHART,
            alt=text.roc_alt(name),
        )
        caption = Caption(
            f"{name}: {text.LOOK_NAMES['roc']}",
            figure_note(all_confidences, len(predictions[key])),
            *text.ROC_AXES,
        )
        make = partial(export.export_roc, curves[key], caption)
        export.show_save_buttons(make, file_stem(all_confidences, "roc", key), "roc")
    # With a column for each guest the table needs the whole width.
    with st.container() if any(own not in MODEL_NAMES for own in keys) else right:
        st.html(_area_table(curves, key))
    st.caption(text.ROC_NOTE)


def _curve_styles(labels: Sequence[str]) -> str:
    """Return CSS that colours each curve by its emotion, on the light and on the dark page."""
    return "".join(
        f".st-key-roc .scatterlayer .trace:nth-child({i}) .js-line"
        f"{{stroke:light-dark({light},{dark})!important}}"
        for i, (light, dark) in enumerate(
            (theme.EMOTION_COLOURS.get(label, theme.CALM_COLOURS) for label in labels), 1
        )
    )


def _area_table(curves: Mapping[str, Sequence[metrics.Roc]], key: str) -> Markup:
    """Return the areas by emotion and model, which is also the legend of the curves of a model."""
    areas = [{curve.label: curve.area for curve in of_model} for of_model in curves.values()]
    rows = []
    for curve in curves[key]:
        texts = [tenths(of_model[curve.label]) for of_model in areas]
        rows.append(html.KeyedRow(curve.label, theme.DASHES[curve.label], texts))
    means = [tenths(float(np.mean(list(of_model.values())))) for of_model in areas]
    rows.append(html.KeyedRow(text.ROC_MEAN, "", means))
    return html.keyed_table([guests.model_name(key) for key in curves], rows, text.ROC_COLUMN)


# --- Difference ----------------------------------------------------------------------------------


def show_difference(matrix_filter: MatrixFilter, scores_by_key: ScoresByKey) -> None:
    """Show how much more often one model gives each answer than another."""
    names = {key: guests.model_name(key) for key in scores_by_key}
    best = ENSEMBLE if ENSEMBLE in names else next(reversed(names))
    others = [key for key in (text.LISTENERS, *CLASSIFIERS, *names) if key in names and key != best]
    with st.container(horizontal=True, gap="medium"):
        first = selection.show_select("difference-first", text.FIRST_LABEL, names, best)
        second = selection.show_select(
            "difference-second", text.SECOND_LABEL, names, next(iter(others), best)
        )
    if first == second:
        st.info(text.SAME)
        return
    labels = selection.score_labels(scores_by_key[first])
    counts = [selection.confusion(scores_by_key[key]) for key in (first, second)]
    pair = [names[first], names[second]]
    shares = [grid.row_shares(matrix) for matrix in counts]
    top = float(np.nanmax([_MIN_TOP, *np.abs(shares[0] - shares[1]).ravel()]))
    sentences = [
        [
            text.difference_sentence(
                acted, answer, pair, float(shares[0][i, j]), float(shares[1][i, j])
            )
            for j, answer in enumerate(labels)
        ]
        for i, acted in enumerate(labels)
    ]
    with st.container(border=True, key="difference", width=TABLE_WIDTH):
        grid.show_grid(
            grid.difference_grid(counts[0], counts[1], top),
            labels,
            sentences,
            text.difference_alt(pair),
            "chart-difference",
            kind="diverging",
        )
        n_clips = max(int(scores_by_key[key]["n"]) for key in (first, second))
        caption = Caption(
            text.difference_title(pair),
            figure_note(matrix_filter, n_clips),
            text.ANSWER_LABEL,
            text.ACTED_LABEL,
        )
        make = partial(export.export_difference, counts[0], counts[1], labels, top, caption)
        stem = file_stem(matrix_filter, "difference", f"{first}-{second}")
        export.show_save_buttons(make, stem, "difference")
    st.caption(text.difference_note(pair))
    _show_rates(matrix_filter, first, second)


def _show_rates(matrix_filter: MatrixFilter, first: str, second: str) -> None:
    """Show how far two models differ in accuracy and UAR, and what the test could detect."""
    if text.LISTENERS in (first, second) or matrix_filter.threshold_percent:
        st.caption(text.NO_PAIRED)
        return
    predictions = selection.filtered_predictions(matrix_filter)
    if predictions is None or not len(predictions[first]):
        return
    of_both = {key: predictions[key] for key in (second, first)}
    by_fold = selection.is_cross_corpus_mean(matrix_filter)
    (pair,) = differences.paired_differences(of_both, by_fold)
    rows = [
        text.paired_row(
            text.SCORE_NAMES[name],
            float(pair[name]),
            pair["intervals"][name],
            pair["detectable"][name],
        )
        for name in ("accuracy", "uar")
    ]
    names = [guests.model_name(key) for key in (first, second)]
    table = html.table(text.PAIRED_COLUMNS, rows, text.difference_title(names))
    with st.container(key="paired"):
        st.html(table, width=TABLE_WIDTH)
    st.caption(text.PAIRED_NOTE)


# --- Learning ------------------------------------------------------------------------------------


def read_curves(directory: Path, key: str) -> Mapping[str, list[dict[str, Any]]]:
    """Return the learning curves of a model by run; empty if there is no such file."""
    try:
        curves: Mapping[str, list[dict[str, Any]]] = json.loads(
            (directory / key / "curves.json").read_text(encoding="utf-8")
        )
    except (OSError, ValueError):
        return {}
    return curves


def show_curves(matrix_filter: MatrixFilter) -> None:
    """Show loss and accuracy of the networks over the epochs of a run under the protocol."""
    prefix = f"{matrix_filter.source_protocol}-"
    curves = {
        key: {
            run: rows
            for run, rows in read_curves(paths.MODELS_DIR, key).items()
            if run.startswith(prefix) and rows
        }
        for key, row in CLASSIFIERS.items()
        if row.shows_learning
    }
    runs = list(dict.fromkeys(run for of_model in curves.values() for run in of_model))
    if not runs:
        st.caption(text.NO_CURVES)
        return
    run = runs[0]
    if len(runs) > 1:
        names = {name: text.run_name(name) for name in runs}
        run = selection.show_select(f"run-{prefix[:-1]}", text.FOLD_LABEL, names, width=240)
    for key, of_model in curves.items():
        if run not in of_model:
            continue
        columns = st.columns(2, gap="medium")
        for column, quantity in zip(columns, text.CURVE_TITLES, strict=True):
            with column:
                _show_curve(key, of_model[run], run, quantity)
    st.caption(text.CURVES_NOTE)


def _show_curve(key: str, history: Sequence[Mapping[str, Any]], run: str, quantity: str) -> None:
    title, names = text.CURVE_TITLES[quantity], text.CURVES_NAMES
    st.plotly_chart(
        charts.learning_curves(history, quantity, title, names),
        key=f"curve-{key}-{quantity}",
        config=common.CHART,
        alt=text.curve_alt(title, key),
    )
    caption = Caption(
        f"{text.curves_title(key)}: {title.lower()}",
        text.run_note(text.PROTOCOL_NAMES[run.rsplit("-", 1)[0]], run),
        text.EPOCH,
        title,
    )
    make = partial(export.export_learning, history, quantity, names, caption)
    stem = f"matrices-learning-{key}-{quantity}-{run}"
    export.show_save_buttons(make, stem, f"learning-{key}-{quantity}")
