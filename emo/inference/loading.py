"""Load the classifiers, their calibration, and the classifier that knows the voice."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from emo.classifiers.calibration import Calibration, read_calibration, reweight
from emo.classifiers.own.model_set import ModelSet, read_model_set
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
        Why it could not be loaded; empty where it was, and for own models, which have none.
    model_set : ModelSet
        Labels and classifiers of the folder.
    """

    classifiers: dict[str, Model]
    calibration: Calibration
    faults: Mapping[str, str] = field(default_factory=dict)
    voice: VoiceModel | None = None
    voice_fault: str = ""
    model_set: ModelSet = field(default_factory=ModelSet)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the answers, in the order of their probabilities."""
        return self.model_set.labels

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
    """Load all classifiers of a folder, checking each, and their calibration.

    The classifier that knows the voice may be missing or damaged: other answers need none of it.

    Raises
    ------
    ModelError
        A model is missing, damaged, or made for other labels or features.
    """
    own = read_model_set(directory)
    keys, labels = _keys_of(own), own.trained_labels
    classifiers = {key: load_model(directory / key, labels) for key in keys}
    calibration = read_calibration(directory, keys, own.labels)
    return _with_voice(Models(classifiers, calibration, model_set=own), directory)


def _keys_of(own: ModelSet) -> tuple[str, ...]:
    return own.classifiers if own.is_own else MODEL_KEYS


def load_usable(directory: Path = MODELS_DIR) -> Models:
    """Load those classifiers that can be loaded; the ensemble is then theirs.

    Raises
    ------
    ModelError
        No classifier can be loaded, or the calibration is damaged.
    """
    classifiers: dict[str, Model] = {}
    faults: dict[str, str] = {}
    own = read_model_set(directory)
    keys = _keys_of(own)
    for key in keys:
        try:
            classifiers[key] = load_model(directory / key, own.trained_labels)
        except ModelError as error:
            faults[key] = str(error)
    if not classifiers:
        raise ModelError(next(iter(faults.values())))
    calibration = read_calibration(directory, keys, own.labels)
    calibration = reweight(calibration, tuple(classifiers))
    models = Models(classifiers, calibration, faults, model_set=own)
    return _with_voice(models, directory)


def _with_voice(models: Models, directory: Path) -> Models:
    """Return models with the classifier that knows the voice, or with its fault."""
    if models.model_set.is_own:
        return models
    try:
        return replace(models, voice=load_voice(directory / VOICE))
    except ModelError as error:
        return replace(models, voice_fault=str(error))
