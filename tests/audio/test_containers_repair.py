"""One bad packet costs itself: the others are read, and how much is left is said."""

import contextlib
import re
import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from emo.audio import clip as audio_clip
from emo.audio.clip import Clip
from emo.audio.containers import mp4, repair
from emo.errors import AudioError, NotAudioError
from tests.support import damaged, signals

codecpod = pytest.importorskip("codecpod", reason="codecpod has no wheel here")

VOICE = signals.voice(130.0, 4.0, seed=5)
STEP = 1024
"""Samples in a packet of AAC; a sample of the voice is one at 16 kHz."""


def alac() -> bytes:
    data: bytes = codecpod.save_bytes(VOICE, 16_000, codecpod.Alac())
    return data


def packets(m4a: bytes) -> list[bytes]:
    at, sizes = damaged.packet_table(m4a)
    ends = np.cumsum([at, *sizes])
    return [m4a[a:b] for a, b in pairwise(ends)]


def fragmented(m4a: bytes, units: int, bad: Sequence[int] = (), per_fragment: int = 10) -> bytes:
    parts = packets(damaged.spoil_packets(m4a, bad, b"\xff" if units == STEP else b"\0"))
    return damaged.movie(damaged.inner(m4a, b"stsd"), 16_000, parts, units, per_fragment)


def told(clip: Clip) -> tuple[int, int, float, float]:
    """Return what the warning says: bad and all packets, seconds read and in all."""
    text = next(text for text in clip.warnings if "packets" in text)
    found = re.match(r"Of ([\d,]+) packets ([\d,]+) .*; ([\d.]+) s of ([\d.]+) s", text)
    assert found is not None, text
    count, bad, left_s, total_s = (float(number.replace(",", "")) for number in found.groups())
    return int(bad), int(count), left_s, total_s


# M4A, whole and in fragments


@pytest.mark.parametrize("bad", [[0], [1], [30], [30, 31], [5, 20, 60], [63]])
def test_decode_leaves_out_a_bad_packet_of_m4a(bad: list[int]) -> None:
    whole = signals.m4a(VOICE)
    clip = audio_clip.decode(damaged.spoil_packets(whole, bad))
    n_bad, count, left_s, total_s = told(clip)
    assert (n_bad, count) == (len(bad), len(damaged.packet_table(whole)[1]))
    assert total_s == pytest.approx(4.0, abs=0.01)
    assert clip.duration_s == pytest.approx(left_s, abs=0.07)
    assert clip.duration_s == pytest.approx(4.0 - len(bad) * STEP / 16_000, abs=0.07)
    before = max(bad[0] - 2, 0) * STEP  # the encoder's delay is one packet, the overlap another
    assert signals.are_alike(
        clip.samples[:before], audio_clip.decode(whole).samples[:before], atol=1e-6
    )


def test_decode_keeps_the_sound_behind_a_bad_packet_of_m4a() -> None:
    whole = signals.m4a(VOICE)
    clip, reference = (
        audio_clip.decode(damaged.spoil_packets(whole, [30])),
        audio_clip.decode(whole),
    )
    n = 30 * STEP
    assert signals.are_alike(clip.samples[-n:], reference.samples[-n:], atol=1e-6)


@pytest.mark.parametrize("bad", [[3], [0, 9]])
def test_decode_leaves_out_a_bad_packet_of_alac(bad: list[int]) -> None:
    whole = alac()
    clip = audio_clip.decode(damaged.spoil_packets(whole, bad, b"\0"))
    n_samples = 4096
    kept = [n for n in range(16) if n not in bad]
    expected = np.concatenate([VOICE[n * n_samples : (n + 1) * n_samples] for n in kept])
    assert signals.are_alike(clip.samples, expected, atol=1e-4)
    assert told(clip)[:2] == (len(bad), 16)


@pytest.mark.parametrize("per_fragment", [1, 10, 64])
def test_read_track_reads_fragmented_files(per_fragment: int) -> None:
    clip = audio_clip.decode(fragmented(signals.m4a(VOICE), STEP, (), per_fragment))
    assert clip.duration_s == pytest.approx(4.096, abs=0.001)
    assert clip.warnings == ()


