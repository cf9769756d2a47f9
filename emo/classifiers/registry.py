"""The table of classifiers, from which every page, card, export and command follows."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np

from emo.classifiers.batches import Arrays, Fitted
from emo.classifiers.cnn import CNN_COPY_SHARE, CNN_LISTENER_SHARE, fit_cnn
from emo.classifiers.mlp import (
    MLP_COPY_SHARE,
    MLP_LISTENER_SHARE,
    MLP_TEACHER,
    check_mlp,
    fit_mlp,
    predict_mlp,
    run_mlp,
)
from emo.classifiers.pretrained import (
    PRETRAINING,
    check_pretrained,
    fit_pretrained,
    measure_strangeness,
    predict_pretrained,
)
from emo.classifiers.tree import (
    TREE_TEACHER,
    check_tree,
    fit_tree,
    predict_surrogate,
    predict_tree,
)

Predict = Callable[[Arrays, np.ndarray], np.ndarray]
"""From arrays and the features taken, float32 (n, f), to probabilities, float64 (n, 8)."""

Takes = Literal["functionals", "spectrograms", "embeddings"]
"""The features that a classifier is fitted to; embeddings are by the pre-trained encoder."""


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A row of ``CLASSIFIERS``.

    Attributes
    ----------
    title, description
        Its full name and one sentence on how it is built, for documents.
    name, short_name
        Its name on the pages ("CNN"), and a shorter one for narrow columns.
    noun
        Its name within a sentence, where that is not the name.
    summary
        One sentence for visitors on how it works.
    takes
        The features that it is fitted to.
    fit
        ``fit(train, seed, checkpoint, progress)`` returns a ``Fitted``.
    predict
        Computes probabilities with numpy alone; None for a network that a runtime serves.
    run
        ``run(arrays, inputs)`` returns probabilities (n, 8) and the last hidden layer (n, h);
        None for a classifier without hidden layers and for a network that a runtime serves.
    check
        ``check(arrays, n_inputs, n_outputs)`` raises a ``ValueError`` unless the arrays are such a
        classifier; None for a network that a runtime serves.
    surrogate
        Computes the probabilities of the readable classifier among its arrays; None without one.
    strangeness
        ``strangeness(arrays, inputs)`` returns how far clips are from the training clips, float64
        (n,); None for a classifier that has no such measure.
    teacher
        Key of the classifier whose probabilities for the training clips ``fit`` takes as
        ``teacher``; None without one.  The teacher is fitted without a teacher of its own.
    teacher_share
        Share of the teacher's probabilities in the soft targets.
    copy_share
        Share of the clips that altered copies replace in each epoch; None where all clips and all
        copies are fitted at once.
    listener_share
        Share of the listeners' votes in the soft targets of clips that listeners rated.
    explained_by
        Kind of explanation of its answers: ``path`` through a tree, ``regions`` of the spectrogram
        that it or its encoder takes, ``shifts`` by groups of functionals; None for no explanation.
    pretraining
        Sentences on the part of it that was trained on other recordings than those of
        ``emo.corpora.catalogue``: what it is, by whom, and on what; empty without such a part.
    shows_learning
        The page *Confusion matrices* shows its loss and accuracy over the epochs of training.
    """

    title: str
    name: str
    short_name: str
    description: str
    summary: str
    takes: Takes
    fit: Callable[..., Fitted]
    predict: Predict | None = None
    run: Callable[[Arrays, np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None
    check: Callable[[Arrays, int, int], None] | None = None
    surrogate: Predict | None = None
    strangeness: Callable[[Arrays, np.ndarray], np.ndarray] | None = None
    teacher: str | None = None
    teacher_share: float = 0.0
    copy_share: float | None = None
    listener_share: float = 0.0
    explained_by: str | None = None
    noun: str = ""
    pretraining: str = ""
    shows_learning: bool = False

    @property
    def name_in_text(self) -> str:
        """Its name within a sentence: ``CNN``, but ``decision tree``."""
        return self.noun or (self.name if self.name.isupper() else self.name.lower())

    @property
    def is_pretrained(self) -> bool:
        """True if a part of it was trained on other recordings."""
        return bool(self.pretraining)

    @property
    def has_runtime(self) -> bool:
        """True for a Keras network that a runtime serves from a file of its own."""
        return self.predict is None

    @property
    def has_hidden_layer(self) -> bool:
        """True for a classifier whose last hidden layer is part of its output."""
        return self.run is not None or self.has_runtime

    @property
    def module(self) -> ModuleType:
        """The module that fits it."""
        return sys.modules[self.fit.__module__]


CLASSIFIERS: dict[str, Classifier] = {
    "tree": Classifier(
        title="Decision tree",
        name="Decision tree",
        short_name="Tree",
        description="One decision tree that asks a few yes-or-no questions. Each asks whether the "
        "score for an emotion, a weighted sum of functionals, is above a limit; half of the "
        "training targets are the probabilities of a perceptron.",
        summary="Yes-or-no questions about how the voice sounds, one after another.",
        takes="functionals",
        fit=fit_tree,
        predict=predict_tree,
        check=check_tree,
        surrogate=predict_surrogate,
        teacher="mlp",
        teacher_share=TREE_TEACHER,
        explained_by="path",
    ),
    "cnn": Classifier(
        title="Convolutional network",
        name="CNN",
        short_name="CNN",
        description="A residual convolutional network on the log-mel spectrogram, pooled over all "
        "of its time.",
        summary="A convolutional network that reads the spectrogram like a picture.",
        takes="spectrograms",
        fit=fit_cnn,
        copy_share=CNN_COPY_SHARE,
        listener_share=CNN_LISTENER_SHARE,
        explained_by="regions",
        shows_learning=True,
    ),
    "mlp": Classifier(
        title="Multilayer perceptron",
        name="MLP",
        short_name="MLP",
        description="Three small perceptrons on the functionals, averaged; half of the training "
        "targets are the probabilities of the pre-trained encoder's classifiers.",
        summary="A multilayer perceptron: small networks over many measurements of the sound.",
        takes="functionals",
        fit=fit_mlp,
        predict=predict_mlp,
        run=run_mlp,
        check=check_mlp,
        teacher="pretrained",
        teacher_share=MLP_TEACHER,
        copy_share=MLP_COPY_SHARE,
        listener_share=MLP_LISTENER_SHARE,
        explained_by="shifts",
    ),
    "pretrained": Classifier(
        title="Pre-trained encoder",
        name="Pre-trained",
        short_name="Pre-trained",
        noun="pre-trained model",
        description="A linear classifier and a small perceptron, averaged, on the first blocks of "
        "a speech encoder that others trained on many thousand hours of speech.",
        summary="Two small models on a speech encoder that others trained on many thousand hours "
        "of speech.",
        takes="embeddings",
        fit=fit_pretrained,
        predict=predict_pretrained,
        check=check_pretrained,
        strangeness=measure_strangeness,
        explained_by="regions",
        pretraining=PRETRAINING,
    ),
}
"""The classifiers, in the order in which they are shown."""
