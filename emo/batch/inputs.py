"""What a batch is to read, one recording after the other: whatever the count, few are in memory.

A recording is named as it was given: by its path, its address, or ``archive.tar!/member``.  In
folders, archives and patterns the content decides what is a recording; what is not is passed over
and reported.  What is named by itself is read, or refused by whoever reads it.
"""

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from tarfile import TarError
from typing import Any

from emo.audio.channels import MIX
from emo.audio.clip import Clip, decode, decode_each, read_file
from emo.audio.limits import MAX_BYTES
from emo.batch.archives import ARCHIVES, Wanted, count_members, read_members
from emo.batch.skips import (
    ARCHIVE,
    HEAD_BYTES,
    HIDDEN,
    Skip,
    ignore,
    promises_sound,
    reason_to_skip,
)
from emo.errors import AudioError, CorpusError, EmoError
from emo.system.files import check_input, kind_of
from emo.system.lists import decode_lines, open_lines, resolve

LISTS = (".txt", ".list")
STANDARD_INPUT = "-"

DEAD_LINK = "a link that leads to nothing"


@dataclass(frozen=True)
class Source:
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


@dataclass(frozen=True)
class _Search:
    """What is asked of each recording and each file that is none, and how archives are read."""

    wanted: Wanted
    skip: Skip
    counts: bool = False

    def members(self, text: str) -> Iterator[Source]:
        return (_count if self.counts else _members)(text, self)


def find_items(
    given: Sequence[str], wanted: Wanted, lines: Iterable[str] = (), skip: Skip = ignore
) -> Iterator[Source]:
    """Yield the recordings that are wanted, in the order found.

    Parameters
    ----------
    given
        Files, folders, patterns, archives, lists (text files with a path a line) and addresses;
        ``-`` for the list in ``lines``.
    wanted
        Asked before a recording is read.
    skip
        Takes each file of a folder, archive or pattern that is passed over, and the reason.

    Raises
    ------
    EmoError
        An address needs a package that is not installed.
    """
    search = _Search(wanted, skip)
    for text in given:
        if text == STANDARD_INPUT:
            yield from _listed(lines, search)
        elif is_address(text):
            yield from _at_address(text, search)
        else:
            yield from _at_path(text, search)


def count_items(given: Sequence[str]) -> int | None:
    """Return how many recordings these are; None where only reading them would tell."""
    count = 0

    def counted(name: str) -> bool:
        nonlocal count
        count += 1
        return False

    if any(text == STANDARD_INPUT or is_address(text) for text in given):
        return None
    search = _Search(counted, ignore, counts=True)
    try:
        for text in given:
            for _ in _at_path(text, search):
                pass
    except (TarError, EmoError, OSError, OverflowError, ValueError):  # of sizes that are none
        return None
    return count


def load_item(item: Source, channel: str = MIX) -> Clip:
    """Return the clip that a recording, or one channel of it, holds.

    Raises
    ------
    AudioError
        It cannot be read, or is refused by :func:`emo.audio.clip.decode`.
    """
    return decode(_bytes_of(item), _short_name(item), channel)


def load_channels(item: Source) -> dict[str, Clip | AudioError]:
    """The clip of each channel of a recording by its name, or why there is none.

    Raises
    ------
    AudioError
        As above, where there is no telling what the channels are.
    """
    return decode_each(_bytes_of(item), _short_name(item))


def _bytes_of(item: Source) -> bytes:
    if item.error:
        raise AudioError(item.error)
    if item.data is not None:
        return item.data
    return _fetch(item.place) if is_address(item.place) else read_file(item.place)


def _short_name(item: Source) -> str:
    return PurePosixPath(item.place or item.name).name


def is_address(text: str) -> bool:
    """Return whether the text is an address that fsspec opens, such as ``s3://bucket/clip.wav``."""
    return "://" in text


# --- paths ---------------------------------------------------------------------------------------


def _at_path(text: str, search: _Search) -> Iterator[Source]:
    text = os.path.normpath(text)
    if os.path.isdir(text):
        yield from _in_folder(text, search)
    elif glob.has_magic(text) and not os.path.lexists(text):
        found = False
        for item in _matching(text, search):
            found = True
            if item is not None:
                yield item
        if not found and search.wanted(text):
            yield Source(text, error="No file matches this pattern; check how it is spelt.")
    elif text.lower().endswith(LISTS):
        yield from _one_or_list(text, search)
    else:
        yield from _one(text, search)


