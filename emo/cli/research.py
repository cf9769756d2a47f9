"""The commands that train, measure and describe: evaluate, train, corpora, cards and report."""

import argparse
import sys
from pathlib import Path
from typing import Any

from emo.classifiers.registry import CLASSIFIERS
from emo.cli.batch import add_manifest, evaluate_manifest, print_scores
from emo.cli.options import (
    DONE,
    FAILED,
    Commands,
    add_jobs,
    add_models,
    models_directory,
    whole,
    write_report,
)
from emo.corpora.splits import PROTOCOLS
from emo.errors import CorpusError
from emo.system.packages import require_training

GOES_ON = " Training goes on from its last checkpoint."
ANSWERS = (*CLASSIFIERS, "vote")


def add_measuring(commands: Commands) -> None:
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
    add_manifest(evaluate)
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
    evaluate.set_defaults(run=_evaluate, parser=evaluate, hint=GOES_ON)

    train = commands.add_parser("train", help="fit the classifiers on all clips")
    train.add_argument("which", choices=(*CLASSIFIERS, "all"))
    _add_data(train)
    add_models(train)
    train.set_defaults(run=_train, hint=GOES_ON)


def add_describing(commands: Commands) -> None:
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
    from emo.corpora.catalogue import default_directory

    directory = options.data or default_directory()
    if directory is None:
        raise CorpusError(
            "There are no recordings: name their folder with --data DIR or in EMO_DATA. "
            "README.md tells where to get them."
        )
    return Path(directory)


# --- evaluate, train, corpora, cards -------------------------------------------------------------


def _evaluate(options: argparse.Namespace) -> int:
    if options.manifest:
        return evaluate_manifest(options)
    require_training(("tqdm",))
    from emo.evaluation.cross_validation import compare, evaluate_protocols
    from emo.evaluation.non_speech.false_alarms import false_alarms, summary
    from emo.evaluation.predictions import read_metrics
    from emo.training.dataset import describe_folder

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
        print_scores(report[protocol])
    write_report(options.json, {"protocols": report})
    return DONE


def _print_comparison(protocol: str, table: dict[str, dict[str, float]]) -> None:
    print(f"{protocol:<8}{'n':>7}{'largest difference':>20}{'accuracy':>10}{'stored':>10}")
    for key, row in table.items():
        print(
            f"{key:<8}{row['n']:>7,}{row['largest_difference']:>20.6f}"
            f"{row['accuracy']:>10.3f}{row['stored']:>10.3f}"
        )


def _train(options: argparse.Namespace) -> int:
    require_training()
    from emo.inference.predictor import MODEL_KEYS
    from emo.training.dataset import describe_folder, load_dataset
    from emo.training.fit import train_models

    keys = MODEL_KEYS if options.which == "all" else (options.which,)
    directory = _data_directory(options)
    print(describe_folder(directory), file=sys.stderr)
    dataset = load_dataset(directory, options.jobs)
    train_models(keys, dataset, models_directory(options), options.command, options.seed)
    return DONE


def _corpora(options: argparse.Namespace) -> int:
    require_training(("tqdm",))
    from tqdm import tqdm

    from emo.corpora.audit import audit, format_audit

    with tqdm(desc="audit", unit="clip") as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = audit(options.directory, progress)
    print(format_audit(found))
    write_report(options.json, found.to_dict())
    return DONE


def _cards(options: argparse.Namespace) -> int:
    from emo.evaluation.model_cards import stale_documents, write_cards

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
    from emo.evaluation.targets import disagreements, report

    models = models_directory(options)
    print(report(models), end="")
    found = disagreements(models)
    for sentence in found:
        print(f"emo: {sentence}", file=sys.stderr)
    return FAILED if found else DONE
