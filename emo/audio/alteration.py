"""What if the same voice were faster, higher, noisier: a clip altered by a few settings.

Deterministic: the same settings give the same samples, and the noise differs in nothing but its
level from one setting to the next.  scipy.signal, which takes a second to import, is not used.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from emo.audio.activity import Doubles, Floats, loudest_rms
from emo.audio.clip import RATE_HZ, SILENT_BELOW_DB, Clip, centre
from emo.audio.effects import add_noise, amplify, change_speed, telephone
from emo.audio.limits import MAX_DURATION_S, MIN_DURATION_S
from emo.errors import SettingError, SilentError, TooLongError, TooShortError

RANGES = {
    "snr_db": (-10.0, 60.0),
    "speed": (0.5, 2.0),
    "pitch_semitones": (-12.0, 12.0),
    "gain_db": (-40.0, 40.0),
}
"""Lowest and highest value of each setting that is a number."""

_NAMES = {
    "snr_db": "noise in dB below the voice",
    "speed": "speed as a factor",
    "pitch_semitones": "pitch in semitones",
    "gain_db": "gain in dB",
}
_NOISE_SEED = 1

_STRETCH = 512  # 32 ms: two periods of the lowest pitch
_STRETCH_HOP = _STRETCH // 2
_SEARCH = RATE_HZ // 100  # either way; together more than a period of the lowest pitch
_ENVELOPE = 512
_ENVELOPE_HOP = _ENVELOPE // 4
_SMOOTH_BINS = 500 * _ENVELOPE // RATE_HZ  # wider than the step from one harmonic to the next
_MOST_CORRECTION = math.log(10 ** (15 / 20))


@dataclass(frozen=True)
class Alteration:
    """How a clip is altered; without any, not at all.

    Attributes
    ----------
    snr_db : float or None
        Pink noise so far below the voice; None for no noise.
    speed : float
        How many times as fast; the pitch stays.
    pitch_semitones : float
        How much higher; duration and resonances of the mouth stay, so that it remains the voice of
        a person of the same size.
    telephone : bool
        Through a telephone: 300 to 3400 Hz in eight bits.
    gain_db : float
        How much louder, in 16 bits and cut off at full scale.

    Raises
    ------
    SettingError
        A number lies outside :data:`RANGES`.
    """

    snr_db: float | None = None
    speed: float = 1.0
    pitch_semitones: float = 0.0
    telephone: bool = False
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise SettingError(
                    f"The {_NAMES[name]} is {value:g}; it can be from {low:g} to {high:g}."
                )

    def phrases(self) -> tuple[str, ...]:
        """What is altered, a phrase for each setting; empty where nothing is."""
        parts = []
        if self.speed != 1.0:
            parts.append(f"{self.speed:g} times as fast")
        if self.pitch_semitones:
            higher = "higher" if self.pitch_semitones > 0 else "lower"
            many = "" if abs(self.pitch_semitones) == 1 else "s"
            parts.append(f"{abs(self.pitch_semitones):g} semitone{many} {higher}")
        if self.snr_db is not None:
            parts.append(f"noise {self.snr_db:g} dB below the voice")
        if self.telephone:
            parts.append("telephone band")
        if self.gain_db:
            parts.append(f"{abs(self.gain_db):g} dB {'louder' if self.gain_db > 0 else 'softer'}")
        return tuple(parts)


NEUTRAL = Alteration()


def alter_clip(clip: Clip, settings: Alteration) -> Clip:
    """The clip as it would be with these settings, and a warning that says so; else as it was.

    Raises
    ------
    TooShortError, TooLongError, SilentError
        What comes out cannot be judged.
    """
    if settings == NEUTRAL:
        return clip
    said = ", ".join(settings.phrases())
    duration_s = clip.duration_s / settings.speed
    if duration_s < MIN_DURATION_S:
        raise TooShortError(
            f"{settings.speed:g} times as fast, the clip lasts {duration_s:.2f} s; at least "
            f"{MIN_DURATION_S} s are needed. Choose a lower speed."
        )
    if duration_s > MAX_DURATION_S:
        raise TooLongError(
            f"{settings.speed:g} times as fast, the clip lasts {duration_s / 60:.1f} minutes; at "
            f"most {MAX_DURATION_S / 60:g} are taken. Choose a higher speed."
        )
    samples = centre(apply(clip.samples, settings))  # peaks cut off on one side leave an offset
    if loudest_rms(samples) < 10 ** (SILENT_BELOW_DB / 20):
        raise SilentError(
            f"Nothing can be heard of the clip as altered ({said}). Choose more gain."
        )
    samples.flags.writeable = False
    return replace(clip, samples=samples, warnings=(alteration_warning(settings), *clip.warnings))


def alteration_warning(settings: Alteration) -> str:
    """Return the sentence that says how a clip was altered, the first of its warnings."""
    return f"The answers are for the clip as altered: {', '.join(settings.phrases())}."


def apply(samples: Floats, settings: Alteration) -> Floats:
    """The samples with these settings, float32 (round(n / speed),); neutral ones change nothing.

    The voice comes first, then the noise of the room, the telephone and the level.  Noise may take
    the sum beyond full scale.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz
    """
    samples = stretch(samples, 1 / settings.speed)
    samples = shift_pitch(samples, settings.pitch_semitones)
    if settings.snr_db is not None:
        rng = np.random.default_rng(_NOISE_SEED)
        samples = add_noise(samples, settings.snr_db, rng)
    if settings.telephone:
        samples = telephone(samples)
    return amplify(samples, settings.gain_db) if settings.gain_db else samples


def stretch(samples: Floats, factor: float) -> Floats:
    """The samples ``factor`` times as long at the same pitch, float32 (round(n factor),).

    By WSOLA (Verhelst and Roelands 1993): windows of 32 ms are laid closer or further apart, each
    taken from where, within 10 ms, it best continues the one before.
    """
    n = round(len(samples) * factor)
    if factor == 1.0:
        return samples
    around = _STRETCH + _SEARCH
    padded = np.pad(samples, (around, around + 2 * _STRETCH)).astype(np.float64)
    energy = np.concatenate([[0.0], np.cumsum(padded**2)])
    window = np.hanning(_STRETCH + 1)[:-1]
    out = np.zeros(n + 2 * _STRETCH)
    place = around - _STRETCH_HOP
    for start in range(0, n + _STRETCH_HOP, _STRETCH_HOP):
        wanted = around + round((start - _STRETCH_HOP) / factor)
        if start:
            follows = padded[place + _STRETCH_HOP : place + _STRETCH_HOP + _STRETCH]
            first = wanted - _SEARCH
            likeness = np.correlate(padded[first : wanted + _SEARCH + _STRETCH], follows, "valid")
            ends = energy[first + _STRETCH : first + _STRETCH + len(likeness)]
            loudness = ends - energy[first : first + len(likeness)]
            place = first + int(np.argmax(likeness / np.sqrt(np.maximum(loudness, 0.0) + 1e-9)))
        out[start : start + _STRETCH] += window * padded[place : place + _STRETCH]
    return out[_STRETCH_HOP : _STRETCH_HOP + n].astype(np.float32)


def shift_pitch(samples: Floats, semitones: float) -> Floats:
    """The samples higher by so many semitones, as long and with the same resonances, float32 (n,).

    They are stretched and played faster, which moves pitch and resonances alike.  Then the smooth
    part of each frame's spectrum is brought back to what it was.
    """
    if semitones == 0.0:
        return samples
    factor = 2 ** (semitones / 12)
    n = len(samples)
    moved = change_speed(stretch(samples, factor), factor)
    moved = np.pad(moved, (0, max(0, n - len(moved))))[:n]
    return _with_resonances(moved, samples)


def _with_resonances(moved: Floats, original: Floats) -> Floats:
    """The samples with the spectral envelopes of others of the same length, float32 (n,)."""
    window = np.hanning(_ENVELOPE + 1)[:-1]
    margin = _ENVELOPE
    spectra = []
    for samples in (moved, original):
        padded = np.pad(samples, (margin, 2 * margin)).astype(np.float64)
        frames = sliding_window_view(padded, _ENVELOPE)[::_ENVELOPE_HOP] * window
        spectra.append(np.fft.rfft(frames))
    faint = 1e-4 * max(float(np.abs(spectra[1]).max()), 1e-9)
    difference = _envelope(spectra[1], faint) - _envelope(spectra[0], faint)
    gain = np.exp(np.clip(difference, -_MOST_CORRECTION, _MOST_CORRECTION))
    pieces = np.fft.irfft(spectra[0] * gain) * window
    out = np.zeros((len(pieces) - 1) * _ENVELOPE_HOP + _ENVELOPE)
    for i, piece in enumerate(pieces):
        out[i * _ENVELOPE_HOP : i * _ENVELOPE_HOP + _ENVELOPE] += piece
    overlap = float(np.sum(window**2)) / _ENVELOPE_HOP
    return (out[margin : margin + len(moved)] / overlap).astype(np.float32)


def _envelope(spectra: np.ndarray, faint: float) -> Doubles:
    """Logarithm of the magnitude of each frame (n, bins), its power smoothed over frequency."""
    bins = np.arange(spectra.shape[1])
    near = np.maximum(0.0, 1.0 - np.abs(bins[:, None] - bins) / _SMOOTH_BINS)
    power = (spectra.real**2 + spectra.imag**2) @ (near / near.sum(axis=0))
    return np.asarray(0.5 * np.log(power + faint**2))
