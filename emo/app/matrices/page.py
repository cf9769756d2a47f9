"""The page *Confusion matrices*: what each model answers for clips whose emotion is known."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from emo import formatting
from emo import labels as emo_labels
from emo.app import common, html, url
from emo.app import text as app_text
from emo.app.matrices import cell as matrices_cell
from emo.app.matrices import diagnostics, export, grid, references, selection
from emo.app.matrices import text as cell_words
from emo.app.matrices import text as closer_words
from emo.app.matrices import text as words
from emo.app.matrices.selection import MatrixFilter
from emo.inference import predictor

PUBLISHED = Path(__file__).parents[2] / "evaluation" / "published.json"

Drawn = dict[str, app_text.Scores]
"""What is drawn: the scores of models, the vote, and perhaps the listeners, by key."""


# --- Matrices ------------------------------------------------------------------------------------


def show_matrices(metrics: common.Metrics, view: MatrixFilter) -> Drawn:
    """The scores that are drawn; draws their matrices in one colour scale, and what to compare.

    Under ``listeners`` the matrix of the listeners comes first, beside that of the vote.
    """
    shown = selection.scores_of(metrics, view)
    if not shown:
        has_others = view.corpus != app_text.ALL_CORPORA
        if not view.is_cut or not _is_tested(metrics, view):
            st.info(words.NO_FIGURES_OF_CORPUS if has_others else words.not_tested(view.protocol))
        _put_into_address(view, None)
        return {}
    human = selection.listeners_of(view)
    if not view.is_cut:
        _show_comparison(shown, view, human)
    order = (
        (emo_labels.VOTE, *predictor.MODEL_KEYS)
        if human
        else (*predictor.MODEL_KEYS, emo_labels.VOTE)
    )
    drawn = {words.LISTENERS: human} if human else {}
    drawn |= {key: shown[key] for key in order if key in shown}
    if not any(selection.confusion(scores).sum() for scores in drawn.values()):
        st.info(cell_words.NOTHING_LEFT)
    top = 1.0 if view.normalise else _highest(shown)
    _show_what(metrics, view, shown, top)
    cell = matrices_cell.picked(list(drawn), view.labels)
    _show_grid(drawn, view, top, cell)
    _put_into_address(view, cell)
    _show_notes(metrics, view, shown)
    matrices_cell.show_cell(view, list(drawn), cell)
    return drawn


def _put_into_address(view: MatrixFilter, cell: matrices_cell.Picked | None) -> None:
    extra = {"cell": cell.as_text() if cell else "", "look": diagnostics.in_address()}
    url.show(selection.in_address(view) | extra)


def _is_tested(metrics: common.Metrics, view: MatrixFilter) -> bool:
    return any(selection.stored_scores(metrics, key, view) for key in metrics)


def _highest(shown: Mapping[str, app_text.Scores]) -> float:
    return float(max(max(selection.confusion(scores).max() for scores in shown.values()), 1))


def _show_what(
    metrics: common.Metrics, view: MatrixFilter, shown: Mapping[str, app_text.Scores], top: float
) -> None:
    """What the matrices are of, and the colours that they share."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        n_clips = max(scores.get("of", scores["n"]) for scores in shown.values())
        runs = selection.runs_of(metrics, next(iter(shown)), view)
        st.text(words.tested_on(n_clips, view.corpus, runs), width="content")
        _show_scale(view, top)
    if n_unknown := selection.unknown_sexes(view):
        st.caption(cell_words.unknown_sexes(n_unknown))


def _show_comparison(
    shown: Mapping[str, app_text.Scores], view: MatrixFilter, human: app_text.Scores
) -> None:
    if view.protocol == "emobox":
        references.show_published(shown, view.corpus)
    elif view.protocol == "listeners":
        references.show_listeners(shown, human)
    elif view.protocol == "corpora" and view.corpus == app_text.ALL_CORPORA:
        references.show_corpora(shown)


def _show_grid(
    drawn: Mapping[str, app_text.Scores],
    view: MatrixFilter,
    top: float,
    cell: matrices_cell.Picked | None,
) -> None:
    """Two matrices in a row."""
    keys = list(drawn)
    for first in range(0, len(keys), 2):
        for key, column in zip(keys[first : first + 2], st.columns(2, gap="medium"), strict=False):
            with column:
                picked = (cell.acted, cell.answer) if cell and cell.key == key else None
                _show_matrix(key, drawn[key], view, top, picked)


