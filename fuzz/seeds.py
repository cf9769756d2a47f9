"""Sound inputs of every format that is read, made by formula: what the mutations start from."""

import functools
import io
import json
import struct
import tarfile
from itertools import pairwise
from pathlib import Path

import numpy as np

from emo.inference.adaptation import Example, write_examples
from emo.labels import LABELS
from tests.support import damaged as support_damaged
from tests.support import signals

MODELS = Path(__file__).resolve().parent.parent / "models"
DIGEST, N_HIDDEN = "d" * 64, 6
"""Of the models that the lessons were taught on."""


@functools.cache
def recordings() -> dict[str, bytes]:
    """Half a second of a voice in each format, by a name that says which."""
    import codecpod

    voice = signals.voice(130.0, 0.5, seed=5)
    stereo = np.stack([voice, voice[::-1]], axis=1)
    wide = signals.voice(130.0, 0.5, rate_hz=48_000, seed=5)
    written = {
        "pcm16.wav": ("WAV", "PCM_16"),
        "pcm24.wav": ("WAV", "PCM_24"),
        "float.wav": ("WAV", "FLOAT"),
        "ulaw.wav": ("WAV", "ULAW"),
        "adpcm.wav": ("WAV", "IMA_ADPCM"),
        "wavex.wav": ("WAVEX", "PCM_16"),
        "rf64.wav": ("RF64", "PCM_16"),
        "a.w64": ("W64", "PCM_16"),
        "a.aiff": ("AIFF", "PCM_16"),
        "float.aifc": ("AIFF", "FLOAT"),
        "a.au": ("AU", "PCM_16"),
        "a.caf": ("CAF", "PCM_16"),
        "alac.caf": ("CAF", "ALAC_16"),
        "a.flac": ("FLAC", "PCM_16"),
        "a.ogg": ("OGG", "VORBIS"),
        "a.opus": ("OGG", "OPUS"),
        "a.mp3": ("MP3", "MPEG_LAYER_III"),
    }
    found = {
        name: signals.encoded(stereo if "pcm" in name else voice, 16_000, *how)
        for name, how in written.items()
    }
    return found | {
        "a.m4a": signals.m4a(voice),
        "alac.m4a": codecpod.save_bytes(voice, 16_000, codecpod.Alac()),
        "a.aac": signals.adts(voice),
        "a.webm": signals.webm_opus(wide, 48_000),
        "wide.m4a": signals.m4a(wide, 48_000),
        "video.webm": signals.webm_video(),
        **damaged(),
    }


@functools.cache
def damaged() -> dict[str, bytes]:
    """Return recordings that are repaired before they are decoded, by name."""
    voice = signals.voice(130.0, 0.5, seed=5)
    mp3 = signals.encoded(voice, container="MP3")
    m4a = signals.m4a(voice)
    at, sizes = support_damaged.packet_table(m4a)
    ends = [at + sum(sizes[:n]) for n in range(len(sizes) + 1)]
    packets = [m4a[a:b] for a, b in pairwise(ends)]
    entry = support_damaged.inner(m4a, b"stsd")
    speech = support_damaged.amr_frames([7] * 15 + [8, 15, 15, 8] + [15] * 7 + [0] * 15)
    wide = support_damaged.amr_frames([2] * 15 + [9, 15, 15, 14] + [2] * 15, is_wide=True)
    ogg = signals.encoded(voice, container="OGG")
    crashed = {
        f"crashed.{kind.lower()}": support_damaged.with_size(
            signals.encoded(voice, container=kind), kind, 0
        )
        for kind in support_damaged.SIZES
    }
    return crashed | {
        "a.sph": support_damaged.sphere(voice),
        "half.wav": support_damaged.with_size(signals.encoded(voice), "WAV", 0.5),
        "joined.mp3": mp3 + mp3,
        "joined.wav": signals.encoded(voice) + signals.encoded(voice),
        "pipe.mp3": b"".join(support_damaged.mp3_frames(mp3)[1:]),
        "middle.mp3": b"".join(support_damaged.mp3_frames(mp3)[2:])[50:],
        "chained.ogg": ogg + ogg,
        "cut.aac": signals.adts(voice)[:-9],
        "bad.m4a": support_damaged.spoil_packets(m4a, [3]),
        "fragments.mp4": support_damaged.movie(entry, 16_000, packets, 1024, 3),
        "pauses.amr": b"#!AMR\n" + b"".join(speech),
        "pauses.awb": b"#!AMR-WB\n" + b"".join(wide),
        "pauses.3gp": support_damaged.movie(support_damaged.amr_entry(), 8000, speech, 160),
    }


@functools.cache
def documents() -> dict[str, bytes]:
    """Return other inputs by name: lists, archives, rows, and descriptions of models."""
    voice = recordings()["pcm16.wav"][:3000]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as file:
        for name in ("a.wav", "ä" * 120 + ".wav", "b/c.flac", ".hidden.wav", "note.txt"):
            member = tarfile.TarInfo(name)
            member.size = len(voice)
            file.addfile(member, io.BytesIO(voice))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        member = tarfile.TarInfo("a.wav")
        member.size = len(voice)
        file.addfile(member, io.BytesIO(voice))
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(len(LABELS)), 4)
    lessons = [
        Example(f"clip {i}", LABELS[i % 2], shares[i], rng.normal(size=N_HIDDEN).astype(np.float32))
        for i in range(4)
    ]
    row = {"path": "a.wav", "run": "r", "label": "sad", "models": {"tree": {"label": "sad"}}}
    rows = "".join(json.dumps(row | {"path": f"{i}.wav"}) + "\n" for i in range(4))
    return {
        "manifest.csv": b"path,emotion,speaker\na.wav,sad,1\nb.wav,angry,2\n\xc3\xa4.wav,happy,3\n",
        "list.txt": b"a.wav\nb/c.flac\n\n~x.tar\nhttp://[::1/x.wav\n*.wav\n",
        "clips.tar": archive.getvalue(),
        "clips.tar.gz": packed.getvalue(),
        "rows.jsonl": rows.encode(),
        "lessons.json": write_examples(lessons, DIGEST).encode(),
        "model.json": (MODELS / "tree" / "model.json").read_bytes(),
        "weights.npz": (MODELS / "tree" / "weights.npz").read_bytes(),
        "calibration.json": (MODELS / "calibration.json").read_bytes(),
    }


def boxes(data: bytes, start: int, stop: int) -> list[tuple[int, int]]:
    """First and last byte (half-open) of the boxes of MP4 in a range."""
    found, at = [], start
    while at + 8 <= stop:
        size = struct.unpack_from(">I", data, at)[0]
        if not 8 <= size <= stop - at:
            break
        found.append((at, at + size))
        at += size
    return found
