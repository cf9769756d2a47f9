"""The public functions of the package ``emo``, which take recordings in any form.

``emo.predict`` is ``emo.inference.api.predict``, and so on: ``emo/__init__.py`` names them and
imports this module when one of them is first used.
"""

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy.typing as npt

from emo.audio import clip as recordings
from emo.audio.arrays import clip_from_array
from emo.audio.channels import MIX
from emo.audio.clip import Clip
from emo.audio.limits import MAX_BYTES
from emo.classifiers.label_subset import read_subset
from emo.errors import AudioError, EmoError
from emo.inference import embeddings, explanation, loading, predictor
from emo.inference import timeline as timelines
from emo.inference.embeddings import Embedding
from emo.inference.explanation import Explanation
from emo.inference.known_voice import know_speakers, read_speakers
from emo.inference.loading import Models
from emo.inference.predictor import Prediction
from emo.inference.timeline import Timeline
from emo.system.paths import MODELS_DIR

GROUP = 16
"""Clips that ``predict_many`` passes through the classifiers together."""


@runtime_checkable
class BinaryFile(Protocol):
    """A file that is open for reading bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""
        ...


Source: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryFile | Clip | npt.ArrayLike
)
"""A recording: a path, the bytes of a file, an open file, a clip, or an array of samples."""


def load(source: Source, rate_hz: float | None = None, *, channel: str = MIX) -> Clip:
    """Read a recording as a mono clip at 16 kHz.

    Parameters
    ----------
    source : path, bytes, binary file, array_like or Clip
        A path; the bytes of a file in any supported format; a file that is open for reading bytes,
        read from its position on; or samples, of shape (n,) or (n, channels), as floating-point
        numbers with full scale at ±1 or as integers with the full scale of their type.  A clip is
        returned as it is.
    rate_hz : float, optional
        Sample rate in Hz, for samples alone: a file states its own.
    channel : str, optional
        ``mix`` of all channels (default); or ``left``, ``right`` or a number from 1.

    Returns
    -------
    Clip
        Samples as float32 of shape (n,), and what is known of the recording.

    Raises
    ------
    AudioError
        The recording cannot be opened or decoded, lies outside the limits (0.3 s to 10 min, 4 to
        384 kHz, 1 to 16 channels, 50 MB), is silent, or has no such channel.

    Examples
    --------
    >>> import emo
    >>> from emo.system.paths import sample_path
    >>> clip = emo.load(sample_path("angry"))
    >>> round(clip.duration_s, 2)
    2.14
    >>> clip.samples.dtype, clip.source_rate_hz
    (dtype('float32'), 16000)

    The bytes of a file, or an open file:

    >>> data = sample_path("angry").read_bytes()
    >>> emo.load(data).sha256 == clip.sha256
    True
    >>> with open(sample_path("angry"), "rb") as file:
    ...     round(emo.load(file).duration_s, 2)
    2.14

    Samples with their rate; here one second of a tone of 220 Hz:

    >>> import numpy as np
    >>> samples = 0.1 * np.sin(2 * np.pi * 220 * np.arange(8000) / 8000)
    >>> emo.load(samples, rate_hz=8000).duration_s
    1.0
    """
    is_array = not isinstance(source, Clip | str | os.PathLike | bytes | bytearray | memoryview)
    is_array = is_array and not isinstance(source, BinaryFile)
    if is_array and rate_hz is None:
        raise AudioError(
            f"Samples, here of type {type(source).__name__}, need their sample rate: give it as "
            "rate_hz=16000; or give a path, bytes, or a file that is open for reading bytes."
        )
    if not is_array and rate_hz is not None:
        raise AudioError(
            f"rate_hz={rate_hz:g} was given for a recording that states its own rate. Leave it "
            "out, or give the samples as an array."
        )
    if isinstance(source, Clip):
        return source
    if isinstance(source, str | os.PathLike):
        return recordings.load(Path(source), channel)
    if isinstance(source, bytes | bytearray | memoryview):
        return recordings.decode(bytes(source), channel=channel)
    if isinstance(source, BinaryFile):
        return recordings.decode(_read(source), channel=channel)
    assert rate_hz is not None
    return clip_from_array(source, rate_hz, channel)


def _read(file: BinaryFile) -> bytes:
    data = bytearray()
    while len(data) <= MAX_BYTES and (block := file.read(MAX_BYTES + 1 - len(data))):
        if not isinstance(block, bytes):
            raise AudioError(
                f"The file returns {type(block).__name__} instead of bytes; open it with the mode "
                "'rb'."
            )
        data += block
    return bytes(data)


def load_models(directory: str | os.PathLike[str] | None = None) -> Models:
    """Load the classifiers and their calibration.

    The models of a folder are loaded once and returned again on later calls, so that the functions
    below, which call this by default, are fast from the second call on.

    Parameters
    ----------
    directory : path, optional
        Folder of the models; by default the models that are installed with the package.

    Returns
    -------
    Models
        To be passed as ``models=``.

    Raises
    ------
    ModelError
        A model is missing, damaged, or made for other labels or features.

    Examples
    --------
    >>> import emo
    >>> models = emo.load_models()
    >>> list(models.classifiers)
    ['tree', 'cnn', 'mlp', 'pretrained']
    >>> emo.load_models() is models
    True
    """
    return _load_models(Path(directory or MODELS_DIR).resolve())


@lru_cache(maxsize=4)
def _load_models(directory: Path) -> Models:
    return loading.load_models(directory)


def predict(
    source: Source,
    rate_hz: float | None = None,
    *,
    channel: str = MIX,
    models: Models | None = None,
    among: str | Iterable[str] | None = None,
) -> Prediction:
    """Predict the emotion that the voice in a recording resembles.

    Parameters
    ----------
    source, rate_hz, channel
        The recording, as for ``load``.
    models : Models, optional
        By default the models that are installed with the package, loaded on first use.
    among : str or iterable of str, optional
        The emotions that can occur, at least two of ``models.labels``, which are ``emo.LABELS``
        for the models that ship, such as ``["angry", "sad"]`` or ``"angry,sad"``; by default
        all. The probabilities of the others are 0, and those of the rest add up to 1.

    Returns
    -------
    Prediction
        The answers of the classifiers and of their ensemble, with warnings about the recording.

    Raises
    ------
    AudioError
        The recording cannot be used.
    ModelError
        The models cannot be loaded, or none returns finite values.
    SettingError
        `among` has an unknown or repeated emotion, or fewer than two.

    Examples
    --------
    >>> import emo
    >>> from emo.system.paths import sample_path
    >>> prediction = emo.predict(sample_path("angry"))
    >>> prediction.ensemble.label
    'angry'
    >>> prediction.ensemble.unsure
    False
    >>> prediction.answers["cnn"].label
    'angry'

    Probabilities are in the order of ``emo.LABELS`` and add up to 1:

    >>> shares = dict(zip(emo.LABELS, prediction.ensemble.probabilities))
    >>> max(shares, key=shares.get)
    'angry'
    >>> round(float(prediction.ensemble.probabilities.sum()), 6)
    1.0

    Where only some emotions can occur, the answer is chosen among them:

    >>> prediction = emo.predict(sample_path("angry"), among=["happy", "sad"])
    >>> prediction.among
    ('happy', 'sad')
    >>> {emo.LABELS[i] for i in prediction.ensemble.probabilities.nonzero()[0]} == {"happy", "sad"}
    True

    Errors are sentences:

    >>> emo.predict(b"")
    Traceback (most recent call last):
    ...
    emo.errors.NotAudioError: The file is empty (0 bytes); record or export it again.
    """
    models = models or load_models()
    labels = read_subset(among, models.labels)
    clip = load(source, rate_hz, channel=channel)
    return predictor.predict(clip, models, labels)


def predict_many(
    sources: Iterable[Source],
    rate_hz: float | None = None,
    *,
    channel: str = MIX,
    models: Models | None = None,
    among: str | Iterable[str] | None = None,
    speakers: Iterable[str | int | None] | None = None,
) -> list[Prediction]:
    """Predict the emotion of several recordings, sixteen at a time.

    For folders, archives and thousands of files the command ``emo batch`` is better: it uses
    several processes, continues after an interruption, and writes rows as they are done.

    Parameters
    ----------
    sources : iterable of recordings
        Each as for ``load``; arrays share one `rate_hz`.
    rate_hz, channel, models, among
        As for ``predict``.
    speakers : iterable of str, int or None, optional
        Name of the speaker of each recording, None or "" where it is not known. Five or more
        different clips that are stated to be of one speaker get one more answer, ``voice``, which
        is relative to what these clips have in common, unless they look alike in emotion.

    Returns
    -------
    list of Prediction
        In the order of `sources`.

    Raises
    ------
    AudioError
        A recording cannot be used; a note on the error says which.
    ModelError
        The models cannot be loaded, or none returns finite values.
    SettingError
        `among` has an unknown or repeated emotion, or fewer than two; or there are more or fewer
        `speakers` than recordings.

    Examples
    --------
    >>> import emo
    >>> from emo.system.paths import sample_path
    >>> paths = [sample_path(name) for name in ("angry", "happy")]
    >>> [prediction.ensemble.label for prediction in emo.predict_many(paths)]
    ['angry', 'happy']
    >>> emo.predict_many([])
    []

    Where it is known which clips are of one speaker:

    >>> clips = sorted((sample_path("angry").parent / "game").glob("1009_*"))
    >>> predictions = emo.predict_many(clips, speakers=["1009"] * len(clips))
    >>> predictions[0].voice_clips, list(predictions[0].answers)[-1]
    (10, 'voice')
    >>> predictions[0].served is predictions[0].answers["voice"]
    True

    Fewer than five are not enough:

    >>> few = emo.predict_many(clips[:4], speakers=["1009"] * 4)
    >>> few[0].voice_note[:52]
    '4 different clips are stated to be of this speaker, '
    """
    models = models or load_models()
    labels = read_subset(among, models.labels)
    if speakers is None:
        return _predict_all(sources, rate_hz, channel, models, labels)
    sources = list(sources)
    names = read_speakers(speakers, len(sources))
    plain = _predict_all(sources, rate_hz, channel, models, labels)
    return know_speakers(plain, names, models)


def _predict_all(
    sources: Iterable[Source],
    rate_hz: float | None,
    channel: str,
    models: Models,
    labels: tuple[str, ...],
) -> list[Prediction]:
    """Return the plain predictions for recordings, in their order."""
    predictions: list[Prediction] = []
    group: list[Clip] = []
    for number, source in enumerate(sources, 1):
        try:
            group.append(load(source, rate_hz, channel=channel))
        except EmoError as error:
            name = source if isinstance(source, str | os.PathLike) else type(source).__name__
            error.add_note(f"This is recording {number}: {name}")
            raise
        if len(group) == GROUP:
            predictions += predictor.predict_many(group, models, labels)
            group = []
    return predictions + predictor.predict_many(group, models, labels)


def timeline(
    source: Source,
    rate_hz: float | None = None,
    *,
    channel: str = MIX,
    models: Models | None = None,
    among: str | Iterable[str] | None = None,
    same_speaker: bool = False,
) -> Timeline:
    """Predict the emotion over the course of a recording, in overlapping windows of 3 s.

    Parameters
    ----------
    source, rate_hz, channel, models, among
        As for ``predict``.
    same_speaker : bool
        Whether all windows are stated to be of one speaker. Five or more of them then get one more
        answer, ``voice``, as the recordings of ``predict_many`` do.

    Returns
    -------
    Timeline
        Windows over the speech of the recording, one a second, with the answers of each; pauses and
        stretches without speech have no window.

    Raises
    ------
    AudioError
        The recording cannot be used.
    ModelError
        The models cannot be loaded, or none returns finite values.
    SettingError
        `among` has an unknown or repeated emotion, or fewer than two.

    Examples
    --------
    >>> import emo
    >>> from emo.system.paths import sample_path
    >>> timeline = emo.timeline(sample_path("happy"))
    >>> timeline.windows_s.shape == (timeline.total, 2)
    True
    >>> [cue.answer.label for cue in timeline.cues()]
    ['happy']
    """
    models = models or load_models()
    labels = read_subset(among, models.labels)
    clip = load(source, rate_hz, channel=channel)
    *_, complete = timelines.iter_timeline(clip, models, among=labels, same_speaker=same_speaker)
    return complete


def explain(
    source: Source,
    rate_hz: float | None = None,
    *,
    channel: str = MIX,
    models: Models | None = None,
    among: str | Iterable[str] | None = None,
) -> Explanation:
    """Predict the emotion of a recording, and compute why each classifier predicts its label.

    Parameters
    ----------
    source, rate_hz, channel, models, among
        As for ``predict``.

    Returns
    -------
    Explanation
        The prediction, and by classifier why it answers so: the path through the decision tree;
        the regions of the spectrogram on which a network relies; or the contribution of each group
        of measurements to the answer of the perceptron.

    Raises
    ------
    AudioError
        The recording cannot be used.
    ModelError
        A model cannot be loaded, or returns values that are not finite.
    SettingError
        `among` has an unknown or repeated emotion, or fewer than two.

    Examples
    --------
    >>> import emo
    >>> from emo.system.paths import sample_path
    >>> explanation = emo.explain(sample_path("happy"))
    >>> explanation.prediction.ensemble.label
    'happy'
    >>> [part.group for part in explanation.why["mlp"].parts]
    ['pitch', 'energy', 'spectrum', 'cepstrum', 'timing']
    >>> len(explanation.why["tree"].steps) > 3
    True
    """
    models = models or load_models()
    labels = read_subset(among, models.labels)
    clip = load(source, rate_hz, channel=channel)
    return explanation.explain(clip, models, labels)


def embed(
    source: Source,
    rate_hz: float | None = None,
    *,
    channel: str = MIX,
    models: Models | None = None,
    layers: str | Iterable[str] | None = None,
) -> Embedding:
    """Return the inner layers of the models for a recording, for use by other programs.

    Parameters
    ----------
    source, rate_hz, channel, models
        As for ``predict``.
    layers : str or iterable of str, optional
        By default all: ``encoder`` (2048 numbers), the outputs of the second and third block of the
        frozen speech encoder, as mean and standard deviation over time; ``cnn`` (384) and ``mlp``
        (768), the last hidden layers of the networks. ``functionals`` (696) are measurements.

    Returns
    -------
    dict of ndarray of float32, each of shape (w,)
        By layer. The length of the recording does not matter: each layer is pooled over its time.

    Raises
    ------
    AudioError
        The recording cannot be used.
    ModelError
        The models cannot be loaded, or a layer has values that are not finite.
    SettingError
        A layer is unknown.

    Examples
    --------
    >>> import emo
    >>> from emo.system.paths import sample_path
    >>> embedding = emo.embed(sample_path("angry"))
    >>> {name: layer.shape for name, layer in embedding.items()}
    {'encoder': (2048,), 'cnn': (384,), 'mlp': (768,)}
    >>> list(emo.embed(sample_path("angry"), layers="encoder"))
    ['encoder']
    """
    names = None if layers is None else embeddings.read_layers(layers)
    clip = load(source, rate_hz, channel=channel)
    return embeddings.embed_clip(clip, models or load_models(), names)
