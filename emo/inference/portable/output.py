"""Write the files of an export."""

import os
from dataclasses import dataclass
from pathlib import Path

from emo.errors import EmoError
from emo.system.files import naming


@dataclass(frozen=True)
class Written:
    """A file that was written, and its size in bytes."""

    path: Path
    size: int

    def __str__(self) -> str:
        size = (
            f"{self.size / 2**20:.1f} MB" if self.size >= 2**20 else f"{self.size / 2**10:.0f} kB"
        )
        return f"{os.fspath(self.path)} ({size})"


def make_folder(folder: Path) -> None:
    """Make a folder, and those around it, where it is not there.

    Raises
    ------
    EmoError
        It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmoError(
            f"The folder {folder} cannot be made: {error.strerror}. Name another one."
        ) from error


def write(path: Path, content: bytes) -> Written:
    """Write a file.

    Raises
    ------
    OSError
        It cannot be written.
    """
    with naming(path):
        path.write_bytes(content)
    return Written(path, len(content))
