"""Texts on how often the models are right: on other recordings, for new speakers, by guessing.

Every figure comes from ``metrics.json``; a figure that is missing there is left out.
"""

from collections.abc import Mapping
from typing import Any

from emo.app.own import served
from emo.app.own.text import CALIBRATED, NEW_SPEAKERS
from emo.app.text import ALL_IN_TEXT, UNCALIBRATED
from emo.evaluation.figures.operating_points import ELSEWHERE, STUDIOS, operating_points
from emo.evaluation.figures.operating_points import GUESSING as GUESSING_POINT
from emo.formatting import percent, points
from emo.labels import ENSEMBLE

Blocks = Mapping[str, Mapping[str, Any]]
"""Figures of one model by protocol, as in ``metrics.json``."""

KINDS = {ELSEWHERE: "Other recordings", STUDIOS: "New speakers, same studios"}
"""Names of the protocols shown, the one nearest to a visitor's clip first."""

YOURS = "Other recordings, such as yours"
GUESSING = "Guessing"
NOT_MEASURED = "–"

TITLE = "How often it is right"
IN_ALL = "in all"
WHEN_UNSURE = "when unsure"

EXPECTATION = "How often the ensemble is right"
EXPECTATION_NOTE = (
    "Measured on acted English speech, by speakers who are new to the models. Everyday speech is "
    "harder."
)


def kind_name(key: str) -> str:
    """Return the name of a protocol that is shown."""
    return NEW_SPEAKERS if key == STUDIOS and served.is_own() else KINDS[key]


def when_it_says(label: str) -> str:
    """Return the head of the figures of one answer."""
    return f"when “{label}”"


def in_short(blocks: Blocks) -> str:
    """Return how often ensemble and guessing are right on other recordings; empty if unknown."""
    points = operating_points(blocks)
    if ELSEWHERE not in points:
        return ""
    right, guess = (percent(points[name]["accuracy"]) for name in (ELSEWHERE, GUESSING_POINT))
    return (
        f"Together, as an ensemble, they are right for {right} of recordings like yours; guessing "
        f"is right for {guess}."
    )


def for_answer(
    blocks: Blocks, label: str, is_unsure: bool, is_own: bool, n_labels: int | None = None
) -> list[tuple[str, list[str]]]:
    """Return a row for each kind of recording: how often a model is right, in all and in this case.

    Parameters
    ----------
    label, is_unsure
        The answer; for an unsure one, the figures are those of all unsure answers.
    is_own
        True for a visitor's own clip.
    n_labels
        Number of labels among which the answer was chosen; of some labels alone, the figures by
        label are not measured, and are left out.
    """
    n_labels = len(served.labels()) if n_labels is None else n_labels
    by_label = is_unsure or n_labels == len(served.labels())
    rows = []
    for protocol, name in KINDS.items():
        block = blocks.get(protocol)
        in_all = _rate(block, "accuracy")
        if block is None or in_all is None:
            continue
        in_this_case = right_when_unsure(block) if is_unsure else _precision(block, label)
        name = YOURS if protocol == ELSEWHERE and is_own else kind_name(protocol)
        rows.append((name, [_text(in_all), _text(in_this_case)][: 1 + by_label]))
    guess = (GUESSING, [percent(1 / n_labels)] * (1 + by_label))
    return [*rows, guess] if rows else []


def commitment(blocks: Blocks, threshold: float) -> str:
    """Return from which confidence on a model is sure, how often that is, and how often right.

    Parameters
    ----------
    blocks
        Its figures by protocol, of which one was measured with this threshold.  The figures are
        those of thresholds that were chosen on other folds.
    threshold
        Confidence that a sure answer needs, 0 to 1.

    Returns
    -------
    str
        A sentence; empty where nothing was measured with this threshold.
    """
    for protocol, clips in ((STUDIOS, "test clips"), (ELSEWHERE, KINDS[ELSEWHERE].lower())):
        selective = blocks.get(protocol, {}).get("selective") or {}
        if selective.get("threshold") == threshold:
            coverage, right = _sure(selective)
            if coverage is None or right is None:
                return ""
            return (
                f"It commits itself from {percent(threshold)} on: {percent(coverage)} of "
                f"{clips}, {percent(right)} of them right."
            )
    return ""


def _sure(selective: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return the share of sure answers, and how many of them are right; None where unknown."""
    coverage = selective.get("coverage_cross_fitted", selective.get("coverage"))
    right = selective.get("selective_accuracy_cross_fitted", selective.get("selective_accuracy"))
    return coverage, right


def heads(label: str, is_unsure: bool) -> tuple[str, str]:
    """Return the column heads for the rows of ``for_answer``."""
    return IN_ALL, WHEN_UNSURE if is_unsure else when_it_says(label)


def right_when_unsure(block: Mapping[str, Any]) -> float | None:
    """Return the share of unsure answers that are right; None where it is not known.

    It follows from ``accuracy = coverage * selective_accuracy + (1 - coverage) * result``.  For the
    protocol ``speakers``, the thresholds were chosen on other folds.
    """
    coverage, right = _sure(block.get("selective") or {})
    if coverage is None or right is None or not coverage < 1 or "accuracy" not in block:
        return None
    unsure_right = (float(block["accuracy"]) - coverage * right) / (1 - coverage)
    return float(min(1.0, max(0.0, unsure_right)))


def _rate(block: Mapping[str, Any] | None, name: str) -> float | None:
    value = (block or {}).get(name)
    return None if value is None else float(value)


def _precision(block: Mapping[str, Any], label: str) -> float | None:
    return _rate(block.get("per_class", {}).get(label), "precision")


def _text(share: float | None) -> str:
    return NOT_MEASURED if share is None else percent(share)


# --- Calibration ---------------------------------------------------------------------------------

TOO_HIGH_PART = 0.5
"""Share of the calibration error from which on overconfidence is called "too high"."""


def calibration_text(models: Mapping[str, Blocks]) -> str:
    """Return how far percentages differ from the share of right answers, by kind of recording.

    Parameters
    ----------
    models
        Figures of each model and the ensemble, by key; without a calibration error it is left out.
    """
    sentences = [
        _distances(where, {key: blocks.get(protocol, {}) for key, blocks in models.items()})
        for protocol, where in (
            (ELSEWHERE, "On other recordings"),
            (STUDIOS, CALIBRATED if served.is_own() else "For new speakers in the same studios"),
        )
    ]
    if not any(sentences):
        return UNCALIBRATED
    meaning = f"{percent(0.7)} should mean right 7 times in 10."
    return " ".join([meaning, *filter(None, sentences)])


def _distances(where: str, blocks: Mapping[str, Mapping[str, Any]]) -> str:
    measured = {key: block for key, block in blocks.items() if "ece" in block}
    if not measured:
        return ""
    first = ENSEMBLE if ENSEMBLE in measured else next(iter(measured))
    others = ", ".join(
        f"{ALL_IN_TEXT[key]} {100 * block['ece']:.1f}"
        for key, block in measured.items()
        if key != first
    )
    is_high = all(is_too_high(block) for block in measured.values())
    how = "was too high, on average by" if is_high else "was off on average by"
    text = f"{where} the confidence {how} {points(measured[first]['ece'])} for {ALL_IN_TEXT[first]}"
    return f"{text} ({others})." if others else f"{text}."


def is_too_high(block: Mapping[str, Any]) -> bool:
    """Return True if most of the calibration error is overconfidence."""
    if not {"confidence", "accuracy", "ece"} <= set(block):
        return False
    return bool(block["confidence"] - block["accuracy"] > TOO_HIGH_PART * block["ece"])
