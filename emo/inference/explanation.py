"""Why the classifiers answer as they do.

The perceptron: how far each group of functionals moved it.  The network: which regions of the
spectrogram carry its answer.  The tree: its path, question by question, and the leaf it ends in.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import factorial
from typing import Any

import numpy as np

from emo.audio.activity import Doubles, Floats
from emo.audio.clip import RATE_HZ, Clip
from emo.classifiers.batches import Arrays, apply_scaling
from emo.classifiers.calibration import apply_temperature, renormalise
from emo.classifiers.storage import Model
from emo.classifiers.tree import axis_values, surrogate_arrays
from emo.errors import ModelError
from emo.features.frames import (
    FRAME_S,
    MEL_RANGE_HZ,
    N_MELS,
    SPECTROGRAM_HOP_FRAMES,
    analyse,
    hz_to_mel,
    log_mel_spectrogram,
    mel_to_hz,
)
from emo.features.functionals import compute_functionals, functional_table
from emo.inference.predictor import Models, Prediction, predict
from emo.labels import INDEX, LABELS, TRAINED_LABELS

GROUPS = ("pitch", "energy", "spectrum", "cepstrum", "timing")
STRONGEST = 3  # functionals that are named for each question of the tree

PATCH_FRAMES = 10  # 200 ms: the finest patch, in frames of 20 ms
PATCH_ROWS = 8  # patches from the lowest to the highest band; half as many of a long clip
PATCH_BUDGET = 25_600  # frames through the network, all patches together: 4 s in 128 patches
MIN_PATCHES = 16
MARKED_ONE_IN = 8  # patches that are marked, at most
CHECK_DRAWS = 8
CHECK_SEED = 1

Score = Callable[[Floats], float]
"""From a view, float32 (time, 64), to the log-odds of a label."""


@dataclass(frozen=True)
class Part:
    """How far one group of functionals moves a sum: log-odds, or the value on an axis."""

    group: str
    amount: float


@dataclass(frozen=True)
class Shift:
    """What moved the perceptron from the mean training clip to this one.

    Attributes
    ----------
    label : its answer
    typical : log-odds of that label for the mean training clip
    log_odds : the same for this clip
    parts : one a group, in the order of ``GROUPS``, adding up to ``log_odds - typical``
    """

    label: str
    typical: float
    log_odds: float
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Patch:
    """A rectangle of the spectrogram, and by how much the log-odds drop where it is hidden."""

    start_s: float
    stop_s: float
    low_hz: float
    high_hz: float
    drop: float
    marked: bool


@dataclass(frozen=True, eq=False)
class Regions:
    """Which regions of the spectrogram carry the network's answer.

    Attributes
    ----------
    label : its answer
    log_odds : of that label
    start_s : place in the clip, in seconds, where the first frame of the maps begins; it may lie a
        little before the clip.  A frame lasts 20 ms.
    drops : float32 (time, 64), by how much the log-odds drop where the patch there is hidden
    marked : bool (time, 64), the patches that carry most
    patches : the same patch by patch, from the first in time and the lowest in frequency
    marked_drop : by how much the log-odds drop where all that is marked is hidden at once
    unmarked_drop : the same for as many other patches, the mean over random choices
    """

    label: str
    log_odds: float
    start_s: float
    drops: Floats
    marked: np.ndarray
    patches: tuple[Patch, ...]
    marked_drop: float
    unmarked_drop: float


@dataclass(frozen=True)
class Measurement:
    """A functional of the clip, in its own unit, and how far it moves the value on an axis."""

    name: str
    unit: str
    value: float
    typical: float
    amount: float


@dataclass(frozen=True)
class Step:
    """A question of the tree and the clip's answer.

    Attributes
    ----------
    axis : which of ``TRAINED_LABELS`` the axis belongs to that is asked about, from 0
    value : where the clip lies on it; the mean training clip lies near 0
    limit : values above it go right, others left
    above : whether the value is above the limit
    parts : what each group adds to the value, in the order of ``GROUPS``
    strongest : the functionals that push the clip most to the side where it lies
    share : of the answered label on that side, 0 to 1, as answers are shown: calm left out, and
        softened by the temperature
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
    """The tree's way from its first question to a leaf.

    Attributes
    ----------
    label : its answer
    share : of that label before the first question, 0 to 1, as answers are shown; after the last
        it is the confidence of the answer
    steps : the questions, in their order
    leaf : share of each of ``TRAINED_LABELS`` among the training answers in the leaf, adding up
        to 1: what the tree was taught of the clips that lie there
    surrogate : the way through the readable tree beside it
    """

    label: str
    share: float
    steps: tuple[Step, ...]
    leaf: dict[str, float]
    surrogate: "SurrogatePath"


