"""Answers are invariant to a constant offset of any size."""

import numpy as np
import pytest

from emo.app.analyse.analysis import cut_part
from emo.audio import clip as audio_clip
from emo.audio.alteration import Alteration, alter_clip
from emo.audio.clip import RATE_HZ, cut, decode
from emo.classifiers.ensembles import ENSEMBLES
from emo.evaluation.robustness.conditions import CLEAN, CONDITIONS, alter
from emo.inference.loading import ANSWER_KEYS, load_models
from emo.inference.predictor import predict, predict_many
from emo.inference.timeline import iter_timeline
from emo.training.feature_cache import degrade as alter_for_training
from tests.support.signals import Samples, encoded, voice

FROM_SCRATCH = ENSEMBLES["from-scratch"].members

SHARES = (1e-5, 1e-4, 1e-3, 0.01, 0.03, 0.09, 0.11, 0.5, -0.003, -0.08, -0.5)
"""Offsets as shares of the standard deviation, on both sides of the one that is named."""

VOICES = {
    "low": voice(110.0, 2.3, seed=1),
    "falling": voice((260.0, 170.0), 1.7, vowels="aoe", syllables_per_s=3.0, seed=2),
    "breathy": voice((180.0, 300.0), 2.9, breath_db=-15.0, seed=3),
}


@pytest.fixture(scope="module")
def models():
    return load_models()


def clip_of(samples: Samples, share: float = 0.0) -> audio_clip.Clip:
    """Return the clip of samples to which a share of their deviation was added."""
    offset = np.float64(share) * samples.std(dtype=np.float64)
    return decode(encoded(samples + offset, subtype="DOUBLE"))


def rows(prediction) -> dict[str, np.ndarray]:
    """Return the probabilities of all answers, float64 (7,) each."""
    return {key: prediction.answers[key].probabilities for key in ANSWER_KEYS}


def assert_alike(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], note="") -> None:
    """Fail unless answers are equal but for rounding.

    That of the encoder's activations to 8 bits turns the last bits of a sample into 0.2 %.
    """
    for key in ANSWER_KEYS:
        tolerance = 1e-4 if key in FROM_SCRATCH else 5e-3
        np.testing.assert_allclose(
            found[key], expected[key], atol=tolerance, err_msg=f"{key} {note}"
        )


@pytest.mark.parametrize("name", VOICES)
def test_predict_is_invariant_to_an_offset(models, name):
    clips = [clip_of(VOICES[name], share) for share in (0.0, *SHARES)]
    plain, *others = predict_many(clips, models)
    for share, other in zip(SHARES, others, strict=True):
        assert_alike(rows(other), rows(plain), f"{share}")
        assert other.quality.to_dict() == plain.quality.to_dict()


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
@pytest.mark.parametrize("level_db", [-55.0, -6.0])
@pytest.mark.slow
def test_decode_is_invariant_to_an_offset(rate_hz, level_db):
    spoken = voice(150.0, 1.0, rate_hz, level_db=level_db)
    spoken -= spoken.mean()
    deviation = spoken.std()
    plain = decode(encoded(spoken, rate_hz, subtype="DOUBLE")).samples
    for share in SHARES:
        data = encoded(spoken + share * np.float64(deviation), rate_hz, subtype="DOUBLE")
        clip = decode(data)
        edge = RATE_HZ // 50  # the resampler rings where the offset sets in
        np.testing.assert_allclose(
            clip.samples[edge:-edge], plain[edge:-edge], atol=1e-3 * abs(share) * deviation + 2e-6
        )
        assert abs(clip.samples.mean(dtype=np.float64)) < 1e-7


