"""Figures of a guest, and its differences to the stored models on the same clips."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.protocols import CROSS_CORPUS, EMOBOX, SPEAKERS
from emo.errors import CorpusError
from emo.evaluation.figures import groups
from emo.evaluation.figures.benchmark import EMOBOX as EMOBOX_CORPORA
from emo.evaluation.figures.differences import paired_differences
from emo.evaluation.metrics import protocol_metrics, uar_of_folds
from emo.evaluation.predictions import Predictions, predictions_file
from emo.evaluation.stored import SCHEMA, Difference, ModelFigures, ProtocolFigures
from emo.evaluation.subsets import read_tables
from emo.evaluation.summary import emobox_figures
from emo.labels import CALM, LABELS


def guest_figures(models: Path, key: str, tables: Mapping[str, Predictions]) -> ModelFigures:
    """Return the figures of a guest, of the same kinds as those of a classifier.

    Its probabilities are taken as they are: no temperature is fitted.  The guest is in no ensemble,
    and the figures of the stored models do not depend on it.

    Parameters
    ----------
    models
        Folder of the stored models, whose predictions the guest is compared with.
    key
        Key of the guest.
    tables
        Predictions by protocol, as ``table.read_guest_predictions`` returns them.

    Raises
    ------
    CorpusError
        Stored predictions are missing or damaged.
    ModelError
        A stored ``metrics.json`` is damaged.
    """
    protocols: dict[str, ProtocolFigures] = {
        name: protocol_block(models, key, name, predictions)
        for name, predictions in tables.items()
        if name != EMOBOX.key
    }
    if per_corpus := emobox_figures(_with_all_labels(tables)):
        protocols[EMOBOX.key] = {"per_corpus": per_corpus}
    return {"schema": SCHEMA, "key": key, "protocols": protocols}


def protocol_block(
    models: Path, key: str, protocol: str, predictions: Predictions
) -> ProtocolFigures:
    """Return the figures of a guest under one protocol with folds and seven labels."""
    block: ProtocolFigures = {**protocol_metrics(predictions)}  # type: ignore[typeddict-item]
    part = predictions.among(LABELS)
    if protocol == CROSS_CORPUS.key:
        block["uar"], block["intervals"]["uar"] = uar_of_folds(part)
    if protocol == SPEAKERS.key:
        block["fairness"] = {"corpus": groups.by_corpus(part)}
    block["differences"] = differences_to_stored(models, key, protocol, part)
    return block


def differences_to_stored(
    models: Path, key: str, protocol: str, predictions: Predictions
) -> list[Difference]:
    """Return how much a guest differs from each stored model: the guest less the model.

    Parameters
    ----------
    predictions
        Of all test clips of the protocol that have one of ``LABELS``, among these.

    Raises
    ------
    CorpusError
        Stored predictions are missing, damaged, or of other clips.
    ModelError
        A stored ``metrics.json`` is damaged.
    """
    tables = {name: table.among(LABELS) for name, table in read_tables(models, protocol).items()}
    first = next(iter(tables))
    if not np.array_equal(tables[first].clips, predictions.clips):
        raise CorpusError(
            f"The predictions are of other clips than "
            f"{predictions_file(models, next(iter(CLASSIFIERS)), protocol)}."
        )
    rows = paired_differences({**tables, key: predictions}, protocol == CROSS_CORPUS.key)
    return [row for row in rows if row["second"] == key]


def _with_all_labels(tables: Mapping[str, Predictions]) -> dict[str, Predictions]:
    """Return the tables without the corpora of EmoBox one of whose labels has no clip."""
    kept = {}
    for name, predictions in tables.items():
        rows = np.ones(len(predictions), bool)
        if CALM not in predictions.emotions:
            for corpus, (_, labels) in EMOBOX_CORPORA.items():
                if CALM in labels:
                    rows &= predictions.corpora != corpus
        kept[name] = predictions.take(rows)
    return kept
