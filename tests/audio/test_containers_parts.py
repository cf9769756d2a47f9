"""Headers that do not tell the truth: what is there is read, and said."""

import functools
import io
import struct
import time

import numpy as np
import pytest
import soundfile

from emo.audio import clip as audio_clip
from emo.audio.containers import frames, parts
from emo.audio.containers.formats import UNSUPPORTED_FORMATS, sniff
from emo.errors import NotAudioError, TooLongError
from fuzz import seeds
from tests.support import damaged, signals

pytest.importorskip("codecpod", reason="codecpod has no wheel here")

VOICE = signals.voice(130.0, 2.0, seed=5)
OTHER = signals.voice(200.0, 1.5, seed=6)


def encoded(container: str, subtype: str | None = None, voice: signals.Samples = VOICE) -> bytes:
    return signals.encoded(voice, 16_000, container, subtype)


SIZED = [(container, "PCM_16") for container in damaged.SIZES] + [
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("WAV", "ULAW"),
    ("AIFF", "PCM_24"),
    ("AU", "ULAW"),
    ("W64", "FLOAT"),
]


@pytest.mark.parametrize(("container", "subtype"), SIZED)
@pytest.mark.parametrize("change", [0, 0.25, 0.5])
def test_decode_reads_behind_a_size_that_is_too_small(
    container: str, subtype: str, change: float
) -> None:
    whole = encoded(container, subtype)
    clip = audio_clip.decode(damaged.with_size(whole, container, change))
    assert np.array_equal(clip.samples, audio_clip.decode(whole).samples)
    (warning,) = clip.warnings
    assert ("states no length" if not change else f"{2 - 2 * change:.2f} s follow") in warning


@pytest.mark.parametrize("container", damaged.SIZES)
def test_decode_reads_a_file_with_sizes_of_zero(container: str) -> None:
    whole = encoded(container)
    data = damaged.with_size(whole, container, 0)
    at, width = {"W64": (16, 8), "RF64": (20, 16)}.get(container, (4, 4))
    if container not in ("AU", "CAF"):
        data = data[:at] + bytes(width) + data[at + width :]
    assert np.array_equal(audio_clip.decode(data).samples, audio_clip.decode(whole).samples)


def test_decode_reads_behind_a_size_that_splits_a_sample() -> None:
    whole = encoded("WAV")
    data = whole[:40] + struct.pack("<I", 20_001) + whole[44:]
    clip = audio_clip.decode(data)
    assert np.array_equal(clip.samples, audio_clip.decode(whole).samples)
    assert "1.38 s follow the end that the header states (0.62 s)" in clip.warnings[0]


@pytest.mark.parametrize(
    "behind",
    [
        b"LIST" + struct.pack("<I", 12) + b"INFOICMT\0\0\0\0",
        b"LIST" + struct.pack("<I", 5) + b"INFOx",
        b"odd " + struct.pack("<I", 4) + b"sure" + b"id3 " + struct.pack("<I", 900) + b"ID3",
        bytes(3000),
        b"\1",
    ],
    ids=["notes", "no byte that makes it even", "cut off", "zeros", "a byte"],
)
def test_decode_ignores_chunks_behind_the_sound(behind: bytes) -> None:
    clip = audio_clip.decode(encoded("WAV") + behind)
    assert clip.duration_s == 2.0
    assert clip.warnings == ()


def test_decode_warns_of_junk_behind_the_sound() -> None:
    clip = audio_clip.decode(encoded("WAV") + np.random.default_rng(1).bytes(10_000))
    assert clip.duration_s == 2.0
    (warning,) = clip.warnings
    assert "10,000 bytes follow" in warning
    assert "not read" in warning


@pytest.mark.parametrize("coding", ["pcm"])
def test_decode_reads_sphere(coding: str) -> None:
    clip = audio_clip.decode(damaged.sphere(VOICE, coding), "sx1.sph")
    assert signals.are_alike(clip.samples, VOICE, atol=1e-4)
    assert clip.warnings == ()


def test_decode_reads_sphere_with_a_wrong_length_to_its_end() -> None:
    more = audio_clip.decode(damaged.sphere(VOICE, stated=8000))
    assert more.duration_s == 2.0
    assert "1.50 s follow" in more.warnings[0]
    less = audio_clip.decode(damaged.sphere(VOICE)[:33_024])
    assert less.duration_s == 1.0
    assert "promises 2 s, 1 s could be read" in less.warnings[0]


