"""The commands that train, evaluate and document: evaluate, train, audit, docs and results."""

import argparse
import sys
from pathlib import Path
from typing import Any

from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.voice import VOICE
from emo.cli.batch import add_manifest, evaluate_manifest, print_scores
from emo.cli.croissant import add_croissant, check_croissant, describe_corpora
from emo.cli.guests import add_guests, check_guest_options, evaluate_guest
from emo.cli.options import (
    DONE,
    FAILED,
    Commands,
    add_jobs,
    add_models,
    models_directory,
    whole_number,
    write_report,
)
from emo.cli.own import (
    HEAD,
    add_corpora,
    audit_corpora,
    check_corpora,
    evaluate_corpora,
    progress_bar,
    refuse_own,
    train_corpora,
    with_heads,
)
from emo.corpora.own.folds import PROTOCOLS as OWN_PROTOCOLS
from emo.corpora.protocols import (
    ALL_PROTOCOLS,
    LISTENERS,
    NON_SPEECH,
    PROTOCOLS,
    ROBUSTNESS,
    SPEAKERS,
)
from emo.errors import CorpusError
from emo.labels import ENSEMBLE
from emo.system.packages import require_training

RESUME_HINT = " The same command continues from the last checkpoint."
ALL = "all"


def add_measuring(commands: Commands) -> None:
    """Add the commands that fit and evaluate the classifiers."""
    evaluate = commands.add_parser("evaluate", help="measure how often the classifiers are right")
    evaluate.add_argument(
        "--protocol",
        choices=(*ALL_PROTOCOLS, ALL),
        action="append",
        help="train on part of the corpora and test on the rest; repeatable",
    )
    source = evaluate.add_mutually_exclusive_group()
    source.add_argument(
        "--seeds",
        action="store_true",
        help="fit the tree and the perceptron with further seeds, to show how much is chance",
    )
    source.add_argument("--manifest", type=Path, help="CSV with the columns path and emotion")
    source.add_argument(
        "--predictions",
        type=Path,
        metavar="FILE",
        help="score the predictions of another model, with the columns of those that are stored",
    )
    add_manifest(evaluate)
    add_guests(evaluate)
    evaluate.add_argument("--fold", type=int, action="append", help="only this fold; repeatable")
    evaluate.add_argument(
        "--classifier",
        choices=(*CLASSIFIERS, VOICE, HEAD),
        action="append",
        help="run only this one and keep the stored predictions of the others; repeatable",
    )
    evaluate.add_argument(
        "--compare", action="store_true", help="compare a second run with the stored one"
    )
    evaluate.add_argument("--json", type=Path, metavar="OUT", help="write the figures here")
    _add_data(evaluate)
    add_corpora(evaluate, labels=False)
    add_models(evaluate)
    evaluate.set_defaults(run=_evaluate, parser=evaluate, hint=RESUME_HINT)

    train = commands.add_parser("train", help="fit the classifiers on all clips")
    train.add_argument(
        "which",
        choices=(*CLASSIFIERS, VOICE, HEAD, ALL),
        help="head: only the small classifiers on the frozen speech encoder, in minutes",
    )
    _add_data(train)
    add_corpora(train)
    add_models(train)
    train.set_defaults(run=_train, parser=train, hint=RESUME_HINT)


def add_describing(commands: Commands) -> None:
    """Add the commands that describe corpora, models and results."""
    audit = commands.add_parser("audit", help="list what a folder of corpora holds and lacks")
    audit.add_argument("directory", type=Path, metavar="DIR", nargs="?")
    add_corpora(audit)
    audit.add_argument("--json", type=Path, metavar="OUT", help="write the audit here")
    add_croissant(audit)
    audit.set_defaults(run=_audit, parser=audit)

    docs = commands.add_parser("docs", help="write the model cards and the tables of results")
    docs.add_argument(
        "--check", action="store_true", help="write nothing; fail if a document is out of date"
    )
    add_models(docs)
    docs.set_defaults(run=_docs)

    results = commands.add_parser("results", help="print every target and the figure reached")
    results.add_argument(
        "--write",
        action="store_true",
        help="first write all figures anew from the stored predictions; trains nothing",
    )
    results.add_argument("--data", type=Path, help="folder of the corpora (default: $EMO_DATA)")
    add_models(results)
    results.set_defaults(run=_results)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="folder of the corpora (default: $EMO_DATA)")
    add_jobs(parser)
    parser.add_argument(
        "--seed",
        type=whole_number,
        default=1,
        help="seed of the training, or of the altered sound of robustness (default: 1)",
    )


