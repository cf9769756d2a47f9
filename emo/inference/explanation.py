"""Explain the answers of the classifiers, each in the way of ``Classifier.explained_by``.

The multilayer perceptron: Shapley values of groups of functionals.  The convolutional network and
the pre-trained classifier: occlusion of regions of the spectrogram that each takes.  The decision
tree: its path from the root to a leaf.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import factorial
from typing import Any

import numpy as np

from emo.audio.activity import Doubles, Floats
from emo.audio.clip import RATE_HZ, Clip
from emo.classifiers.batches import Arrays, Features, apply_scaling
from emo.classifiers.calibration import apply_temperature, renormalise
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import Model, empty_features
from emo.classifiers.tree import axis_values, surrogate_arrays
from emo.errors import ModelError
from emo.features.encoder import (
    MARGIN_FRAMES,
    encoder_spectrograms,
    load_encoder,
    pool_moments,
)
from emo.features.frames import FRAME_S, Frames, analyse, log_mel_spectrogram
from emo.features.functionals import compute_functionals, functional_table
from emo.inference.loading import Models
from emo.inference.predictor import Prediction, predict
from emo.inference.regions import ENCODER_PICTURE, Regions, explain_network
from emo.labels import LABELS, TRAINED_LABELS

GROUPS = ("pitch", "energy", "spectrum", "cepstrum", "timing")
STRONGEST = 3  # functionals that are listed for each question of the tree


@dataclass(frozen=True)
class Part:
    """The contribution of a group of functionals to log-odds or to the value on an axis."""

    group: str
    amount: float


@dataclass(frozen=True)
class Shift:
    """The contributions to the perceptron's answer, starting from the mean training clip.

    Attributes
    ----------
    label : str
        The perceptron's answer.
    typical : float
        Log-odds of that label for the mean training clip.
    log_odds : float
        Log-odds of that label for this clip.
    parts : tuple of Part
        One for each group, in the order of ``GROUPS``, adding up to ``log_odds - typical``.
    typical_share, share : float, 0 to 1
        Probability of that label for the mean training clip, and for this one.
    points : tuple of Part
        Contributions to the probability, adding up to ``share - typical_share``.
    """

    label: str
    typical: float
    log_odds: float
    parts: tuple[Part, ...]
    typical_share: float
    share: float
    points: tuple[Part, ...]


@dataclass(frozen=True)
class Measurement:
    """A functional of the clip, in its own unit, and its contribution to the value on an axis."""

    name: str
    unit: str
    value: float
    typical: float
    amount: float


@dataclass(frozen=True)
class Step:
    """A split of the tree, and the side on which the clip lies.

    Attributes
    ----------
    axis : int
        Index into the labels of ``TreePath.leaf`` of the axis that is compared.
    value, limit : float
        The clip's value on the axis, where the mean training clip is near 0; values above the limit
        go right, others left.
    above : bool
        Whether the value is above the limit.
    parts : tuple of Part
        Contribution of each group to the value, in the order of ``GROUPS``.
    strongest : tuple of Measurement
        Functionals with the largest contribution towards the clip's side.
    share : float, 0 to 1
        Calibrated probability of the answered label on that side, among those that can occur.
    """

    axis: int
    value: float
    limit: float
    above: bool
    parts: tuple[Part, ...]
    strongest: tuple[Measurement, ...]
    share: float


@dataclass(frozen=True)
class TreePath:
    """The path through the tree from the root to a leaf.

    Attributes
    ----------
    label : str
        The tree's answer.
    share : float, 0 to 1
        Calibrated probability of that label at the root; at the leaf it is the confidence.
    steps : tuple of Step
        The splits, from the root on.
    leaf : dict of float
        Mean of the soft targets of the training clips in the leaf, by trained label, adding up to
        1.
    surrogate : SurrogatePath
        The path through the surrogate tree.
    """

    label: str
    share: float
    steps: tuple[Step, ...]
    leaf: dict[str, float]
    surrogate: "SurrogatePath"


@dataclass(frozen=True)
class SurrogateStep:
    """A split of the surrogate tree on one functional, in its own unit.

    Attributes
    ----------
    name, unit : str
        Of the functional.
    value, limit : float
        The clip's value; values above the limit go right, others left.
    above : bool
        Whether the value is above the limit.
    """

    name: str
    unit: str
    value: float
    limit: float
    above: bool


@dataclass(frozen=True)
class SurrogatePath:
    """The path through the surrogate tree, and the shares in its leaf, as in ``TreePath``."""

    steps: tuple[SurrogateStep, ...]
    leaf: dict[str, float]


Reason = TreePath | Regions | Shift
"""The explanation of one classifier's answer."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """The answers for a clip, and an explanation of each classifier's answer.

    Attributes
    ----------
    prediction : Prediction
    why : mapping of Reason, by key
        For each classifier with a kind of explanation (``Classifier.explained_by``): a
        ``TreePath`` for ``path``, ``Regions`` for ``regions``, a ``Shift`` for ``shifts``.
    """

    prediction: Prediction
    why: Mapping[str, Reason]

    def __repr__(self) -> str:
        return f"<Explanation of {self.prediction.ensemble}: {', '.join(self.why)}>"

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as values for JSON: what ``emo explain --format json`` prints."""
        why = {
            key: reason.to_dict() if isinstance(reason, Regions) else asdict(reason)
            for key, reason in self.why.items()
        }
        return self.prediction.to_dict() | {"why": why}