# Joined files


@functools.cache
def join_cases() -> dict[str, tuple[bytes, bytes]]:
    import codecpod

    def both(container: str, subtype: str | None = None) -> tuple[bytes, bytes]:
        return encoded(container, subtype), encoded(container, subtype, OTHER)

    wide = [signals.voice(130.0, length_s, 48_000) for length_s in (2.0, 1.5)]
    opus = [signals.encoded(voice, 48_000, "OGG", "OPUS") for voice in wide]
    mp3 = codecpod.Mp3(bit_rate=64_000)
    return {
        "WAV": both("WAV"),
        "W64": both("W64"),
        "RF64": both("RF64"),
        "AIFF": both("AIFF"),
        "CAF": both("CAF"),
        "AU": both("AU"),
        "FLAC": both("FLAC"),
        "Vorbis": both("OGG"),
        "narrow Opus": both("OGG", "OPUS"),
        "Opus": (opus[0], opus[1]),
        "MP3": both("MP3"),
        "MP3 with tags": (
            codecpod.save_bytes(VOICE, 16_000, mp3) + b"TAG".ljust(128),
            codecpod.save_bytes(OTHER, 16_000, mp3),
        ),
        "M4A": (signals.m4a(VOICE), signals.m4a(OTHER)),
        "WebM": (signals.webm_opus(VOICE), signals.webm_opus(OTHER)),
        "WAV and FLAC": (encoded("WAV"), encoded("FLAC", voice=OTHER)),
    }


@pytest.mark.parametrize("name", join_cases())
def test_decode_reads_both_of_two_joined_files(name: str) -> None:
    first, second = join_cases()[name]
    clip = audio_clip.decode(first + second)
    one, two = (audio_clip.decode(data).samples for data in (first, second))
    assert len(clip.samples) == pytest.approx(len(one) + len(two), abs=2)
    assert signals.are_alike(clip.samples[: len(one) - 100], one[:-100], atol=1e-6)
    assert signals.are_alike(clip.samples[100 - len(two) : -100], two[100:-100], atol=1e-4)
    (warning,) = clip.warnings
    assert "2 recordings in a row" in warning


def test_decode_ends_a_wav_of_unknown_length_where_another_begins() -> None:
    first = encoded("WAV")
    data = first[:40] + b"\xff\xff\xff\xff" + first[44:] + encoded("WAV", voice=OTHER)
    clip = audio_clip.decode(data)
    assert signals.are_alike(clip.samples, np.concatenate([VOICE, OTHER]), atol=1e-4)


