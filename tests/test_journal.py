"""What is in the file is done, whatever ended the run that wrote it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.errors import EmoError
from emo.journal import Journal, Names
from emo.rows import Done, refused


def row(name: str, run: str = "r1", **more) -> bytes:
    return json.dumps({"path": name, "run": run, **more}).encode() + b"\n"


def done(name: str, *rows: bytes) -> Done:
    return Done(name, False, b"".join(rows) or row(name))


@given(st.lists(st.text(max_size=3)))
def test_names_are_a_set(texts):
    names, known = Names(), set()
    for text in texts:
        assert names.add(text) is (text not in known)
        known.add(text)
    assert len(names) == len(known)


def test_names_grow_and_take_fifty_bytes_each():
    names = Names()
    assert all(names.add(f"clip {i}") for i in range(20_000))
    assert not any(names.add(f"clip {i}") for i in range(20_000))
    assert len(names._table) / len(names) < 54


def test_names_that_are_no_text():
    assert Names().add("gr\udcfc\udcdfe.wav")


def test_a_second_run_goes_on_from_the_first(tmp_path):
    path = tmp_path / "out.jsonl"
    with Journal(path, "r1") as journal:
        journal.append([done("a"), refused("b", "r1", "It is silent.")])
        assert journal.failed == 1
    with Journal(path, "r1") as journal:
        assert (len(journal.names), journal.failed) == (2, 1)
        assert [journal.names.add(name) for name in "abc"] == [False, False, True]
        journal.append([done("c")])
    assert [json.loads(line)["path"] for line in path.read_text().splitlines()] == ["a", "b", "c"]


@pytest.mark.parametrize("left", range(1, len(row("second"))))
def test_a_row_that_is_there_in_part_is_cut_off(tmp_path, left):
    path = tmp_path / "out.jsonl"
    path.write_bytes(row("first") + row("second")[:left])
    with Journal(path, "r1") as journal:
        assert len(journal.names) == 1
    assert path.read_bytes() == row("first")


def test_what_a_power_failure_leaves_is_cut_off(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_bytes(row("first") + bytes(100))
    with Journal(path, "r1") as journal:
        assert len(journal.names) == 1
    assert path.read_bytes() == row("first")


def test_a_recording_with_some_of_its_windows_is_done_anew(tmp_path):
    path = tmp_path / "out.jsonl"
    first = [row("first", window=i, windows=2) for i in (1, 2)]
    second = [row("second", window=i, windows=3) for i in (1, 2)]
    path.write_bytes(b"".join([*first, *second]))
    with Journal(path, "r1") as journal:
        assert len(journal.names) == 1
        assert journal.names.add("second")
    assert path.read_bytes() == b"".join(first)


def test_rows_of_other_models_are_not_gone_on_with(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_bytes(row("first", run="r0"))
    with pytest.raises(EmoError, match=r"other models or settings \(run r0, this is r1\)"):
        Journal(path, "r1")
    assert path.read_bytes() == row("first", run="r0")


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", b"no line break", b"[]\n", row("a") + b"x\n" + row("b")]
)
def test_a_file_of_another_kind_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "out.jsonl"
    path.write_bytes(content)
    with pytest.raises(EmoError, match="is no row of a batch"):
        Journal(path, "r1")
    assert path.read_bytes() == content


def test_two_runs_do_not_write_into_one_file(tmp_path):
    pytest.importorskip("fcntl")
    path = tmp_path / "out.jsonl"
    with Journal(path, "r1"), pytest.raises(EmoError, match="Another run is writing"):
        Journal(path, "r1")
    with Journal(path, "r1"):
        pass
