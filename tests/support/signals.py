"""Signals made by formula for the tests: tones, chirps, noise and a speaking voice.

Samples are float32, shape (n,); nothing is read from a file, and the same arguments give the same
samples.  The second half puts samples into files of each format, again without stored ones.
"""

import io
import struct
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float32]

RATE_HZ = 16_000

VOWELS_HZ = {
    "a": (730.0, 1090.0, 2440.0, 3400.0),
    "e": (530.0, 1840.0, 2480.0, 3500.0),
    "i": (270.0, 2290.0, 3010.0, 3700.0),
    "o": (570.0, 840.0, 2410.0, 3300.0),
    "u": (300.0, 870.0, 2240.0, 3300.0),
}
"""First four formants of a man's vowels (Peterson and Barney 1952; the fourth is set)."""

FORMANT_WIDTHS_HZ = (80.0, 100.0, 140.0, 200.0)

LOSSLESS = (
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("RF64", "PCM_16"),
    ("W64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
    ("FLAC", "PCM_16"),
)
"""Containers and codings of them that keep every sample."""

LOSSY = (
    ("WAV", "ULAW"),
    ("WAV", "IMA_ADPCM"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
)


def times_s(duration_s: float, rate_hz: int = RATE_HZ) -> npt.NDArray[np.float64]:
    """Return the time of each sample."""
    return np.arange(round(duration_s * rate_hz)) / rate_hz


def at_level(samples: npt.ArrayLike, level_db: float) -> Samples:
    """Return `samples` scaled to a root mean square of `level_db` relative to full scale."""
    wave = np.asarray(samples, dtype=np.float64)
    rms = np.sqrt(np.mean(wave**2)) if wave.size else 0.0
    return (wave * (10 ** (level_db / 20) / rms if rms else 0.0)).astype(np.float32)


def tone(
    frequency_hz: float = 440.0,
    duration_s: float = 1.0,
    rate_hz: int = RATE_HZ,
    amplitude: float = 0.5,
) -> Samples:
    """Return a sine that starts at zero."""
    wave = amplitude * np.sin(2 * np.pi * frequency_hz * times_s(duration_s, rate_hz))
    return wave.astype(np.float32)


def chirp(
    start_hz: float = 100.0,
    stop_hz: float = 4000.0,
    duration_s: float = 1.0,
    rate_hz: int = RATE_HZ,
    amplitude: float = 0.5,
) -> Samples:
    """Return a sine whose frequency rises or falls along a line."""
    t = times_s(duration_s, rate_hz)
    phase = 2 * np.pi * (start_hz * t + (stop_hz - start_hz) * t**2 / (2 * duration_s))
    return (amplitude * np.sin(phase)).astype(np.float32)


def noise(
    duration_s: float = 1.0, rate_hz: int = RATE_HZ, level_db: float = -20.0, seed: int = 0
) -> Samples:
    """Return white Gaussian noise."""
    generator = np.random.default_rng(seed)
    return at_level(generator.standard_normal(round(duration_s * rate_hz)), level_db)


def silence(duration_s: float = 1.0, rate_hz: int = RATE_HZ) -> Samples:
    """Return zeros."""
    return np.zeros(round(duration_s * rate_hz), dtype=np.float32)


def formant_gain(
    frequency_hz: npt.NDArray[np.float64], formants_hz: tuple[float, ...]
) -> npt.NDArray[np.float64]:
    """Return the gain of a vocal tract with these resonances (second order each, 1 at 0 Hz)."""
    s = 1j * frequency_hz
    gain = np.ones(frequency_hz.shape, dtype=np.complex128)
    for formant_hz, width_hz in zip(formants_hz, FORMANT_WIDTHS_HZ, strict=True):
        pole = -width_hz / 2 + 1j * formant_hz
        gain *= abs(pole) ** 2 / ((s - pole) * (s - pole.conjugate()))
    return np.asarray(np.abs(gain), dtype=np.float64)


def voice(
    pitch_hz: float | tuple[float, float] = 120.0,
    duration_s: float = 2.0,
    rate_hz: int = RATE_HZ,
    *,
    vowels: str = "aeiou",
    syllables_per_s: float = 4.0,
    breath_db: float = -40.0,
    level_db: float = -20.0,
    seed: int = 0,
) -> Samples:
    """Return a voice that speaks vowels in syllables, with some breath noise.

    The glottal pulses are a sum of the harmonics of the pitch that falls 12 dB an octave, each
    shaped by the formants of the vowel of its syllable, so pitch and spectrum are known exactly.

    Parameters
    ----------
    pitch_hz : float or (float, float)
        Constant pitch, or its values at the start and at the end of a straight glide.
    vowels : str
        Keys of :data:`VOWELS_HZ`; syllable after syllable takes the next one.
    breath_db : float
        Level of the noise relative to the voiced part.
    """
    t = times_s(duration_s, rate_hz)
    start_hz, stop_hz = pitch_hz if isinstance(pitch_hz, tuple) else (pitch_hz, pitch_hz)
    contour_hz = start_hz + (stop_hz - start_hz) * t / duration_s
    phase = 2 * np.pi * np.cumsum(contour_hz) / rate_hz
    beat = t * syllables_per_s
    vowel = np.floor(beat).astype(int) % len(vowels)
    wave = np.zeros(len(t))
    grid_hz = np.arange(0.0, rate_hz / 2 + 1, 10.0)
    gains = np.stack([formant_gain(grid_hz, VOWELS_HZ[key]) for key in vowels])
    for k in range(1, int(rate_hz / 2 / min(start_hz, stop_hz)) + 1):
        at = np.minimum((k * contour_hz / 10.0).round().astype(int), len(grid_hz) - 1)
        audible = k * contour_hz < rate_hz / 2
        wave += audible * gains[vowel, at] / k**2 * np.sin(k * phase)
    envelope = np.sin(np.pi * (beat % 1.0)) ** 0.5
    breath = noise(duration_s, rate_hz, level_db + breath_db, seed)
    return at_level(wave * envelope, level_db) + breath


def padded(samples: Samples, before_s: float, after_s: float, rate_hz: int = RATE_HZ) -> Samples:
    """Return `samples` with digital silence on both sides."""
    return np.concatenate([silence(before_s, rate_hz), samples, silence(after_s, rate_hz)])


def turns(seed: int, gap_s: tuple[float, float], n: int = 8) -> tuple[Samples, Samples]:
    """Return two voices that take turns, each on a track of its own, float32 (n,) each."""
    rng = np.random.default_rng(seed)
    tracks = np.zeros((2, round((n + 1) * 2.0 * RATE_HZ)), np.float32)
    at_s = 0.0
    for turn in range(n):
        who = turn % 2
        pitch = (110.0, 230.0)[who] * 2 ** rng.uniform(-0.2, 0.2, 2)
        spoken = voice(tuple(pitch), rng.uniform(0.5, 1.5), seed=int(rng.integers(1000)))
        start = round(at_s * RATE_HZ)
        tracks[who, start : start + len(spoken)] += spoken
        at_s = max(0.0, at_s + len(spoken) / RATE_HZ + rng.uniform(*gap_s))
    end = round((at_s + 0.5) * RATE_HZ)
    return tracks[0, :end], tracks[1, :end]


def hiss(n: int, level_db: float, seed: int) -> Samples:
    """Return `n` samples of noise."""
    return noise((n + 1) / RATE_HZ, level_db=level_db, seed=seed)[:n]


def call(
    seed: int,
    gain_db: float = 0.0,
    leak_db: float = -60.0,
    floor_db: float = -65.0,
    gap_s: float = 0.3,
) -> Samples:
    """Return a call: a person on each channel, the other one faintly, and noise; (n, 2)."""
    here, there = turns(seed, (-gap_s, 0.5))
    leak = np.float32(10 ** (leak_db / 20))
    left, right = here + leak * np.roll(there, 900), there + leak * np.roll(here, 1200)
    right *= np.float32(10 ** (gain_db / 20))
    n = len(left)
    return np.stack([left + hiss(n, floor_db, seed), right + hiss(n, floor_db, seed + 99)], axis=1)


@lru_cache
def falling(start_hz: float, stop_hz: float) -> Samples:
    """Return a voice whose pitch falls along a line for two seconds."""
    return voice((start_hz, stop_hz), 2.0)


def spoken(duration_s: float = 2.0, level_db: float = -20.0) -> Samples:
    """Return a voice whose pitch falls by an octave in two seconds, repeatedly."""
    long = np.tile(falling(240.0, 120.0), int(duration_s / 2) + 1)
    return at_level(long[: round(duration_s * 16_000)], level_db)


def encoded(
    samples: npt.ArrayLike,
    rate_hz: int = RATE_HZ,
    container: str = "WAV",
    subtype: str | None = None,
) -> bytes:
    """Return the bytes of a file of any format that soundfile writes; samples (n,) or (n, c)."""
    file = io.BytesIO()
    soundfile.write(file, np.asarray(samples), rate_hz, format=container, subtype=subtype)
    return file.getvalue()


def m4a(samples: Samples, rate_hz: int = RATE_HZ) -> bytes:
    """Return AAC in an M4A file, as a telephone records it."""
    import codecpod

    return codecpod.save_bytes(samples, rate_hz, codecpod.Aac(bit_rate=64_000))


def adts(samples: Samples, rate_hz: int = RATE_HZ) -> bytes:
    """Return the same AAC as a raw stream: each packet of the M4A behind an ADTS header."""
    rates_hz = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
    data = m4a(samples, rate_hz)
    table = data.index(b"stsz") + 8
    fixed, count = struct.unpack_from(">II", data, table)
    assert fixed == 0
    sizes = struct.unpack_from(f">{count}I", data, table + 8)
    start = data.index(b"mdat") + 4
    stream = bytearray()
    for size in sizes:
        length = size + 7
        header = 0xFFF1 << 40 | 1 << 38 | rates_hz.index(rate_hz) << 34 | 1 << 30
        header |= length << 13 | 0x7FF << 2
        stream += header.to_bytes(7, "big") + data[start : start + size]
        start += size
    return bytes(stream)


def ogg_packets(data: bytes) -> list[bytes]:
    """Return the packets of an Ogg file that holds one stream (RFC 3533)."""
    packets, part, at = [], b"", 0
    while at < len(data):
        lacing = data[at + 27 : at + 27 + data[at + 26]]
        at += 27 + len(lacing)
        for size in lacing:
            part += data[at : at + size]
            at += size
            if size < 255:
                packets.append(part)
                part = b""
    return packets


def element(name: str, content: bytes) -> bytes:
    """Return one element of EBML (RFC 8794): its id in hexadecimal, its size, its content."""
    size = len(content)
    stated = bytes([0x80 | size]) if size < 127 else (size | 1 << 56).to_bytes(8, "big")
    return bytes.fromhex(name) + stated + content


def webm(track: bytes, packets: list[bytes], step_ms: int = 20) -> bytes:
    """Return a WebM file with one track, each packet a block of `step_ms`, 250 in a cluster."""
    head = element("4282", b"webm") + element("4287", b"\x04") + element("4285", b"\x02")
    segment = element("1549A966", element("2AD7B1", (1_000_000).to_bytes(4, "big")))
    segment += element("1654AE6B", element("AE", element("D7", b"\x01") + track))
    for first in range(0, len(packets), 250):
        blocks = b"".join(
            element("A3", b"\x81" + (i * step_ms).to_bytes(2, "big") + b"\x80" + packet)
            for i, packet in enumerate(packets[first : first + 250])
        )
        start = (first * step_ms).to_bytes(4, "big")
        segment += element("1F43B675", element("E7", start) + blocks)
    return element("1A45DFA3", head) + element("18538067", segment)


def opus_track(identity: bytes) -> bytes:
    """Return the description of a WebM track of mono Opus, `identity` being its header packet."""
    sound = element("B5", struct.pack(">d", 48_000.0)) + element("9F", b"\x01")
    track = element("73C5", b"\x01") + element("83", b"\x02") + element("86", b"A_OPUS")
    return track + element("63A2", identity) + element("E1", sound)


def webm_opus(samples: Samples, rate_hz: int = RATE_HZ) -> bytes:
    """Return Opus in a WebM file, as a browser's recorder writes it."""
    identity, _, *packets = ogg_packets(encoded(samples, rate_hz, "OGG", "OPUS"))
    return webm(opus_track(identity), packets)


def webm_video() -> bytes:
    """Return a WebM file with pictures (empty VP8 frames) and no sound."""
    track = element("73C5", b"\x01") + element("83", b"\x01") + element("86", b"V_VP8")
    track += element("E0", element("B0", b"\xa0") + element("BA", b"\x78"))
    return webm(track, [b"\x10\x02\x00\x9d\x01\x2a\xa0\x00\x78\x00" + bytes(16)] * 25, 40)


def are_alike(one: Samples, other: Samples, atol: float) -> bool:
    """Return whether two sounds are equal apart from a constant offset."""
    assert one.shape == other.shape
    return not one.size or bool(np.allclose(one - one.mean(), other - other.mean(), atol=atol))
