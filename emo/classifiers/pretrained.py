"""Classifiers on the embeddings of the pre-trained encoder: fitting, and serving with numpy.

A linear one, which transfers best to other recordings, and a perceptron with one hidden layer,
which is best for new speakers of the training corpora.  The answer is the mean of their logits.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emo.classifiers.batches import (
    N_OUTPUTS,
    Arrays,
    Batch,
    Fitted,
    apply_scaling,
    check_arrays,
    soft_targets,
    standardise,
)
from emo.classifiers.fitting import Curve, Progress, compile_network, fit_epochs, make_adamw
from emo.classifiers.numerics import softmax

PRETRAINING = (
    "Its encoder is the first part of that of Whisper base: two convolutions and the first three "
    "of six transformer blocks, with weights rounded to 8 bits. It is frozen: training here fits "
    "the small classifiers on it alone. OpenAI trained the encoder to transcribe and translate "
    "speech, on 680,000 hours of audio from the web (Radford et al. 2022: Robust speech "
    "recognition via large-scale weak supervision), and published it under the MIT licence. That "
    "audio is not public and not ours to audit: it may hold recordings or speakers of the corpora "
    "on which these figures are measured."
)
"""What is pre-trained, by whom, and on what; for documents and the page *About*."""

HEAD_COMPONENTS = 384  # principal components that the weights lie in
HEAD_RIDGE = 0.03  # half of it times the sum of squared weights is added to the loss
HEAD_STEPS = 80
HEAD_SMOOTHING = 0.0
HIDDEN_WIDTH = 256  # units of the perceptron's hidden layer
HIDDEN_EPOCHS = 12
HIDDEN_BATCH = 128
HIDDEN_RATE = 1e-3
HIDDEN_DECAY = 0.05
HIDDEN_DROPOUT = 0.5  # of hidden units; half of it of the components
HIDDEN_SMOOTHING = 0.1
HIDDEN_SHARE = 0.5  # of the perceptron's logits in the answer
MAX_EXPONENT = 80.0  # of the logistic function, which is 0 or 1 beyond in float32
_MIN_SHARE = 0.01  # of the largest deviation: with few clips the last components have none
DISTANCE_AXES = 64  # principal components in which strangeness is measured
DISTANCE_RIDGE = 1e-3  # added to the variance in each of them


def fit_pretrained(
    train: Batch,
    seed: int,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Fit a multinomial logistic regression and a perceptron to clips and their copies.

    Embeddings are standardised and projected to their first principal components, which loses
    little and makes the fits several times as fast.  The losses weigh each label the same.

    Parameters
    ----------
    train
        Clips with their copies, all of which are fitted at once.
    seed
        Of the perceptron; the regression makes no random choice.
    checkpoint
        Beginning of the names of the files that an interrupted fit of the perceptron goes on from.
    progress
        Called after each epoch of the perceptron.

    Returns
    -------
    Fitted
        The arrays that ``check_pretrained`` describes, and the curve of the perceptron.
    """
    sources = [train.features.embeddings, *(copy.embeddings for copy in train.copies)]
    scaling = standardise(sources)
    scaled = apply_scaling(np.concatenate(sources), scaling)
    axes = principal_axes(scaled, HEAD_COMPONENTS)
    targets = np.tile(soft_targets(train, HEAD_SMOOTHING, 0.0), (len(sources), 1))
    weights = label_weights(np.tile(train.targets, len(sources)))
    points = scaled @ axes
    head = fit_logistic(points, targets, weights, HEAD_RIDGE, HEAD_STEPS)
    # Between components as they are and of equal variance; those of equal variance overfit.
    deviations = points.std(axis=0)
    deviations = np.maximum(deviations, _MIN_SHARE * deviations.max())
    scale = (1 / np.sqrt(deviations)).astype(np.float32)
    scale /= (points * scale).std()
    softened = np.tile(soft_targets(train, HIDDEN_SMOOTHING, 0.0), (len(sources), 1))
    hidden, curve = fit_perceptron(points * scale, softened, seed, checkpoint, progress)
    arrays = {
        "weights": (axes @ head[:-1]).astype(np.float32),
        "bias": head[-1].astype(np.float32),
    }
    arrays |= {"hidden_weights": axes @ (scale[:, None] * hidden[0]), "hidden_bias": hidden[1]}
    arrays |= {"output_weights": hidden[2], "output_bias": hidden[3]}
    arrays |= fit_distance(scaled[: len(train.targets)], train.corpora)
    return Fitted({**scaling, **arrays}, curve)