def _show_matrix(
    key: str, scores: app_text.Scores, view: MatrixFilter, top: float, picked: grid.Cell | None
) -> None:
    name = words.model_name(key)
    is_model = key != words.LISTENERS
    counts, labels = selection.confusion(scores), selection.labels_of(scores)
    own_top = top if is_model or view.normalise else float(counts.max())
    chart = f"chart-{key}"
    with st.container(border=True, height="stretch", key=f"matrix-{key}"):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.subheader(name, anchor=False, width="content")
            _show_save(key, scores, view)
        st.html(_headline(scores) if is_model else _human_headline(scores))
        grid.show_grid(
            grid.confusion_grid(counts, view.normalise, own_top),
            labels,
            matrices_cell.sentences(counts, labels, not is_model),
            words.matrix_alt(name, view.normalise),
            chart,
            picked,
            partial(matrices_cell.take_click, key, chart),
        )


def _show_save(key: str, scores: app_text.Scores, view: MatrixFilter) -> None:
    title = closer_words.matrix_title(words.model_name(key), view.normalise)
    caption = export.Caption(
        title, diagnostics.note(view, scores["n"]), closer_words.ACROSS, closer_words.DOWN
    )
    unit = "votes" if key == words.LISTENERS else "clips"
    made = partial(
        export.print_matrix,
        selection.confusion(scores),
        view.normalise,
        selection.labels_of(scores),
        caption,
        unit,
    )
    export.show_save(made, diagnostics.file_stem(view, "confusion", key), f"matrix-{key}")


def _headline(scores: app_text.Scores) -> str:
    intervals = scores.get("intervals", {})
    named = {name: title for name, title in words.SCORE_NAMES.items() if name in scores}
    values = {
        title: formatting.points(scores[name]) if name == "ece" else formatting.tenths(scores[name])
        for name, title in named.items()
    }
    small = {title: formatting.interval(intervals.get(name)) for name, title in named.items()}
    for title, (text, counted) in matrices_cell.kept_scores(scores).items():
        values[title], small[title] = text, counted
    return html.scores(values, small)


def _human_headline(scores: app_text.Scores) -> str:
    values = {
        words.SINGLE_LISTENER: formatting.tenths(scores["single_accuracy"]),
        words.PLURALITY: formatting.tenths(scores["plurality_accuracy"]),
    }
    counted = (words.votes(scores["votes"]), words.clips(scores["n"]))
    return html.scores(values, dict(zip(values, counted, strict=True)))


def _show_notes(
    metrics: common.Metrics, view: MatrixFilter, shown: Mapping[str, app_text.Scores]
) -> None:
    """What the figures mean, and who is missing."""
    missing = [key for key in (*predictor.MODEL_KEYS, emo_labels.VOTE) if key not in shown]
    if missing:
        st.info(words.some_not_tested(missing))
    first = next(iter(shown.values()))
    has = {name for scores in shown.values() for name in scores}
    is_mean = view.protocol == "corpora" and view.corpus == app_text.ALL_CORPORA
    st.caption(words.scores_note(len(selection.labels_of(first)), has, view.corpus, is_mean))
    n_left = len(metrics[next(iter(shown))].get(view.source, {}).get("left_out", []))
    if n_left:
        st.caption(words.left_out(n_left))


def _show_scale(view: MatrixFilter, top: float) -> None:
    light, dark = grid.palettes("sequential")
    if len(light) == len(dark) > 1:
        high = formatting.percent(1.0) if view.normalise else f"{top:,.0f} clips"
        st.html(html.colour_scale(light, dark, "0", high), width="content")


# --- Beside the old project, provenance -----------------------------------------------------------


def show_old_figures(metrics: common.Metrics) -> None:
    """What the old project printed, beside what its successors reach, and why they differ."""
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    st.header(words.OLD_TITLE, anchor=False)
    rows = []
    for key in predictor.MODEL_KEYS:
        old = published["models"][key]
        ours = [_accuracy(metrics, key, protocol) for protocol in ("clips", "voices")]
        rows.append([app_text.MODEL_NAMES[key], formatting.percent(old["printed"]), *ours])
    left, right = st.columns(2, gap="medium")
    with left:
        st.html(html.table(words.OLD_COLUMNS, rows, words.OLD_TITLE))
        st.caption(words.OLD_NOTE)
    with right:
        for key in predictor.MODEL_KEYS:
            reason = common.escape_markdown(published["models"][key]["reason"])
            st.markdown(f"**{app_text.MODEL_NAMES[key]}.** {reason}")
        st.markdown(common.escape_markdown(published["unseen"]))


def _accuracy(metrics: common.Metrics, key: str, protocol: str) -> str:
    scores = metrics.get(key, {}).get(protocol)
    return "–" if scores is None else formatting.percent(scores["accuracy"])


def show_provenance(metrics: common.Metrics, view: MatrixFilter, drawn: Drawn) -> None:
    """The commands, commits and seeds that made the figures of the chosen protocol."""
    made: dict[str, list[str]] = {}
    for key in drawn:
        if key not in metrics:
            continue
        for line in _made_by(selection.runs_of(metrics, key, view)):
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
