"""The command batch: killed, continued, and equal to predict."""

import csv
import errno
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from emo.audio.clip import load
from emo.batch import labelling, run
from emo.batch.labelling import RunConfig, label_sources, load_run_models, make_run_config
from emo.batch.progress import ProgressLine
from emo.batch.rows import flatten
from emo.batch.run import group_sources, run_batch
from emo.batch.sources import Source
from emo.cli.main import main
from emo.errors import EmoError, ModelError
from emo.inference import loading
from emo.inference.loading import ANSWER_KEYS, load_models
from emo.inference.predictor import predict, predict_many
from emo.system.paths import MODELS_DIR, sample_path
from tests.support.signals import encoded, silence, voice

ROOT = Path(__file__).resolve().parents[2]
CLIPS = 20  # more than one group
SIGNAL_AFTER_FIRST_ROWS = """
import signal, sys
from emo.batch import run
from emo.cli.main import main

class Journal(run.Journal):
    def append(self, results):
        super().append(results)
        if results:
            signal.raise_signal(int(sys.argv[1]))

run.Journal = Journal
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Return a folder of voices, a silent file and a text."""
    folder = tmp_path_factory.mktemp("clips")
    for i in range(CLIPS - 2):
        samples = voice(100.0 + 10 * i, duration_s=0.6 + 0.05 * i, seed=i)
        (folder / f"{i:02d}.wav").write_bytes(encoded(samples))
    (folder / "silent.wav").write_bytes(encoded(silence(1.0)))
    (folder / "text.wav").write_text("no sound")
    return folder


@pytest.fixture(scope="module")
def config():
    return make_run_config()


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def here(groups, work, *rest):
    """Answer in this process, which is faster than in workers."""
    yield from map(work, groups)


def command(*arguments):
    return [sys.executable, "-m", "emo", "batch", *map(str, arguments)]


