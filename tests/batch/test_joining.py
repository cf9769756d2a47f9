"""Rows of several runs are joined without losing any."""

import json

import pytest

from emo.batch.results.joining import format_join, join_files
from emo.batch.results.reading import read_flat_rows
from emo.batch.rows import read_rows
from emo.cli.main import main
from emo.errors import EmoError
from tests.support.batches import RUN, spread, write_batch

OTHER = "ba9876543210"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the rows of twelve recordings in each format, and of another run."""
    folder = tmp_path_factory.mktemp("join")
    write_batch(folder, spread(12), OTHER, "other.csv")
    for name in ("all.csv", "all.parquet", "all.jsonl"):
        write_batch(folder, spread(12), name=name)
    lines = (folder / "all.jsonl").read_text().splitlines(keepends=True)
    (folder / "first.jsonl").write_text("".join(lines[:8]))
    (folder / "last.jsonl").write_text("".join(lines[6:]))
    return folder


def paths(rows):
    return [row["path"] for row in rows]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_parts_of_a_run_give_the_whole(folder, tmp_path, suffix):
    out = tmp_path / f"joined{suffix}"
    summary = join_files([folder / "first.jsonl", folder / "last.jsonl"], out)
    assert (summary.written, summary.duplicates, summary.replaced) == (13, 2, 0)
    assert summary.runs == ()
    assert out.read_bytes() == (folder / f"all{suffix}").read_bytes()
    assert sorted(tmp_path.iterdir()) == [out]


def test_formats_are_joined_into_one_that_holds_all_columns(folder, tmp_path):
    out = tmp_path / "joined.parquet"
    inputs = [folder / "all.csv", folder / "all.parquet", folder / "first.jsonl"]
    summary = join_files(inputs, out)
    assert (summary.written, summary.duplicates) == (13, 21)
    joined = list(read_flat_rows(out))
    assert joined == list(read_flat_rows(folder / "all.csv"))
    with pytest.raises(EmoError, match=r"JSON Lines hold more .* than .*all.csv"):
        join_files(inputs, tmp_path / "joined.jsonl")


def test_rows_of_other_runs_are_kept_and_told_apart(folder, tmp_path):
    out = tmp_path / "joined.csv"
    summary = join_files([folder / "all.parquet", folder / "other.csv"], out)
    assert (summary.written, summary.duplicates, summary.shared) == (26, 0, 13)
    rows = list(read_flat_rows(out))
    assert [row["run"] for row in rows] == [RUN] * 13 + [OTHER] * 13
    told = "\n".join(format_join(summary, out))
    assert f"run {OTHER}: 13 rows of {folder / 'other.csv'}" in told
    assert "of 2 runs" in told
    assert "13 names have rows of more than one run; all are kept." in told
    assert "Their rows show the same settings." in told


def changed(folder, target, change, number=0):
    rows = list(read_rows(folder / "all.jsonl"))
    rows[number] = change(rows[number])
    target.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return target


def test_settings_that_differ_are_named(folder, tmp_path):
    among = changed(
        folder, tmp_path / "among.jsonl", lambda row: row | {"run": "x", "among": ["sad", "happy"]}
    )
    window = changed(
        folder, tmp_path / "w.jsonl", lambda row: row | {"run": "y", "window": 1, "windows": 1}
    )
    summary = join_files([among, window], tmp_path / "out.parquet")
    assert summary.differences == (
        "the emotions that can occur",
        "windows or whole recordings",
    )
    assert "They differ in the emotions" in format_join(summary, tmp_path / "out.parquet")[2]


def test_an_answer_takes_the_place_of_an_error_of_the_same_run(folder, tmp_path):
    def fail(row):
        return {key: row[key] for key in ("path", "run", "format")} | {"error": "Why."}

    failed = changed(folder, tmp_path / "failed.jsonl", fail)
    for inputs in ([failed, folder / "all.csv"], [folder / "all.csv", failed]):
        out = tmp_path / "joined.csv"
        summary = join_files(inputs, out)
        assert (summary.written, summary.replaced) == (13, 1)
        assert "label" in next(
            row for row in read_flat_rows(out) if row["path"].endswith("000.wav")
        )
        out.unlink()
    other = changed(folder, tmp_path / "other.jsonl", lambda row: fail(row) | {"run": "x"})
    kept = join_files([folder / "all.csv", other], tmp_path / "kept.csv")
    assert (kept.written, kept.replaced) == (14, 0)  # another run answered it, not this one


def test_an_error_of_one_channel_is_kept_beside_the_other(folder, tmp_path):
    def channel(row):
        return row | {"path": "a.wav#channel=left", "channel": "left", "channels": 2}

    rows = changed(folder, tmp_path / "rows.jsonl", channel)
    lines = rows.read_text().splitlines(keepends=True)
    right = {
        "path": "a.wav#channel=right",
        "channel": "right",
        "channels": 2,
        "run": RUN,
        "format": 4,
    }
    rows.write_text("".join([lines[0], json.dumps(right | {"error": "Why."}) + "\n"]))
    whole = tmp_path / "whole.jsonl"
    whole.write_text(json.dumps({"path": "a.wav", "run": RUN, "format": 4, "error": "No."}) + "\n")
    summary = join_files([whole, rows], tmp_path / "out.jsonl")
    assert paths(read_rows(tmp_path / "out.jsonl")) == ["a.wav#channel=left", "a.wav#channel=right"]
    assert summary.replaced == 1


def test_recordings_of_one_name_and_other_content_are_all_kept(folder, tmp_path):
    other = changed(folder, tmp_path / "other.jsonl", lambda row: row | {"sha256": "f" * 64})
    summary = join_files([folder / "all.jsonl", other], tmp_path / "out.csv")
    assert (summary.written, summary.duplicates, summary.renamed) == (14, 12, 1)
    assert "1 names stand for recordings" in "\n".join(format_join(summary, tmp_path / "out.csv"))


def test_command_tells_what_it_joined_and_what_it_refuses(folder, tmp_path, capsys):
    out = tmp_path / "joined.csv"
    join = ["batch", "--join", str(folder / "first.jsonl"), str(folder / "last.jsonl"), "--out"]
    assert main([*join, str(out)]) == 0
    told = capsys.readouterr().err
    assert f"13 rows in {out}, from 8 of {folder / 'first.jsonl'} and 7 of" in told
    assert "2 rows stood there more than once; each is kept once." in told
    assert main([*join, str(out)]) == 1
    assert "exists. Remove it" in capsys.readouterr().err
    (tmp_path / "cut.jsonl").write_bytes((folder / "all.jsonl").read_bytes()[:-40])
    assert main(["batch", "--join", str(tmp_path / "cut.jsonl"), "--out", f"{out}2.csv"]) == 1
    assert "is not finished" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*join, f"{out}3.csv", "--timeline"])
    assert "--join goes without --timeline" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.jsonl", "joined.csv"]
