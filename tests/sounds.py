"""Music, noise and signals made by formula: what is not speech, for the tests of ``presence``.

Every kind is a function of a duration and a generator, so one kind gives as many different sounds
as there are seeds.  :data:`DESIGN` are the kinds that the limits in :mod:`emo.presence` were chosen
with, :data:`HELD_OUT` those that were measured only afterwards.
"""

import numpy as np
from numpy.random import Generator

from tests.music import (
    Kind,
    Wave,
    band_of_noise,
    beats,
    bell,
    bowed,
    brass,
    chords,
    coloured,
    drums,
    fades,
    flute,
    hand_drums,
    harmonics,
    hat,
    kick,
    melody,
    mix,
    organ,
    piano,
    plucked,
    saw,
    times_s,
)
from tests.voices import RATE_HZ, Samples, at_level


def white(duration_s: float, rng: Generator) -> Wave:
    return coloured(round(duration_s * RATE_HZ), 0.0, rng)


def pink(duration_s: float, rng: Generator) -> Wave:
    return coloured(round(duration_s * RATE_HZ), 0.5, rng)


def brown(duration_s: float, rng: Generator) -> Wave:
    return coloured(round(duration_s * RATE_HZ), 1.0, rng)


def hum(mains_hz: float, steepness: float) -> Kind:
    def kind(duration_s: float, rng: Generator) -> Wave:
        t = times_s(duration_s)
        k = np.arange(1, 25)
        wave = harmonics(t * mains_hz, mains_hz, rng.uniform(0.3, 1.0, 24) / k**steepness)
        return wave + 0.01 * rng.standard_normal(len(t))

    return kind


def engine(duration_s: float, rng: Generator) -> Wave:
    """Firing at a rate that wanders, each turn a little different, over low noise."""
    t = times_s(duration_s)
    drift = np.cumsum(rng.standard_normal(len(t))) / RATE_HZ**0.5
    rate_hz = rng.uniform(25, 60) * (1 + 0.02 * drift + 0.1 * np.sin(0.7 * t))
    k = np.arange(1, 40)
    wave = harmonics(np.cumsum(rate_hz) / RATE_HZ, 70.0, rng.uniform(0.2, 1.0, 39) / k**0.8)
    return wave + 0.5 * coloured(len(t), 0.6, rng)


def rotor(duration_s: float, rng: Generator) -> Wave:
    """Low noise in pulses, as of a helicopter."""
    t = times_s(duration_s)
    pulse = (0.5 + 0.5 * np.cos(2 * np.pi * rng.uniform(9, 14) * t)) ** 3
    return coloured(len(t), 0.7, rng) * (0.25 + pulse)


def drops(n: int, per_s: float, decay_per_s: float, rng: Generator) -> Wave:
    """Short noise bursts at random times, of random strength."""
    hits = (rng.random(n) < per_s / RATE_HZ) * rng.exponential(1.0, n)
    t = times_s(0.05)
    burst = rng.standard_normal(len(t)) * np.exp(-t * decay_per_s)
    size = 1 << (n + len(burst)).bit_length()
    return np.asarray(np.fft.irfft(np.fft.rfft(hits, size) * np.fft.rfft(burst, size))[:n])


def rain(duration_s: float, rng: Generator) -> Wave:
    n = round(duration_s * RATE_HZ)
    return drops(n, 400.0, 900.0, rng) + 0.15 * coloured(n, 0.2, rng)


def crackle(duration_s: float, rng: Generator) -> Wave:
    n = round(duration_s * RATE_HZ)
    return drops(n, 15.0, 1500.0, rng) + 0.03 * coloured(n, 0.8, rng)


def typing(duration_s: float, rng: Generator) -> Wave:
    n = round(duration_s * RATE_HZ)
    return drops(n, 7.0, 250.0, rng) + 0.01 * coloured(n, 0.5, rng)


def applause(duration_s: float, rng: Generator) -> Wave:
    """Sixty people who each clap about four times a second."""
    n = round(duration_s * RATE_HZ)
    wave = np.zeros(n + RATE_HZ)
    t = times_s(0.03)
    for _ in range(60):
        at = np.cumsum(rng.normal(1 / rng.uniform(3.2, 4.8), 0.02, int(duration_s * 5) + 1))
        clap = band_of_noise(len(t), 600, 5000, rng) * np.exp(-t * 180) * rng.uniform(0.1, 1)
        for start in ((at - at[0] + rng.uniform(0, 0.3)) * RATE_HZ).astype(int):
            if 0 <= start < n:
                wave[start : start + len(t)] += clap
    return wave[:n]


