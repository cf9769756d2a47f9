"""What a batch is to read, one recording after the other: whatever the count, few are in memory.

A recording is named as it was given: by its path, its address, or ``archive.tar!/member``.  Members
of an archive are read as the archive streams by; nothing is unpacked, and their names only name.
"""

import glob
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from emo.audio import Clip, decode, decode_each, read_file
from emo.channels import MIX
from emo.containers import named_kind
from emo.errors import AudioError, EmoError
from emo.limits import MAX_BYTES

LISTS = (".txt", ".list")
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
STANDARD_INPUT = "-"

_LONGEST_HEADER = 2**20  # of a member's name and notes, which are read at once
_LONG_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


@dataclass(frozen=True)
class Item:
    """A recording to be read.

    Attributes
    ----------
    name : what its row is called
    place : absolute path, or address, to read it from; empty where that is done
    data : its bytes, where they had to be read on the way
    error : why it cannot be read, where that is known already
    """

    name: str
    place: str = ""
    data: bytes | None = field(default=None, repr=False)
    error: str = ""


Wanted = Callable[[str], bool]
"""Whether a recording of this name is to be read; asked once for each that is found."""


def find_items(given: Sequence[str], wanted: Wanted, lines: Iterable[str] = ()) -> Iterator[Item]:
    """The recordings that are wanted, in the order found.

    Parameters
    ----------
    given
        Files, folders, patterns, archives, lists (text files with a path a line) and addresses;
        ``-`` for the list in ``lines``.  In folders and archives what bears the name of a
        recording counts, unless hidden; elsewhere every file does.
    wanted
        Asked before a recording is read.

    Raises
    ------
    EmoError
        An address needs a package that is not installed.
    """
    for text in given:
        if text == STANDARD_INPUT:
            yield from _listed(lines, wanted)
        elif is_address(text):
            yield from _at_address(text, wanted)
        else:
            yield from _at_path(text, wanted)


def count_items(given: Sequence[str]) -> int | None:
    """How many recordings these are; None where only reading them would tell."""
    count = 0

    def counted(name: str) -> bool:
        nonlocal count
        count += 1
        return False

    if any(text == STANDARD_INPUT or is_address(text) for text in given):
        return None
    try:
        for text in given:
            for _ in _at_path(text, counted, _count_members):
                pass
    except (_Unknown, EmoError, OSError):
        return None
    return count


def load_item(item: Item, channel: str = MIX) -> Clip:
    """The clip that a recording, or one channel of it, holds.

    Raises
    ------
    AudioError
        It cannot be read, or is refused by :func:`emo.audio.decode`.
    """
    return decode(_bytes_of(item), _short_name(item), channel)


def load_channels(item: Item) -> dict[str, Clip | AudioError]:
    """The clip of each channel of a recording by its name, or why there is none.

    Raises
    ------
    AudioError
        As above, where there is no telling what the channels are.
    """
    return decode_each(_bytes_of(item), _short_name(item))


def _bytes_of(item: Item) -> bytes:
    if item.error:
        raise AudioError(item.error)
    if item.data is not None:
        return item.data
    return _fetch(item.place) if is_address(item.place) else read_file(item.place)


def _short_name(item: Item) -> str:
    return PurePosixPath(item.place or item.name).name


def is_address(text: str) -> bool:
    """Whether the text is an address that fsspec opens, such as ``s3://bucket/clip.wav``."""
    return "://" in text


# --- paths ---------------------------------------------------------------------------------------


def _at_path(text: str, wanted: Wanted, members: "_Members | None" = None) -> Iterator[Item]:
    text = os.path.normpath(text)
    members = members or _members
    if os.path.isdir(text):
        yield from _in_folder(text, wanted, members)
    elif text.lower().endswith(LISTS) and os.path.isfile(text):
        with open(text, encoding="utf-8", errors="surrogateescape") as lines:
            yield from _listed(lines, wanted, members)
    elif glob.has_magic(text) and not os.path.lexists(text):
        found = False
        for path in glob.iglob(text, recursive=True):
            found = True
            if os.path.isdir(path):
                yield from _in_folder(path, wanted, members)
            else:
                yield from _one(path, wanted, members)
        if not found and wanted(text):
            yield Item(text, error="No file matches this pattern; check how it is spelt.")
    else:
        yield from _one(text, wanted, members)


def _one(text: str, wanted: Wanted, members: "_Members") -> Iterator[Item]:
    """The recording itself, or those in the archive that it is."""
    if text.lower().endswith(ARCHIVES):
        yield from members(text, wanted)
    elif wanted(text):
        yield Item(text, place=text if is_address(text) else os.path.abspath(text))


def _in_folder(folder: str, wanted: Wanted, members: "_Members") -> Iterator[Item]:
    """What lies in a folder and those below; links to folders are not followed, they may circle."""
    folders = [folder]
    while folders:
        here = folders.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                        folders.append(entry.path)
                    elif _counts(entry.name):
                        yield from _one(entry.path, wanted, members)
        except OSError as error:
            if wanted(here):
                yield Item(here, error=f"This folder cannot be read ({error.strerror}).")


def _counts(name: str) -> bool:
    """Whether a file of this name, found in a folder or archive, is meant."""
    hidden = name.startswith(".")  # such as the ._… that macOS puts beside each file
    return not hidden and (named_kind(name) is not None or name.lower().endswith(ARCHIVES))


