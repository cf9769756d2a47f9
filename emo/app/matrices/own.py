"""The page *Confusion matrices* for own models: where they err on the clips that they came from."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from emo import formatting
from emo.app import common, controls, html
from emo.app import text as app_text
from emo.app.matrices import grid
from emo.app.own import served, text
from emo.corpora.own.folds import PROTOCOLS as OWN_PROTOCOLS
from emo.corpora.protocols import PROTOCOLS, SPEAKERS
from emo.evaluation.stored import ProtocolFigures
from emo.labels import ENSEMBLE

_PROTOCOL, _MODEL = "own-protocol", "own-model"


def show_matrices(metrics: common.Metrics) -> None:
    """Draw the figures, the matrix and the tables of one model under one test.

    Parameters
    ----------
    metrics
        Figures of own models (``common.load_metrics``).
    """
    tests = [key for key in OWN_PROTOCOLS if key in metrics[ENSEMBLE]]
    first = SPEAKERS.key if SPEAKERS.key in tests else tests[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        protocol = _choose(
            text.PROTOCOL_LABEL, tests, first, _PROTOCOL, {k: PROTOCOLS[k].title for k in tests}
        )
        models = [ENSEMBLE] if served.is_alone() else list(metrics)
        models = [key for key in models if protocol in metrics[key]]
        names = app_text.MODEL_NAMES | ({ENSEMBLE: text.ALONE} if served.is_alone() else {})
        key = _choose(text.MODEL_LABEL, models, models[-1], _MODEL, names)
    figures = metrics[key][protocol]
    st.caption(f"{PROTOCOLS[protocol].tests.capitalize()}: {figures['n']:,} clips.")
    _show_scores(figures)
    _show_grid(figures, names[key])
    _show_tables(figures)


def _choose(label: str, options: Sequence[str], first: str, key: str, names: dict[str, str]) -> str:
    return str(
        st.segmented_control(
            label,
            options,
            default=controls.value_of(key, first, options),
            required=True,
            format_func=lambda option: names.get(option, option),
            key=key,
            persist_state="session",
        )
    )


def _show_scores(figures: ProtocolFigures) -> None:
    intervals = figures["intervals"]
    values = {
        "Accuracy": formatting.tenths(figures["accuracy"]),
        "UAR": formatting.tenths(figures["uar"]),
        "Guessing": formatting.tenths(1 / len(figures["labels"])),
    }
    st.html(
        html.scores(
            values,
            {
                "Accuracy": formatting.interval(intervals["accuracy"]),
                "UAR": formatting.interval(intervals["uar"]),
            },
        )
    )
    st.caption(text.SPREAD)


def _show_grid(figures: ProtocolFigures, name: str) -> None:
    labels, counts = figures["labels"], np.array(figures["confusion"], np.int64)
    sentences = [
        [text.cell(row, column, int(n)) for column, n in zip(labels, line, strict=True)]
        for row, line in zip(labels, counts, strict=True)
    ]
    top = float(max(counts.sum(axis=1).max(), 1))
    drawn = grid.confusion_grid(counts, normalise=False, top=top)
    caption = f"{text.CAPTION}: {name}"
    grid.show_grid(drawn, labels, sentences, caption, "own-matrix", down=text.STATED)


def _show_tables(figures: ProtocolFigures) -> None:
    rows = [
        [label, f"{rates['n']:,}", _rate(rates["recall"]), _rate(rates["precision"])]
        for label, rates in figures["per_class"].items()
    ]
    st.html(html.table(text.PER_LABEL_HEADS, rows, text.PER_LABEL))
    folds = [
        [
            str(fold["fold"]),
            f"{fold['n']:,}",
            formatting.tenths(fold["accuracy"]),
            formatting.tenths(fold["uar"]),
        ]
        for fold in figures["folds"]
    ]
    st.html(html.table(text.FOLD_HEADS, folds, text.FOLDS))
    # The command names folders of the server, which visitors must not see.
    run = figures["runs"][0]
    st.caption(common.escape_markdown(text.made_by(run["commit"], run["seed"])))


def _rate(share: float | None) -> str:
    return "–" if share is None else formatting.percent(share)
