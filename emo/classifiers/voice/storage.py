"""Write and read the classifier that knows the voice, as other models are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emo.classifiers.batches import Arrays, Features
from emo.classifiers.registry import Takes
from emo.classifiers.storage import (
    WEIGHTS,
    ModelInfo,
    Origin,
    empty_features,
    make_info,
    read_arrays,
    read_checked,
    reading,
    write_arrays,
    write_model_info,
)
from emo.classifiers.voice.check import VOICE
from emo.classifiers.voice.head import MIN_CLIPS, check_voice, predict_voice, voice_numbers
from emo.features.encoder import load_encoder

TITLE = "Known voice"
DESCRIPTION = (
    "A linear classifier on the numbers of a clip relative to those of other clips that are stated "
    "to be of one speaker: the embedding of the pre-trained encoder and the functionals."
)
VOICE_TAKES: tuple[Takes, ...] = ("embeddings", "functionals")


@dataclass(frozen=True)
class VoiceModel:
    """A loaded classifier that knows the voice.

    Attributes
    ----------
    info : the content of ``model.json``
    arrays : the weights
    """

    info: ModelInfo
    arrays: Arrays

    def probabilities(self, features: Features) -> np.ndarray:
        """Return raw probabilities of ``TRAINED_LABELS``, float64 (n, 8).

        Parameters
        ----------
        features
            Functionals and embeddings of all clips that are stated to be of one speaker; at least
            ``MIN_CLIPS``.
        """
        return predict_voice(self.arrays, voice_numbers(features))


def save_voice(directory: Path, arrays: Arrays, origin: Origin) -> None:
    """Write ``weights.npz``, then ``model.json``.

    Parameters
    ----------
    directory
        Folder of the model, made if needed; its name is ``voice``, or ``load_voice`` rejects it.
    arrays
        As ``fit_voice`` returns them.
    """
    directory.mkdir(parents=True, exist_ok=True)
    write_arrays(directory, arrays)
    info = make_info(
        directory, VOICE, TITLE, DESCRIPTION, VOICE_TAKES, arrays, origin, served_file=WEIGHTS
    )
    write_model_info(directory, info)


def load_voice(directory: Path) -> VoiceModel:
    """Return the classifier that ``save_voice`` wrote.

    Parameters
    ----------
    directory
        Folder of the model, whose name is ``voice``.

    Raises
    ------
    ModelError
        A file is missing, altered or unreadable, or made for other labels or features.
    """
    with reading(directory):
        info, content = read_checked(directory, VOICE_TAKES, WEIGHTS)
        load_encoder()
        model = VoiceModel(info, read_arrays(content))
        features = empty_features(MIN_CLIPS)
        check_voice(model.arrays, voice_numbers(features).shape[1])
        if not np.isfinite(list(map(np.sum, model.arrays.values()))).all():
            raise ValueError("an array holds values that are not finite")
        with np.errstate(all="ignore"):
            probabilities = model.probabilities(features)
        if not np.isfinite(probabilities).all():
            raise ValueError("it returns values that are not finite")
        return model
