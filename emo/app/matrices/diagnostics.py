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
from emo.app.matrices import charts, export, grid, selection
from emo.app.matrices import text as cell_words
from emo.app.matrices import text as matrix_words
from emo.app.matrices import text as words
from emo.app.matrices.selection import MatrixFilter
from emo.app.text import CORPUS_NAMES
from emo.evaluation import subsets
from emo.formatting import percent, tenths
from emo.labels import LABELS
from emo.system import paths

TABLE_WIDTH = 640  # pixels; wider, the eye loses the row

Drawn = Mapping[str, Mapping[str, Any]]

_LOOK = "look"
_FIRST = next(iter(words.LOOK_NAMES))
_LEAST_TOP = 0.1  # of a scale of differences: noise should not look like one


def in_address() -> str:
    """The part that is looked at, as it stands in the address; empty for the first."""
    asked = None if _LOOK in st.session_state else url.asked(_LOOK, words.LOOK_NAMES)
    if asked:
        controls.put(_LOOK, asked)
    look = str(controls.kept(_LOOK, _FIRST))
    return "" if look == _FIRST else look


def show_closer(view: MatrixFilter, drawn: Drawn) -> None:
    """The part that was chosen, of what the matrices show."""
    in_address()
    st.header(words.LOOK_LABEL, anchor=False)
    look = st.segmented_control(
        words.LOOK_LABEL,
        list(words.LOOK_NAMES),
        default=controls.hold(_LOOK, _FIRST, words.LOOK_NAMES),
        required=True,
        format_func=words.LOOK_NAMES.__getitem__,
        key=_LOOK,
        on_change=controls.note,
        args=(_LOOK,),
        label_visibility="collapsed",
    )
    models = {key: scores for key, scores in drawn.items() if key != matrix_words.LISTENERS}
    shown: dict[str, Callable[[], None]] = {
        "classes": lambda: show_per_class(models),
        "reliability": lambda: show_reliability(view, list(models)),
        "roc": lambda: show_roc(view, list(models)),
        "difference": lambda: show_difference(view, drawn),
        "learning": lambda: show_curves(view),
    }
    if look == "learning" or models:
        shown[str(look)]()


def file_stem(view: MatrixFilter, figure: str, key: str) -> str:
    """Name of a saved figure without its ending: what it is, of whom, of which answers."""
    parts = ["emo", figure, key, *selection.in_address(view).values()]
    return "-".join(part for part in parts if part)


def note(view: MatrixFilter, n_clips: int) -> str:
    """What a saved figure is of, in words."""
    voices = "" if view.sex == subsets.ALL else cell_words.VOICES_NAMES[view.sex]
    return words.note(
        matrix_words.PROTOCOL_NAMES[view.protocol],
        CORPUS_NAMES.get(view.tested, view.tested),
        voices,
        view.floor,
        n_clips,
    )


# --- Emotion by emotion --------------------------------------------------------------------------


def class_rows(counts: grid.Counts, labels: Sequence[str] = LABELS) -> list[list[str]]:
    """Label, clips, precision, recall and F1 of every emotion, as text; "–" if undefined."""
    rows = []
    for i, label in enumerate(labels):
        right, n, called = int(counts[i, i]), int(counts[i].sum()), int(counts[:, i].sum())
        rates = (
            right / called if called else None,
            right / n if n else None,
            2 * right / (n + called) if n else None,
        )
        texts = ["–" if rate is None else percent(rate) for rate in rates]
        rows.append([label, f"{n:,}", *texts])
    return rows


def show_per_class(models: Drawn) -> None:
    """For each model, how well it knows each emotion."""
    names = [matrix_words.model_name(key) for key in models]
    for tab, name, scores in zip(st.tabs(names), names, models.values(), strict=True):
        caption = matrix_words.per_class_caption(name)
        rows = class_rows(selection.confusion(scores), selection.labels_of(scores))
        tab.html(html.table(matrix_words.PER_CLASS_COLUMNS, rows, caption), width=TABLE_WIDTH)
    st.caption(matrix_words.PER_CLASS_NOTE)


# --- Reliability and ROC -------------------------------------------------------------------------


def _choose_model(keys: Sequence[str], part: str) -> str:
    """Key of the model that is looked at; the vote first of all."""
    key = f"model-of-{part}"
    usual = emo_labels.VOTE if emo_labels.VOTE in keys else keys[0]
    chosen = st.segmented_control(
        words.CURVES_MODEL_LABEL,
        list(keys),
        default=controls.hold(key, usual, keys),
        required=True,
        format_func=matrix_words.model_name,
        key=key,
        on_change=controls.note,
        args=(key,),
    )
    return str(chosen)


def show_reliability(view: MatrixFilter, keys: Sequence[str]) -> None:
    """Whether the percentages of a model can be believed."""
    key = _choose_model(keys, "reliability")
    part = selection.answers_of(view)
    error = subsets.expected_error(part, key) if part is not None else None
    if part is None or error is None:
        return
    name, bins = matrix_words.model_name(key), subsets.reliability(part, key)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.plotly_chart(
            charts.reliability_diagram(
                bins, words.RELIABILITY_AXES, [words.bin_sentence(one) for one in bins]
            ),
            key="chart-reliability",
            config=common.CHART,
            alt=words.reliability_alt(name),
        )
        title = f"{name}: {words.LOOK_NAMES['reliability'].lower()}"
        across, down, _ = words.RELIABILITY_AXES
        caption = export.Caption(title, note(_all_confidences(view), len(part)), across, down)
        made = partial(export.print_reliability, bins, caption)
        stem = file_stem(_all_confidences(view), "reliability", key)
        export.show_save(made, stem, "reliability")
    with right:
        st.text(words.calibration_sentence(name, error, len(part)))
        rows = [words.bin_row(one) for one in bins]
        st.html(html.table(words.RELIABILITY_COLUMNS, rows, words.reliability_alt(name)))
    st.caption(words.RELIABILITY_NOTE)