def wind(duration_s: float, rng: Generator) -> Wave:
    """Low noise in gusts."""
    n = round(duration_s * RATE_HZ)
    gust = np.interp(
        times_s(duration_s),
        np.arange(0, duration_s + 1, 0.4),
        rng.uniform(0.15, 1.0, len(np.arange(0, duration_s + 1, 0.4))),
    )
    return coloured(n, 0.9, rng) * gust


def waves_of_the_sea(duration_s: float, rng: Generator) -> Wave:
    t = times_s(duration_s)
    swell = (0.5 + 0.5 * np.sin(2 * np.pi * t / rng.uniform(2.5, 5) + rng.uniform(0, 6))) ** 2
    return coloured(len(t), 0.35, rng) * (0.1 + swell)


def clicks(duration_s: float, rng: Generator) -> Wave:
    """One click every so many milliseconds, as a clock's or a metronome's."""
    n = round(duration_s * RATE_HZ)
    wave = 0.002 * rng.standard_normal(n)
    t = times_s(0.02)
    for start in range(0, n - len(t), int(rng.uniform(0.25, 0.6) * RATE_HZ)):
        wave[start : start + len(t)] += np.sin(2 * np.pi * 1800 * t) * np.exp(-t * 300)
    return wave


# Signals.


def sine(duration_s: float, rng: Generator) -> Wave:
    hz = np.exp(rng.uniform(np.log(80.0), np.log(3000.0)))
    return np.asarray(np.sin(2 * np.pi * hz * times_s(duration_s)))


def dial_tone(duration_s: float, rng: Generator) -> Wave:
    t = times_s(duration_s)
    low, high = ((350, 440), (425, 425), (400, 450))[rng.integers(3)]
    return np.asarray(np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t))


def sweep(duration_s: float, rng: Generator) -> Wave:
    low, high = rng.uniform(80, 300), rng.uniform(2000, 7000)
    phase = low * duration_s / np.log(high / low)
    return np.asarray(
        np.sin(2 * np.pi * phase * (high / low) ** (times_s(duration_s) / duration_s))
    )


def beeps(duration_s: float, rng: Generator) -> Wave:
    t = times_s(duration_s)
    period_s = rng.uniform(0.25, 1.0)
    return np.sin(2 * np.pi * rng.uniform(600, 2500) * t) * (t % period_s < period_s / 2)


def siren(duration_s: float, rng: Generator) -> Wave:
    t = times_s(duration_s)
    hz = 900 + 400 * np.sin(2 * np.pi * rng.uniform(0.3, 3.0) * t)
    return harmonics(np.cumsum(hz) / RATE_HZ, 1300.0, (1, 0.3, 0.2))


def key_tones(duration_s: float, rng: Generator) -> Wave:
    """Telephone keys (DTMF), 0.15 s each and as long apart."""
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
    t = times_s(duration_s)
    on = t % 0.05 < 0.025
    hz = np.where(on, rng.uniform(700, 900), rng.uniform(1000, 1200))
    return harmonics(np.cumsum(hz) / RATE_HZ, 1200, (1, 0.4, 0.3)) * (t % 3.0 < 1.8)


def two_tone_alarm(duration_s: float, rng: Generator) -> Wave:
    t = times_s(duration_s)
    hz = np.where(t % 0.8 < 0.4, rng.uniform(400, 600), rng.uniform(700, 1000))
    return harmonics(np.cumsum(hz) / RATE_HZ, 1000.0, (1, 0, 0.33, 0, 0.2))


def buzzer(duration_s: float, rng: Generator) -> Wave:
    hz = rng.uniform(90, 300)
    return np.sign(np.sin(2 * np.pi * hz * times_s(duration_s)))


def bird(duration_s: float, rng: Generator) -> Wave:
    t = times_s(duration_s)
    hz = 3500 + 1200 * np.sin(2 * np.pi * rng.uniform(6, 12) * t)
    return np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ) * (np.sin(2 * np.pi * 1.7 * t) > 0)


def distorted(kind: Kind) -> Kind:
    def louder(duration_s: float, rng: Generator) -> Wave:
        wave = kind(duration_s, rng)
        return np.asarray(np.tanh(6.0 * wave / (np.abs(wave).max() + 1e-9)))

    return louder


def fan(duration_s: float, rng: Generator) -> Wave:
    """Steady noise with the tone of the blades."""
    t = times_s(duration_s)
    blades = harmonics(t * rng.uniform(90, 220), 220.0, (1, 0.5, 0.3))
    return coloured(len(t), 0.5, rng) + rng.uniform(0.1, 0.5) * blades


