"""Instruments, melodies and rhythms made by formula, for ``sounds.generators``."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from emo.audio.clip import RATE_HZ

Wave = npt.NDArray[np.float64]
Kind = Callable[[float, Generator], Wave]

MAJOR = (0, 2, 4, 5, 7, 9, 11)
TRIADS = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (9, 12, 16))


def times_s(duration_s: float) -> Wave:
    """Return the time of each sample."""
    return np.arange(round(duration_s * RATE_HZ)) / RATE_HZ


def note_hz(key: npt.ArrayLike) -> Wave:
    """Return the frequency of a key in semitones above A4's 440 Hz."""
    return np.asarray(440.0 * 2.0 ** (np.asarray(key) / 12))


def coloured(n: int, tilt: float, rng: Generator, lowest_hz: float = 20.0) -> Wave:
    """Return Gaussian noise of RMS 1 that falls by ``6 tilt`` dB per octave from the lowest on."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum *= np.maximum(np.fft.rfftfreq(n, 1 / RATE_HZ), lowest_hz) ** -tilt
    wave = np.fft.irfft(spectrum, n)
    return np.asarray(wave / np.sqrt(np.mean(wave**2)))


def band_of_noise(n: int, low_hz: float, high_hz: float, rng: Generator) -> Wave:
    """Return Gaussian noise of RMS 1 between two frequencies."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    spectrum[(hz < low_hz) | (hz > high_hz)] = 0.0
    wave = np.fft.irfft(spectrum, n)
    return np.asarray(wave / np.sqrt(np.mean(wave**2)))


def harmonics(phase: Wave, top_hz: float, gains: npt.ArrayLike) -> Wave:
    """Return the sum of sines at multiples of a phase in cycles, none above 7.5 kHz."""
    wave = np.zeros(len(phase))
    for k, gain in enumerate(np.atleast_1d(gains), 1):
        if k * top_hz < 7500.0:
            wave += gain * np.sin(2 * np.pi * k * phase)
    return wave


def fades(n: int, attack_s: float, release_s: float) -> Wave:
    """Return a gain that rises at the start and falls at the end, along lines."""
    t = np.arange(n) / RATE_HZ
    return np.minimum(1.0, t / attack_s) * np.minimum(1.0, t[::-1] / release_s)


# Notes: a frequency and a duration in, samples out.


def piano(hz: float, duration_s: float, rng: Generator) -> Wave:
    """Return slightly sharp partials that decay one by one, the high ones first."""
    t = times_s(duration_s)
    wave = np.zeros(len(t))
    for k in range(1, 13):
        partial_hz = k * hz * np.sqrt(1 + 4e-4 * k * k)
        if partial_hz < 7500.0:
            decay = np.exp(-t * (1.2 + 0.5 * k))
            wave += decay * k**-1.3 * np.sin(2 * np.pi * partial_hz * t + rng.uniform(0, 6))
    return wave * fades(len(t), 0.004, 0.03)


def organ(hz: float, duration_s: float, rng: Generator) -> Wave:
    """Return pipes of several lengths, steady and of slightly different strength."""
    t = times_s(duration_s)
    gains = np.array([1, 0.8, 0.4, 0.6, 0.1, 0.3, 0.05, 0.3]) * rng.uniform(0.6, 1.4, 8)
    return harmonics(t * hz, hz, gains) * fades(len(t), 0.03, 0.05)


def bowed(hz: float, duration_s: float, rng: Generator) -> Wave:
    """Return sawtooth harmonics with vibrato, shaped by three resonances of a body of wood."""
    t = times_s(duration_s)
    depth = 0.006 * np.minimum(1, t / 0.25)
    phase = np.cumsum(hz * (1 + depth * np.sin(2 * np.pi * rng.uniform(4.8, 6.2) * t))) / RATE_HZ
    k = np.arange(1, 31)
    body = sum(np.exp(-(((k * hz - centre) / 350.0) ** 2)) for centre in (450.0, 1300.0, 2800.0))
    return harmonics(phase, hz * 1.01, (0.2 + body) / k) * fades(len(t), 0.08, 0.08)


def flute(hz: float, duration_s: float, rng: Generator) -> Wave:
    """Return few harmonics that swing together in pitch and level, with some breath."""
    t = times_s(duration_s)
    swing = np.sin(2 * np.pi * rng.uniform(4.5, 5.8) * t)
    phase = np.cumsum(hz * (1 + 0.004 * swing)) / RATE_HZ
    wave = harmonics(phase, hz, (1, 0.35, 0.15, 0.05)) * (1 + 0.15 * swing)
    return (wave + 0.04 * coloured(len(t), 0.3, rng)) * fades(len(t), 0.06, 0.06)


def plucked(hz: float, duration_s: float, rng: Generator) -> Wave:
    """Return a plucked string (Karplus and Strong 1983): noise in an averaging loop."""
    period = round(RATE_HZ / hz)
    loop = rng.uniform(-1, 1, period)
    turns = []
    for _ in range(int(duration_s * RATE_HZ / period) + 1):
        turns.append(loop)
        loop = 0.4985 * (loop + np.roll(loop, 1))
    return np.concatenate(turns)[: round(duration_s * RATE_HZ)]


def brass(hz: float, duration_s: float, rng: Generator) -> Wave:
    """Return harmonics that enter in turn as the note swells."""
    t = times_s(duration_s)
    swell = np.minimum(1, t / 0.12) * (0.8 + 0.2 * np.sin(2 * np.pi * 5 * t + rng.uniform(0, 6)))
    wave = np.zeros(len(t))
    for k in range(1, int(min(16, 7500 / hz)) + 1):
        wave += swell**k / k**0.7 * np.sin(2 * np.pi * k * hz * t)
    return wave * fades(len(t), 0.02, 0.08)