@dataclass(frozen=True)
class _Evidence:
    """A clip as the classifiers take it."""

    clip: Clip
    frames: Frames
    features: Features


@dataclass(frozen=True)
class _Question:
    """Asks why a classifier answers a label, with its temperature, among those that can occur."""

    label: str
    temperature: float
    among: Sequence[str]
    trained: Sequence[str]

    def log_odds(self, model: Model, features: Features) -> float:
        raw = model.probabilities(features)
        return log_odds(raw, self.label, self.temperature, self.among, self.trained).item()


def explain(clip: Clip, models: Models, among: Sequence[str] | None = None) -> Explanation:
    """Predict the label of a clip, and explain the answer of each classifier.

    Parameters
    ----------
    clip : Clip
    models : Models
    among : sequence of str, optional
        The labels that can occur, by default all of ``models.labels``; log-odds and
        shares are those among them.

    Raises
    ------
    ModelError
        A classifier could not be loaded, or returns values that are not finite.
    """
    prediction = predict(clip, models, among)
    for fault in (*models.faults.values(), *prediction.faults.values()):
        raise ModelError(fault)
    frames = analyse(clip.samples)
    features = Features(compute_functionals(frames)[None], (log_mel_spectrogram(frames),))
    evidence = _Evidence(clip, frames, features)
    among = models.labels if among is None else among
    why = {}
    for key, model in models.classifiers.items():
        kind = CLASSIFIERS[key].explained_by
        if kind is not None:
            label = prediction.answers[key].label
            temperature = models.calibration.temperature_of(key, prediction.strangeness)
            asked = _Question(label, temperature, among, models.model_set.trained_labels)
            why[key] = _REASONS[kind](model, evidence, asked)
    return Explanation(prediction, why)


def _path(model: Model, evidence: _Evidence, asked: _Question) -> TreePath:
    (functionals,) = evidence.features.functionals
    return explain_tree(
        model.arrays, functionals, asked.label, asked.temperature, asked.among, asked.trained
    )


def _shift(model: Model, evidence: _Evidence, asked: _Question) -> Shift:
    (functionals,) = evidence.features.functionals
    return explain_perceptron(
        model, functionals, asked.label, asked.temperature, asked.among, asked.trained
    )


def _regions(model: Model, evidence: _Evidence, asked: _Question) -> Regions:
    if CLASSIFIERS[model.key].takes == "embeddings":
        return _encoder_regions(model, evidence, asked)
    start_s = evidence.frames.span.with_margins()[0] / RATE_HZ - FRAME_S / 2  # frames are centred

    def score(spectrogram: Floats) -> float:
        return asked.log_odds(model, replace(empty_features(), spectrograms=(spectrogram,)))

    return explain_network(score, evidence.features.spectrograms[0], asked.label, start_s)