@pytest.mark.parametrize("bad", [[0], [31], [8, 9, 10, 11]])
@pytest.mark.parametrize("per_fragment", [1, 10, 64])
def test_decode_leaves_out_a_bad_packet_of_a_fragment(bad: list[int], per_fragment: int) -> None:
    clip = audio_clip.decode(fragmented(signals.m4a(VOICE), STEP, bad, per_fragment))
    assert told(clip)[:2] == (len(bad), 64)
    assert clip.duration_s == pytest.approx((64 - len(bad)) * STEP / 16_000, abs=0.001)


def test_decode_reports_a_packet_without_sound() -> None:
    whole = codecpod.save_bytes(np.tile(VOICE, 3), 16_000, codecpod.Alac())
    clip = audio_clip.decode(damaged.spoil_packets(whole, [3], b"\xe0"))
    assert clip.duration_s == pytest.approx(12.0 - 4096 / 16_000)
    assert "promises 12 s, 11.7 s could be read" in clip.warnings[0]


def test_decode_leaves_out_a_bad_packet_of_fragmented_alac() -> None:
    clip = audio_clip.decode(fragmented(alac(), 4096, [7], 4))
    assert told(clip)[:2] == (1, 16)
    assert signals.are_alike(clip.samples[: 7 * 4096], VOICE[: 7 * 4096], atol=1e-4)


@pytest.mark.parametrize("share", [0.3, 0.71, 0.99])
def test_decode_reads_a_truncated_mp4_with_its_index_first(share: float) -> None:
    whole = signals.m4a(VOICE)
    data = damaged.movie(damaged.inner(whole, b"stsd"), 16_000, packets(whole), STEP)
    reference = audio_clip.decode(data).samples
    clip = audio_clip.decode(data[: int(len(data) * share)])
    n = len(clip.samples)
    assert share - 0.15 < n / len(reference) <= share + 0.05
    assert signals.are_alike(clip.samples[:-STEP], reference[: n - STEP], atol=1e-6)
    assert clip.warnings


def test_decode_names_a_missing_index_of_mp4() -> None:
    whole = signals.m4a(VOICE)
    with pytest.raises(NotAudioError, match="has no index"):
        audio_clip.decode(whole[: whole.index(b"moov") - 4])


def test_decode_rejects_a_file_without_a_readable_packet() -> None:
    whole = signals.m4a(VOICE)
    with pytest.raises(NotAudioError, match="begins like MP4"):
        audio_clip.decode(damaged.spoil_packets(whole, range(64)))


@pytest.mark.slow
def test_repair_limits_the_number_of_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "_MAX_TRIES", 300)
    whole = signals.m4a(VOICE)
    bad = damaged.spoil_packets(whole, range(0, 64, 2))
    data = damaged.movie(damaged.inner(whole, b"stsd"), 16_000, packets(bad) * 100, STEP)
    start_s = time.process_time()
    clip = audio_clip.decode(data)
    assert time.process_time() - start_s < 2.0
    n_bad, count, left_s, _ = told(clip)
    assert count == 6400
    assert n_bad >= 3200
    assert any("not tried" in text for text in clip.warnings)
    assert clip.duration_s == pytest.approx(left_s, abs=0.1)


# Raw AAC


@pytest.mark.parametrize("bad", [[0], [30], [10, 11, 50], [63]])
def test_decode_leaves_out_a_bad_packet_of_aac(bad: list[int]) -> None:
    sound = damaged.adts_frames(signals.adts(VOICE))
    spoilt = [s[:7] + b"\xff" * (len(s) - 7) if n in bad else s for n, s in enumerate(sound)]
    clip = audio_clip.decode(b"".join(spoilt))
    assert told(clip)[:2] == (len(bad), len(sound))
    kept = b"".join(s for n, s in enumerate(sound) if n not in bad)
    assert np.array_equal(clip.samples, audio_clip.decode(kept).samples)


