"""Show the progress of a batch, and sum it up at the end."""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from emo.batch.inputs import count_sources
from emo.batch.skips import SkipLog
from emo.batch.voices import VoiceCount
from emo.formatting import clock

_INTERVAL_S, _TERMINAL_INTERVAL_S = 10.0, 0.5


@dataclass(frozen=True)
class RunSummary:
    """Numbers of a batch that has ended.

    Attributes
    ----------
    earlier, added : int
        Recordings whose rows were there before, and that this run added.
    failed : int
        Recordings of both that have an error instead of an answer.
    duration_s : float
        Time that those added took.
    voices : tuple of VoiceCount
        Speakers, where their voices are known.
    unnamed : int
        Recordings without a speaker, where voices are known.
    """

    earlier: int
    added: int
    failed: int
    duration_s: float
    voices: tuple[VoiceCount, ...] = ()
    unnamed: int = 0


class ProgressLine:
    """Line on the progress of a batch: updated in place on a terminal, else printed every 10 s.

    Parameters
    ----------
    inputs
        Inputs of the batch; a thread counts their recordings.
    out
        Stream to write to, or None.
    earlier
        Recordings whose rows are there from earlier runs.
    manifests
        As for ``emo.batch.inputs.find_sources``.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        out: TextIO | None,
        earlier: int,
        manifests: bool = False,
    ) -> None:
        self.added = 0
        self._out = out
        self._earlier = earlier
        self._manifests = manifests
        self._failed = 0
        self._total: int | None = None
        self._in_place = out is not None and out.isatty()
        self._started_s = self._printed_s = time.monotonic()
        if out is not None:
            threading.Thread(target=self._count, args=(inputs,), daemon=True).start()

    def elapsed_s(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started_s

    def update(self, added: int, failed: int) -> None:
        """Count more recordings, and print the line if the last one is old enough."""
        self.added += added
        self._failed = failed
        interval_s = _TERMINAL_INTERVAL_S if self._in_place else _INTERVAL_S
        if self._out is not None and time.monotonic() - self._printed_s >= interval_s:
            self._printed_s = time.monotonic()
            start, stop = ("\r", "\x1b[K") if self._in_place else ("", "\n")
            self._print(f"{start}{self._line()}{stop}")

    def end(self) -> None:
        """Clear the line on a terminal, for the next output."""
        if self._in_place:
            self._print("\r\x1b[K")

    def _print(self, text: str) -> None:
        if self._out is not None:
            try:
                print(text, end="", file=self._out, flush=True)
            except OSError:  # the reader has gone; the rows still matter
                self._out = None

    def _count(self, inputs: Sequence[str]) -> None:
        self._total = count_sources(inputs, self._manifests)

    def _line(self) -> str:
        count = self._earlier + self.added
        rate = self.added / max(self.elapsed_s(), 1e-3)
        line = f"{count:,}" if self._total is None else f"{count:,} of {self._total:,}"
        line += f" recordings, {rate:,.1f} per second"
        if self._failed:
            line += f", {self._failed:,} not answered"
        if self._total is not None and rate > 0:
            line += f", about {clock(max(0, self._total - count) / rate)} left"
        return line


def format_summary(summary: RunSummary, out: Path, skips: SkipLog) -> str:
    """Return the line that ends a batch: counts, rate, failures, skipped files and the output."""
    rate = summary.added / max(summary.duration_s, 1e-3)
    plural = "s" * (summary.added != 1)
    duration = clock(summary.duration_s)
    line = f"{summary.added:,} recording{plural} in {duration}, {rate:,.1f} per second"
    if summary.earlier:
        line += f"; {summary.earlier:,} were answered before"
    if summary.failed:
        line += f"; {summary.failed:,} could not be answered, their rows say why"
    if skipped := skips.summary():
        line += f"; {skipped}"
    return f"{line}. {os.fspath(out)}"
