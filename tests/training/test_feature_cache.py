"""Features on disk: computed once for each content, read back unchanged, repaired when damaged."""

import shutil

import numpy as np
import pytest

from emo.audio.clip import load
from emo.classifiers.batches import Features
from emo.corpora.catalogue import find_recordings
from emo.features.encoder import EMBEDDING_SIZE, load_encoder
from emo.features.frames import analyse, log_mel_spectrogram
from emo.features.functionals import compute_functionals
from emo.training import feature_cache
from tests.support.models import write_savee
from tests.support.signals import encoded, silence, voice


@pytest.fixture(scope="module")
def savee(tmp_path_factory):
    folder = write_savee(tmp_path_factory.mktemp("corpora") / "savee", takes=1)
    for path in find_recordings(folder).recordings[5:]:
        path.path.unlink()
    return folder


@pytest.fixture
def recordings(savee, tmp_path):
    return find_recordings(shutil.copytree(savee, tmp_path / "savee")).recordings


@pytest.fixture
def cached(tmp_path):
    """Return a function that loads features with a cache in a folder of this test."""
    return lambda recordings, alteration="", name="cache": feature_cache.load_features(
        recordings,
        jobs=1,
        cache=tmp_path / name,
        alteration=alteration,
        takes=("functionals", "spectrograms"),
    )


@pytest.fixture
def computed(monkeypatch):
    """Count the clips of each call that computed features."""
    counts = []
    compute_all = feature_cache._compute_all

    def count(compute, paths, *rest):
        counts.append(len(paths))
        return compute_all(compute, paths, *rest)

    monkeypatch.setattr(feature_cache, "_compute_all", count)
    return counts


def assert_equal(features, expected):
    np.testing.assert_array_equal(features.functionals, expected.functionals)
    for spectrogram, other in zip(features.spectrograms, expected.spectrograms, strict=True):
        np.testing.assert_array_equal(spectrogram, other)
    assert features.reasons == expected.reasons


def cache_files(tmp_path):
    return sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_features_are_those_of_the_clip(recordings, cached):
    features = cached(recordings)
    frames = analyse(load(recordings[3].path).samples)
    np.testing.assert_array_equal(features.functionals[3], compute_functionals(frames))
    np.testing.assert_array_equal(features.spectrograms[3], log_mel_spectrogram(frames))
    assert features.usable.all()


def test_features_come_from_the_cache_in_any_order(recordings, cached, computed):
    features = cached(recordings)
    reversed_features = cached(recordings[::-1])
    rows = np.arange(len(recordings))[::-1]
    assert_equal(reversed_features, features.take(rows))
    assert computed == [len(recordings)]


def test_a_new_content_is_computed_and_the_rest_is_not(recordings, cached, computed):
    before = cached(recordings)
    recordings[0].path.write_bytes(encoded(voice(300.0, duration_s=0.9)))
    after = cached(recordings)
    assert not np.array_equal(before.functionals[0], after.functionals[0])
    rest = np.arange(1, len(recordings))
    assert_equal(after.take(rest), before.take(rest))
    assert computed == [len(recordings), 1]


def test_a_silent_clip_is_a_row_with_a_reason(recordings, cached):
    recordings[2].path.write_bytes(encoded(silence(1.0)))
    features = cached(recordings)
    assert features.usable.tolist() == [i != 2 for i in range(len(recordings))]
    assert "silent" in features.reasons[2]


def test_an_alteration_depends_on_content_and_name_alone(recordings, cached):
    clean = cached(recordings).functionals
    altered = cached(recordings, "copy-2").functionals
    altered_elsewhere = cached(recordings[::-1], "copy-2", "elsewhere").functionals
    np.testing.assert_array_equal(altered, altered_elsewhere[::-1])
    assert (altered != clean).any(axis=1).all()
    assert (cached(recordings, "copy-1").functionals != altered).any(axis=1).all()


def test_spectrograms_are_mapped_from_one_file(recordings, cached):
    spectrograms = cached(recordings).spectrograms
    assert not any(s.flags.owndata or s.flags.writeable for s in spectrograms)
    assert len({id(_root(s)) for s in spectrograms}) == 1


def _root(array):
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def test_a_longer_corpus_replaces_both_files(recordings, cached, tmp_path):
    cached(recordings[:3])
    old = cache_files(tmp_path)
    cached(recordings)
    new = cache_files(tmp_path)
    assert [path.suffix for path in new] == [".npy", ".npz"]
    assert new[0] != old[0]


