"""Write timelines for programs in which people annotate sound: Audacity, Praat and ELAN.

Each model is a tier of its own (in Audacity, which has one track a file, the answers that are shown
first), and each of its intervals is a run of windows with the same answer (``Timeline.cues``).

Formats: the label track of Audacity (its manual, "Importing and Exporting Labels"), the long text
format of a TextGrid (Praat's manual, "TextGrid file formats"), and EAF 3.0 ("ELAN Annotation
Format", Max Planck Institute for Psycholinguistics).
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TextIO
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from emo.inference.predictor import Answer
from emo.inference.timeline import Cue, Timeline

Tier = tuple[str, list[Cue]]
"""Name and cues of a tier."""

_EAF_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # equal timelines are equal files


def in_words(answer: Answer) -> str:
    """Return the label and its confidence, marked where the answer is unsure."""
    phrase = f"{answer.label} {answer.confidence:.0%}"
    return f"unsure: {phrase}" if answer.unsure else phrase


def write_audacity(path: str, timeline: Timeline, out: TextIO) -> None:
    """Write a label track: a line with start, stop and text for each cue; the path is not written.

    Fields are separated by tabs, and times are in seconds.
    """
    _write_labels(((cue, in_words(cue.answer)) for cue in timeline.cues()), out)


def write_textgrid(path: str, timeline: Timeline, out: TextIO) -> None:
    """Write a TextGrid with a tier for each model; the path is not written."""
    _write_textgrid(timeline.duration_s, _tiers(timeline), out)


def write_elan(path: str, timeline: Timeline, out: TextIO) -> None:
    """Write an ELAN document (EAF) with a tier for each model, linked to the file of the path."""
    _write_elan(path, _tiers(timeline), out)


def _tiers(timeline: Timeline, prefix: str = "") -> list[Tier]:
    """Return the tiers of all models, that of the answers shown first at the top."""
    keys = sorted(timeline.probabilities, key=lambda key: key != timeline.served)
    return [(f"{prefix}{key}", timeline.cues(key)) for key in keys]


def write_all(form: str, timelines: Sequence[tuple[str, Timeline]], out: TextIO) -> None:
    """Write the timelines of all channels of a recording, by the names of the channels.

    Parameters
    ----------
    form
        A key of ``WRITERS``.
    timelines
        Names of the channels, such as ``left``, with their timelines.
    out
        File to write to.
    """
    if form == "audacity":
        rows = [
            (cue, f"{name}: {in_words(cue.answer)}")
            for name, timeline in timelines
            for cue in timeline.cues()
        ]
        _write_labels(sorted(rows, key=lambda row: (row[0].start_s, row[1])), out)
        return
    tiers = [tier for name, timeline in timelines for tier in _tiers(timeline, f"{name}: ")]
    duration_s = max(timeline.duration_s for _, timeline in timelines)
    if form == "textgrid":
        _write_textgrid(duration_s, tiers, out)
    else:
        _write_elan("", tiers, out)


def _write_labels(rows: Iterable[tuple[Cue, str]], out: TextIO) -> None:
    for cue, text in rows:
        out.write(f"{cue.start_s:.6f}\t{cue.stop_s:.6f}\t{text}\n")


# --- Praat ---------------------------------------------------------------------------------------


def _write_textgrid(duration_s: float, tiers: Sequence[Tier], out: TextIO) -> None:
    out.write('File type = "ooTextFile"\nObject class = "TextGrid"\n\n')
    out.write(
        f"xmin = 0\nxmax = {duration_s:.6f}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:\n"
    )
    for number, (name, cues) in enumerate(tiers, 1):
        intervals = _without_gaps(duration_s, cues)
        out.write(
            f'    item [{number}]:\n        class = "IntervalTier"\n        name = {_praat(name)}\n'
            f"        xmin = 0\n        xmax = {duration_s:.6f}\n"
            f"        intervals: size = {len(intervals)}\n"
        )
        for i, (start_s, stop_s, text) in enumerate(intervals, 1):
            out.write(
                f"        intervals [{i}]:\n            xmin = {start_s:.6f}\n"
                f"            xmax = {stop_s:.6f}\n            text = {_praat(text)}\n"
            )


def _without_gaps(duration_s: float, cues: Sequence[Cue]) -> list[tuple[float, float, str]]:
    """Return intervals that cover the whole recording, as Praat needs; pauses have no text."""
    intervals: list[tuple[float, float, str]] = []
    at_s = 0.0
    for cue in cues:
        stop_s = min(cue.stop_s, duration_s)
        if cue.start_s > at_s:
            intervals.append((at_s, cue.start_s, ""))
        intervals.append((cue.start_s, stop_s, in_words(cue.answer)))
        at_s = stop_s
    if at_s < duration_s or not intervals:
        intervals.append((at_s, duration_s, ""))
    return intervals


def _praat(text: str) -> str:
    """Return a text in quotes, as Praat reads it."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


# --- ELAN ----------------------------------------------------------------------------------------


def _write_elan(path: str, tiers: Sequence[Tier], out: TextIO) -> None:
    times_ms = sorted(
        {_ms(time_s) for _, cues in tiers for cue in cues for time_s in (cue.start_s, cue.stop_s)}
    )
    slots = {time_ms: f"ts{i}" for i, time_ms in enumerate(times_ms, 1)}
    out.write(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ANNOTATION_DOCUMENT AUTHOR="Emo" DATE="{_EPOCH.isoformat()}" FORMAT="3.0" VERSION="3.0"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:noNamespaceSchemaLocation="{_EAF_SCHEMA}">\n'
        '    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">\n'
    )
    if path:
        out.write(
            f"        <MEDIA_DESCRIPTOR MEDIA_URL={quoteattr(quote(path))} "
            'MIME_TYPE="audio/x-wav"/>\n'
        )
    out.write("    </HEADER>\n    <TIME_ORDER>\n")
    for time_ms, slot in slots.items():
        out.write(f'        <TIME_SLOT TIME_SLOT_ID="{slot}" TIME_VALUE="{time_ms}"/>\n')
    out.write("    </TIME_ORDER>\n")
    numbers = itertools.count(1)
    for name, cues in tiers:
        out.write(f'    <TIER LINGUISTIC_TYPE_REF="emotion" TIER_ID={quoteattr(name)}>\n')
        for cue in cues:
            first, last = slots[_ms(cue.start_s)], slots[_ms(cue.stop_s)]
            out.write(
                "        <ANNOTATION>\n"
                f'            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a{next(numbers)}"'
                f' TIME_SLOT_REF1="{first}" TIME_SLOT_REF2="{last}">\n'
                f"                <ANNOTATION_VALUE>{escape(in_words(cue.answer))}"
                "</ANNOTATION_VALUE>\n"
                "            </ALIGNABLE_ANNOTATION>\n        </ANNOTATION>\n"
            )
        out.write("    </TIER>\n")
    out.write(
        '    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="emotion"'
        ' TIME_ALIGNABLE="true"/>\n</ANNOTATION_DOCUMENT>\n'
    )


def _ms(time_s: float) -> int:
    return round(1000 * time_s)


WRITERS: dict[str, Callable[[str, Timeline, TextIO], None]] = {
    "audacity": write_audacity,
    "textgrid": write_textgrid,
    "eaf": write_elan,
}
