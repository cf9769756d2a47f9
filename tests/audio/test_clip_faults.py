"""Decoding of what is malformed, damaged or too large, and of what no decoder reads."""

import builtins
import importlib.util
import struct
import time
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emo.audio import clip as audio_clip
from emo.audio import decoders
from emo.audio.clip import RATE_HZ
from emo.audio.containers.formats import CONTAINERS
from emo.audio.limits import MIN_DURATION_S
from emo.errors import AudioError, DecoderMissingError, NotAudioError, TooLongError
from tests.support import signals
from tests.support.malformed import Malformed, flac_stating, malformed, wav
from tests.support.signals import LOSSLESS, LOSSY


@pytest.fixture
def codecpod() -> ModuleType:
    module: ModuleType = pytest.importorskip("codecpod", reason="codecpod has no wheel here")
    return module


@pytest.mark.timeout(20)
@pytest.mark.parametrize("case", malformed(), ids=lambda case: case.name)
@pytest.mark.slow
def test_decode_gives_malformed_files_an_error_or_a_warning(case: Malformed) -> None:
    start_s = time.process_time()  # a busy machine does not count
    if case.expected == "warning":
        clip = audio_clip.decode(case.data, case.name)
        assert np.isfinite(clip.samples).all()
        assert np.abs(clip.samples).max() <= 1.01
        sentences = list(clip.warnings)
    else:
        with pytest.raises(AudioError) as refusal:
            audio_clip.decode(case.data, case.name)
        assert refusal.type is case.expected
        sentences = [str(refusal.value)]
    assert time.process_time() - start_s < 2.0
    assert any(case.words in sentence for sentence in sentences)
    for sentence in sentences:
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert not any(word in sentence for word in ("Error", "0x", "\n", "_io", "libsndfile"))


def test_malformed_has_at_least_thirty_cases() -> None:
    names = [case.name for case in malformed()]
    assert len(names) == len(set(names)) >= 30
    assert all(len(case.data) < 2_000_000 for case in malformed())


def test_decode_passes_no_text_to_a_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a decoder was asked")

    monkeypatch.setattr(decoders, "_open_soundfile", refuse)
    monkeypatch.setattr(decoders, "_open_codecpod", refuse)
    for case in malformed():
        if case.name in ("call.sdp", "list.m3u8", "text.wav", "page.wav"):
            with pytest.raises(NotAudioError):
                audio_clip.decode(case.data, case.name)


def test_decode_rejects_an_hour_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = {case.name: case.data for case in malformed()}
    monkeypatch.delattr(soundfile.SoundFile, "read")
    for name in ("hour.flac", "hour.opus"):
        with pytest.raises(TooLongError, match="lasts 60 minutes"):
            audio_clip.decode(cases[name])


