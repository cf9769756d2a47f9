"""Vocal sounds that are not speech, by formula: laughter, crying, coughs, humming.

They are the sounds most likely to be taken for speech, since a vocal tract makes them.
Every kind is a function of a duration and a generator, as in ``sounds.generators``.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from emo.audio.clip import RATE_HZ
from emo.evaluation.sounds.music import Kind, Wave, coloured, fades, note_hz, times_s

OPEN_HZ = (700.0, 1200.0, 2500.0)  # formants of an open vowel
SPREAD_HZ = (450.0, 1900.0, 2600.0)
CLOSED_HZ = (250.0, 1000.0, 2200.0)
FORMANT_WIDTH_HZ = 120.0


def resonance(hz: Wave, formants_hz: tuple[float, ...]) -> Wave:
    """Return the gain of a vocal tract with these formants, 1 at 0 Hz."""
    gain = np.ones(np.shape(hz))
    for formant_hz in formants_hz:
        gain /= np.hypot(1 - (hz / formant_hz) ** 2, hz * FORMANT_WIDTH_HZ / formant_hz**2)
    return gain


def voiced(pitch_hz: Wave, formants_hz: tuple[float, ...]) -> Wave:
    """Return a voice of RMS 1 that holds one vowel while its pitch follows a curve."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    wave = np.zeros(len(pitch_hz))
    for k in range(1, int(7500.0 / pitch_hz.min()) + 1):
        gain = resonance(k * pitch_hz, formants_hz) * (k * pitch_hz < 7500.0) / k**2
        wave += gain * np.sin(k * phase)
    return np.asarray(wave / np.sqrt(np.mean(wave**2)))


def breath(n: int, formants_hz: tuple[float, ...], rng: Generator) -> Wave:
    """Return noise of RMS 1 through a vocal tract."""
    hz = np.asarray(np.fft.rfftfreq(n, 1 / RATE_HZ), np.float64)
    wave = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * resonance(hz, formants_hz), n)
    return np.asarray(wave / np.sqrt(np.mean(wave**2)))


def one_after_another(burst: Callable[[Generator], Wave], pause_s: tuple[float, float]) -> Kind:
    """Return a kind that repeats a burst, each made anew, with pauses between two durations."""

    def kind(duration_s: float, rng: Generator) -> Wave:
        total = 0.001 * coloured(round(duration_s * RATE_HZ), 0.5, rng)
        start = 0
        while start < len(total):
            wave = burst(rng)[: len(total) - start]
            total[start : start + len(wave)] += wave
            start += len(wave) + round(rng.uniform(*pause_s) * RATE_HZ)
        return total

    return kind


def a_laugh(rng: Generator) -> Wave:
    """Return five to ten calls of "ha", each breath first, lower and softer one after another."""
    calls = []
    pitch_hz = rng.uniform(180.0, 450.0)
    for i in range(int(rng.integers(5, 11))):
        n = round(rng.uniform(0.07, 0.13) * RATE_HZ)
        aspirated = breath(round(0.08 * RATE_HZ), OPEN_HZ, rng)
        curve = pitch_hz * np.linspace(1.1, 0.9, n) * 0.96**i
        call = voiced(curve, OPEN_HZ) * fades(n, 0.02, 0.03)
        calls += [0.15 * aspirated * fades(len(aspirated), 0.03, 0.02), call * 0.93**i]
    return np.concatenate(calls)


