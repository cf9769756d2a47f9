"""Test the sentences of explanations."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.classifiers.calibration import Calibration, calibrate
from emo.classifiers.tree import SURROGATE, axis_values, predict_tree
from emo.features.frames import N_MELS
from emo.features.functionals import functional_names
from emo.formatting import percent
from emo.inference import explanation as ex
from emo.inference import explanation_text as words
from emo.inference import regions
from emo.inference.predictor import answer
from emo.labels import TRAINED_INDEX, TRAINED_LABELS

N = len(functional_names())
NODES = ("left", "right", "axis", "threshold", "probabilities")


def simple_tree():
    """Return a tree of one split on one axis of two functionals, and a clip."""
    names = functional_names()
    arrays = {
        "mean": np.zeros(N, np.float32),
        "deviation": np.ones(N, np.float32),
        "centre": np.zeros(N, np.float32),
        "projection": np.zeros((N, len(TRAINED_LABELS)), np.float32),
        "left": np.array([1, -1, -1], np.int32),
        "right": np.array([2, -1, -1], np.int32),
        "axis": np.array([0, -2, -2], np.int32),
        "threshold": np.array([0.4, -2.0, -2.0]),
        "probabilities": np.full((3, 8), 0.02),
    }
    arrays |= {SURROGATE + name: arrays[name].copy() for name in NODES}
    pitch = names.index("pitch, 95th percentile (semitones)")
    pauses = names.index("share of pauses")
    arrays["mean"][[pitch, pauses]] = 4.2, 0.25
    arrays["deviation"][[pitch, pauses]] = 2.0, 0.5
    arrays["projection"][[pitch, pauses], 0] = 1.0, -2.0
    for node, share in enumerate((0.3, 0.1, 0.86)):
        arrays["probabilities"][node] = (1 - share) / 6
        arrays["probabilities"][node, TRAINED_INDEX["happy"]] = share
    arrays["probabilities"][:, TRAINED_INDEX["calm"]] = 0.0
    arrays[SURROGATE + "axis"][0], arrays[SURROGATE + "threshold"][0] = pitch, 6.5
    arrays[SURROGATE + "probabilities"][2, TRAINED_INDEX["happy"]] = 0.4
    clip = arrays["mean"].copy()
    clip[[pitch, pauses]] = 7.2, 0.35  # 1.5 deviations, and 0.2
    return arrays, clip


def test_path_sentences_name_each_question():
    arrays, clip = simple_tree()
    axes, question, leaf = words.path_sentences(ex.explain_tree(arrays, clip, "happy"))
    assert f"{N} measurements" in axes
    assert question.replace("\u00a0", " ") == (
        "1. Does it score above 0.40 for anger? Yes, it scores 1.10, mainly because of pitch, 95th "
        "percentile, 7.2 semitones (typical 4.2). By groups: pitch +1.50, timing −0.40, energy "
        "0.00, spectrum 0.00, cepstrum 0.00. The probability of happy goes from 30 % to 86 %."
    )
    assert leaf.replace("\u00a0", " ").endswith(
        "leaf: happy 86 %, angry 2 %, disgusted 2 %, fearful 2 %, neutral 2 %, sad 2 %, "
        "surprised 2 %."
    )


@given(st.integers(0, 9_999), st.floats(0.5, 2.0))
def test_path_sentences_end_with_the_share_of_the_answer(seed, temperature):
    # The oracle is what is served of the leaf; calm often has the most there.
    arrays, clip = simple_tree()
    rng = np.random.default_rng(seed)
    arrays["probabilities"] = rng.dirichlet([0.5] * 7 + [3.0], 3)
    raw = {"tree": predict_tree(arrays, clip[None])}
    served = calibrate(raw, Calibration({"tree": temperature}, {"tree": 1.0}, {}))["tree"][0]
    said = answer(served)
    path = ex.explain_tree(arrays, clip, said.label, temperature)
    assert path.steps[-1].share == pytest.approx(said.confidence)
    *_, question, leaf = words.path_sentences(path)
    card = percent(said.confidence)
    assert question.endswith(f"to {card}.")
    told = re.findall(rf"{said.label} (\d+\u00a0%)", leaf)
    assert told[-1] == card
    calm = path.leaf["calm"]
    assert ("Calm" in leaf) == (calm >= words.MIN_SHARE)
    assert ("most there" in leaf) == (calm >= words.MIN_SHARE and calm > path.leaf[said.label])


def test_surrogate_sentences_name_each_question():
    arrays, clip = simple_tree()
    question, leaf = words.surrogate_sentences(ex.explain_tree(arrays, clip, "happy"))
    assert question == (
        "1. Pitch, 95th percentile above 6.5\u00a0semitones? Yes, 7.2\u00a0semitones."
    )
    assert leaf.replace("\u00a0", " ").startswith("Training clips in this leaf: happy 40 %")


def test_surrogate_outline_has_a_line_for_each_question_and_answer():
    arrays, _ = simple_tree()
    arrays[SURROGATE + "probabilities"][1, TRAINED_INDEX["sad"]] = 0.25
    assert words.surrogate_outline(arrays).replace("\u00a0", " ") == (
        "pitch, 95th percentile above 6.5 semitones?\nno:  sad 25 %\nyes: happy 40 %"
    )
    deeper = {
        "left": np.array([1, -1, 3, -1, -1], np.int32),
        "right": np.array([2, -1, 4, -1, -1], np.int32),
        "axis": np.array([functional_names().index("share of pauses"), -2] * 2 + [-2], np.int32),
        "threshold": np.array([0.5, 0.0, 0.25, 0.0, 0.0]),
        "probabilities": np.eye(8)[:5],
    }
    deeper["axis"][2:] = deeper["axis"][0], -2, -2
    outline = words.surrogate_outline({SURROGATE + name: rows for name, rows in deeper.items()})
    assert outline.replace("\u00a0", " ").split("\n") == [
        "share of pauses above 0.5?",
        "no:  disgusted 100 %",
        "yes: share of pauses above 0.25?",
        "  no:  happy 100 %",
        "  yes: neutral 100 %",
    ]


def test_surrogate_sentences_write_close_values_with_more_digits():
    arrays, clip = simple_tree()
    arrays[SURROGATE + "threshold"][0] = 7.2001
    question = words.surrogate_sentences(ex.explain_tree(arrays, clip, "happy"))[0]
    assert "above 7.2001\u00a0semitones? No, 7.2\u00a0semitones." in question


def test_turning_point_is_the_question_with_the_largest_change():
    arrays, clip = simple_tree()
    found = ex.explain_tree(arrays, clip, "happy")
    said = words.turning_point(found).replace("\u00a0", " ")
    assert said == (
        "Question 1 of 1 changed it most: the probability of happy went from 30 % to 86 %. The "
        "strongest measurements: pitch, 95th percentile, 7.2 semitones (typical 4.2)."
    )
    (step,) = found.steps
    shares = (0.5, 0.9, 0.3, 0.4)  # by 0.2 up, 0.4 up, 0.6 down, 0.1 up
    steps = tuple(dataclasses.replace(step, share=share, strongest=()) for share in shares)
    said = words.turning_point(dataclasses.replace(found, steps=steps)).replace("\u00a0", " ")
    assert (
        said == "Question 3 of 4 changed it most: the probability of happy went from 90 % to 30 %."
    )
    assert words.turning_point(dataclasses.replace(found, steps=())) == ""


def test_path_sentences_treat_a_value_on_the_limit_as_not_above():
    arrays, clip = simple_tree()
    arrays["threshold"][0] = float(axis_values(arrays, clip[None])[0, 0])
    (step,) = ex.explain_tree(arrays, clip, "happy").steps
    assert not step.above
    assert step.share == pytest.approx(0.1, abs=1e-6)
    assert (
        "? No, it scores 1.10, " in words.path_sentences(ex.explain_tree(arrays, clip, "happy"))[1]
    )


def test_path_sentences_write_close_values_with_more_digits():
    arrays, clip = simple_tree()
    arrays["threshold"][0] = 1.0996
    question = words.path_sentences(ex.explain_tree(arrays, clip, "happy"))[1]
    assert "above 1.0996 for anger? Yes, it scores 1.1000, " in question


def test_shift_sentences_order_the_parts_by_size():
    parts = tuple(
        ex.Part(group, amount)
        for group, amount in zip(ex.GROUPS, (0.5, -1.25, 3.0, 0.001, -0.25), strict=True)
    )
    assert words.shift_sentences(ex.Shift("sad", -1.5, 0.501, parts, 0.2, 0.6, parts)) == [
        "Log-odds of sad: −1.50 for the mean training clip, +0.50 for this one, a change of +2.00.",
        "It comes from spectrum +3.00, energy −1.25, pitch +0.50, timing −0.25, cepstrum 0.00.",
    ]


def regions_of(*drops):
    marked = [drop > 1 for drop in drops]
    patches = tuple(
        regions.Patch(0.2 * i - 0.05, 0.2 * i + 0.15, 100.0 * i + 64, 100.0 * i + 164, drop, high)
        for i, (drop, high) in enumerate(zip(drops, marked, strict=True))
    )
    empty = np.zeros((0, N_MELS), np.float32)
    return regions.Regions("sad", 1.5, -0.05, empty, empty > 0, patches, 3.25, -0.125)


def test_region_sentences_name_the_strongest_patches():
    first, second = words.region_sentences(regions_of(1.25, 0.0, 2.5, -1.0))
    assert first.replace("\u00a0", " ") == (
        "Log-odds of sad: +1.50. Hiding one part of the spectrogram changes them most at "
        "0.35 to 0.55 s, 264 to 364 Hz (−2.50); 0.00 to 0.15 s, 64 to 164 Hz (−1.25)."
    )
    assert second == (
        "Hiding the 2 strongest of 4 parts together changes them by −3.25; hiding as many others, "
        "chosen at random, by +0.12 on average."
    )
    (nothing,) = words.region_sentences(regions_of(0.0, -1.0))
    assert "The answer sad depends on no single part of the spectrogram" in nothing
