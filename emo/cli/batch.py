"""The commands for many recordings: batch, and evaluate with a list of one's own."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emo.cli.options import (
    DONE,
    FAILED,
    Commands,
    add_channel,
    add_jobs,
    add_models,
    add_report,
    models_directory,
    write_report,
)
from emo.cli.process import INTERRUPTED, end_at_once, raise_interrupts


def add_batch(commands: Commands) -> None:
    """Add the command batch."""
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
    add_report(batch)
    add_jobs(batch)
    batch.add_argument("--dask", default="", metavar="ADDRESS", help="of a Dask cluster, or local")
    add_channel(batch)
    add_models(batch)
    batch.set_defaults(run=batch_command, parser=batch)


def add_manifest(evaluate: argparse.ArgumentParser) -> None:
    """Add the options that go with a list of one's own, beside ``--manifest`` itself."""
    evaluate.add_argument(
        "--labels",
        type=Path,
        metavar="MAP",
        help="CSV with two columns, own,emo: what other labels of the manifest mean",
    )
    add_report(evaluate)


def batch_command(options: argparse.Namespace) -> int:
    """Label recordings into a file."""
    import signal

    from emo.batch.labelling import make_run_config
    from emo.batch.progress import format_summary
    from emo.batch.run import FORMATS, rows_file, run_batch
    from emo.batch.skips import SkipLog

    if options.out.suffix.lower() not in FORMATS:
        options.parser.error(f"--out must end in {', '.join(FORMATS)}: {options.out}")
    rows = rows_file(options.out)
    _check_report(options, (options.out, rows))
    config = make_run_config(models_directory(options), options.timeline, options.channel)
    raise_interrupts()
    # What stops a service, and what a cluster sends first: as polite as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    partial = options.out.with_name(f"{options.out.name}.partial")
    try:
        with SkipLog(options.report, own=(options.out, rows, partial)) as skips:
            run_summary = run_batch(
                options.inputs,
                options.out,
                config,
                options.jobs,
                options.dask,
                _standard_input(options),
                sys.stderr,
                skips,
            )
    except KeyboardInterrupt:
        end_at_once()
        print("\nemo: stopped. To go on, run the same command again.", file=sys.stderr)
        return INTERRUPTED
    print(format_summary(run_summary, options.out, skips), file=sys.stderr)
    return FAILED if run_summary.failed else DONE


def _standard_input(options: argparse.Namespace) -> Iterable[str]:
    from emo.batch.inputs import STANDARD_INPUT
    from emo.system.lists import decode_lines

    if STANDARD_INPUT not in options.inputs:
        return ()
    return decode_lines(sys.stdin.buffer) if hasattr(sys.stdin, "buffer") else sys.stdin


def _check_report(options: argparse.Namespace, others: Iterable[Path]) -> None:
    from emo.batch.skips import REPORTS

    if options.report is None:
        return
    if options.report.suffix.lower() not in REPORTS:
        options.parser.error(f"--report must end in {' or '.join(REPORTS)}: {options.report}")
    if options.report.resolve() in {other.resolve() for other in others}:
        options.parser.error(f"--report names a file that is used otherwise: {options.report}")


def evaluate_manifest(options: argparse.Namespace) -> int:
    """Measure how often the classifiers are right on a list of one's own."""
    from emo.batch.skips import SkipLog
    from emo.evaluation import manifest
    from emo.inference.export import printable
    from emo.inference.predictor import load_models

    if options.fold or options.compare or options.classifier:
        options.parser.error("--fold, --compare and --classifier go with --protocol")
    _check_report(options, [path for path in (options.manifest, options.labels) if path])
    spellings = manifest.read_spellings(options.labels) if options.labels else None
    listed = manifest.read_manifest(options.manifest, spellings)
    with SkipLog(options.report) as skips:
        found = manifest.evaluate_manifest(listed, load_models(models_directory(options)))
        for path, outcome, reason in manifest.not_used(found):
            skips.note(outcome, path, reason)
    print_scores(found["models"])
    for row in found["errors"]:
        print(f"{printable(row['path'])}: {row['error']}")
    for sentence in manifest.remarks(found):
        print(printable(sentence))
    write_report(options.json, found)
    return FAILED if manifest.lacks_rows(found) else DONE


def print_scores(scores: dict[str, dict[str, Any]]) -> None:
    """Print a line of figures a classifier, or a classifier and corpus."""
    print(f"{'':<14}{'n':>7}{'accuracy':>10}{'UAR':>8}{'macro F1':>10}")
    for key, block in scores.items():
        rows = {key: block} if "n" in block else {}
        if not rows:
            rows = {f"{key} {corpus}": row for corpus, row in block["per_corpus"].items()}
        for name, s in rows.items():
            print(
                f"{name:<14}{s['n']:>7,}{s['accuracy']:>10.3f}{s['uar']:>8.3f}{s['macro_f1']:>10.3f}"
            )
