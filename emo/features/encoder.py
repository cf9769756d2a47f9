"""Embeddings of a clip by the first blocks of a pre-trained speech encoder, frozen.

The encoder is the first part of that of Whisper base (Radford et al. 2022: Robust speech
recognition via large-scale weak supervision): two convolutions and three transformer blocks, with
weights of 8 bits, which ``encoder_build`` writes.  Its input and the pooling are computed here.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft

from emo.audio.activity import Doubles, Floats, find_span, pad_with_zeros, prepare
from emo.audio.clip import RATE_HZ
from emo.errors import ModelError
from emo.features import litert
from emo.system import paths

ENCODER_FILE = "encoder.tflite"  # in the folder of the models
ENCODER_SHA256 = "6c38bea569a59856ab7856ef58288d3c41711e3c77b42dd9ea3dd9525582e41c"
N_BANDS = 80
WIDTH = 512  # of every layer of the encoder
N_POOLED = 2  # layers that are pooled: the outputs of the last two blocks
EMBEDDING_SIZE = 2 * N_POOLED * WIDTH

WINDOW = 400  # 25 ms
HOP = RATE_HZ // 100
MAX_WINDOW_S = 12.0
MARGIN = RATE_HZ // 5  # zeros on both sides: the encoder was trained on padded clips
MARGIN_FRAMES = MARGIN // HOP
LEVEL = 0.1  # RMS of the loudest 200 ms
MIN_POWER = 1e-10
RANGE = 8.0  # below the loudest band, in powers of ten

_MAX_SHARED_FRAMES = 600  # of 10 ms; for them an interpreter holds 28 MB
_MAX_FRAMES = 2 * MARGIN_FRAMES + round(100 * MAX_WINDOW_S)  # 56 MB


def band_weights() -> Floats:
    """Return the mel filters of the encoder, float32 (201, 80): FFT bins by bands.

    Triangles of equal area between 0 and 8 kHz on the mel scale of Slaney (Auditory Toolbox, 1998),
    linear below 1 kHz and logarithmic above.
    """
    edges_hz = _slaney_hz(_positions(np.arange(N_BANDS + 2)))
    bins_hz = np.fft.rfftfreq(WINDOW, 1.0 / RATE_HZ)[:, None]
    rise = (bins_hz - edges_hz[:-2]) / np.diff(edges_hz)[:-1]
    fall = (edges_hz[2:] - bins_hz) / np.diff(edges_hz)[1:]
    weights = np.maximum(0.0, np.minimum(rise, fall)) * 2.0 / (edges_hz[2:] - edges_hz[:-2])
    return np.asarray(weights, np.float32)


def band_edges_hz() -> Doubles:
    """Return the frequencies midway, in mel, between neighbouring bands, float64 (81,), in Hz."""
    return _slaney_hz(_positions(np.arange(N_BANDS + 1) + 0.5))


def _positions(numbers: np.ndarray) -> Doubles:
    """Return points on the mel scale, where a filter spans two units from 0 to 81."""
    return np.asarray(numbers * _slaney_mel(RATE_HZ / 2) / (N_BANDS + 1), np.float64)


def _slaney_mel(hz: float) -> float:
    return 15.0 + 27.0 * float(np.log(hz / 1000.0) / np.log(6.4))  # for 1 kHz and above


def _slaney_hz(mel: Doubles) -> Doubles:
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * 6.4 ** ((mel - 15.0) / 27.0))


@lru_cache(maxsize=1)
def _tables() -> tuple[Floats, Floats]:
    """Return the periodic Hann window, (400,), and the mel filters, (201, 80)."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    return hann.astype(np.float32), band_weights()


