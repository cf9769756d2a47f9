"""Published results on the EmoBox benchmark, and the protocols that test its corpora."""

from dataclasses import dataclass

from emo.corpora.metadata import LISTENER_LABELS
from emo.labels import LABELS, TRAINED_LABELS

EMOBOX_SOURCE = "arXiv 2406.07162"
LSTM_SOURCE = "arXiv 2606.03359"  # 46.8k parameters; also RAVDESS by speakers, without pre-training


@dataclass(frozen=True)
class Published:
    """One published result.

    Attributes
    ----------
    corpus
        One of those of ``emo.evaluation.figures.benchmark.EMOBOX``.
    model
        Its name as published.
    uar
        Unweighted average recall over the test folds, 0 to 1; EmoBox calls it UA.
    source
        The paper that gives it.
    """

    corpus: str
    model: str
    uar: float
    source: str = EMOBOX_SOURCE


PUBLISHED: tuple[Published, ...] = (
    Published("cremad", "wav2vec 2.0 base", 0.619),
    Published("cremad", "WavLM base", 0.696),
    Published("cremad", "HuBERT base", 0.711),
    Published("cremad", "WavLM large", 0.745),
    Published("cremad", "Whisper large v3", 0.768),
    Published("ravdess", "wav2vec 2.0 base", 0.543),
    Published("ravdess", "WavLM base", 0.616),
    Published("ravdess", "HuBERT base", 0.654),
    Published("ravdess", "WavLM large", 0.720),
    Published("ravdess", "Whisper large v3", 0.753),
    Published("ravdess", "LSTM from scratch, 47k parameters", 0.623, LSTM_SOURCE),
    Published("savee", "wav2vec 2.0 base", 0.449),
    Published("savee", "WavLM base", 0.636),
    Published("savee", "HuBERT base", 0.589),
    Published("savee", "WavLM large", 0.667),
    Published("savee", "Whisper large v3", 0.741),
    Published("tess", "wav2vec 2.0 base", 0.979),
    Published("tess", "WavLM base", 0.991),
    Published("tess", "HuBERT base", 0.996),
    Published("tess", "WavLM large", 0.998),
    Published("tess", "Whisper large v3", 0.9996),
)
"""In the order in which they are shown; a corpus's models from the smallest up."""


EMOBOX: dict[str, tuple[str, tuple[str, ...]]] = {
    "cremad": ("emobox", LISTENER_LABELS),
    "ravdess": ("speakers", TRAINED_LABELS),
    "savee": ("speakers", LABELS),
    "tess": ("emobox", LABELS),
}
"""Corpora of the benchmark: whose test folds are those of which protocol, and their labels."""