def bell(hz: float, duration_s: float, rng: Generator) -> Wave:
    """Return partials in the ratios of a church bell."""
    t = times_s(duration_s)
    wave = np.zeros(len(t))
    for ratio in (0.5, 1.0, 1.19, 1.5, 2.0, 2.52, 3.01, 4.1):
        wave += np.exp(-t * 1.5 * ratio) * np.sin(2 * np.pi * ratio * hz * t + rng.uniform(0, 6))
    return wave * fades(len(t), 0.003, 0.03)


def saw(hz: float, duration_s: float, _rng: Generator) -> Wave:
    """Return a synthesiser's sawtooth through a filter."""
    t = times_s(duration_s)
    k = np.arange(1, 40)
    return harmonics(t * hz, hz, 1 / k / (1 + (k * hz / 1800.0) ** 2)) * fades(len(t), 0.01, 0.02)


Note = Callable[[float, float, Generator], Wave]


def melody(note: Note, low: int, high: int, ring: float = 1.0) -> Kind:
    """Return a kind: notes of a major scale between two keys, overlapping if ``ring`` > 1."""

    def kind(duration_s: float, rng: Generator) -> Wave:
        total = np.zeros(round(duration_s * RATE_HZ))
        beat_s = rng.uniform(0.15, 0.3)
        root = rng.integers(12)
        scale = [key for key in range(low, high) if (key - root) % 12 in MAJOR]
        place, start = int(rng.integers(len(scale))), 0
        while start < len(total):
            length_s = beat_s * float(rng.choice([1, 1, 2]))
            wave = note(float(note_hz(scale[place])), length_s * ring, rng) * rng.uniform(0.6, 1.0)
            stop = min(len(total), start + len(wave))
            total[start:stop] += wave[: stop - start]
            start += round(length_s * RATE_HZ)
            place = int(np.clip(place + rng.integers(-3, 4), 0, len(scale) - 1))
        return total

    return kind


def chords(note: Note, low: int, voices: int = 3) -> Kind:
    """Return a kind: triads of a major key, each of 0.5 to 1.1 s."""

    def kind(duration_s: float, rng: Generator) -> Wave:
        total = np.zeros(round(duration_s * RATE_HZ))
        length_s = rng.uniform(0.5, 1.1)
        root, start = low + int(rng.integers(12)), 0
        while start < len(total):
            keys = TRIADS[rng.integers(len(TRIADS))]
            for i in range(voices):
                key = root + keys[i % 3] + 12 * (i // 3) + rng.normal(0, 0.03)
                wave = note(float(note_hz(key)), length_s, rng)
                stop = min(len(total), start + len(wave))
                total[start:stop] += wave[: stop - start]
            start += round(length_s * RATE_HZ)
        return total

    return kind


def beats(pattern: tuple[tuple[int, Callable[[Generator], Wave]], ...]) -> Kind:
    """Return a kind: a loop of eight steps; each row is a mask of eight bits and a drum."""

    def kind(duration_s: float, rng: Generator) -> Wave:
        total = np.zeros(round(duration_s * RATE_HZ) + RATE_HZ)
        step_s = rng.uniform(0.13, 0.24)
        for step in range(int(duration_s / step_s) + 1):
            for mask, strike in pattern:
                if mask >> (step % 8) & 1:
                    wave = strike(rng) * rng.uniform(0.7, 1.0)
                    start = round(step * step_s * RATE_HZ)
                    total[start : start + len(wave)] += wave[: len(total) - start]
        return total[: round(duration_s * RATE_HZ)]

    return kind


def kick(rng: Generator) -> Wave:
    """Return a sine that falls from 150 Hz to 50 Hz."""
    t = times_s(0.25)
    phase = np.cumsum(50 + 100 * np.exp(-t * 30)) / RATE_HZ
    return np.sin(2 * np.pi * phase) * np.exp(-t * 14) + 0.02 * rng.standard_normal(len(t)) * (
        t < 0.01
    )


def snare(rng: Generator) -> Wave:
    """Return noise over a short tone."""
    t = times_s(0.2)
    return 0.6 * coloured(len(t), 0.2, rng) * np.exp(-t * 22) + 0.4 * np.sin(
        2 * np.pi * 185 * t
    ) * np.exp(-t * 30)


def hat(rng: Generator) -> Wave:
    """Return a short hiss."""
    t = times_s(0.08)
    return 0.3 * band_of_noise(len(t), 5000, 7900, rng) * np.exp(-t * 60)


def conga(rng: Generator) -> Wave:
    """Return a skin of one of three sizes, its pitch falling at the stroke."""
    t = times_s(0.3)
    hz = rng.choice([180.0, 240.0, 330.0])
    return np.sin(2 * np.pi * np.cumsum(hz * (1 + 0.15 * np.exp(-t * 40))) / RATE_HZ) * np.exp(
        -t * 16
    )


def shaker(rng: Generator) -> Wave:
    """Return a hiss that swells and falls."""
    t = times_s(0.1)
    return np.asarray(0.4 * band_of_noise(len(t), 3000, 7900, rng) * np.sin(np.pi * t / 0.1) ** 2)


def mix(*parts: tuple[float, Kind]) -> Kind:
    """Return a kind: several kinds at once, each scaled to RMS 1 and multiplied by a gain."""

    def kind(duration_s: float, rng: Generator) -> Wave:
        waves = [(gain, part(duration_s, rng)) for gain, part in parts]
        return np.asarray(sum(g * w / np.sqrt(np.mean(w**2) + 1e-12) for g, w in waves))

    return kind


drums = beats(((0b00010001, kick), (0b01000100, snare), (0b11111111, hat)))
hand_drums = beats(((0b10110101, conga), (0b01010010, conga), (0b11111111, shaker)))
