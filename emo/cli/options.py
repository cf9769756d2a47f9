"""What the commands share: exit statuses, options, and how text is written."""

import argparse
import json
import os
from pathlib import Path
from typing import Any, TypeAlias

from emo.audio.channels import CHANNELS, MIX
from emo.errors import EmoError

DONE, FAILED = 0, 1  # argparse itself exits with 2 for wrong usage

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the folder of the models."""
    parser.add_argument("--models", type=Path, help="folder of the models (default: models/)")


def add_channel(parser: argparse.ArgumentParser) -> None:
    """Add the option that says which channel of a recording is answered."""
    parser.add_argument(
        "--channel",
        choices=CHANNELS,
        default=MIX,
        metavar="NAME",
        help="of a recording with several, as calls have: mix (default), left, right, a number "
        "from 1, or each by itself",
    )


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add the option that says how many processes work."""
    parser.add_argument(
        "--jobs", type=positive_number, default=os.cpu_count() or 1, help="worker processes"
    )


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a file for what was not used."""
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="name.csv or name.jsonl: path and reason of each that was passed over or not read",
    )


def whole_number(text: str) -> int:
    """Return a number from 0 up; argparse makes a sentence of the error."""
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text[:40]} is not a whole number from 0 up")
    return int(text)


def positive_number(text: str) -> int:
    """Return a number from 1 up."""
    if whole_number(text) == 0:
        raise argparse.ArgumentTypeError("0 is too few")
    return int(text)


def models_directory(options: argparse.Namespace) -> Path:
    """Return the folder of the models."""
    from emo.system.paths import MODELS_DIR

    return options.models or MODELS_DIR


def write_text(path: Path, text: str) -> None:
    """Write a text to a file, or to a pipe that somebody reads.

    Raises
    ------
    EmoError
        It cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NONBLOCK", 0)
    try:
        number = os.open(path, flags, 0o666)  # a pipe that nobody reads is an error, no wait
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(number, True)
        with open(number, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
    except OSError as error:
        raise EmoError(f"{path} cannot be written: {error.strerror}.") from error


def write_report(path: Path | None, report: dict[str, Any]) -> None:
    """Write figures as JSON where a file is named for them."""
    if path is not None:
        write_text(path, json.dumps(report, indent=1) + "\n")
