"""The page on what is flagged as no speech, docs/non-speech.md, from ``models/non_speech.json``."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emo.corpora.catalogue import CORPORA
from emo.evaluation.markdown import render
from emo.evaluation.robustness.conditions import titles
from emo.evaluation.tables import percent, table

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
    kinds = counts["kinds"], earlier.get("kinds", {})
    return render(
        "non_speech",
        sources=made_by(counts, earlier),
        speech=speech_table(counts, earlier),
        altered=altered_table(counts, earlier),
        synthetic=synthetic_table(counts, earlier),
        families=families_table(*kinds),
        durations=durations_table(counts, earlier),
        kinds=kinds_table(*kinds),
    )


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


def presence_table(counts: Counts) -> str:
    """Return a row for each corpus and condition: how many clips of speech are flagged."""
    names = {corpus.key: corpus.title for corpus in CORPORA} | titles()
    rows = [
        (names[name], f"{row['n']:,}", f"{row['flagged']:,}", percent(row["flagged"] / row["n"]))
        for name, row in (counts["corpora"] | counts["conditions"]).items()
        if row["n"] and name in names
    ]
    return table(("Clips", "number", "flagged", "share"), rows)


def altered_table(counts: Counts, earlier: Counts) -> str:
    """Return the table of altered clips, at random and by condition; empty if not counted."""
    names = titles()
    rows: list[tuple[str, Counts, Counts | None]] = []
    if counts["varied"]:
        now, then = (_sum(source.get("varied", {}).values()) for source in (counts, earlier))
        rows.append(("at random", now, then))
    rows += [
        (names[name], row, earlier.get("conditions", {}).get(name))
        for name, row in counts["conditions"].items()
        if name in names
    ]
    return _before_and_now("Alteration", rows) if rows else ""


def synthetic_table(counts: Counts, earlier: Counts) -> str:
    """Return the table of synthetic voices; empty if not counted."""
    now, then = counts.get("synthetic", {}), earlier.get("synthetic", {})
    rows = [(name, row, then.get(name)) for name, row in now.items()]
    return _before_and_now("Voices", rows) if rows else ""


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
