"""Commands for single recordings: predict, timeline and explain."""

import argparse
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from emo.audio.channels import EACH, MIX, name_with_channel
from emo.audio.limit_text import ALL_LIMITS
from emo.audio.limits import MAX_BYTES
from emo.classifiers.label_subset import in_words
from emo.classifiers.registry import CLASSIFIERS
from emo.cli.options import (
    DONE,
    FAILED,
    Commands,
    add_among,
    add_channel,
    add_models,
    models_directory,
    write_text,
)
from emo.errors import AudioError, EmoError, GuestError, SettingError
from emo.formatting import NBSP

if TYPE_CHECKING:
    from emo.audio.clip import Clip
    from emo.inference.export import Row
    from emo.inference.guest.model import Guest
    from emo.inference.loading import Models
    from emo.inference.predictor import Prediction
    from emo.inference.timeline import Timeline

FORMATS = ("table", "json", "csv")
TIMELINE_FORMATS = ("text", "csv", "json", "srt", "vtt", "audacity", "textgrid", "eaf")

STANDARD_INPUT = "-"
"""Path that stands for a recording from standard input; a file of that name is ``./-``."""

STANDARD_INPUT_NAME = "standard input"

SAME_SPEAKER = (
    "state that all {} are of one speaker: their answers are then relative to what the clips have "
    "in common"
)


# --- options -------------------------------------------------------------------------------------


def add_answering(commands: Commands) -> None:
    """Add the commands predict, timeline and explain."""
    limits = f"Emo reads {ALL_LIMITS}".replace(NBSP, " ")
    recordings = "audio files, or - to read one from standard input"
    predict = commands.add_parser("predict", help="classify recordings", epilog=limits)
    predict.add_argument("paths", nargs="+", metavar="PATH", help=recordings)
    predict.add_argument(
        "--format", choices=FORMATS, default="table", help="format of the output (default: table)"
    )
    predict.add_argument("--same-speaker", action="store_true", help=SAME_SPEAKER.format("files"))
    add_channel(predict)
    add_among(predict)
    add_models(predict)
    predict.add_argument(
        "--guest",
        type=Path,
        metavar="FILE",
        help="a model by others, name.onnx with name.json beside it, whose answers stand beside "
        "those of the ensemble",
    )
    _add_settings(predict)
    predict.set_defaults(run=predict_command, parser=predict, guest_failed=False)

    timeline = commands.add_parser(
        "timeline", help="classify the speech in a recording over time", epilog=limits
    )
    timeline.add_argument(
        "path", metavar="FILE", help="an audio file, or - to read one from standard input"
    )
    timeline.add_argument(
        "--format",
        choices=TIMELINE_FORMATS,
        help="format of the output (default: by the extension of --out, or text)",
    )
    timeline.add_argument(
        "--same-speaker", action="store_true", help=SAME_SPEAKER.format("windows")
    )
    timeline.add_argument("--out", type=Path, metavar="FILE", help="file to write to")
    add_channel(timeline)
    add_among(timeline)
    add_models(timeline)
    timeline.set_defaults(run=timeline_command)

    explain = commands.add_parser(
        "explain", help="explain the answers of the models", epilog=limits
    )
    explain.add_argument("paths", nargs="+", metavar="FILE", help=recordings)
    explain.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="format of the output (default: text)",
    )
    add_channel(explain)
    add_among(explain)
    add_models(explain)
    explain.set_defaults(run=explain_command)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    settings = parser.add_argument_group("what if", "alter the clips before they are classified")
    settings.add_argument(
        "--snr",
        type=float,
        metavar="DB",
        help="add pink noise at this ratio of mean speech power to noise power, -10 to 60 dB",
    )
    settings.add_argument(
        "--speed",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="change the speed at constant pitch, 0.5 to 2 times as fast",
    )
    settings.add_argument(
        "--pitch",
        type=float,
        default=0.0,
        metavar="SEMITONES",
        help="change the pitch at constant speed, -12 to 12 semitones",
    )
    settings.add_argument(
        "--telephone", action="store_true", help="limit to the band of a telephone, 300 to 3400 Hz"
    )
    settings.add_argument(
        "--gain",
        type=float,
        default=0.0,
        metavar="DB",
        help="change the level, -40 to 40 dB, clipped at full scale",
    )


# --- recordings ----------------------------------------------------------------------------------


