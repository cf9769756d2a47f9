"""Decide by their content which files are no recordings; count them by reason and report them."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO

from emo.audio.containers.formats import format_from_name, sniff
from emo.errors import NotAudioError
from emo.inference.export import in_a_cell
from emo.system.files import check_output, naming

HEAD_BYTES = 4096
"""Bytes of a file from which its format is recognised."""

REPORTS = (".csv", ".jsonl")
"""Extensions of a report."""

SKIPPED, NOT_ANSWERED = "skipped", "not answered"
HIDDEN = "hidden"
ARCHIVE = "a tar archive"

Skip = Callable[[str, str], None]
"""Function of the name of a file that is skipped, and of the reason."""

_AUDIO_EXTENSIONS = frozenset(
    f".{name}"
    for names in (
        "3g2 3ga 3gpp 3gpp2 ac3 ape asf avi awb ds2 dss dts eac3 flv gsm m2a m4p m4r m4v mp1 mp2",
        "mpa mpc mpeg mpg mpga nist ogv ogx qcp ra ram rf64 rm sph spx tta vob voc vox weba wma",
        "wmv wv",
    )
    for name in names.split()
)
"""Extensions of sound beside those of ``formats.format_from_name``, readable or not."""

_TAR_MAGIC, _TAR_MAGIC_OFFSET = b"ustar", 257


def has_audio_extension(name: str) -> bool:
    """Return whether a name has an extension of sound, so that its file gets a row in any case."""
    extension = PurePosixPath(name).suffix.lower()
    return format_from_name(name) is not None or extension in _AUDIO_EXTENSIONS


def reason_to_skip(head: bytes) -> str:
    """Return what a file with these first bytes is instead of a recording; "" for a recording."""
    if not head:
        return "an empty file"
    if head[_TAR_MAGIC_OFFSET:].startswith(_TAR_MAGIC):
        return ARCHIVE
    try:
        sniff(head)
    except NotAudioError as error:
        sentence = str(error).partition(". ")[0]
        return sentence.partition(" holds ")[2] or sentence
    return ""


def ignore(name: str, reason: str) -> None:
    """Ignore a skipped file."""


class SkipLog:
    """Log of the files that got no answer: counted by reason, and listed in a report.

    Parameters
    ----------
    report
        File to write a line to for each, CSV or JSON Lines by its extension; None for no report.
    own
        Files that this run writes, which are not reported where they lie among its inputs.

    Attributes
    ----------
    reasons : Counter
        Number of skipped files by reason.
    """

    def __init__(self, report: Path | None = None, own: tuple[Path, ...] = ()) -> None:
        self.reasons: Counter[str] = Counter()
        self._seen: set[int] = set()  # hashes of names: a folder may be named twice
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
        """Count a skipped file, once."""
        if hash(name) in self._seen or self._is_own(name):
            return
        self._seen.add(hash(name))
        self.reasons[reason] += 1
        self.note(SKIPPED, name, reason)

    def note(self, outcome: str, name: str, reason: str) -> None:
        """Write a line of the report; ``outcome`` is ``SKIPPED`` or ``NOT_ANSWERED``."""
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
        """Return how many files were skipped, and for which reasons; "" for none."""
        total = sum(self.reasons.values())
        if not total:
            return ""
        counts = ", ".join(f"{reason}: {count:,}" for reason, count in self.reasons.most_common())
        return f"{total:,} file{'s' * (total != 1)} skipped ({counts})"

    def _is_own(self, name: str) -> bool:
        path = Path(name)
        return any(path.name == own.name and path.resolve() == own for own in self._own)

    def _write(self, line: bytes) -> None:
        assert self._file is not None
        assert self._path is not None
        rest = memoryview(line)
        with naming(self._path):
            while rest:
                rest = rest[self._file.write(rest) :]
