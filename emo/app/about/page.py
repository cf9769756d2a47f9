"""The page *About*: purpose, law, privacy, models, measurements, data, licences, limits."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emo import formatting
from emo.app import common, html
from emo.app import text as app_text
from emo.app.about import text as words
from emo.corpora.catalogue import CORPORA


def _section(section: words.Section) -> DeltaGenerator:
    """The right-hand part of a section, its text begun, its heading on the left."""
    title, text = section
    st.divider(width="stretch")
    left, right = st.columns([1, 3], gap="medium")
    left.header(title, anchor=False)
    right.markdown(text)
    return right


def show_purpose() -> None:
    """What it is for and not for, what the law asks, and what happens to the audio."""
    _section(words.PURPOSE)
    _section(words.LAW)
    _section(words.PRIVACY)


def show_models() -> None:
    """What the models are, and how often they are right."""
    _section(words.MODELS)
    with _section(words.MEASURES):
        metrics = common.metrics_or_sentence()
        for protocol, title in words.RESULT_TESTS.items():
            if any(protocol in blocks for blocks in metrics.values()):
                rows = [
                    [app_text.MODEL_NAMES[key], *_results(blocks.get(protocol, {}))]
                    for key, blocks in metrics.items()
                ]
                st.markdown(f"**{title}**")
                caption = f"{words.RESULTS_CAPTION}: {title}"
                st.html(html.table(words.RESULT_COLUMNS, rows, caption))
        if metrics:
            st.caption(words.RESULTS_NOTE)


def _results(scores: app_text.Scores) -> list[str]:
    """What the columns of results say of one model; "–" where it was not measured."""
    error = formatting.points(scores["ece"]) if "ece" in scores else "–"
    return [_rate(scores, "accuracy"), _rate(scores, "uar"), error]


def _rate(scores: app_text.Scores, name: str) -> str:
    """A rate with its interval, where it has one."""
    if name not in scores:
        return "–"
    between = formatting.interval(scores.get("intervals", {}).get(name))
    return formatting.tenths(scores[name]) + (f" ({between})" if between else "")


def show_data() -> None:
    """The collections of recordings, with their licences."""
    with _section(words.DATA):
        rows = [
            [corpus.title, f"{corpus.n_clips:,}", str(corpus.n_speakers), corpus.licence]
            for corpus in CORPORA
        ]
        st.html(html.table(words.DATA_COLUMNS, rows, words.DATA_CAPTION))
        with st.expander(words.DATA_SOURCES):
            for corpus in CORPORA:
                st.markdown(
                    f"**{corpus.title}** {common.escape_markdown(corpus.citation)} <{corpus.url}>"
                )
    _section(words.LICENCES)


def show_limits() -> None:
    """What the figures do not cover."""
    _section(words.LIMITS)