def read_standard_input(source: BinaryIO) -> bytes:
    """Return the bytes of a recording from standard input.

    At most a little more than ``MAX_BYTES`` are read; ``decode`` rejects a recording of that size.

    Raises
    ------
    AudioError
        Standard input is empty.
    """
    data = bytearray()
    while len(data) <= MAX_BYTES and (block := source.read(2**20)):
        data += block
    if not data:
        raise AudioError("Standard input is empty. Pipe a recording into it, and give - only once.")
    return bytes(data)


def _read(path: str) -> bytes:
    from emo.audio.clip import read_file

    if path != STANDARD_INPUT:
        return read_file(path)
    if sys.stdin is None or sys.stdin.isatty():
        raise AudioError("Standard input is a terminal. Pipe a recording into it, or give a path.")
    return read_standard_input(sys.stdin.buffer)


def load_clips(path: str, options: argparse.Namespace) -> "list[tuple[str, Clip | AudioError]]":
    """Return the clip of a path with its name, or one for each channel with ``--channel each``.

    A recording or channel that cannot be read has its error instead of a clip.
    """
    from emo.audio.clip import decode, decode_channels

    title = STANDARD_INPUT_NAME if path == STANDARD_INPUT else path
    name = "" if path == STANDARD_INPUT else os.path.basename(path)
    channel: str = options.channel
    try:
        if os.path.isdir(path):
            raise AudioError(_folder_sentence(path, options))
        data = _read(path)
        if channel == EACH:
            clips = decode_channels(data, name)
            return [(name_with_channel(title, key), clip) for key, clip in clips.items()]
        return [(name_with_channel(title, channel), decode(data, name, channel))]
    except AudioError as error:
        return [(title if channel == EACH else name_with_channel(title, channel), error)]


def _folder_sentence(path: str, options: argparse.Namespace) -> str:
    """Return the sentence for a folder, with the command that classifies the recordings in it."""
    command = ["python", "-m", "emo", "batch", path, "--out", "answers.csv"]
    command += ["--timeline"] if options.run is timeline_command else []
    command += ["--channel", options.channel] if options.channel != MIX else []
    command += ["--among", ",".join(options.among)] if options.among != options.model_labels else []
    command += ["--speaker-from", "folder"] if _is_one_voice(options) else []
    command += ["--models", str(options.models)] if options.models else []
    return f"This path is a folder. To classify all recordings in it, run: {shlex.join(command)}"


def _is_one_voice(options: argparse.Namespace) -> bool:
    return options.run is predict_command and options.same_speaker


# --- predict, timeline, explain ------------------------------------------------------------------


def predict_command(options: argparse.Namespace) -> int:
    """Print the answers to recordings."""
    from emo.audio.alteration import Alteration, alter_clip
    from emo.inference.export import Row, write_csv, write_json, write_table
    from emo.inference.guest.model import load_guest
    from emo.inference.loading import load_usable
    from emo.inference.predictor import predict_altered

    try:
        settings = Alteration(
            options.snr, options.speed, options.pitch, options.telephone, options.gain
        )
    except SettingError as error:
        options.parser.error(str(error))
    if options.same_speaker and options.channel == EACH:
        options.parser.error(
            "--same-speaker goes without --channel each, since the channels of a recording may be "
            "of different speakers; name one channel"
        )
    models = load_usable(models_directory(options))
    _print_faults(models.faults)
    guest = load_guest(options.guest) if options.guest else None
    rows: list[Row] = []
    for path in options.paths:
        for name, clip in load_clips(path, options):
            try:
                if isinstance(clip, AudioError):
                    raise clip
                prediction = predict_altered(clip, settings, models, options.among)
                if guest is not None:
                    prediction = _beside_guest(
                        prediction, guest, alter_clip(clip, settings), options
                    )
                _print_faults(prediction.faults)
                rows.append((name, prediction))
            except AudioError as error:
                rows.append((name, str(error)))
    if options.same_speaker:
        rows = _with_voice(rows, models)
    write = {"json": write_json, "csv": write_csv, "table": write_table}[options.format]
    write(rows, sys.stdout)
    failed = [isinstance(outcome, str) or bool(outcome.faults) for _, outcome in rows]
    return FAILED if models.faults or any(failed) or options.guest_failed else DONE


def _beside_guest(
    prediction: "Prediction", guest: "Guest", clip: "Clip", options: argparse.Namespace
) -> "Prediction":
    """Return a prediction with the answer of the guest; without it, and a message, if it fails."""
    from emo.inference.guest.model import with_guest

    try:
        return with_guest(prediction, guest.answer(clip), options.among)
    except GuestError as error:
        print(f"emo: {error}", file=sys.stderr)
        options.guest_failed = True
        return prediction