@pytest.mark.parametrize("share", [0.0, 0.04, -0.4])
@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
@pytest.mark.slow
def test_decode_excludes_digital_silence_from_the_offset(share, rate_hz):
    spoken = voice((200.0, 150.0), 1.5, rate_hz) + np.float32(0.02)
    pauses = [np.zeros(round(pause_s * rate_hz), np.float32) for pause_s in (1.1, 0.4, 3.0)]
    parts = [pauses[0], spoken, pauses[1], spoken, pauses[2]]
    whole = np.concatenate(parts) + np.float32(share * spoken.std())
    samples = decode(encoded(whole, rate_hz, subtype="FLOAT")).samples
    ends_s = np.cumsum([len(part) / rate_hz for part in parts])
    edge = RATE_HZ // 50
    for start_s, stop_s, part in zip([0.0, *ends_s], ends_s, parts, strict=False):
        heard = samples[round(start_s * RATE_HZ) + edge : round(stop_s * RATE_HZ) - edge]
        assert abs(heard.mean()) < (1e-3 if part.any() else 0.0) + 1e-9


def test_decode_does_not_take_clipped_peaks_for_digital_silence():
    square = np.where(np.arange(2 * RATE_HZ) % 2000 < 900, 0.5, -0.5).astype(np.float32)
    samples = decode(encoded(square, subtype="FLOAT")).samples
    np.testing.assert_allclose(samples, square - square.mean(), atol=1e-6)


def test_decode_warns_of_a_large_offset_only():
    spoken = VOICES["low"]
    named = {share: clip_of(spoken, share).warnings for share in SHARES}
    assert {share for share in SHARES if named[share]} == {0.11, 0.5, -0.5}
    (sentence,) = named[-0.5]
    assert f"{-0.5 * spoken.std():.2g}" in sentence


@pytest.mark.parametrize(
    "settings",
    [
        Alteration(gain_db=18.0),
        Alteration(snr_db=5.0),
        Alteration(telephone=True),
        Alteration(speed=1.3, pitch_semitones=2.0),
    ],
    ids=str,
)
def test_alter_clip_removes_the_offset(settings):
    lopsided = np.maximum(VOICES["low"], -0.02)  # louder, it is cut off on one side alone
    altered = alter_clip(decode(encoded(lopsided, subtype="FLOAT")), settings)
    assert abs(altered.samples.mean(dtype=np.float64)) < 1e-7


@pytest.mark.parametrize("name", ["copy-1", CLEAN, *CONDITIONS])
def test_degrade_removes_the_offset(name):
    lopsided = np.maximum(VOICES["low"], -0.02)
    degrade = alter_for_training if name == "copy-1" else alter
    altered = degrade(decode(encoded(lopsided)).samples, name, "5e" * 32)
    assert abs(altered.mean(dtype=np.float64)) < 1e-7


def stepped() -> Samples:
    """Return a voice that is moved up in its first part and down in its second."""
    spoken = np.concatenate([VOICES["falling"], VOICES["falling"][::-1]])
    up = np.arange(len(spoken)) < len(spoken) / 2
    return (spoken + np.where(up, 0.01, -0.01)).astype(np.float32)


def test_part_of_a_clip_answers_as_the_part_alone(models):
    samples = stepped()
    clip = decode(encoded(samples, subtype="FLOAT"))
    part_s = (0.5, 1.75)
    start, stop = (round(place_s * RATE_HZ) for place_s in part_s)
    alone = predict(decode(encoded(samples[start:stop], subtype="FLOAT")), models)
    for part in (cut(clip, start, stop), cut_part(clip, part_s)):
        assert abs(part.samples.mean(dtype=np.float64)) < 1e-7
        assert_alike(rows(predict(part, models)), rows(alone))


def test_window_of_a_timeline_answers_as_the_window_alone(models):
    samples = stepped()
    *_, found = iter_timeline(decode(encoded(samples, subtype="FLOAT")), models)
    assert found.done >= 2
    for i, span_s in enumerate(found.windows_s):
        start, stop = (round(place_s * RATE_HZ) for place_s in span_s)
        alone = predict(decode(encoded(samples[start:stop], subtype="FLOAT")), models)
        here = {key: found.probabilities[key][i] for key in ANSWER_KEYS}
        assert_alike(here, rows(alone))
