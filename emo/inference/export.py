"""Answers, timelines and explanations written out, the same from command line and page."""

import csv
import io
import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from emo.audio.channels import parse_channel
from emo.features.quality import quality_warnings
from emo.formatting import MINUS, NBSP, clock
from emo.inference.explanation import Explanation
from emo.inference.explanation_text import LOG_ODDS, explanation_blocks
from emo.inference.predictor import Answer, Prediction
from emo.inference.timeline import Timeline
from emo.labels import LABELS

Row = tuple[str, Prediction | str]
"""A path and its prediction, or the sentence that says why there is none."""

Explained = tuple[str, Explanation | str]
"""A path and its explanation, or the sentence that says why there is none."""

Subtitle = tuple[str, str]
"""Times, and what is shown between them."""

TEXT_WIDTH = 100

ANSWER_COLUMNS = (
    "model",
    "label",
    "confidence",
    "runner_up",
    "unsure",
    *(f"p_{label}" for label in LABELS),
)
COLUMNS = ("path", "duration_s", *ANSWER_COLUMNS, "speech_warnings", "warnings", "error")
SPAN_COLUMNS = ("start_s", "stop_s", "segment_start_s", "segment_end_s")
TIMELINE_COLUMNS = ("path", *SPAN_COLUMNS, *ANSWER_COLUMNS)

NO_SPEECH = "No speech was found in this recording."


def written(write: Callable[..., None], *given: Any) -> str:
    """What one of the functions below writes, as text, of all that it is given before ``out``."""
    out = io.StringIO()
    write(*given, out)
    return out.getvalue()


# --- clips ---------------------------------------------------------------------------------------


def write_json(rows: Sequence[Row | Explained], out: TextIO) -> None:
    """Nothing; writes a list of one object a path: the fields of what was found, or ``error``."""
    listed: list[dict[str, Any]] = [
        {"path": path, "error": found}
        if isinstance(found, str)
        else {"path": path} | found.to_dict()
        for path, found in rows
    ]
    json.dump(listed, out, indent=1, ensure_ascii=False)
    out.write("\n")


def write_csv(rows: Sequence[Row], out: TextIO) -> None:
    """Nothing; writes a line a path and model, and one with the error where there is none."""
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for path, found in rows:
        if isinstance(found, str):
            writer.writerow({"path": in_a_cell(path), "error": found})
            continue
        shared = {
            "path": in_a_cell(path),
            "duration_s": f"{found.duration_s:.3f}",
            "speech_warnings": " ".join(concern.sentence for concern in found.speech_warnings),
            "warnings": " ".join(found.warnings),
        }
        for key, answer in found.answers.items():
            writer.writerow(shared | _columns_of(key, answer))


def write_table(rows: Sequence[Row], out: TextIO) -> None:
    """Nothing; writes one line a path for a terminal, and what to know of the clip under it."""
    width = max(len(printable(path)) for path, _ in rows)
    given = [found.answers for _, found in rows if not isinstance(found, str)]
    lines = iter(_answer_lines(given) if given else ())
    if given:
        out.write(f"{'path':<{width}} {'s':>6}  {next(lines)}\n")
    for path, found in rows:
        shown = printable(path).ljust(width)
        if isinstance(found, str):
            out.write(f"{shown} {found}\n")
            continue
        out.write(f"{shown} {found.duration_s:6.2f}  {next(lines)}\n")
        told = [
            *(concern.sentence for concern in found.speech_warnings),
            *found.warnings,
            *_why(found),
        ]
        for sentence in told:
            out.write(f"{' ' * width} {sentence}\n")


def _why(found: Prediction) -> list[str]:
    """One line on what in the recording may be why answers are unsure, if anything is."""
    reasons = " ".join(quality_warnings(found.quality).values())
    if reasons and found.unsure:
        return [f"Unsure: {', '.join(found.unsure)}. This may be why: {reasons}"]
    return [reasons] if reasons else []


# --- timelines -----------------------------------------------------------------------------------


def write_timeline_json(path: str, timeline: Timeline, out: TextIO) -> None:
    """Nothing; writes one object: the path and the timeline's fields."""
    json.dump({"path": path} | timeline.to_dict(), out, indent=1, ensure_ascii=False)
    out.write("\n")


