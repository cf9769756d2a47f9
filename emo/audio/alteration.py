"""Alter a clip by a few settings: noise, speed, pitch, telephone band and gain.

The result is deterministic: equal settings give equal samples, and two SNRs give the same noise at
two levels.
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
"""Lowest and highest value of each numeric setting."""

_NAMES = {
    "snr_db": "signal-to-noise ratio in dB",
    "speed": "speed as a factor",
    "pitch_semitones": "pitch in semitones",
    "gain_db": "gain in dB",
}
_NOISE_SEED = 1

_STRETCH = 512  # samples of a window, 32 ms: two periods of the lowest pitch
_STRETCH_HOP = _STRETCH // 2
_SEARCH = RATE_HZ // 100  # samples either way; in all more than a period of the lowest pitch
_ENVELOPE = 512  # samples of a frame
_ENVELOPE_HOP = _ENVELOPE // 4
_SMOOTH_BINS = 500 * _ENVELOPE // RATE_HZ  # 500 Hz, wider than the distance of two harmonics
_MAX_CORRECTION = math.log(10 ** (15 / 20))  # 15 dB


@dataclass(frozen=True)
class Alteration:
    """Settings by which a clip is altered; the defaults leave it as it is.

    Attributes
    ----------
    snr_db : float or None
        Signal-to-noise ratio of the speech (``effects.mix_at_snr``) to added pink noise, -10 to
        60 dB; None for no noise.
    speed : float
        Factor of the speed at constant pitch, 0.5 to 2.
    pitch_semitones : float
        Change of the pitch, -12 to 12 semitones; duration and formants stay, so that it remains
        the voice of a person of the same size.
    telephone : bool
        Limit the clip to a telephone's band (300 to 3400 Hz) and eight bits.
    gain_db : float
        Change of the level, -40 to 40 dB, in 16 bits and clipped at full scale.

    Raises
    ------
    SettingError
        A number lies outside ``RANGES``.
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
        """Return a phrase for each setting that alters the clip."""
        parts = []
        if self.speed != 1.0:
            parts.append(f"{self.speed:g} times as fast")
        if self.pitch_semitones:
            higher = "higher" if self.pitch_semitones > 0 else "lower"
            plural = "" if abs(self.pitch_semitones) == 1 else "s"
            parts.append(f"{abs(self.pitch_semitones):g} semitone{plural} {higher}")
        if self.snr_db is not None:
            parts.append(f"noise at an SNR of {self.snr_db:g} dB")
        if self.telephone:
            parts.append("telephone band")
        if self.gain_db:
            parts.append(f"{abs(self.gain_db):g} dB {'louder' if self.gain_db > 0 else 'softer'}")
        return tuple(parts)


NEUTRAL = Alteration()


def alter_clip(clip: Clip, settings: Alteration) -> Clip:
    """Return a clip altered by settings, with a warning that names them.

    Neutral settings return the clip itself.

    Raises
    ------
    TooShortError, TooLongError, SilentError
        The altered clip is outside the limits of a recording.
    """
    if settings == NEUTRAL:
        return clip
    description = ", ".join(settings.phrases())
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
    samples = centre(apply(clip.samples, settings))  # clipping of one side leaves an offset
    if loudest_rms(samples) < 10 ** (SILENT_BELOW_DB / 20):
        raise SilentError(f"The changed clip is silent ({description}). Choose more gain.")
    samples.flags.writeable = False
    return replace(clip, samples=samples, warnings=(alteration_warning(settings), *clip.warnings))


def alteration_warning(settings: Alteration) -> str:
    """Return the sentence that says how a clip was altered, the first of its warnings."""
    return f"The answers are for the changed clip: {', '.join(settings.phrases())}."


def apply(samples: Floats, settings: Alteration) -> Floats:
    """Return samples altered by settings: first the voice, then noise, telephone and gain.

    Parameters
    ----------
    samples : float32, (n,)
        Mono at 16 kHz.
    settings
        Neutral ones return the samples themselves.

    Returns
    -------
    float32, (round(n / speed),)
        Noise may take the sum beyond full scale.
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
    """Return samples ``factor`` times as long at the same pitch, float32 (round(n * factor),).

    WSOLA (Verhelst and Roelands 1993): windows of 32 ms are overlapped and added at another
    distance, each taken from the place within 10 ms where it best continues the one before.
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
        nominal = around + round((start - _STRETCH_HOP) / factor)
        if start:
            target = padded[place + _STRETCH_HOP : place + _STRETCH_HOP + _STRETCH]
            first = nominal - _SEARCH
            products = np.correlate(padded[first : nominal + _SEARCH + _STRETCH], target, "valid")
            stops = energy[first + _STRETCH : first + _STRETCH + len(products)]
            energies = stops - energy[first : first + len(products)]
            place = first + int(np.argmax(products / np.sqrt(np.maximum(energies, 0.0) + 1e-9)))
        out[start : start + _STRETCH] += window * padded[place : place + _STRETCH]
    return out[_STRETCH_HOP : _STRETCH_HOP + n].astype(np.float32)


def shift_pitch(samples: Floats, semitones: float) -> Floats:
    """Return samples with the pitch changed and duration and formants kept, float32 (n,).

    The samples are stretched and played faster, which moves pitch and formants alike.  Then the
    smooth part of each frame's spectrum is restored.
    """
    if semitones == 0.0:
        return samples
    factor = 2 ** (semitones / 12)
    n = len(samples)
    moved = change_speed(stretch(samples, factor), factor)
    moved = np.pad(moved, (0, max(0, n - len(moved))))[:n]
    return _with_resonances(moved, samples)


def _with_resonances(moved: Floats, original: Floats) -> Floats:
    """Return ``moved`` with the spectral envelopes of ``original``, float32 (n,)."""
    window = np.hanning(_ENVELOPE + 1)[:-1]
    margin = _ENVELOPE
    spectra = []
    for samples in (moved, original):
        padded = np.pad(samples, (margin, 2 * margin)).astype(np.float64)
        frames = sliding_window_view(padded, _ENVELOPE)[::_ENVELOPE_HOP] * window
        spectra.append(np.fft.rfft(frames))
    faint = 1e-4 * max(float(np.abs(spectra[1]).max()), 1e-9)
    difference = _envelope(spectra[1], faint) - _envelope(spectra[0], faint)
    gain = np.exp(np.clip(difference, -_MAX_CORRECTION, _MAX_CORRECTION))
    pieces = np.fft.irfft(spectra[0] * gain) * window
    out = np.zeros((len(pieces) - 1) * _ENVELOPE_HOP + _ENVELOPE)
    for i, piece in enumerate(pieces):
        out[i * _ENVELOPE_HOP : i * _ENVELOPE_HOP + _ENVELOPE] += piece
    overlap = float(np.sum(window**2)) / _ENVELOPE_HOP
    return (out[margin : margin + len(moved)] / overlap).astype(np.float32)


def _envelope(spectra: np.ndarray, faint: float) -> Doubles:
    """Return the log magnitude of each frame, its power smoothed over frequency, (n, bins)."""
    bins = np.arange(spectra.shape[1])
    near = np.maximum(0.0, 1.0 - np.abs(bins[:, None] - bins) / _SMOOTH_BINS)
    power = (spectra.real**2 + spectra.imag**2) @ (near / near.sum(axis=0))
    return np.asarray(0.5 * np.log(power + faint**2))