def _data_directory(options: argparse.Namespace) -> Path:
    """Return the folder of the corpora.

    Raises
    ------
    CorpusError
        Neither ``--data`` nor the environment variable ``EMO_DATA`` names one.
    """
    from emo.corpora.catalogue import default_directory

    directory = options.data or default_directory()
    if directory is None:
        raise CorpusError(
            "No folder of recordings is named. Give it with --data DIR, or set EMO_DATA=DIR. "
            "docs/training.md says where the corpora can be downloaded."
        )
    return Path(directory)


# --- evaluate and train --------------------------------------------------------------------------


def _evaluate(options: argparse.Namespace) -> int:
    _check_source(options)
    if options.predictions:
        return evaluate_guest(options)
    if options.manifest:
        if options.corpus:
            options.parser.error("--corpus goes with --protocol; --manifest names clips itself")
        return evaluate_manifest(options)
    if options.corpus:
        return _evaluate_own(options)
    check_corpora(options)
    require_training(("tqdm",))
    if options.among != options.model_labels:
        options.parser.error("--among goes with --manifest")
    if options.compare and options.classifier:
        options.parser.error("--compare runs every classifier; leave out --classifier")
    from emo.evaluation.cross_validation import compare, evaluate_protocols
    from emo.training.dataset import describe_folder

    models = models_directory(options)
    refuse_own(models, "--protocol needs their clips, by --corpus")
    directory = _data_directory(options)
    if options.seeds:
        return _evaluate_seeds(directory, models, options.jobs)
    protocols = list(ALL_PROTOCOLS) if ALL in options.protocol else list(options.protocol)
    # The predictions under `speakers` are those that are compared with the listeners' votes.
    trained = [SPEAKERS.key if name == LISTENERS.key else name for name in protocols]
    trained = [name for name in dict.fromkeys(trained) if name in PROTOCOLS]
    print(describe_folder(directory), file=sys.stderr)
    target = models / "compare" if options.compare else models
    if trained:
        require_training()
        evaluate_protocols(
            trained,
            directory,
            target,
            options.command,
            options.fold or (),
            seed=options.seed,
            jobs=options.jobs,
            keys=with_heads(options.classifier or (*CLASSIFIERS, VOICE)),
        )
    if options.compare:
        for protocol in trained:
            _print_comparison(protocol, compare(target, models, protocol))
        return DONE
    figures = _print_figures(options, list(dict.fromkeys(protocols)), models, directory)
    write_report(options.json, {"protocols": figures})
    return DONE


def _evaluate_own(options: argparse.Namespace) -> int:
    """Evaluate on own clips; options that have no meaning for these are refused."""
    if not options.protocol or set(options.protocol) - set(OWN_PROTOCOLS):
        options.parser.error(
            f"--corpus goes with --protocol {', '.join(OWN_PROTOCOLS)}; the others need the four "
            "corpora alone"
        )
    if options.fold or options.compare or options.among != options.model_labels:
        options.parser.error("--fold, --compare and --among go without --corpus")
    return evaluate_corpora(options)


def _check_source(options: argparse.Namespace) -> None:
    """End with a message unless the options say once what is to be evaluated."""
    check_guest_options(options)
    if options.protocol and (options.manifest or options.seeds):
        other = "--manifest" if options.manifest else "--seeds"
        options.parser.error(f"argument --protocol: not allowed with argument {other}")
    if not (options.protocol or options.manifest or options.seeds or options.predictions):
        options.parser.error("one of --protocol, --seeds, --manifest and --predictions is required")


def _evaluate_seeds(directory: Path, models: Path, jobs: int) -> int:
    from emo.evaluation.seeds import SEEDS, evaluate_seeds, seed_figures, seed_rows

    require_training()
    evaluate_seeds(directory, models, jobs)
    titles = [f"seed {seed}" for seed in SEEDS]
    for row in [("", *titles, "range"), *seed_rows(seed_figures(models))]:
        print(f"{row[0]:<45}" + "".join(f"{cell:>8}" for cell in row[1:]))
    return DONE


