"""Alter a signal: noise, rooms, telephone bands, codecs, speed and pitch."""

import io
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from scipy.fft import next_fast_len

from emo.audio.activity import Doubles, Floats, active_span, speech_rms
from emo.audio.clip import RATE_HZ

MP3_BIT_RATES = (24_000, 32_000, 40_000, 64_000)
"""Bit rates to choose from, in bits per second."""

N_VOICES_OF_BABBLE = 5

TELEPHONE_HZ = (300.0, 3400.0)
TELEPHONE_ORDER = 4
_BAND_FFT = 2**15
_BAND_RING = 2**12  # samples in which the filter's impulse response falls below 1e-16
_BAND_REFLECTED = 27  # samples, as scipy.signal.sosfiltfilt reflects for four sections
_MU = 255.0  # ITU-T G.711
_BIT_RATE_LIMITS = (8_000, 160_000)  # of MP3 at 16 kHz in libsndfile, in bits per second


def change_speed(samples: Floats, factor: float) -> Floats:
    """Return samples played ``factor`` times as fast and thus higher, float32 (n / factor,)."""
    import soxr

    return np.asarray(soxr.resample(samples, RATE_HZ * factor, RATE_HZ), np.float32)


def _transform_length(n: int) -> int:
    """Return an even length of at least `n` with the prime factors 2, 3 and 5 alone.

    An even length makes ``irfft`` the inverse of ``rfft`` without a length given.
    """
    return 2 * int(next_fast_len(-(-n // 2), real=True))


def _spectral_noise(n: int, rng: Generator, tilt: float) -> Floats:
    """Return Gaussian noise of RMS 1 whose power falls by ``6 * tilt`` dB per octave, (n,)."""
    size = _transform_length(n)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    frequency = np.maximum(np.fft.rfftfreq(size, 1 / RATE_HZ), 50.0)
    noise = np.fft.irfft(spectrum * frequency**-tilt)[:n]
    return np.asarray(noise / np.sqrt(np.mean(noise**2)), np.float32)


def mix_at_snr(samples: Floats, noise: Floats, snr_db: float) -> Floats:
    """Return samples plus noise at a signal-to-noise ratio, float32 (n,).

    The ratio is that of the mean power of the speech in the samples, its pauses left out, to the
    mean power of the noise.

    Parameters
    ----------
    samples, noise : float32, (n,)
    snr_db : float
    """
    power = np.sqrt(np.mean(noise.astype(np.float64) ** 2))
    if power == 0.0:
        return samples
    gain = speech_rms(samples) / power * 10 ** (-snr_db / 20)
    return samples + noise * np.float32(gain)


def add_noise(samples: Floats, snr_db: float, rng: Generator, tilt: float = 0.5) -> Floats:
    """Return samples plus steady noise at a signal-to-noise ratio, float32 (n,).

    Parameters
    ----------
    samples : float32, (n,)
    snr_db : float
    rng : Generator
    tilt : float
        Fall of the noise's power per octave in units of 6 dB: 0 is white, 0.5 pink, 1 brown.
    """
    return mix_at_snr(samples, _spectral_noise(len(samples), rng, tilt), snr_db)


def add_babble(samples: Floats, snr_db: float, rng: Generator) -> Floats:
    """Return samples plus babble, several voices at once, at a signal-to-noise ratio.

    The voices are the clip itself, reversed, shifted and at other speeds, so that no other clip,
    and no speaker of a test fold, gets into training.
    """
    total = np.zeros(len(samples), np.float32)
    for _ in range(N_VOICES_OF_BABBLE):
        voice = change_speed(samples[::-1], rng.uniform(0.75, 1.3))
        total += np.roll(np.resize(voice, len(samples)), rng.integers(len(samples)))
    return mix_at_snr(samples, total, snr_db)


def reverberate(samples: Floats, decay_s: float, direct_db: float, rng: Generator) -> Floats:
    """Return samples in a room, modelled by exponentially decaying noise (Polack 1988).

    Parameters
    ----------
    samples : float32, (n,)
    decay_s : float
        Reverberation time: seconds in which the tail falls by 60 dB.
    direct_db : float
        Energy of the direct sound over that of the tail.
    rng : Generator

    Returns
    -------
    float32, (n,)
    """
    from scipy.signal import fftconvolve

    n = int(decay_s * RATE_HZ)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    tail[: RATE_HZ // 400] = 0.0  # the first reflection comes after 2.5 ms
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return np.asarray(fftconvolve(samples, tail)[: len(samples)], np.float32)


def equalise(samples: Floats, gains_db: Floats) -> Floats:
    """Return samples with a smooth gain over frequency, float32 (n,).

    Parameters
    ----------
    samples : float32, (n,)
    gains_db : (k,)
        Gains at ``k`` equally spaced frequencies from 0 to 8 kHz, interpolated in between.
    """
    spectrum = np.fft.rfft(samples, _transform_length(len(samples)))
    place = np.linspace(0, len(gains_db) - 1, len(spectrum))
    gain = 10 ** (np.interp(place, np.arange(len(gains_db)), gains_db) / 20)
    return np.asarray(np.fft.irfft(spectrum * gain)[: len(samples)], np.float32)


@lru_cache(maxsize=1)
def _band_response() -> npt.NDArray[np.complex128]:
    """Return the telephone band's frequency response, complex128 (``_BAND_FFT // 2 + 1``,).

    A Butterworth band-pass of order ``TELEPHONE_ORDER``, digital by the bilinear transform with
    warped edges, as ``scipy.signal.butter`` designs it; scipy.signal takes a second to import.
    """
    hz = np.fft.rfftfreq(_BAND_FFT, 1 / RATE_HZ)[1:-1]
    warped = np.tan(np.pi * hz / RATE_HZ)
    low, high = np.tan(np.pi * np.array(TELEPHONE_HZ) / RATE_HZ)
    prototype = 1j * (warped**2 - low * high) / (warped * (high - low))
    angles = np.pi * (2 * np.arange(TELEPHONE_ORDER) + 1 + TELEPHONE_ORDER) / (2 * TELEPHONE_ORDER)
    denominator = np.prod(prototype[:, None] - np.exp(1j * angles), axis=1)
    return np.concatenate([[0.0], 1 / denominator, [0.0]])  # zeros at 0 Hz and at half the rate


def _filter_forward(samples: Doubles) -> Doubles:
    """Return samples through the telephone band once, as if the first value had always been."""
    samples = samples - samples[0]
    out = np.zeros(len(samples) + _BAND_FFT)
    step = _BAND_FFT - _BAND_RING
    for start in range(0, len(samples), step):  # overlap-add: memory does not grow with the clip
        spectrum = np.fft.rfft(samples[start : start + step], _BAND_FFT)
        out[start : start + _BAND_FFT] += np.fft.irfft(spectrum * _band_response())
    return out[: len(samples)]


def limit_band(samples: Floats) -> Doubles:
    """Return samples limited to the telephone band of 300 to 3400 Hz, float64 (n,).

    A Butterworth filter that runs forwards and backwards and so has no phase (Gustafsson 1996),
    over samples that are continued at both ends by their reflection: what
    ``scipy.signal.sosfiltfilt`` returns.
    """
    n = min(_BAND_REFLECTED, len(samples) - 1)
    x = np.pad(samples, n, mode="reflect", reflect_type="odd").astype(np.float64)
    both = _filter_forward(_filter_forward(x)[::-1])[::-1]
    return both[n : n + len(samples)]


def telephone(samples: Floats) -> Floats:
    """Return the clip through a telephone: 300 to 3400 Hz, eight bits by the μ-law of ITU-T G.711.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz

    Returns
    -------
    float32, (n,)
    """
    return compand(limit_band(samples))


def compand(samples: Floats | Doubles) -> Floats:
    """Return samples in eight bits by the μ-law of ITU-T G.711, full scale at their peak."""
    peak = np.abs(samples).max() or 1.0
    level = np.sign(samples) * np.log1p(_MU * np.abs(samples) / peak) / np.log1p(_MU)
    level = np.round(level * 127) / 127
    linear = np.sign(level) * np.expm1(np.abs(level) * np.log1p(_MU)) / _MU
    return np.asarray(linear * peak, np.float32)


def recode_mp3(samples: Floats, bits_per_s: int = 32_000) -> Floats:
    """Return samples after coding as MP3 at a constant bit rate; the coder's padding may stay."""
    import soundfile

    low, high = _BIT_RATE_LIMITS
    peak = np.abs(samples).max() or 1.0
    file = io.BytesIO()
    soundfile.write(
        file,
        samples / peak * 0.9,
        RATE_HZ,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=(high - bits_per_s) / (high - low),
    )
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32")
    return np.asarray(decoded * (peak / 0.9), np.float32)


def amplify(samples: Floats, gain_db: float) -> Floats:
    """Return samples with a gain, rounded to 16 bits and clipped at full scale."""
    louder = samples * 10 ** (gain_db / 20)
    return np.asarray(np.round(np.clip(louder, -1.0, 1.0) * 32767) / 32767, np.float32)


def clip_loud(samples: Floats, gain_db: float) -> Floats:
    """Return samples brought to full scale and then amplified, so that their peaks are clipped."""
    peak = np.abs(samples).max() or 1.0
    return amplify(samples / peak, gain_db)


def excerpt(samples: Floats, duration_s: float, rng: Generator) -> Floats:
    """Return a random part of the active span, at most ``duration_s`` long."""
    start, stop = active_span(samples)
    n = int(duration_s * RATE_HZ)
    latest = max(start, stop - n)
    first = int(rng.integers(start, latest + 1))
    return samples[first : first + n]
