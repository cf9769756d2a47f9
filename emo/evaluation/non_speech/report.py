"""The page on what is flagged as no speech, docs/non-speech.md, from ``models/non_speech.json``."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emo.corpora.catalogue import CORPORA
from emo.evaluation.tables import condition_titles, percent, table

PAGE = Path("docs") / "non-speech.md"

FAMILIES = {
    "noise": "Noise",
    "tone": "Tones and signals",
    "music": "Music",
    "burst": "Vocal bursts",
}

Counts = Mapping[str, Any]


def page(counts: Counts) -> str:
    """Return the page in Markdown, empty where kinds of sound were not counted."""
    if not counts.get("kinds"):
        return ""
    earlier = counts.get("before", {})
    tables = (
        ("## Speech", SPEECH, speech_table(counts, earlier)),
        altered(counts, earlier),
        synthetic(counts, earlier),
        ("## Other sound", SOUNDS, families_table(counts["kinds"], earlier.get("kinds", {}))),
        ("## By duration", DURATIONS, durations_table(counts, earlier)),
        ("## By kind", KINDS, kinds_table(counts["kinds"], earlier.get("kinds", {}))),
    )
    parts = ["# What is flagged as no speech", OPENING, made_by(counts, earlier)]
    parts += [part for section in tables for part in section]
    return "\n\n".join(parts) + "\n"


OPENING = """\
The models give a label to any sound. So each clip is compared with speech before its answers are
shown, and a clip that differs has a note above them. The note is right when the clip holds no
speech (music, noise, a tone), and a false alarm when it does. Both are counted here, for the limits
as they are now and for those of the version before."""

SPEECH = """\
Clips of the corpora as recorded. Each one flagged is a false alarm. The model was fitted, and the
limits were set, with half of the speakers; the last two columns count the other half alone."""

ALTERED = """\
A sixth of the clips: altered at random as the copies for training are, and under each condition."""

SYNTHETIC = """\
The corpora are English. These voices are synthetic, speak the sentences of `bench/languages.py`,
and the model was not fitted to them, though measurements that failed on them were left out. They
show how much room the limits leave for other languages: espeak-ng speaks with less background than
any recording of a person."""

SOUNDS = """\
Sounds made by formula (`emo/sounds.py`), each of other pitch, tempo and colour, of 1 s to 60 s, at
-50, -20 and -3 dB of full scale. The model was fitted to other sounds of the kinds marked
"known"; the kinds marked "new" were left out of the fit."""

DURATIONS = """\
All kinds together. In less than about 0.6 s hardly anything is flagged: a single consonant is noise
too, and a single vowel is a tone."""

KINDS = """\
The same sounds by kind, those missed most first. Coughs, sighs, crying and breathing come from a
voice, and several instruments at once change as fast as speech does."""


def made_by(counts: Counts, earlier: Counts) -> str:
    """Return the sentence that names commands and commits."""
    sources = [(name, source) for name, source in (("Now", counts), ("before", earlier)) if source]
    named = [
        f"{name}: version {source.get('version', 1)}, `{source['command']}`, commit "
        f"`{source['commit']}`"
        for name, source in sources
    ]
    return f"{'; '.join(named)}."


def _share(row: Counts | None, prefix: str = "") -> str:
    """Return how many are flagged and their share; a dash where none was counted."""
    if not row or not row.get(f"{prefix}n"):
        return "–"
    flagged = row[f"{prefix}flagged"]
    return f"{flagged:,} ({percent(flagged / row[f'{prefix}n'])})"


def _sum(rows: Iterable[Counts]) -> dict[str, int]:
    total: dict[str, int] = {}
    for row in rows:
        for name, count in row.items():
            if isinstance(count, int) and not isinstance(count, bool):
                total[name] = total.get(name, 0) + count
    return total


def speech_table(counts: Counts, earlier: Counts) -> str:
    """Return the table of clean clips, by corpus, with a row for all."""
    now, then = counts["corpora"], earlier.get("corpora", {})
    rows = [(c.title, now[c.key], then.get(c.key)) for c in CORPORA if c.key in now]
    rows.append(("**all**", _sum(now.values()), _sum(then.values())))
    header = ("Clips", "number", "flagged before", "flagged now", "new speakers", "flagged now")
    return table(
        header,
        [
            (
                title,
                f"{row['n']:,}",
                _share(old),
                _share(row),
                f"{row['held_n']:,}",
                _share(row, "held_"),
            )
            for title, row, old in rows
        ],
    )


def altered(counts: Counts, earlier: Counts) -> tuple[str, ...]:
    """Return the section on altered clips, at random and under each condition, if counted."""
    titles = condition_titles()
    rows: list[tuple[str, Counts, Counts | None]] = []
    if counts["varied"]:
        now, then = (_sum(source.get("varied", {}).values()) for source in (counts, earlier))
        rows.append(("at random", now, then))
    rows += [
        (titles[name], row, earlier.get("conditions", {}).get(name))
        for name, row in counts["conditions"].items()
    ]
    if not rows:
        return ()
    return ("## Speech, altered", ALTERED, _before_and_now("Alteration", rows))


def synthetic(counts: Counts, earlier: Counts) -> tuple[str, ...]:
    """Return the section on synthetic voices, if they were counted."""
    now, then = counts.get("synthetic", {}), earlier.get("synthetic", {})
    if not now:
        return ()
    rows = [(name, row, then.get(name)) for name, row in now.items()]
    return ("## Other languages", SYNTHETIC, _before_and_now("Voices", rows))


def families_table(now: Counts, then: Counts) -> str:
    """Return the table of other sound by family, kinds known and new apart."""
    rows = []
    for family, title in FAMILIES.items():
        for design, word in ((True, "known"), (False, "new")):
            names = [
                name
                for name, row in now.items()
                if (row["family"], row["design"]) == (family, design)
            ]
            if names:
                old = _sum(then[name] for name in names if name in then)
                rows.append((f"{title}, {word}", _sum(now[name] for name in names), old))
    return _before_and_now("Sounds", rows)


def durations_table(counts: Counts, earlier: Counts) -> str:
    """Return the table of other sound by duration."""
    then = earlier.get("durations", {})
    rows = [(f"{name} s", row, then.get(name)) for name, row in counts["durations"].items()]
    return _before_and_now("Duration", rows)


def kinds_table(now: Counts, then: Counts) -> str:
    """Return the table of each kind, those flagged least first within a family."""
    rows = []
    for family, title in FAMILIES.items():
        own = {name: row for name, row in now.items() if row["family"] == family}
        for name in sorted(own, key=lambda name: (own[name]["flagged"] / own[name]["n"], name)):
            word = "known" if own[name]["design"] else "new"
            rows.append((f"{title}, {word}: {name}", own[name], then.get(name)))
    return _before_and_now("Kind", rows)


def _before_and_now(what: str, rows: Iterable[tuple[str, Counts, Counts | None]]) -> str:
    cells = [(title, f"{row['n']:,}", _share(old), _share(row)) for title, row, old in rows]
    return table((what, "number", "flagged before", "flagged now"), cells)