def principal_axes(scaled: np.ndarray, n_axes: int) -> np.ndarray:
    """Return the directions of largest variance of standardised rows, float32 (f, n_axes).

    There are at most as many as rows.
    """
    if len(scaled) < scaled.shape[1]:  # the singular vectors, with a smaller matrix
        _, _, directions = np.linalg.svd(scaled.astype(np.float64), full_matrices=False)
        return np.ascontiguousarray(directions[:n_axes].T, np.float32)
    scatter = scaled.T @ scaled / len(scaled)
    _, vectors = np.linalg.eigh(scatter.astype(np.float64))
    return np.ascontiguousarray(vectors[:, ::-1][:, :n_axes], np.float32)


def label_weights(targets: np.ndarray) -> np.ndarray:
    """Return a weight for each row, float32 (n,), of mean 1 and the same sum for each label."""
    counts = np.bincount(targets)
    weights = 1.0 / np.maximum(counts[targets], 1)
    return np.asarray(weights * len(weights) / weights.sum(), np.float32)


def fit_logistic(
    inputs: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    ridge: float,
    n_steps: int,
) -> np.ndarray:
    """Return weights and biases of a multinomial logistic regression, float64 (f + 1, k).

    L-BFGS (Liu and Nocedal 1989) on the weighted mean cross-entropy of soft targets plus half of
    the ridge times the sum of squared weights; the biases, in the last row, are free.

    Parameters
    ----------
    inputs : float32, (n, f)
    targets : float32, (n, k)
        Probabilities.
    weights : float32, (n,)
        Of the rows.
    ridge, n_steps
        Strength of the penalty, and the largest number of steps.
    """
    from scipy.optimize import minimize

    shares = weights / weights.sum()
    n_inputs, n_outputs = inputs.shape[1], targets.shape[1]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        head = flat.reshape(n_inputs + 1, n_outputs).astype(np.float32)
        logits = inputs @ head[:-1] + head[-1]
        logits -= logits.max(axis=1, keepdims=True)
        logarithms = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        errors = (np.exp(logarithms) - targets) * shares[:, None]
        gradient = np.vstack([inputs.T @ errors + ridge * head[:-1], errors.sum(axis=0)])
        value = -float((shares[:, None] * targets * logarithms).sum())
        value += ridge / 2 * float((head[:-1] ** 2).sum())
        return value, gradient.ravel().astype(np.float64)

    start = np.zeros((n_inputs + 1) * n_outputs)
    result = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": n_steps})
    return np.asarray(result.x.reshape(n_inputs + 1, n_outputs))


