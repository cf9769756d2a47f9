"""Numerical functions that several classifiers share."""

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities of logits along the last axis, float64, adding up to 1.

    Parameters
    ----------
    logits : array, (..., n)
        Finite; the highest is subtracted first, so that no exponential overflows.
    """
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