@pytest.mark.parametrize("left", [1, 8, 100])
def test_decode_reads_aac_truncated_in_its_last_frame(left: int) -> None:
    sound = damaged.adts_frames(signals.adts(VOICE))
    clip = audio_clip.decode(b"".join(sound[:40]) + sound[40][:left])
    assert clip.duration_s == pytest.approx(40 * STEP / 16_000)
    if left > 7:
        assert clip.warnings == (
            "The recording breaks off in its last frame; all before that was read.",
        )


def test_decode_leaves_out_an_incomplete_frame_of_aac() -> None:
    sound = damaged.adts_frames(signals.adts(VOICE))
    short = sound[30][:60] + sound[30][90:]
    clip = audio_clip.decode(b"".join(sound[:30]) + short + b"".join(sound[31:]))
    reference = audio_clip.decode(b"".join(sound[:30]) + b"".join(sound[31:]))
    assert np.array_equal(clip.samples, reference.samples)
    assert f"Between the frames {len(short):,} bytes" in clip.warnings[0]


# AMR


SPEECH, NOISE, NOTHING = 3, 8, 15
WIDE_SPEECH, WIDE_NOISE, WIDE_LOST = 2, 9, 14


@pytest.mark.parametrize(
    ("is_wide", "pause"),
    [
        (False, [NOISE, NOTHING, NOTHING, NOISE] + [NOTHING] * 7),
        (False, [NOTHING] * 11),
        (True, [WIDE_NOISE, NOTHING, NOTHING, WIDE_NOISE] + [NOTHING] * 7),
        (True, [WIDE_LOST] * 11),
    ],
)
def test_decode_fills_unsent_pauses_of_amr_with_silence(is_wide: bool, pause: list[int]) -> None:
    speech = WIDE_SPEECH if is_wide else SPEECH
    types = [speech] * 50 + pause + [speech] * 40 + pause
    magic = b"#!AMR-WB\n" if is_wide else b"#!AMR\n"
    sound = damaged.amr_frames(types, is_wide)
    clip = audio_clip.decode(magic + b"".join(sound))
    assert clip.duration_s == pytest.approx((50 + 11 + 40) * 0.02)
    assert "Of 2.02 s, 0.22 s are pauses" in clip.warnings[0]
    assert f"A pause of {0.02 * len(pause):.2f} s at the end" in clip.warnings[1]
    reference = audio_clip.decode(magic + b"".join(sound[:50])).samples
    n = len(reference) - 400  # the decoder and the resampler look ahead
    assert np.corrcoef(clip.samples[:n], reference[:n])[0, 1] > 0.9999  # levels may be scaled
    level = np.sqrt(np.mean(clip.samples[:n] ** 2))
    silence = clip.samples[52 * 320 : 60 * 320]
    assert np.sqrt(np.mean(silence**2)) < level / 100