band = mix((1.0, drums), (0.7, melody(plucked, -36, -24)), (0.8, chords(organ, -12)))
duo = mix((1.0, melody(bowed, -14, 8)), (0.8, chords(plucked, -24, 4)))
trio = mix((1.0, melody(brass, -14, 5)), (0.8, hand_drums), (0.6, chords(piano, -24, 4)))


def marimba(hz: float, duration_s: float, _rng: Generator) -> Wave:
    t = times_s(duration_s)
    wave = np.sin(2 * np.pi * hz * t) * np.exp(-t * 7)
    return (wave + 0.3 * np.sin(2 * np.pi * 3.93 * hz * t) * np.exp(-t * 25)) * fades(
        len(t), 0.002, 0.02
    )


def accordion(hz: float, duration_s: float, rng: Generator) -> Wave:
    """Two reeds a little apart, which beat."""
    t = times_s(duration_s)
    gains = 1 / np.arange(1, 13) ** 0.8
    beating = harmonics(t * hz * 1.006, hz, gains)
    return (harmonics(t * hz + rng.random(), hz, gains) + beating) * fades(len(t), 0.05, 0.06)


def bongo(rng: Generator) -> Wave:
    t = times_s(0.15)
    hz = rng.choice([320.0, 440.0])
    return np.asarray(np.sin(2 * np.pi * hz * t) * np.exp(-t * 35))


def kettledrum(duration_s: float, rng: Generator) -> Wave:
    t = times_s(0.9)
    hit = np.exp(-t * 4) * sum(np.sin(2 * np.pi * 110 * k * t) / k for k in (1.0, 1.5, 2.0))
    wave = np.zeros(round(duration_s * RATE_HZ) + len(t))
    for start in range(0, len(wave) - len(t), int(rng.uniform(0.5, 1.0) * RATE_HZ)):
        wave[start : start + len(t)] += hit
    return wave[: round(duration_s * RATE_HZ)]


def vacuum_cleaner(duration_s: float, rng: Generator) -> Wave:
    """A motor's tone that settles, in strong noise."""
    t = times_s(duration_s)
    hz = rng.uniform(200, 330) * (1 + 0.05 * np.exp(-t) + 0.003 * np.sin(2 * np.pi * 0.7 * t))
    motor = harmonics(np.cumsum(hz) / RATE_HZ, 350.0, (1, 0.4, 0.6, 0.2, 0.3))
    return coloured(len(t), 0.3, rng) + rng.uniform(0.2, 1.0) * motor


def stream(duration_s: float, rng: Generator) -> Wave:
    """Bubbles (decaying tones that rise) over soft noise."""
    n = round(duration_s * RATE_HZ)
    wave = 0.1 * coloured(n, 0.4, rng)
    t = times_s(0.04)
    for start in rng.integers(0, n - len(t), int(60 * duration_s)):
        phase = np.cumsum(rng.uniform(400, 2500) * (1 + 6 * t)) / RATE_HZ
        wave[start : start + len(t)] += (
            rng.exponential(0.4) * np.sin(2 * np.pi * phase) * np.exp(-t * 90)
        )
    return wave


def footsteps(duration_s: float, rng: Generator) -> Wave:
    n = round(duration_s * RATE_HZ)
    wave = 0.005 * coloured(n, 0.5, rng)
    t = times_s(0.12)
    for start in range(int(0.1 * RATE_HZ), n - len(t), int(rng.uniform(0.4, 0.6) * RATE_HZ)):
        wave[start : start + len(t)] += coloured(len(t), 0.8, rng) * np.exp(-t * 50)
    return wave


def printer(duration_s: float, rng: Generator) -> Wave:
    """A buzz of strokes that comes and goes, as of needles over paper."""
    t = times_s(duration_s)
    strokes = (t * rng.uniform(120, 200)) % 1.0 < 0.2
    return (coloured(len(t), 0.1, rng) * strokes) * (t % 0.7 < 0.5) + 0.01 * coloured(
        len(t), 0.3, rng
    )


def thunder(duration_s: float, rng: Generator) -> Wave:
    t = times_s(duration_s)
    return coloured(len(t), 1.2, rng) * (np.exp(-t) + 0.4 * np.exp(-((t - 1.5) ** 2) * 4))


def busy_tone(duration_s: float, _rng: Generator) -> Wave:
    t = times_s(duration_s)
    return (np.sin(2 * np.pi * 480 * t) + np.sin(2 * np.pi * 620 * t)) * (t % 1.0 < 0.5)


