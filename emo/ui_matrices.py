"""The page *Confusion matrices*: what each model answers for clips whose emotion is known."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from emo import figures, predict, ui, ui_comparisons, ui_html, ui_words
from emo import ui_matrices_words as words
from emo.errors import ModelError
from emo.labels import LABELS
from emo.results import LISTENERS, read_json

PUBLISHED = Path(__file__).parent / "data" / "published.json"

TABLE_WIDTH = 640  # pixels; wider, the eye loses the row


@dataclass(frozen=True)
class View:
    """What a person chose to see.

    Attributes
    ----------
    protocol
        One of ``PROTOCOL_NAMES``.
    normalise
        Shares of rows rather than counts.
    corpus
        Key of a corpus, or ``all``.
    source
        The protocol whose runs made the answers: another one for listeners and a part of EmoBox.
    """

    protocol: str
    normalise: bool
    corpus: str
    source: str


def choose_view(metrics: ui.Metrics) -> View:
    """The choice of protocol, kind of number and corpus, with what the protocol means."""
    with st.container(horizontal=True, gap="medium", key="view"):
        protocol = str(
            st.segmented_control(
                words.PROTOCOL_LABEL,
                list(words.PROTOCOL_NAMES),
                default=next(iter(words.PROTOCOL_NAMES)),
                required=True,
                format_func=words.PROTOCOL_NAMES.__getitem__,
                key="protocol",
            )
        )
        show = st.segmented_control(
            words.SHOW_LABEL,
            list(words.SHOW_NAMES),
            default="shares",
            required=True,
            format_func=words.SHOW_NAMES.__getitem__,
            key="numbers",
        )
        corpus = _choose_corpus(metrics, protocol)
    st.header(words.PROTOCOL_NAMES[protocol], anchor=False)
    st.markdown(words.PROTOCOL_MEANINGS[protocol])
    return View(protocol, show == "shares", corpus, _source(metrics, protocol, corpus))


def _choose_corpus(metrics: ui.Metrics, protocol: str) -> str:
    """All corpora or one of those that some model was tested on; EmoBox has no total."""
    tested: dict[str, None] = {}
    for blocks in metrics.values():
        tested |= dict.fromkeys(blocks.get(protocol, {}).get("per_corpus", {}))
    corpora = list(tested) if protocol == "emobox" else [ui_words.ALL_CORPORA, *tested]
    if not tested:
        return ui_words.ALL_CORPORA
    corpus = st.selectbox(
        words.CORPUS_LABEL,
        corpora,
        format_func=lambda key: ui_words.CORPUS_NAMES.get(key, key),
        key=f"corpus-{protocol}",
        width=190,
    )
    return str(corpus)


def _source(metrics: ui.Metrics, protocol: str, corpus: str) -> str:
    if protocol == "listeners":
        return "voices"
    blocks = (metrics[key].get(protocol, {}).get("per_corpus", {}) for key in metrics)
    named = (block.get(corpus, {}).get("protocol") for block in blocks)
    return next((name for name in named if name), protocol)


def scores_of(metrics: ui.Metrics, key: str, view: View) -> ui_words.Scores | None:
    """Scores of one model in a view, None if it was not tested so."""
    block = metrics.get(key, {}).get(view.protocol, {})
    if view.corpus == ui_words.ALL_CORPORA:
        return block if "confusion" in block else None
    scores = block.get("per_corpus", {}).get(view.corpus)
    group = block.get("fairness", {}).get("corpus", {}).get(view.corpus, {})
    if scores and "intervals" in group:
        return {**scores, "intervals": group["intervals"]}
    return dict(scores) if scores else None


def _shown(metrics: ui.Metrics, view: View) -> dict[str, ui_words.Scores]:
    return {key: scores for key in metrics if (scores := scores_of(metrics, key, view))}


def _confusion(scores: ui_words.Scores) -> figures.Counts:
    return np.array(scores["confusion"], dtype=np.int64)


def _labels(scores: ui_words.Scores) -> Sequence[str]:
    labels: Sequence[str] = scores.get("labels", LABELS)
    return labels


def _runs(metrics: ui.Metrics, key: str, view: View) -> list[dict[str, Any]]:
    """The runs behind the scores of a model, one for each fold, in their order."""
    runs: list[dict[str, Any]] = metrics[key].get(view.source, {}).get("runs", [])
    return runs


# --- Matrices ------------------------------------------------------------------------------------


def show_matrices(metrics: ui.Metrics, view: View) -> None:
    """The matrices of the three models and of the vote, in one colour scale, and what to compare.

    Under ``listeners`` the matrix of the listeners comes first, beside that of the vote.
    """
    shown = _shown(metrics, view)
    if not shown:
        has_others = view.corpus != ui_words.ALL_CORPORA
        st.info(words.NO_FIGURES_OF_CORPUS if has_others else words.not_tested(view.protocol))
        return
    human = _read_listeners() if view.protocol == "listeners" else {}
    _show_comparison(shown, view, human)
    top = 1.0 if view.normalise else float(max(_confusion(s).max() for s in shown.values()))
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        n_clips = max(scores["n"] for scores in shown.values())
        runs = _runs(metrics, next(iter(shown)), view)
        st.text(words.tested_on(n_clips, view.corpus, runs), width="content")
        _show_scale(view, top)
    order = (predict.VOTE, *predict.MODEL_KEYS) if human else (*predict.MODEL_KEYS, predict.VOTE)
    drawn = {words.LISTENERS: human} if human else {}
    drawn |= {key: shown[key] for key in order if key in shown}
    _show_grid(drawn, view, top)
    _show_notes(metrics, view, shown)


def _read_listeners() -> ui_words.Scores:
    """What is known of the listeners alone; empty if nothing is."""
    try:
        return read_json(predict.MODELS_DIR / LISTENERS)
    except ModelError:
        ui.LOG.exception("the figures of the listeners cannot be read")
        return {}


def _show_comparison(
    shown: Mapping[str, ui_words.Scores], view: View, human: ui_words.Scores
) -> None:
    if view.protocol == "emobox":
        ui_comparisons.show_published(shown, view.corpus)
    elif view.protocol == "listeners":
        ui_comparisons.show_listeners(shown, human)
    elif view.protocol == "corpora" and view.corpus == ui_words.ALL_CORPORA:
        ui_comparisons.show_corpora(shown)


def _show_grid(drawn: Mapping[str, ui_words.Scores], view: View, top: float) -> None:
    """Two matrices in a row."""
    keys = list(drawn)
    for first in range(0, len(keys), 2):
        for key, column in zip(keys[first : first + 2], st.columns(2, gap="medium"), strict=False):
            with column:
                _show_matrix(key, drawn[key], view, top)


def _show_matrix(key: str, scores: ui_words.Scores, view: View, top: float) -> None:
    name = words.model_name(key)
    is_model = key != words.LISTENERS
    counts = _confusion(scores)
    own_top = top if is_model or view.normalise else float(counts.max())
    with st.container(border=True, height="stretch", key=f"matrix-{key}"):
        st.subheader(name, anchor=False)
        st.html(_headline(scores) if is_model else _human_headline(scores))
        st.plotly_chart(
            figures.confusion_matrix(
                counts, view.normalise, own_top, _labels(scores), "clips" if is_model else "votes"
            ),
            key=f"chart-{key}",
            config=ui.CHART,
            alt=words.matrix_alt(name, view.normalise),
        )


def _headline(scores: ui_words.Scores) -> str:
    intervals = scores.get("intervals", {})
    named = {name: title for name, title in words.SCORE_NAMES.items() if name in scores}
    values = {
        title: ui_words.points(scores[name]) if name == "ece" else ui_words.tenths(scores[name])
        for name, title in named.items()
    }
    small = {title: ui_words.interval(intervals.get(name)) for name, title in named.items()}
    return ui_html.scores(values, small)


def _human_headline(scores: ui_words.Scores) -> str:
    values = {
        words.SINGLE_LISTENER: ui_words.tenths(scores["single_accuracy"]),
        words.PLURALITY: ui_words.tenths(scores["plurality_accuracy"]),
    }
    counted = (words.votes(scores["votes"]), words.clips(scores["n"]))
    return ui_html.scores(values, dict(zip(values, counted, strict=True)))


def _show_notes(metrics: ui.Metrics, view: View, shown: Mapping[str, ui_words.Scores]) -> None:
    """What the figures mean, and who is missing."""
    missing = [key for key in (*predict.MODEL_KEYS, predict.VOTE) if key not in shown]
    if missing:
        st.info(words.some_not_tested(missing))
    first = next(iter(shown.values()))
    has = {name for scores in shown.values() for name in scores}
    st.caption(words.scores_note(len(_labels(first)), has, view.corpus))
    n_left = len(metrics[next(iter(shown))].get(view.source, {}).get("left_out", []))
    if n_left:
        st.caption(words.left_out(n_left))


def _show_scale(view: View, top: float) -> None:
    light, dark = (
        list(st.get_option(f"theme.{mode}.chartSequentialColors") or [])
        for mode in ("light", "dark")
    )
    if len(light) == len(dark) > 1:
        high = ui_words.percent(1.0) if view.normalise else f"{top:,.0f} clips"
        st.html(ui_html.colour_scale(light, dark, "0", high), width="content")


# --- Tables --------------------------------------------------------------------------------------


def class_rows(counts: figures.Counts, labels: Sequence[str] = LABELS) -> list[list[str]]:
    """Label, clips, precision, recall and F1 of every emotion, as text; "–" if undefined."""
    rows = []
    for i, label in enumerate(labels):
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
    st.header(words.PER_CLASS_TITLE, anchor=False)
    names = [ui_words.MODEL_NAMES[key] for key in shown]
    for tab, (key, scores) in zip(st.tabs(names), shown.items(), strict=True):
        caption = words.per_class_caption(ui_words.MODEL_NAMES[key])
        rows = class_rows(_confusion(scores), _labels(scores))
        table = ui_html.table(words.PER_CLASS_COLUMNS, rows, caption)
        tab.html(table, width=TABLE_WIDTH)
    st.caption(words.PER_CLASS_NOTE)


def show_old_figures(metrics: ui.Metrics) -> None:
    """What the old project printed, beside what its successors reach, and why they differ."""
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    st.header(words.OLD_TITLE, anchor=False)
    rows = []
    for key in predict.MODEL_KEYS:
        old = published["models"][key]
        ours = [_accuracy(metrics, key, protocol) for protocol in ("clips", "voices")]
        rows.append([ui_words.MODEL_NAMES[key], ui_words.percent(old["printed"]), *ours])
    left, right = st.columns(2, gap="medium")
    with left:
        st.html(ui_html.table(words.OLD_COLUMNS, rows, words.OLD_TITLE))
        st.caption(words.OLD_NOTE)
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
    runs = [run for run, rows in curves.items() if run.startswith(f"{view.source}-") and rows]
    st.header(words.CURVES_TITLE, anchor=False)
    if not runs:
        st.caption(words.NO_CURVES)
        return
    run = runs[0]
    if len(runs) > 1:
        run = st.selectbox(
            words.FOLD_LABEL,
            runs,
            format_func=words.run_name,
            key=f"run-{view.source}",
            width=240,
        )
    columns = st.columns(2, gap="medium")
    for column, quantity in zip(columns, words.CURVE_TITLES, strict=True):
        title = words.CURVE_TITLES[quantity]
        column.plotly_chart(
            figures.learning_curves(curves[run], quantity, title, words.CURVES_NAMES),
            key=f"curve-{quantity}",
            config=ui.CHART,
            alt=words.curve_alt(title),
        )
    st.caption(words.CURVES_NOTE)


def show_provenance(metrics: ui.Metrics, view: View) -> None:
    """The commands, commits and seeds that made the figures of the chosen protocol."""
    made: dict[str, list[str]] = {}
    for key in _shown(metrics, view):
        for line in _made_by(_runs(metrics, key, view)):
            made.setdefault(line, []).append(words.model_name(key))
    if not made:
        return
    with st.expander(words.PROVENANCE_TITLE):
        for line, names in made.items():
            st.markdown(f"**{', '.join(names)}.** {line}")


def _made_by(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for all folds that one command, commit and seed made."""
    same: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for run in runs:
        same.setdefault(tuple(run.get(k) for k in ("command", "commit", "seed")), []).append(run)
    return [words.provenance(part[0], [run["fold"] for run in part]) for part in same.values()]