def _listed(
    lines: Iterable[str], wanted: Wanted, members: "_Members | None" = None
) -> Iterator[Item]:
    for line in lines:
        text = line.rstrip("\r\n")
        if not text.strip():
            continue
        if is_address(text):
            yield from _one(text, wanted, members or _members)
        elif os.path.isdir(text):
            yield from _in_folder(os.path.normpath(text), wanted, members or _members)
        else:
            yield from _one(os.path.normpath(text), wanted, members or _members)


# --- archives ------------------------------------------------------------------------------------

_Members = Callable[[str, Wanted], Iterator[Item]]


class _Unknown(Exception):
    """How many there are cannot be told without reading all."""


class _Member(tarfile.TarInfo):
    """A member whose header may neither be damaged, which would pass for the end, nor huge."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> "_Member":
        found = super().frombuf(buf, encoding, errors)
        if found.type in _LONG_HEADERS and found.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {found.size:,} bytes")
        return found

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> "_Member":
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined] # the types lack it
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def _members(text: str, wanted: Wanted) -> Iterator[Item]:
    """The recordings in an archive, each read as it streams by."""
    count = 0
    try:
        with (
            _opened(text) as file,
            tarfile.open(fileobj=file, mode="r|*", tarinfo=_Member) as archive,
        ):
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined] # it would keep every one
                count += 1
                name = f"{text}!/{member.name}"
                if not _is_recording(member) or not wanted(name):
                    continue
                if member.size > MAX_BYTES:
                    yield Item(name, error=_too_large(member.size))
                    continue
                content = archive.extractfile(member)
                assert content is not None  # it is a regular file
                yield Item(name, data=content.read())
    except EmoError:
        raise
    except Exception as error:  # each compression and each kind of storage has errors of its own
        if wanted(text):
            yield Item(text, error=_broken(count, error))


def _count_members(text: str, wanted: Wanted) -> Iterator[Item]:
    """Nothing; asks for each recording in an archive, which must allow to jump to the next."""
    try:
        with tarfile.open(text, "r:", tarinfo=_Member) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined] # as above
                if _is_recording(member):
                    wanted(f"{text}!/{member.name}")
    except (OSError, tarfile.TarError) as error:
        raise _Unknown from error
    yield from ()


def _is_recording(member: tarfile.TarInfo) -> bool:
    base = PurePosixPath(member.name).name
    return member.isreg() and not base.startswith(".") and named_kind(base) is not None


def _too_large(size: int) -> str:
    return (
        f"The file has {size / 2**20:,.0f} MB; at most {MAX_BYTES // 2**20} MB are read. "
        "Cut it, or save it as FLAC, MP3 or OGG."
    )


def _broken(count: int, error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no file at this path; check how it is spelt."
    return (
        f"This archive is damaged or cut off after {count:,} members ({error}). What came before "
        "was read; fetch it again for the rest."
    )


# --- addresses -----------------------------------------------------------------------------------


def _fsspec(text: str) -> Any:
    try:
        import fsspec
    except ImportError:
        raise EmoError(
            f"To read {text}, the package fsspec is needed: run 'pip install fsspec', and also "
            "'pip install s3fs' for s3://, gcsfs for gs://, aiohttp for http://."
        ) from None
    return fsspec


def _opened(text: str) -> AbstractContextManager[Any]:
    if not is_address(text):
        return open(text, "rb")
    try:
        opened: AbstractContextManager[Any] = _fsspec(text).open(text, "rb")
    except ImportError as error:
        raise EmoError(f"{text} cannot be opened: {error}.") from error
    return opened


def _at_address(text: str, wanted: Wanted) -> Iterator[Item]:
    """What an address names: a list, a folder (by its last slash), a pattern or one file."""
    try:
        system, path = _fsspec(text).core.url_to_fs(text)
    except (ImportError, ValueError) as error:  # a package is missing, or the kind is not known
        raise EmoError(f"{text} cannot be opened: {error}.") from error
    try:
        yield from _through(system, path, text, wanted)
    except EmoError:
        raise
    except Exception as error:  # each kind of storage has errors of its own
        if wanted(text):
            yield Item(text, error=_unreachable(error))


def _through(system: Any, path: str, text: str, wanted: Wanted) -> Iterator[Item]:
    """The same, through the file system that the address belongs to."""
    if text.lower().endswith(LISTS):
        with _opened(text) as file:
            lines = (line.decode("utf-8", "surrogateescape") for line in file)
            yield from _listed(lines, wanted)
    elif text.endswith("/"):
        for here, folders, names in system.walk(path, on_error="raise"):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in filter(_counts, names):
                yield from _one(system.unstrip_protocol(f"{here}/{name}"), wanted, _members)
    elif glob.has_magic(path):
        for found in system.glob(path):
            yield from _one(system.unstrip_protocol(found), wanted, _members)
    else:
        yield from _one(text, wanted, _members)


def _fetch(address: str) -> bytes:
    try:
        with _opened(address) as file:
            return bytes(file.read(MAX_BYTES + 1))
    except Exception as error:  # as above
        raise AudioError(_unreachable(error)) from error


def _unreachable(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no file at this address; check how it is spelt."
    return f"This address cannot be read ({type(error).__name__}: {error})."
