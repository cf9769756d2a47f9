"""The sample clips of ``samples/``: actors held out of training, and a synthetic minute."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emo.formatting import listed
from emo.labels import INDEX, LABELS

FORMAT = 1
"""Version of the format of ``samples.json``, which ``samples/choose.py`` writes."""

ALL_EMOTIONS = "all"
"""Emotion of the sample that contains every emotion."""

SYNTHETIC = "synthetic speech"
HELD_OUT = "No model was trained on this actor."
TRAINED_ON = "The models were trained on clips of this actor, so this is no test of them."


@dataclass(frozen=True)
class Source:
    """The corpus that a sample is a recording of, and its terms."""

    key: str
    title: str
    credit: str
    citation: str
    url: str
    licence: str
    licence_url: str
    commercial_use: bool
    changes: str


@dataclass(frozen=True)
class Sample:
    """A clip of the gallery or of the listening game.

    Attributes
    ----------
    file
        Relative to the folder of the samples.
    emotion
        One of ``LABELS``, which was acted, or ``ALL_EMOTIONS``.
    text
        The words that are spoken.
    source
        Corpus of the recording; None for synthetic speech.
    actor, sex, age
        Code of the actor in the corpus, ``woman`` or ``man``, and years; None where the corpus does
        not say.
    votes
        Number of listeners by the emotion that they chose; empty where nobody was asked.
    """

    file: str
    emotion: str
    text: str = ""
    source: Source | None = None
    actor: str = ""
    sex: str = ""
    age: int | None = None
    votes: tuple[tuple[str, int], ...] = ()

    @property
    def stem(self) -> str:
        """Name of the sample in an address, such as ``sad``."""
        return Path(self.file).stem

    @property
    def speaker(self) -> str:
        """Speaker as the corpora name it, such as ``cremad-1009``; empty if synthetic."""
        return f"{self.source.key}-{self.actor}" if self.source else ""


def read_gallery(directory: Path) -> list[Sample]:
    """Return the samples of the gallery whose files exist, those of one emotion first.

    None without a list, or with one that is damaged or of another format.
    """
    return _read_samples(directory, ("gallery", "minute"))


def read_game(directory: Path) -> list[Sample]:
    """Return the clips of the listening game whose files exist, those of one emotion first.

    None without a list, or with one that is damaged or of another format.
    """
    return _read_samples(directory, ("game",))


def _read_samples(directory: Path, parts: Sequence[str]) -> list[Sample]:
    """Return the samples in some parts of the list, each of which is a row, or a list of rows."""
    order = INDEX | {ALL_EMOTIONS: len(LABELS)}
    try:
        content = json.loads((directory / "samples.json").read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            return []
        sources = {key: Source(key=key, **facts) for key, facts in content["sources"].items()}
        found = [content[part] or [] for part in parts]
        rows = [row for one in found for row in (one if isinstance(one, list) else [one])]
        samples = [_read_sample(row, sources) for row in rows]
        existing = [sample for sample in samples if (directory / sample.file).is_file()]
        return sorted(existing, key=lambda sample: order[sample.emotion])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _read_sample(row: Mapping[str, Any], sources: Mapping[str, Source]) -> Sample:
    shared = {"file": str(row["file"]), "emotion": row["emotion"], "text": str(row["text"])}
    if row["synthetic"]:
        return Sample(**shared)
    return Sample(
        **shared,
        source=sources[row["corpus"]],
        actor=str(row["actor"]),
        sex=str(row["sex"]),
        age=None if row["age"] is None else int(row["age"]),
        votes=tuple((label, int(n)) for label, n in (row["votes"] or {}).items()),
    )


# --- In words ------------------------------------------------------------------------------------


def acted_by(sample: Sample) -> str:
    """Return who acted a sample, such as "acted by a man of 51, actor 1039 of CREMA-D"."""
    if sample.source is None:
        return SYNTHETIC
    age = "" if sample.age is None else f" of {sample.age}"
    return f"acted by a {sample.sex}{age}, actor {sample.actor} of {sample.source.title}"


def chosen_by_listeners(sample: Sample) -> str:
    """Return the votes of the listeners as a sentence; empty where nobody was asked."""
    total = sum(n for _, n in sample.votes)
    if not total:
        return ""
    ranked = sorted((-n, label) for label, n in sample.votes if n)
    (most, first), *others = [(-n, label) for n, label in ranked]
    if not others:
        return f"All {total} listeners chose {first}."
    rest = listed([f"{n} {label}" for n, label in others])
    return f"{most} of {total} listeners chose {first}, {rest}."


def evidence(sample: Sample, held_out: Collection[str] | None) -> str:
    """Return the acted label, the votes, and whether the models know the actor; empty if synthetic.

    Parameters
    ----------
    sample
    held_out
        Speakers on whom no model was trained; None where that is not known.
    """
    if sample.source is None:
        return ""
    trained = ""
    if held_out is not None:
        trained = HELD_OUT if sample.speaker in held_out else TRAINED_ON
    parts = [f"Acted: {sample.emotion}.", chosen_by_listeners(sample), trained]
    return " ".join(part for part in parts if part)


def credits_of(samples: Sequence[Sample]) -> str:
    """Return the corpora of samples in one line, with authors and licences; empty without."""
    sources = dict.fromkeys(sample.source for sample in samples if sample.source)
    return "; ".join(f"{s.title}: {s.credit}, {s.licence}" for s in sources)


def attribution(source: Source) -> str:
    """Return the full attribution of the recordings of a corpus, as Markdown."""
    terms = "" if source.commercial_use else " They may not be used commercially."
    return (
        f"**{source.title}.** {source.citation}. <{source.url}>. "
        f"Licence: [{source.licence}]({source.licence_url}).{terms} {source.changes}"
    )
