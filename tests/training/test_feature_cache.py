"""Features on disk: computed once per content, never for the wrong content."""

import numpy as np
import pytest

from emo.audio.clip import load
from emo.corpora.catalogue import find
from emo.features.frames import analyse, log_mel_spectrogram
from emo.features.functionals import compute_functionals
from emo.training import feature_cache
from tests.support.models import write_savee
from tests.support.signals import encoded, silence, voice


@pytest.fixture
def recordings(tmp_path):
    return find(write_savee(tmp_path / "savee", takes=1)).recordings


def test_features_are_those_of_the_clip_and_come_from_the_cache(recordings, tmp_path, monkeypatch):
    found = feature_cache.load_features(recordings, jobs=1, cache=tmp_path / "cache")
    frames = analyse(load(recordings[3].path).samples)
    np.testing.assert_array_equal(found.vectors[3], compute_functionals(frames))
    np.testing.assert_array_equal(found.views[3], log_mel_spectrogram(frames))
    assert found.usable.all()

    def fail(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(feature_cache, "_compute_all", fail)
    again = feature_cache.load_features(recordings[::-1], jobs=1, cache=tmp_path / "cache")
    np.testing.assert_array_equal(again.vectors[::-1], found.vectors)
    np.testing.assert_array_equal(again.views[-4], found.views[3])


def test_a_changed_file_is_computed_anew(recordings, tmp_path):
    before = feature_cache.load_features(recordings, jobs=1, cache=tmp_path / "cache")
    recordings[0].path.write_bytes(encoded(voice(300.0, duration_s=0.9)))
    after = feature_cache.load_features(recordings, jobs=1, cache=tmp_path / "cache")
    assert not np.array_equal(before.vectors[0], after.vectors[0])
    np.testing.assert_array_equal(before.vectors[1:], after.vectors[1:])


def test_a_silent_clip_is_a_row_with_a_reason(recordings, tmp_path):
    recordings[2].path.write_bytes(encoded(silence(1.0)))
    found = feature_cache.load_features(recordings, jobs=1, cache=tmp_path / "cache")
    assert found.usable.tolist() == [i != 2 for i in range(len(recordings))]
    assert "silent" in found.reasons[2]


def test_rows_can_be_taken_in_any_order(recordings, tmp_path):
    found = feature_cache.load_features(recordings, jobs=1, cache=tmp_path / "cache")
    part = found.take(np.array([5, 1]))
    np.testing.assert_array_equal(part.vectors, found.vectors[[5, 1]])
    np.testing.assert_array_equal(part.views[1], found.views[1])


def test_an_alteration_is_kept_apart_and_the_same_every_time(recordings, tmp_path):
    clean = feature_cache.load_features(recordings, jobs=1, cache=tmp_path / "one")
    one, again = (
        feature_cache.load_features(
            part, jobs=1, cache=tmp_path / folder, alteration="noise-10"
        ).vectors
        for part, folder in ((recordings, "one"), (recordings[::-1], "other"))
    )
    np.testing.assert_array_equal(one, again[::-1])
    assert (one != clean.vectors).any(axis=1).all()
    other = feature_cache.load_features(recordings, 1, tmp_path / "one", "copy-1").vectors
    assert (other != one).any(axis=1).all()


def test_views_stay_on_disk_and_the_file_is_as_numpy_writes_it(recordings, tmp_path):
    found = feature_cache.load_features(recordings, jobs=1, cache=tmp_path / "cache")
    assert not any(view.flags.owndata or view.flags.writeable for view in found.views)
    bases = {id(_root(view)) for view in found.views}
    assert len(bases) == 1  # one corpus, one file
    (shard,) = (tmp_path / "cache").rglob("*.npz")
    with np.load(shard, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(np.concatenate(found.views), _in_order(arrays, found))
    rewritten = dict(np.load(shard, allow_pickle=False))
    np.savez(shard, **rewritten)  # as an earlier version wrote it
    again = feature_cache.load_features(recordings, jobs=1, cache=tmp_path / "cache")
    for one, other in zip(found.views, again.views, strict=True):
        np.testing.assert_array_equal(one, other)


def _root(array):
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def _in_order(arrays, found):
    """The frames of a file, in the order of the rows: that of the recordings when it is new."""
    assert arrays["lengths"].tolist() == [len(view) for view in found.views]
    return arrays["frames"]


def test_what_was_interrupted_leaves_the_file_as_it_was(recordings, tmp_path, monkeypatch):
    feature_cache.load_features(recordings[:3], jobs=1, cache=tmp_path / "cache")
    (shard,) = (tmp_path / "cache").rglob("*.npz")
    before = shard.read_bytes()
    real = feature_cache._compute_all

    def breaks(*given):
        yield next(real(*given))
        raise KeyboardInterrupt

    monkeypatch.setattr(feature_cache, "_compute_all", breaks)
    with pytest.raises(KeyboardInterrupt):
        feature_cache.load_features(recordings, jobs=1, cache=tmp_path / "cache")
    assert shard.read_bytes() == before
    assert list(shard.parent.iterdir()) == [shard]