@dataclass(frozen=True)
class SurrogateStep:
    """A question of the readable tree, about one functional in its own unit, and the answer.

    Attributes
    ----------
    name, unit : of the functional
    value : the clip's
    limit : values above it go right, others left
    above : whether the value is above the limit
    """

    name: str
    unit: str
    value: float
    limit: float
    above: bool


@dataclass(frozen=True)
class SurrogatePath:
    """The way through the readable tree, and the shares in the leaf, as in :class:`TreePath`."""

    steps: tuple[SurrogateStep, ...]
    leaf: dict[str, float]


@dataclass(frozen=True, eq=False)
class Explanation:
    """The answers to a clip, and why each classifier gives its own."""

    prediction: Prediction
    tree: TreePath
    cnn: Regions
    mlp: Shift

    def to_dict(self) -> dict[str, Any]:
        """The object that ``explain --format json`` prints, without its path."""
        cnn = {
            "label": self.cnn.label,
            "log_odds": self.cnn.log_odds,
            "marked_drop": self.cnn.marked_drop,
            "unmarked_drop": self.cnn.unmarked_drop,
            "patches": [asdict(patch) for patch in self.cnn.patches],
        }
        why = {"tree": asdict(self.tree), "cnn": cnn, "mlp": asdict(self.mlp)}
        return self.prediction.to_dict() | {"why": why}


def explain(clip: Clip, models: Models) -> Explanation:
    """The answers to one clip, and why each classifier gives its own.

    Raises
    ------
    ModelError
        One of the three could not be loaded, or gives no numbers for this clip.
    """
    prediction = predict(clip, models)
    for fault in (*models.faults.values(), *prediction.faults.values()):
        raise ModelError(fault)
    frames = analyse(clip.samples)
    vector, view = compute_functionals(frames), log_mel_spectrogram(frames)
    labels = {key: answer.label for key, answer in prediction.answers.items()}
    temperatures = models.calibration.temperatures
    network, perceptron = models.classifiers["cnn"], models.classifiers["mlp"]
    start_s = frames.span.with_margins()[0] / RATE_HZ - FRAME_S / 2  # frames are centred
    return Explanation(
        prediction,
        explain_tree(
            models.classifiers["tree"].arrays, vector, labels["tree"], temperatures["tree"]
        ),
        explain_network(
            lambda shown: _view_log_odds(network, shown, labels["cnn"], temperatures["cnn"]),
            view,
            labels["cnn"],
            start_s,
        ),
        explain_perceptron(perceptron, vector, labels["mlp"], temperatures["mlp"]),
    )


def log_odds(raw: np.ndarray, label: str, temperature: float) -> Doubles:
    """Log-odds of a label as it is shown, float64 (n,), from raw probabilities (n, 8).

    ``log(p / (1 - p))`` of the calibrated probability, calm left out, as in
    :func:`emo.inference.predictor.calibrated`.
    """
    shown = apply_temperature(renormalise(raw, range(len(LABELS))), temperature)
    other = np.delete(shown, INDEX[label], axis=-1).sum(axis=-1)  # 1 - p would lose digits
    return np.asarray(np.log(shown[..., INDEX[label]]) - np.log(other))


def _view_log_odds(network: Model, view: Floats, label: str, temperature: float) -> float:
    raw = network.probabilities(np.zeros((1, 0), np.float32), (view,))
    return float(log_odds(raw, label, temperature)[0])


# --- the perceptron: groups of functionals -------------------------------------------------------