def stopped(number, *arguments):
    """Run a command that gets a signal as soon as the first rows are on disk."""
    given = [str(int(number)), "batch", *map(str, arguments)]
    return subprocess.run(
        [sys.executable, "-c", SIGNAL_AFTER_FIRST_ROWS, *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )


EXEC_AFTER_FIRST_ROWS = SIGNAL_AFTER_FIRST_ROWS.replace(
    "signal.raise_signal(int(sys.argv[1]))", "exec(sys.argv[1])"
)


def harmed(harm, *arguments, prepare=None):
    """Run a command that executes a statement as soon as the first rows are on disk."""
    given = [harm, "batch", *map(str, arguments)]
    return subprocess.run(
        [sys.executable, "-c", EXEC_AFTER_FIRST_ROWS, *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        preexec_fn=prepare,
        # A limit of the size of files would hold for those of the coverage too.
        env={name: text for name, text in os.environ.items() if not name.startswith("COVERAGE")},
    )


def shares(rows):
    return {
        row["path"]: [list(row["models"][key]["probabilities"].values()) for key in ANSWER_KEYS]
        for row in rows
        if "error" not in row
    }


@pytest.mark.slow
def test_batch_continues_after_a_kill_without_lost_or_double_rows(clips, tmp_path):
    out = tmp_path / "out.jsonl"
    given = (clips, "--out", out, "--jobs", 1)
    assert stopped(signal.SIGKILL, *given).returncode == -signal.SIGKILL
    first = len(out.read_bytes().splitlines())
    assert 0 < first < CLIPS
    os.truncate(out, out.stat().st_size - 40)  # as if killed while it wrote the last row
    ran = subprocess.run(command(*given), cwd=ROOT, capture_output=True, text=True, timeout=200)
    rows = read(out)
    assert ran.returncode == 1  # two cannot be read
    assert sorted(row["path"] for row in rows) == sorted(str(path) for path in clips.iterdir())
    assert sorted(Path(row["path"]).name for row in rows if "error" in row) == [
        "silent.wav",
        "text.wav",
    ]
    assert f"{CLIPS - first + 1} recordings in" in ran.stderr
    assert f"{first - 1} were answered before" in ran.stderr


@pytest.mark.parametrize("dask", ["", "local"])
@pytest.mark.slow
def test_batch_equals_predict_on_processes_and_on_dask(clips, tmp_path, config, dask):
    if dask:
        pytest.importorskip("distributed")
    out = tmp_path / "out.jsonl"
    summary = run_batch([str(clips)], out, config, 1, dask)
    assert (summary.earlier, summary.added, summary.failed) == (0, CLIPS, 2)
    found = shares(read(out))
    models = load_models()
    alone = {path: predict(load(path), models) for path in found}
    assert len(found) == CLIPS - 2
    for path, one in alone.items():
        expected = [one.answers[key].probabilities for key in ANSWER_KEYS]
        np.testing.assert_allclose(found[path], expected, atol=1e-6)


@pytest.mark.slow
def test_batch_says_how_to_continue_after_an_interrupt(clips, tmp_path):
    out = tmp_path / "out.jsonl"
    # SIGTERM does what Ctrl-C does, which a test run in the background lacks.
    ran = stopped(signal.SIGTERM, clips, "--out", out, "--jobs", 1)
    assert ran.returncode == 130
    assert 0 < len(read(out)) < CLIPS
    assert "run the same command again" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_batch_writes_csv_at_the_end_and_overwrites_none(clips, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "run_here", here)
    out = tmp_path / "out.csv"
    assert main(["batch", str(clips), "--out", str(out)]) == 1
    rows = list(csv.DictReader(io.StringIO(out.read_text(), newline="")))
    assert sorted(row["path"] for row in rows) == sorted(str(path) for path in clips.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert main(["batch", str(clips), "--out", str(out)]) == 1
    assert "exists and is complete" in capsys.readouterr().err


def test_batch_reads_a_list_from_standard_input(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "run_here", here)
    monkeypatch.setattr(sys, "stdin", iter([f"{clips}/00.wav\n", f"{clips}/silent.wav\n"]))
    out = tmp_path / "out.jsonl"
    assert main(["batch", "-", "--timeline", "--out", str(out)]) == 1
    spoken, silent = read(out)
    assert (spoken["window"], spoken["windows"], spoken["start_s"]) == (1, 1, 0.0)
    assert "silent" in silent["error"]
    assert main(["batch", f"{clips}/01.wav", "--out", str(out)]) == 1
    assert len(read(out)) == 2  # rows of other settings are not mixed


def test_label_sources_isolates_a_clip_that_raises(clips, config, monkeypatch):
    real = predict_many

    def breaks(clips, models, among):
        if any(clip.duration_s == pytest.approx(0.65) for clip in clips):
            raise ZeroDivisionError("by chance")
        return real(clips, models, among)

    monkeypatch.setattr(labelling, "predict_many", breaks)
    done = label_sources(
        config, [Source(f"{i:02d}", location=f"{clips}/{i:02d}.wav") for i in range(3)]
    )
    assert [(one.name, one.failed) for one in done] == [("00", False), ("01", True), ("02", False)]
    assert b"ZeroDivisionError: by chance" in done[1].lines


def test_label_sources_limits_the_sound_of_a_call(clips, config, monkeypatch):
    sizes = []
    real = predict_many

    def counted(found, models, among):
        sizes.append(len(found))
        return real(found, models, among)

    monkeypatch.setattr(labelling, "predict_many", counted)
    monkeypatch.setattr(labelling, "MAX_BATCH_S", 1.5)
    label_sources(config, [Source(f"{i:02d}", location=f"{clips}/{i:02d}.wav") for i in range(5)])
    assert sizes == [3, 2]


SOME = ("happy", "neutral", "sad")


@pytest.mark.parametrize("is_timeline", [False, True])
def test_label_sources_answers_among_the_emotions_that_can_occur(is_timeline):
    config = make_run_config(timeline=is_timeline, among=SOME)
    source = Source("a", location=str(sample_path("angry")))
    (result,) = label_sources(config, [source])
    for row in map(json.loads, result.lines.splitlines()):
        assert row["among"] == list(SOME)
        assert row["label"] in SOME
        assert row["models"]["ensemble"]["probabilities"]["angry"] == 0.0
        assert flatten(row)["among"] == list(SOME)


def test_batch_with_other_emotions_that_can_occur_is_another_run(
    clips, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(run, "run_here", here)
    out = tmp_path / "out.csv"
    arguments = ["batch", f"{clips}/17.wav", "--out", str(tmp_path / "out.jsonl")]
    assert main([*arguments, "--among", "happy,neutral,sad"]) == 0
    assert main([*arguments, "--among", "happy,sad"]) == 1
    assert "was begun with other models or settings" in capsys.readouterr().err
    assert main(["batch", f"{clips}/17.wav", "--out", str(out), "--among", "sad,happy"]) == 0
    (found,) = csv.DictReader(out.read_text().splitlines())
    assert found["among"] == "happy sad"


def test_make_run_config_depends_on_the_models(tmp_path, config):
    copied = tmp_path / "models"
    for key in loading.MODEL_KEYS:
        shutil.copytree(MODELS_DIR / key, copied / key, ignore=shutil.ignore_patterns("pred*"))
    shutil.copy(MODELS_DIR / "calibration.json", copied)
    assert make_run_config(copied).run == config.run == make_run_config().run
    assert make_run_config(timeline=True).run != config.run
    (copied / "calibration.json").unlink()
    assert make_run_config(copied).run != config.run
    with pytest.raises(ModelError, match="A worker has other models"):
        load_run_models(RunConfig(str(copied), False, config.run))
    shutil.rmtree(copied / "mlp")
    with pytest.raises(ModelError, match="no model in"):
        make_run_config(copied)


def test_group_sources_limits_the_bytes_of_a_group(monkeypatch):
    monkeypatch.setattr(run, "GROUP_BYTES", 10)
    items = [
        Source("a", data=b"x" * 6),
        Source("b", data=b"x" * 6),
        *(Source(name) for name in "cdef"),
    ]
    assert [len(group) for group in group_sources(items, 3)] == [2, 3, 1]


def test_group_sources_puts_a_large_file_alone(tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x" * 1000)
    with large.open("wb") as file:
        file.truncate(run.GROUP_BYTES + 1)
    items = [Source(path.name, str(path)) for path in (small, small, large, large, small)]
    sizes = [
        len(group) for group in group_sources([*items, Source("gone", str(tmp_path / "gone"))], 16)
    ]
    assert sizes == [3, 1, 2]


def test_batch_creates_no_file_for_misspelt_inputs(tmp_path, capsys):
    out = tmp_path / "out.csv"
    assert main(["batch", str(tmp_path / "misspelt"), "--out", str(out)]) == 1
    assert f"There is nothing at {tmp_path / 'misspelt'}." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_progress_line_counts_and_estimates_the_rest():
    progress = ProgressLine([], None, earlier=100)
    progress._started_s = time.monotonic() - 10
    progress._total = 1100
    progress.update(200, 3)
    line = progress._line()
    assert line.startswith("300 of 1,100 recordings, 20.0 per second, 3 not answered, about 0:40")


@pytest.mark.parametrize("arguments", [["a.wav"], ["a.wav", "--out", "x.doc"], ["--out", "x.csv"]])
def test_batch_exits_with_two_for_wrong_usage(arguments):
    with pytest.raises(SystemExit) as ended:
        main(["batch", *arguments])
    assert ended.value.code == 2


def test_run_batch_leaves_other_files_unchanged(tmp_path, config):
    out = tmp_path / "out.jsonl"
    out.write_text("mine\n")
    with pytest.raises(EmoError, match="is not a row of a batch"):
        run_batch(["a.wav"], out, config, 1)
    assert out.read_text() == "mine\n"


# --- errors are reported -------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.parametrize("gone", ["file", "folder"])
@pytest.mark.slow
def test_batch_ends_when_its_rows_are_removed(clips, tmp_path, suffix, gone):
    out = tmp_path / "results" / f"out{suffix}"
    out.parent.mkdir()
    harm = (
        f"import shutil; shutil.rmtree({str(out.parent)!r})"
        if gone == "folder"
        else f"import pathlib; [p.unlink() for p in pathlib.Path({str(out.parent)!r}).iterdir()]"
    )
    ran = harmed(harm, clips, "--out", out, "--jobs", 1)
    assert ran.returncode == 1
    assert "was removed while it was being written" in ran.stderr
    assert "run the same command again" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not out.exists()


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.slow
def test_batch_names_a_full_disk_and_can_be_continued(clips, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    rows = run.rows_file(out)

    def prepare():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    given = (clips, "--out", out, "--jobs", 1)
    ran = harmed("pass", *given, prepare=prepare)
    assert ran.returncode == 1
    last = ran.stderr.splitlines()[-1]
    assert last.startswith(f"emo: {rows}: File too large. The answers so far are kept in")
    assert "Traceback" not in ran.stderr
    assert rows.stat().st_size == 20_000
    assert harmed("pass", *given).returncode == 1  # two cannot be read
    names = [row["path"] for row in read(out)] if suffix == ".jsonl" else column(out, "path")
    assert sorted(names) == sorted(str(path) for path in clips.iterdir())


def column(path, name):
    return [row[name] for row in csv.DictReader(io.StringIO(path.read_text(), newline=""))]


def test_batch_keeps_its_rows_when_the_disk_is_full_at_the_end(
    clips, tmp_path, monkeypatch, capsys
):
    def full(source, target, columns):
        target.write_text("half a row")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run, "run_here", here)
    monkeypatch.setitem(run.FORMATS, ".csv", full)
    out = tmp_path / "out.csv"
    assert main(["batch", f"{clips}/00.wav", "--out", str(out)]) == 1
    assert f"{out}.partial: No space left on device. The answers" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv.rows.jsonl"]


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.slow
def test_batch_rejects_an_output_that_is_no_file(clips, tmp_path, kind, suffix):
    out = tmp_path / f"out{suffix}"
    if kind == "pipe":
        os.mkfifo(out)
    elif kind == "device":
        out.symlink_to("/dev/null")
    else:
        out.mkdir()
    ran = subprocess.run(
        command(clips, "--out", out), cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 1
    assert f"emo: {out} is a {kind}" in ran.stderr
    assert "Name a regular file with --out." in ran.stderr


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_batch_without_recordings_is_an_error(tmp_path, monkeypatch, capsys, suffix):
    monkeypatch.setattr(run, "run_here", here)
    folder, out = tmp_path / "folder", tmp_path / f"out{suffix}"
    folder.mkdir()
    assert main(["batch", str(folder), "--out", str(out)]) == 1
    assert f"There is no recording in {folder}" in capsys.readouterr().err
    (folder / "notes.md").write_text("words")
    assert main(["batch", str(folder), "--out", str(out)]) == 1
    assert "1 file skipped (text: 1)" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_batch_reports_files_without_an_answer_in_each_run(clips, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(run, "run_here", here)
    folder, report = tmp_path / "folder", tmp_path / "folder" / f"report{suffix}"
    shutil.copytree(clips, folder)
    (folder / "=notes.md").write_text("words")
    (folder / "noted").write_bytes((clips / "00.wav").read_bytes())
    out = folder / "out.jsonl"
    for _ in range(2):  # the second run has nothing to do
        assert main(["batch", str(folder), "--out", str(out), "--report", str(report)]) == 1
        if suffix == ".csv":
            lines = list(csv.DictReader(io.StringIO(report.read_text(), newline="")))
        else:
            lines = [json.loads(line) for line in report.read_text().splitlines()]
        named = {Path(line["path"]).name: (line["outcome"], line["reason"]) for line in lines}
        assert named.pop("=notes.md") == ("skipped", "text")
        assert {name: outcome for name, (outcome, _) in named.items()} == {
            "silent.wav": "not answered",
            "text.wav": "not answered",
        }
        assert "silent" in named["silent.wav"][1]
    assert len(read(out)) == CLIPS + 1


def test_batch_counts_skipped_files_in_its_last_line(clips, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "run_here", here)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(clips / "00.wav")
    (folder / "notes.md").write_text("words")
    (folder / ".hidden").write_text("words")
    out = tmp_path / "out.jsonl"
    assert main(["batch", str(folder), "--out", str(out)]) == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("1 recording in")
    assert "2 files skipped (" in last
    assert "text: 1" in last


@pytest.mark.parametrize("report", ["report.txt", "out.csv", "out.csv.rows.jsonl"])
def test_batch_rejects_an_invalid_report(clips, tmp_path, report):
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "batch",
                str(clips),
                "--out",
                f"{tmp_path}/out.csv",
                "--report",
                f"{tmp_path}/{report}",
            ]
        )
    assert ended.value.code == 2


@pytest.mark.slow
def test_batch_reads_utf_16_from_standard_input(clips, tmp_path):
    out = tmp_path / "out.jsonl"
    ran = subprocess.run(
        command("-", "--out", out, "--jobs", 1),
        cwd=ROOT,
        input=f'"{clips}/00.wav"\r\n'.encode("utf-16"),
        capture_output=True,
        timeout=200,
    )
    assert ran.returncode == 0
    assert [row["path"] for row in read(out)] == [f"{clips}/00.wav"]


def test_progress_line_ignores_a_closed_stream():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    progress = ProgressLine([], Gone(), earlier=0)
    progress._printed_s = -100.0
    progress.update(1, 0)
    progress.update(1, 0)
    progress.end()
    assert progress.added == 2
