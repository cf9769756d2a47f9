"""Define the seven labels and their order in every file and interface."""

LABELS = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
"""Order of every vector of probabilities, and of the rows and columns of every matrix."""

INDEX = {label: i for i, label in enumerate(LABELS)}
"""Position of each label in ``LABELS``."""

CALM = "calm"
"""A label of RAVDESS alone, which the classifiers are trained on and never answer with."""

TRAINED_LABELS = (*LABELS, CALM)
"""Labels that the classifiers are trained on; without calm they are ``LABELS`` in order."""

ENSEMBLE = "ensemble"
"""Key of the answer of the ensemble, beside the keys of the classifiers."""

TRAINED_INDEX = {label: i for i, label in enumerate(TRAINED_LABELS)}
"""Position of each label in ``TRAINED_LABELS``."""
