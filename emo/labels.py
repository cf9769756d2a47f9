"""The seven emotions, in the one order used by every file and interface."""

LABELS = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
"""Order of every probability vector, matrix row and matrix column."""

INDEX = {label: i for i, label in enumerate(LABELS)}
"""Position of each label in :data:`LABELS`."""

CALM = "calm"
"""RAVDESS alone has it: trained and tested where a protocol asks for it, never given as an answer.
"""

TRAINED_LABELS = (*LABELS, CALM)
"""What the classifiers are fitted to tell apart; without calm, the rest are LABELS in order."""

VOTE = "vote"
"""Key of the ensemble's answer, beside those of the classifiers."""

TRAINED_INDEX = {label: i for i, label in enumerate(TRAINED_LABELS)}
"""Position of each label in :data:`TRAINED_LABELS`."""
