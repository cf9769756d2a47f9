"""The three classifiers in one table."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from emo.classifiers.batches import Arrays, Fitted
from emo.classifiers.cnn import fit_cnn
from emo.classifiers.mlp import check_mlp, fit_mlp, predict_mlp, run_mlp
from emo.classifiers.tree import check_tree, fit_tree, predict_tree


@dataclass(frozen=True)
class Classifier:
    """A row of :data:`CLASSIFIERS`.

    Attributes
    ----------
    title, description
        For people.
    takes
        ``vectors`` for functionals, ``views`` for spectrograms.
    fit
        ``fit(train, seed, checkpoint, progress) -> Fitted``.
    predict
        ``predict(arrays, vectors) -> probabilities (n, 8)`` with numpy alone, or None where a
        runtime serves the network.
    run
        ``run(arrays, vectors) -> probabilities (n, 8), inner activations (n, h)`` where the
        classifier has a hidden layer and numpy serves it.
    check
        ``check(arrays, n_inputs)`` raises a ``ValueError`` where the arrays are no such classifier;
        None where a runtime serves the network.
    teacher
        Key of the classifier whose arrays ``fit`` takes as ``teacher``, if any.
    """

    title: str
    description: str
    takes: str
    fit: Callable[..., Fitted]
    predict: Callable[[Arrays, np.ndarray], np.ndarray] | None
    run: Callable[[Arrays, np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None
    teacher: str | None = None
    check: Callable[[Arrays, int], None] | None = None


CLASSIFIERS: dict[str, Classifier] = {
    "tree": Classifier(
        "Decision tree",
        "One decision tree that asks a few yes-or-no questions about axes, a weighted sum of "
        "functionals for each emotion; half of what it learns is what the perceptron says.",
        "vectors",
        fit_tree,
        predict_tree,
        teacher="mlp",
        check=check_tree,
    ),
    "cnn": Classifier(
        "Convolutional network",
        "A residual convolutional network on the log-mel spectrogram, pooled over all of its time.",
        "views",
        fit_cnn,
        None,
    ),
    "mlp": Classifier(
        "Multilayer perceptron",
        "Three small perceptrons on the functionals, averaged.",
        "vectors",
        fit_mlp,
        predict_mlp,
        run_mlp,
        check=check_mlp,
    ),
}
"""The three classifiers, in the order in which they are shown."""
