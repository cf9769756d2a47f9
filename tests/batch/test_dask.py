"""Batches on a local Dask cluster, some of whose workers are killed."""

import builtins

import pytest

from emo.batch import dask as batch_dask
from emo.batch.sources import Source
from emo.errors import EmoError
from tests.support.workers import crash_result, groups, result_names, spell

pytestmark = pytest.mark.slow


@pytest.fixture
def strict_scheduler():
    """Let the scheduler report a group as soon as one of its workers dies."""
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        yield


def test_run_loses_no_row_when_workers_are_killed(tmp_path, strict_scheduler):
    others = (Source("fails once", location=str(tmp_path / "marker")), Source("poison"))
    found = list(batch_dask.run(groups(30, 4, *others), spell, "local", 2, crash_result))
    assert result_names(found) == sorted(
        ["poison", "fails once", *(f"clip {i}" for i in range(30))]
    )
    (failed,) = [done for some in found for done in some if done.failed]
    assert failed.name == "poison"


def test_run_leaves_a_single_death_to_the_scheduler(tmp_path):
    pytest.importorskip("distributed")
    others = (Source("fails once", location=str(tmp_path / "marker")),)
    found = list(batch_dask.run(groups(15, 4, *others), spell, "local", 2, crash_result))
    assert result_names(found) == sorted(["fails once", *(f"clip {i}" for i in range(15))])
    assert not any(done.failed for some in found for done in some)


def test_run_stops_at_an_error_of_every_recording():
    pytest.importorskip("distributed")
    with pytest.raises(EmoError, match="Nothing of this kind"):
        list(batch_dask.run(groups(3, 1, Source("stop")), spell, "local", 1, crash_result))


def test_run_names_the_missing_package(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "distributed":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EmoError, match="pip install distributed"):
        list(batch_dask.run([], spell, "local", 1, crash_result))


def test_run_names_an_invalid_address():
    pytest.importorskip("distributed")
    with pytest.raises(EmoError, match="No Dask scheduler answers at nowhere://at-all"):
        list(batch_dask.run([], spell, "nowhere://at-all", 1, crash_result))
