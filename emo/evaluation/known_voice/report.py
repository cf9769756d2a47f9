"""Write tables, and the card of the classifier that knows the voice."""

from pathlib import Path
from typing import Any

from emo.classifiers.calibration import CALIBRATION
from emo.classifiers.storage import MODEL_INFO, read_model_info
from emo.classifiers.voice import MIN_CLIPS, VOICE
from emo.classifiers.voice.storage import DESCRIPTION, TITLE
from emo.corpora.catalogue import CORPORA
from emo.corpora.protocols import CROSS_CORPUS, PROTOCOLS, SPEAKERS
from emo.evaluation import tables
from emo.evaluation.known_voice.calibrating import REFUSED_SHARE
from emo.evaluation.known_voice.figures import (
    KnownFigures,
    KnownScores,
    read_voice_metrics,
)
from emo.evaluation.known_voice.groups import ONE, ONE_SIZE, SIZES
from emo.evaluation.markdown import render
from emo.evaluation.stored import read_json
from emo.labels import ENSEMBLE, LABELS
from emo.training.dataset import COPIES

ROWS = {name: f"Know the voice: {name} clips" for name in SIZES}
"""Titles of rows by the number of clips that are known of the voice."""

WAYS = {
    "plain": "Ensemble",
    "alone": TITLE,
    "pooled": "Both, with the check",
    "unchecked": "Both, without the check",
}
"""Titles of the ways to answer, by their names in ``KnownFigures``."""


def known_blocks(models: Path) -> dict[str, dict[str, KnownFigures]]:
    """Return the stored figures by protocol and number of known clips; empty if not measured."""
    protocols = read_voice_metrics(models)["protocols"]
    return {name: block["known"] for name, block in protocols.items() if block.get("known")}


def summary_rows(models: Path) -> list[list[str]]:
    """Return the rows of the main README: accuracy of what is served, by number of known clips.

    Each has a title and the cells of ``cross-corpus``, ``speakers`` and ``random``.
    """
    blocks = known_blocks(models)
    rows = []
    for name, title in ROWS.items():
        found = [blocks.get(key, {}).get(name) for key in (CROSS_CORPUS.key, SPEAKERS.key)]
        if any(found):
            cells = [tables.rate(own["pooled"], "accuracy") if own else "–" for own in found]
            rows.append([title, *cells, "–"])
    return rows


def known_tables(models: Path) -> list[tuple[str, str]]:
    """Return a table by protocol, under its title: UAR of each way to answer, and the check."""
    return [
        (PROTOCOLS[protocol].title, _known_table(block))
        for protocol, block in known_blocks(models).items()
    ]


def _known_table(block: dict[str, KnownFigures]) -> str:
    header = ["UAR", *WAYS.values(), "groups", "kept plain"]
    rows = [
        [
            _group_title(name),
            *(tables.rate(_scores(figures, way), "uar") for way in WAYS),
            f"{figures['groups']:,}",
            tables.percent(figures["refused"]),
        ]
        for name, figures in block.items()
    ]
    return tables.table(header, rows)


def _group_title(name: str) -> str:
    return f"{ONE_SIZE}, all of one emotion" if name == ONE else f"{name} clips"


def _scores(figures: KnownFigures, way: str) -> KnownScores:
    scores: KnownScores = figures[way]  # type: ignore[literal-required]
    return scores


def _answers_table(block: dict[str, KnownFigures]) -> str:
    """Return accuracy, calibration error, coverage and selective accuracy of what is served."""
    header = ["With the check", "accuracy", "calibration error", "not unsure", "of these right"]
    rows = []
    for name, figures in block.items():
        for way, title in (("plain", f"{_group_title(name)}: ensemble"), ("pooled", "voice known")):
            scores = _scores(figures, way)
            rows.append(
                [
                    title,
                    tables.rate(scores, "accuracy"),
                    tables.percent(scores["ece"]),
                    tables.percent(scores.get("coverage")),
                    tables.percent(scores.get("selective_accuracy")),
                ]
            )
    return tables.table(header, rows)


def card(models: Path) -> str:
    """Return the card of the classifier that knows the voice; empty without its ``model.json``.

    Raises
    ------
    ModelError
        A file is damaged.
    """
    if not (models / VOICE / MODEL_INFO).is_file():
        return ""
    model = read_model_info(models / VOICE)
    stored: dict[str, Any] = read_json(models / CALIBRATION).get("voice") or {}
    metrics = read_voice_metrics(models)["protocols"]
    corpora = [corpus for corpus in CORPORA if corpus.key in model["trained_on"]["corpora"]]
    return render(
        "voice",
        title=TITLE,
        description=DESCRIPTION,
        labels=LABELS,
        model=model,
        corpora=corpora,
        min_clips=MIN_CLIPS,
        n_copies=len(COPIES),
        one_size=ONE_SIZE,
        refused_share=REFUSED_SHARE,
        known=known_tables(models),
        answers=[
            (PROTOCOLS[protocol].title, _answers_table(block))
            for protocol, block in known_blocks(models).items()
        ],
        calibration=_calibration_table(stored) if stored else "",
        runs=[
            (PROTOCOLS[protocol].title, block)
            for protocol, block in metrics.items()
            if block.get("runs")
        ],
        files_table=tables.table(
            ("File", "SHA-256", "bytes"),
            [
                (f"`{name}`", f"`{facts['sha256']}`", f"{facts['bytes']:,}")
                for name, facts in model["files"].items()
            ],
            n_text=2,
        ),
    )


def _calibration_table(stored: dict[str, Any]) -> str:
    rows = [
        ("Exponent of this classifier", stored["weights"][VOICE], stored["weights_strange"][VOICE]),
        (
            "Exponent of the ensemble",
            stored["weights"][ENSEMBLE],
            stored["weights_strange"][ENSEMBLE],
        ),
        ("Least variation, nats", stored["min_variation"], stored["min_variation_strange"]),
        ("Confidence of a sure answer", stored["threshold"], stored["threshold_strange"]),
    ]
    cells = [(name, *(f"{value:.2f}" for value in values)) for name, *values in rows]
    return tables.table(("Shipped", "clips as in training", "strange clips"), cells)


def known_sources(models: Path) -> list[tuple[str, str, str, str, str]]:
    """Return protocol, folds, command, commit and seed of the runs."""
    return [
        (protocol, *way)
        for protocol, block in read_voice_metrics(models)["protocols"].items()
        for way in tables.made_by(block.get("runs", []))
    ]
