"""Embeddings of a clip: the inner layers of the classifiers, as named rows of numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emo.audio.activity import Floats
from emo.audio.clip import Clip
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import empty_features, features_digest
from emo.errors import ModelError, ModelFaultError, SettingError
from emo.features.encoder import EMBEDDING_SIZE, ENCODER_SHA256, load_encoder
from emo.features.frames import analyse
from emo.features.functionals import functional_names
from emo.inference.loading import Models
from emo.inference.outputs import compute_features
from emo.inference.predictor import Prediction

ENCODER = "encoder"
"""Name of the layer that is no classifier's: the outputs of the frozen speech encoder, pooled."""

FUNCTIONALS = "functionals"
"""Name of the measurements that the tree and the perceptrons take; they are no layer."""

ENCODER_LAYER = (
    "mean, then standard deviation over time of the output of the encoder's second transformer "
    "block, then both of its third block; 512 numbers each"
)

FUNCTIONALS_LAYER = (
    "measurements of pitch, energy, spectrum, cepstrum and timing, in the order of 'names'; the "
    "input of the tree and of the perceptrons"
)

Embedding = dict[str, npt.NDArray[np.float32]]
"""Numbers of one clip by layer, float32 (w,) each."""


@dataclass(frozen=True)
class Layer:
    """A layer that ``embed_clip`` returns.

    Attributes
    ----------
    name : str
        ``encoder``, ``functionals``, or the key of a classifier.
    width : int
        Numbers of the layer.
    description : str
        What the numbers are.
    sha256 : str
        Of the file with the weights, so that embeddings of other weights are told apart; of the
        names for the functionals.
    names : tuple of str
        Of the numbers, where each has a meaning of its own; else empty.
    """

    name: str
    width: int
    description: str
    sha256: str
    names: tuple[str, ...] = ()


def layer_names() -> tuple[str, ...]:
    """Return the names of the layers: the encoder, and each classifier with a hidden layer."""
    return (ENCODER, *(key for key, row in CLASSIFIERS.items() if row.has_hidden_layer))


def read_layers(names: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return chosen layers in the order of ``layer_names``, then the functionals.

    None stands for all layers, without the functionals.

    Parameters
    ----------
    names : str, iterable of str, or None
        Such as ``"encoder,cnn"`` or ``["encoder", "cnn"]``.

    Raises
    ------
    SettingError
        A name is unknown, or there is none.
    """
    if names is None:
        return layer_names()
    known = (*layer_names(), FUNCTIONALS)
    chosen = [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    for name in chosen:
        if name not in known:
            raise SettingError(f"There is no layer {name!r}; choose among {', '.join(known)}.")
    if not chosen:
        raise SettingError(f"No layer is named; choose among {', '.join(known)}.")
    return tuple(name for name in known if name in chosen)


def _chosen(models: Models, names: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return chosen layers; for None those of all classifiers that a folder of models has."""
    if names is not None:
        return read_layers(names)
    own = (ENCODER, *models.model_set.classifiers)
    return tuple(name for name in layer_names() if name in own)


def describe_layers(models: Models, names: Iterable[str] | None = None) -> tuple[Layer, ...]:
    """Return the widths and descriptions of layers.

    Raises
    ------
    ModelError
        The classifier of a layer could not be loaded.
    SettingError
        A name is unknown, or there is none.
    """
    layers = []
    for name in _chosen(models, names):
        if name == ENCODER:
            layers.append(Layer(ENCODER, EMBEDDING_SIZE, ENCODER_LAYER, ENCODER_SHA256))
            continue
        if name == FUNCTIONALS:
            columns = functional_names()
            digest = features_digest("functionals")
            layers.append(Layer(name, len(columns), FUNCTIONALS_LAYER, digest, columns))
            continue
        _check_loaded(models, name)
        model = models.classifiers[name]
        width = model.run(empty_features())[1].shape[1]
        title, stored = CLASSIFIERS[name].title.lower(), model.info["files"]
        description = f"the last hidden layer of the {title}, which its logits are computed from"
        layers.append(Layer(name, width, description, stored[model.info["served_file"]]["sha256"]))
    return tuple(layers)


def _check_loaded(models: Models, name: str) -> None:
    if name not in models.classifiers:
        reason = models.faults.get(name, f"The {CLASSIFIERS[name].title.lower()} is not loaded.")
        raise ModelError(f"There is no layer {name} without its model. {reason}")


def embed_clip(clip: Clip, models: Models, names: Iterable[str] | None = None) -> Embedding:
    """Return the embedding of a clip, by layer.

    Parameters
    ----------
    clip : Clip
    models : Models
    names : iterable of str, optional
        Of ``layer_names``, all by default; or ``functionals``.

    Returns
    -------
    dict of ndarray of float32, each of shape (w,)
        In the order of ``layer_names``, then the functionals; ``w`` is ``Layer.width``.

    Raises
    ------
    ModelError
        The classifier of a layer could not be loaded.
    ModelFaultError
        A layer has values that are not finite.
    SettingError
        A name is unknown, or there is none.
    """
    chosen = _chosen(models, names)
    names = [name for name in chosen if name != ENCODER]
    for name in names:
        if name != FUNCTIONALS:
            _check_loaded(models, name)
    embedding = {ENCODER: load_encoder().embed(clip.samples)} if ENCODER in chosen else {}
    return embedding | _hidden_layers(clip.samples, models, names)


def _hidden_layers(samples: Floats, models: Models, names: list[str]) -> Embedding:
    if not names:
        return {}
    keys = [name for name in names if name != FUNCTIONALS]
    features = compute_features(samples, analyse(samples), keys)
    layers = {FUNCTIONALS: features.functionals[0]} if FUNCTIONALS in names else {}
    for key in keys:
        (hidden,) = models.classifiers[key].run(features)[1]
        if not np.isfinite(hidden).all():
            raise ModelFaultError(key, CLASSIFIERS[key].title)
        layers[key] = np.asarray(hidden, np.float32)
    return {name: layers[name] for name in names}


def embedding_of(prediction: Prediction, layers: Iterable[Layer]) -> Embedding:
    """Return the layers that a prediction already holds, without computing them again.

    Parameters
    ----------
    prediction : Prediction
        Of models that know the voice, whose predictions hold the embedding by the encoder.
    layers : iterable of Layer
        All of ``describe_layers``, for the same models.

    Returns
    -------
    dict of ndarray of float32, each of shape (w,)
        Empty where the prediction does not hold all layers: a classifier was at fault, or the
        models know no voice.
    """
    layers = tuple(layers)
    widths = {layer.name: layer.width for layer in layers if layer.name != ENCODER}
    if not len(prediction.numbers) or len(prediction.hidden) != sum(widths.values()):
        return {}
    ends = np.cumsum(list(widths.values()))[:-1]
    hidden: Mapping[str, npt.NDArray[np.float32]] = dict(
        zip(widths, np.split(prediction.hidden, ends), strict=True)
    )
    return {ENCODER: prediction.numbers[:EMBEDDING_SIZE], **hidden}
