"""Start ``emo review`` on a batch of a few samples."""

import contextlib
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emo.batch.labelling import label_sources, make_run_config
from emo.batch.sources import Source
from emo.system import paths

N_CLIPS = 6
ENDS_S = 60.0
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Command:
    """A running ``emo review``, and the address that it printed."""

    process: "subprocess.Popen[str]"
    address: str

    @property
    def host(self) -> str:
        """Address without the key."""
        return self.address.partition("/?")[0]

    def stop(self) -> str:
        """End it as Ctrl-C does, and return what it printed."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=ENDS_S)[0]


def write_rows(directory: Path) -> Path:
    """Copy samples of the game into a folder, and write the rows of a batch of them."""
    names = sorted((paths.SAMPLES_DIR / "game").iterdir())[::9][:N_CLIPS]
    sources = []
    for path in names:
        shutil.copy(path, directory / path.name)
        sources.append(Source(path.name, str(directory / path.name)))
    results = label_sources(make_run_config(), sources)
    out = directory / "rows.jsonl"
    out.write_bytes(b"".join(result.lines for result in results))
    return out


@contextlib.contextmanager
def reviewing(rows: Path, out: Path, port: int) -> Iterator[Command]:
    """Start the command, and yield it once it has printed the address of its page."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "emo", "review", str(rows), "--clips", str(rows.parent)),
            *("--out", str(out), "--take", "100%", "--port", str(port), "--no-browser"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if found := re.search(r"open (http://127\.0\.0\.1:\d+/\?key=\S+)", line):
                yield Command(process, found[1])
                return
        raise AssertionError("".join(lines))
    finally:
        process.terminate()
        process.communicate(timeout=ENDS_S)