def _all_confidences(view: MatrixFilter) -> MatrixFilter:
    return MatrixFilter(view.protocol, view.normalise, view.corpus, view.source, view.sex)


def show_roc(view: MatrixFilter, keys: Sequence[str]) -> None:
    """How well a model tells each emotion from all others, and the areas of all models."""
    key = _choose_model(keys, "roc")
    part = selection.answers_of(view)
    if part is None:
        return
    curves = {one: subsets.roc(part, one) for one in keys}
    if not curves[key]:
        st.info(words.NO_ROC)
        return
    name = matrix_words.model_name(key)
    st.html(f"<style>{_curve_styles([one.label for one in curves[key]])}</style>")
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(key="roc"):
        st.plotly_chart(
            charts.roc_curves(curves[key], words.ROC_AXES),
            key="chart-roc",
            config=common.CHART,
            alt=words.roc_alt(name),
        )
        caption = export.Caption(
            f"{name}: {words.LOOK_NAMES['roc']}",
            note(_all_confidences(view), len(part)),
            *words.ROC_AXES,
        )
        made = partial(export.print_roc, curves[key], caption)
        export.show_save(made, file_stem(_all_confidences(view), "roc", key), "roc")
    with right:
        st.html(_areas(curves, key))
    st.caption(words.ROC_NOTE)


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
        rows.append(html.Keyed(curve.label, theme.DASHES[curve.label], texts))
    means = [tenths(float(np.mean(list(areas.values())))) for areas in found.values()]
    rows.append(html.Keyed(words.ROC_MEAN, "", means))
    return html.keyed_table([matrix_words.model_name(one) for one in found], rows, words.ROC_COLUMN)


# --- Difference ----------------------------------------------------------------------------------


def show_difference(view: MatrixFilter, drawn: Drawn) -> None:
    """How much oftener one says so than another, cell by cell."""
    keys = list(drawn)
    with st.container(horizontal=True, gap="medium"):
        one = _choose_side("first", words.FIRST_LABEL, keys, keys[-1])
        other = _choose_side("second", words.SECOND_LABEL, keys, keys[0])
    if one == other:
        st.info(words.SAME)
        return
    labels = selection.labels_of(drawn[one])
    counts = [selection.confusion(drawn[key]) for key in (one, other)]
    names = [matrix_words.model_name(key) for key in (one, other)]
    shares = [grid.row_shares(one_counts) for one_counts in counts]
    top = float(np.nanmax([_LEAST_TOP, *np.abs(shares[0] - shares[1]).ravel()]))
    sentences = [
        [
            words.difference_sentence(
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
            words.difference_alt(names),
            "chart-difference",
            kind="diverging",
        )
        n_clips = max(int(drawn[key]["n"]) for key in (one, other))
        caption = export.Caption(
            words.difference_title(names), note(view, n_clips), words.ACROSS, words.DOWN
        )
        made = partial(export.print_difference, counts[0], counts[1], labels, top, caption)
        export.show_save(made, file_stem(view, "difference", f"{one}-{other}"), "difference")
    st.caption(words.difference_note(names))


def _choose_side(name: str, label: str, keys: Sequence[str], usual: str) -> str:
    """Key of one of the two that are compared."""
    key = f"difference-{name}"
    chosen = st.selectbox(
        label,
        keys,
        index=keys.index(controls.hold(key, usual, keys)),
        format_func=matrix_words.model_name,
        key=key,
        on_change=controls.note,
        args=(key,),
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


def show_curves(view: MatrixFilter) -> None:
    """Loss and accuracy of the CNN over the epochs of a run under the chosen protocol."""
    curves = load_curves(paths.MODELS_DIR, "cnn")
    runs = [run for run, rows in curves.items() if run.startswith(f"{view.source}-") and rows]
    if not runs:
        st.caption(matrix_words.NO_CURVES)
        return
    run = runs[0]
    if len(runs) > 1:
        key = f"run-{view.source}"
        run = st.selectbox(
            matrix_words.FOLD_LABEL,
            runs,
            index=runs.index(controls.hold(key, runs[0], runs)),
            format_func=matrix_words.run_name,
            key=key,
            on_change=controls.note,
            args=(key,),
            width=240,
        )
    columns = st.columns(2, gap="medium")
    for column, quantity in zip(columns, matrix_words.CURVE_TITLES, strict=True):
        with column:
            _show_curve(curves[run], run, quantity)
    st.caption(matrix_words.CURVES_NOTE)


def _show_curve(history: Sequence[Mapping[str, Any]], run: str, quantity: str) -> None:
    title, names = matrix_words.CURVE_TITLES[quantity], matrix_words.CURVES_NAMES
    st.plotly_chart(
        charts.learning_curves(history, quantity, title, names),
        key=f"curve-{quantity}",
        config=common.CHART,
        alt=matrix_words.curve_alt(title),
    )
    caption = export.Caption(
        f"{matrix_words.CURVES_TITLE}: {title.lower()}",
        words.run_note(matrix_words.PROTOCOL_NAMES[run.rsplit("-", 1)[0]], run),
        words.EPOCH,
        title,
    )
    made = partial(export.print_learning, history, quantity, names, caption)
    export.show_save(made, f"emo-learning-{quantity}-{run}", f"learning-{quantity}")
