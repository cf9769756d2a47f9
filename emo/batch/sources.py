"""Recordings that a batch reads: their names, where they are stored, and their clips.

A recording is named as the user wrote it: by its path, its address, or ``archive.tar!/member``.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from emo.audio.channels import MIX
from emo.audio.clip import Clip, decode, decode_channels, read_file
from emo.batch.addresses import fetch, is_address, open_file
from emo.batch.archives import ARCHIVES, Wanted, count_members, read_members
from emo.batch.skips import ARCHIVE, Skip
from emo.errors import AudioError, EmoError


@dataclass(frozen=True)
class Source:
    """A recording to read.

    Attributes
    ----------
    name : str
        Name of the recording in its row.
    location : str
        Absolute path, or address; empty where ``data`` or ``error`` is set.
    data : bytes or None
        Content, where it was read while the recording was found, as in an archive.
    error : str
        Why it cannot be read, where that is known before it is opened.
    speaker : str
        Of whom it is stated to be; empty where that is not known.
    """

    name: str
    location: str = ""
    data: bytes | None = field(default=None, repr=False)
    error: str = ""
    speaker: str = ""


@dataclass(frozen=True)
class Search:
    """Choice of the recordings, and treatment of skipped files.

    Attributes
    ----------
    wanted : callable
        Return whether the recording of a name is to be read; called once for each.
    skip : callable
        Called with the name of each file that is no recording, and the reason.
    only_counts : bool
        Call ``wanted`` for the members of an archive without reading them.
    manifests : bool
        Whether tables with the columns path and speaker are read as such.
    """

    wanted: Wanted
    skip: Skip
    only_counts: bool = False
    manifests: bool = False

    def file(self, name: str, error: str = "") -> Iterator[Source]:
        """Yield the recording at a path or address if it is wanted."""
        if self.wanted(name):
            location = name if is_address(name) else os.path.abspath(name)
            yield Source(name, error=error) if error else Source(name, location)

    def members(self, archive: str) -> Iterator[Source]:
        """Yield the recordings in an archive, read one after the other.

        If only their number matters, nothing is yielded, and the archive must be seekable.
        """
        if self.only_counts:
            count_members(archive, self.wanted, archive)
            return
        count = 0
        try:
            with open_file(archive) as file:
                for member in read_members(file, self.wanted, self.skip, archive):
                    count += 1
                    yield Source(member.name, data=member.data, error=member.error)
        except EmoError:
            raise
        except Exception as error:  # each compression and each kind of storage has its own
            yield from self.file(archive, _describe_damage(count, error))


def load_source(source: Source, channel: str = MIX) -> Clip:
    """Return the clip of a recording: the mix of its channels, or one channel.

    Raises
    ------
    AudioError
        It cannot be read, or ``emo.audio.clip.decode`` rejects it.
    """
    return decode(_read(source), _file_name(source), channel)


def load_channels(source: Source) -> dict[str, Clip | AudioError]:
    """Return the clip of each channel by the channel's name, or the error of that channel.

    Raises
    ------
    AudioError
        The recording cannot be opened, so that its channels are not known.
    """
    return decode_channels(_read(source), _file_name(source))


def is_archive(name: str, reason: str) -> bool:
    """Return whether a file with this reason not to be a recording is a tar archive."""
    return reason == ARCHIVE or bool(reason and name.lower().endswith(ARCHIVES))


def _read(source: Source) -> bytes:
    if source.error:
        raise AudioError(source.error)
    if source.data is not None:
        return source.data
    return fetch(source.location) if is_address(source.location) else read_file(source.location)


def _file_name(source: Source) -> str:
    return PurePosixPath(source.location or source.name).name


def _describe_damage(count: int, error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no file at this path; check how it is spelt."
    return (
        f"This archive is damaged or cut off after {count:,} recordings ({error}). These were "
        "read; copy or download it again for the rest."
    )
