"""Tones and signals made by formula: of telephones, alarms and machines."""

import numpy as np
from numpy.random import Generator

from emo.audio.clip import RATE_HZ
from emo.evaluation.sounds.music import Wave, coloured, harmonics, times_s


def sine(duration_s: float, rng: Generator) -> Wave:
    """Return one steady sine."""
    hz = np.exp(rng.uniform(np.log(80.0), np.log(3000.0)))
    return np.asarray(np.sin(2 * np.pi * hz * times_s(duration_s)))


def dial_tone(duration_s: float, rng: Generator) -> Wave:
    """Return the two sines of a telephone line that waits."""
    t = times_s(duration_s)
    low, high = ((350, 440), (425, 425), (400, 450))[rng.integers(3)]
    return np.asarray(np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t))


def sweep(duration_s: float, rng: Generator) -> Wave:
    """Return a sine that rises by octaves."""
    low, high = rng.uniform(80, 300), rng.uniform(2000, 7000)
    phase = low * duration_s / np.log(high / low)
    return np.asarray(
        np.sin(2 * np.pi * phase * (high / low) ** (times_s(duration_s) / duration_s))
    )


def beeps(duration_s: float, rng: Generator) -> Wave:
    """Return a sine that is switched on and off."""
    t = times_s(duration_s)
    period_s = rng.uniform(0.25, 1.0)
    return np.sin(2 * np.pi * rng.uniform(600, 2500) * t) * (t % period_s < period_s / 2)


def siren(duration_s: float, rng: Generator) -> Wave:
    """Return a tone that wails between 500 and 1300 Hz."""
    t = times_s(duration_s)
    hz = 900 + 400 * np.sin(2 * np.pi * rng.uniform(0.3, 3.0) * t)
    return harmonics(np.cumsum(hz) / RATE_HZ, 1300.0, (1, 0.3, 0.2))


def key_tones(duration_s: float, rng: Generator) -> Wave:
    """Return telephone keys (DTMF), 0.15 s each and as long apart."""
    t = times_s(duration_s)
    wave = np.zeros(len(t))
    for start in range(0, len(t), int(0.3 * RATE_HZ)):
        part = t[start : start + int(0.15 * RATE_HZ)]
        low, high = rng.choice([697, 770, 852, 941]), rng.choice([1209, 1336, 1477])
        wave[start : start + len(part)] = np.sin(2 * np.pi * low * part) + np.sin(
            2 * np.pi * high * part
        )
    return wave


def ringing(duration_s: float, rng: Generator) -> Wave:
    """Return two tones in quick turns, as of an old telephone."""
    t = times_s(duration_s)
    on = t % 0.05 < 0.025
    hz = np.where(on, rng.uniform(700, 900), rng.uniform(1000, 1200))
    return harmonics(np.cumsum(hz) / RATE_HZ, 1200, (1, 0.4, 0.3)) * (t % 3.0 < 1.8)


def two_tone_alarm(duration_s: float, rng: Generator) -> Wave:
    """Return two notes in slow turns."""
    t = times_s(duration_s)
    hz = np.where(t % 0.8 < 0.4, rng.uniform(400, 600), rng.uniform(700, 1000))
    return harmonics(np.cumsum(hz) / RATE_HZ, 1000.0, (1, 0, 0.33, 0, 0.2))


def buzzer(duration_s: float, rng: Generator) -> Wave:
    """Return a square wave."""
    hz = rng.uniform(90, 300)
    return np.sign(np.sin(2 * np.pi * hz * times_s(duration_s)))


def bird(duration_s: float, rng: Generator) -> Wave:
    """Return a high whistle that trills."""
    t = times_s(duration_s)
    hz = 3500 + 1200 * np.sin(2 * np.pi * rng.uniform(6, 12) * t)
    return np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ) * (np.sin(2 * np.pi * 1.7 * t) > 0)


def busy_tone(duration_s: float, _rng: Generator) -> Wave:
    """Return two sines, on and off."""
    t = times_s(duration_s)
    return (np.sin(2 * np.pi * 480 * t) + np.sin(2 * np.pi * 620 * t)) * (t % 1.0 < 0.5)


def kettle(duration_s: float, rng: Generator) -> Wave:
    """Return a whistle that wavers, with the hiss of steam."""
    t = times_s(duration_s)
    waver = np.cumsum(coloured(len(t), 1.5, rng))
    hz = rng.uniform(1500, 2500) * (1 + 0.01 * waver / (np.abs(waver).max() + 1e-9))
    return np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ) + 0.2 * coloured(len(t), 0.0, rng)


def modem(duration_s: float, rng: Generator) -> Wave:
    """Return bits as two tones, 300 a second."""
    t = times_s(duration_s)
    bits = rng.integers(0, 2, int(duration_s * 300) + 1)[(t * 300).astype(int)]
    return np.asarray(np.sin(2 * np.pi * np.cumsum(np.where(bits, 1270.0, 1070.0)) / RATE_HZ))


def keys(duration_s: float, rng: Generator) -> Wave:
    """Return high rings at random times, as of a bunch of keys."""
    n = round(duration_s * RATE_HZ)
    wave = 0.002 * rng.standard_normal(n)
    t = times_s(0.06)
    for start in rng.integers(0, n - len(t), int(10 * duration_s)):
        hz = rng.uniform(2500, 7000)
        wave[start : start + len(t)] += rng.random() * np.sin(2 * np.pi * hz * t) * np.exp(-t * 60)
    return wave
