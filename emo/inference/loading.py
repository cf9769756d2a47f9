"""Load the classifiers, their calibration, and the classifier that knows the voice."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from emo.classifiers.calibration import Calibration, read_calibration, reweight
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import Model, load_model
from emo.classifiers.voice import VOICE
from emo.classifiers.voice.storage import VoiceModel, load_voice
from emo.errors import ModelError, ModelFaultError
from emo.labels import ENSEMBLE
from emo.system.paths import MODELS_DIR

MODEL_KEYS = tuple(CLASSIFIERS)
ANSWER_KEYS = (*MODEL_KEYS, ENSEMBLE)


@dataclass(frozen=True)
class Models:
    """The classifiers and how their probabilities become answers.

    Attributes
    ----------
    classifiers : dict of Model, by key
    calibration : Calibration
        Temperatures, weights of the ensemble and thresholds.
    faults : mapping of str, by key
        Errors of the classifiers that could not be loaded (``load_usable``).
    voice : VoiceModel or None
        The classifier that knows the voice; None where it could not be loaded.
    voice_fault : str
        Why it could not be loaded; empty where it was.
    """

    classifiers: dict[str, Model]
    calibration: Calibration
    faults: Mapping[str, str] = field(default_factory=dict)
    voice: VoiceModel | None = None
    voice_fault: str = ""

    def without(self, fault: ModelFaultError) -> "Models":
        """Return the models without the classifier of a fault; the ensemble is that of the rest.

        Raises
        ------
        ModelFaultError
            No classifier is left.
        """
        left = {key: model for key, model in self.classifiers.items() if key != fault.key}
        if not left:
            raise fault
        calibration = reweight(self.calibration, tuple(left))
        return replace(self, classifiers=left, calibration=calibration)


def load_models(directory: Path = MODELS_DIR) -> Models:
    """Load all classifiers, checking each, and their calibration.

    The classifier that knows the voice may be missing or damaged: other answers need none of it.

    Raises
    ------
    ModelError
        A model is missing, damaged, or made for other labels or features.
    """
    classifiers = {key: load_model(directory / key) for key in MODEL_KEYS}
    calibration = read_calibration(directory, MODEL_KEYS)
    return _with_voice(Models(classifiers, calibration), directory)


def load_usable(directory: Path = MODELS_DIR) -> Models:
    """Load those classifiers that can be loaded; the ensemble is then theirs.

    Raises
    ------
    ModelError
        No classifier can be loaded, or the calibration is damaged.
    """
    classifiers: dict[str, Model] = {}
    faults: dict[str, str] = {}
    for key in MODEL_KEYS:
        try:
            classifiers[key] = load_model(directory / key)
        except ModelError as error:
            faults[key] = str(error)
    if not classifiers:
        raise ModelError(next(iter(faults.values())))
    calibration = read_calibration(directory, MODEL_KEYS)
    models = Models(classifiers, reweight(calibration, tuple(classifiers)), faults)
    return _with_voice(models, directory)


def _with_voice(models: Models, directory: Path) -> Models:
    """Return models with the classifier that knows the voice, or with its fault."""
    try:
        return replace(models, voice=load_voice(directory / VOICE))
    except ModelError as error:
        return replace(models, voice_fault=str(error))
