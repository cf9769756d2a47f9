"""Speaker metadata and votes of listeners, from tables in the folder of the corpora.

The tables are data of others, like the audio, and not part of this project.
"""

import csv
from pathlib import Path

import numpy as np

from emo.corpora.catalogue import Recording
from emo.errors import CorpusError
from emo.labels import LABELS, TRAINED_INDEX, TRAINED_LABELS

VOTES = "cremad_listener_votes.csv"
ACTORS = "cremad_actors.csv"

DEMOGRAPHICS = "VideoDemographics.csv"
"""The table of its actors that CREMA-D publishes, with the columns ActorID, Age, Sex, Race and
Ethnicity.  It is read in the folder of the corpora, and up to two folders below."""

LISTENER_LABELS = ("angry", "disgusted", "fearful", "happy", "neutral", "sad")
"""Labels that the listeners of CREMA-D could choose."""

LISTENER_COLUMNS = [LABELS.index(label) for label in LISTENER_LABELS]
"""Columns of ``LISTENER_LABELS`` in probabilities of ``LABELS``."""

AGE_BANDS = ((18, 29), (30, 44), (45, 59), (60, 120))  # years


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}.") from error


def read_votes(directory: Path) -> dict[str, np.ndarray]:
    """Return the votes of listeners to the sound alone, by stem of the clip of CREMA-D.

    Returns
    -------
    dict of ndarray of float64, each of shape (6,)
        Counts in the order of ``LISTENER_LABELS``; empty if the folder has no such table.

    Raises
    ------
    CorpusError
        The table has other columns, or a vote is not a number.
    """
    path = directory / VOTES
    if not path.exists():
        return {}
    try:
        return {
            row["clip"]: np.array([float(row[label]) for label in LISTENER_LABELS])
            for row in _rows(path)
        }
    except (KeyError, ValueError, TypeError) as error:
        raise CorpusError(
            f"{path} is not a table of votes with the columns clip, {', '.join(LISTENER_LABELS)} "
            f"({error!r})."
        ) from error


def listener_soft_labels(recordings: tuple[Recording, ...], directory: Path) -> np.ndarray:
    """Return the shares of the votes on each clip, float32 (n, 8); zeros without votes.

    The columns are in the order of ``TRAINED_LABELS``.
    """
    votes = read_votes(directory)
    shares = np.zeros((len(recordings), len(TRAINED_LABELS)), np.float32)
    columns = [TRAINED_INDEX[label] for label in LISTENER_LABELS]
    for i, recording in enumerate(recordings):
        counts = votes.get(recording.stem) if recording.corpus == "cremad" else None
        if counts is not None and counts.sum() > 0:
            shares[i, columns] = counts / counts.sum()
    return shares


def read_sexes_and_ages(directory: Path) -> dict[str, tuple[str, int]]:
    """Return sex (``women`` or ``men``) and age in years of the actors of CREMA-D, by speaker.

    They are those of ``ACTORS``, or of ``DEMOGRAPHICS`` without that; empty if the folder has no
    such table.

    Raises
    ------
    CorpusError
        The table has other columns or values.
    """
    path, columns = directory / ACTORS, ("speaker", "age", "sex")
    if not path.exists():
        found, columns = find_demographics(directory), ("ActorID", "Age", "Sex")
        if found is None:
            return {}
        path = found
    try:
        return {
            f"cremad-{row[columns[0]]}": (
                {"female": "women", "male": "men"}[row[columns[2]].strip().lower()],
                int(row[columns[1]]),
            )
            for row in _rows(path)
        }
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CorpusError(
            f"{path} is not a table of actors with the columns {', '.join(columns)} ({error!r})."
        ) from error


def find_demographics(directory: Path) -> Path | None:
    """Return the path of ``DEMOGRAPHICS`` in a folder of corpora; None if it is not there."""
    for pattern in (DEMOGRAPHICS, f"*/{DEMOGRAPHICS}", f"*/*/{DEMOGRAPHICS}"):
        for path in sorted(directory.glob(pattern)):
            return path
    return None


def read_races_and_ethnicities(directory: Path) -> dict[str, tuple[str, str]]:
    """Return race and ethnicity of the actors of CREMA-D as published, by speaker.

    A text is empty where the table gives none.  Empty if the folder has no such table.

    Raises
    ------
    CorpusError
        The table has other columns.
    """
    path = find_demographics(directory)
    if path is None:
        return {}
    try:
        return {
            f"cremad-{row['ActorID'].strip()}": (row["Race"].strip(), row["Ethnicity"].strip())
            for row in _rows(path)
        }
    except (KeyError, AttributeError) as error:
        raise CorpusError(
            f"{path} is not a table of actors with the columns ActorID, Race and Ethnicity "
            f"({error!r})."
        ) from error


def sex_of(speaker: str, actors: dict[str, tuple[str, int]]) -> str | None:
    """Return ``women`` or ``men``; None if the sex of the speaker is not known.

    RAVDESS numbers men odd and women even; TESS has two women, SAVEE four men.
    """
    family, name = speaker.split("-")
    if family == "cremad":
        return actors[speaker][0] if speaker in actors else None
    if family == "ravdess":
        return "men" if int(name) % 2 else "women"
    return "women" if family == "tess" else "men"


def age_band_of(speaker: str, actors: dict[str, tuple[str, int]]) -> str | None:
    """Return the age band of an actor of CREMA-D, such as ``30 to 44``; None for all others."""
    age = actors[speaker][1] if speaker in actors else -1
    for low, high in AGE_BANDS:
        if low <= age <= high:
            return f"{low} and over" if high >= 120 else f"{low} to {high}"
    return None
