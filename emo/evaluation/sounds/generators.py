"""Music, noise and signals by formula: sounds that are not speech, to test speech detection.

Every kind is a function of a duration and a generator, so one kind gives as many different sounds
as there are seeds.  The limits in ``features.speech`` were chosen on the kinds in ``DESIGN``;
those in ``HELD_OUT`` were measured only afterwards.
"""

import numpy as np
from numpy.random import Generator

from emo.audio.activity import Floats
from emo.audio.clip import RATE_HZ
from emo.evaluation.sounds.music import (
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
from emo.evaluation.sounds.tones import (
    beeps,
    bird,
    busy_tone,
    buzzer,
    dial_tone,
    kettle,
    key_tones,
    keys,
    modem,
    ringing,
    sine,
    siren,
    sweep,
    two_tone_alarm,
)
from emo.evaluation.sounds.vocal_bursts import BURSTS


def white(duration_s: float, rng: Generator) -> Wave:
    """Return noise with as much power at every frequency."""
    return coloured(round(duration_s * RATE_HZ), 0.0, rng)


def pink(duration_s: float, rng: Generator) -> Wave:
    """Return noise that falls by 3 dB an octave."""
    return coloured(round(duration_s * RATE_HZ), 0.5, rng)


def brown(duration_s: float, rng: Generator) -> Wave:
    """Return noise that falls by 6 dB an octave."""
    return coloured(round(duration_s * RATE_HZ), 1.0, rng)


def deep(tilt: float) -> Kind:
    """Return noise that rises further below the audible range, down to 1 Hz."""

    def kind(duration_s: float, rng: Generator) -> Wave:
        return coloured(round(duration_s * RATE_HZ), tilt, rng, 1.0)

    return kind


def blue(duration_s: float, rng: Generator) -> Wave:
    """Return noise that rises by 3 dB an octave."""
    return coloured(round(duration_s * RATE_HZ), -0.5, rng)


def violet(duration_s: float, rng: Generator) -> Wave:
    """Return noise that rises by 6 dB an octave."""
    return coloured(round(duration_s * RATE_HZ), -1.0, rng)


def passed(low_hz: float, high_hz: float) -> Kind:
    """Return noise of one band, its edges an eighth higher or lower in each sound."""

    def kind(duration_s: float, rng: Generator) -> Wave:
        shift = rng.uniform(0.875, 1.125)
        n = round(duration_s * RATE_HZ)
        return band_of_noise(n, low_hz * shift, high_hz * shift, rng) + 0.003 * coloured(n, 0, rng)

    return kind


def air(duration_s: float, rng: Generator) -> Wave:
    """Return air from an outlet: noise below a few hundred hertz, a hiss, and a motor's hum."""
    t = times_s(duration_s)
    wave = coloured(len(t), rng.uniform(0.6, 1.0), rng) + 0.1 * coloured(len(t), -0.2, rng)
    return wave * (1 + 0.05 * np.sin(2 * np.pi * 0.3 * t)) + 0.05 * hum(50.0, 1.0)(duration_s, rng)


def pulsing(kind: Kind) -> Kind:
    """Return a kind whose level swells and falls as often as syllables, two to eight a second."""

    def pulsed(duration_s: float, rng: Generator) -> Wave:
        beat = np.cumsum(
            rng.uniform(2, 8) * (1 + 0.3 * coloured(round(duration_s * RATE_HZ), 1.0, rng))
        )
        return kind(duration_s, rng) * (0.05 + np.sin(np.pi * beat / RATE_HZ) ** 2)

    return pulsed


def hum(mains_hz: float, steepness: float) -> Kind:
    """Return the hum of the mains, its harmonics falling more or less steeply."""

    def kind(duration_s: float, rng: Generator) -> Wave:
        t = times_s(duration_s)
        k = np.arange(1, 25)
        wave = harmonics(t * mains_hz, mains_hz, rng.uniform(0.3, 1.0, 24) / k**steepness)
        return wave + 0.01 * rng.standard_normal(len(t))

    return kind


def engine(duration_s: float, rng: Generator) -> Wave:
    """Return the firing of an engine at a rate that drifts, over low noise."""
    t = times_s(duration_s)
    drift = np.cumsum(rng.standard_normal(len(t))) / RATE_HZ**0.5
    rate_hz = rng.uniform(25, 60) * (1 + 0.02 * drift + 0.1 * np.sin(0.7 * t))
    k = np.arange(1, 40)
    wave = harmonics(np.cumsum(rate_hz) / RATE_HZ, 70.0, rng.uniform(0.2, 1.0, 39) / k**0.8)
    return wave + 0.5 * coloured(len(t), 0.6, rng)


def rotor(duration_s: float, rng: Generator) -> Wave:
    """Return low noise in pulses, as of a helicopter."""
    t = times_s(duration_s)
    pulse = (0.5 + 0.5 * np.cos(2 * np.pi * rng.uniform(9, 14) * t)) ** 3
    return coloured(len(t), 0.7, rng) * (0.25 + pulse)


def drops(n: int, per_s: float, decay_per_s: float, rng: Generator) -> Wave:
    """Return short noise bursts at random times, of random strength."""
    hits = (rng.random(n) < per_s / RATE_HZ) * rng.exponential(1.0, n)
    t = times_s(0.05)
    burst = rng.standard_normal(len(t)) * np.exp(-t * decay_per_s)
    size = 1 << (n + len(burst)).bit_length()
    return np.asarray(np.fft.irfft(np.fft.rfft(hits, size) * np.fft.rfft(burst, size))[:n])


def rain(duration_s: float, rng: Generator) -> Wave:
    """Return some four hundred drops a second over a soft hiss."""
    n = round(duration_s * RATE_HZ)
    return drops(n, 400.0, 900.0, rng) + 0.15 * coloured(n, 0.2, rng)


def crackle(duration_s: float, rng: Generator) -> Wave:
    """Return single short bursts, as of a fire or an old record."""
    n = round(duration_s * RATE_HZ)
    return drops(n, 15.0, 1500.0, rng) + 0.03 * coloured(n, 0.8, rng)


def typing(duration_s: float, rng: Generator) -> Wave:
    """Return seven strokes a second."""
    n = round(duration_s * RATE_HZ)
    return drops(n, 7.0, 250.0, rng) + 0.01 * coloured(n, 0.5, rng)


def applause(duration_s: float, rng: Generator) -> Wave:
    """Return the applause of sixty people who each clap about four times a second."""
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
    """Return low noise in gusts."""
    n = round(duration_s * RATE_HZ)
    gust = np.interp(
        times_s(duration_s),
        np.arange(0, duration_s + 1, 0.4),
        rng.uniform(0.15, 1.0, len(np.arange(0, duration_s + 1, 0.4))),
    )
    return coloured(n, 0.9, rng) * gust


def waves_of_the_sea(duration_s: float, rng: Generator) -> Wave:
    """Return noise that swells every few seconds."""
    t = times_s(duration_s)
    swell = (0.5 + 0.5 * np.sin(2 * np.pi * t / rng.uniform(2.5, 5) + rng.uniform(0, 6))) ** 2
    return coloured(len(t), 0.35, rng) * (0.1 + swell)


def clicks(duration_s: float, rng: Generator) -> Wave:
    """Return a click at a steady interval, as of a clock or a metronome."""
    n = round(duration_s * RATE_HZ)
    wave = 0.002 * rng.standard_normal(n)
    t = times_s(0.02)
    for start in range(0, n - len(t), int(rng.uniform(0.25, 0.6) * RATE_HZ)):
        wave[start : start + len(t)] += np.sin(2 * np.pi * 1800 * t) * np.exp(-t * 300)
    return wave


def distorted(kind: Kind) -> Kind:
    """Return a kind overdriven until its peaks are round."""

    def louder(duration_s: float, rng: Generator) -> Wave:
        wave = kind(duration_s, rng)
        return np.asarray(np.tanh(6.0 * wave / (np.abs(wave).max() + 1e-9)))

    return louder


def fan(duration_s: float, rng: Generator) -> Wave:
    """Return steady noise with the tone of the blades."""
    t = times_s(duration_s)
    blades = harmonics(t * rng.uniform(90, 220), 220.0, (1, 0.5, 0.3))
    return coloured(len(t), 0.5, rng) + rng.uniform(0.1, 0.5) * blades


band = mix((1.0, drums), (0.7, melody(plucked, -36, -24)), (0.8, chords(organ, -12)))
duo = mix((1.0, melody(bowed, -14, 8)), (0.8, chords(plucked, -24, 4)))
trio = mix((1.0, melody(brass, -14, 5)), (0.8, hand_drums), (0.6, chords(piano, -24, 4)))


def marimba(hz: float, duration_s: float, _rng: Generator) -> Wave:
    """Return a bar of wood: a decaying sine and a short overtone."""
    t = times_s(duration_s)
    wave = np.sin(2 * np.pi * hz * t) * np.exp(-t * 7)
    return (wave + 0.3 * np.sin(2 * np.pi * 3.93 * hz * t) * np.exp(-t * 25)) * fades(
        len(t), 0.002, 0.02
    )


def accordion(hz: float, duration_s: float, rng: Generator) -> Wave:
    """Return two reeds of slightly different pitch, which beat."""
    t = times_s(duration_s)
    gains = 1 / np.arange(1, 13) ** 0.8
    beating = harmonics(t * hz * 1.006, hz, gains)
    return (harmonics(t * hz + rng.random(), hz, gains) + beating) * fades(len(t), 0.05, 0.06)


def bongo(rng: Generator) -> Wave:
    """Return a small skin of one of two sizes."""
    t = times_s(0.15)
    hz = rng.choice([320.0, 440.0])
    return np.asarray(np.sin(2 * np.pi * hz * t) * np.exp(-t * 35))


def kettledrum(duration_s: float, rng: Generator) -> Wave:
    """Return a large skin, struck now and then."""
    t = times_s(0.9)
    hit = np.exp(-t * 4) * sum(np.sin(2 * np.pi * 110 * k * t) / k for k in (1.0, 1.5, 2.0))
    wave = np.zeros(round(duration_s * RATE_HZ) + len(t))
    for start in range(0, len(wave) - len(t), int(rng.uniform(0.5, 1.0) * RATE_HZ)):
        wave[start : start + len(t)] += hit
    return wave[: round(duration_s * RATE_HZ)]


def vacuum_cleaner(duration_s: float, rng: Generator) -> Wave:
    """Return the tone of a motor that settles, in strong noise."""
    t = times_s(duration_s)
    hz = rng.uniform(200, 330) * (1 + 0.05 * np.exp(-t) + 0.003 * np.sin(2 * np.pi * 0.7 * t))
    motor = harmonics(np.cumsum(hz) / RATE_HZ, 350.0, (1, 0.4, 0.6, 0.2, 0.3))
    return coloured(len(t), 0.3, rng) + rng.uniform(0.2, 1.0) * motor


def stream(duration_s: float, rng: Generator) -> Wave:
    """Return bubbles (decaying tones that rise) over soft noise."""
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
    """Return dull thuds, two a second."""
    n = round(duration_s * RATE_HZ)
    wave = 0.005 * coloured(n, 0.5, rng)
    t = times_s(0.12)
    for start in range(int(0.1 * RATE_HZ), n - len(t), int(rng.uniform(0.4, 0.6) * RATE_HZ)):
        wave[start : start + len(t)] += coloured(len(t), 0.8, rng) * np.exp(-t * 50)
    return wave


def printer(duration_s: float, rng: Generator) -> Wave:
    """Return a buzz of strokes that comes and goes, as of needles over paper."""
    t = times_s(duration_s)
    strokes = (t * rng.uniform(120, 200)) % 1.0 < 0.2
    return (coloured(len(t), 0.1, rng) * strokes) * (t % 0.7 < 0.5) + 0.01 * coloured(
        len(t), 0.3, rng
    )


def thunder(duration_s: float, rng: Generator) -> Wave:
    """Return a rumble that fades and comes back."""
    t = times_s(duration_s)
    return coloured(len(t), 1.2, rng) * (np.exp(-t) + 0.4 * np.exp(-((t - 1.5) ** 2) * 4))


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
        "blue noise": blue,
        "violet noise": violet,
        "noise of 100 to 400 Hz": passed(100.0, 400.0),
        "noise of 300 to 3400 Hz": passed(300.0, 3400.0),
        "noise of 900 to 1100 Hz": passed(900.0, 1100.0),
        "air conditioning": air,
        "pulsing pink noise": pulsing(pink),
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
        "pink noise down to 1 Hz": deep(0.5),
        "brown noise down to 1 Hz": deep(1.0),
        "noise of 2 to 6 kHz": passed(2000.0, 6000.0),
        "pulsing white noise": pulsing(white),
    },
    "tone": {"busy tone": busy_tone, "kettle": kettle, "modem": modem, "jingle of keys": keys},
    "burst": BURSTS,
}

KINDS = {
    name: make
    for table in (DESIGN, HELD_OUT)
    for row in table.values()
    for name, make in row.items()
}
"""Every kind by its name."""


def sound(kind: Kind, duration_s: float = 4.0, seed: int = 0, level_db: float = -20.0) -> Floats:
    """Return samples of a kind, float32 (n,), at a level in dB and clipped at full scale."""
    wave = kind(duration_s, np.random.default_rng(seed))
    rms = float(np.sqrt(np.mean(wave**2))) or 1.0
    return np.clip(wave * (10 ** (level_db / 20) / rms), -1.0, 1.0).astype(np.float32)
