"""The clips of the corpora on this machine's disk, where they are: found by their names alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emo.corpora import find
from emo.errors import CorpusError


@dataclass(frozen=True)
class Shelf:
    """Path of each clip under a folder, by corpus and stem."""

    directory: Path
    paths: Mapping[tuple[str, str], Path]


def open_shelf(directory: Path) -> Shelf:
    """The clips under a folder; no file is decoded.

    Raises
    ------
    CorpusError
        The folder is missing, or holds no clip of the corpora.
    """
    recordings = find(directory).recordings
    return Shelf(directory, {(one.corpus, one.stem): one.path for one in recordings})


def take_down(shelf: Shelf, corpus: str, stem: str) -> tuple[str, Path]:
    """Name of a clip within the folder, and its path.

    Raises
    ------
    CorpusError
        The clip is not there, or lies outside the folder, where a link leads to it.
    """
    path = shelf.paths.get((corpus, stem))
    if path is None:
        raise CorpusError(f"The clip {stem} is not in the folder of the corpora.")
    if not path.resolve().is_relative_to(shelf.directory.resolve()):
        raise CorpusError(
            f"The clip {stem} lies outside the folder of the corpora; a link leads to it. "
            "Put the clip itself into the folder."
        )
    return path.relative_to(shelf.directory).as_posix(), path
