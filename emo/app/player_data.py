"""Images and sound of a clip for the player in the browser, as one block of bytes.

A block consists of the length of its header (uint32, little-endian), the header as JSON, and the
parts, whose offsets and lengths the header lists.  All parts except the sound are compressed with
zlib.
"""

import io
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import soundfile

from emo.app import theme
from emo.app.own import served
from emo.audio.activity import Floats
from emo.audio.clip import RATE_HZ
from emo.audio.limits import MIN_DURATION_S
from emo.features.frames import FRAME_S, WINDOW, Pictures, measure_pictures, mel_centres_hz

RANGE_DB = 80
"""Dynamic range of the spectrograms; lower levels are sent as silence."""

MAX_LEVEL_DB = 20.0
"""Level that is sent as 0; the unit is half a decibel below it."""

MAX_MEL_COLUMNS, MAX_LINEAR_COLUMNS, MAX_WAVEFORM_COLUMNS = 6_000, 3_000, 8_000
"""Columns of the images; neighbours are averaged in longer ones."""

PALETTE = (  # magma, perceptually uniform (van der Walt and Smith 2015)
    "#000004",
    "#180f3d",
    "#440f76",
    "#721f81",
    "#9e2f7f",
    "#cd4071",
    "#f1605d",
    "#fd9668",
    "#feca8d",
    "#fcfdbf",
)
LINEAR_BINS = 128  # means of two bins of the spectrum, 62.5 Hz apart
LOSSLESS_S = 15.0
"""Longest clip that is sent with all its 16 bits, as FLAC."""

LONG_BITS = (12, 10, 8)
"""Bits of a sample of a longer clip, the first that make a small file.

Ten minutes of speech with 12 bits take 4 MB and 0.3 s, an MP3 takes 2 MB and 5 s of computing.
"""

MAX_FLAC_BYTES_PER_S = 10_000
"""Largest FLAC of a longer clip; noise takes more, and is sent as MP3 with 64 kbit/s."""

MIN_PART_S = MIN_DURATION_S
"""Shortest part that can be selected, and that is analysed on its own."""

PEAK = 0.9
"""Peak of the sound, relative to full scale."""

_COMPRESSION_64_KBIT = 0.63  # of libsndfile, at 16 kHz mono


def pack_player(
    samples: Floats,
    span: tuple[int, int],
    texts: Mapping[str, str],
    peak: float | None = None,
    shown_s: float | None = None,
    name: str = "",
    key: str = "",
    lanes: Sequence[str] = (),
    stem: str = "",
) -> bytes:
    """Return a clip with its waveform, spectrograms, pitch and loudness as a block.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        Mono at 16 kHz.
    span
        First sample that the classifiers use, and the first one after them.
    texts
        Texts of the player by name.
    peak
        Sample value that is played at full level; by default the highest of the clip.
    shown_s
        Width of the view in seconds, the same for two players side by side; by default the
        duration of the clip.
    name
        Name of the clip, above its saved picture.
    key
        Key of the clip, by which the player finds its lanes on the page.
    lanes
        Names of the lanes for which the player keeps room; none for a clip without a timeline.
    stem
        Beginning of the names of the files that the player saves.

    Returns
    -------
    bytes
        Header and parts as described at the top of this module.
    """
    pictures = measure_pictures(samples)
    pitch_hz, level_db = pictures.pitch_hz, pictures.level_db
    spectrograms = _spectrograms(pictures)
    del pictures  # 80 MB for ten minutes
    clip_peak = max(float(samples.max()), -float(samples.min()))
    low, high = envelope(samples / (clip_peak or 1.0), MAX_WAVEFORM_COLUMNS)
    full_level = clip_peak if peak is None else peak
    sound, mime = encode_sound(samples * (PEAK / (full_level or 1.0)))
    parts = {
        "sound": sound,
        "waveform": deflate(np.round(np.stack([low, high]) * 127).astype(np.int8)),
        **{name: deflate(levels) for name, levels in spectrograms.items()},
        "pitch": deflate(np.round(np.nan_to_num(pitch_hz) * 10).astype("<u2")),
        "level": deflate(np.clip(np.round((MAX_LEVEL_DB - level_db) * 2), 0, 255).astype(np.uint8)),
    }
    header = {
        "duration_s": len(samples) / RATE_HZ,
        "shown_s": shown_s,
        "min_part_s": MIN_PART_S,
        "name": name,
        "stem": stem,
        "key": key,
        "lanes": list(lanes),
        "span_s": [span[0] / RATE_HZ, span[1] / RATE_HZ],
        "frame_s": FRAME_S,
        "range_db": RANGE_DB,
        "loudest_db": MAX_LEVEL_DB,
        "mime": mime,
        "mel_hz": [round(float(hz), 1) for hz in mel_centres_hz()],
        "linear_hz": [(2 * i + 1.5) * RATE_HZ / WINDOW for i in range(LINEAR_BINS)],
        "columns": {name: len(levels) for name, levels in spectrograms.items()},
        "palette": list(PALETTE),
        "colours": {label: theme.colours(label) for label in served.labels()},
        "signs": {label: theme.sign(label) for label in served.labels()},
        "words": dict(texts),
    }
    return join_parts(header, parts)


