"""The journal continues after any end of the run that wrote it."""

import json
import os
import shutil
from pathlib import Path

import pytest

from emo.batch.journal import Journal
from emo.batch.rows import Result, error_result
from emo.errors import EmoError


def row(name: str, run: str = "r1", **more) -> bytes:
    return json.dumps({"path": name, "run": run, **more}).encode() + b"\n"


def result(name: str, *rows: bytes) -> Result:
    return Result(name, False, b"".join(rows) or row(name))


def test_add_name_tells_new_names_from_known_ones(tmp_path):
    with Journal(tmp_path / "out.jsonl", "r1") as journal:
        for name in ("a", "b", "gr\udcfc\udcdfe.wav", "x" * 10_000):
            assert journal.add_name(name)
            assert not journal.add_name(name)


def test_journal_continues_an_earlier_run(tmp_path):
    path = tmp_path / "out.jsonl"
    with Journal(path, "r1") as journal:
        journal.append([result("a"), error_result("b", "r1", "It is silent.")])
        assert journal.failed == 1
    with Journal(path, "r1") as journal:
        assert (journal.count, journal.failed) == (2, 1)
        assert [journal.add_name(name) for name in "abc"] == [False, False, True]
        journal.append([result("c")])
    assert [json.loads(line)["path"] for line in path.read_text().splitlines()] == ["a", "b", "c"]


@pytest.mark.parametrize("left", range(1, len(row("second"))))
def test_journal_cuts_off_an_incomplete_row(tmp_path, left):
    path = tmp_path / "out.jsonl"
    path.write_bytes(row("first") + row("second")[:left])
    with Journal(path, "r1") as journal:
        assert journal.count == 1
    assert path.read_bytes() == row("first")


def test_journal_cuts_off_the_zeros_of_a_power_failure(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_bytes(row("first") + bytes(100))
    with Journal(path, "r1") as journal:
        assert journal.count == 1
    assert path.read_bytes() == row("first")


def test_journal_drops_a_recording_with_missing_windows(tmp_path):
    path = tmp_path / "out.jsonl"
    first = [row("first", window=i, windows=2) for i in (1, 2)]
    second = [row("second", window=i, windows=3) for i in (1, 2)]
    path.write_bytes(b"".join([*first, *second]))
    with Journal(path, "r1") as journal:
        assert journal.count == 1
        assert journal.add_name("second")
    assert path.read_bytes() == b"".join(first)


def test_journal_rejects_rows_of_other_models(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_bytes(row("first", run="r0"))
    with pytest.raises(EmoError, match=r"other models or settings.* \(run r0, this is r1\)"):
        Journal(path, "r1")
    assert path.read_bytes() == row("first", run="r0")


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", b"no line break", b"[]\n", row("a") + b"x\n" + row("b")]
)
def test_journal_leaves_other_files_unchanged(tmp_path, content):
    path = tmp_path / "out.jsonl"
    path.write_bytes(content)
    with pytest.raises(EmoError, match="is not a row of a batch"):
        Journal(path, "r1")
    assert path.read_bytes() == content


def test_journal_has_one_writer(tmp_path):
    pytest.importorskip("fcntl")
    path = tmp_path / "out.jsonl"
    with Journal(path, "r1"), pytest.raises(EmoError, match="Another run is writing"):
        Journal(path, "r1")
    with Journal(path, "r1"):
        pass


def test_journal_rejects_pipes_and_devices(tmp_path):
    os.mkfifo(tmp_path / "out.jsonl")
    with pytest.raises(EmoError, match=r"out.jsonl is a pipe \(FIFO\). Name a regular file"):
        Journal(tmp_path / "out.jsonl", "r1")
    with pytest.raises(EmoError, match="is a device"):
        Journal(Path("/dev/null"), "r1")


def remove(path):
    path.unlink()


def remove_folder(path):
    shutil.rmtree(path.parent)


def replace(path):
    (path.parent / "new").write_text("new")
    (path.parent / "new").replace(path)


def move(path):
    path.rename(path.with_name("moved"))


def cut(path):
    os.truncate(path, 0)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (remove, "was removed while it was being written.* rows of 2 recordings"),
        (remove_folder, ", or its folder, was removed while it was being written"),
        (move, "was removed while it was being written"),
        (replace, "was replaced by another file.*That file is left as it is"),
        (cut, "was cut while it was being written: 0 of [0-9]+ bytes are left"),
    ],
)
@pytest.mark.parametrize("check", ["at the next rows", "at the end"])
def test_journal_detects_lost_rows(tmp_path, harm, says, check):
    path = tmp_path / "folder" / "out.jsonl"
    path.parent.mkdir()
    with Journal(path, "r1") as journal:
        journal.append([result("a"), result("b")])
        journal.check()
        harm(path)
        with pytest.raises(EmoError, match=says):
            journal.check() if check == "at the end" else journal.append([result("c")])
    if harm is replace:
        assert path.read_text() == "new"
    if harm is cut:  # what is there is whole, so that the next run goes on from it
        with Journal(path, "r1") as journal:
            assert journal.count == 0


def test_journal_reports_failed_recordings_in_each_run(tmp_path):
    path = tmp_path / "out.jsonl"
    for _ in range(2):
        noted = []
        with Journal(path, "r1", lambda *note: noted.append(note)) as journal:  # noqa: B023
            if not journal.count:
                journal.append([result("a"), error_result("b", "r1", "It is silent.")])
        assert noted == [("b", "It is silent.")]
