"""Write predictions, timelines and explanations as text, JSON, CSV, subtitles and annotations."""

import csv
import io
import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from emo.audio.channels import parse_channel
from emo.classifiers.label_subset import in_words, subset_key
from emo.classifiers.voice import VOICE
from emo.features.quality import quality_warnings
from emo.formatting import MINUS, NBSP, clock
from emo.inference import annotations
from emo.inference.embeddings import Embedding
from emo.inference.explanation import Explanation
from emo.inference.explanation_text import LOG_ODDS, explanation_blocks
from emo.inference.headline import headline
from emo.inference.predictor import Answer, Prediction
from emo.inference.timeline import Timeline
from emo.labels import LABELS

Row = tuple[str, Prediction | str]
"""A path and its prediction, or the sentence that says why there is none."""

Explained = tuple[str, Explanation | str]
"""A path and its explanation, or the sentence that says why there is none."""

Subtitle = tuple[str, str]
"""Start and stop, and the text in between."""

TEXT_WIDTH = 100

VOICE_COLUMNS = ("voice_clips", "voice_note")
SPAN_COLUMNS = ("start_s", "stop_s", "segment_start_s", "segment_end_s")

NO_SPEECH = "No speech was found in this recording."
CHOSEN = "The answers are chosen"


def answer_columns(labels: Sequence[str] = LABELS) -> tuple[str, ...]:
    """Return the columns of an answer among labels, in CSV."""
    shares = (f"p_{label}" for label in labels)
    return ("model", "label", "confidence", "runner_up", "unsure", *shares)


def columns(labels: Sequence[str] = LABELS) -> tuple[str, ...]:
    """Return the columns of the CSV of clips that models with some labels answered."""
    answered = answer_columns(labels)
    return ("path", "duration_s", "among", *answered, "speech_warnings", "warnings", "error")


def timeline_columns(labels: Sequence[str] = LABELS) -> tuple[str, ...]:
    """Return the columns of the CSV of a timeline by models with some labels."""
    return ("path", *SPAN_COLUMNS, "among", *answer_columns(labels))


def written(write: Callable[..., None], *arguments: Any) -> str:
    """Return as text what a function of this module writes for arguments before ``out``."""
    out = io.StringIO()
    write(*arguments, out)
    return out.getvalue()


# --- clips ---------------------------------------------------------------------------------------


def to_entry(
    path: str,
    result: Prediction | Explanation | str,
    timeline: Timeline | None = None,
    embedding: Embedding | None = None,
) -> dict[str, Any]:
    """Return the values for JSON of a path: the fields of its result, or ``error``.

    Parameters
    ----------
    path, result
        As in ``Row`` and ``Explained``.
    timeline, embedding
        Of the same recording, under keys of their own; None for none.
    """
    if isinstance(result, str):
        return {"path": path, "error": result}
    entry = {"path": path} | result.to_dict()
    if timeline is not None:
        entry["timeline"] = timeline.to_dict()
    if embedding is not None:
        # Nine digits tell any two numbers of 32 bits apart.
        entry["embeddings"] = {
            layer: [float(f"{number:.9g}") for number in numbers.tolist()]
            for layer, numbers in embedding.items()
        }
    return entry


def write_json(rows: Sequence[Row | Explained], out: TextIO) -> None:
    """Write a list with an object for each path: the fields of its result, or ``error``."""
    entries = [to_entry(path, result) for path, result in rows]
    json.dump(entries, out, indent=1, ensure_ascii=False)
    out.write("\n")


def write_csv(rows: Sequence[Row], out: TextIO) -> None:
    """Write a line for each path and model, or for a path one line with its error.

    ``VOICE_COLUMNS`` follow where a speaker is stated.
    """
    stated = any(not isinstance(result, str) and result.voice_note for _, result in rows)
    labels = next((row.labels for _, row in rows if not isinstance(row, str)), LABELS)
    names = (*columns(labels), *(VOICE_COLUMNS if stated else ()))
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    for path, result in rows:
        if isinstance(result, str):
            writer.writerow({"path": in_a_cell(path), "error": result})
            continue
        shared = {
            "path": in_a_cell(path),
            "duration_s": f"{result.duration_s:.3f}",
            "among": subset_key(result.among),
            "speech_warnings": " ".join(warning.sentence for warning in result.speech_warnings),
            "warnings": " ".join(result.warnings),
        }
        if result.voice_note:
            voice = (str(result.voice_clips), result.voice_note)
            shared |= dict(zip(VOICE_COLUMNS, voice, strict=True))
        for key, answer in result.answers.items():
            writer.writerow(shared | _columns_of(key, answer))


