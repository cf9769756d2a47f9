"""The report on the predictions of a guest beside the stored models, for a table and as JSON."""

from pathlib import Path
from typing import Any

import numpy as np

from emo.corpora.catalogue import CORPUS
from emo.corpora.protocols import EMOBOX
from emo.evaluation.guests.figures import guest_figures
from emo.evaluation.predictions import Predictions
from emo.evaluation.stored import read_metrics
from emo.evaluation.tables import TITLES
from emo.labels import LABELS

_RATES = ("accuracy", "uar", "macro_f1")


def report(
    models: Path,
    key: str,
    name: str,
    protocol: str,
    predictions: Predictions,
    n_listed: int | None = None,
) -> dict[str, Any]:
    """Return the figures of a guest under a protocol, those of the models, and the differences.

    Parameters
    ----------
    models
        Folder of the stored models.
    key, name
        Key and name of the guest.
    predictions
        As ``table.read_guest_predictions`` returns them.
    n_listed
        Rows of the list of what trained it; None if there was none.

    Returns
    -------
    dict
        ``name``, ``protocol``, ``n`` clips with one of the seven labels, ``speakers``, ``folds``,
        ``training_rows_checked``; ``scores`` by title of the corpus ("" for all), a list of rows
        for the guest and each model; ``differences``, the guest less each model; ``figures``, the
        guest's block of ``metrics.json``.

    Raises
    ------
    CorpusError
        Stored predictions are missing or damaged.
    ModelError
        A ``metrics.json`` is damaged.
    """
    block = guest_figures(models, key, {protocol: predictions})["protocols"][protocol]
    counted = np.isin(predictions.emotions, LABELS)
    stored = {model: read_metrics(models, model)["protocols"].get(protocol, {}) for model in TITLES}
    blocks: dict[str, Any] = {name: block} | {TITLES[model]: own for model, own in stored.items()}
    return {
        "name": name,
        "protocol": protocol,
        "n": int(counted.sum()),
        "speakers": len(set(predictions.speakers[counted].tolist())),
        "folds": len(set(predictions.folds.tolist())),
        "training_rows_checked": n_listed,
        "scores": _scores(blocks, protocol),
        "differences": [
            {
                "than": TITLES[row["first"]],
                **{rate: row[rate] for rate in ("accuracy", "uar", "intervals", "detectable")},
            }
            for row in block.get("differences", [])
        ],
        "figures": block,
    }


def _scores(blocks: dict[str, Any], protocol: str) -> dict[str, list[dict[str, Any]]]:
    """Return the scores of every model, under EmoBox by corpus."""
    if protocol != EMOBOX.key:
        return {"": [_row(name, block) for name, block in blocks.items() if block]}
    corpora = next(iter(blocks.values()))["per_corpus"]
    return {
        CORPUS[corpus].title: [
            _row(name, block["per_corpus"][corpus])
            for name, block in blocks.items()
            if corpus in block.get("per_corpus", {})
        ]
        for corpus in corpora
    }


def _row(name: str, block: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "n": block["n"],
        **{rate: block[rate] for rate in _RATES},
        "ece": block.get("ece"),
        "intervals": block["intervals"],
    }