def shapley_values(worths: np.ndarray) -> Doubles:
    """What each of n players adds, float64 (n,), from the worth of every coalition, (2**n,).

    Bit ``i`` of a coalition's number says whether player ``i`` is in it.  The value of a player is
    the mean of what it adds over all orders in which the players may come (Shapley 1953), so that
    the values add up to the worth of all less that of none; as a measure of features: Lundberg and
    Lee 2017.
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
    perceptron: Model, vector: Floats, label: str, temperature: float = 1.0
) -> Shift:
    """How far each group of functionals moved the perceptron, starting at the mean training clip.

    Exact Shapley values over the groups: every one of the 32 choices of groups is shown to the
    perceptron, with all other functionals at their means.
    """
    choices = np.arange(1 << len(GROUPS))
    chosen = (choices[:, None] >> _group_numbers()) & 1 == 1
    shown = np.where(chosen, vector, perceptron.arrays["mean"])
    worths = log_odds(perceptron.probabilities(shown, ()), label, temperature)
    return Shift(label, float(worths[0]), float(worths[-1]), _parts(shapley_values(worths)))


def _group_numbers() -> np.ndarray:
    """Place in ``GROUPS`` of each functional's group, int (f,)."""
    return np.array([GROUPS.index(group) for _, group in functional_table()])


def _parts(amounts: Sequence[float] | np.ndarray) -> tuple[Part, ...]:
    return tuple(Part(group, float(x)) for group, x in zip(GROUPS, amounts, strict=True))


# --- the network: regions of the spectrogram -----------------------------------------------------