def encoder_spectrogram(samples: Floats) -> Floats:
    """Return the input of the encoder, float32 (n // 160, 80).

    The decadic logarithm of the mel power, raised to at least 8 below its maximum, then shifted by
    4 and divided by 4, as Whisper computes it.

    Parameters
    ----------
    samples : float32, (n,)
        Mono at 16 kHz, at least 201 of them.
    """
    hann, bands = _tables()
    padded = np.pad(samples, WINDOW // 2, mode="reflect")
    spectrum = rfft(sliding_window_view(padded, WINDOW)[::HOP][:-1] * hann)
    power = (spectrum.real**2 + spectrum.imag**2) @ bands
    decades = np.log10(np.maximum(power, np.float32(MIN_POWER)))
    return np.asarray((np.maximum(decades, decades.max() - RANGE) + 4.0) / 4.0, np.float32)


def encoder_samples(samples: Floats) -> Floats:
    """Return the active span of a clip at the encoder's level, with zeros on both sides, (m,)."""
    active = prepare(samples, find_span(samples)) * np.float32(LEVEL)
    return pad_with_zeros(active, MARGIN, MARGIN)


def split_windows(samples: Floats) -> list[Floats]:
    """Return the fewest windows of equal length and at most 12 s that hold all samples."""
    n = -(-len(samples) // int(MAX_WINDOW_S * RATE_HZ))
    return np.array_split(samples, n)


def encoder_spectrograms(samples: Floats) -> list[Floats]:
    """Return the spectrograms of the windows of a clip, float32 (time, 80) each.

    The first and the last begin and end with ``MARGIN_FRAMES`` frames of silence.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz
    """
    return [encoder_spectrogram(window) for window in split_windows(encoder_samples(samples))]


def pool_moments(moments: Sequence[Floats], lengths: Sequence[int]) -> Floats:
    """Return the embedding of a clip from the moments of its windows, float32 (2048,).

    Parameters
    ----------
    moments : sequence of float32 arrays, each (2, 2, 512)
        Of ``Encoder.moments``.
    lengths : sequence of int
        Frames of 10 ms in each window.
    """
    weights = [-(-length // 2) for length in lengths]  # the encoder has 50 frames a second
    mean, square = np.moveaxis(np.average(np.stack(moments), axis=0, weights=weights), 1, 0)
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    return np.concatenate([mean, deviation], axis=1).ravel().astype(np.float32)


class Encoder:
    """The frozen encoder, from samples to an embedding.  It can be shared between threads.

    Parameters
    ----------
    content
        Bytes of the LiteRT file.

    Attributes
    ----------
    content : bytes
        As given.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._runner = litert.Runner(content, _MAX_SHARED_FRAMES, _MAX_FRAMES)

    def moments(self, spectrogram: Floats) -> Floats:
        """Return mean and mean square over time of each pooled layer.

        Parameters
        ----------
        spectrogram : float32, (time, 80)

        Returns
        -------
        float32, (2, 2, 512)
            Layer, moment, channel.
        """
        (result,) = self._runner.run(spectrogram)
        return np.asarray(result, np.float32).reshape(N_POOLED, 2, WIDTH)

    def pool(self, spectrograms: list[Floats]) -> Floats:
        """Return the embedding of the windows of one clip, float32 (2048,).

        For each pooled layer the mean over time of all windows, then the deviations.

        Parameters
        ----------
        spectrograms : list of float32 arrays, each (time, 80)
        """
        moments = [self.moments(spectrogram) for spectrogram in spectrograms]
        return pool_moments(moments, [len(spectrogram) for spectrogram in spectrograms])

    def embed(self, samples: Floats) -> Floats:
        """Return the embedding of a clip, float32 (2048,).

        Parameters
        ----------
        samples : float32, (n,), mono at 16 kHz
        """
        return self.pool(encoder_spectrograms(samples))


def load_encoder(models: Path | None = None) -> Encoder:
    """Return the encoder in the folder of the models, by default the installed one.

    It is read once.

    Raises
    ------
    ModelError
        The file is missing or altered.
    """
    return _load_encoder((models or paths.MODELS_DIR) / ENCODER_FILE)


@lru_cache(maxsize=2)
def _load_encoder(path: Path) -> Encoder:
    remedy = "Fetch the folder models/ again."
    if not path.is_file():
        raise ModelError(f"There is no pre-trained encoder at {path}. {remedy}")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != ENCODER_SHA256:
        raise ModelError(f"{path} was altered: its SHA-256 is not the expected one. {remedy}")
    return Encoder(content)