def _one(text: str, search: _Search) -> Iterator[Source]:
    """Yield the recording that is named itself, or those in the archive that it is."""
    if is_address(text):
        yield from _file_at_address(text, search)
    elif promises_sound(text):
        yield from _item(text, search)
    else:
        try:
            head = _head(text)
        except (OSError, ValueError):
            yield from _item(text, search)  # whoever reads it says why it cannot be opened
        except EmoError as error:
            yield from _item(text, search, str(error))
        else:
            is_archive = _is_archive(text, reason_to_skip(head))
            yield from search.members(text) if is_archive else _item(text, search)


def _one_or_list(text: str, search: _Search) -> Iterator[Source]:
    """Yield what a list names; or the file itself where it is a recording that is called so."""
    try:
        is_recording = not reason_to_skip(_head(text))
    except (OSError, ValueError, EmoError):
        is_recording = True  # it is none, and whoever reads it says why
    if is_recording:
        yield from _one(text, search)
        return
    folders = (os.path.dirname(text), "")
    try:
        with open_lines(text) as lines:
            yield from _listed(lines, search, folders)
    except CorpusError as error:
        yield from _item(text, search, str(error))


def _sought(text: str, search: _Search) -> Iterator[Source]:
    """Yield a regular file of a folder or pattern if it is a recording; others are passed over."""
    if promises_sound(text):
        yield from _item(text, search)
        return
    try:
        reason = reason_to_skip(_head(text))
    except OSError as error:
        yield from _item(text, search, f"This file cannot be opened ({error.strerror}).")
        return
    except EmoError:  # it was a regular file a moment ago
        reason = "not a regular file"
    if _is_archive(text, reason):
        yield from search.members(text)
    elif reason:
        search.skip(text, reason)
    else:
        yield from _item(text, search)


def _item(text: str, search: _Search, error: str = "") -> Iterator[Source]:
    if search.wanted(text):
        place = text if is_address(text) else os.path.abspath(text)
        yield Source(text, error=error) if error else Source(text, place)


def _is_archive(name: str, reason: str) -> bool:
    return reason == ARCHIVE or bool(reason and name.lower().endswith(ARCHIVES))


def _head(path: str) -> bytes:
    check_input(path)
    with open(path, "rb", buffering=0) as file:
        return file.read(HEAD_BYTES)


# --- folders and patterns ------------------------------------------------------------------------


def _in_folder(
    top: str, search: _Search, fits: Callable[[str], bool] = lambda path: True
) -> Iterator[Source]:
    """Yield what lies in a folder and those below, each of them once.

    Linked folders come after all others and in the order of their names, so that the same file has
    the same name in every run; one that leads to a folder that was read already is passed over.

    Parameters
    ----------
    fits
        Whether a path is asked for; others are not even passed over.
    """
    visited: set[tuple[int, int]] = set()
    folders, links = [top], list[str]()
    while folders or links:
        is_link = not folders
        if is_link:
            links.sort(reverse=True)
        here = links.pop() if is_link else folders.pop()
        try:
            status = os.stat(here or os.curdir)
            if (status.st_dev, status.st_ino) in visited:
                search.skip(here, "a link to a folder that is read by another name")
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(here or os.curdir) as entries:
                for entry in entries:
                    path = os.path.join(here, entry.name)
                    if not entry.name.startswith(".") and _is_folder(entry):
                        (links if entry.is_symlink() else folders).append(path)
                    elif fits(path):
                        yield from _entry(path, entry, search)
        except OSError as error:
            yield from _item(here, search, f"This folder cannot be read ({error.strerror}).")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _entry(path: str, entry: os.DirEntry[str], search: _Search) -> Iterator[Source]:
    """Yield the recording that an entry of a folder is; what is none is passed over."""
    if entry.name.startswith("."):  # such as the ._… that macOS puts beside each file
        search.skip(path, HIDDEN)
        return
    try:
        reason = "" if entry.is_file() else kind_of(entry.stat().st_mode)
    except OSError:
        reason = "" if promises_sound(path) else DEAD_LINK  # whoever reads it says why it cannot
    if reason:
        search.skip(path, reason)
    else:
        yield from _sought(path, search)


def _matching(pattern: str, search: _Search) -> Iterator[Source | None]:
    """Yield the recordings that a pattern names; None for each path that matches."""
    parts = PurePosixPath(pattern.replace(os.sep, "/")).parts
    if "**" in parts:  # by our own walk, since that of glob goes round in circles of links
        split = parts.index("**")
        top = os.path.join(*parts[:split]) if split else ""
        for folder in glob.iglob(top) if glob.has_magic(top) else (top,):
            yield from _below(folder, parts[split:], search)
        return
    for path in glob.iglob(pattern):
        yield None
        if os.path.isdir(path):
            yield from _in_folder(path, search)
            continue
        try:
            reason = kind_of(os.stat(path).st_mode)
        except OSError:
            reason = "" if promises_sound(path) else DEAD_LINK
        if reason:
            search.skip(path, reason)
        else:
            yield from _sought(path, search)