@pytest.mark.parametrize("rate_hz", [8000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_decode_reads_joined_recordings_of_different_rates_and_channels(
    rate_hz: int, channels: int
) -> None:
    tone = np.tile(signals.tone(440.0, 1.0, rate_hz)[:, None], channels)
    clip = audio_clip.decode(encoded("WAV") + signals.encoded(tone, rate_hz))
    assert clip.duration_s == pytest.approx(3.0, abs=0.001)
    alone = audio_clip.decode(signals.encoded(tone, rate_hz)).samples
    middle = slice(32_000 + 2000, 32_000 + 14_000)
    assert np.corrcoef(clip.samples[middle], alone[2000:14_000])[0, 1] > 0.999


def test_decode_limits_the_total_duration_of_joined_files() -> None:
    quiet = signals.encoded(np.tile(VOICE, 160), container="FLAC")
    with pytest.raises(TooLongError, match=r"10\.67 minutes"):
        audio_clip.decode(quiet * 2)


def test_decode_warns_of_a_damaged_one_of_joined_files() -> None:
    clip = audio_clip.decode(encoded("OGG") + encoded("OGG")[:400] + encoded("OGG", voice=OTHER))
    assert clip.duration_s == pytest.approx(3.5, abs=0.01)
    assert "Recording 2 of the 3 in this file could not be read." in clip.warnings


def test_decode_reads_the_first_hundred_of_many_joined_files() -> None:
    short = signals.encoded(VOICE[:1600], container="OGG")
    clip = audio_clip.decode(short * 120)
    assert clip.duration_s == pytest.approx(10.0)
    assert any("At most 100 recordings" in text for text in clip.warnings)


# MP3 without a length, or that begins anywhere


def vbr(samples: signals.Samples, rate_hz: int = 44_100) -> list[bytes]:
    """Return the frames of MP3 of a variable bit rate, but the one that states their number."""
    file = io.BytesIO()
    how = {"bitrate_mode": "VARIABLE", "compression_level": 0.1}
    with soundfile.SoundFile(file, "w", rate_hz, 1, format="MP3", **how) as out:
        out.write(samples)
    first, *others = damaged.mp3_frames(file.getvalue())
    assert b"Xing" in first
    return others


def test_decode_counts_the_frames_of_mp3_without_a_length() -> None:
    loud, quiet = signals.noise(1.5, 44_100, -10.0), signals.silence(4.0, 44_100)
    for samples in (np.concatenate([loud, quiet, loud]), np.concatenate([quiet, loud, quiet])):
        sound = vbr(samples)
        assert len({len(frame) for frame in sound}) > 2
        clip = audio_clip.decode(b"".join(sound))
        assert clip.duration_s == pytest.approx(len(sound) * 1152 / 44_100, abs=0.001)
        assert clip.warnings == ()


@pytest.mark.slow
def test_decode_does_not_reject_by_an_estimated_length() -> None:
    loud = vbr(signals.noise(8.0, 44_100, -3.0))[10:-10]
    quiet = vbr(signals.silence(1.0, 44_100))[5:10]
    data = b"".join(quiet + loud * 27)
    guessed_s = len(data) / len(quiet[0]) * 1152 / 44_100
    assert guessed_s > 600
    clip = audio_clip.decode(data)
    assert clip.duration_s == pytest.approx((len(quiet) + 27 * len(loud)) * 1152 / 44_100, abs=0.01)
    assert not [text for text in clip.warnings if "promises" in text]


@pytest.mark.slow
def test_decode_rejects_a_long_mp3_by_its_frames() -> None:
    sound = vbr(signals.voice(duration_s=2.0, rate_hz=44_100))
    times = int(620 * 44_100 / 1152 / len(sound)) + 1
    with pytest.raises(TooLongError, match=r"lasts 10\.\d+ minutes or more"):
        audio_clip.decode(b"".join(sound * times))


def test_decode_reads_a_short_mp3_with_too_large_a_length() -> None:
    first, *others = damaged.mp3_frames(encoded("MP3"))
    at = first.index(b"Info" if b"Info" in first else b"Xing") + 8
    first = first[:at] + struct.pack(">I", 100_000) + first[at + 4 :]
    clip = audio_clip.decode(first + b"".join(others))
    assert clip.duration_s == pytest.approx(2.0, abs=0.08)
    assert "promises 60 minutes" in clip.warnings[0]


def test_decode_reads_all_of_an_mp3_with_too_small_a_length() -> None:
    first, *others = damaged.mp3_frames(encoded("MP3"))
    at = first.index(b"Info" if b"Info" in first else b"Xing") + 8
    first = first[:at] + struct.pack(">I", len(others) // 3) + first[at + 4 :]
    clip = audio_clip.decode(first + b"".join(others))
    whole = audio_clip.decode(encoded("MP3"))
    assert signals.are_alike(clip.samples, whole.samples, atol=1e-6)


def beginnings() -> dict[str, bytes]:
    junk = np.random.default_rng(4).bytes(30_000)
    return {"zeros": bytes(5000), "many zeros": bytes(3 * 2**20), "junk": junk}


@pytest.mark.parametrize("kind", ["MP3", "AAC"])
@pytest.mark.parametrize("cut", [1, 3, 50, 100])
def test_decode_reads_sound_that_begins_inside_a_frame(kind: str, cut: int) -> None:
    whole = encoded("MP3") if kind == "MP3" else signals.adts(VOICE)
    sound = damaged.mp3_frames(whole) if kind == "MP3" else damaged.adts_frames(whole)
    data = sound[2][cut:] + b"".join(sound[3:])
    clip = audio_clip.decode(data)
    step_s = (576 if kind == "MP3" else 1024) / 16_000
    assert clip.duration_s == pytest.approx((len(sound) - 3) * step_s, abs=0.001)
    assert f"first {len(sound[2]) - cut:,} bytes are no frame of {kind}" in clip.warnings[0]
    reference = audio_clip.decode(b"".join(sound[3:]))
    assert np.array_equal(clip.samples, reference.samples)


@pytest.mark.parametrize("kind", ["MP3", "AAC"])
@pytest.mark.parametrize("name", beginnings())
def test_decode_reads_sound_behind_zeros_or_junk(kind: str, name: str) -> None:
    whole = encoded("MP3") if kind == "MP3" else signals.adts(VOICE)
    clip = audio_clip.decode(beginnings()[name] + whole)
    assert signals.are_alike(clip.samples, audio_clip.decode(whole).samples, atol=1e-6)


@pytest.mark.parametrize("kind", ["MP3", "AAC"])
def test_decode_keeps_all_frames_around_junk(kind: str) -> None:
    whole = encoded("MP3") if kind == "MP3" else signals.adts(VOICE)
    sound = damaged.mp3_frames(whole) if kind == "MP3" else damaged.adts_frames(whole)
    junk = np.random.default_rng(5).bytes(700)
    clip = audio_clip.decode(b"".join(sound[:15]) + junk + b"".join(sound[15:]))
    assert signals.are_alike(clip.samples, audio_clip.decode(whole).samples, atol=1e-6)
    assert "Between the frames 700 bytes" in clip.warnings[0]


def test_decode_keeps_standard_error_empty(capfd: pytest.CaptureFixture[str]) -> None:
    mp3 = encoded("MP3")
    first, *others = damaged.mp3_frames(mp3)
    for data in (
        mp3 + bytes(9000) + mp3,
        b"".join(others),
        b"".join(others[5:])[77:],
        mp3[: len(mp3) // 2],
        first + b"".join(others[::3]),
    ):
        audio_clip.decode(data)
    with pytest.raises(NotAudioError):
        audio_clip.decode(b"\xff\xfb\x90\x64" + np.random.default_rng(7).bytes(20_000))
    assert capfd.readouterr() == ("", "")


# What is in order, and what is none of it


@pytest.mark.parametrize("name", sorted({*seeds.recordings()} - {*seeds.damaged()}))
def test_split_recordings_keeps_an_undamaged_file(name: str) -> None:
    data = seeds.recordings()[name]
    (part,) = parts.split_recordings(data, sniff(data))
    assert part.data is data
    assert part.notes == ()


@pytest.mark.parametrize(
    ("what", "offset", "magic"), UNSUPPORTED_FORMATS, ids=lambda value: str(value)[:20]
)
def test_sniff_names_unsupported_formats(what: str, offset: int, magic: bytes) -> None:
    with pytest.raises(NotAudioError, match="Convert it to WAV") as refusal:
        audio_clip.decode(bytes(offset) + magic + bytes(500))
    assert what in str(refusal.value)


def test_sniff_names_a_transport_stream() -> None:
    with pytest.raises(NotAudioError, match="MPEG transport stream"):
        audio_clip.decode((b"\x47" + bytes(187)) * 9)


HOSTILE = {
    "sync words": b"\xff" * 1_000_000,
    "headers": b"\xff\xfb\x90\x64" * 250_000,
    "headers of AAC": b"\xff\xf1\x50\x80\x01\x1f\xfc" * 150_000,
    "tags": b"TAG" * 1_000_000,
    "lyrics": b"ID3\3\0\0\0\0\0\0" + b"LYRICSBEGIN" * 100_000,
    "pages": b"OggS" * 250_000,
    "first pages": (b"OggS\0\2" + bytes(21)) * 100_000,
    "boxes": b"\0\0\0\x08ftyp\0\0\0\x08moov" * 60_000,
    "chunks": b"RIFF\0\0\0\0WAVE" + b"LIST\0\0\0\0" * 150_000,
    "waves": b"RIFF\0\0\0\0WAVEdata\0\0\0\0" * 50_000,
    "amr": b"#!AMR\n" + b"\xff" * 1_000_000,
    "flacs": b"fLaC\0\0\0\x22" * 150_000,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.slow
def test_decode_is_fast_for_adversarial_files(name: str) -> None:
    start_s = time.process_time()
    with pytest.raises(NotAudioError):
        audio_clip.decode(HOSTILE[name])
    assert time.process_time() - start_s < 2.0


def test_scan_frames_stops_at_the_maximum_duration() -> None:
    sound = vbr(signals.voice(duration_s=1.0, rate_hz=44_100))
    found = frames.scan_frames(b"".join(sound * 50), "MP3", 10.0)
    assert not found.is_whole
    assert sum(len(run.frames) for run in found.runs) == pytest.approx(10 * 44_100 / 1152, abs=2)
