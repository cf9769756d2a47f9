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
        Its full name and one sentence on how it is built, for documents.
    name, short_name
        Its name on the pages ("CNN"), and the same for narrow columns.
    summary
        One sentence for visitors on how it works.
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
    explained_by
        Kind of explanation of its answers: ``path`` through a tree, ``regions`` of the spectrogram,
        ``shifts`` by groups of functionals; None where there is none.
    """

    title: str
    name: str
    short_name: str
    description: str
    summary: str
    takes: str
    fit: Callable[..., Fitted]
    predict: Callable[[Arrays, np.ndarray], np.ndarray] | None
    run: Callable[[Arrays, np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None
    teacher: str | None = None
    check: Callable[[Arrays, int], None] | None = None
    explained_by: str | None = None

    @property
    def name_in_text(self) -> str:
        """Its name within a sentence: ``CNN``, but ``decision tree``."""
        return self.name if self.name.isupper() else self.name.lower()

    @property
    def has_hidden_layer(self) -> bool:
        """Whether :func:`Classifier.run` or its runtime returns inner activations."""
        return self.run is not None or self.predict is None


CLASSIFIERS: dict[str, Classifier] = {
    "tree": Classifier(
        "Decision tree",
        "Decision tree",
        "Tree",
        "One decision tree that asks a few yes-or-no questions about axes, a weighted sum of "
        "functionals for each emotion; half of what it learns is what the perceptron says.",
        "Yes-or-no questions about how the voice sounds, one after another.",
        "vectors",
        fit_tree,
        predict_tree,
        teacher="mlp",
        check=check_tree,
        explained_by="path",
    ),
    "cnn": Classifier(
        "Convolutional network",
        "CNN",
        "CNN",
        "A residual convolutional network on the log-mel spectrogram, pooled over all of its time.",
        "A convolutional network that reads the spectrogram like a picture.",
        "views",
        fit_cnn,
        None,
        explained_by="regions",
    ),
    "mlp": Classifier(
        "Multilayer perceptron",
        "MLP",
        "MLP",
        "Three small perceptrons on the functionals, averaged.",
        "A multilayer perceptron: small networks over many measurements of the sound.",
        "vectors",
        fit_mlp,
        predict_mlp,
        run_mlp,
        check=check_mlp,
        explained_by="shifts",
    ),
}
"""The three classifiers, in the order in which they are shown."""
