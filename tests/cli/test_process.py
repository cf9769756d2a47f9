"""Commands with closed or full streams, or interrupted, end with a sentence and no traceback.

Each runs in a process of its own.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emo.cli import process
from emo.cli.main import main
from tests.support.signals import encoded, voice

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120

INTERRUPTER = """
import os, signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r} and ("--multiprocessing-fork" in sys.orig_argv) == {in_worker}:
            {interrupt}

sys.meta_path.insert(0, Interrupter())
"""
"""Module ``sitecustomize`` that interrupts the process while it imports a module."""


@pytest.fixture
def spoken(tmp_path):
    path = tmp_path / "spoken.wav"
    path.write_bytes(encoded(voice(duration_s=1.0)))
    return path


SCRIPT = """
import sys
from emo.__main__ import main
if __name__ == "__main__":
    sys.exit(main())
"""
"""The command ``emo``, as pip installs it."""


def emo(arguments, streams="", env=None, command=("-m", "emo")):
    """Run the command in a shell that connects its streams."""
    words = [sys.executable, *command, *map(str, arguments)]
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {streams}', "sh", *words],
        cwd=ROOT,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        start_new_session=True,
    )


def commands(spoken, tmp_path):
    """Return commands that print answers, scores and help."""
    manifest = tmp_path / "list.csv"
    manifest.write_text(f"path,emotion\n{spoken},happy\n")
    return {
        "predict": ["predict", spoken],
        "evaluate": ["evaluate", "--manifest", manifest],
        "help": ["batch", "--help"],
    }


CLOSED = "emo: standard output: it is closed."
FULL = "emo: standard output: No space left on device."


@pytest.mark.parametrize(
    ("name", "streams", "status", "message"),
    [
        ("predict", ">&-", 1, CLOSED),
        ("help", ">&-", 1, CLOSED),
        ("predict", ">/dev/full", 1, FULL),
        ("help", ">/dev/full", 1, FULL),
        ("evaluate", ">/dev/full 2>&1", 1, ""),
        ("predict", "2>&-", 0, ""),
        ("evaluate", "2>/dev/full", 0, ""),
        ("help", "2>&-", 0, ""),
        ("predict", "<&- >&- 2>&-", 1, ""),
    ],
)
@pytest.mark.slow
def test_command_names_a_stream_that_is_closed_or_full(
    spoken, tmp_path, name, streams, status, message
):
    ran = emo(commands(spoken, tmp_path)[name], streams)
    assert ran.returncode == status
    assert "Traceback" not in ran.stderr
    messages = [line for line in ran.stderr.splitlines() if line.startswith("emo")]
    assert messages == ([message] if message else [])


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "<&- >&- 2>&-"])
@pytest.mark.slow
def test_wrong_usage_exits_with_two_whatever_the_streams(streams):
    assert emo(["predict"], streams).returncode == 2


@pytest.mark.parametrize("name", ["predict", "help"])
@pytest.mark.parametrize("reader", ["true", "head -c 1"])
@pytest.mark.slow
def test_command_ends_silently_when_its_reader_has_gone(spoken, tmp_path, name, reader):
    ran = emo(commands(spoken, tmp_path)[name], f"| {reader}")
    assert ran.stderr.replace("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n", "") == ""


@pytest.mark.slow
def test_batch_works_without_any_stream(spoken, tmp_path):
    out = tmp_path / "out.jsonl"
    ran = emo(["batch", spoken, "--out", out, "--jobs", 1], "<&- >&- 2>&-")
    assert ran.returncode == 0
    assert len(out.read_text().splitlines()) == 1
    # No output is in the file, which could have got the descriptor of a closed stream.
    assert out.read_text().startswith('{"path": ')


@pytest.mark.parametrize(
    "module",
    [
        "argparse",
        "numpy",
        "emo.corpora.protocols",
        "emo.audio.clip",
        "emo.inference.predictor",
        "emo.inference.export",
    ],
)
@pytest.mark.slow
def test_interrupt_during_imports_ends_with_a_sentence(spoken, tmp_path, module):
    interrupt = "os.kill(os.getpid(), signal.SIGINT)"
    code = INTERRUPTER.format(module=module, in_worker=False, interrupt=interrupt)
    (tmp_path / "sitecustomize.py").write_text(code)
    ran = emo(["predict", spoken], env={"PYTHONPATH": str(tmp_path)})
    assert (ran.returncode, ran.stdout, ran.stderr.strip()) == (130, "", "emo: stopped.")


@pytest.mark.parametrize("module", ["emo.batch.labelling", "multiprocessing.spawn", "soundfile"])
@pytest.mark.parametrize("in_worker", [False, True], ids=["command", "worker"])
@pytest.mark.parametrize("is_script", [False, True], ids=["module", "script"])
@pytest.mark.slow
@pytest.mark.flaky(reruns=2)  # once in a full run a further line was printed; its cause is unknown
def test_interrupt_of_a_starting_batch_ends_with_a_sentence(
    spoken, tmp_path, module, in_worker, is_script
):
    interrupt = "os.killpg(0, signal.SIGINT)"  # as a terminal does
    code = INTERRUPTER.format(module=module, in_worker=in_worker, interrupt=interrupt)
    (tmp_path / "sitecustomize.py").write_text(code)
    given = ["batch", spoken, "--out", tmp_path / "out.jsonl", "--jobs", 2]
    (tmp_path / "emo-script").write_text(SCRIPT)
    command = (str(tmp_path / "emo-script"),) if is_script else ("-m", "emo")
    ran = emo(given, env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}, command=command)
    assert ran.returncode == 130
    (line,) = own_lines(ran.stderr)
    assert line.startswith("emo: stopped."), ran.stderr


def own_lines(text: str) -> list[str]:
    """Return the lines of Emo, without those of the tool that measures coverage in the process."""
    lines = text.strip().splitlines()
    return [line for line in lines if "coverage" not in line.lower() and "data._warn" not in line]


@pytest.mark.slow
def test_timeline_rejects_a_pipe_without_a_reader(spoken, tmp_path):
    os.mkfifo(tmp_path / "out.srt")
    ran = emo(["timeline", spoken, "--out", tmp_path / "out.srt"])
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith(f"emo: {tmp_path}/out.srt cannot be written")


@pytest.mark.slow
def test_timeline_writes_to_a_pipe_with_a_reader(spoken, tmp_path):
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert emo(["timeline", spoken, "--out", pipe]).returncode == 0
        text, _ = reader.communicate(timeout=TIMEOUT_S)
    assert json.loads(text)


def test_limit_jobs_follows_cores_and_memory(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    sizes = {"SC_PHYS_PAGES": 2**24, "SC_PAGE_SIZE": 2**12}  # 64 GB
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    assert [process.limit_jobs(jobs) for jobs in (1, 16, 17, 999, 10**18)] == [1, 16, 16, 16, 16]
    sizes["SC_PHYS_PAGES"] = 2**18  # 1 GB
    assert process.limit_jobs(999) == 2
    sizes["SC_PHYS_PAGES"] = 1
    assert process.limit_jobs(999) == 1


@pytest.mark.slow
def test_batch_lowers_too_many_jobs_with_a_message(tmp_path):
    (tmp_path / "empty").mkdir()
    ran = emo(["batch", tmp_path / "empty", "--out", tmp_path / "out.jsonl", "--jobs", 999])
    first, last = [line for line in ran.stderr.splitlines() if line.startswith("emo:")]
    assert first.startswith("emo: --jobs 999 is more than this machine can use")
    assert last.startswith("emo: There is no recording in")


def test_main_handles_an_interrupt_inside_another_program(spoken, monkeypatch, capsys):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("emo.audio.clip.read_file", interrupted)
    before = signal.getsignal(signal.SIGINT)
    try:
        assert main(["predict", str(spoken)]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err.strip() == "emo: stopped."
