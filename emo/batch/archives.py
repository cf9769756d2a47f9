"""Read recordings from tar archives as a stream; no file is unpacked to the disk.

Sizes in the headers of an archive are checked against the bytes that are there.
"""

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from emo.audio.limits import MAX_BYTES
from emo.batch.skips import HEAD_BYTES, HIDDEN, Skip, has_audio_extension, reason_to_skip
from emo.system.lists import Readable

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

MAX_RATIO = 2_000
"""Highest ratio of unpacked to packed bytes; deflate and compressed sound stay below it."""

_ALWAYS_UNPACKED = 64 * 2**20  # bytes, whatever the ratio
_MAX_HEADER = 2**20  # bytes of a member's name and comments, which are read at once
_LONG_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_MAX_EMPTY_READS = 8  # at the end of a file, before the archive counts as cut off
_MAGIC_BYTES = 6
_COMPRESSIONS: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b\x08", lambda file: gzip.GzipFile(fileobj=file)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\0", lzma.LZMAFile),
)

Wanted = Callable[[str], bool]
"""Function that returns whether the recording of a name is to be read; called once for each."""


@dataclass(frozen=True)
class Member:
    """Recording in an archive: its bytes, or why they are not read."""

    name: str
    data: bytes | None = field(default=None, repr=False)
    error: str = ""


class _Header(tarfile.TarInfo):
    """Header that raises ``ReadError`` if it is huge, or damaged, which would pass for the end."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> "_Header":
        header = super().frombuf(buf, encoding, errors)
        if header.type in _LONG_HEADERS and header.size > _MAX_HEADER:
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        return header

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> "_Header":
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined] # the types lack it
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


class _Packed:
    """Stream that keeps its first bytes and counts all."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self.head = b""
        while len(self.head) < _MAGIC_BYTES and (more := file.read(_MAGIC_BYTES - len(self.head))):
            self.head += more
        self._rest = self.head
        self.n_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        data, self._rest = (self._rest[:size], self._rest[size:]) if size > 0 else (b"", self._rest)
        data = data or self._file.read(size)
        self.n_bytes += len(data)
        return data


class _Unpacked:
    """Bytes of an archive, which end where the file does and not where a header states.

    At the end of a file, tarfile would read on for all bytes that a header states.  Memory is
    bounded too: no more is unpacked at once than is requested.
    """

    def __init__(self, file: Readable) -> None:
        self._packed = _Packed(file)
        self._n_bytes = self._n_empty_reads = 0
        self._read: Callable[[int], bytes] = self._packed.read
        for magic, unpack in _COMPRESSIONS:
            if self._packed.head.startswith(magic):
                self._read = unpack(self._packed).read1

    def read(self, size: int, /) -> bytes:
        data = self._read(size)
        self._n_bytes += len(data)
        self._n_empty_reads += not data
        if self._n_empty_reads > _MAX_EMPTY_READS:
            raise tarfile.ReadError("unexpected end of data")
        if self._n_bytes > MAX_RATIO * self._packed.n_bytes + _ALWAYS_UNPACKED:
            raise tarfile.ReadError(f"it unpacks to more than {MAX_RATIO:,} times its size")
        return data


def read_members(file: Readable, wanted: Wanted, skip: Skip, name: str) -> Iterator[Member]:
    """Yield the wanted recordings from an archive, compressed or not, called ``name``.

    Raises
    ------
    Exception
        The archive is damaged or cut off; each compression has its own errors.
    """
    stream: Any = _Unpacked(file)
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
        for member in _each(archive):
            full = f"{name}!/{member.name}"
            if reason := _hidden_or_linked(member):
                skip(full, reason)
                continue
            content = archive.extractfile(member)
            assert content is not None  # it is a regular file
            head = b""
            if not has_audio_extension(member.name):
                head = content.read(HEAD_BYTES)
                if reason := reason_to_skip(head):
                    skip(full, reason)
                    continue
            if wanted(full):
                if member.size > MAX_BYTES:
                    yield Member(full, error=_too_large(member.size))
                else:
                    yield Member(full, head + content.read())


def count_members(path: str, wanted: Wanted, name: str) -> None:
    """Call ``wanted`` for each recording in an archive, seeking from one header to the next.

    Raises
    ------
    OSError, tarfile.TarError
        The archive is damaged, or compressed and thus not seekable.
    """
    with (
        open(path, "rb") as file,
        tarfile.open(fileobj=file, mode="r:", tarinfo=_Header) as archive,
    ):
        for member in _each(archive):
            if _hidden_or_linked(member):
                continue
            if not has_audio_extension(member.name):
                content = archive.extractfile(member)
                if content is None or reason_to_skip(content.read(HEAD_BYTES)):
                    continue
            wanted(f"{name}!/{member.name}")


def _each(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members that are no folders, without keeping them in memory."""
    before = -1
    while (member := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined] # a list of all members so far
        if member.offset <= before:
            raise tarfile.ReadError("a member before the one that precedes it")
        before = member.offset
        if not member.isdir():
            yield member


def _hidden_or_linked(member: tarfile.TarInfo) -> str:
    """Return why a member is skipped whatever its content, or ""."""
    parts = PurePosixPath(member.name).parts
    if any(part.startswith(".") and part not in (".", "..") for part in parts):
        return HIDDEN
    if member.issym() or member.islnk():
        return "a link in an archive"
    return "" if member.isreg() else "not a regular file"


def _too_large(size: int) -> str:
    return (
        f"The file has {size / 2**20:,.0f} MB; at most {MAX_BYTES // 2**20} MB are read. "
        "Cut it, or save it as FLAC, MP3 or OGG."
    )
