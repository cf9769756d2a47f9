"""What the commands share: exit statuses, options, and how text is written."""

import argparse
import json
import os
from pathlib import Path
from typing import Any, TypeAlias

from emo.errors import EmoError

DONE, FAILED, INTERRUPTED = 0, 1, 130  # argparse itself exits with 2 for wrong usage

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the folder of the models."""
    parser.add_argument("--models", type=Path, help="folder of the models (default: models/)")


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add the option that says how many processes work."""
    parser.add_argument(
        "--jobs", type=positive, default=os.cpu_count() or 1, help="worker processes"
    )


def whole(text: str) -> int:
    """Return a number from 0 up; argparse makes a sentence of the error."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 up")
    return int(text)


def positive(text: str) -> int:
    """Return a number from 1 up."""
    if whole(text) == 0:
        raise argparse.ArgumentTypeError("0 is too few")
    return int(text)


def models_directory(options: argparse.Namespace) -> Path:
    """Return the folder of the models."""
    from emo.predict import MODELS_DIR

    return options.models or MODELS_DIR


def write_text(path: Path, text: str) -> None:
    """Write a text to a file.

    Raises
    ------
    EmoError
        It cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise EmoError(f"{path} cannot be written: {error.strerror}.") from error


def write_report(path: Path | None, report: dict[str, Any]) -> None:
    """Write figures as JSON where a file is named for them."""
    if path is not None:
        write_text(path, json.dumps(report, indent=1) + "\n")
