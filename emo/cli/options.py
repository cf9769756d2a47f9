"""Exit statuses, options and output that several commands share."""

import argparse
import json
import os
from pathlib import Path
from typing import Any, TypeAlias

from emo.audio.channels import CHANNELS, MIX
from emo.classifiers.label_subset import read_subset
from emo.classifiers.own.model_set import read_model_set
from emo.errors import EmoError, SettingError

DONE, FAILED = 0, 1
"""Exit statuses; argparse exits with 2 for wrong usage."""

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--models``, the folder of the models."""
    parser.add_argument(
        "--models",
        type=Path,
        metavar="FOLDER",
        help="folder of the models (default: those that come with Emo)",
    )


def add_channel(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--channel``, the channel of a recording to classify."""
    parser.add_argument(
        "--channel",
        choices=CHANNELS,
        default=MIX,
        metavar="NAME",
        help="channel of a recording with several: mix of all (default), left, right, a number "
        "from 1, or each separately",
    )


def add_among(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--among``, the emotions that can occur."""
    parser.add_argument(
        "--among",
        metavar="EMOTIONS",
        help="the emotions that can occur, with commas, such as angry,happy,neutral,sad; the "
        "answer is chosen among them (default: all)",
    )
    parser.set_defaults(among_parser=parser)


def read_among(options: argparse.Namespace) -> None:
    """Replace the text of ``--among`` by labels of the models, which ``model_labels`` then are.

    Raises
    ------
    ModelError
        The folder of the models states its labels, and they cannot be read.
    SystemExit
        With status 2 if the text names other labels, or fewer than two.
    """
    if not hasattr(options, "among"):
        return
    options.model_labels = read_model_set(models_directory(options)).labels
    try:
        options.among = read_subset(options.among, options.model_labels)
    except SettingError as error:
        options.among_parser.error(f"argument --among: {error}")


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--jobs``, the number of worker processes."""
    parser.add_argument(
        "--jobs",
        type=positive_number,
        default=os.cpu_count() or 1,
        metavar="N",
        help="number of worker processes (default: one for each core)",
    )


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--report``, a file that lists what was skipped or not read."""
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="name.csv or name.jsonl: path and reason of each file skipped or not answered",
    )


def whole_number(text: str) -> int:
    """Return the whole number of at least 0 in an argument.

    Raises
    ------
    argparse.ArgumentTypeError
        The text is something else.
    """
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text[:40]} is not a whole number of at least 0")
    return int(text)


def positive_number(text: str) -> int:
    """Return the whole number of at least 1 in an argument.

    Raises
    ------
    argparse.ArgumentTypeError
        The text is something else.
    """
    if whole_number(text) == 0:
        raise argparse.ArgumentTypeError("0 is too small; the number must be at least 1")
    return int(text)


def models_directory(options: argparse.Namespace) -> Path:
    """Return the folder of the models."""
    from emo.system.paths import MODELS_DIR

    return options.models or MODELS_DIR


def write_text(path: Path, text: str) -> None:
    """Write a text to a file, or to a pipe that has a reader.

    Raises
    ------
    EmoError
        The file cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags, 0o666)  # O_NONBLOCK: a pipe without a reader fails
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(descriptor, True)
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
    except OSError as error:
        raise EmoError(f"{path} cannot be written: {error.strerror}.") from error


def write_report(path: Path | None, report: dict[str, Any]) -> None:
    """Write figures as JSON if a path is given."""
    if path is not None:
        write_text(path, json.dumps(report, indent=1) + "\n")
