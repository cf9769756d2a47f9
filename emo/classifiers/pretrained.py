"""A linear classifier on the embeddings of the pre-trained encoder: fitting, and serving."""

from pathlib import Path

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
from emo.classifiers.fitting import Progress
from emo.classifiers.numerics import softmax

PRETRAINING = (
    "Its encoder is the first part of that of Whisper base: two convolutions and the first three "
    "of six transformer blocks, with weights rounded to 8 bits. It is frozen: training here fits "
    "the linear classifier alone. OpenAI trained the encoder to transcribe and translate speech, "
    "on 680,000 hours of audio from the web (Radford et al. 2022: Robust speech recognition via "
    "large-scale weak supervision), and published it under the MIT licence. That audio is not "
    "public and not ours to audit: it may hold recordings or speakers of the corpora on which "
    "these figures are measured."
)
"""What is pre-trained, by whom, and on what; for documents and the page *About*."""

HEAD_COMPONENTS = 384  # principal components that the weights lie in
HEAD_RIDGE = 0.03  # half of it times the sum of squared weights is added to the loss
HEAD_STEPS = 80
HEAD_SMOOTHING = 0.0
STRANGENESS_AXES = 128  # principal components whose residual tells strange clips


def fit_pretrained(
    train: Batch,
    seed: int,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Fit multinomial logistic regressions to embeddings, and average their weights.

    One is fitted to the clips alone, which suits new speakers, and one to clips and altered copies,
    which suits other corpora; the mean of their logits is again linear.  Embeddings are
    standardised and projected to their first principal components, which loses little and makes
    the fit several times as fast.  The loss weighs each label equally often.

    Parameters
    ----------
    train
        Clips with their copies, all of which are fitted at once.
    seed
        Not used: the fit has no random choice.
    checkpoint
        Not used: a fit takes seconds.
    progress
        Called once, at the end.

    Returns
    -------
    Fitted
        The arrays that ``check_pretrained`` describes, and no curve.
    """
    sources = [train.features.embeddings, *(copy.embeddings for copy in train.copies)]
    scaling = standardise(sources)
    scaled = apply_scaling(np.concatenate(sources), scaling)
    axes = principal_axes(scaled, HEAD_COMPONENTS)
    n = len(train.targets)
    clips = scaled[:n]
    projected = scaled @ axes
    targets = np.tile(soft_targets(train, HEAD_SMOOTHING, 0.0), (len(sources), 1))
    weights = label_weights(np.tile(train.targets, len(sources)))
    head = fit_logistic(projected, targets, weights, HEAD_RIDGE, HEAD_STEPS)
    if len(sources) > 1:
        rows = slice(n)
        plain = fit_logistic(
            projected[rows], targets[rows], weights[rows], HEAD_RIDGE, HEAD_STEPS, start=head
        )
        head = (head + plain) / 2
    if progress:
        progress(1, 1, {})
    arrays = {
        "weights": (axes @ head[:-1]).astype(np.float32),
        "bias": head[-1].astype(np.float32),
        "axes": principal_axes(clips, STRANGENESS_AXES),
    }
    return Fitted({**scaling, **arrays}, [])


def principal_axes(scaled: np.ndarray, n_axes: int) -> np.ndarray:
    """Return the directions of largest variance, float32 (f, n_axes), of standardised rows."""
    scatter = scaled.T @ scaled / len(scaled)
    _, vectors = np.linalg.eigh(scatter.astype(np.float64))
    return np.ascontiguousarray(vectors[:, ::-1][:, :n_axes], np.float32)


def label_weights(targets: np.ndarray) -> np.ndarray:
    """Return a weight for each row, float32 (n,), of mean 1 and the same sum for each label."""
    counts = np.bincount(targets, minlength=N_OUTPUTS)
    weights = 1.0 / np.maximum(counts[targets], 1)
    return np.asarray(weights * len(weights) / weights.sum(), np.float32)


def fit_logistic(
    inputs: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    ridge: float,
    n_steps: int,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Return weights and biases of a multinomial logistic regression, float64 (f + 1, 8).

    L-BFGS (Liu and Nocedal 1989) on the weighted mean cross-entropy of soft targets plus half of
    the ridge times the sum of squared weights; the biases, in the last row, are free.

    Parameters
    ----------
    inputs : float32, (n, f)
    targets : float32, (n, 8)
        Probabilities.
    weights : float32, (n,)
        Of the rows.
    ridge, n_steps
        Strength of the penalty, and the largest number of steps.
    start : float64, (f + 1, 8), or None
        First weights and biases; zeros by default.
    """
    from scipy.optimize import minimize

    shares = weights / weights.sum()
    n_inputs = inputs.shape[1]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        head = flat.reshape(n_inputs + 1, N_OUTPUTS).astype(np.float32)
        logits = inputs @ head[:-1] + head[-1]
        logits -= logits.max(axis=1, keepdims=True)
        logarithms = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        errors = (np.exp(logarithms) - targets) * shares[:, None]
        gradient = np.vstack([inputs.T @ errors + ridge * head[:-1], errors.sum(axis=0)])
        value = -float((shares[:, None] * targets * logarithms).sum())
        value += ridge / 2 * float((head[:-1] ** 2).sum())
        return value, gradient.ravel().astype(np.float64)

    first = np.zeros((n_inputs + 1, N_OUTPUTS)) if start is None else start
    result = minimize(
        loss, first.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": n_steps}
    )
    return np.asarray(result.x.reshape(n_inputs + 1, N_OUTPUTS))


def check_pretrained(arrays: Arrays, n_inputs: int) -> None:
    """Raise an error unless the arrays are a linear classifier of `n_inputs` numbers.

    It has ``mean`` and ``deviation`` (f,), ``weights`` (f, 8), ``bias`` (8,) and ``axes`` (f, k)
    for ``measure_strangeness``.

    Raises
    ------
    ValueError
        An array is missing or of another shape.
    """
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("mean", "deviation"), (n_inputs,))
    shapes |= {"weights": (n_inputs, N_OUTPUTS), "bias": (N_OUTPUTS,)}
    shapes["axes"] = (n_inputs, arrays["axes"].shape[-1] if "axes" in arrays else 0)
    check_arrays(arrays, shapes)


def predict_pretrained(arrays: Arrays, embeddings: np.ndarray) -> np.ndarray:
    """Return the probabilities of clips, float64 (n, 8).

    Parameters
    ----------
    embeddings : float32, (n, 2048)
    """
    scaled = apply_scaling(embeddings, arrays)
    return softmax((scaled @ arrays["weights"] + arrays["bias"]).astype(np.float64))


def measure_strangeness(arrays: Arrays, embeddings: np.ndarray) -> np.ndarray:
    """Return how far clips are from the training clips, float64 (n,).

    The root mean square of what the first principal components of the training clips leave of the
    standardised embedding: the distance in feature space (DFFS, Moghaddam and Pentland 1997).

    Parameters
    ----------
    embeddings : float32, (n, 2048)
    """
    scaled = apply_scaling(embeddings, arrays).astype(np.float64)
    inside = scaled @ arrays["axes"]
    residual = np.sum(scaled**2, axis=1) - np.sum(inside**2, axis=1)
    return np.asarray(np.sqrt(np.maximum(residual, 0.0) / scaled.shape[1]))