def fit_perceptron(
    inputs: np.ndarray,
    targets: np.ndarray,
    seed: int,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> tuple[list[np.ndarray], Curve]:
    """Return weights and biases of a perceptron with one hidden layer, and its curve.

    Parameters
    ----------
    inputs : float32, (n, f)
    targets : float32, (n, k)
        Probabilities.
    seed
    checkpoint
        Beginning of the names of the checkpoint's files; None for no checkpoint.
    progress
        Called after each epoch.

    Returns
    -------
    layers : list of float32 arrays
        Of shapes (f, h), (h,), (h, k) and (k,).
    curve
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((inputs.shape[1],)),
            keras.layers.Dropout(HIDDEN_DROPOUT / 2),
            keras.layers.Dense(HIDDEN_WIDTH, activation="silu"),
            keras.layers.Dropout(HIDDEN_DROPOUT),
            keras.layers.Dense(targets.shape[1]),
        ]
    )
    n_steps = HIDDEN_EPOCHS * -(-len(inputs) // HIDDEN_BATCH)
    compile_network(model, make_adamw(HIDDEN_RATE, HIDDEN_DECAY, n_steps))

    def batches(epoch: int) -> Iterator[tuple[Any, Any]]:
        order = np.random.default_rng([seed, epoch]).permutation(len(inputs))
        for i in range(0, len(order), HIDDEN_BATCH):
            rows = order[i : i + HIDDEN_BATCH]
            yield inputs[rows], targets[rows]

    def report(epoch: int, row: dict[str, float]) -> None:
        if progress:
            progress(epoch, HIDDEN_EPOCHS, row)

    counts = targets.sum(axis=0)
    weights = np.where(counts > 0, len(targets) / np.maximum(counts, 1) / (counts > 0).sum(), 0.0)
    model, curve = fit_epochs(model, batches, weights, HIDDEN_EPOCHS, checkpoint, report)
    return [np.asarray(layer, np.float32) for layer in model.get_weights()], curve


def check_pretrained(arrays: Arrays, n_inputs: int, n_outputs: int = N_OUTPUTS) -> None:
    """Raise an error unless the arrays are classifiers of `n_inputs` numbers.

    There are ``mean`` and ``deviation`` (f,); ``weights`` (f, 8) and ``bias`` (8,) of the linear
    one; ``hidden_weights`` (f, h), ``hidden_bias`` (h,), ``output_weights`` (h, 8) and
    ``output_bias`` (8,) of the perceptron; and for
    ``measure_strangeness`` ``axes`` (f, k), ``centres`` (corpora, k) and ``whitening`` (k, k).

    Raises
    ------
    ValueError
        An array is missing or of another shape.
    """
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("mean", "deviation"), (n_inputs,))
    shapes |= {"weights": (n_inputs, n_outputs), "bias": (n_outputs,)}
    n_hidden = len(arrays.get("hidden_bias", ()))
    shapes |= {"hidden_weights": (n_inputs, n_hidden), "hidden_bias": (n_hidden,)}
    shapes |= {"output_weights": (n_hidden, n_outputs), "output_bias": (n_outputs,)}
    n_corpora, n_axes = arrays.get("centres", np.zeros((0, 0))).shape
    shapes |= {"axes": (n_inputs, n_axes), "centres": (n_corpora, n_axes)}
    shapes["whitening"] = (n_axes, n_axes)
    check_arrays(arrays, shapes)


def predict_pretrained(arrays: Arrays, embeddings: np.ndarray) -> np.ndarray:
    """Return the probabilities of clips, float64 (n, 8).

    Parameters
    ----------
    embeddings : float32, (n, 2048)
    """
    scaled = apply_scaling(embeddings, arrays)
    linear = scaled @ arrays["weights"] + arrays["bias"]
    hidden = scaled @ arrays["hidden_weights"] + arrays["hidden_bias"]
    hidden = hidden / (1.0 + np.exp(-np.clip(hidden, -MAX_EXPONENT, MAX_EXPONENT)))
    deep = hidden @ arrays["output_weights"] + arrays["output_bias"]
    mixed = (1 - HIDDEN_SHARE) * linear + HIDDEN_SHARE * deep
    return softmax(mixed.astype(np.float64))


def fit_distance(scaled: np.ndarray, corpora: Sequence[str]) -> Arrays:
    """Return the arrays of ``measure_strangeness``.

    Parameters
    ----------
    scaled : float32, (n, f)
        Standardised embeddings of the training clips, without copies.
    corpora : sequence of str
        Corpus of each clip; all clips are of one corpus if empty.
    """
    axes = principal_axes(scaled, min(DISTANCE_AXES, len(scaled) - 1))
    points = (scaled @ axes).astype(np.float64)
    names = np.array(corpora or [""] * len(points))
    groups = [points[names == name] for name in np.unique(names)]
    centres = np.stack([group.mean(axis=0) for group in groups])
    spread = np.mean([np.cov(group, rowvar=False) for group in groups], axis=0)
    spread = spread + DISTANCE_RIDGE * np.eye(len(spread))
    return {
        "axes": axes,
        "centres": centres.astype(np.float32),
        "whitening": np.linalg.cholesky(np.linalg.inv(spread)).astype(np.float32),
    }


def measure_strangeness(arrays: Arrays, embeddings: np.ndarray) -> np.ndarray:
    """Return how far clips are from the nearest training corpus, float64 (n,).

    The Mahalanobis distance to its mean in the space of the first principal components, with the
    covariance that the corpora have on average (Lee et al. 2018: A simple unified framework for
    detecting out-of-distribution samples), divided by the root of the number of components, so
    that it is about 1 for the training clips.

    Parameters
    ----------
    embeddings : float32, (n, 2048)
    """
    points = (apply_scaling(embeddings, arrays) @ arrays["axes"]).astype(np.float64)
    steps = (points[:, None] - arrays["centres"]) @ arrays["whitening"]  # (n, corpora, k)
    nearest = np.min(np.sum(steps**2, axis=2), axis=1)
    return np.asarray(np.sqrt(nearest / points.shape[1]))
