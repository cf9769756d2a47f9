"""A Dask cluster on this machine, whose workers are killed: no row is lost or doubled."""

import builtins

import pytest

from emo.batch import dask as batch_dask
from emo.batch.sources import Source
from emo.errors import EmoError
from tests.support.workers import crash_result, groups, result_names, spell


@pytest.fixture
def strict_scheduler():
    """A scheduler that gives a group up with the first worker that dies of it."""
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        yield


def test_killed_workers_cost_time_and_no_row(tmp_path, strict_scheduler):
    others = (Source("fails once", location=str(tmp_path / "marker")), Source("poison"))
    found = list(batch_dask.run(groups(30, 4, *others), spell, "local", 2, crash_result))
    assert result_names(found) == sorted(
        ["poison", "fails once", *(f"clip {i}" for i in range(30))]
    )
    (failed,) = [done for some in found for done in some if done.failed]
    assert failed.name == "poison"


def test_a_worker_killed_once_is_the_scheduler_s_business(tmp_path):
    pytest.importorskip("distributed")
    others = (Source("fails once", location=str(tmp_path / "marker")),)
    found = list(batch_dask.run(groups(15, 4, *others), spell, "local", 2, crash_result))
    assert result_names(found) == sorted(["fails once", *(f"clip {i}" for i in range(15))])
    assert not any(done.failed for some in found for done in some)


def test_an_error_that_every_recording_would_meet_stops_the_run():
    pytest.importorskip("distributed")
    with pytest.raises(EmoError, match="Nothing of this kind"):
        list(batch_dask.run(groups(3, 1, Source("stop")), spell, "local", 1, crash_result))


def test_without_dask_a_sentence_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "distributed":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EmoError, match="pip install distributed"):
        list(batch_dask.run([], spell, "local", 1, crash_result))


def test_an_address_that_is_none_is_named():
    pytest.importorskip("distributed")
    with pytest.raises(EmoError, match="No Dask scheduler answers at nowhere://at-all"):
        list(batch_dask.run([], spell, "nowhere://at-all", 1, crash_result))