def patch_grid(n_frames: int) -> tuple[int, int]:
    """Number of patches over time and over the bands: the longer the view, the fewer and larger."""
    wanted = max(MIN_PATCHES, PATCH_BUDGET // n_frames)
    rows = PATCH_ROWS if wanted >= PATCH_ROWS**2 else PATCH_ROWS // 2
    return min(wanted // rows, -(-n_frames // PATCH_FRAMES)), rows


def explain_network(score: Score, view: Floats, label: str, start_s: float = 0.0) -> Regions:
    """Which regions of a view carry an answer, by hiding one after another (Zeiler, Fergus 2014).

    What is hidden is set to 0, the mean of the view.  That is how training hides stretches of time
    and bands (``augmentation.mask``), so that the network has learnt to do without them; any
    other filling would be a sound of its own.
    """
    columns, rows = patch_grid(len(view))
    times = np.round(np.linspace(0, len(view), columns + 1)).astype(int)
    bands = np.round(np.linspace(0, N_MELS, rows + 1)).astype(int)
    place = np.add.outer(
        np.repeat(np.arange(columns), np.diff(times)) * rows,
        np.repeat(np.arange(rows), np.diff(bands)),
    )  # number of the patch at every point of the view
    whole = score(view)

    def drop(patches: np.ndarray | list[int]) -> float:
        return whole - score(np.where(np.isin(place, patches), np.float32(0), view))

    drops = np.array([drop([i]) for i in range(columns * rows)])
    marked = mark(drops)
    marked_drop, unmarked_drop = compare_hidden(drop, marked)
    time_s = start_s + times * SPECTROGRAM_HOP_FRAMES * FRAME_S
    edges_hz = _band_edges_hz(bands)
    patches = tuple(
        Patch(
            start_s=float(time_s[column]),
            stop_s=float(time_s[column + 1]),
            low_hz=float(edges_hz[row]),
            high_hz=float(edges_hz[row + 1]),
            drop=float(drops[column * rows + row]),
            marked=bool(marked[column * rows + row]),
        )
        for column in range(columns)
        for row in range(rows)
    )
    return Regions(
        label=label,
        log_odds=whole,
        start_s=start_s,
        drops=drops.astype(np.float32)[place],
        marked=marked[place],
        patches=patches,
        marked_drop=marked_drop,
        unmarked_drop=unmarked_drop,
    )


def mark(drops: Doubles) -> np.ndarray:
    """The eighth of the patches with the highest drops, bool (n,); none that does not drop."""
    marked = np.zeros(len(drops), bool)
    best = np.argsort(-drops, kind="stable")[: len(drops) // MARKED_ONE_IN]
    marked[best] = drops[best] > 0
    return marked


def compare_hidden(drop: Callable[[np.ndarray], float], marked: np.ndarray) -> tuple[float, float]:
    """Drop of the log-odds without the marked patches, and without as many unmarked ones.

    The second is the mean over eight random choices, always the same ones.  If the marked patches
    carry the answer, the first is the greater.

    Parameters
    ----------
    drop
        From numbers of patches to the drop where all of them are hidden.
    marked
        bool (n,), whether each patch is marked.
    """
    inside, outside = np.flatnonzero(marked), np.flatnonzero(~marked)
    if not len(inside):
        return 0.0, 0.0
    rng = np.random.default_rng(CHECK_SEED)
    draws = [rng.choice(outside, len(inside), replace=False) for _ in range(CHECK_DRAWS)]
    return drop(inside), float(np.mean([drop(chosen) for chosen in draws]))


def _band_edges_hz(bands: np.ndarray) -> Doubles:
    """Frequencies half-way, in mel, between a band's centre and that of the band below it."""
    low, high = hz_to_mel(np.array(MEL_RANGE_HZ))
    return mel_to_hz(low + (bands + 0.5) * (high - low) / (N_MELS + 1))


# --- the tree: its path --------------------------------------------------------------------------


def explain_tree(arrays: Arrays, vector: Floats, label: str, temperature: float = 1.0) -> TreePath:
    """The questions that the tree asks of a clip, its answers, and the leaf that it reaches."""
    point = axis_values(arrays, vector[None])[0]
    answered = apply_temperature(
        renormalise(arrays["probabilities"], range(len(LABELS))), temperature
    )
    shares = answered[:, INDEX[label]]  # at every node, as the answer is shown
    node, steps = 0, []
    while arrays["left"][node] >= 0:
        axis, limit = int(arrays["axis"][node]), float(arrays["threshold"][node])
        above = not point[axis] <= limit
        node = int(arrays["right" if above else "left"][node])
        amounts = axis_amounts(arrays, vector, axis)
        steps.append(
            Step(
                axis,
                float(point[axis]),
                limit,
                above,
                _parts(np.bincount(_group_numbers(), amounts, len(GROUPS))),
                _strongest(arrays, vector, amounts, 1.0 if above else -1.0),
                float(shares[node]),
            )
        )
    plain = explain_surrogate(arrays, vector)
    return TreePath(label, float(shares[0]), tuple(steps), _leaf_shares(arrays, node), plain)


def explain_surrogate(arrays: Arrays, vector: Floats) -> SurrogatePath:
    """The questions that the readable tree asks of a clip, and the leaf that it reaches."""
    plain = surrogate_arrays(arrays)
    node, steps = 0, []
    while plain["left"][node] >= 0:
        i, limit = int(plain["axis"][node]), float(plain["threshold"][node])
        above = not vector[i] <= limit
        node = int(plain["right" if above else "left"][node])
        name, unit = split_unit(functional_table()[i][0])
        steps.append(SurrogateStep(name, unit, float(vector[i]), limit, above))
    return SurrogatePath(tuple(steps), _leaf_shares(plain, node))


def _leaf_shares(arrays: Arrays, node: int) -> dict[str, float]:
    return dict(zip(TRAINED_LABELS, arrays["probabilities"][node].tolist(), strict=True))


def axis_amounts(arrays: Arrays, vector: Floats, axis: int) -> Doubles:
    """What each functional adds to the clip's value on an axis of the tree, float64 (f,)."""
    centred = apply_scaling(vector, arrays).astype(np.float64) - arrays["centre"]
    return np.asarray(centred * arrays["projection"][:, axis])


def _strongest(
    arrays: Arrays, vector: Floats, amounts: Doubles, side: float
) -> tuple[Measurement, ...]:
    """The functionals that push most to one side, +1 or -1, the strongest first."""
    best = np.argsort(-side * amounts, kind="stable")[:STRONGEST]
    return tuple(
        Measurement(
            *split_unit(functional_table()[i][0]),
            float(vector[i]),
            float(arrays["mean"][i]),
            float(amounts[i]),
        )
        for i in best
        if side * amounts[i] > 0
    )


def split_unit(name: str) -> tuple[str, str]:
    """A functional's name without its unit, and the unit: ``level, mean (dB)`` has both."""
    if not name.endswith(")"):
        return name, ""
    text, _, unit = name[:-1].rpartition(" (")
    return text, unit
