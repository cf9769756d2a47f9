"""Own corpora on the command line: the options that name them, and their audit."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from emo.cli.options import DONE, write_report
from emo.formatting import NBSP
from emo.inference.export import printable
from emo.system.packages import require_training

if TYPE_CHECKING:
    from emo.corpora.own.reading import OwnCorpora

CORPUS_HELP = (
    "a corpus of your own: a manifest (CSV with the columns path, emotion and speaker), or a "
    "folder of clips; repeatable"
)
PATTERN_HELP = (
    "where the names of the files in a folder state emotion and speaker, such as "
    '"{speaker}_{emotion}_*.wav"; without it, the folders do: emotion/speaker/clip.wav'
)
LABELS_HELP = (
    "CSV with the columns own,emo: what a label of the files means; an empty second cell leaves "
    "its clips out"
)


def add_corpora(parser: argparse.ArgumentParser, labels: bool = True) -> None:
    """Add the options that name own corpora.

    Parameters
    ----------
    parser
    labels
        Whether to add ``--labels``, which some commands have already.
    """
    group = parser.add_argument_group("own clips", "instead of the four corpora, or beside them")
    group.add_argument("--corpus", type=Path, action="append", metavar="PATH", help=CORPUS_HELP)
    group.add_argument("--pattern", metavar="NAMES", help=PATTERN_HELP)
    if labels:
        group.add_argument("--labels", type=Path, metavar="MAP", help=LABELS_HELP)


def check_corpora(options: argparse.Namespace) -> None:
    """End with a usage error where an option for own clips is given without ``--corpus``."""
    for name in ("pattern", "labels"):
        if getattr(options, name) is not None and not options.corpus:
            options.parser.error(f"--{name} goes with --corpus")


def read_corpora(options: argparse.Namespace) -> "OwnCorpora":
    """Return the own corpora that the options name."""
    from emo.corpora.own.reading import read_own

    return read_own(options.corpus, options.pattern, options.labels)


def audit_corpora(options: argparse.Namespace) -> int:
    """Print and write what own corpora hold and lack."""
    require_training(("tqdm",))
    from emo.corpora.own.audit import audit_own, format_own_audit

    own = read_corpora(options)
    with progress_bar("audit") as progress:
        report = audit_own(own, progress)
    print(printable_lines(format_own_audit(report)))
    write_report(options.json, report.to_dict())
    return DONE


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for clips; the function takes the number done and that of all."""
    from tqdm import tqdm

    with tqdm(desc=title, unit="clip") as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def printable_lines(text: str) -> str:
    """Return a text whose lines have no control characters, and no spaces that do not break."""
    return "\n".join(printable(line) for line in text.replace(NBSP, " ").split("\n"))


def say(sentence: str) -> None:
    """Print a sentence on the standard error."""
    print(f"emo: {printable_lines(sentence)}", file=sys.stderr)
