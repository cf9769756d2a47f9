"""Test how answers are explained: parts that add up, regions, and the path to a leaf."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.classifiers.mlp import predict_mlp
from emo.classifiers.storage import Model, read_model_info
from emo.classifiers.tree import SURROGATE, axis_values, predict_surrogate, predict_tree
from emo.features.frames import N_MELS, mel_centres_hz
from emo.features.functionals import functional_names, functional_table
from emo.inference import explanation as ex
from emo.inference import regions
from emo.labels import INDEX, LABELS, TRAINED_LABELS
from emo.system.paths import MODELS_DIR
from tests.support.models import fitted, random_spectrogram

N = len(functional_names())
seeds = st.integers(0, 2**32 - 1)


def random_functionals(seed, spread=30.0):
    return np.random.default_rng(seed).normal(0, spread, N).astype(np.float32)


# --- the perceptron ------------------------------------------------------------------------------


def mean_over_orders(worth, n):
    """Return what each player adds, as the mean over every order of players."""
    values = np.zeros(n)
    orders = list(permutations(range(n)))
    for order in orders:
        present: frozenset[int] = frozenset()
        for player in order:
            values[player] += worth(present | {player}) - worth(present)
            present |= {player}
    return values / len(orders)


def test_shapley_values_of_the_glove_game():
    # One has a left glove, two a right one; a pair is worth 1.  The values are in textbooks.
    worths = np.array([float((c & 1) and (c & 6) != 0) for c in range(8)])
    np.testing.assert_allclose(ex.shapley_values(worths), [2 / 3, 1 / 6, 1 / 6])


@given(seeds, st.integers(1, 5))
def test_shapley_values_are_the_mean_over_all_orders_and_add_up(seed, n):
    worths = np.random.default_rng(seed).normal(0, 10, 2**n)
    expected = mean_over_orders(lambda present: worths[sum(1 << i for i in present)], n)
    found = ex.shapley_values(worths)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert found.sum() == pytest.approx(worths[-1] - worths[0], abs=1e-9)


def test_shapley_values_are_symmetric_and_zero_for_a_null_player():
    sizes = np.array([bin(c & 0b011).count("1") for c in range(8)])  # the third adds nothing
    first, second, third = ex.shapley_values(np.exp(sizes.astype(float)))
    assert first == pytest.approx(second, abs=1e-12)
    assert third == 0.0


def test_shapley_values_reject_a_number_of_worths_that_is_no_power_of_two():
    with pytest.raises(ValueError, match="5 worths"):
        ex.shapley_values(np.zeros(5))


def test_log_odds_equal_those_computed_by_hand():
    raw = np.array([[0.2, 0.1, 0.1, 0, 0, 0, 0, 0.6]])  # calm is left out: 0.5, 0.25, 0.25
    assert ex.log_odds(raw, "angry", 1.0) == pytest.approx([0.0], abs=1e-5)
    # At temperature 0.5 the shares are squared: 4, 1 and 1 of 6.
    assert ex.log_odds(raw, "angry", 0.5) == pytest.approx([np.log(2)], abs=1e-5)
    assert ex.log_odds(raw, "fearful", 1.0) == pytest.approx([-np.log(3)], abs=1e-5)
    certain = np.eye(8)[:1]
    assert np.isfinite(ex.log_odds(certain, "angry", 0.25)).all()


def test_log_odds_among_some_labels_leave_the_others_out():
    raw = np.array([[0.2, 0.1, 0.1, 0, 0, 0, 0, 0.6]])
    some = ("angry", "fearful")
    assert ex.log_odds(raw, "angry", 1.0, some) == pytest.approx([np.log(2)], abs=1e-5)
    assert ex.log_odds(raw, "fearful", 0.5, some) == pytest.approx([-np.log(4)], abs=1e-5)


def perceptron(arrays=None):
    info = read_model_info(MODELS_DIR / "mlp")
    return Model("mlp", info, fitted("mlp").arrays if arrays is None else arrays, None)


def numbers_of(group):
    return [i for i, (_, other) in enumerate(functional_table()) if other == group]


def test_groups_hold_every_functional():
    assert {group for _, group in functional_table()} == set(ex.GROUPS)


@pytest.mark.parametrize("seed", range(5))
def test_explain_perceptron_has_parts_that_add_up_to_the_change(seed):
    label, temperature = LABELS[seed], 0.7
    model, clip = perceptron(), random_functionals(seed)
    found = ex.explain_perceptron(model, clip, label, temperature)
    moved = sum(part.amount for part in found.parts)
    assert moved == pytest.approx(found.log_odds - found.typical, abs=1e-9)
    assert [part.group for part in found.parts] == list(ex.GROUPS)
    both = np.stack([model.arrays["mean"], clip])
    expected = ex.log_odds(predict_mlp(model.arrays, both), label, temperature)
    assert [found.typical, found.log_odds] == pytest.approx(expected.tolist(), abs=1e-4)


@pytest.mark.slow
def test_explain_perceptron_averages_over_all_orders_of_the_groups():
    model, clip = perceptron(), random_functionals(3)

    def worth(present):
        shown = model.arrays["mean"].copy()
        for player in present:
            chosen = numbers_of(ex.GROUPS[player])
            shown[chosen] = clip[chosen]
        return ex.log_odds(predict_mlp(model.arrays, shown[None]), "sad", 1.0)[0]

    found = ex.explain_perceptron(model, clip, "sad")
    expected = mean_over_orders(worth, len(ex.GROUPS))
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose([part.amount for part in found.parts], expected, atol=1e-4)


@pytest.mark.parametrize("group", ex.GROUPS)
def test_explain_perceptron_has_zero_for_a_group_at_its_mean(group):
    model, clip = perceptron(), random_functionals(1)
    clip[numbers_of(group)] = model.arrays["mean"][numbers_of(group)]
    amounts = {p.group: p.amount for p in ex.explain_perceptron(model, clip, "happy").parts}
    assert abs(amounts.pop(group)) < 1e-6  # a matrix of another shape is summed in another order
    assert min(abs(amount) for amount in amounts.values()) > 1e-4


def test_explain_perceptron_is_symmetric_in_equal_groups():
    weights = np.zeros((N, 8), np.float32)
    first, second = numbers_of("pitch")[4], numbers_of("timing")[2]
    weights[[first, second], LABELS.index("sad")] = 1.0
    scaling = {"mean": np.full(N, 2.0, np.float32), "deviation": np.ones(N, np.float32)}
    model = perceptron({**scaling, "member0_0": weights, "member0_1": np.zeros(8, np.float32)})
    clip = np.full(N, 2.0, np.float32)
    clip[[first, second]] = 3.0
    found = ex.explain_perceptron(model, clip, "sad")
    # A sum of logits: each unit moves the log-odds by one, from seven equal labels.
    assert found.typical == pytest.approx(-np.log(6), abs=1e-5)
    amounts = {part.group: part.amount for part in found.parts}
    assert amounts == pytest.approx(
        {"pitch": 1, "energy": 0, "spectrum": 0, "cepstrum": 0, "timing": 1}, abs=1e-5
    )


# --- the network ---------------------------------------------------------------------------------


@given(st.integers(1, 60_000), st.sampled_from([regions.LOG_MEL, regions.ENCODER_PICTURE]))
def test_patch_grid_keeps_to_its_budget_at_any_length(n_frames, picture):
    columns, rows = regions.patch_grid(n_frames, picture)
    assert 1 <= columns <= n_frames
    assert (len(picture.edges_hz()) - 1) % rows == 0
    assert columns * rows * n_frames <= max(picture.budget, regions.MIN_PATCHES * n_frames)
    finest = regions.PATCH_S / picture.frame_s
    assert n_frames < 2 * finest or n_frames / columns > finest / 2


def carried_by(place):
    """Return a network whose logit is the sum over one region."""
    return lambda shown: float(shown[place].sum())


@pytest.mark.parametrize("length", [15, 60, 200, 700, 3000])
def test_explain_network_finds_the_region_of_a_known_network(length):
    shown = np.abs(random_spectrogram(length)) + np.float32(0.1)
    region = (slice(length // 4, length // 2), slice(8, 32))
    found = regions.explain_network(carried_by(region), shown, "sad")
    inside = np.zeros(shown.shape, bool)
    inside[region] = True
    columns, rows = regions.patch_grid(length)
    assert found.drops.shape == found.marked.shape == shown.shape
    assert found.drops.dtype == np.float32
    assert found.marked.dtype == np.bool_
    assert (found.drops[inside] > 0).all()
    assert found.marked.any()
    assert (found.drops[found.marked] >= found.drops[~found.marked].max()).all()
    assert len(found.patches) == columns * rows
    # The score is a sum, so that what the patches carry adds up to it, and so do the marked ones.
    total = sum(patch.drop for patch in found.patches)
    assert total == pytest.approx(found.log_odds, rel=1e-4)
    together = sum(patch.drop for patch in found.patches if patch.marked)
    assert found.marked_drop == pytest.approx(together, rel=1e-4)
    assert found.marked_drop > found.unmarked_drop >= 0


@pytest.mark.parametrize("seed", range(4))
def test_explain_network_marks_the_patches_that_matter_most(seed):
    rng = np.random.default_rng(seed)
    start, band = int(rng.integers(20, 150)), int(rng.integers(8, 48))
    region = (slice(start, start + 25), slice(band, band + 8))

    def score(shown):
        return float(np.tanh(np.abs(shown[region]).mean() * 3) - 0.2 * np.tanh(shown.std()))

    found = regions.explain_network(score, random_spectrogram(200, seed), "sad")
    inside = np.zeros((200, N_MELS), bool)
    inside[region] = True
    assert found.marked[inside].mean() > 0.5
    assert found.marked_drop > 5 * abs(found.unmarked_drop)


def test_explain_network_sets_hidden_patches_to_zero():
    shown, seen = random_spectrogram(40), []

    def score(altered):
        seen.append(altered.copy())
        return 0.0

    regions.explain_network(score, shown, "sad")
    columns, rows = regions.patch_grid(40)
    np.testing.assert_array_equal(seen[0], shown)
    hidden = np.array([v != shown for v in seen[1 : 1 + columns * rows]])
    assert (hidden.sum(axis=0) == 1).all()  # each point once
    assert all((v[h] == 0).all() for v, h in zip(seen[1:], hidden, strict=False))


def test_mark_marks_an_eighth_and_only_positive_drops():
    drops = np.arange(16.0)
    assert np.flatnonzero(regions.mark(drops)).tolist() == [14, 15]
    drops[:] = -1.0
    drops[3] = 0.5
    assert np.flatnonzero(regions.mark(drops)).tolist() == [3]
    assert not regions.mark(np.zeros(16)).any()


def test_compare_hidden_hides_as_many_unmarked_patches():
    marked = np.arange(16) % 3 == 0
    inside = [0, 3, 6, 9, 12, 15]
    asked = []
    worth = np.arange(16.0)

    def drop(patches):
        asked.append(patches.tolist())
        return float(worth[patches].sum())

    found = regions.compare_hidden(drop, marked)
    assert asked[0] == inside
    assert len(asked) == 1 + regions.CHECK_DRAWS
    assert all(len(set(chosen) - set(inside)) == len(inside) for chosen in asked[1:])
    others = np.mean([worth[chosen].sum() for chosen in asked[1:]])
    assert found == pytest.approx((45.0, others))
    assert regions.compare_hidden(drop, np.zeros(16, bool)) == (0.0, 0.0)


def test_explain_network_has_adjacent_patches_in_seconds_and_hertz():
    found = regions.explain_network(lambda v: 0.0, random_spectrogram(200), "sad", start_s=0.5)
    columns, rows = regions.patch_grid(200)
    grid = np.array([(p.start_s, p.stop_s, p.low_hz, p.high_hz) for p in found.patches])
    grid = grid.reshape(columns, rows, 4)
    np.testing.assert_allclose(grid[1:, :, 0], grid[:-1, :, 1])
    np.testing.assert_allclose(grid[:, 1:, 2], grid[:, :-1, 3])
    assert (grid[0, 0, 0], grid[-1, 0, 1]) == pytest.approx((0.5, 0.5 + 200 * 0.02))
    centres = mel_centres_hz().reshape(rows, -1)
    assert (grid[0, :, 2] < centres[:, 0]).all()
    assert (grid[0, :, 3] > centres[:, -1]).all()


# --- the tree ------------------------------------------------------------------------------------


def made_nodes(rng, n_axes, n_inner=12):
    """Split leaves at random until there are enough."""
    left, right, leaves = [-1], [-1], [0]
    for _ in range(n_inner):
        node = leaves.pop(int(rng.integers(len(leaves))))
        left[node], right[node] = len(left), len(left) + 1
        leaves += [left[node], right[node]]
        left += [-1, -1]
        right += [-1, -1]
    return {
        "left": np.array(left, np.int32),
        "right": np.array(right, np.int32),
        "axis": rng.integers(0, n_axes, len(left)).astype(np.int32),
        "threshold": rng.normal(0, 1.0, len(left)),
        "probabilities": rng.dirichlet(np.ones(8), len(left)),
    }


def made_tree(seed):
    """Return a random tree of the real shapes, with a surrogate."""
    rng = np.random.default_rng(seed)
    return {
        "mean": rng.normal(0, 20, N).astype(np.float32),
        "deviation": rng.uniform(1, 40, N).astype(np.float32),
        "centre": rng.normal(0, 0.1, N).astype(np.float32),
        "projection": rng.normal(0, 0.05, (N, 8)).astype(np.float32),
        **made_nodes(rng, 8),
        **{SURROGATE + name: values for name, values in made_nodes(rng, N).items()},
    }


@given(seeds, seeds)
def test_explain_tree_ends_in_the_leaf_that_the_tree_predicts(tree_seed, clip_seed):
    arrays, clip = made_tree(tree_seed), random_functionals(clip_seed)
    found = ex.explain_tree(arrays, clip, "sad")
    node = 0
    for step in found.steps:
        assert (step.axis, step.limit) == (arrays["axis"][node], arrays["threshold"][node])
        assert step.above == (step.value > step.limit)
        node = arrays["right" if step.above else "left"][node]
        raw = arrays["probabilities"][node, : len(LABELS)]
        assert step.share == pytest.approx(raw[INDEX["sad"]] / raw.sum(), rel=1e-5, abs=1e-6)
    assert arrays["left"][node] < 0
    (expected,) = predict_tree(arrays, clip[None])
    assert list(found.leaf) == list(TRAINED_LABELS)
    np.testing.assert_array_equal(list(found.leaf.values()), expected)


@given(seeds, seeds)
def test_explain_surrogate_ends_in_the_leaf_that_the_surrogate_predicts(tree_seed, clip_seed):
    arrays, clip = made_tree(tree_seed), random_functionals(clip_seed)
    found = ex.explain_tree(arrays, clip, "sad").surrogate
    node, names = 0, functional_names()
    for step in found.steps:
        i = arrays[SURROGATE + "axis"][node]
        name = f"{step.name} ({step.unit})" if step.unit else step.name
        assert (name, step.value) == (names[i], clip[i])
        assert step.limit == arrays[SURROGATE + "threshold"][node]
        assert step.above == (step.value > step.limit)
        node = arrays[SURROGATE + ("right" if step.above else "left")][node]
    assert arrays[SURROGATE + "left"][node] < 0
    (expected,) = predict_surrogate(arrays, clip[None])
    np.testing.assert_array_equal(list(found.leaf.values()), expected)


@given(seeds)
@pytest.mark.slow
def test_explain_tree_has_parts_that_add_up_to_the_value_on_the_axis(seed):
    arrays, clip = made_tree(seed), random_functionals(seed, 60.0)
    (point,) = axis_values(arrays, clip[None])
    for axis, value in enumerate(point):
        amounts = ex.axis_amounts(arrays, clip, axis)
        assert amounts.sum() == pytest.approx(value, abs=1e-4)
    for step in ex.explain_tree(arrays, clip, "happy").steps:
        amounts = ex.axis_amounts(arrays, clip, step.axis)
        assert sum(part.amount for part in step.parts) == pytest.approx(amounts.sum(), abs=1e-9)
        for part in step.parts:
            assert part.amount == pytest.approx(amounts[numbers_of(part.group)].sum(), abs=1e-9)
        side = 1 if step.above else -1
        top = np.sort(side * amounts)[::-1][: ex.STRONGEST]
        np.testing.assert_allclose([side * r.amount for r in step.strongest], top[top > 0])
