"""The leaderboard of the documentation: the models of Emo and the guests, protocol by protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emo.corpora.protocols import CROSS_CORPUS, EMOBOX, RANDOM, SPEAKERS
from emo.evaluation.figures.benchmark import EMOBOX as EMOBOX_CORPORA
from emo.evaluation.guests.folders import (
    FIELDS,
    GUESTS,
    MAX_BYTES,
    Guest,
    guests_directory,
    list_guests,
    read_guest,
    training_list,
)
from emo.evaluation.markdown import render
from emo.evaluation.stored import read_metrics
from emo.evaluation.tables import CORPUS_NAMES, TITLES, percent, points, rate, table
from emo.labels import ENSEMBLE

PAGE = Path("docs") / "leaderboard.md"
"""The leaderboard, relative to the folder of the README."""

SCHEMA_FILE = "schema.json"
"""JSON Schema of ``guest.yaml``, in the folder of the guests."""

EMO, GUEST = "Emo", "guest"
"""Makers of the models in the tables."""

_RANKED = (SPEAKERS, CROSS_CORPUS, RANDOM)
_SPECIAL = "\\`*_{}[]<>#|~$"


@dataclass(frozen=True)
class _Entry:
    """A model of a leaderboard: its name and maker as Markdown, and its figures by protocol."""

    key: str
    name: str
    maker: str
    protocols: Mapping[str, Any]


def page(models: Path) -> str:
    """Return the leaderboard as Markdown.

    Raises
    ------
    ModelError
        A ``guest.yaml`` or ``metrics.json`` is damaged.
    """
    guests = [read_guest(models, key) for key in list_guests(models)]
    entries = [
        *(_Entry(key, title, EMO, _protocols(models, key)) for key, title in TITLES.items()),
        *(_Entry(guest.key, guest.name, GUEST, _of_guest(models, guest.key)) for guest in guests),
    ]
    return render(
        "leaderboard",
        boards=[(row, text) for row in _RANKED if (text := _board(entries, row.key)) is not None],
        emobox=EMOBOX,
        emobox_board=_emobox_board(entries),
        guests=[_described(models, guest) for guest in guests],
        fields=table(
            ("Field", "what it says", "characters"),
            [
                (
                    f"`{field.name}`",
                    f"{field.meaning}{_optional(field.is_required)}",
                    f"{field.limit}",
                )
                for field in FIELDS
            ],
            n_text=2,
        ),
        max_bytes=MAX_BYTES,
        folder=f"../models/{GUESTS}",
    )


def _optional(is_required: bool) -> str:
    return "" if is_required else "; may be missing"


def _protocols(models: Path, key: str) -> Mapping[str, Any]:
    return read_metrics(models, key)["protocols"]


def _of_guest(models: Path, key: str) -> Mapping[str, Any]:
    return _protocols(guests_directory(models), key)


# --- Tables --------------------------------------------------------------------------------------


def _board(entries: Sequence[_Entry], protocol: str) -> str | None:
    """Return the table of a protocol, the highest UAR first; None if it was not run."""
    ranked = sorted(
        (entry for entry in entries if "uar" in entry.protocols.get(protocol, {})),
        key=lambda entry: -entry.protocols[protocol]["uar"],
    )
    if not ranked:
        return None
    own = {entry.key: entry.protocols.get(protocol, {}) for entry in entries}
    ensemble = own.get(ENSEMBLE, {})
    rows = []
    for place, entry in enumerate(ranked, 1):
        block = entry.protocols[protocol]
        name = f"**{entry.name}**" if entry.maker != EMO else entry.name
        rows.append(
            (
                str(place),
                name,
                entry.maker,
                rate(block, "uar"),
                rate(block, "accuracy"),
                f"{100 * block['ece']:.1f}",
                _less_ensemble(entry.key, block, ensemble),
            )
        )
    header = (
        "",
        "Model",
        "by",
        "UAR",
        "accuracy",
        "calibration error, points",
        "UAR less the ensemble's, points",
    )
    return table(header, rows, n_text=3)


def _less_ensemble(key: str, block: Mapping[str, Any], ensemble: Mapping[str, Any]) -> str:
    """Return by how much the UAR of a model differs from that of the ensemble, with its interval.

    A guest stores the differences itself, those of the models are stored with the ensemble.
    """
    pair = {key, ENSEMBLE}
    rows = [*block.get("differences", []), *ensemble.get("differences", [])]
    row = next((row for row in rows if {row["first"], row["second"]} == pair), None)
    if key == ENSEMBLE or row is None:
        return "–"
    sign = 1.0 if row["second"] == key else -1.0
    low, high = sorted(sign * value for value in row["intervals"]["uar"])
    return f"{points(sign * row['uar'])} ({points(low)} to {points(high)})"


def _emobox_board(entries: Sequence[_Entry]) -> str:
    """Return the UAR on each corpus of EmoBox, models with most corpora first, then by the mean."""
    measured = []
    for entry in entries:
        per_corpus = entry.protocols.get(EMOBOX.key, {}).get("per_corpus", {})
        rates = {corpus: block["uar"] for corpus, block in per_corpus.items()}
        if rates:
            measured.append((entry, per_corpus, rates))
    measured.sort(key=lambda row: (-len(row[2]), -sum(row[2].values()) / len(row[2])))
    rows = [
        (
            f"**{entry.name}**" if entry.maker != EMO else entry.name,
            entry.maker,
            *(rate(per_corpus.get(corpus), "uar") for corpus in EMOBOX_CORPORA),
            percent(sum(rates.values()) / len(rates)) if len(rates) == len(EMOBOX_CORPORA) else "–",
        )
        for entry, per_corpus, rates in measured
    ]
    header = ("Model", "by", *(CORPUS_NAMES[corpus] for corpus in EMOBOX_CORPORA), "mean")
    return table(header, rows, n_text=2) if rows else ""


# --- Guests --------------------------------------------------------------------------------------


def _described(models: Path, guest: Guest) -> dict[str, Any]:
    """Return the texts of a guest, escaped for Markdown, for the template."""
    return {
        "key": guest.key,
        "name": guest.name,
        "url": guest.url,
        **{
            name: _escape(getattr(guest, name)).rstrip(".")
            for name in ("description", "trained_on", "citation", "licence")
        },
        "checked": [
            name for name in guest.protocols if training_list(models, guest.key, name).exists()
        ],
    }


def _escape(text: str) -> str:
    return "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in text)
