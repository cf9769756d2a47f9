"""Rows on disk as they come: what is there is done, whatever ended the run that wrote it.

A file of JSON Lines is only ever appended to.  The last line, or the rows of the last recording,
may be there in part; they are cut off before the next run goes on.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from emo.batch.rows import Result, is_last, recording_of
from emo.errors import EmoError
from emo.system.files import check_output, naming

SYNC_S = 5.0
"""How often rows are forced to the disk itself, which only matters where the power fails."""

_BEGINS = b'{"path": "'
_KEY = 16  # bytes of a digest: among 10^12 names no two alike
_FULL = 0.8


class Names:
    """A set of names that takes 20 to 40 bytes for each, whatever its length."""

    def __init__(self) -> None:
        self._slots = 2**10
        self._table = bytearray(_KEY * self._slots)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, name: str) -> bool:
        """Whether the name is new; from now on it is not."""
        key = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_KEY).digest()
        if not self._put(key):
            return False
        self._count += 1
        if self._count > _FULL * self._slots:
            self._grow()
        return True

    def _put(self, key: bytes) -> bool:
        """Whether the key was put into the first free slot from its own on."""
        slot = int.from_bytes(key[:8], "big") % self._slots
        while True:
            held = self._table[_KEY * slot : _KEY * (slot + 1)]
            if held == key:
                return False
            if not any(held):
                self._table[_KEY * slot : _KEY * (slot + 1)] = key
                return True
            slot = (slot + 1) % self._slots

    def _grow(self) -> None:
        before = self._table
        self._slots *= 2
        self._table = bytearray(_KEY * self._slots)
        for place in range(0, len(before), _KEY):
            key = bytes(before[place : place + _KEY])
            if any(key):
                self._put(key)


NotRead = Callable[[str, str], None]
"""Takes the name of a recording that could not be read, and the reason."""


def _ignore(name: str, reason: str) -> None:
    """Do nothing."""


class Journal:
    """Rows in a file of JSON Lines, one writer at a time.

    Attributes
    ----------
    names : of the recordings that have their rows
    count : how many recordings have their rows in the file
    failed : how many of them could not be read

    Raises
    ------
    EmoError
        The file holds something else, rows of other models or settings, or is being written to; it
        is a pipe or a device; or, while it is written, it is removed, replaced or cut.
    """

    def __init__(self, path: Path, run: str, not_read: NotRead = _ignore) -> None:
        self.names = Names()
        self.count = self.failed = 0
        self._not_read = not_read
        self._path = path
        self._run = run
        check_output(path)
        # Unbuffered: what was appended is the system's, even when this process is killed.
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

    def append(self, found: Sequence[Result]) -> None:
        """Nothing; writes the rows of some recordings."""
        if not found:
            return
        self.check()
        lines = b"".join(done.lines for done in found)
        left = memoryview(lines)
        with naming(self._path):
            while left:  # a disk that is nearly full takes a part
                left = left[self._file.write(left) :]
            self._size += len(lines)
            if time.monotonic() - self._synced_s > SYNC_S:
                os.fsync(self._file.fileno())
                self._synced_s = time.monotonic()
        self.count += len(found)
        for done in found:
            if done.failed:
                rows = map(json.loads, done.lines.splitlines())
                self._note_failed([row for row in rows if "error" in row])

    def check(self) -> None:
        """Refuse to go on where the rows that were written are not in the file any more.

        Raises
        ------
        EmoError
            It was removed, replaced, or cut.
        """
        held = os.fstat(self._file.fileno())
        lost = (
            f"Nothing is left of the rows of {self.count:,} recordings; run the same command again "
            "to do them anew."
        )
        try:
            there = os.stat(self._path)
        except OSError:
            raise EmoError(
                f"{self._path} was removed while it was being written, or its folder was. {lost}"
            ) from None
        if (there.st_dev, there.st_ino) != (held.st_dev, held.st_ino):
            raise EmoError(
                f"{self._path} was replaced by another file while it was being written. That file "
                f"is left as it is. {lost}"
            )
        if held.st_size < self._size:
            raise EmoError(
                f"{self._path} was cut while it was being written: {held.st_size:,} of "
                f"{self._size:,} bytes are left. Run the same command again: what has a row there "
                "is not done anew."
            )

    def _note_failed(self, rows: Sequence[dict[str, Any]]) -> None:
        """Count a recording that could not be read, if these rows of it say so."""
        self.failed += bool(rows)
        for row in rows:
            self._not_read(row["path"], str(row["error"]))

    def _recover(self) -> None:
        """Nothing; learns what is done, and cuts off what is there in part."""
        whole = 0
        errors: list[dict[str, Any]] = []
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                row = _parse(line)
                if row is None:
                    if lines.read(1) or not _cut_short(line):
                        raise EmoError(
                            f"Line {number:,} of {self._path} is no row of a batch. Name another "
                            "file with --out."
                        )
                    break
                if row["run"] != self._run:
                    raise EmoError(
                        f"{self._path} was begun with other models or settings (run {row['run']}, "
                        f"this is {self._run}). Go on with those, or name another file with --out."
                    )
                if "error" in row:
                    errors.append(row)
                if is_last(row):
                    whole = lines.tell()
                    self.names.add(recording_of(row))
                    self.count += 1
                    self._note_failed(errors)
                    errors = []
        with naming(self._path):
            self._file.truncate(whole)
        self._size = whole


def _parse(line: bytes) -> dict[str, Any] | None:
    """The row in a line; None where it is none, or not whole."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
        return row if "run" in row and isinstance(row.get("path"), str) else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _cut_short(line: bytes) -> bool:
    """Whether a last line may be what is left of a row; what a power failure leaves is zeros."""
    return line.startswith(_BEGINS[: len(line)]) or not line.strip(b"\0\n")


def _lock(file: BinaryIO, path: Path) -> None:
    """Nothing; the file belongs to this process until it is closed."""
    try:
        import fcntl
    except ImportError:  # Windows, where two runs into one file are not noticed
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise EmoError(
            f"Another run is writing to {path}. Wait for it, or name another file with --out."
        ) from None
