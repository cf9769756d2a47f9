"""The page *Confusion matrices*: what each model answers for clips whose emotion is known."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from emo import figures, predict, ui, ui_html, ui_words
from emo.labels import LABELS

PUBLISHED = Path(__file__).parent / "data" / "published.json"

TABLE_WIDTH = 640  # pixels; wider, the eye loses the row


@dataclass(frozen=True)
class View:
    """What a person chose to see."""

    protocol: str
    normalise: bool
    corpus: str


def choose_view(metrics: ui.Metrics) -> View:
    """The choice of protocol, kind of number and corpus, with what the protocol means."""
    protocols = [
        name for name in ui_words.PROTOCOL_NAMES if any(name in m for m in metrics.values())
    ]
    with st.container(horizontal=True, gap="medium", key="view"):
        protocol = st.segmented_control(
            ui_words.PROTOCOL_LABEL,
            protocols,
            default=protocols[0],
            required=True,
            format_func=ui_words.PROTOCOL_NAMES.__getitem__,
            key="protocol",
        )
        show = st.segmented_control(
            ui_words.SHOW_LABEL,
            list(ui_words.SHOW_NAMES),
            default="shares",
            required=True,
            format_func=ui_words.SHOW_NAMES.__getitem__,
            key="numbers",
        )
        corpora = _corpora(metrics, str(protocol))
        corpus = st.selectbox(
            ui_words.CORPUS_LABEL,
            corpora,
            format_func=lambda key: ui_words.CORPUS_NAMES.get(key, key),
            key="corpus",
            width=240,
        )
    st.header(ui_words.PROTOCOL_NAMES[str(protocol)], anchor=False)
    st.markdown(ui_words.PROTOCOL_MEANINGS[str(protocol)])
    return View(str(protocol), show == "shares", str(corpus))


def _corpora(metrics: ui.Metrics, protocol: str) -> list[str]:
    """All corpora, then each one that some model was tested on."""
    tested: dict[str, None] = {}
    for blocks in metrics.values():
        tested |= dict.fromkeys(blocks.get(protocol, {}).get("per_corpus", {}))
    return [ui_words.ALL_CORPORA, *tested]


def scores_of(metrics: ui.Metrics, key: str, view: View) -> ui_words.Scores | None:
    """Scores of one model in a view, None if it was not tested so."""
    block = metrics.get(key, {}).get(view.protocol)
    if block is None or view.corpus == ui_words.ALL_CORPORA:
        return block
    scores: ui_words.Scores | None = block.get("per_corpus", {}).get(view.corpus)
    return scores


def _shown(metrics: ui.Metrics, view: View) -> dict[str, ui_words.Scores]:
    return {key: scores for key in metrics if (scores := scores_of(metrics, key, view))}


def _confusion(scores: ui_words.Scores) -> figures.Counts:
    return np.array(scores["confusion"], dtype=np.int64)


# --- Matrices ------------------------------------------------------------------------------------


def show_matrices(metrics: ui.Metrics, view: View) -> None:
    """The matrices of the three models and of the vote, in one colour scale."""
    shown = _shown(metrics, view)
    if not shown:
        st.info(ui_words.NOT_TESTED)
        return
    top = 1.0 if view.normalise else float(max(_confusion(s).max() for s in shown.values()))
    n_clips = max(scores["n"] for scores in shown.values())
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.text(ui_words.tested_on(n_clips, view.corpus), width="content")
        _show_scale(view, top)
    keys = [key for key in (*predict.MODEL_KEYS, predict.VOTE) if key in shown]
    for first in range(0, len(keys), 2):
        for key, column in zip(keys[first : first + 2], st.columns(2, gap="medium"), strict=False):
            with column:
                _show_matrix(key, shown[key], view, top)
    st.caption(ui_words.SCORES_NOTE)


def _show_matrix(key: str, scores: ui_words.Scores, view: View, top: float) -> None:
    name = ui_words.MODEL_NAMES[key]
    with st.container(border=True, key=f"matrix-{key}"):
        st.subheader(name, anchor=False)
        values = {
            ui_words.SCORE_NAMES[s]: ui_words.percent(scores[s]) for s in ui_words.SCORE_NAMES
        }
        st.html(ui_html.scores(values))
        st.plotly_chart(
            figures.confusion_matrix(_confusion(scores), view.normalise, top),
            key=f"chart-{key}",
            config=ui.CHART,
            alt=ui_words.matrix_alt(name, view.normalise),
        )


def _show_scale(view: View, top: float) -> None:
    light, dark = (
        list(st.get_option(f"theme.{mode}.chartSequentialColors") or [])
        for mode in ("light", "dark")
    )
    if len(light) == len(dark) > 1:
        high = ui_words.percent(1.0) if view.normalise else f"{top:,.0f} clips"
        st.html(ui_html.colour_scale(light, dark, "0", high), width="content")


# --- Tables --------------------------------------------------------------------------------------


def class_rows(counts: figures.Counts) -> list[list[str]]:
    """Label, clips, precision, recall and F1 of every emotion, as text; "–" if undefined."""
    rows = []
    for i, label in enumerate(LABELS):
        right, n, called = int(counts[i, i]), int(counts[i].sum()), int(counts[:, i].sum())
        rates = (
            right / called if called else None,
            right / n if n else None,
            2 * right / (n + called) if n else None,
        )
        texts = ["–" if rate is None else ui_words.percent(rate) for rate in rates]
        rows.append([label, f"{n:,}", *texts])
    return rows


def show_per_class(metrics: ui.Metrics, view: View) -> None:
    """For each model, how well it knows each emotion."""
    shown = _shown(metrics, view)
    if not shown:
        return
    st.header(ui_words.PER_CLASS_TITLE, anchor=False)
    names = [ui_words.MODEL_NAMES[key] for key in shown]
    for tab, (key, scores) in zip(st.tabs(names), shown.items(), strict=True):
        caption = ui_words.per_class_caption(ui_words.MODEL_NAMES[key])
        rows = class_rows(_confusion(scores))
        table = ui_html.table(ui_words.PER_CLASS_COLUMNS, rows, caption)
        tab.html(table, width=TABLE_WIDTH)
    st.caption(ui_words.PER_CLASS_NOTE)


def show_old_figures(metrics: ui.Metrics) -> None:
    """What the old project printed, beside what its successors reach, and why they differ."""
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    st.header(ui_words.OLD_TITLE, anchor=False)
    rows = []
    for key in predict.MODEL_KEYS:
        old = published["models"][key]
        ours = [_accuracy(metrics, key, protocol) for protocol in ("clips", "voices")]
        rows.append([ui_words.MODEL_NAMES[key], ui_words.percent(old["printed"]), *ours])
    left, right = st.columns(2, gap="medium")
    with left:
        st.html(ui_html.table(ui_words.OLD_COLUMNS, rows, ui_words.OLD_TITLE))
        st.caption(ui_words.OLD_NOTE)
    with right:
        for key in predict.MODEL_KEYS:
            reason = ui.plain(published["models"][key]["reason"])
            st.markdown(f"**{ui_words.MODEL_NAMES[key]}.** {reason}")
        st.markdown(ui.plain(published["unseen"]))


def _accuracy(metrics: ui.Metrics, key: str, protocol: str) -> str:
    scores = metrics.get(key, {}).get(protocol)
    return "–" if scores is None else ui_words.percent(scores["accuracy"])


# --- Learning, provenance ------------------------------------------------------------------------


def load_curves(directory: Path, key: str) -> Mapping[str, list[dict[str, Any]]]:
    """The learning curves of a model by run; none if there is no such file."""
    try:
        curves: Mapping[str, list[dict[str, Any]]] = json.loads(
            (directory / key / "curves.json").read_text(encoding="utf-8")
        )
    except (OSError, ValueError):
        return {}
    return curves


def show_curves(view: View) -> None:
    """Loss and accuracy of the CNN over the epochs of a run under the chosen protocol."""
    curves = load_curves(predict.MODELS_DIR, "cnn")
    runs = [run for run, rows in curves.items() if run.startswith(f"{view.protocol}-") and rows]
    st.header(ui_words.CURVES_TITLE, anchor=False)
    if not runs:
        st.caption(ui_words.NO_CURVES)
        return
    run = runs[0]
    if len(runs) > 1:
        run = st.selectbox(
            ui_words.FOLD_LABEL,
            runs,
            format_func=ui_words.run_name,
            key=f"run-{view.protocol}",
            width=240,
        )
    columns = st.columns(2, gap="medium")
    for column, quantity in zip(columns, ui_words.CURVE_TITLES, strict=True):
        title = ui_words.CURVE_TITLES[quantity]
        column.plotly_chart(
            figures.learning_curves(curves[run], quantity, title, ui_words.CURVES_NAMES),
            key=f"curve-{quantity}",
            config=ui.CHART,
            alt=ui_words.curve_alt(title),
        )
    st.caption(ui_words.CURVES_NOTE)


def show_provenance(metrics: ui.Metrics, view: View) -> None:
    """The command, commit and seed that made the figures of the chosen protocol."""
    made: dict[str, list[str]] = {}
    for key, blocks in metrics.items():
        if view.protocol in blocks:
            line = ui_words.provenance(blocks[view.protocol])
            made.setdefault(line, []).append(ui_words.MODEL_NAMES[key])
    with st.expander(ui_words.PROVENANCE_TITLE):
        for line, names in made.items():
            st.markdown(f"**{', '.join(names)}.** {line}")
