"""Test the embeddings of the pre-trained encoder, beside librosa and the reference in NumPy."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emo.audio.clip import RATE_HZ, load
from emo.errors import ModelError
from emo.features import encoder
from emo.system.paths import MODELS_DIR, sample_path
from tests.features.librosa_oracle import load_librosa
from tests.support.encoder_oracle import load_reference, needs_reference
from tests.support.signals import tone, voice

MAX_FILE_BYTES, MAX_MODELS_BYTES = 12_000_000, 30_000_000
SAMPLES = ("angry", "sad")


@pytest.fixture(scope="module")
def frozen() -> encoder.Encoder:
    return encoder.load_encoder()


@pytest.fixture(scope="module")
def reference() -> Any:
    return load_reference()


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


def pooled_by_hand(states: list[np.ndarray]) -> np.ndarray:
    """Return mean and deviation over time of each layer, whose windows are joined."""
    return np.concatenate([part for x in states for part in (x.mean(axis=0), x.std(axis=0))])


# --- the spectrogram -----------------------------------------------------------------------------


def test_band_weights_are_those_of_librosa() -> None:
    expected = load_librosa().filters.mel(sr=RATE_HZ, n_fft=encoder.WINDOW, n_mels=encoder.N_BANDS)
    np.testing.assert_allclose(encoder.band_weights(), expected.T, atol=1e-7)


def test_band_edges_lie_between_the_peaks_of_the_bands() -> None:
    edges_hz = encoder.band_edges_hz()
    spectrum_hz = np.fft.rfftfreq(encoder.WINDOW, 1 / RATE_HZ)
    peaks_hz = spectrum_hz[encoder.band_weights().argmax(axis=0)]
    bin_hz = spectrum_hz[1]
    assert len(edges_hz) == encoder.N_BANDS + 1
    assert (np.diff(edges_hz) > 0).all()
    assert (edges_hz[:-1] - bin_hz < peaks_hz).all()
    assert (edges_hz[1:] + bin_hz > peaks_hz).all()


@pytest.mark.parametrize("pitch_hz", [150.0, 440.0, 1000.0, 3100.0, 7000.0])
def test_tone_is_loudest_in_its_band(pitch_hz: float) -> None:
    spectrogram = encoder.encoder_spectrogram(np.asarray(tone(pitch_hz, 0.5), np.float32))
    band = int(spectrogram[10:-10].mean(axis=0).argmax())
    edges_hz = encoder.band_edges_hz()
    bin_hz = RATE_HZ / encoder.WINDOW
    assert edges_hz[band] - bin_hz < pitch_hz < edges_hz[band + 1] + bin_hz


@needs_reference
@pytest.mark.parametrize("n_samples", [4800, 16_000, 16_123, 40_000])
def test_spectrogram_is_that_of_the_reference(reference: Any, n_samples: int) -> None:
    samples = np.asarray(voice(duration_s=3.0)[:n_samples], np.float32)
    expected = reference.log_mel(samples)
    actual = encoder.encoder_spectrogram(samples)
    assert actual.shape == (n_samples // encoder.HOP, encoder.N_BANDS)
    np.testing.assert_allclose(actual, expected, atol=2e-4)


def test_spectrogram_is_that_of_librosa() -> None:
    librosa = load_librosa()
    samples = np.asarray(voice(duration_s=1.5), np.float32)
    power = librosa.feature.melspectrogram(
        y=samples, sr=RATE_HZ, n_fft=400, hop_length=160, n_mels=80, pad_mode="reflect"
    )[:, :-1]
    decades = np.log10(np.maximum(power, 1e-10))
    expected = (np.maximum(decades, decades.max() - 8) + 4) / 4
    np.testing.assert_allclose(encoder.encoder_spectrogram(samples), expected.T, atol=2e-4)


# --- the embedding -------------------------------------------------------------------------------


@needs_reference
@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.slow
def test_embedding_is_near_that_of_float_weights(
    frozen: encoder.Encoder, reference: Any, name: str
) -> None:
    """Rounding the weights to 8 bits costs about one per cent."""
    samples = load(str(sample_path(name))).samples
    (spectrogram,) = encoder.encoder_spectrograms(samples)
    states = reference.hidden_states(spectrogram, n_blocks=3)
    expected = pooled_by_hand(states[-encoder.N_POOLED :])
    actual = frozen.embed(samples)
    assert actual.shape == (encoder.EMBEDDING_SIZE,)
    assert actual.dtype == np.float32
    assert relative_error(actual, expected) < 0.02
    # The parts are in the order of the reference: each alone is as near.
    parts = zip(np.split(actual, 4), np.split(expected, 4), strict=True)
    assert [relative_error(*part) for part in parts] == pytest.approx([0.02] * 4, abs=0.03)


def test_windows_are_few_equal_and_hold_all_samples() -> None:
    for duration_s, n in ((0.3, 1), (11.9, 1), (12.1, 2), (24.1, 3), (600.0, 50)):
        samples = np.arange(int(duration_s * RATE_HZ), dtype=np.float32)
        windows = encoder.split_windows(samples)
        assert len(windows) == n
        assert max(map(len, windows)) <= encoder.MAX_WINDOW_S * RATE_HZ
        assert max(map(len, windows)) - min(map(len, windows)) <= 1
        np.testing.assert_array_equal(np.concatenate(windows), samples)


@pytest.mark.slow
def test_long_clip_is_pooled_over_its_windows(frozen: encoder.Encoder) -> None:
    """Compare with moments that are added up by hand."""
    samples = np.tile(np.asarray(voice(duration_s=4.5), np.float32), 3)
    windows = encoder.split_windows(encoder.encoder_samples(samples))
    assert len(windows) == 2
    moments = [frozen.moments(encoder.encoder_spectrogram(window)) for window in windows]
    counts = [(len(window) // encoder.HOP + 1) // 2 for window in windows]
    shares = np.array(counts) / sum(counts)
    mean = shares[0] * moments[0][:, 0] + shares[1] * moments[1][:, 0]
    square = shares[0] * moments[0][:, 1] + shares[1] * moments[1][:, 1]
    deviation = np.sqrt(square - mean**2)
    expected = np.concatenate([mean[0], deviation[0], mean[1], deviation[1]])
    np.testing.assert_allclose(frozen.embed(samples), expected, rtol=1e-4, atol=1e-4)
    first = frozen.embed(samples[: len(samples) // 3])
    assert relative_error(frozen.embed(samples), first) < 0.1  # the same speech, three times


def test_pooling_windows_equals_pooling_their_frames() -> None:
    rng = np.random.default_rng(1)
    layers = [rng.normal(1.0, 2.0, (n, encoder.N_POOLED, encoder.WIDTH)) for n in (50, 20)]
    moments = [np.stack([x.mean(axis=0), (x**2).mean(axis=0)], axis=1) for x in layers]
    joined = np.concatenate(layers)
    expected = pooled_by_hand([joined[:, i] for i in range(encoder.N_POOLED)])
    actual = encoder.pool_moments([m.astype(np.float32) for m in moments], [100, 40])
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_level_and_silence_around_the_speech_do_not_matter(frozen: encoder.Encoder) -> None:
    speech = np.asarray(voice(duration_s=1.2), np.float32)
    expected = frozen.embed(np.pad(speech, (1600, 1600)))
    for gain, before, after in ((0.05, 1600, 1600), (1.0, 12_345, 0), (0.3, 0, 30_000)):
        padded = np.pad(np.float32(gain) * speech, (before, after))
        np.testing.assert_allclose(frozen.embed(padded), expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("n_samples", [1, 400, 4800])
def test_silence_and_the_shortest_clip_have_finite_embeddings(
    frozen: encoder.Encoder, n_samples: int
) -> None:
    short = np.asarray(voice(duration_s=1.0)[2000 : 2000 + n_samples], np.float32)
    for samples in (np.zeros(n_samples, np.float32), short):
        assert np.isfinite(frozen.embed(samples)).all()


@pytest.mark.slow
def test_threads_return_equal_embeddings(frozen: encoder.Encoder) -> None:
    clips = [np.asarray(voice(duration_s=0.5 + 0.1 * (i % 3)), np.float32) for i in range(6)]
    alone = [frozen.embed(samples) for samples in clips]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(frozen.embed, clips))
    np.testing.assert_array_equal(together, alone)


@pytest.mark.slow
def test_ten_minutes_take_seconds_of_processor_time_and_little_memory(
    frozen: encoder.Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The encoder sees windows of 12 s; the first of them stands for the cost of each."""
    samples = np.tile(np.asarray(voice(duration_s=10.0), np.float32), 60)
    seen: list[int] = []
    known: dict[int, np.ndarray] = {}
    real = encoder.Encoder.moments

    def moments(self: encoder.Encoder, spectrogram: np.ndarray) -> np.ndarray:
        seen.append(len(spectrogram))
        if len(spectrogram) not in known:
            start_s = time.process_time()
            known[len(spectrogram)] = real(self, spectrogram)
            assert time.process_time() - start_s < 1.0
        return known[len(spectrogram)]

    monkeypatch.setattr(encoder.Encoder, "moments", moments)
    start_s = time.process_time()
    assert np.isfinite(frozen.embed(samples)).all()
    assert time.process_time() - start_s < 6.0
    assert len(seen) == 51  # 600 s and the margins
    assert max(seen) <= 1200


# --- the file ------------------------------------------------------------------------------------


def test_files_of_the_models_are_small() -> None:
    assert (MODELS_DIR / encoder.ENCODER_FILE).stat().st_size <= MAX_FILE_BYTES
    served = [
        path
        for path in MODELS_DIR.rglob("*")
        if path.is_file() and "predictions" not in path.parts and "calibration" not in path.parts
    ]
    assert sum(path.stat().st_size for path in served) <= MAX_MODELS_BYTES


def test_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no pre-trained encoder at .*encoder\.tflite\. Fetch"):
        encoder.load_encoder(tmp_path)


def test_altered_file_is_reported(tmp_path: Path) -> None:
    content = (MODELS_DIR / encoder.ENCODER_FILE).read_bytes()
    (tmp_path / encoder.ENCODER_FILE).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match="was altered: its SHA-256"):
        encoder.load_encoder(tmp_path)
