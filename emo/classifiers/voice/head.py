"""Know the voice: a linear classifier on numbers relative to the other clips of the same speaker.

Speakers differ from each other more than the emotions of one speaker do.  Where several clips are
of one speaker, what the clips have in common is the voice, the microphone and the room, and how
they differ is what was acted.  No label of a clip is needed for that.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from emo.classifiers.batches import N_OUTPUTS, Arrays, Batch, Features, check_arrays
from emo.classifiers.numerics import softmax
from emo.classifiers.pretrained import fit_logistic, label_weights, principal_axes

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
    both = np.concatenate([features.embeddings, features.functionals], axis=1)
    return np.asarray(both, np.float32)


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
    return np.asarray(np.clip(relative, -MAX_RELATIVE, MAX_RELATIVE), np.float32)


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
    components, each label weighing equally; and the smaller a corpus, the more its clips weigh.
    The altered copies of clips are grouped like the clips, in groups of their own.

    Parameters
    ----------
    train
        Clips with their copies and speakers.
    seed
        By which the clips are grouped.

    Returns
    -------
    dict
        The arrays that ``check_voice`` describes.
    """
    rng = np.random.default_rng(seed)
    sources = [voice_numbers(features) for features in (train.features, *train.copies)]
    deviation = within_voices(sources[0], train.speakers)
    groups = [
        (numbers, group)
        for numbers in sources
        for size in GROUP_SIZES
        for group in draw_groups(train.speakers, size, rng)
    ]
    rows = np.concatenate([group for _, group in groups])
    is_drawn = np.zeros(len(rows), bool)
    is_drawn[rng.permutation(len(rows))[:AXES_ROWS]] = True
    parts, start = [], 0
    for numbers, group in groups:
        drawn = is_drawn[start : start + len(group)]
        parts.append(relative_numbers(numbers[group], deviation)[drawn])
        start += len(group)
    sample = np.concatenate(parts)
    axes = principal_axes(sample, min(VOICE_COMPONENTS, len(sample) - 1))
    # All relative numbers at once would take gigabytes.
    inputs = np.concatenate(
        [relative_numbers(numbers[group], deviation) @ axes for numbers, group in groups]
    )
    head = fit_logistic(
        inputs,
        np.eye(N_OUTPUTS, dtype=np.float32)[train.targets[rows]],
        clip_weights(train)[rows],
        VOICE_RIDGE,
        VOICE_STEPS,
    )
    return {
        "deviation": deviation,
        "weights": (axes @ head[:-1]).astype(np.float32),
        "bias": head[-1].astype(np.float32),
    }


def clip_weights(train: Batch) -> np.ndarray:
    """Return a weight for each clip, float32 (n,).

    All labels weigh the same, and a clip by the inverse of the root of the size of its corpus.
    """
    weights = label_weights(train.targets)
    if not train.corpora:
        return weights
    _, numbers, counts = np.unique(train.corpora, return_inverse=True, return_counts=True)
    return np.asarray(weights / np.sqrt(counts[numbers]), np.float32)


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
