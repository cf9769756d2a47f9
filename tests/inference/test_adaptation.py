"""Test the adapted head against scikit-learn and its definition, and the file of examples."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.audio import clip
from emo.classifiers.numerics import softmax
from emo.errors import AdaptationError
from emo.inference import adaptation, loading, predictor
from emo.inference.adaptation import AdaptedHead, Example
from emo.labels import INDEX, LABELS
from emo.system.paths import MODELS_DIR

WIDTH = 24
DIGEST = "d" * 64


def ensemble(label: str = "neutral", share: float = 0.4) -> np.ndarray:
    """Return a vote for a label, with equal probabilities for the rest."""
    shares = np.full(len(LABELS), (1 - share) / (len(LABELS) - 1))
    shares[INDEX[label]] = share
    return shares


def lesson(emotion: str, number: int, said: str = "neutral", width: int = WIDTH) -> Example:
    """Return an example whose first activations encode the emotion, with noise."""
    rng = np.random.default_rng([INDEX[emotion], number])
    hidden = rng.normal(0, 1, width)
    hidden[INDEX[emotion]] += 6.0
    return Example(f"{emotion} {number}.wav", emotion, ensemble(said), hidden.astype(np.float32))


def lessons(n: int = 4, labels: tuple[str, ...] = ("happy", "sad", "angry")) -> list[Example]:
    return [lesson(label, number) for number in range(n) for label in labels]


def stacked(given: list[Example]) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([one.ensemble for one in given]), np.stack([one.hidden for one in given])


# --- The head ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ridge", [0.05, 0.3, 2.0])
def test_fit_dual_without_offsets_is_logistic_regression(ridge: float) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(1)
    inner, truth = rng.normal(size=(30, 50)), np.arange(30) % 3
    targets = np.eye(3)[truth]
    worths = rng.uniform(0.5, 2.0, 30)
    amounts = adaptation.fit_dual(inner @ inner.T, np.zeros((30, 3)), targets, worths, ridge)
    other = linear.LogisticRegression(C=1 / ridge, fit_intercept=False, tol=1e-8, max_iter=5000)
    other.fit(inner, truth, worths)
    asked = rng.normal(size=(20, 50))
    found = softmax(asked @ inner.T @ amounts)
    np.testing.assert_allclose(found, other.predict_proba(asked), atol=2e-3)


def test_fit_head_minimises_its_loss() -> None:
    given = [*lessons(), *(lesson("sad", number) for number in range(10, 14))]
    head = adaptation.fit_head(given)
    votes, hidden = stacked(given)
    truth = np.array([head.labels.index(one.emotion) for one in given])
    columns = [INDEX[label] for label in head.labels]

    def loss(weights: np.ndarray, bias: np.ndarray) -> float:
        moved = AdaptedHead(head.labels, head.centre, head.scale, weights, bias)
        shares = adaptation.predict_head(moved, votes, hidden)[:, columns]
        penalty = hidden.shape[1] * np.sum(weights**2) + np.sum(bias**2)
        named = shares[np.arange(len(truth)), truth]
        worths = 16 / 3 / np.bincount(truth)[truth]
        return float(-(worths * np.log(named)).sum() + adaptation.RIDGE / 2 * penalty)

    best = loss(head.weights, head.bias)
    rng = np.random.default_rng(3)
    for _ in range(20):
        weights = head.weights + rng.normal(0, 3e-3, head.weights.shape)
        bias = head.bias + rng.normal(0, 3e-2, head.bias.shape)
        assert loss(weights, bias) > best


def test_fit_head_separates_its_examples_and_answers_no_other_label() -> None:
    head = adaptation.fit_head(lessons())
    assert head.labels == ("angry", "happy", "sad")
    new = [lesson(label, 99) for label in head.labels]
    shares = adaptation.predict_head(head, *stacked(new))
    assert [LABELS[i] for i in shares.argmax(axis=1)] == list(head.labels)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    untaught = [INDEX[label] for label in LABELS if label not in head.labels]
    assert (shares[:, untaught] == 0).all()


def test_fit_head_keeps_the_ensemble_for_equal_examples() -> None:
    same = np.ones(WIDTH, np.float32)
    given = [
        Example(str(i), label, ensemble(label, 0.6), same)
        for i in range(3)
        for label in ("happy", "sad")
    ]
    head = adaptation.fit_head(given)
    shares = adaptation.predict_head(head, ensemble("sad", 0.5)[None], same[None])[0]
    expected = ensemble("sad", 0.5)[[INDEX["happy"], INDEX["sad"]]]
    np.testing.assert_allclose(shares[[INDEX["happy"], INDEX["sad"]]], expected / expected.sum())


def test_fit_head_with_a_strong_ridge_keeps_the_ensemble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation, "RIDGE", 1e6)
    head = adaptation.fit_head(lessons(labels=LABELS))
    asked = ensemble("fearful", 0.5)[None]
    shares = adaptation.predict_head(head, asked, stacked([lesson("sad", 99)])[1])
    np.testing.assert_allclose(shares, asked, atol=1e-4)


def test_fit_head_is_independent_of_the_order_of_examples() -> None:
    given = lessons()
    asked = stacked([lesson("sad", 99)])
    forth, back = (
        adaptation.predict_head(adaptation.fit_head(g), *asked) for g in (given, given[::-1])
    )
    np.testing.assert_allclose(forth, back, atol=1e-4)


def test_fit_head_rejects_a_single_emotion() -> None:
    with pytest.raises(AdaptationError, match="of 1 emotions"):
        adaptation.fit_head(lessons(labels=("sad",)))


def test_adapted_answer_has_the_probabilities_and_may_be_unsure() -> None:
    given = lessons(2)
    head, asked = adaptation.fit_head(given), given[0]
    prediction = predictor.Prediction(
        1.0,
        (),
        {"ensemble": predictor.answer(asked.ensemble)},
        None,  # type: ignore[arg-type]
        hidden=asked.hidden,
    )
    sure = adaptation.adapted_answer(head, prediction)
    unsure = adaptation.adapted_answer(head, prediction, 1.0)
    assert sure
    assert unsure
    assert sure.label == asked.emotion
    assert not sure.unsure
    assert unsure.unsure


def test_adapted_answer_is_chosen_among_the_emotions_that_can_occur():
    given = lessons(2, LABELS[:3])
    head, asked = adaptation.fit_head(given), given[0]
    prediction = predictor.Prediction(
        1.0,
        (),
        {"ensemble": predictor.answer(asked.ensemble)},
        None,  # type: ignore[arg-type]
        hidden=asked.hidden,
    )
    everything = adaptation.adapted_answer(head, prediction)
    some = replace(prediction, among=(LABELS[0], LABELS[2], LABELS[5]))
    found = adaptation.adapted_answer(head, some)
    assert everything
    assert found
    ratio = everything.probabilities[0] / everything.probabilities[2]
    assert found.probabilities[0] / found.probabilities[2] == pytest.approx(ratio)
    assert np.flatnonzero(found.probabilities).tolist() == [0, 2]
    assert adaptation.adapted_answer(head, replace(prediction, among=LABELS[2:5])) is None


# --- Lessons and their test ----------------------------------------------------------------------


def test_add_example_replaces_an_example_of_the_same_sound() -> None:
    first, again = lesson("sad", 1), lesson("sad", 1)
    again = Example("again", "happy", again.ensemble, again.hidden)
    (kept,) = adaptation.add_example((first,), again)
    assert (kept.name, kept.emotion) == ("again", "happy")


def test_add_example_rejects_more_than_the_limit() -> None:
    full = lessons(adaptation.MAX_CLIPS // 2, ("sad", "happy"))
    with pytest.raises(AdaptationError, match="200 examples"):
        adaptation.add_example(full, lesson("angry", 1))


def test_usable_leaves_out_emotions_with_one_clip() -> None:
    given = [*lessons(2, ("sad", "happy")), lesson("angry", 1)]
    assert adaptation.example_labels(adaptation.usable(given)) == ("happy", "sad")
    assert adaptation.usable([*lessons(3, ("sad",)), lesson("angry", 1)]) == ()


def test_cross_validate_leaves_each_clip_out_of_its_own_head() -> None:
    """Left out, a clip that lies among the other emotion is predicted wrong."""
    given = lessons(3, ("sad", "happy"))
    stray = lesson("happy", 50)
    given[0] = Example("stray", "sad", stray.ensemble, stray.hidden)
    whole = adaptation.predict_head(adaptation.fit_head(given), *stacked([given[0]]))[0]
    assert LABELS[int(whole.argmax())] == "sad"
    trial = adaptation.cross_validate(given)
    assert trial.folds == trial.clips == 6
    assert trial.counts[trial.labels.index("sad"), trial.labels.index("happy")] == 1
    assert trial.head_right == 5


def test_cross_validate_counts_the_ensemble_with_and_without_other_labels() -> None:
    said = ("sad", "neutral", "happy", "neutral")  # by the ensemble, of sad, sad, happy, happy
    given = [
        Example(one.name, one.emotion, ensemble(s, 0.5), one.hidden)
        for s, one in zip(
            said,
            [lesson("sad", 1), lesson("sad", 2), lesson("happy", 1), lesson("happy", 2)],
            strict=True,
        )
    ]
    trial = adaptation.cross_validate(given)
    assert trial.ensemble_right == 2
    assert trial.restricted_right == 3  # neutral aside, happy and sad tie, and the first counts
    assert (trial.counts.sum(axis=1) == 2).all()


@pytest.mark.parametrize("n", [2, 3, 5, 11, 20])
def test_cross_validate_has_every_emotion_in_every_fit(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, ...]] = []
    learn = adaptation.fit_head

    def listening(given: list[Example]) -> AdaptedHead:
        heard.append(adaptation.example_labels(given))
        return learn(given)

    monkeypatch.setattr(adaptation, "fit_head", listening)
    trial = adaptation.cross_validate(lessons(n))
    assert trial.clips == 3 * n
    assert trial.folds == len(heard) == min(adaptation.FOLDS, 3 * n)
    assert set(heard) == {("angry", "happy", "sad")}


def test_cross_validate_rejects_an_emotion_with_one_clip() -> None:
    with pytest.raises(AdaptationError, match="2 emotions with 2 clips each"):
        adaptation.cross_validate([*lessons(2, ("sad",)), lesson("happy", 1)])


def test_cross_validate_of_a_hundred_clips_takes_two_seconds() -> None:
    given = [lesson(LABELS[i % 7], i, width=1152) for i in range(100)]
    start = time.process_time()
    adaptation.fit_head(given)
    adaptation.cross_validate(given)
    assert time.process_time() - start < 2.0


# --- The file ------------------------------------------------------------------------------------


def stored(**changes: object) -> bytes:
    """Return a file of examples with changed fields."""
    return json.dumps(json.loads(adaptation.write_examples(lessons(2), DIGEST)) | changes).encode()


def changed_clip(**changes: object) -> bytes:
    """Return a file of examples with a changed first clip."""
    content = json.loads(stored())
    content["clips"][0] |= changes
    return json.dumps(content).encode()


def read(data: bytes) -> tuple[Example, ...]:
    return adaptation.read_examples(data, DIGEST, WIDTH)


def test_read_examples_returns_what_was_written_exactly() -> None:
    given = lessons(3)
    found = read(adaptation.write_examples(given, DIGEST).encode())
    for one, other in zip(given, found, strict=True):
        assert (one.name, one.emotion) == (other.name, other.emotion)
        np.testing.assert_array_equal(one.ensemble, other.ensemble)
        np.testing.assert_array_equal(one.hidden, other.hidden)
        assert other.hidden.dtype == np.float32


def test_write_examples_stays_within_the_limit_of_a_file() -> None:
    rng = np.random.default_rng(0)
    full = [
        Example(
            "n" * adaptation.MAX_NAME, "sad", ensemble(), rng.normal(size=1152).astype(np.float32)
        )
    ] * adaptation.MAX_CLIPS
    assert len(adaptation.write_examples(full, DIGEST).encode()) < adaptation.MAX_FILE_BYTES


BAD = {
    "too large": (b" " * (adaptation.MAX_FILE_BYTES + 1), "at most 8 MB"),
    "no text": (b"\xff\xfe", "not valid JSON"),
    "no JSON": (b"hello", "not valid JSON"),
    "nested without end": (b"[" * 10**6, "not valid JSON"),
    "not a number": (b'{"format": NaN}', "not valid JSON"),
    "a list": (b"[]", "not a file of examples"),
    "another file": (b'{"format": 3}', "not a file of examples"),
    "a later version": (stored(version=3), "has version 3 of the format"),
    "version true": (stored(version=True), "has version True of the format"),
    "a version of text": (stored(version="x" * 99), "has version 'xxx"),
    "other labels": (stored(labels=["sad", "glad"]), "other labels than the seven"),
    "labels in another order": (stored(labels=list(LABELS[::-1])), "other labels"),
    "other models": (stored(models="e" * 64), "made with other models"),
    "no clips": (stored(clips=[]), "has 0 examples"),
    "clips an object": (stored(clips={}), "has 0 examples"),
    "too many clips": (stored(clips=[0] * 201), "has 201 examples"),
    "a clip of text": (
        stored(clips=["x"]),
        "Example 1 in the file is damaged: it is not an object",
    ),
    "a name of numbers": (changed_clip(name=3), "its name is not a text"),
    "a name without end": (changed_clip(name="x" * 999), "its name is not a text"),
    "a strange emotion": (changed_clip(emotion="bored"), "its emotion is 'bored'"),
    "calm": (changed_clip(emotion="calm"), "its emotion is 'calm'"),
    "an emotion of lists": (changed_clip(emotion=[]), "its emotion is list"),
    "a short ensemble": (changed_clip(ensemble=[1.0]), "'ensemble' is not a list of 7 numbers"),
    "an ensemble of two": (changed_clip(ensemble=[1.0, 1.0, 0, 0, 0, 0, 0]), "do not add up to 1"),
    "an ensemble below nought": (
        changed_clip(ensemble=[2.0, -1.0, 0, 0, 0, 0, 0]),
        "do not add up to 1",
    ),
    "fewer inner values": (changed_clip(hidden=[1.0]), f"not a list of {WIDTH} numbers"),
    "inner values of text": (changed_clip(hidden=["1"] * WIDTH), "value that is not a number"),
    "inner values of truth": (changed_clip(hidden=[True] * WIDTH), "value that is not a number"),
    "a huge inner value": (changed_clip(hidden=[1e300] * WIDTH), "too large"),
    "an endless inner value": (
        stored().replace(b'"hidden": [', b'"hidden": [1e999, ', 1),
        "not a list of|not finite",
    ),
    "a whole number too large": (changed_clip(hidden=[10**400] * WIDTH), "is damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_read_examples_rejects_a_bad_file_in_a_sentence(name: str) -> None:
    data, told = BAD[name]
    with pytest.raises(AdaptationError, match=told) as caught:
        read(data)
    assert str(caught.value).endswith(".")
    assert len(str(caught.value)) < 300


def test_read_examples_rejects_an_infinite_value() -> None:
    content = stored()
    first = json.loads(content)["clips"][0]["hidden"][0]
    with pytest.raises(AdaptationError, match="not finite"):
        read(content.replace(str(first).encode(), b"1e999", 1))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
@pytest.mark.slow
def test_read_examples_of_any_bytes_returns_or_raises_a_sentence(data: bytes) -> None:
    with pytest.raises(AdaptationError):
        read(data)


@given(
    st.sampled_from(
        ["version", "models", "labels", "clips", "name", "emotion", "ensemble", "hidden"]
    ),
    values,
)
@pytest.mark.slow
def test_read_examples_of_any_changed_value_returns_or_raises_a_sentence(
    field: str, value: object
) -> None:
    top = field in ("version", "models", "labels", "clips")
    data = stored(**{field: value}) if top else changed_clip(**{field: value})
    try:
        found = read(data)
    except AdaptationError:
        return
    shares = adaptation.predict_head(adaptation.fit_head(found), *stacked(list(found)))
    assert np.isfinite(shares).all()


@given(st.data())
def test_read_examples_of_any_changed_byte_returns_or_raises_a_sentence(
    data: st.DataObject,
) -> None:
    content = bytearray(stored())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(content))
    except AdaptationError:
        return
    assert np.isfinite(
        adaptation.predict_head(adaptation.fit_head(found), *stacked(list(found)))
    ).all()


# --- With the models -----------------------------------------------------------------------------


@pytest.mark.skipif(not (MODELS_DIR / "cnn" / "model.json").exists(), reason="no trained models")
def test_predict_returns_the_hidden_activations() -> None:
    from tests.support.signals import encoded, voice

    models = loading.load_models()
    clips = [clip.decode(encoded(voice(hz)), "voice.wav") for hz in (110.0, 220.0)]
    both = predictor.predict_many(clips, models)
    width = adaptation.count_hidden(models)
    assert [one.hidden.shape for one in both] == [(width,)] * 2
    assert width > 1000
    alone = predictor.predict(clips[1], models)
    np.testing.assert_allclose(alone.hidden, both[1].hidden, atol=1e-5)
    assert len(adaptation.models_digest(models)) == 64
