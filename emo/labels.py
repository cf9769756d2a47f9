"""The seven emotions, in the one order used by every file and interface."""

LABELS = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
"""Order of every probability vector, matrix row and matrix column."""

INDEX = {label: i for i, label in enumerate(LABELS)}
"""Position of each label in :data:`LABELS`."""

CALM = "calm"
"""RAVDESS alone has it; it is read by the corpus loaders and left out of training."""