def test_decode_stops_at_the_limit_of_the_duration(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = refuse_after(20.0)
    for module in (audio_clip, decoders):
        monkeypatch.setattr(module, "check_header", limits)
    data = signals.encoded(signals.tone(duration_s=60.0))
    reads = count_reads(monkeypatch)
    with pytest.raises(TooLongError):
        audio_clip.decode(data)
    assert len(reads) <= 20.0 * RATE_HZ / decoders.BLOCK_FRAMES + 1


def refuse_after(limit_s: float) -> Any:
    """Stand-in for the limits that lets a header pass whatever it states."""
    calls = []

    def check(rate_hz: int, _: int, frames: int | None) -> None:
        calls.append(frames)
        if len(calls) > 1 and frames is not None and frames > limit_s * rate_hz:
            raise TooLongError("Enough.")

    return check


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    reads: list[int] = []
    plain = soundfile.SoundFile.read

    def read(self: soundfile.SoundFile, frames: int, **options: Any) -> Any:
        reads.append(frames)
        return plain(self, frames, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", read)
    return reads


def test_decode_rejects_too_many_samples_of_many_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "MAX_SAMPLES", 99)
    with pytest.raises(TooLongError, match=r"more than 99 samples \(16 channels at 384,000 Hz"):
        audio_clip.decode(wav(signals.silence(0.1), rate_hz=384_000, channels=16))


@pytest.mark.parametrize("stated", [0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_FFDB])
def test_decode_reads_all_of_a_wav_of_unknown_length(stated: int) -> None:
    data = signals.encoded(signals.voice())
    clip = audio_clip.decode(data[:40] + struct.pack("<I", stated) + data[44:])
    assert clip.duration_s == 2.0
    assert clip.warnings == ()


def test_decode_reads_all_of_a_flac_of_unknown_length(codecpod: Any) -> None:
    voice = signals.voice()
    flac = signals.encoded(voice, container="FLAC")
    clip = audio_clip.decode(flac_stating(flac, 0))
    assert np.allclose(clip.samples, voice, atol=1e-4)
    assert clip.warnings == ()


def test_decode_names_the_package_for_a_missing_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name == "codecpod":
            raise ImportError(name)
        return plain(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DecoderMissingError, match="Reading WebM needs the package codecpod"):
        audio_clip.decode(signals.webm_opus(signals.voice()))
    with pytest.raises(NotAudioError, match="begins like FLAC"):
        audio_clip.decode(b"fLaC" + bytes(100))
    assert audio_clip.decode(signals.encoded(signals.voice())).warnings == ()


def test_decode_reports_a_panic_of_codecpod(codecpod: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def panic(_: bytes) -> None:
        raise PanicException("called unwrap on None")

    monkeypatch.setattr(codecpod, "info", panic)
    with pytest.raises(NotAudioError, match="begins like WebM"):
        audio_clip.decode(signals.webm_opus(signals.voice()))


@pytest.mark.slow
def test_decode_ignores_the_estimated_length_of_raw_aac(codecpod: Any) -> None:
    late = signals.padded(signals.voice(rate_hz=48_000), 8.0, 0.0, 48_000)  # few bits, then many
    data = signals.adts(late, 48_000)
    assert codecpod.info(data).frames > 1.5 * len(late)
    assert audio_clip.decode(data).warnings == ()


def test_bytes_ignore_a_seek_before_their_start() -> None:
    file = decoders._Bytes(b"RIFF")
    file.seek(2)
    assert file.seek(-1) == file.seek(2**70) == file.tell() == 2


def decodes_or_says_why(data: bytes) -> bool:
    """Check that bytes give a valid clip, or an error with a sentence."""
    try:
        clip = audio_clip.decode(data)
    except AudioError as error:
        return str(error).endswith(".")
    return bool(np.isfinite(clip.samples).all()) and clip.duration_s >= MIN_DURATION_S


@given(st.sampled_from(CONTAINERS), st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_decode_of_any_bytes_behind_any_signature(
    container: tuple[str, int, bytes], rest: bytes
) -> None:
    _, offset, magic = container
    assert decodes_or_says_why(bytes(offset) + magic + rest)


@pytest.fixture(scope="module")
def originals() -> list[bytes]:
    voice = signals.voice(duration_s=0.5)
    files = [signals.encoded(voice, RATE_HZ, *kind) for kind in (*LOSSLESS, *LOSSY)]
    if importlib.util.find_spec("codecpod"):
        files += [signals.m4a(voice), signals.adts(voice), signals.webm_opus(voice)]
    return files


@given(st.data())
@settings(max_examples=200, deadline=None)
@pytest.mark.slow
def test_decode_of_damaged_files(originals: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(originals), label="file"))
    places = st.one_of(st.integers(0, 99), st.integers(0, len(whole) - 1))
    damage = data.draw(st.dictionaries(places, st.integers(0, 255), max_size=8), label="damage")
    for place, value in damage.items():
        whole[min(place, len(whole) - 1)] = value
    length = data.draw(st.integers(1, len(whole)), label="length")
    assert decodes_or_says_why(bytes(whole[:length]))
