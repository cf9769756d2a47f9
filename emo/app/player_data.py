"""What the player in the browser draws and plays of a clip, as one block of bytes.

A block is the length of its header (uint32, little-endian), the header as JSON, and then the parts
that the header lists with their place and length.  Parts but the sound are compressed with zlib.
"""

import io
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import soundfile

from emo.app.theme import EMOTION_COLOURS
from emo.audio.activity import Floats
from emo.audio.clip import RATE_HZ
from emo.features.frames import FRAME_S, WINDOW, contours, mel_centres_hz, spectrograms_db

RANGE_DB = 80
"""Levels further below the loudest cell than this are sent as silence."""

LOUDEST_DB = 20.0
"""Level that is sent as 0; half decibels below it are counted."""

MEL_COLUMNS = 6_000
LINEAR_COLUMNS = 3_000
"""Most columns of a spectrogram; neighbours are averaged beyond that."""

WAVEFORM_COLUMNS = 8_000
PALETTE = (  # magma, of even steps to the eye (van der Walt and Smith 2015)
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
LINEAR_BINS = 128  # each the mean of two of the spectrum's, 62.5 Hz apart
LOSSLESS_S = 15.0
"""A longer clip is sent as MP3, so that 30 s of anything, even noise, take less than 700 KB."""

FINE_S = 60.0
"""A longer one at a third of the bits, so that ten minutes take 5 MB."""

PEAK = 0.9  # of full scale: quiet clips are raised to it

_FINE, _SMALL = 0.63, 0.9  # of libsndfile: 64 and 24 kbit/s, for one voice at 16 kHz


def pack_player(
    samples: Floats,
    span: tuple[int, int],
    words: Mapping[str, str],
    peak: float | None = None,
    shown_s: float | None = None,
) -> bytes:
    """A clip with its waveform, spectrograms, pitch and loudness, as the player reads it.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz
    span
        First and last sample (half-open) that the classifiers use.
    words
        What the player says, by name.
    peak
        The sample that is played as loud as can be: the clip's own highest if not told otherwise.
    shown_s
        Seconds across where two players stand side by side, which then show the same; None where
        it stands alone and shows the whole clip.
    """
    spectrograms = _spectrograms(samples)
    pitch_hz, level_db = contours(samples)
    own_peak = max(float(samples.max()), -float(samples.min()))
    low, high = envelope(samples / (own_peak or 1.0), WAVEFORM_COLUMNS)
    highest = own_peak if peak is None else peak
    sound, mime = _encode(samples * (PEAK / (highest or 1.0)))
    parts = {
        "sound": sound,
        "waveform": _deflate(np.round(np.stack([low, high]) * 127).astype(np.int8)),
        **{name: _deflate(levels) for name, levels in spectrograms.items()},
        "pitch": _deflate(np.round(np.nan_to_num(pitch_hz) * 10).astype("<u2")),
        "level": _deflate(np.clip(np.round((LOUDEST_DB - level_db) * 2), 0, 255).astype(np.uint8)),
    }
    header = {
        "duration_s": len(samples) / RATE_HZ,
        "shown_s": shown_s,
        "span_s": [span[0] / RATE_HZ, span[1] / RATE_HZ],
        "frame_s": FRAME_S,
        "range_db": RANGE_DB,
        "loudest_db": LOUDEST_DB,
        "mime": mime,
        "mel_hz": [round(float(hz), 1) for hz in mel_centres_hz()],
        "linear_hz": [(2 * i + 1.5) * RATE_HZ / WINDOW for i in range(LINEAR_BINS)],
        "columns": {name: len(levels) for name, levels in spectrograms.items()},
        "palette": list(PALETTE),
        "colours": EMOTION_COLOURS,
        "words": dict(words),
    }
    return _join(header, parts)


def _spectrograms(samples: Floats) -> dict[str, np.ndarray]:
    """The mel and the linear spectrogram in as many columns as are sent, uint8."""
    linear, mel = spectrograms_db(samples)
    pairs = linear[:, 1:].reshape(len(linear), LINEAR_BINS, -1).mean(axis=2)
    return {
        "mel": _as_bytes(_shorten(mel, MEL_COLUMNS)),
        "linear": _as_bytes(_shorten(pairs, LINEAR_COLUMNS)),
    }


def unpack_player(block: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Header and parts of a block, as the player reads them."""
    (length,) = struct.unpack_from("<I", block)
    header: dict[str, Any] = json.loads(block[4 : 4 + length])
    first = 4 + length
    parts = {
        name: block[first + start : first + start + size]
        for name, (start, size) in header["parts"].items()
    }
    return header, parts


def _join(header: dict[str, Any], parts: Mapping[str, bytes]) -> bytes:
    places, start = {}, 0
    for name, content in parts.items():
        places[name] = [start, len(content)]
        start += len(content)
    text = json.dumps(header | {"parts": places}).encode()
    return struct.pack("<I", len(text)) + text + b"".join(parts.values())


def _deflate(values: np.ndarray) -> bytes:
    return zlib.compress(np.ascontiguousarray(values).tobytes(), 6)


def envelope(samples: Floats, points: int) -> tuple[Floats, Floats]:
    """Lowest and highest sample of each of at most ``points`` equal stretches of a clip.

    Parameters
    ----------
    samples : float32, (n,)
    points
        Most stretches wanted; a clip with fewer samples has one for each sample.

    Returns
    -------
    low, high : float32, (min(n, points),)
        A peak of one sample is never lost, as it would be by keeping every k-th sample.
    """
    starts = np.linspace(0, len(samples), min(points, len(samples)), endpoint=False).astype(int)
    low = np.minimum.reduceat(samples, starts)
    high = np.maximum.reduceat(samples, starts)
    return low.astype(np.float32), high.astype(np.float32)


def _as_bytes(frames_db: Floats) -> np.ndarray:
    """Whole decibels above the floor, uint8 (frames, bands), 0 for silence."""
    above = np.round(frames_db - frames_db.max()) + RANGE_DB
    return np.asarray(np.clip(above, 0, RANGE_DB).astype(np.uint8))


def _shorten(frames: Floats, most: int) -> Floats:
    """At most ``most`` rows, each the mean of equally many neighbours; the last may have fewer."""
    width = -(-len(frames) // most)
    if width <= 1:
        return frames
    starts = np.arange(0, len(frames), width)
    sizes = np.diff(np.append(starts, len(frames)))
    return np.asarray(np.add.reduceat(frames, starts, axis=0) / sizes[:, None], np.float32)


def _encode(scaled: Floats) -> tuple[bytes, str]:
    """The sound as a file that every browser plays, and its media type; longer ones as MP3."""
    file = io.BytesIO()
    if len(scaled) <= LOSSLESS_S * RATE_HZ:
        soundfile.write(file, scaled, RATE_HZ, format="FLAC", subtype="PCM_16")
        return file.getvalue(), "audio/flac"
    soundfile.write(
        file,
        scaled,
        RATE_HZ,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=_FINE if len(scaled) <= FINE_S * RATE_HZ else _SMALL,
    )
    return file.getvalue(), "audio/mpeg"
