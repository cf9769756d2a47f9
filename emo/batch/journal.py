"""Append rows to a file as they come, and resume from it after a run that was stopped.

The file of JSON Lines only grows.  If its last line, or the rows of the last recording, are
incomplete, the next run cuts them off before it continues.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from emo.batch.rows import Result, is_last_row, recording_name
from emo.errors import EmoError
from emo.system.files import check_output, naming

SYNC_S = 5.0
"""Seconds between calls of ``fsync``, which limit what a power failure can lose."""

_ROW_START = b'{"path": "'
_DIGEST_BYTES = 16  # among 10^12 names, two are alike with a probability of 10^-15

ReportFailure = Callable[[str, str], None]
"""Function of the name of a recording that has no answer, and the reason."""


def _ignore(name: str, reason: str) -> None:
    """Ignore the recording."""


class Journal:
    """Rows in a file of JSON Lines, with one writer at a time.

    Parameters
    ----------
    path
        File to append to; it is created if needed.
    run
        Digest of models and settings, which all rows of the file must have.
    report_failure
        Called with each recording that has no answer, those of earlier runs too.

    Attributes
    ----------
    count : int
        Recordings whose rows are in the file.
    failed : int
        Recordings of these that have an error instead of an answer.

    Raises
    ------
    EmoError
        The file holds other content, rows of other models or settings, or is being written to; it
        is a pipe or a device; or it is removed, replaced or cut while it is written.
    """

    def __init__(self, path: Path, run: str, report_failure: ReportFailure = _ignore) -> None:
        self.count = self.failed = 0
        self._digests: set[bytes] = set()  # 91 bytes a name, however long
        self._report_failure = report_failure
        self._path = path
        self._run = run
        check_output(path)
        # Unbuffered: appended rows survive when this process is killed.
        self._file: BinaryIO = open(path, "a+b", buffering=0)  # noqa: SIM115 - closed by __exit__
        self._synced_s = time.monotonic()
        try:
            _lock(self._file, path)
            self._recover()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file, naming(self._path):
            os.fsync(self._file.fileno())

    def add_name(self, name: str) -> bool:
        """Return whether the name of a recording is new to this file, and remember it."""
        data = name.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
        is_new = digest not in self._digests
        self._digests.add(digest)
        return is_new

    def append(self, results: Sequence[Result]) -> None:
        """Write the rows of recordings."""
        if not results:
            return
        self.check()
        lines = b"".join(result.lines for result in results)
        rest = memoryview(lines)
        with naming(self._path):
            while rest:  # a disk that is nearly full takes only a part
                rest = rest[self._file.write(rest) :]
            self._size += len(lines)
            if time.monotonic() - self._synced_s > SYNC_S:
                os.fsync(self._file.fileno())
                self._synced_s = time.monotonic()
        self.count += len(results)
        for result in results:
            if result.failed:
                rows = map(json.loads, result.lines.splitlines())
                self._note_failed([row for row in rows if "error" in row])

    def check(self) -> None:
        """Check that the rows written so far are still in the file.

        Raises
        ------
        EmoError
            The file was removed, replaced or cut.
        """
        opened = os.fstat(self._file.fileno())
        lost = (
            f"The rows of {self.count:,} recordings are lost; run the same command again to answer "
            "them anew."
        )
        try:
            named = os.stat(self._path)
        except OSError:
            raise EmoError(
                f"{self._path}, or its folder, was removed while it was being written. {lost}"
            ) from None
        if (named.st_dev, named.st_ino) != (opened.st_dev, opened.st_ino):
            raise EmoError(
                f"{self._path} was replaced by another file while it was being written. That file "
                f"is left as it is. {lost}"
            )
        if opened.st_size < self._size:
            raise EmoError(
                f"{self._path} was cut while it was being written: {opened.st_size:,} of "
                f"{self._size:,} bytes are left. Run the same command again: recordings with a row "
                "there are not answered anew."
            )

    def _note_failed(self, rows: Sequence[dict[str, Any]]) -> None:
        """Count a recording if these rows of it have errors, and report each of them."""
        self.failed += bool(rows)
        for row in rows:
            self._report_failure(row["path"], str(row["error"]))

    def _recover(self) -> None:
        """Read which recordings have their rows, and cut off incomplete ones."""
        complete_bytes = 0
        errors: list[dict[str, Any]] = []
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                row = _parse(line)
                if row is None:
                    if lines.read(1) or not _is_row_start(line):
                        raise EmoError(
                            f"Line {number:,} of {self._path} is not a row of a batch. Name "
                            "another file with --out."
                        )
                    break
                if row["run"] != self._run:
                    raise EmoError(
                        f"{self._path} was begun with other models or settings, or by another "
                        f"version of Emo (run {row['run']}, this is {self._run}). Continue with "
                        "those, or name another file with --out."
                    )
                if "error" in row:
                    errors.append(row)
                if is_last_row(row):
                    complete_bytes = lines.tell()
                    self.add_name(recording_name(row))
                    self.count += 1
                    self._note_failed(errors)
                    errors = []
        with naming(self._path):
            self._file.truncate(complete_bytes)
        self._size = complete_bytes


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the row in a line; None if the line is incomplete or holds something else."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
        return row if "run" in row and isinstance(row.get("path"), str) else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _is_row_start(line: bytes) -> bool:
    """Return whether a last line may be the start of a row, or the zeros of a power failure."""
    return line.startswith(_ROW_START[: len(line)]) or not line.strip(b"\0\n")


def _lock(file: BinaryIO, path: Path) -> None:
    """Lock the file for this process until it is closed."""
    try:
        import fcntl
    except ImportError:  # Windows: two runs into one file are not detected
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise EmoError(
            f"Another run is writing to {path}. Wait for it, or name another file with --out."
        ) from None
