"""Own corpora on the command line: the options that name them, audit, train and evaluate."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from emo.cli.croissant import describe_own
from emo.cli.options import DONE, write_report
from emo.errors import EmoError
from emo.formatting import NBSP, percent
from emo.inference.export import printable
from emo.system.packages import require_training

if TYPE_CHECKING:
    from emo.corpora.own.reading import OwnCorpora
    from emo.evaluation.stored import ProtocolFigures
    from emo.training.own import OwnDataset

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


def refuse_own(models: Path, what: str) -> None:
    """Raise for a folder of own models where a command is about the models that ship.

    Parameters
    ----------
    models
        Folder of the models.
    what
        What cannot be done, to follow "so".

    Raises
    ------
    EmoError
        The folder holds own models.
    """
    from emo.classifiers.own.model_set import read_model_set

    if read_model_set(models).is_own:
        raise EmoError(f"{models} holds own models, so {what}. docs/own-data.md says what is.")


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
    if options.croissant:
        describe_own(options, own, report)
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


# --- evaluate and train --------------------------------------------------------------------------


HEAD = "head"
"""Name on the command line of the classifiers on the frozen encoder (``pretrained``)."""


def keys_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of classifiers that are named, ``head`` and ``all`` among the names.

    Raises
    ------
    EmoError
        The classifier that knows the voice is named alone, which own clips cannot train.
    """
    from emo.classifiers.own.model_set import known_classifiers
    from emo.classifiers.registry import CLASSIFIERS
    from emo.classifiers.voice import VOICE

    if list(names) == [VOICE]:
        raise EmoError(
            "The classifier that knows the voice cannot be trained on own clips. Train head, all "
            f"or one of {', '.join(CLASSIFIERS)}."
        )
    keys = with_heads(names)
    return known_classifiers(CLASSIFIERS if "all" in keys else keys)


def with_heads(names: Sequence[str]) -> tuple[str, ...]:
    """Return keys with those of the classifiers on the frozen encoder in place of ``head``."""
    from emo.classifiers.registry import CLASSIFIERS

    heads = [key for key, row in CLASSIFIERS.items() if row.is_pretrained]
    return tuple(key for name in names for key in (heads if name == HEAD else [name]))


def train_corpora(options: argparse.Namespace) -> int:
    """Fit classifiers on own clips, and write them into a folder of own models."""
    require_training()
    from emo.training.own import train_own

    own, models = _load(options, keys_of([options.which])), _own_models(options)
    notes = train_own(keys_of([options.which]), own, models, options.command, options.seed)
    say(f"{models} answers with {', '.join(own.labels)}: emo predict --models {models} PATH")
    for note in notes:
        say(note)
    return DONE


def evaluate_corpora(options: argparse.Namespace) -> int:
    """Print and write how often classifiers are right on own clips."""
    require_training()
    from emo.cli.batch import print_scores
    from emo.corpora.own.folds import leak_test
    from emo.evaluation.own.cross_validation import evaluate_own

    names = options.classifier or _trained_here(options) or [HEAD]
    own, models = _load(options, keys_of(names), options.protocol), _own_models(options)
    figures = {}
    for protocol in dict.fromkeys(options.protocol):
        found = evaluate_own(protocol, keys_of(names), own, models, options.command, options.seed)
        say(leak_test(found.folds))
        print(f"\n{protocol}")
        print_scores({key: dict(block) for key, block in found.figures.items()})
        print(printable_lines(_expectation(protocol, found.figures, len(own.labels))))
        figures[protocol] = found.figures
    write_report(options.json, {"labels": list(own.labels), "protocols": figures})
    return DONE


def _trained_here(options: argparse.Namespace) -> list[str]:
    """Return the classifiers of the folder of own models, if it is one."""
    from emo.classifiers.own.model_set import read_model_set

    own = read_model_set(_own_models(options))
    return list(own.classifiers) if own.is_own else []


def _own_models(options: argparse.Namespace) -> Path:
    if options.models is None:
        options.parser.error(
            "own clips need a folder of own models; name one, such as --models my-models"
        )
    return Path(options.models)


def _load(
    options: argparse.Namespace, keys: Sequence[str], protocols: Sequence[str] = ()
) -> "OwnDataset":
    """Read and check the clips that the options name, say what is to be known, and measure them."""
    from emo.classifiers.own.model_set import check_target
    from emo.corpora.own.checks import check_protocol
    from emo.training.own import add_corpora as add_the_four
    from emo.training.own import answer_labels, check_own, load_own

    models, clips = _own_models(options), read_corpora(options)
    if options.data:
        clips = add_the_four(clips, options.data, options.labels)
    checked = check_own(clips)
    for note in checked.notes:
        say(note)
    for protocol in protocols:
        check_protocol(protocol, checked.own.recordings)
    check_target(models, answer_labels(checked.own.recordings))
    return load_own(checked, keys, options.jobs, options.data)


def _expectation(protocol: str, figures: "Mapping[str, ProtocolFigures]", n_labels: int) -> str:
    """Return in a sentence how often the ensemble is right, with its interval."""
    from emo.corpora.protocols import PROTOCOLS as DESCRIBED
    from emo.labels import ENSEMBLE

    block = figures[ENSEMBLE]
    low, high = block["intervals"]["accuracy"]
    counts = {label: rates["n"] for label, rates in block["per_class"].items()}
    most = max(counts, key=lambda label: counts[label])
    share = counts[most] / block["n"]
    sentence = (
        f"Tested on {DESCRIBED[protocol].tests}: right for {percent(block['accuracy'])} "
        f"({percent(low)} to {percent(high)}) of the clips; guessing is right for "
        f"{percent(1 / n_labels)}, and the answer {most} alone for {percent(share)}."
    )
    if selective := block.get("selective"):
        coverage = selective["coverage_cross_fitted"]
        right = selective["selective_accuracy_cross_fitted"]
        sentence += f" {percent(coverage)} of the answers are not unsure" + (
            f", and {percent(right)} of these are right." if coverage else "."
        )
    return sentence