@pytest.mark.parametrize(("name", "magic"), [(b"samr", b"#!AMR\n"), (b"sawb", b"#!AMR-WB\n")])
def test_decode_reads_pauses_in_3gp(name: bytes, magic: bytes) -> None:
    is_wide = name == b"sawb"
    pause = [WIDE_NOISE if is_wide else NOISE] + [NOTHING] * 7
    speech = [WIDE_SPEECH if is_wide else SPEECH]
    sound = damaged.amr_frames(speech * 30 + pause + speech * 30, is_wide)
    rate_hz = 16_000 if is_wide else 8000
    data = damaged.movie(damaged.amr_entry(name, rate_hz), rate_hz, sound, rate_hz // 50)
    clip = audio_clip.decode(data)
    assert np.array_equal(clip.samples, audio_clip.decode(magic + b"".join(sound)).samples)
    assert "Of 1.36 s, 0.16 s are pauses" in clip.warnings[0]


def test_decode_reads_amr_of_changing_bit_rate() -> None:
    sound = damaged.amr_frames([0] * 30 + [7] * 100)
    clip = audio_clip.decode(b"#!AMR\n" + b"".join(sound))
    assert clip.duration_s == pytest.approx(2.6)
    assert not [text for text in clip.warnings if "breaks off" in text]


def test_decode_reads_amr_with_missing_bytes() -> None:
    sound = damaged.amr_frames([7] * 60)
    data = b"#!AMR\n" + b"".join(sound[:30]) + b"\xff" * 9 + b"".join(sound[30:])
    clip = audio_clip.decode(data)
    assert clip.duration_s == pytest.approx(1.2, abs=0.021)


# FLAC


@pytest.mark.parametrize(("subtype", "rate_hz"), [("PCM_16", 16_000), ("PCM_24", 32_000)])
@pytest.mark.parametrize("places", [[0.4], [0.2, 0.6], [0.05, 0.3, 0.31, 0.8]])
def test_decode_leaves_out_a_damaged_frame_of_flac(
    subtype: str, rate_hz: int, places: list[float]
) -> None:
    voice = np.tile(signals.voice(130.0, 2.0, rate_hz), 4)
    whole = signals.encoded(voice, rate_hz, "FLAC", subtype)
    spoilt = bytearray(whole)
    for place in places:
        at = int(len(whole) * place)
        spoilt[at : at + 40] = np.random.default_rng(at).bytes(40)
    clip = audio_clip.decode(bytes(spoilt))
    frame_s = 4096 / rate_hz
    lost_s = 8.0 - clip.duration_s
    assert frame_s * 0.99 < lost_s < 2.01 * frame_s * len(places)
    reference = audio_clip.decode(whole).samples
    n = audio_clip.RATE_HZ
    assert signals.are_alike(clip.samples[-n:-100], reference[-n:-100], atol=1e-4)
    assert any(f"{8 - lost_s:.3g} s could be read" in text for text in clip.warnings)


# Files that no recorder writes


def hostile() -> dict[str, bytes]:
    whole = signals.m4a(VOICE)
    entry, sound = damaged.inner(whole, b"stsd"), packets(whole)
    plain = damaged.movie(entry, 16_000, sound, STEP)
    parts = damaged.movie(entry, 16_000, sound, STEP, 10)
    at, run = plain.index(b"stsz"), parts.index(b"trun")
    return {
        "a billion packets": plain[: at + 8] + b"\0\0\0\1\x3f\xff\xff\xff" + plain[at + 16 :],
        "packets as large as the file": plain[: at + 8] + b"\0\0\x40\0" + plain[at + 12 :],
        "runs without end": parts[: run + 4] + b"\0\0\0\0\x7f\xff\xff\xff" + parts[run + 12 :],
        "a table that is cut off": plain[: at + 9],
    }


@pytest.mark.parametrize("name", hostile())
@pytest.mark.slow
def test_read_track_bounds_invalid_tables(name: str) -> None:
    data = hostile()[name]
    start_s = time.process_time()
    track = mp4.read_track(data)
    assert track is None or len(track.packets) <= mp4.MAX_PACKETS
    with contextlib.suppress(AudioError):
        assert len(audio_clip.decode(data).samples) < 5 * audio_clip.RATE_HZ
    assert time.process_time() - start_s < 3.0


@pytest.mark.slow
def test_write_track_keeps_the_sound() -> None:
    for whole in (signals.m4a(VOICE), alac(), signals.m4a(signals.voice(rate_hz=48_000), 48_000)):
        track = mp4.read_track(whole)
        assert track is not None
        anew = mp4.write_track(whole, track, range(len(track.packets)))
        assert np.array_equal(audio_clip.decode(anew).samples, audio_clip.decode(whole).samples)


@pytest.mark.parametrize("bad", [set(), {0}, {99}, {3, 4, 70}, set(range(100))])
def test_readable_finds_every_bad_packet(bad: set[int]) -> None:
    found = repair._readable(100, lambda span: not bad & set(span))
    assert found == (sorted(set(range(100)) - bad), True)


def test_repair_reports_packets_that_were_not_tried() -> None:
    good, tried = repair._readable(20_000, lambda span: len(span) == 1 and span[0] % 2 == 1)
    assert not tried
    assert good == list(range(1, len(good) * 2, 2))