def a_wail(rng: Generator) -> Wave:
    """Return a trembling cry of a second or two, and the breath drawn in jerks after it."""
    n = round(rng.uniform(0.8, 2.0) * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    arch = 1 + 0.25 * np.sin(np.pi * t / t[-1])
    tremor = 1 + 0.03 * np.sin(2 * np.pi * rng.uniform(6, 9) * t)
    cry = voiced(rng.uniform(280, 480) * arch * tremor, SPREAD_HZ) * fades(n, 0.1, 0.2)
    gasp = breath(round(0.15 * RATE_HZ), CLOSED_HZ, rng) * fades(round(0.15 * RATE_HZ), 0.05, 0.05)
    return np.concatenate([cry, *(0.2 * gasp for _ in range(int(rng.integers(1, 4))))])


def a_sigh(rng: Generator) -> Wave:
    """Return a breath let out, with a trace of voice in half of all cases."""
    n = round(rng.uniform(0.6, 1.4) * RATE_HZ)
    wave = breath(n, OPEN_HZ, rng)
    if rng.random() < 0.5:
        wave += 0.7 * voiced(np.linspace(rng.uniform(150, 300), 100.0, n), OPEN_HZ)
    return wave * fades(n, 0.1, 0.5)


def a_cough(rng: Generator) -> Wave:
    """Return a burst of air, its hiss, and a short rough sound of the throat."""
    n = round(rng.uniform(0.25, 0.4) * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    burst = 3.0 * np.exp(-t * 80) + np.exp(-t * 9)
    wave = breath(n, OPEN_HZ, rng) * burst
    rough = voiced(np.linspace(220, 120, n) * (1 + 0.1 * coloured(n, 1.0, rng)).clip(0.5), OPEN_HZ)
    return wave + 0.4 * rough * np.exp(-(((t - 0.2) / 0.05) ** 2))


def a_breath(rng: Generator) -> Wave:
    """Return air drawn in and let out through the mouth."""
    drawn, out = round(rng.uniform(0.5, 1.0) * RATE_HZ), round(rng.uniform(0.7, 1.4) * RATE_HZ)
    return np.concatenate(
        [
            0.6 * breath(drawn, CLOSED_HZ, rng) * fades(drawn, 0.2, 0.2),
            breath(out, OPEN_HZ, rng) * fades(out, 0.2, 0.5),
        ]
    )


def a_snore(rng: Generator) -> Wave:
    """Return pulses of a loose palate, some 40 a second, over breath."""
    n = round(rng.uniform(0.8, 1.5) * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    pulses = (t * rng.uniform(30, 60) * (1 + 0.02 * np.sin(9 * t))) % 1.0
    return breath(n, CLOSED_HZ, rng) * (0.1 + np.exp(-6 * pulses)) * fades(n, 0.2, 0.3)


def a_scream(rng: Generator) -> Wave:
    """Return a high, rough, long vowel."""
    n = round(rng.uniform(0.6, 1.5) * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    rough = 1 + rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * rng.uniform(50, 90) * t)
    curve = rng.uniform(600, 1100) * (1 + 0.1 * np.sin(np.pi * t / t[-1]))
    return voiced(curve, OPEN_HZ) * rough * fades(n, 0.05, 0.1)


def humming(duration_s: float, rng: Generator) -> Wave:
    """Return a tune hummed with the lips closed: its pitch slides between notes and trembles."""
    t = times_s(duration_s)
    length_s = rng.uniform(0.25, 0.6)
    notes = rng.choice([0, 2, 4, 5, 7, 9], int(duration_s / length_s) + 3) + rng.integers(-24, -10)
    place = t / length_s
    within = np.clip((place % 1.0 - 0.85) / 0.15, 0.0, 1.0)
    key = notes[place.astype(int)] * (1 - within) + notes[place.astype(int) + 1] * within
    vibrato = 0.15 * np.sin(2 * np.pi * rng.uniform(4.5, 6) * t)
    return voiced(note_hz(key + vibrato), CLOSED_HZ) + 0.01 * coloured(len(t), 0.5, rng)


def whistling(duration_s: float, rng: Generator) -> Wave:
    """Return a tune whistled with the lips, with the air beside it."""
    t = times_s(duration_s)
    length_s = rng.uniform(0.2, 0.5)
    notes = rng.choice([0, 2, 4, 5, 7, 9], int(duration_s / length_s) + 3) + rng.integers(12, 20)
    place = t / length_s
    within = np.clip((place % 1.0 - 0.85) / 0.15, 0.0, 1.0)
    key = notes[place.astype(int)] * (1 - within) + notes[place.astype(int) + 1] * within
    wave = np.sin(2 * np.pi * np.cumsum(note_hz(key)) / RATE_HZ)
    return wave + 0.05 * coloured(len(t), -0.2, rng)


BURSTS: dict[str, Kind] = {
    "laughter": one_after_another(a_laugh, (0.3, 1.0)),
    "crying": one_after_another(a_wail, (0.1, 0.4)),
    "sighs": one_after_another(a_sigh, (0.5, 1.5)),
    "coughs": one_after_another(a_cough, (0.1, 0.8)),
    "breathing": one_after_another(a_breath, (0.1, 0.4)),
    "snoring": one_after_another(a_snore, (0.8, 1.6)),
    "screams": one_after_another(a_scream, (0.3, 0.8)),
    "humming": humming,
    "whistling": whistling,
}
