"""Commands whose streams are closed or full, or which are interrupted: a sentence, no traceback.

Each runs as a process of its own, as people start it.
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
"""As ``sitecustomize``: Ctrl-C at the very moment at which a module is imported."""


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
    given = [sys.executable, *command, *map(str, arguments)]
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {streams}', "sh", *given],
        cwd=ROOT,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        start_new_session=True,
    )


def commands(spoken, tmp_path):
    """A command that prints its answers, one that prints help, and one of wrong usage."""
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
    ("name", "streams", "status", "says"),
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
def test_a_stream_that_is_closed_or_full_is_a_sentence(
    spoken, tmp_path, name, streams, status, says
):
    ran = emo(commands(spoken, tmp_path)[name], streams)
    assert ran.returncode == status
    assert "Traceback" not in ran.stderr
    said = [line for line in ran.stderr.splitlines() if line.startswith("emo")]
    assert said == ([says] if says else [])


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "<&- >&- 2>&-"])
def test_wrong_usage_ends_with_two_whatever_the_streams(streams):
    assert emo(["predict"], streams).returncode == 2


@pytest.mark.parametrize("name", ["predict", "help"])
@pytest.mark.parametrize("reader", ["true", "head -c 1"])
def test_a_reader_that_leaves_ends_the_command_without_a_word(spoken, tmp_path, name, reader):
    ran = emo(commands(spoken, tmp_path)[name], f"| {reader}")
    assert ran.stderr.replace("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n", "") == ""


def test_a_batch_needs_no_stream_at_all(spoken, tmp_path):
    out = tmp_path / "out.jsonl"
    ran = emo(["batch", spoken, "--out", out, "--jobs", 1], "<&- >&- 2>&-")
    assert ran.returncode == 0
    assert len(out.read_text().splitlines()) == 1
    # What would have been printed is not in the file that got the number of a closed stream.
    assert out.read_text().startswith('{"path": ')


@pytest.mark.parametrize(
    "module",
    [
        "argparse",
        "numpy",
        "emo.corpora.splits",
        "emo.audio.clip",
        "emo.inference.predictor",
        "emo.inference.export",
    ],
)
def test_an_interrupt_while_modules_are_loaded_is_a_sentence(spoken, tmp_path, module):
    interrupt = "os.kill(os.getpid(), signal.SIGINT)"
    code = INTERRUPTER.format(module=module, in_worker=False, interrupt=interrupt)
    (tmp_path / "sitecustomize.py").write_text(code)
    ran = emo(["predict", spoken], env={"PYTHONPATH": str(tmp_path)})
    assert (ran.returncode, ran.stdout, ran.stderr.strip()) == (130, "", "emo: stopped.")


@pytest.mark.parametrize("module", ["emo.batch.run", "multiprocessing.spawn", "soundfile"])
@pytest.mark.parametrize("in_worker", [False, True], ids=["command", "worker"])
@pytest.mark.parametrize("is_script", [False, True], ids=["module", "script"])
def test_an_interrupt_while_a_batch_starts_is_a_sentence(
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
    (line,) = ran.stderr.strip().splitlines()
    assert line.startswith("emo: stopped.")


def test_a_pipe_that_nobody_reads_is_no_output(spoken, tmp_path):
    os.mkfifo(tmp_path / "out.srt")
    ran = emo(["timeline", spoken, "--out", tmp_path / "out.srt"])
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith(f"emo: {tmp_path}/out.srt cannot be written")


def test_a_pipe_that_is_read_is_an_output(spoken, tmp_path):
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert emo(["timeline", spoken, "--out", pipe]).returncode == 0
        text, _ = reader.communicate(timeout=TIMEOUT_S)
    assert json.loads(text)


def test_bound_jobs_gives_what_the_machine_has_use_for(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    sizes = {"SC_PHYS_PAGES": 2**24, "SC_PAGE_SIZE": 2**12}  # 64 GB
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    assert [process.limit_jobs(jobs) for jobs in (1, 16, 17, 999, 10**18)] == [1, 16, 16, 16, 16]
    sizes["SC_PHYS_PAGES"] = 2**18  # 1 GB
    assert process.limit_jobs(999) == 2
    sizes["SC_PHYS_PAGES"] = 1
    assert process.limit_jobs(999) == 1


def test_far_too_many_jobs_are_bounded_with_a_note(tmp_path):
    (tmp_path / "empty").mkdir()
    ran = emo(["batch", tmp_path / "empty", "--out", tmp_path / "out.jsonl", "--jobs", 999])
    first, last = [line for line in ran.stderr.splitlines() if line.startswith("emo:")]
    assert first.startswith("emo: --jobs 999 is more than this machine has use for")
    assert last.startswith("emo: There is no recording in")


def test_an_interrupt_of_a_program_that_calls_main_is_its_own_affair(spoken, monkeypatch, capsys):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("emo.audio.clip.read_file", interrupted)
    before = signal.getsignal(signal.SIGINT)
    try:
        assert main(["predict", str(spoken)]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err.strip() == "emo: stopped."