def _encoder_regions(model: Model, evidence: _Evidence, asked: _Question) -> Regions:
    """Return the regions of the encoder's input; the silence around the clip is never hidden."""
    encoder = load_encoder()
    windows = encoder_spectrograms(evidence.clip.samples)
    known = [encoder.moments(window) for window in windows]
    lengths = [len(window) for window in windows]
    whole = np.concatenate(windows)
    active = slice(MARGIN_FRAMES, len(whole) - MARGIN_FRAMES)

    def score(spectrogram: Floats) -> float:
        shown = whole.copy()
        shown[active] = spectrogram
        moments = [
            before if np.array_equal(part, window) else encoder.moments(part)
            for part, window, before in zip(
                np.split(shown, np.cumsum(lengths)[:-1]), windows, known, strict=True
            )
        ]
        embeddings = pool_moments(moments, lengths)[None]
        return asked.log_odds(model, replace(empty_features(), embeddings=embeddings))

    start_s = evidence.frames.span.with_margins()[0] / RATE_HZ - ENCODER_PICTURE.frame_s / 2
    return explain_network(score, whole[active], asked.label, start_s, ENCODER_PICTURE)


_REASONS: dict[str, Callable[[Model, _Evidence, _Question], Reason]] = {
    "path": _path,
    "regions": _regions,
    "shifts": _shift,
}
"""By kind of explanation (``Classifier.explained_by``)."""


def log_odds(
    raw: np.ndarray,
    label: str,
    temperature: float,
    among: Sequence[str] = LABELS,
    trained: Sequence[str] = TRAINED_LABELS,
) -> Doubles:
    """Return the log-odds of a label, float64 of shape (n,), from raw probabilities of all labels.

    They are ``log(p / (1 - p))`` of the calibrated probability among the labels that can occur, as
    in ``emo.classifiers.calibration.calibrate``.
    """
    shares = _shares_among(raw, temperature, among, trained)
    place = among.index(label)
    rest = np.delete(shares, place, axis=-1).sum(axis=-1)  # 1 - p would lose digits
    return np.asarray(np.log(shares[..., place]) - np.log(rest))


def _shares_among(
    raw: np.ndarray, temperature: float, among: Sequence[str], trained: Sequence[str]
) -> np.ndarray:
    """Return calibrated probabilities of some labels, (n, labels), from raw ones of all."""
    columns = [trained.index(label) for label in among]
    return apply_temperature(renormalise(raw, columns), temperature)


# --- the perceptron: groups of functionals -------------------------------------------------------


def shapley_values(worths: np.ndarray) -> Doubles:
    """Return the Shapley values of n players, float64 of shape (n,).

    The value of a player is the mean of what it adds over all orders in which the players may come
    (Shapley 1953), so that the values add up to the worth of all players less that of none.
    Lundberg and Lee (2017) use them as a measure of features.

    Parameters
    ----------
    worths : ndarray, shape (2**n,)
        Worth of every coalition; bit i of its index says whether player i is in it.
    """
    n = len(worths).bit_length() - 1
    if len(worths) != 1 << n:
        raise ValueError(f"{len(worths)} worths: their number must be a power of 2.")
    numbers = np.arange(len(worths))
    sizes = np.sum([numbers >> i & 1 for i in range(n)], axis=0)
    values = np.zeros(n)
    for i in range(n):
        without = numbers[numbers >> i & 1 == 0]
        orders = [factorial(s) * factorial(n - 1 - s) / factorial(n) for s in sizes[without]]
        values[i] = np.asarray(orders) @ (worths[without | 1 << i] - worths[without])
    return values


def explain_perceptron(
    perceptron: Model,
    functionals: Floats,
    label: str,
    temperature: float = 1.0,
    among: Sequence[str] = LABELS,
    trained: Sequence[str] = TRAINED_LABELS,
) -> Shift:
    """Return the contribution of each group of functionals, starting at the mean training clip.

    They are exact Shapley values: the perceptron is run on each of the 32 subsets of groups, with
    all other functionals at their means.
    """
    choices = np.arange(1 << len(GROUPS))
    chosen = (choices[:, None] >> _group_numbers()) & 1 == 1
    masked_rows = np.where(chosen, functionals, perceptron.arrays["mean"])
    features = replace(empty_features(len(masked_rows)), functionals=masked_rows)
    worths = log_odds(perceptron.probabilities(features), label, temperature, among, trained)
    shares = 1.0 / (1.0 + np.exp(-worths))
    return Shift(
        label,
        float(worths[0]),
        float(worths[-1]),
        _parts(shapley_values(worths)),
        float(shares[0]),
        float(shares[-1]),
        _parts(shapley_values(shares)),
    )


