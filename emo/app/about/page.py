"""The page *About*: purpose, law, privacy, models, measurements, data, licences and limits.

The prose is in ``about.md``; the figures in it and the tables under it come from here.
"""

import functools
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from emo import formatting
from emo.app import common, html, samples
from emo.app import text as app_text
from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.catalogue import CORPORA
from emo.corpora.protocols import CROSS_CORPUS, RANDOM, SPEAKERS
from emo.evaluation.selective import STRANGER_ACCURACY, TARGET_ACCURACY
from emo.labels import ENSEMBLE, LABELS
from emo.system import paths

PROTOCOLS = (CROSS_CORPUS, SPEAKERS, RANDOM)
"""Tests that are shown, the one nearest to a visitor's clip first."""
RESULT_COLUMNS = ("Model", "Accuracy", "UAR", "Calibration error")
RESULTS_CAPTION = "Results of each model"
RESULTS_NOTE = (
    "Accuracy: the share of clips answered right. UAR: the mean recall over the emotions, so that "
    "rare ones count as much as common ones; guessing gives "
    f"{formatting.percent(1 / len(LABELS))}. Calibration error: the mean distance between the "
    "confidence of answers and the share of them that was right. In brackets: "
    f"95{formatting.NBSP}% intervals, by resampling the test speakers."
)
DATA_CAPTION = "Corpora"
DATA_SOURCES = "Sources"
DATA_COLUMNS = ("Corpus", "Clips", "Speakers", "Licence")

_PROSE = Path(__file__).with_name("about.md")


@functools.cache
def prose() -> dict[str, str]:
    """Return the Markdown under each heading of ``about.md``, its figures filled in."""
    names = [
        *(f"- **{row.name}**: {row.description}" for row in CLASSIFIERS.values()),
        f"- **{app_text.MODEL_NAMES[ENSEMBLE]}**: {app_text.ENSEMBLE_KIND}",
    ]
    text = _PROSE.read_text(encoding="utf-8").format(
        n_models=formatting.in_words(len(CLASSIFIERS)),
        models="\n".join(names),
        pretraining="\n\n".join(
            f"**{row.name}**: {row.pretraining}"
            for row in CLASSIFIERS.values()
            if row.is_pretrained
        ),
        protocols="\n".join(f"- **{row.title}**: {row.description}" for row in PROTOCOLS),
        kept_accuracy=formatting.percent(TARGET_ACCURACY),
        far_accuracy=formatting.percent(STRANGER_ACCURACY),
    )
    sections = [part.partition("\n") for part in text.removeprefix("# ").split("\n## ")]
    return {heading: body.strip() for heading, _, body in sections}


def introduction() -> tuple[str, str]:
    """Return the title of the page and the sentences under it."""
    return next(iter(prose().items()))


def show_sections() -> None:
    """Show every section, its heading on the left, and the tables that belong to it."""
    for heading, text in list(prose().items())[1:]:
        st.divider(width="stretch")
        left, right = st.columns([1, 3], gap="medium")
        left.header(heading, anchor=False)
        with right:
            st.markdown(text)
            if heading in TABLES:
                TABLES[heading]()


def _show_results() -> None:
    metrics = common.metrics_or_notice()
    for protocol in PROTOCOLS:
        if any(protocol.key in blocks for blocks in metrics.values()):
            rows = [
                [app_text.MODEL_NAMES[key], *_results(blocks.get(protocol.key, {}))]
                for key, blocks in metrics.items()
            ]
            st.markdown(f"**{protocol.title}**")
            st.html(html.table(RESULT_COLUMNS, rows, f"{RESULTS_CAPTION}: {protocol.title}"))
    if metrics:
        st.caption(RESULTS_NOTE)


def _results(scores: app_text.Scores) -> list[str]:
    """Return the columns of results of a model; "–" where it was not measured."""
    error = formatting.points(scores["ece"]) if "ece" in scores else "–"
    return [_rate(scores, "accuracy"), _rate(scores, "uar"), error]


def _rate(scores: app_text.Scores, name: str) -> str:
    """Return a rate with its interval, where it has one."""
    if name not in scores:
        return "–"
    between = formatting.interval(scores.get("intervals", {}).get(name))
    return formatting.tenths(scores[name]) + (f" ({between})" if between else "")


def _show_corpora() -> None:
    rows = [
        [corpus.title, f"{corpus.n_clips:,}", str(corpus.n_speakers), corpus.licence]
        for corpus in CORPORA
    ]
    st.html(html.table(DATA_COLUMNS, rows, DATA_CAPTION))
    with st.expander(DATA_SOURCES):
        for corpus in CORPORA:
            st.markdown(
                f"**{corpus.title}** {common.escape_markdown(corpus.citation)} <{corpus.url}>"
            )


def _show_samples() -> None:
    gallery = samples.read_gallery(paths.SAMPLES_DIR)
    for source in dict.fromkeys(sample.source for sample in gallery if sample.source):
        st.markdown(samples.attribution(source))


TABLES: dict[str, Callable[[], None]] = {
    "How they were measured": _show_results,
    "The data": _show_corpora,
    "The samples": _show_samples,
}
"""Functions that draw the tables of a section, by its heading in ``about.md``."""
