"""Know the voice: a linear classifier on numbers relative to the other clips of the same speaker.

Speakers differ from each other more than the emotions of one speaker do.  Where several clips are
of one speaker, what the clips have in common is the voice, the microphone and the room, and how
they differ is what was acted.  No label of a clip is needed for that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from emo.classifiers.batches import N_OUTPUTS, Arrays, Batch, Features, check_arrays
from emo.classifiers.numerics import softmax
from emo.classifiers.pretrained import fit_logistic, label_weights, principal_axes

VOICE = "voice"
"""Key of the answer, beside those of the classifiers and the ensemble."""

MIN_CLIPS = 5
"""Clips of a voice below which it is not known."""

GROUP_SIZES: tuple[int | None, ...] = (5, 10, 20, None)
"""Clips of a voice that are known in training, one size after the other; None for all."""

VOICE_COMPONENTS = 384  # principal components that the weights lie in
VOICE_RIDGE = 0.03  # half of it times the sum of squared weights is added to the loss
VOICE_STEPS = 60
PRIOR_CLIPS = 5.0  # clips that the deviation within the voices of the corpora counts as
MAX_RELATIVE = 6.0  # relative numbers beyond are set to this
AXES_ROWS = 12_000  # random rows from which the principal components are computed
_MIN_DEVIATION = 1e-6  # a number that never changes would divide by 0


def voice_numbers(features: Features) -> np.ndarray:
    """Return the numbers of clips that the classifier takes, float32 (n, 2048 + f).

    The embeddings of the pre-trained encoder, then the functionals.
    """
    return np.concatenate([features.embeddings, features.functionals], axis=1).astype(np.float32)


def relative_numbers(numbers: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return the numbers of clips of one voice relative to that voice, float32 (n, f).

    The mean of the clips is subtracted.  The rest is divided by their deviation, which is shrunk
    towards that within the voices of the training corpora, as if that were of five more clips.

    Parameters
    ----------
    numbers : float32, (n, f)
        Of all known clips of the voice.
    deviation : float32, (f,)
        Within the voices of the training corpora (``within_voices``).
    """
    n = len(numbers)
    mean = numbers.mean(axis=0, dtype=np.float64)
    variance = numbers.var(axis=0, dtype=np.float64)
    shrunk = (n * variance + PRIOR_CLIPS * deviation.astype(np.float64) ** 2) / (n + PRIOR_CLIPS)
    relative = (numbers - mean) / np.sqrt(shrunk)
    return np.clip(relative, -MAX_RELATIVE, MAX_RELATIVE).astype(np.float32)


def within_voices(numbers: np.ndarray, speakers: Sequence[str]) -> np.ndarray:
    """Return the deviation of each number within voices, float32 (f,)."""
    names = np.asarray(speakers)
    total = np.zeros(numbers.shape[1])
    for speaker in np.unique(names):
        own = numbers[names == speaker]
        total += own.var(axis=0, dtype=np.float64) * len(own)
    return np.asarray(np.sqrt(total / len(numbers)) + _MIN_DEVIATION, np.float32)


