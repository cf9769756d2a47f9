"""Choose the sample clips from the corpora by rules that look at no model, and write them.

    python samples/choose.py --data DIR      # or set EMO_DATA=DIR

The clips are copied as they lie in the folder: the gallery as ``<emotion>.opus``, the clips for
listening games under ``game/``.  ``samples.json`` lists them and keeps its row of the minute
(``make.py``).  All of them are by ``splits.HELD_OUT_SPEAKERS``, whom ``choose_speakers`` chooses.
"""

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np

from emo.corpora.catalogue import CORPUS, Recording, default_directory, find_recordings, order
from emo.corpora.metadata import (
    ACTORS,
    LISTENER_LABELS,
    VOTES,
    read_sexes_and_ages,
    read_votes,
    sex_of,
)
from emo.corpora.splits import HELD_OUT_SPEAKERS
from emo.errors import CorpusError
from emo.evaluation.non_speech.false_alarms import halves
from emo.labels import LABELS

FORMAT = 1
LIST = "samples.json"
GAME = "game"
AGES = ((18, 29), (50, 120))
"""Bands of age in years; a woman and a man of each are held out."""

Votes = Mapping[str, np.ndarray]
Actors = Mapping[str, tuple[str, int]]
Row = dict[str, Any]

CREMAD_TEXTS = {
    "DFA": "Don't forget a jacket.",
    "IEO": "It's eleven o'clock.",
    "IOM": "I'm on my way to the meeting.",
    "ITH": "I think I have a doctor's appointment.",
    "ITS": "I think I've seen this before.",
    "IWL": "I would like a new alarm clock.",
    "IWW": "I wonder what this is about.",
    "MTI": "Maybe tomorrow it will be cold.",
    "TAI": "The airplane is almost full.",
    "TIE": "That is exactly what happened.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
RAVDESS_TEXTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
CREMAD_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified"}
RAVDESS_LEVELS = {"01": "normal", "02": "strong"}

SOURCES = {
    "cremad": {
        "credit": "Cao et al. 2014",
        "licence": "ODbL 1.0 with DbCL 1.0",
        "licence_url": "https://opendatacommons.org/licenses/odbl/1-0/",
        "commercial_use": True,
    },
    "ravdess": {
        "credit": "Livingstone and Russo 2018",
        "licence_url": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
        "commercial_use": False,
    },
}
CHANGES = "Resampled to 16 kHz mono and coded as Ogg Opus at 32 kbit/s; nothing else was changed."


# --- Speakers ------------------------------------------------------------------------------------


def choose_speakers(
    recordings: Sequence[Recording], votes: Votes, actors: Actors
) -> tuple[str, ...]:
    """Return the speakers to hold out of everything that ships.

    Of CREMA-D, the woman and the man of each band of ``AGES`` whom listeners understand best: the
    share of their votes for the acted emotion, the mean over the emotions, is the highest.  Of
    RAVDESS, which has no such votes, the woman and the man of the lowest number.  Only speakers
    come into question to whom the check for speech was not fitted (``false_alarms.halves``).
    """
    fitted = halves(recording.speaker for recording in recordings)
    speakers = [speaker for speaker, was_fitted in fitted.items() if not was_fitted]
    clear = clarity_by_speaker(recordings, votes)
    chosen = []
    for sex in ("women", "men"):
        for low, high in AGES:
            own = [s for s in speakers if s in actors and actors[s][0] == sex]
            own = [s for s in own if low <= actors[s][1] <= high]
            chosen.append(max(own, key=lambda s: (clear[s], s)))
        chosen.append(min(s for s in speakers if s.startswith("ravdess-") and sex_of(s, {}) == sex))
    return tuple(sorted(chosen))


def clarity_by_speaker(recordings: Sequence[Recording], votes: Votes) -> dict[str, float]:
    """Return the mean over the emotions of the share of votes for the acted one, 0 to 1."""
    shares: dict[str, dict[str, list[float]]] = {}
    for recording in recordings:
        if recording.corpus == "cremad" and recording.stem in votes:
            by_emotion = shares.setdefault(recording.speaker, {})
            by_emotion.setdefault(recording.emotion, []).append(clarity(recording, votes))
    return {
        speaker: float(np.mean([np.mean(values) for values in by_emotion.values()]))
        for speaker, by_emotion in shares.items()
    }


def clarity(recording: Recording, votes: Votes) -> float:
    """Return the share of the votes on a clip that name the acted emotion, 0 to 1."""
    counts = votes[recording.stem]
    return float(counts[LISTENER_LABELS.index(recording.emotion)] / max(counts.sum(), 1.0))


# --- Clips ---------------------------------------------------------------------------------------


def choose_gallery(recordings: Sequence[Recording], votes: Votes) -> list[Recording]:
    """Return the clearest clip of each emotion, in the order of ``LABELS``."""
    return [clearest([r for r in recordings if r.emotion == label], votes) for label in LABELS]


def clearest(recordings: Sequence[Recording], votes: Votes) -> Recording:
    """Return the clip of an emotion that is clearest to people.

    Of CREMA-D, the clip with the highest share of votes for the acted emotion, then with the most
    votes, then the first by name.  *Surprised* exists in RAVDESS alone: strong intensity, first
    sentence, first repetition, first actor.
    """
    voted = [r for r in recordings if r.corpus == "cremad" and r.stem in votes]
    if voted:
        return min(voted, key=lambda r: (-clarity(r, votes), -votes[r.stem].sum(), r.stem))
    strong = [r for r in recordings if r.stem.split("-")[3] == "02"]
    return min(strong, key=lambda r: r.stem.split("-")[4:])


def choose_game(recordings: Sequence[Recording], gallery: Sequence[Recording]) -> list[Recording]:
    """Return 60 clips for listening games, ten of each speaker, eight or nine of each emotion.

    They are drawn by lot, in the order of the SHA-256 of their names, so that they are as hard to
    recognise as the corpora: of CREMA-D one or two of each emotion and speaker, of RAVDESS four
    clips of *surprised* a speaker and one of each other emotion.
    """
    left = sorted(set(recordings) - set(gallery), key=lot)
    clips: list[Recording] = []
    cremad = [speaker for speaker in HELD_OUT_SPEAKERS if speaker.startswith("cremad-")]
    for place, speaker in enumerate(cremad):
        rare = {LISTENER_LABELS[(2 * place + i) % len(LISTENER_LABELS)] for i in range(2)}
        for label in LISTENER_LABELS:
            own = [r for r in left if r.speaker == speaker and r.emotion == label]
            clips += own[: 1 if label in rare else 2]
    for speaker in (s for s in HELD_OUT_SPEAKERS if s not in cremad):
        for label in LABELS:
            own = [r for r in left if r.speaker == speaker and r.emotion == label]
            clips += own[: 1 if label in LISTENER_LABELS else 4]
    return sorted(clips, key=order)


def lot(recording: Recording) -> str:
    """Return a text by which clips are in random order, the same on every machine."""
    return hashlib.sha256(recording.stem.encode()).hexdigest()


# --- Writing -------------------------------------------------------------------------------------


def describe(recording: Recording, file: str, votes: Votes, actors: Actors) -> Row:
    """Return the row of a clip in the list."""
    _, actor = recording.speaker.split("-")
    is_cremad = recording.corpus == "cremad"
    sex = sex_of(recording.speaker, dict(actors))
    if is_cremad:
        _, sentence, _, level = recording.stem.split("_")
        text, intensity = CREMAD_TEXTS[sentence], CREMAD_LEVELS[level]
    else:
        fields = recording.stem.split("-")
        text, intensity = RAVDESS_TEXTS[fields[4]], RAVDESS_LEVELS[fields[3]]
    return {
        "file": file,
        "emotion": recording.emotion,
        "text": text,
        "synthetic": False,
        "corpus": recording.corpus,
        "clip": recording.stem,
        "actor": actor,
        "sex": {"women": "woman", "men": "man"}[sex or ""],
        "age": actors[recording.speaker][1] if is_cremad else None,
        "intensity": intensity,
        "licence": sources()[recording.corpus]["licence"],
        "votes": _votes_of(recording, votes) if is_cremad else None,
    }


def _votes_of(recording: Recording, votes: Votes) -> dict[str, int]:
    counts = votes[recording.stem]
    return {label: int(n) for label, n in zip(LISTENER_LABELS, counts, strict=True)}


def sources() -> dict[str, Row]:
    """Return the attribution and licence of each corpus that clips are taken from."""
    return {
        key: {
            "title": CORPUS[key].title.removesuffix(" speech"),
            "citation": CORPUS[key].citation,
            "url": CORPUS[key].url,
            "licence": CORPUS[key].licence,
            **facts,
            "changes": CHANGES,
        }
        for key, facts in SOURCES.items()
    }


def write_samples(data: Path, target: Path) -> Row:
    """Copy the chosen clips from the folder of the corpora, and write and return their list.

    Parameters
    ----------
    data
        Folder of the corpora with the tables of votes and actors.
    target
        Folder of the samples; the row of the minute in its list is kept.

    Raises
    ------
    CorpusError
        The folder holds no corpora, or lacks the tables of votes and actors.
    """
    votes, actors = read_votes(data), read_sexes_and_ages(data)
    if not votes or not actors:
        raise CorpusError(f"{data} lacks {ACTORS} or {VOTES}; the choice needs both.")
    held_out = [
        r
        for r in find_recordings(data).recordings
        if r.speaker in HELD_OUT_SPEAKERS and r.corpus in SOURCES and r.emotion in LABELS
    ]
    gallery = choose_gallery(held_out, votes)
    game = choose_game(held_out, gallery)
    (target / GAME).mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[Row]] = {"gallery": [], GAME: []}
    for name, clips in (("gallery", gallery), (GAME, game)):
        for clip in clips:
            stem = clip.emotion if name == "gallery" else f"{GAME}/{clip.stem}"
            file = f"{stem}{clip.path.suffix}"
            shutil.copyfile(clip.path, target / file)
            rows[name].append(describe(clip, file, votes, actors))
    path = target / LIST
    listed = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    content = {"format": FORMAT, "sources": sources(), **rows, "minute": listed.get("minute")}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description="Choose the sample clips from the corpora.")
    parser.add_argument("--data", type=Path, default=default_directory())
    options = parser.parse_args()
    if options.data is None:
        parser.error("no folder of corpora is named; give --data DIR, or set EMO_DATA=DIR")
    try:
        content = write_samples(options.data, HERE)
    except CorpusError as error:
        sys.exit(f"emo: {error}")
    files = [HERE / row["file"] for name in ("gallery", GAME) for row in content[name]]
    n_bytes = sum(file.stat().st_size for file in files)
    print(f"{len(files)} clips, {n_bytes:,} bytes")


if __name__ == "__main__":
    main()