def _group_numbers() -> np.ndarray:
    """Return the index into ``GROUPS`` of each functional's group, int of shape (f,)."""
    return np.array([GROUPS.index(group) for _, group in functional_table()])


def _parts(amounts: Sequence[float] | np.ndarray) -> tuple[Part, ...]:
    return tuple(Part(group, float(x)) for group, x in zip(GROUPS, amounts, strict=True))


# --- the tree: its path --------------------------------------------------------------------------


def explain_tree(
    arrays: Arrays,
    functionals: Floats,
    label: str,
    temperature: float = 1.0,
    among: Sequence[str] = LABELS,
    trained: Sequence[str] = TRAINED_LABELS,
) -> TreePath:
    """Return the path of a clip through the tree."""
    point = axis_values(arrays, functionals[None])[0]
    calibrated = _shares_among(arrays["probabilities"], temperature, among, trained)
    shares = calibrated[:, among.index(label)]  # at every node
    node, steps = 0, []
    while arrays["left"][node] >= 0:
        axis, limit = int(arrays["axis"][node]), float(arrays["threshold"][node])
        above = not point[axis] <= limit
        node = int(arrays["right" if above else "left"][node])
        amounts = axis_amounts(arrays, functionals, axis)
        steps.append(
            Step(
                axis,
                float(point[axis]),
                limit,
                above,
                _parts(np.bincount(_group_numbers(), amounts, len(GROUPS))),
                _strongest(arrays, functionals, amounts, 1.0 if above else -1.0),
                float(shares[node]),
            )
        )
    surrogate = explain_surrogate(arrays, functionals, trained)
    leaf = _leaf_shares(arrays, node, trained)
    return TreePath(label, float(shares[0]), tuple(steps), leaf, surrogate)


def explain_surrogate(
    arrays: Arrays, functionals: Floats, trained: Sequence[str] = TRAINED_LABELS
) -> SurrogatePath:
    """Return the path of a clip through the surrogate tree."""
    surrogate = surrogate_arrays(arrays)
    node, steps = 0, []
    while surrogate["left"][node] >= 0:
        i, limit = int(surrogate["axis"][node]), float(surrogate["threshold"][node])
        above = not functionals[i] <= limit
        node = int(surrogate["right" if above else "left"][node])
        name, unit = split_unit(functional_table()[i][0])
        steps.append(SurrogateStep(name, unit, float(functionals[i]), limit, above))
    return SurrogatePath(tuple(steps), _leaf_shares(surrogate, node, trained))


def _leaf_shares(arrays: Arrays, node: int, trained: Sequence[str]) -> dict[str, float]:
    return dict(zip(trained, arrays["probabilities"][node].tolist(), strict=True))


def axis_amounts(arrays: Arrays, functionals: Floats, axis: int) -> Doubles:
    """Return the contribution of each functional to a clip's value on an axis, float64 (f,)."""
    centred = apply_scaling(functionals, arrays).astype(np.float64) - arrays["centre"]
    return np.asarray(centred * arrays["projection"][:, axis])


def _strongest(
    arrays: Arrays, functionals: Floats, amounts: Doubles, side: float
) -> tuple[Measurement, ...]:
    """Return the functionals with the largest contributions to one side, +1 or -1."""
    best = np.argsort(-side * amounts, kind="stable")[:STRONGEST]
    return tuple(
        Measurement(
            *split_unit(functional_table()[i][0]),
            float(functionals[i]),
            float(arrays["mean"][i]),
            float(amounts[i]),
        )
        for i in best
        if side * amounts[i] > 0
    )


def split_unit(name: str) -> tuple[str, str]:
    """Return a functional's name without its unit, and the unit, as of ``level, mean (dB)``."""
    if not name.endswith(")"):
        return name, ""
    text, _, unit = name[:-1].rpartition(" (")
    return text, unit
