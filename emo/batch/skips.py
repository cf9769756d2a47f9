"""Files that are passed over on the way: decided by their content, counted by reason, and named."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO

from emo.audio.containers.formats import named_kind, sniff
from emo.errors import NotAudioError
from emo.inference.export import in_a_cell
from emo.system.files import check_output, naming

HEAD_BYTES = 4096
"""How much of a file is read to tell what it is."""

REPORTS = (".csv", ".jsonl")
"""Endings of a report."""

PASSED_OVER, NOT_READ = "passed over", "not read"
HIDDEN = "hidden"
ARCHIVE = "a tar archive"

Skip = Callable[[str, str], None]
"""Takes the name of a file that is passed over, and the reason."""

_SOUND_ENDINGS = frozenset(
    f".{name}"
    for names in (
        "3g2 3ga 3gpp 3gpp2 ac3 ape asf avi awb ds2 dss dts eac3 flv gsm m2a m4p m4r m4v mp1 mp2",
        "mpa mpc mpeg mpg mpga nist ogv ogx qcp ra ram rf64 rm sph spx tta vob voc vox weba wma",
        "wmv wv",
    )
    for name in names.split()
)
"""Endings of sound beside those of ``formats.named_kind``, whether it is read or not."""

_TAR_MAGIC, _TAR_MAGIC_AT = b"ustar", 257


def promises_sound(name: str) -> bool:
    """Return whether a file of this name has to be read, or else reported as not readable."""
    return named_kind(name) is not None or PurePosixPath(name).suffix.lower() in _SOUND_ENDINGS


def reason_to_skip(head: bytes) -> str:
    """Return what a file with these first bytes is instead of a recording, "" for a recording."""
    if not head:
        return "an empty file"
    if head[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC):
        return ARCHIVE
    try:
        sniff(head)
    except NotAudioError as error:
        sentence = str(error).partition(". ")[0]
        return sentence.partition(" holds ")[2] or sentence
    return ""


def ignore(name: str, reason: str) -> None:
    """Count nothing."""


class SkipLog:
    """Names of files that gave no answer, counted by reason and written to a report if asked.

    Parameters
    ----------
    report
        Where to write a line for each as it comes, CSV or JSON Lines by its ending.
    own
        Files of this run itself, which are no news when they lie in the folder that is read.

    Attributes
    ----------
    reasons : Counter
        How many were passed over, by reason.
    """

    def __init__(self, report: Path | None = None, own: tuple[Path, ...] = ()) -> None:
        self.reasons: Counter[str] = Counter()
        self._seen: set[int] = set()  # a folder may be named twice
        self._path = report
        self._own = {path.resolve() for path in (*own, *([report] if report else []))}
        self._file: BinaryIO | None = None

    def __enter__(self) -> "SkipLog":
        if self._path is not None:
            check_output(self._path, "--report")
            self._file = self._path.open("wb", buffering=0)
            if self._path.suffix.lower() == ".csv":
                self._write(b"path,outcome,reason\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def skip(self, name: str, reason: str) -> None:
        """Count a file that was passed over, once."""
        if hash(name) in self._seen or self._is_own(name):
            return
        self._seen.add(hash(name))
        self.reasons[reason] += 1
        self.note(PASSED_OVER, name, reason)

    def note(self, outcome: str, name: str, reason: str) -> None:
        """Write a line of the report."""
        if self._file is None or self._path is None:
            return
        if self._path.suffix.lower() == ".csv":
            text = io.StringIO()
            cells = [in_a_cell(cell) for cell in (name, outcome, reason)]
            csv.writer(text, lineterminator="\n").writerow(cells)
            self._write(text.getvalue().encode("utf-8", "backslashreplace"))
        else:
            row = {"path": name, "outcome": outcome, "reason": reason}
            self._write(f"{json.dumps(row)}\n".encode())

    def summary(self) -> str:
        """Return what was passed over in words, "" for nothing."""
        total = sum(self.reasons.values())
        if not total:
            return ""
        parts = ", ".join(f"{reason}: {count:,}" for reason, count in self.reasons.most_common())
        return f"{total:,} file{'s' * (total != 1)} passed over ({parts})"

    def _is_own(self, name: str) -> bool:
        path = Path(name)
        return any(path.name == own.name and path.resolve() == own for own in self._own)

    def _write(self, line: bytes) -> None:
        assert self._file is not None
        assert self._path is not None
        left = memoryview(line)
        with naming(self._path):
            while left:
                left = left[self._file.write(left) :]
