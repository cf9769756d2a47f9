"""The three operating points that README, cards and pages quote."""

from collections.abc import Mapping
from typing import Any

from emo.corpora.protocols import CROSS_CORPUS, SPEAKERS
from emo.evaluation.stored import OperatingPoint
from emo.labels import LABELS

ELSEWHERE, STUDIOS, GUESSING = CROSS_CORPUS.key, SPEAKERS.key, "guessing"
"""Names of the points: recordings from elsewhere, new speakers in the same studios, guessing."""


def operating_points(protocols: Mapping[str, Mapping[str, Any]]) -> dict[str, OperatingPoint]:
    """Return how often a model is right elsewhere, for new speakers, and by guessing.

    Parameters
    ----------
    protocols
        Its blocks of figures by protocol.

    Returns
    -------
    dict
        By ``ELSEWHERE``, ``STUDIOS`` and ``GUESSING``; a point that was not measured is left out,
        and guessing is where there is no other.
    """
    points: dict[str, OperatingPoint] = {}
    for name in (ELSEWHERE, STUDIOS):
        block = protocols.get(name, {})
        if block.get("accuracy") is not None:
            points[name] = {"accuracy": float(block["accuracy"])}
            if "accuracy" in block.get("intervals", {}):
                points[name]["interval"] = list(block["intervals"]["accuracy"])
    n_labels = max((len(block.get("labels", LABELS)) for block in protocols.values()), default=0)
    return points | ({GUESSING: {"accuracy": 1 / n_labels}} if points else {})
