"""Find recordings in folders and by patterns of paths (``*``, ``?``, ``[…]``, ``**``)."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from emo.batch.skips import HEAD_BYTES, HIDDEN, has_audio_extension, reason_to_skip
from emo.batch.sources import Search, Source, is_archive
from emo.errors import EmoError
from emo.system.files import check_input, kind_of

BROKEN_LINK = "a link to nothing"


def in_folder(
    top: str, search: Search, matches: Callable[[str], bool] = lambda path: True
) -> Iterator[Source]:
    """Yield the recordings in a folder and the folders below it, each once.

    Linked folders come after all others and in the order of their names, so that a file has the
    same name in every run; a link to a folder that was already read is skipped.

    Parameters
    ----------
    top
        Path of the folder; empty for the current one.
    search
        Which recordings are wanted, and what to do with other files.
    matches
        Return whether a path is searched for; other paths are not reported as skipped.
    """
    visited: set[tuple[int, int]] = set()
    folders, links = [top], list[str]()
    while folders or links:
        is_link = not folders
        if is_link:
            links.sort(reverse=True)
        folder = links.pop() if is_link else folders.pop()
        try:
            status = os.stat(folder or os.curdir)
            if (status.st_dev, status.st_ino) in visited:
                search.skip(folder, "a link to a folder that is read under another name")
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(folder or os.curdir) as entries:
                for entry in entries:
                    path = os.path.join(folder, entry.name)
                    if not entry.name.startswith(".") and _is_folder(entry):
                        (links if entry.is_symlink() else folders).append(path)
                    elif matches(path):
                        yield from _entry(path, entry, search)
        except OSError as error:
            yield from search.file(folder, f"This folder cannot be read ({error.strerror}).")


def matching(pattern: str, search: Search) -> Iterator[Source | None]:
    """Yield the recordings whose paths match a pattern; None for each path that matches."""
    parts = PurePosixPath(pattern.replace(os.sep, "/")).parts
    if "**" in parts:  # glob itself would follow circular links without end
        split = parts.index("**")
        top = os.path.join(*parts[:split]) if split else ""
        for folder in glob.iglob(top) if glob.has_magic(top) else (top,):
            yield from _below(folder, parts[split:], search)
        return
    for path in glob.iglob(pattern):
        yield None
        if os.path.isdir(path):
            yield from in_folder(path, search)
            continue
        try:
            reason = kind_of(os.stat(path).st_mode)
        except OSError:
            reason = "" if has_audio_extension(path) else BROKEN_LINK
        if reason:
            search.skip(path, reason)
        else:
            yield from _regular_file(path, search)


def read_head(path: str) -> bytes:
    """Return the first bytes of a file, enough to recognise its format.

    Raises
    ------
    EmoError
        The path is no regular file.
    OSError
        The file cannot be opened.
    """
    check_input(path)
    with open(path, "rb", buffering=0) as file:
        return file.read(HEAD_BYTES)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circular link
        return False


def _entry(path: str, entry: os.DirEntry[str], search: Search) -> Iterator[Source]:
    """Yield an entry of a folder if it is a recording; skip it otherwise."""
    if entry.name.startswith("."):  # such as the ._… files of macOS
        search.skip(path, HIDDEN)
        return
    try:
        reason = "" if entry.is_file() else kind_of(entry.stat().st_mode)
    except OSError:  # opening a broken link gives the sentence for its row
        reason = "" if has_audio_extension(path) else BROKEN_LINK
    if reason:
        search.skip(path, reason)
    else:
        yield from _regular_file(path, search)


def _regular_file(path: str, search: Search) -> Iterator[Source]:
    """Yield a regular file of a folder or pattern if it is a recording; skip it otherwise."""
    if has_audio_extension(path):
        yield from search.file(path)
        return
    try:
        reason = reason_to_skip(read_head(path))
    except OSError as error:
        yield from search.file(path, f"This file cannot be opened ({error.strerror}).")
        return
    except EmoError:  # it was replaced since it was listed
        reason = "not a regular file"
    if is_archive(path, reason):
        yield from search.members(path)
    elif reason:
        search.skip(path, reason)
    else:
        yield from search.file(path)


def _below(top: str, patterns: tuple[str, ...], search: Search) -> Iterator[Source | None]:
    """Yield the recordings below a folder whose path, or a parent of it, matches the patterns."""
    has_match = False

    def matches(path: str) -> bool:
        nonlocal has_match
        parts = os.path.relpath(path, top or os.curdir).split(os.sep)
        is_match = any(_matches(parts[:n], patterns) for n in range(1, len(parts) + 1))
        has_match = has_match or is_match
        return is_match

    if os.path.isdir(top or os.curdir):
        yield from in_folder(top, search, matches)
    if has_match:
        yield None


def _matches(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_matches(parts[n:], patterns[1:]) for n in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _matches(parts[1:], patterns[1:])