def draw_groups(
    speakers: Sequence[str], size: int | None, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield the rows of groups of clips, each of one speaker and of about `size` clips.

    Parameters
    ----------
    speakers : sequence of str
        Speaker of each clip.
    size
        A group has at least so many clips, and fewer than twice as many, unless its speaker has
        fewer; all clips of the speaker if None.
    rng
        By which the clips of a speaker are mixed.
    """
    names = np.asarray(speakers)
    for speaker in np.unique(names):
        rows = rng.permutation(np.flatnonzero(names == speaker))
        n_groups = max(1, len(rows) // size) if size else 1
        yield from np.array_split(rows, n_groups)


def fit_voice(train: Batch, seed: int) -> Arrays:
    """Fit the classifier to relative numbers, with 5, 10, 20 and all clips of each voice known.

    The regression is that of the pre-trained classifier: in the space of the first principal
    components, each label weighing equally.

    Parameters
    ----------
    train
        Clips with their speakers.
    seed
        By which the clips are grouped.

    Returns
    -------
    dict
        The arrays that ``check_voice`` describes.
    """
    numbers, rng = voice_numbers(train.features), np.random.default_rng(seed)
    deviation = within_voices(numbers, train.speakers)
    parts, rows = [], []
    for size in GROUP_SIZES:
        for group in draw_groups(train.speakers, size, rng):
            parts.append(relative_numbers(numbers[group], deviation))
            rows.append(group)
    relative, targets = np.concatenate(parts), train.targets[np.concatenate(rows)]
    chosen = rng.permutation(len(relative))[:AXES_ROWS]
    axes = principal_axes(relative[chosen], min(VOICE_COMPONENTS, len(chosen) - 1))
    head = fit_logistic(
        relative @ axes,
        np.eye(N_OUTPUTS, dtype=np.float32)[targets],
        label_weights(targets),
        VOICE_RIDGE,
        VOICE_STEPS,
    )
    return {
        "deviation": deviation,
        "weights": (axes @ head[:-1]).astype(np.float32),
        "bias": head[-1].astype(np.float32),
    }


def check_voice(arrays: Arrays, n_inputs: int) -> None:
    """Raise an error unless the arrays are ``deviation`` (f,), ``weights`` (f, 8), ``bias`` (8,).

    Raises
    ------
    ValueError
        An array is missing or of another shape.
    """
    shapes = {"deviation": (n_inputs,), "weights": (n_inputs, N_OUTPUTS), "bias": (N_OUTPUTS,)}
    check_arrays(arrays, shapes)


def predict_voice(arrays: Arrays, numbers: np.ndarray) -> np.ndarray:
    """Return the raw probabilities of all known clips of one voice, float64 (n, 8).

    Parameters
    ----------
    arrays
        As ``fit_voice`` returns them.
    numbers : float32, (n, 2048 + f)
        As ``voice_numbers`` returns them; `n` is ``MIN_CLIPS`` or more.
    """
    relative = relative_numbers(numbers, arrays["deviation"])
    return softmax((relative @ arrays["weights"] + arrays["bias"]).astype(np.float64))


# --- The check -----------------------------------------------------------------------------------


def variation(probabilities: np.ndarray) -> float:
    """Return how much the plain answers for clips of a voice differ, in nats.

    The mutual information of clip and label: the entropy of the mean answer minus the mean entropy
    of the answers.  It is 0 where all answers are the same.

    Parameters
    ----------
    probabilities : float64, (n, labels)
        Calibrated answers of the ensemble.
    """

    def entropy(shares: np.ndarray) -> np.ndarray:
        logs = np.log(np.where(shares > 0, shares, 1.0))
        return np.asarray(-(shares * logs).sum(axis=-1))

    return max(0.0, float(entropy(probabilities.mean(axis=0)) - entropy(probabilities).mean()))


@dataclass(frozen=True)
class VoiceCalibration:
    """How the answer with the voice known is made of the classifier's and the ensemble's.

    Attributes
    ----------
    weights : dict of str to float
        Exponents of ``voice`` and ``ensemble`` in the product of their probabilities, for clips as
        in training.
    weights_strange : dict of str to float
        The same for clips that are wholly strange; between them both are mixed.
    min_variation : float
        ``variation`` below which the clips look alike in emotion, so that the plain answer is kept.
    threshold, threshold_strange : float
        Confidence below which the answer is unsure, for clips as in training and for strange ones.
    """

    weights: dict[str, float]
    weights_strange: dict[str, float]
    min_variation: float
    threshold: float = 0.0
    threshold_strange: float = 0.0

    def pool(self, raw: np.ndarray, ensemble: np.ndarray, strange: np.ndarray) -> np.ndarray:
        """Return the calibrated answer with the voice known, float64 (n, labels).

        Parameters
        ----------
        raw : float64, (n, labels)
            Of the classifier that knows the voice, adding up to 1.
        ensemble : float64, (n, labels)
            Calibrated.
        strange : float64, (n,)
            How strange the clips count, 0 to 1.
        """
        logs = np.zeros_like(ensemble)
        for key, rows in ((VOICE, raw), ("ensemble", ensemble)):
            near, far = self.weights[key], self.weights_strange[key]
            power = (1 - strange) * near + strange * far
            logs += power[:, None] * np.log(np.maximum(rows, 1e-7))
        return softmax(logs)
