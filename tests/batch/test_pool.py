"""Worker processes that die, hang or never start: every recording gets one row."""

import pytest

from emo.batch.pool import run
from emo.batch.sources import Source
from emo.errors import EmoError
from tests.support.workers import crash_result, groups, never_starts, result_names, spell


@pytest.mark.slow
def test_run_returns_one_row_for_each_recording():
    found = list(run(groups(20, 3), spell, 2, crash_result))
    assert result_names(found) == result_names([spell(group) for group in groups(20, 3)])


@pytest.mark.slow
def test_run_gives_up_a_recording_that_kills_two_processes(tmp_path):
    others = (Source("fails once", location=str(tmp_path / "marker")), Source("poison"))
    found = list(run(groups(6, 4, *others), spell, 1, crash_result))
    assert result_names(found) == sorted(["poison", "fails once", *(f"clip {i}" for i in range(6))])
    (failed,) = [done for some in found for done in some if done.failed]
    assert failed.name == "poison"
    assert b"ended by signal 9" in failed.lines


@pytest.mark.slow
def test_run_gives_up_a_recording_at_the_timeout():
    found = list(run([[Source("stuck")], [Source("clip")]], spell, 1, crash_result, timeout_s=0.3))
    assert result_names(found) == ["clip", "stuck"]
    (failed,) = [done for some in found for done in some if done.failed]
    assert b"No answer came within" in failed.lines


@pytest.mark.slow
def test_run_stops_at_an_error_of_every_recording():
    with pytest.raises(EmoError, match="Nothing of this kind"):
        list(run(groups(3, 1, Source("stop")), spell, 1, crash_result))


@pytest.mark.slow
def test_run_stops_when_processes_never_start():
    with pytest.raises(EmoError, match=r"status 3, before any recording was read"):
        list(run(groups(3, 1), never_starts, 1, crash_result))


@pytest.mark.slow
def test_run_stops_at_an_error_of_the_inputs():
    def broken():
        yield [Source("clip")]
        raise EmoError("There is no such list.")

    with pytest.raises(EmoError, match="no such list"):
        list(run(broken(), spell, 1, crash_result))


@pytest.mark.slow
def test_run_reads_few_groups_ahead():
    taken = 0

    def counted():
        nonlocal taken
        for group in groups(1000, 1):
            taken += 1
            yield group

    running = run(counted(), spell, 1, crash_result)
    while not next(running):
        pass
    # One answered, one in work, the queue of one and what waits to enter it.
    assert taken <= 5
    running.close()