def _with_voice(rows: "list[Row]", models: "Models") -> "list[Row]":
    """Return rows with the voice known for all clips that could be read."""
    from emo.inference.known_voice import know_speakers

    _print_voice_fault(models)
    plain = [result for _, result in rows if not isinstance(result, str)]
    known = iter(know_speakers(plain, ["the same"] * len(plain), models))
    return [(name, result if isinstance(result, str) else next(known)) for name, result in rows]


def _print_voice_fault(models: "Models") -> None:
    if models.voice_fault:
        print(f"emo: plain answers are kept: {models.voice_fault}", file=sys.stderr)


def _print_faults(faults: Mapping[str, str]) -> None:
    """Print which classifiers give no answer, and why."""
    for key, fault in faults.items():
        name = CLASSIFIERS[key].title.lower()
        print(
            f"emo: the {name} has no answer and no part in the ensemble: {fault}", file=sys.stderr
        )


def timeline_command(options: argparse.Namespace) -> int:
    """Print the answers to a recording over time, or write them to a file."""
    from emo.inference import export
    from emo.inference.loading import load_usable

    models = load_usable(models_directory(options))
    _print_faults(models.faults)
    if options.same_speaker:
        _print_voice_fault(models)
    clips = load_clips(options.path, options)
    if options.out and options.out.exists() and _is_same(options.out, options.path):
        raise EmoError("--out names the recording itself, which would be lost; name another file.")
    errors = [f"{name}: {clip}" for name, clip in clips if isinstance(clip, AudioError)]
    timelines = [
        (name, _compute_timeline(clip, models, options))
        for name, clip in clips
        if not isinstance(clip, AudioError)
    ]
    form = options.format or _format_by_name(options.out)
    if len(clips) > 1:
        _write(options.out, export.written(export.write_timelines, form, timelines))
    elif timelines:
        _write(options.out, export.written(export.TIMELINE_WRITERS[form], *timelines[0]))
    if form not in ("text", "json"):  # the other formats have no place for remarks
        if options.among != options.model_labels:
            chosen = in_words(options.among, options.model_labels)
            print(f"emo: {export.CHOSEN} {chosen}.", file=sys.stderr)
        remarks = [sentence for _, timeline in timelines for sentence in export.remarks(timeline)]
        for sentence in dict.fromkeys(remarks):
            print(f"emo: {sentence}", file=sys.stderr)
    for sentence in errors:
        print(f"emo: {sentence}", file=sys.stderr)
    for _, timeline in timelines:
        _print_faults(timeline.faults)
    return FAILED if errors or any(timeline.faults for _, timeline in timelines) else DONE


def _is_same(out: Path, path: str) -> bool:
    return path != STANDARD_INPUT and os.path.exists(path) and out.samefile(path)


def _compute_timeline(clip: "Clip", models: "Models", options: argparse.Namespace) -> "Timeline":
    """Return the timeline of a clip; print the progress on a terminal."""
    from emo.inference.timeline import iter_timeline

    windows = iter_timeline(clip, models, among=options.among, same_speaker=options.same_speaker)
    for timeline in windows:
        if sys.stderr.isatty():
            progress = f"\r{timeline.done} of {timeline.total} windows"
            print(progress, end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return timeline


def _format_by_name(path: Path | None) -> str:
    suffix = path.suffix[1:].lower() if path else ""
    return suffix if suffix in TIMELINE_FORMATS else "text"


def _write(path: Path | None, text: str) -> None:
    """Write a text to a file, or print it where no file is named."""
    if path is None:
        sys.stdout.write(text)
    else:
        write_text(path, text)


def explain_command(options: argparse.Namespace) -> int:
    """Print explanations of the classifiers' answers."""
    from emo.inference.explanation import explain
    from emo.inference.export import Explained, write_json, write_text
    from emo.inference.loading import load_models

    models = load_models(models_directory(options))
    rows: list[Explained] = []
    for path in options.paths:
        for name, clip in load_clips(path, options):
            try:
                if isinstance(clip, AudioError):
                    raise clip
                rows.append((name, explain(clip, models, options.among)))
            except AudioError as error:
                rows.append((name, str(error)))
    if options.format == "json":
        write_json(rows, sys.stdout)
    else:
        write_text(rows, sys.stdout)
    return FAILED if any(isinstance(outcome, str) for _, outcome in rows) else DONE
