"""The map of the clips of a comparison."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emo.app.compare import clip_map
from emo.app.compare.collection import Entry, UploadedClip
from emo.features.encoder import EMBEDDING_SIZE
from tests.support import pages


@pytest.mark.slow
def test_places_are_the_principal_components():
    decomposition = pytest.importorskip("sklearn.decomposition")
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(9, 40)).astype(np.float32)
    pca = decomposition.PCA(2)
    expected = pca.fit_transform(numbers.astype(np.float64))
    projection = clip_map.project(numbers)
    assert np.abs(projection.places) == pytest.approx(np.abs(expected), abs=1e-9)
    assert projection.explained == pytest.approx(pca.explained_variance_ratio_.sum())
    assert (
        np.take_along_axis(projection.places, np.abs(projection.places).argmax(0)[None], 0) > 0
    ).all()


def test_nearest_clip_is_that_of_the_whole_embedding():
    numbers = np.array([[0, 0, 0], [0, 0, 1], [5, 5, 0], [5, 5, 2.5]], np.float32)
    assert clip_map.project(numbers).nearest.tolist() == [1, 0, 3, 2]


def test_equal_clips_lie_in_the_middle():
    projection = clip_map.project(np.ones((3, 4), np.float32))
    assert projection.explained == 0
    assert clip_map.to_shares(projection.places).tolist() == [[0.5, 0.5]] * 3


@given(arrays(float, (5, 2), elements=st.floats(-1e6, 1e6)))
@pytest.mark.slow
def test_shares_fill_the_map_in_equal_units(places):
    shares = clip_map.to_shares(places)
    assert (shares >= -1e-9).all()
    assert (shares <= 1 + 1e-9).all()
    size = shares.max(axis=0) - shares.min(axis=0)
    if (np.ptp(places, axis=0) > 1e-3).any():
        assert size.max() == pytest.approx(1)
        across, up = np.ptp(places, axis=0)
        assert size[0] * 3 * up == pytest.approx(size[1] * 2 * across, rel=1e-6, abs=1e-6)


def test_clips_without_an_embedding_are_left_out():
    def entry(name, numbers):
        result = pages.prediction()
        object.__setattr__(result, "numbers", numbers)
        return Entry(name, UploadedClip((name,), b""), result)

    embedding = np.ones(EMBEDDING_SIZE, np.float32)
    entries = [
        entry("a", embedding),
        entry("b", embedding * np.float32(np.nan)),
        entry("c", np.zeros(0, np.float32)),
        Entry("d", UploadedClip(("d",), b""), "No sound."),
    ]
    assert [one.name for one, _ in clip_map.mapped(entries)] == ["a"]