def kettle(duration_s: float, rng: Generator) -> Wave:
    """A whistle that wavers, with the hiss of steam."""
    t = times_s(duration_s)
    waver = np.cumsum(coloured(len(t), 1.5, rng))
    hz = rng.uniform(1500, 2500) * (1 + 0.01 * waver / (np.abs(waver).max() + 1e-9))
    return np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ) + 0.2 * coloured(len(t), 0.0, rng)


def modem(duration_s: float, rng: Generator) -> Wave:
    """Bits as two tones, 300 a second."""
    t = times_s(duration_s)
    bits = rng.integers(0, 2, int(duration_s * 300) + 1)[(t * 300).astype(int)]
    return np.asarray(np.sin(2 * np.pi * np.cumsum(np.where(bits, 1270.0, 1070.0)) / RATE_HZ))


def keys(duration_s: float, rng: Generator) -> Wave:
    """High rings at random times, as of a bunch of keys."""
    n = round(duration_s * RATE_HZ)
    wave = 0.002 * rng.standard_normal(n)
    t = times_s(0.06)
    for start in rng.integers(0, n - len(t), int(10 * duration_s)):
        hz = rng.uniform(2500, 7000)
        wave[start : start + len(t)] += rng.random() * np.sin(2 * np.pi * hz * t) * np.exp(-t * 60)
    return wave


bongos = beats(((0b01101101, bongo), (0b10010010, bongo)))
techno = beats(((0b01010101, kick), (0b10101010, hat)))

DESIGN: dict[str, dict[str, Kind]] = {
    "music": {
        "piano melody": melody(piano, -14, 14, ring=1.5),
        "organ chords": chords(organ, -21),
        "guitar chords": chords(plucked, -28, 4),
        "violin or cello melody": melody(bowed, -26, 12),
        "drum loop": drums,
        "band": band,
        "distorted guitar chords": distorted(chords(plucked, -28, 3)),
        "dance music": mix((1.0, drums), (0.9, melody(saw, -36, -24)), (0.6, chords(saw, -12))),
        "violin with piano": mix((1.0, melody(bowed, -10, 14)), (0.8, chords(piano, -24, 4))),
        "synthesiser melody": melody(saw, -28, 8),
        "piano chords": chords(piano, -21, 4),
        "organ melody": melody(organ, -21, 12),
        "guitar melody": melody(plucked, -28, 0, ring=1.3),
        "string ensemble": chords(bowed, -21, 5),
        "flute melody": melody(flute, -5, 22),
        "brass melody": melody(brass, -21, 5),
        "bells": melody(bell, -5, 12, ring=3.0),
        "hand drums": hand_drums,
        "duo": duo,
        "trio": trio,
    },
    "noise": {
        "white noise": white,
        "brown noise": brown,
        "hum at 50 Hz": hum(50.0, 0.5),
        "engine": engine,
        "rain": rain,
        "typing": typing,
        "fan": fan,
        "waves of the sea": waves_of_the_sea,
        "pink noise": pink,
        "hum at 60 Hz": hum(60.0, 1.2),
        "rotor": rotor,
        "crackle": crackle,
        "applause": applause,
        "wind": wind,
        "clicks": clicks,
    },
    "tone": {
        "sine": sine,
        "dial tone": dial_tone,
        "sweep": sweep,
        "beeps": beeps,
        "buzzer": buzzer,
        "siren": siren,
        "telephone keys": key_tones,
        "ringing": ringing,
        "two-tone alarm": two_tone_alarm,
        "bird": bird,
    },
}

HELD_OUT: dict[str, dict[str, Kind]] = {
    "music": {
        "marimba melody": melody(marimba, -14, 14),
        "accordion chords": chords(accordion, -14),
        "bass line": melody(plucked, -40, -26),
        "bongos and bells": mix((1.0, bongos), (0.6, melody(bell, 0, 18))),
        "orchestra": mix(
            (1.0, chords(bowed, -24, 4)), (0.7, melody(brass, -10, 8)), (0.6, kettledrum)
        ),
        "techno": mix((1.0, techno), (0.7, distorted(melody(saw, -30, -12)))),
    },
    "noise": {
        "vacuum cleaner": vacuum_cleaner,
        "stream": stream,
        "footsteps": footsteps,
        "printer": printer,
        "thunder": thunder,
    },
    "tone": {"busy tone": busy_tone, "kettle": kettle, "modem": modem, "jingle of keys": keys},
}


def sound(kind: Kind, duration_s: float = 4.0, seed: int = 0, level_db: float = -20.0) -> Samples:
    """Return a kind's samples at a level, float32 (n,)."""
    return at_level(kind(duration_s, np.random.default_rng(seed)), level_db)
