"""Check the paths that users give, and name the file in errors."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emo.errors import EmoError


def kind_of(mode: int) -> str:
    """Return the kind of a file of this mode, such as "a folder"; "" for a regular file."""
    if stat.S_ISREG(mode):
        return ""
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe (FIFO)"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "not a regular file"


def check_input(path: str | os.PathLike[str]) -> None:
    """Reject a path that is not a regular file, since opening a pipe may block without end.

    Raises
    ------
    EmoError
        The path is a folder, a pipe, a socket or a device.
    OSError
        The path does not exist or cannot be read.
    """
    if kind := kind_of(os.stat(path).st_mode):
        raise EmoError(f"This path is {kind}; give the path of a regular file.")


def check_output(path: Path, option: str = "--out") -> None:
    """Reject a path at which no regular file can be written.

    Raises
    ------
    EmoError
        The path is a folder, a pipe, a socket or a device, or its folder is missing.
    """
    with naming(path):
        try:
            kind = kind_of(path.stat().st_mode)
        except FileNotFoundError:
            kind = ""
    if kind:
        raise EmoError(f"{path} is {kind}. Name a regular file with {option}.")
    if not path.parent.is_dir():
        raise EmoError(
            f"There is no folder {path.parent}. Create it, or name another file with {option}."
        )


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Add the name of a file to each OSError without one, as those of writing have none."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = os.fspath(path)
        raise
