"""Emo from the command line: predict, batch, timeline, explain, evaluate, train, corpora, cards."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# One BLAS thread: small products are faster without threads, and workers do not fight for cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from emo.classifiers import CLASSIFIERS
from emo.cli_answering import add_answering, add_channel
from emo.cli_options import (
    DONE,
    FAILED,
    INTERRUPTED,
    Commands,
    add_jobs,
    add_models,
    models_directory,
    whole,
    write_report,
)
from emo.errors import CorpusError, EmoError
from emo.folds import PROTOCOLS
from emo.packages import require_training

ANSWERS = (*CLASSIFIERS, "vote")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 something could not be read or done, 2 wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file name need not be text
    options.command = f"python -m emo {shlex.join(given)}"
    try:
        return int(options.run(options))
    except EmoError as error:
        print(f"emo: {error}", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"emo: {error.filename or 'A file'}: {error.strerror or error}.", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(
            f"emo: this needs the package {error.name}. Install all that training needs with: "
            "pip install -r requirements.txt",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        print("emo: stopped. Training goes on from its last checkpoint.", file=sys.stderr)
        return INTERRUPTED
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emo", description="Match voices with seven acted emotions."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_answering(commands)
    _add_measuring(commands)
    _add_describing(commands)
    return parser


def _add_answering(commands: Commands) -> None:
    """Commands that answer for recordings."""
    add_answering(commands)

    batch = commands.add_parser("batch", help="label any number of recordings into a file")
    batch.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="files, folders, patterns, tar archives, addresses (s3://…), lists (.txt with a path "
        "a line), or - for a list from standard input",
    )
    batch.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="name.jsonl, name.csv or name.parquet; if an earlier run was stopped, the same "
        "command goes on",
    )
    batch.add_argument("--timeline", action="store_true", help="a row a window of three seconds")
    add_jobs(batch)
    batch.add_argument("--dask", default="", metavar="ADDRESS", help="of a Dask cluster, or local")
    add_channel(batch)
    add_models(batch)
    batch.set_defaults(run=_batch, parser=batch)


def _add_measuring(commands: Commands) -> None:
    """Commands that fit and measure the classifiers."""
    evaluate = commands.add_parser("evaluate", help="measure how often the classifiers are right")
    source = evaluate.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--protocol",
        choices=(*PROTOCOLS, "listeners", "presence", "all"),
        action="append",
        help="train on part of the corpora and test on the rest; repeatable",
    )
    source.add_argument("--manifest", type=Path, help="CSV with the columns path and emotion")
    evaluate.add_argument("--fold", type=int, action="append", help="only this fold; repeatable")
    evaluate.add_argument(
        "--classifier",
        choices=tuple(CLASSIFIERS),
        action="append",
        help="run only this one, others keep their stored answers; repeatable",
    )
    evaluate.add_argument(
        "--check", action="store_true", help="compare a second run with the stored one"
    )
    evaluate.add_argument("--json", type=Path, metavar="OUT", help="write the figures here")
    _add_data(evaluate)
    add_models(evaluate)
    evaluate.set_defaults(run=_evaluate, parser=evaluate)

    train = commands.add_parser("train", help="fit the classifiers on all clips")
    train.add_argument("which", choices=(*CLASSIFIERS, "all"))
    _add_data(train)
    add_models(train)
    train.set_defaults(run=_train)


def _add_describing(commands: Commands) -> None:
    """Commands that describe corpora, models and results."""
    corpora = commands.add_parser("corpora", help="audit a folder of recordings")
    corpora.add_argument("directory", type=Path, metavar="DIR")
    corpora.add_argument("--json", type=Path, metavar="OUT", help="write the audit here")
    corpora.set_defaults(run=_corpora)

    cards = commands.add_parser("cards", help="write the model cards and tables of results")
    cards.add_argument("--check", action="store_true", help="only say whether they are stale")
    add_models(cards)
    cards.set_defaults(run=_cards)

    report = commands.add_parser("report", help="what was aimed at and what was reached")
    add_models(report)
    report.set_defaults(run=_report)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="folder of the corpora (default: $EMO_DATA)")
    add_jobs(parser)
    parser.add_argument("--seed", type=whole, default=1)


def _data_directory(options: argparse.Namespace) -> Path:
    from emo.corpora import default_directory

    directory = options.data or default_directory()
    if directory is None:
        raise CorpusError(
            "There are no recordings: name their folder with --data DIR or in EMO_DATA. "
            "README.md tells where to get them."
        )
    return Path(directory)


# --- batch ----------------------------------------------------------------------------------------


def _batch(options: argparse.Namespace) -> int:
    import signal

    from emo.batch import FORMATS, label, make_recipe, summary

    if options.out.suffix.lower() not in FORMATS:
        options.parser.error(f"--out must end in {', '.join(FORMATS)}: {options.out}")
    recipe = make_recipe(models_directory(options), options.timeline, options.channel)
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")  # as above
    # What stops a service, and what a cluster sends first: as polite as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        tally = label(
            options.inputs, options.out, recipe, options.jobs, options.dask, sys.stdin, sys.stderr
        )
    except KeyboardInterrupt:
        print("\nemo: stopped. To go on, run the same command again.", file=sys.stderr)
        return INTERRUPTED
    print(summary(tally, options.out), file=sys.stderr)
    return FAILED if tally.failed else DONE


# --- evaluate, train, corpora, cards -------------------------------------------------------------


def _evaluate(options: argparse.Namespace) -> int:
    if options.manifest:
        return _evaluate_manifest(options)
    require_training(("tqdm",))
    from emo.alarms import false_alarms, summary
    from emo.evaluate import compare, evaluate_protocols
    from emo.results import read_metrics
    from emo.train import describe_folder

    models = models_directory(options)
    directory = _data_directory(options)
    asked = list(dict.fromkeys(options.protocol))
    if "all" in asked:
        asked = [*PROTOCOLS, "listeners", "presence"]
    print(describe_folder(directory), file=sys.stderr)
    target = models / "check" if options.check else models
    keys = options.classifier or tuple(CLASSIFIERS)
    if options.check and options.classifier:
        options.parser.error("--check runs all three; leave out --classifier")
    # What listeners heard is compared with the answers of `voices`.
    run = list(dict.fromkeys("voices" if name == "listeners" else name for name in asked))
    run = [name for name in run if name in PROTOCOLS]
    if run:
        require_training()
        folds, seed, jobs = options.fold or (), options.seed, options.jobs
        evaluate_protocols(
            run, directory, target, options.command, folds, seed=seed, jobs=jobs, keys=keys
        )
    if options.check:
        for protocol in run:
            _print_comparison(protocol, compare(target, models, protocol))
        return DONE
    report: dict[str, Any] = {}
    if "presence" in asked:
        report["presence"] = false_alarms(directory, models, options.command, options.jobs)
        print(summary(report["presence"]))
    for protocol in [name for name in asked if name != "presence"]:
        blocks = {key: read_metrics(models, key)["protocols"] for key in ANSWERS}
        report[protocol] = {key: block[protocol] for key, block in blocks.items()}
        print(f"\n{protocol}")
        _print_scores(report[protocol])
    write_report(options.json, {"protocols": report})
    return DONE


def _evaluate_manifest(options: argparse.Namespace) -> int:
    from emo.evaluate import evaluate_manifest, read_manifest
    from emo.predict import load_models
    from emo.reports import printable

    if options.fold or options.check:
        options.parser.error("--fold and --check go with --protocol")
    found = evaluate_manifest(
        read_manifest(options.manifest), load_models(models_directory(options))
    )
    _print_scores(found["models"])
    for row in found["errors"]:
        print(f"{printable(row['path'])}: {row['error']}")
    write_report(options.json, found)
    return FAILED if found["errors"] else DONE


def _print_comparison(protocol: str, table: dict[str, dict[str, float]]) -> None:
    print(f"{protocol:<8}{'n':>7}{'largest difference':>20}{'accuracy':>10}{'stored':>10}")
    for key, row in table.items():
        print(
            f"{key:<8}{row['n']:>7,}{row['largest_difference']:>20.6f}"
            f"{row['accuracy']:>10.3f}{row['stored']:>10.3f}"
        )


def _print_scores(scores: dict[str, dict[str, Any]]) -> None:
    print(f"{'':<14}{'n':>7}{'accuracy':>10}{'UAR':>8}{'macro F1':>10}")
    for key, block in scores.items():
        rows = {key: block} if "n" in block else {}
        if not rows:
            rows = {f"{key} {corpus}": row for corpus, row in block["per_corpus"].items()}
        for name, s in rows.items():
            print(
                f"{name:<14}{s['n']:>7,}{s['accuracy']:>10.3f}{s['uar']:>8.3f}{s['macro_f1']:>10.3f}"
            )


def _train(options: argparse.Namespace) -> int:
    require_training()
    from emo.predict import MODEL_KEYS
    from emo.train import describe_folder, load_dataset, train_models

    keys = MODEL_KEYS if options.which == "all" else (options.which,)
    directory = _data_directory(options)
    print(describe_folder(directory), file=sys.stderr)
    dataset = load_dataset(directory, options.jobs)
    train_models(keys, dataset, models_directory(options), options.command, options.seed)
    return DONE


def _corpora(options: argparse.Namespace) -> int:
    require_training(("tqdm",))
    from tqdm import tqdm

    from emo.audit import audit, format_audit

    with tqdm(desc="audit", unit="clip") as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = audit(options.directory, progress)
    print(format_audit(found))
    write_report(options.json, found.as_dict())
    return DONE


def _cards(options: argparse.Namespace) -> int:
    from emo.cards import stale_documents, write_cards

    models = models_directory(options)
    readme = models.parent / "README.md"
    if not options.check:
        write_cards(models, readme)
        return DONE
    stale = stale_documents(models, readme)
    for path in stale:
        print(f"{path} does not match the stored figures. Run: python -m emo cards")
    return FAILED if stale else DONE


def _report(options: argparse.Namespace) -> int:
    from emo.report import disagreements, report

    models = models_directory(options)
    print(report(models), end="")
    found = disagreements(models)
    for sentence in found:
        print(f"emo: {sentence}", file=sys.stderr)
    return FAILED if found else DONE


if __name__ == "__main__":
    sys.exit(main())
