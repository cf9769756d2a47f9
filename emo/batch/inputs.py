"""Find the recordings that a batch reads, one at a time, so that few are in memory.

In folders, archives and patterns the content of a file decides whether it is a recording; other
files are skipped and reported.  A file that is named itself always gets a row.
"""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tarfile import TarError
from typing import Any

from emo.batch.addresses import describe_failure, find_file_system, is_address, open_file
from emo.batch.archives import ARCHIVES, Wanted
from emo.batch.folders import in_folder, matching, read_head
from emo.batch.skips import (
    HEAD_BYTES,
    HIDDEN,
    Skip,
    has_audio_extension,
    ignore,
    reason_to_skip,
)
from emo.batch.sources import Search, Source, is_archive
from emo.batch.speakers import is_manifest, read_speakers
from emo.errors import CorpusError, EmoError
from emo.system.lists import decode_lines, open_lines, resolve

LISTS = (".txt", ".list")
"""Extensions of text files that name a recording in each line."""

STANDARD_INPUT = "-"
"""Input that stands for a list from standard input."""


def find_sources(
    inputs: Sequence[str],
    wanted: Wanted,
    lines: Iterable[str] = (),
    skip: Skip = ignore,
    manifests: bool = False,
) -> Iterator[Source]:
    """Yield the wanted recordings, in the order in which they are found.

    Parameters
    ----------
    inputs
        Files, folders, patterns, archives, lists (text files with a path in each line) and
        addresses; ``-`` for the list in ``lines``.
    wanted
        Return whether the recording of a name is to be read; called once for each, before it is
        opened.
    lines
        Paths or addresses, for the input ``-``.
    skip
        Called with the name of each file of a folder, archive or pattern that is no recording, and
        the reason.
    manifests
        Whether tables with the columns path and speaker are read as such.

    Raises
    ------
    EmoError
        An address needs a package that is not installed, or a manifest cannot be used.
    """
    search = Search(wanted, skip, manifests=manifests)
    for text in inputs:
        if text == STANDARD_INPUT:
            yield from _listed(lines, search)
        elif is_address(text):
            yield from _at_address(text, search)
        else:
            yield from _at_path(text, search)


def count_sources(inputs: Sequence[str], manifests: bool = False) -> int | None:
    """Return the number of recordings; None where counting them would mean to read them all."""
    count = 0

    def wanted(name: str) -> bool:
        nonlocal count
        count += 1
        return False

    if any(text == STANDARD_INPUT or is_address(text) for text in inputs):
        return None
    search = Search(wanted, ignore, only_counts=True, manifests=manifests)
    try:
        for text in inputs:
            for _ in _at_path(text, search):
                pass
    except (TarError, EmoError, OSError, OverflowError, ValueError):  # of impossible sizes
        return None
    return count


# --- paths and lists -----------------------------------------------------------------------------


def _at_path(text: str, search: Search) -> Iterator[Source]:
    text = os.path.normpath(text)
    if os.path.isdir(text):
        yield from in_folder(text, search)
    elif glob.has_magic(text) and not os.path.lexists(text):
        has_match = False
        for source in matching(text, search):
            has_match = True
            if source is not None:
                yield source
        if not has_match and search.wanted(text):
            yield Source(text, error="No file matches this pattern; check how it is spelt.")
    elif text.lower().endswith(LISTS):
        yield from _file_or_list(text, search)
    elif search.manifests and is_manifest(text):
        for path, speaker in read_speakers(Path(text)):
            for source in _file(path, search):
                yield replace(source, speaker=speaker)
    else:
        yield from _file(text, search)


def _file(text: str, search: Search) -> Iterator[Source]:
    """Yield the recording at a path or address, or those in the archive there."""
    if is_address(text):
        yield from _file_at_address(text, search)
    elif has_audio_extension(text):
        yield from search.file(text)
    else:
        try:
            head = read_head(text)
        except (OSError, ValueError):
            yield from search.file(text)  # reading it gives the sentence for its row
        except EmoError as error:
            yield from search.file(text, str(error))
        else:
            has_members = is_archive(text, reason_to_skip(head))
            yield from search.members(text) if has_members else search.file(text)


def _file_or_list(text: str, search: Search) -> Iterator[Source]:
    """Yield what a list names; or the file itself where its content is that of a recording."""
    try:
        is_recording = not reason_to_skip(read_head(text))
    except (OSError, ValueError, EmoError):
        is_recording = True  # reading it gives the sentence for its row
    if is_recording:
        yield from _file(text, search)
        return
    folders = (os.path.dirname(text), "")
    try:
        with open_lines(text) as lines:
            yield from _listed(lines, search, folders)
    except CorpusError as error:
        yield from search.file(text, str(error))


def _listed(
    lines: Iterable[str], search: Search, folders: Sequence[str] = ("",)
) -> Iterator[Source]:
    """Yield what the lines of a list name, as paths relative to one of the folders."""
    for line in lines:
        text = line.strip("\ufeff\r\n")
        if not text.strip():
            continue
        if is_address(text):
            yield from _file(text.strip().strip("\"'"), search)
            continue
        path = resolve(text, folders)
        yield from in_folder(path, search) if os.path.isdir(path) else _file(path, search)


# --- addresses -----------------------------------------------------------------------------------


def _at_address(address: str, search: Search) -> Iterator[Source]:
    """Yield what an address names: a list, a folder (with a last slash), a pattern or a file."""
    system, path = find_file_system(address)
    try:
        yield from _in_file_system(system, path, address, search)
    except EmoError:
        raise
    except Exception as error:  # each kind of storage has errors of its own
        yield from search.file(address, describe_failure(error))


def _in_file_system(system: Any, path: str, address: str, search: Search) -> Iterator[Source]:
    if address.lower().endswith(LISTS):
        with open_file(address) as file:
            yield from _listed(decode_lines(file), search)
    elif address.endswith("/"):
        for folder, folders, names in system.walk(path, on_error="raise"):
            for name in [name for name in folders if name.startswith(".")]:
                search.skip(system.unstrip_protocol(f"{folder}/{name}"), HIDDEN)
                folders.remove(name)
            for name in names:
                yield from _stored_file(system, f"{folder}/{name}", search)
    elif glob.has_magic(path):
        for match in system.glob(path):
            yield from _stored_file(system, match, search)
    else:
        yield from _file_at_address(address, search)


def _file_at_address(address: str, search: Search) -> Iterator[Source]:
    has_members = address.lower().endswith(ARCHIVES)
    yield from search.members(address) if has_members else search.file(address)


def _stored_file(system: Any, path: str, search: Search) -> Iterator[Source]:
    """Yield a file of a folder or pattern in storage if it is a recording; skip it otherwise."""
    address = system.unstrip_protocol(path)
    if PurePosixPath(path).name.startswith("."):
        search.skip(address, HIDDEN)
        return
    if not has_audio_extension(path):
        try:
            reason = reason_to_skip(system.cat_file(path, start=0, end=HEAD_BYTES))
        except Exception as error:  # each kind of storage has errors of its own
            yield from search.file(address, describe_failure(error))
            return
        if is_archive(path, reason):
            yield from search.members(address)
            return
        if reason:
            search.skip(address, reason)
            return
    yield from search.file(address)