def _print_figures(
    options: argparse.Namespace, protocols: list[str], models: Path, directory: Path
) -> dict[str, Any]:
    """Print the figures of protocols that were run, and return them by protocol."""
    from emo.evaluation.non_speech.false_alarms import false_alarms, summary
    from emo.evaluation.robustness import measuring as robustness
    from emo.evaluation.stored import read_metrics

    figures: dict[str, Any] = {}
    if NON_SPEECH.key in protocols:
        counts = false_alarms(directory, models, options.command, options.jobs)
        figures[NON_SPEECH.key] = counts
        print(summary(counts))
    if ROBUSTNESS.key in protocols:
        table = robustness.measure(directory, models, options.command, options.seed, options.jobs)
        figures[ROBUSTNESS.key] = table
        print(robustness.summary(table, ENSEMBLE))
    stored = {key: read_metrics(models, key)["protocols"] for key in (*CLASSIFIERS, *ENSEMBLES)}
    for protocol in protocols:
        if protocol not in figures:
            figures[protocol] = {key: blocks[protocol] for key, blocks in stored.items()}
            print(f"\n{protocol}")
            print_scores(figures[protocol])
    return figures


def _print_comparison(protocol: str, table: dict[str, dict[str, float]]) -> None:
    print(f"{protocol:<12}{'n':>7}{'largest difference':>20}{'accuracy':>10}{'stored':>10}")
    for key, row in table.items():
        print(
            f"{key:<12}{row['n']:>7,}{row['largest_difference']:>20.6f}"
            f"{row['accuracy']:>10.3f}{row['stored']:>10.3f}"
        )


def _train(options: argparse.Namespace) -> int:
    check_corpora(options)
    if options.corpus:
        return train_corpora(options)
    require_training()
    from emo.training.dataset import describe_folder, load_dataset
    from emo.training.fit import train_models

    refuse_own(models_directory(options), "training needs their clips, by --corpus")
    keys = (*CLASSIFIERS, VOICE) if options.which == ALL else with_heads([options.which])
    directory = _data_directory(options)
    print(describe_folder(directory), file=sys.stderr)
    dataset = load_dataset(directory, options.jobs)
    train_models(keys, dataset, models_directory(options), options.command, options.seed)
    return DONE


# --- audit, docs and results ---------------------------------------------------------------------


def _audit(options: argparse.Namespace) -> int:
    check_corpora(options)
    check_croissant(options)
    if (options.directory is None) == (not options.corpus):
        options.parser.error("give the folder of the corpora, or own clips with --corpus")
    if options.corpus:
        return audit_corpora(options)
    require_training(("tqdm",))
    from emo.corpora.audit import audit, format_audit

    with progress_bar("audit") as progress:
        report = audit(options.directory, progress)
    print(format_audit(report))
    write_report(options.json, report.to_dict())
    if options.croissant:
        describe_corpora(options.croissant, report)
    return DONE


def _docs(options: argparse.Namespace) -> int:
    from emo.evaluation.model_cards import stale_documents, write_cards

    models = models_directory(options)
    refuse_own(models, "there are no cards and tables of them")
    readme = models.parent / "README.md"
    if not options.check:
        write_cards(models, readme)
        return DONE
    stale = stale_documents(models, readme)
    for path in stale:
        print(f"{path} does not match the stored figures. Run: python -m emo docs")
    return FAILED if stale else DONE


def _results(options: argparse.Namespace) -> int:
    from emo.corpora.catalogue import default_directory
    from emo.evaluation.guests.folders import guest_faults, write_all_figures
    from emo.evaluation.summary import summarise_all
    from emo.evaluation.targets import disagreements, report

    models = models_directory(options)
    refuse_own(models, "there are no targets for them")
    if options.write:
        summarise_all(models, options.data or default_directory())
        write_all_figures(models, options.data or default_directory())
    print(report(models), end="")
    sentences = disagreements(models) + guest_faults(models)
    for sentence in sentences:
        print(f"emo: {sentence}", file=sys.stderr)
    return FAILED if sentences else DONE