def _spectrograms(pictures: Pictures) -> dict[str, np.ndarray]:
    """Return the mel and the linear spectrogram as they are sent, uint8."""
    linear, mel = pictures.linear_db, pictures.mel_db
    pairs = linear[:, 1:].reshape(len(linear), LINEAR_BINS, -1).mean(axis=2)
    return {
        "mel": _quantise(_average_rows(mel, MAX_MEL_COLUMNS)),
        "linear": _quantise(_average_rows(pairs, MAX_LINEAR_COLUMNS)),
    }


def join_parts(header: Mapping[str, Any], parts: Mapping[str, bytes]) -> bytes:
    """Return a header and parts as a block, as described at the top of this module."""
    offsets, start = {}, 0
    for name, content in parts.items():
        offsets[name] = [start, len(content)]
        start += len(content)
    text = json.dumps({**header, "parts": offsets}).encode()
    return struct.pack("<I", len(text)) + text + b"".join(parts.values())


def deflate(values: np.ndarray) -> bytes:
    """Return the bytes of an array, compressed."""
    return zlib.compress(np.ascontiguousarray(values).tobytes(), 6)


def envelope(samples: Floats, points: int) -> tuple[Floats, Floats]:
    """Return the lowest and the highest sample of equal segments of a clip.

    Unlike every k-th sample, they contain every peak.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
    points
        Number of segments; a clip with fewer samples has one segment for each.

    Returns
    -------
    low, high : ndarray of float32, shape (min(n, points),)
    """
    starts = np.linspace(0, len(samples), min(points, len(samples)), endpoint=False).astype(int)
    low = np.minimum.reduceat(samples, starts)
    high = np.maximum.reduceat(samples, starts)
    return low.astype(np.float32), high.astype(np.float32)


def _quantise(frames_db: Floats) -> np.ndarray:
    """Return whole decibels above the floor, uint8 (frames, bands), 0 for silence."""
    above = np.round(frames_db - frames_db.max()) + RANGE_DB
    return np.asarray(np.clip(above, 0, RANGE_DB).astype(np.uint8))


def _average_rows(frames: Floats, max_rows: int) -> Floats:
    """Return at most ``max_rows`` rows, each the mean of equally many neighbours."""
    width = -(-len(frames) // max_rows)
    if width <= 1:
        return frames
    starts = np.arange(0, len(frames), width)
    sizes = np.diff(np.append(starts, len(frames)))
    return np.asarray(np.add.reduceat(frames, starts, axis=0) / sizes[:, None], np.float32)


def encode_sound(scaled: Floats) -> tuple[bytes, str]:
    """Return a sound as a file that every browser plays, and its media type.

    Parameters
    ----------
    scaled : ndarray of float32, shape (n,)
        Mono at 16 kHz, between -1 and 1.
    """
    if len(scaled) <= LOSSLESS_S * RATE_HZ:
        return _to_flac(scaled, 16), "audio/flac"
    for bits in LONG_BITS:
        flac = _to_flac(scaled, bits)
        if len(flac) <= MAX_FLAC_BYTES_PER_S * len(scaled) / RATE_HZ:
            return flac, "audio/flac"
    file = io.BytesIO()
    soundfile.write(
        file,
        scaled,
        RATE_HZ,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=_COMPRESSION_64_KBIT,
    )
    return file.getvalue(), "audio/mpeg"


def _to_flac(scaled: Floats, bits: int) -> bytes:
    """Return the sound as FLAC of 16 bits, of which the lowest are 0 and take no room."""
    steps = np.float32(2 ** (bits - 1))
    return to_flac(np.round(scaled * steps).astype(np.int16) << (16 - bits))


def to_flac(whole: np.ndarray) -> bytes:
    """Return samples, int16 of shape (n,), mono at 16 kHz, as a FLAC file."""
    file = io.BytesIO()
    soundfile.write(file, whole, RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()
