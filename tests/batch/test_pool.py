"""Processes that die, hang or never start: every recording has one row all the same."""

import pytest

from emo.batch.pool import run
from emo.batch.sources import Source
from emo.errors import EmoError
from tests.support.workers import crash_result, groups, never_starts, result_names, spell


def test_every_recording_has_one_row():
    found = list(run(groups(20, 3), spell, 2, crash_result))
    assert result_names(found) == result_names([spell(group) for group in groups(20, 3)])


def test_what_kills_its_process_twice_is_given_up_and_the_others_are_not(tmp_path):
    others = (Source("fails once", location=str(tmp_path / "marker")), Source("poison"))
    found = list(run(groups(6, 4, *others), spell, 1, crash_result))
    assert result_names(found) == sorted(["poison", "fails once", *(f"clip {i}" for i in range(6))])
    (failed,) = [done for some in found for done in some if done.failed]
    assert failed.name == "poison"
    assert b"ended by signal 9" in failed.lines


def test_what_takes_too_long_is_given_up():
    found = list(run([[Source("stuck")], [Source("clip")]], spell, 1, crash_result, timeout_s=0.3))
    assert result_names(found) == ["clip", "stuck"]
    (failed,) = [done for some in found for done in some if done.failed]
    assert b"No answer came within" in failed.lines


def test_an_error_that_every_recording_would_meet_stops_the_run():
    with pytest.raises(EmoError, match="Nothing of this kind"):
        list(run(groups(3, 1, Source("stop")), spell, 1, crash_result))


def test_processes_that_never_start_stop_the_run():
    with pytest.raises(EmoError, match=r"status 3, before any recording was read"):
        list(run(groups(3, 1), never_starts, 1, crash_result))


def test_an_error_among_the_inputs_stops_the_run():
    def broken():
        yield [Source("clip")]
        raise EmoError("There is no such list.")

    with pytest.raises(EmoError, match="no such list"):
        list(run(broken(), spell, 1, crash_result))


def test_few_groups_are_taken_ahead():
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