def write_table(rows: Sequence[Row], out: TextIO) -> None:
    """Write one line for each path for a terminal, and the warnings of the clip under it."""
    width = max(len(printable(path)) for path, _ in rows)
    answers = [result.answers for _, result in rows if not isinstance(result, str)]
    lines = iter(_answer_lines(answers) if answers else ())
    if answers:
        out.write(f"{'path':<{width}} {'s':>6}  {next(lines)}\n")
    for path, result in rows:
        cell = printable(path).ljust(width)
        if isinstance(result, str):
            out.write(f"{cell} {result}\n")
            continue
        out.write(f"{cell} {result.duration_s:6.2f}  {next(lines)}\n")
        sentences = [
            *(warning.sentence for warning in result.speech_warnings),
            *result.warnings,
            *_reasons(result),
        ]
        for sentence in sentences:
            out.write(f"{' ' * width} {sentence}\n")
    subsets = {
        (result.among, result.labels)
        for _, result in rows
        if not isinstance(result, str) and result.among != result.labels
    }
    for among, labels in sorted(subsets):
        out.write(f"{CHOSEN} {in_words(among, labels)}.\n")
    notes = [result.voice_note for _, result in rows if not isinstance(result, str)]
    for note in filter(None, dict.fromkeys(notes)):
        out.write(f"{note}\n")


def _reasons(prediction: Prediction) -> list[str]:
    """Return a line on what in the recording may make answers unsure, if there is anything."""
    reasons = " ".join(quality_warnings(prediction.quality).values())
    if reasons and prediction.unsure:
        return [f"Unsure: {', '.join(prediction.unsure)}. This may be why: {reasons}"]
    return [reasons] if reasons else []


# --- timelines -----------------------------------------------------------------------------------


def write_timeline_json(path: str, timeline: Timeline, out: TextIO) -> None:
    """Write one object: the path and the timeline's fields."""
    json.dump({"path": path} | timeline.to_dict(), out, indent=1, ensure_ascii=False)
    out.write("\n")


def write_timeline_csv(path: str, timeline: Timeline, out: TextIO) -> None:
    """Write a line for each window and model."""
    writer = csv.DictWriter(out, timeline_columns(timeline.labels), lineterminator="\n")
    writer.writeheader()
    for window_s, segment_s, answers in zip(
        timeline.windows_s, timeline.segments_s, timeline.answers(), strict=True
    ):
        times = (f"{time_s:.3f}" for time_s in (*window_s, *segment_s))
        shared = {"path": in_a_cell(path)} | dict(zip(SPAN_COLUMNS, times, strict=True))
        shared["among"] = subset_key(timeline.among)
        for key, answer in answers.items():
            writer.writerow(shared | _columns_of(key, answer))


def write_timeline_table(path: str, timeline: Timeline, out: TextIO) -> None:
    """Write one line for each window for a terminal, under path, warnings and headline."""
    is_whole = timeline.among == timeline.labels
    chosen = "" if is_whole else f", {in_words(timeline.among, timeline.labels)}"
    windows = f"{timeline.total} windows{chosen}"
    out.write(f"{printable(path)}: {timeline.duration_s:.2f} s, {windows}\n")
    for sentence in remarks(timeline):
        out.write(f"{sentence}\n")
    if not timeline.total:
        return
    out.write(f"{headline(timeline).text}.\n".replace(NBSP, " "))
    head, *lines = _answer_lines(timeline.answers())
    out.write(f"{'from':>7} {'to':>7}  {head}\n")
    for (start_s, stop_s), line in zip(timeline.windows_s, lines, strict=True):
        out.write(f"{start_s:7.2f} {stop_s:7.2f}  {line}\n")