def write_timeline_csv(path: str, timeline: Timeline, out: TextIO) -> None:
    """Nothing; writes a line a window and model."""
    writer = csv.DictWriter(out, TIMELINE_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for heard_s, shown_s, given in zip(
        timeline.windows_s, timeline.segments_s, timeline.answers(), strict=True
    ):
        places = (f"{place_s:.3f}" for place_s in (*heard_s, *shown_s))
        shared = {"path": in_a_cell(path)} | dict(zip(SPAN_COLUMNS, places, strict=True))
        for key, answer in given.items():
            writer.writerow(shared | _columns_of(key, answer))


def write_timeline_table(path: str, timeline: Timeline, out: TextIO) -> None:
    """Nothing; writes one line a window for a terminal, under the path, concerns and warnings."""
    out.write(f"{printable(path)}: {timeline.duration_s:.2f} s, {timeline.total} windows\n")
    for sentence in remarks(timeline):
        out.write(f"{sentence}\n")
    if not timeline.total:
        return
    head, *lines = _answer_lines(timeline.answers())
    out.write(f"{'from':>7} {'to':>7}  {head}\n")
    for (start_s, stop_s), line in zip(timeline.windows_s, lines, strict=True):
        out.write(f"{start_s:7.2f} {stop_s:7.2f}  {line}\n")


def write_srt(path: str, timeline: Timeline, out: TextIO) -> None:
    """Nothing; writes a SubRip subtitle a cue of the vote; the path is not written."""
    _write_srt(_subtitles(timeline), out)


def write_vtt(path: str, timeline: Timeline, out: TextIO) -> None:
    """Nothing; writes a WebVTT subtitle a cue of the vote; the path is not written."""
    _write_vtt(_subtitles(timeline), out)


def _write_srt(subtitles: Sequence[Subtitle], out: TextIO) -> None:
    for number, (times, text) in enumerate(subtitles, 1):
        out.write(f"{number}\n{times.replace('.', ',')}\n{text}\n\n")


def _write_vtt(subtitles: Sequence[Subtitle], out: TextIO) -> None:
    out.write("WEBVTT\n\n")
    for times, text in subtitles:
        out.write(f"{times}\n{text}\n\n")


TIMELINE_WRITERS: dict[str, Callable[[str, Timeline, TextIO], None]] = {
    "text": write_timeline_table,
    "csv": write_timeline_csv,
    "json": write_timeline_json,
    "srt": write_srt,
    "vtt": write_vtt,
}


def write_timelines(form: str, found: Sequence[tuple[str, Timeline]], out: TextIO) -> None:
    """Write the timelines of all channels of a recording, by their names, into one file.

    JSON becomes a list; each subtitle begins with its channel.
    """
    if form == "json":
        listed = [{"path": name} | timeline.to_dict() for name, timeline in found]
        json.dump(listed, out, indent=1, ensure_ascii=False)
        out.write("\n")
    elif form in ("srt", "vtt"):
        subtitles = [
            (times, f"{parse_channel(name)}: {text}")
            for name, timeline in found
            for times, text in _subtitles(timeline)
        ]
        (_write_srt if form == "srt" else _write_vtt)(sorted(subtitles), out)
    else:
        texts = [written(TIMELINE_WRITERS[form], name, timeline) for name, timeline in found]
        header = "" if form == "text" or not texts else texts[0].partition("\n")[0] + "\n"
        parts = [text.removeprefix(header) for text in texts]
        out.write(header + ("\n" if form == "text" else "").join(parts))


def remarks(timeline: Timeline) -> tuple[str, ...]:
    """Sentences on what may be wrong with the recording, or its timeline being blank."""
    blank = () if timeline.total else (NO_SPEECH,)
    return (*blank, *(concern.sentence for concern in timeline.speech_warnings), *timeline.warnings)


def _subtitles(timeline: Timeline) -> list[Subtitle]:
    """Times and text of each cue of the vote."""
    return [
        (f"{_time(cue.start_s)} --> {_time(cue.stop_s)}", _in_words(cue.answer))
        for cue in timeline.cues()
    ]


def _time(place_s: float) -> str:
    return clock(place_s, decimals=3, full=True)


def _in_words(answer: Answer) -> str:
    """The answer and its confidence, or the one or two labels that an unsure one names."""
    if answer.unsure:
        return f"unsure: {' or '.join(answer.named)}"
    return f"{answer.label} {answer.confidence:.0%}"


# --- both ----------------------------------------------------------------------------------------


def _columns_of(key: str, answer: Answer) -> dict[str, str]:
    """``ANSWER_COLUMNS`` of one answer."""
    shares = zip(LABELS, answer.probabilities, strict=True)
    return {
        "model": key,
        "label": answer.label,
        "confidence": f"{answer.confidence:.6f}",
        "runner_up": answer.runner_up,
        "unsure": "yes" if answer.unsure else "no",
    } | {f"p_{label}": f"{p:.6f}" for label, p in shares}


def _answer_lines(rows: Sequence[Mapping[str, Answer]]) -> list[str]:
    """The names of the models, and under them their answers in columns, a line a row."""
    table = [list(rows[0]), *([_cell(answer) for answer in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(text.ljust(n) for text, n in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]


def write_text(rows: Sequence[Explained], out: TextIO) -> None:
    """Nothing; writes the answers and why, in sentences for a terminal."""
    for path, found in rows:
        if isinstance(found, str):
            out.write(f"{printable(path)}: {found}\n")
            continue
        lines = [printable(path)]
        for heading, sentences in explanation_blocks(found):
            lines += [heading, *(_wrapped(sentence) for sentence in sentences)]
        text = "\n".join([*lines, LOG_ODDS, ""])
        out.write(text.replace(NBSP, " ").replace(MINUS, "-"))  # not every terminal has them


def _wrapped(sentence: str) -> str:
    return textwrap.fill(
        sentence,
        TEXT_WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_on_hyphens=False,
    )


def _cell(answer: Answer) -> str:
    """The answer and its confidence; with a question mark where it is unsure, of one or two."""
    if answer.unsure:
        return f"{'/'.join(answer.named)}? {answer.confidence:.0%}"
    return f"{answer.label} {answer.confidence:.0%}"


def printable(text: str) -> str:
    """The text with control characters as escapes, so that a file name cannot steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def in_a_cell(name: str) -> str:
    """The name, quoted where a spreadsheet would run it as a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name