def _below(top: str, patterns: tuple[str, ...], search: _Search) -> Iterator[Source | None]:
    """Yield the recordings below a folder whose paths, or folders, match the patterns."""
    matched = False

    def fits(path: str) -> bool:
        nonlocal matched
        parts = os.path.relpath(path, top or os.curdir).split(os.sep)
        fit = any(_matches(parts[:n], patterns) for n in range(1, len(parts) + 1))
        matched = matched or fit
        return fit

    if os.path.isdir(top or os.curdir):
        yield from _in_folder(top, search, fits)
    if matched:
        yield None


def _matches(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_matches(parts[n:], patterns[1:]) for n in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _matches(parts[1:], patterns[1:])


# --- lists and archives --------------------------------------------------------------------------


def _listed(
    lines: Iterable[str], search: _Search, folders: Sequence[str] = ("",)
) -> Iterator[Source]:
    """Yield what the lines of a list name, by paths that start in one of the folders."""
    for line in lines:
        text = line.strip("\ufeff\r\n")
        if not text.strip():
            continue
        if is_address(text):
            yield from _one(text.strip().strip("\"'"), search)
            continue
        path = resolve(text, folders)
        yield from _in_folder(path, search) if os.path.isdir(path) else _one(path, search)


def _members(text: str, search: _Search) -> Iterator[Source]:
    """Yield the recordings in an archive, each read as it streams by."""
    count = 0
    try:
        with _opened(text) as file:
            for member in read_members(file, search.wanted, search.skip, text):
                count += 1
                yield Source(member.name, data=member.data, error=member.error)
    except EmoError:
        raise
    except Exception as error:  # each compression and each kind of storage has errors of its own
        yield from _item(text, search, _broken(count, error))


def _count(text: str, search: _Search) -> Iterator[Source]:
    """Yield nothing; ask for each recording in an archive, which must allow to jump in it."""
    count_members(text, search.wanted, text)
    yield from ()


def _broken(count: int, error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no file at this path; check how it is spelt."
    return (
        f"This archive is damaged or cut off after {count:,} recordings ({error}). What came "
        "before was read; fetch it again for the rest."
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


def _at_address(text: str, search: _Search) -> Iterator[Source]:
    """Yield what an address names: a list, a folder (by its last slash), a pattern or one file."""
    try:
        system, path = _fsspec(text).core.url_to_fs(text)
    except (ImportError, ValueError) as error:  # a package is missing, or the kind is not known
        raise EmoError(f"{text} cannot be opened: {error}.") from error
    try:
        yield from _through(system, path, text, search)
    except EmoError:
        raise
    except Exception as error:  # each kind of storage has errors of its own
        yield from _item(text, search, _unreachable(error))


def _through(system: Any, path: str, text: str, search: _Search) -> Iterator[Source]:
    """Yield the same, through the file system that the address belongs to."""
    if text.lower().endswith(LISTS):
        with _opened(text) as file:
            yield from _listed(decode_lines(file), search)
    elif text.endswith("/"):
        for here, folders, names in system.walk(path, on_error="raise"):
            for name in [name for name in folders if name.startswith(".")]:
                search.skip(system.unstrip_protocol(f"{here}/{name}"), HIDDEN)
                folders.remove(name)
            for name in names:
                yield from _sought_at(system, f"{here}/{name}", search)
    elif glob.has_magic(path):
        for found in system.glob(path):
            yield from _sought_at(system, found, search)
    else:
        yield from _file_at_address(text, search)


def _file_at_address(text: str, search: _Search) -> Iterator[Source]:
    is_archive = text.lower().endswith(ARCHIVES)
    yield from search.members(text) if is_archive else _item(text, search)


def _sought_at(system: Any, path: str, search: _Search) -> Iterator[Source]:
    """Yield a file at an address if it is a recording; others are passed over."""
    address = system.unstrip_protocol(path)
    if PurePosixPath(path).name.startswith("."):
        search.skip(address, HIDDEN)
        return
    if not promises_sound(path):
        try:
            reason = reason_to_skip(system.cat_file(path, start=0, end=HEAD_BYTES))
        except Exception as error:  # each kind of storage has errors of its own
            yield from _item(address, search, _unreachable(error))
            return
        if _is_archive(path, reason):
            yield from search.members(address)
            return
        if reason:
            search.skip(address, reason)
            return
    yield from _item(address, search)


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