def write_srt(path: str, timeline: Timeline, out: TextIO) -> None:
    """Write a SubRip subtitle for each cue of the ensemble; the path is not written."""
    _write_srt(_subtitles(timeline), out)


def write_vtt(path: str, timeline: Timeline, out: TextIO) -> None:
    """Write a WebVTT subtitle for each cue of the ensemble; the path is not written."""
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
    **annotations.WRITERS,
}


def write_timelines(form: str, timelines: Sequence[tuple[str, Timeline]], out: TextIO) -> None:
    """Write the timelines of all channels of a recording, by their names, into one file.

    JSON becomes a list; each subtitle, label and tier begins with its channel.
    """
    if form == "json":
        listed = [{"path": name} | timeline.to_dict() for name, timeline in timelines]
        json.dump(listed, out, indent=1, ensure_ascii=False)
        out.write("\n")
    elif form in ("srt", "vtt"):
        subtitles = [
            (times, f"{parse_channel(name)}: {text}")
            for name, timeline in timelines
            for times, text in _subtitles(timeline)
        ]
        (_write_srt if form == "srt" else _write_vtt)(sorted(subtitles), out)
    elif form in annotations.WRITERS:
        channels = [(str(parse_channel(name)), timeline) for name, timeline in timelines]
        annotations.write_all(form, channels, out)
    else:
        texts = [written(TIMELINE_WRITERS[form], name, timeline) for name, timeline in timelines]
        header = "" if form == "text" or not texts else texts[0].partition("\n")[0] + "\n"
        parts = [text.removeprefix(header) for text in texts]
        out.write(header + ("\n" if form == "text" else "").join(parts))


def remarks(timeline: Timeline) -> tuple[str, ...]:
    """Return the warnings of a timeline, and a sentence where it has no window."""
    blank = () if timeline.total else (NO_SPEECH,)
    voice = (timeline.voice_note,) if timeline.voice_note else ()
    sentences = (warning.sentence for warning in timeline.speech_warnings)
    return (*blank, *voice, *sentences, *timeline.warnings)


def _subtitles(timeline: Timeline) -> list[Subtitle]:
    """Return the times and the text of each cue of the ensemble."""
    return [
        (f"{_time(cue.start_s)} --> {_time(cue.stop_s)}", annotations.in_words(cue.answer))
        for cue in timeline.cues()
    ]


def _time(place_s: float) -> str:
    return clock(place_s, decimals=3, full=True)


# --- both ----------------------------------------------------------------------------------------


def _columns_of(key: str, answer: Answer) -> dict[str, str]:
    """Return the cells of ``answer_columns`` of an answer."""
    shares = zip(answer.labels, answer.probabilities, strict=True)
    return {
        "model": key,
        "label": answer.label,
        "confidence": f"{answer.confidence:.6f}",
        "runner_up": answer.runner_up,
        "unsure": "yes" if answer.unsure else "no",
    } | {f"p_{label}": f"{p:.6f}" for label, p in shares}


def _answer_lines(rows: Sequence[Mapping[str, Answer]]) -> list[str]:
    """Return the names of the models, and a line for each row with their answers in columns.

    The answers with the voice known come first; a model without an answer has an empty cell.
    """
    keys = list(dict.fromkeys(key for row in rows for key in row))
    keys.sort(key=lambda key: key != VOICE)
    table = [keys, *([str(row.get(key, "")) for key in keys] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(text.ljust(n) for text, n in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]


def write_text(rows: Sequence[Explained], out: TextIO) -> None:
    """Write answers and explanations in sentences for a terminal."""
    for path, result in rows:
        if isinstance(result, str):
            out.write(f"{printable(path)}: {result}\n")
            continue
        among, labels = result.prediction.among, result.prediction.labels
        lines = [printable(path)]
        lines += [f"{CHOSEN} {in_words(among, labels)}."] if among != labels else []
        for heading, sentences in explanation_blocks(result):
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


def printable(text: str) -> str:
    """Return a text with control characters escaped, which could steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def in_a_cell(name: str) -> str:
    """Return a name, with an apostrophe where a spreadsheet would run it as a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name
