"""A closer look at the answers: by emotion, reliability, ROC, differences, and how the CNN learned.

One part at a time, so that a page is there at once.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from emo import labels as emo_labels
from emo.app import common, controls, html, theme, url
from emo.app.matrices import charts, export, grid, selection, text
from emo.app.matrices.selection import MatrixFilter
from emo.app.text import CORPUS_NAMES
from emo.evaluation import subsets
from emo.evaluation.metrics import ClassScores, class_scores
from emo.formatting import percent, tenths
from emo.system import paths

TABLE_WIDTH = 640  # pixels; wider, the eye loses the row

Drawn = Mapping[str, Mapping[str, Any]]

_LOOK = "look"
_FIRST = next(iter(text.LOOK_NAMES))
_MIN_TOP = 0.1  # of a scale of differences: noise should not look like one


def in_address() -> str:
    """The part that is looked at, as it stands in the address; empty for the first."""
    asked = url.read(_LOOK, text.LOOK_NAMES) if url.is_opened(_LOOK) else None
    if asked:
        st.session_state[_LOOK] = asked
    look = str(controls.value_of(_LOOK, _FIRST))
    return "" if look == _FIRST else look


def show_diagnostics(matrix_filter: MatrixFilter, drawn: Drawn) -> None:
    """The part that was chosen, of what the matrices show."""
    in_address()
    st.header(text.LOOK_LABEL, anchor=False)
    look = st.segmented_control(
        text.LOOK_LABEL,
        list(text.LOOK_NAMES),
        default=controls.value_of(_LOOK, _FIRST, text.LOOK_NAMES),
        required=True,
        format_func=text.LOOK_NAMES.__getitem__,
        key=_LOOK,
        persist_state="session",
        label_visibility="collapsed",
    )
    models = {key: scores for key, scores in drawn.items() if key != text.LISTENERS}
    shown: dict[str, Callable[[], None]] = {
        "classes": lambda: show_per_class(models),
        "reliability": lambda: show_reliability(matrix_filter, list(models)),
        "roc": lambda: show_roc(matrix_filter, list(models)),
        "difference": lambda: show_difference(matrix_filter, drawn),
        "learning": lambda: show_curves(matrix_filter),
    }
    if look == "learning" or models:
        shown[str(look)]()


def file_stem(matrix_filter: MatrixFilter, figure: str, key: str) -> str:
    """Name of a saved figure without its ending: what it is, of whom, of which answers."""
    parts = ["emo", figure, key, *selection.in_address(matrix_filter).values()]
    return "-".join(part for part in parts if part)


def note(matrix_filter: MatrixFilter, n_clips: int) -> str:
    """What a saved figure is of, in text."""
    voices = "" if matrix_filter.sex == subsets.ALL else text.VOICES_NAMES[matrix_filter.sex]
    return text.note(
        text.PROTOCOL_NAMES[matrix_filter.protocol],
        CORPUS_NAMES.get(matrix_filter.tested_corpus, matrix_filter.tested_corpus),
        voices,
        matrix_filter.threshold_percent,
        n_clips,
    )


# --- Emotion by emotion --------------------------------------------------------------------------


def show_per_class(models: Drawn) -> None:
    """For each model, how well it knows each emotion."""
    names = [text.model_name(key) for key in models]
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
    """Key of the model that is looked at; the vote first of all."""
    key = f"model-of-{part}"
    usual = emo_labels.VOTE if emo_labels.VOTE in keys else keys[0]
    chosen = st.segmented_control(
        text.CURVES_MODEL_LABEL,
        list(keys),
        default=controls.value_of(key, usual, keys),
        required=True,
        format_func=text.model_name,
        key=key,
        persist_state="session",
    )
    return str(chosen)


def show_reliability(matrix_filter: MatrixFilter, keys: Sequence[str]) -> None:
    """Whether the percentages of a model can be believed."""
    key = _choose_model(keys, "reliability")
    part = selection.filtered_answers(matrix_filter)
    error = subsets.expected_error(part, key) if part is not None else None
    if part is None or error is None:
        return
    name, bins = text.model_name(key), subsets.reliability(part, key)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.plotly_chart(
            charts.reliability_diagram(
                bins, text.RELIABILITY_AXES, [text.bin_sentence(one) for one in bins]
            ),
            key="chart-reliability",
            config=common.CHART,
            alt=text.reliability_alt(name),
        )
        title = f"{name}: {text.LOOK_NAMES['reliability'].lower()}"
        across, down, _ = text.RELIABILITY_AXES
        caption = export.Caption(
            title, note(_all_confidences(matrix_filter), len(part)), across, down
        )
        make = partial(export.export_reliability, bins, caption)
        stem = file_stem(_all_confidences(matrix_filter), "reliability", key)
        export.show_save_buttons(make, stem, "reliability")
    with right:
        st.text(text.calibration_sentence(name, error, len(part)))
        rows = [text.bin_row(one) for one in bins]
        st.html(html.table(text.RELIABILITY_COLUMNS, rows, text.reliability_alt(name)))
    st.caption(text.RELIABILITY_NOTE)


def _all_confidences(matrix_filter: MatrixFilter) -> MatrixFilter:
    return MatrixFilter(
        matrix_filter.protocol,
        matrix_filter.normalise,
        matrix_filter.corpus,
        matrix_filter.source_protocol,
        matrix_filter.sex,
    )


def show_roc(matrix_filter: MatrixFilter, keys: Sequence[str]) -> None:
    """How well a model tells each emotion from all others, and the areas of all models."""
    key = _choose_model(keys, "roc")
    part = selection.filtered_answers(matrix_filter)
    if part is None:
        return
    curves = {one: subsets.roc(part, one) for one in keys}
    if not curves[key]:
        st.info(text.NO_ROC)
        return
    name = text.model_name(key)
    st.html(f"<style>{_curve_styles([one.label for one in curves[key]])}</style>")
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(key="roc"):
        st.plotly_chart(
            charts.roc_curves(curves[key], text.ROC_AXES),
            key="chart-roc",
            config=common.CHART,
            alt=text.roc_alt(name),
        )
        caption = export.Caption(
            f"{name}: {text.LOOK_NAMES['roc']}",
            note(_all_confidences(matrix_filter), len(part)),
            *text.ROC_AXES,
        )
        make = partial(export.export_roc, curves[key], caption)
        export.show_save_buttons(
            make, file_stem(_all_confidences(matrix_filter), "roc", key), "roc"
        )
    with right:
        st.html(_areas(curves, key))
    st.caption(text.ROC_NOTE)


def _curve_styles(labels: Sequence[str]) -> str:
    """CSS that gives each curve the colour of its emotion, on the light and on the dark page."""
    return "".join(
        f".st-key-roc .scatterlayer .trace:nth-child({i}) .js-line"
        f"{{stroke:light-dark({light},{dark})!important}}"
        for i, (light, dark) in enumerate(
            (theme.EMOTION_COLOURS.get(label, theme.CALM_COLOURS) for label in labels), 1
        )
    )


def _areas(curves: Mapping[str, Sequence[subsets.Roc]], key: str) -> str:
    """A table of areas, emotions down and models across, which is the key of the curves too."""
    found = {one: {curve.label: curve.area for curve in some} for one, some in curves.items()}
    rows = []
    for curve in curves[key]:
        texts = [tenths(areas[curve.label]) for areas in found.values()]
        rows.append(html.KeyedRow(curve.label, theme.DASHES[curve.label], texts))
    means = [tenths(float(np.mean(list(areas.values())))) for areas in found.values()]
    rows.append(html.KeyedRow(text.ROC_MEAN, "", means))
    return html.keyed_table([text.model_name(one) for one in found], rows, text.ROC_COLUMN)


# --- Difference ----------------------------------------------------------------------------------


def show_difference(matrix_filter: MatrixFilter, drawn: Drawn) -> None:
    """How much oftener one says so than another, cell by cell."""
    keys = list(drawn)
    with st.container(horizontal=True, gap="medium"):
        one = _choose_side("first", text.FIRST_LABEL, keys, keys[-1])
        other = _choose_side("second", text.SECOND_LABEL, keys, keys[0])
    if one == other:
        st.info(text.SAME)
        return
    labels = selection.score_labels(drawn[one])
    counts = [selection.confusion(drawn[key]) for key in (one, other)]
    names = [text.model_name(key) for key in (one, other)]
    shares = [grid.row_shares(one_counts) for one_counts in counts]
    top = float(np.nanmax([_MIN_TOP, *np.abs(shares[0] - shares[1]).ravel()]))
    sentences = [
        [
            text.difference_sentence(
                acted, answer, names, float(shares[0][i, j]), float(shares[1][i, j])
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
            text.difference_alt(names),
            "chart-difference",
            kind="diverging",
        )
        n_clips = max(int(drawn[key]["n"]) for key in (one, other))
        caption = export.Caption(
            text.difference_title(names), note(matrix_filter, n_clips), text.ACROSS, text.DOWN
        )
        make = partial(export.export_difference, counts[0], counts[1], labels, top, caption)
        export.show_save_buttons(
            make, file_stem(matrix_filter, "difference", f"{one}-{other}"), "difference"
        )
    st.caption(text.difference_note(names))


def _choose_side(name: str, label: str, keys: Sequence[str], usual: str) -> str:
    """Key of one of the two that are compared."""
    key = f"difference-{name}"
    chosen = st.selectbox(
        label,
        keys,
        index=keys.index(controls.value_of(key, usual, keys)),
        format_func=text.model_name,
        key=key,
        persist_state="session",
        width=190,
    )
    return str(chosen)


# --- Learning ------------------------------------------------------------------------------------


def load_curves(directory: Path, key: str) -> Mapping[str, list[dict[str, Any]]]:
    """The learning curves of a model by run; none if there is no such file."""
    try:
        curves: Mapping[str, list[dict[str, Any]]] = json.loads(
            (directory / key / "curves.json").read_text(encoding="utf-8")
        )
    except (OSError, ValueError):
        return {}
    return curves


def show_curves(matrix_filter: MatrixFilter) -> None:
    """Loss and accuracy of the CNN over the epochs of a run under the chosen protocol."""
    curves = load_curves(paths.MODELS_DIR, "cnn")
    runs = [
        run
        for run, rows in curves.items()
        if run.startswith(f"{matrix_filter.source_protocol}-") and rows
    ]
    if not runs:
        st.caption(text.NO_CURVES)
        return
    run = runs[0]
    if len(runs) > 1:
        key = f"run-{matrix_filter.source_protocol}"
        run = st.selectbox(
            text.FOLD_LABEL,
            runs,
            index=runs.index(controls.value_of(key, runs[0], runs)),
            format_func=text.run_name,
            key=key,
            persist_state="session",
            width=240,
        )
    columns = st.columns(2, gap="medium")
    for column, quantity in zip(columns, text.CURVE_TITLES, strict=True):
        with column:
            _show_curve(curves[run], run, quantity)
    st.caption(text.CURVES_NOTE)


def _show_curve(history: Sequence[Mapping[str, Any]], run: str, quantity: str) -> None:
    title, names = text.CURVE_TITLES[quantity], text.CURVES_NAMES
    st.plotly_chart(
        charts.learning_curves(history, quantity, title, names),
        key=f"curve-{quantity}",
        config=common.CHART,
        alt=text.curve_alt(title),
    )
    caption = export.Caption(
        f"{text.CURVES_TITLE}: {title.lower()}",
        text.run_note(text.PROTOCOL_NAMES[run.rsplit("-", 1)[0]], run),
        text.EPOCH,
        title,
    )
    make = partial(export.export_learning, history, quantity, names, caption)
    export.show_save_buttons(make, f"emo-learning-{quantity}-{run}", f"learning-{quantity}")