DAMAGE = {
    "empty": lambda data: b"",
    "cut in half": lambda data: data[: len(data) // 2],
    "cut by a byte": lambda data: data[:-1],
    "without its beginning": lambda data: data[40:],
    "text": lambda data: b"hello",
}


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_computed_again(recordings, cached, computed, tmp_path, suffix, name):
    features = cached(recordings)
    expected = Features(
        features.functionals, tuple(map(np.array, features.spectrograms)), features.reasons
    )
    (path,) = (path for path in cache_files(tmp_path) if path.suffix == suffix)
    data = path.read_bytes()
    path.unlink()  # what is mapped stays as it is
    path.write_bytes(DAMAGE[name](data))
    assert_equal(cached(recordings), expected)
    assert_equal(cached(recordings), expected)
    assert computed == [len(recordings)] * 2


def test_a_missing_file_is_computed_again(recordings, cached, computed, tmp_path):
    for suffix in (".npy", ".npz"):
        cached(recordings)
        next(path for path in cache_files(tmp_path) if path.suffix == suffix).unlink()
    cached(recordings)
    assert computed == [len(recordings)] * 3


def test_an_interruption_leaves_the_files_of_before(recordings, cached, tmp_path, monkeypatch):
    cached(recordings[:3])
    before = {path: path.read_bytes() for path in cache_files(tmp_path)}
    compute_all = feature_cache._compute_all

    def interrupt(*arguments):
        yield next(compute_all(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(feature_cache, "_compute_all", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cached(recordings)
    assert {path: path.read_bytes() for path in cache_files(tmp_path)} == before


def test_an_interruption_between_the_two_files_is_survived(
    recordings, cached, computed, tmp_path, monkeypatch
):
    cached(recordings[:3])
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", lambda *_args, **_arrays: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            cached(recordings)
    assert_equal(cached(recordings[:3]), cached(recordings[:3]))
    assert computed == [3, len(recordings) - 3]
    cached(recordings)
    assert len(cache_files(tmp_path)) == 2  # the file without an index is gone


# --- embeddings ----------------------------------------------------------------------------------


def embeddings_file(tmp_path):
    (path,) = (tmp_path / "cache").rglob("*.embeddings-*.npz")
    return path


@pytest.fixture
def load_kinds(tmp_path):
    """Return a function that loads some kinds of features."""
    return lambda recordings, *takes: feature_cache.load_features(
        recordings, jobs=1, cache=tmp_path / "cache", takes=takes
    )


@pytest.mark.slow
def test_takes_computes_only_what_is_needed(recordings, load_kinds, computed, tmp_path):
    only = load_kinds(recordings, "embeddings")
    assert computed == [len(recordings)]
    assert [path.name for path in (tmp_path / "cache").rglob("*.np*")] == [
        embeddings_file(tmp_path).name
    ]
    assert only.functionals.shape == (len(recordings), 0)
    encoder = load_encoder()
    expected = [encoder.embed(load(str(recording.path)).samples) for recording in recordings]
    np.testing.assert_array_equal(only.embeddings, expected)
    rest = load_kinds(recordings, "functionals")
    assert computed == [len(recordings)] * 2
    assert rest.embeddings.shape == (0, EMBEDDING_SIZE)
    both = load_kinds(recordings, "functionals", "spectrograms", "embeddings")
    assert computed == [len(recordings)] * 2  # all is cached
    np.testing.assert_array_equal(both.embeddings, only.embeddings)
    np.testing.assert_array_equal(both.functionals, rest.functionals)


@pytest.mark.slow
def test_damaged_embeddings_are_computed_again(recordings, load_kinds, computed, tmp_path, capsys):
    whole = load_kinds(recordings, "embeddings")
    for damage in (lambda data: data[: len(data) // 2], lambda data: b"not an archive"):
        path = embeddings_file(tmp_path)
        path.write_bytes(damage(path.read_bytes()))
        again = load_kinds(recordings, "embeddings")
        np.testing.assert_array_equal(again.embeddings, whole.embeddings)
        assert "cannot be read and is computed again" in capsys.readouterr().err
    assert computed == [len(recordings)] * 3


@pytest.mark.slow
def test_embeddings_of_another_width_are_computed_again(
    recordings, load_kinds, computed, tmp_path, capsys
):
    whole = load_kinds(recordings, "embeddings")
    with np.load(embeddings_file(tmp_path)) as arrays:
        columns = dict(arrays)
    np.savez(embeddings_file(tmp_path), **columns | {"embeddings": whole.embeddings[:, :100]})
    again = load_kinds(recordings, "embeddings")
    np.testing.assert_array_equal(again.embeddings, whole.embeddings)
    assert "embeddings of the shape" in capsys.readouterr().err
    assert computed == [len(recordings)] * 2


@pytest.mark.slow
def test_unusable_clip_has_an_embedding_of_zeros_and_a_reason(recordings, load_kinds):
    recordings[1].path.write_bytes(encoded(silence(1.0)))
    features = load_kinds(recordings, "embeddings")
    assert features.usable.tolist() == [True, False, *[True] * (len(recordings) - 2)]
    assert not features.embeddings[1].any()
    assert "silent" in features.reasons[1]
