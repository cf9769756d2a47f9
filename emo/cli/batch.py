"""Commands for many recordings: batch, and evaluate with a manifest."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emo.audio.channels import EACH
from emo.cli.options import (
    DONE,
    FAILED,
    Commands,
    add_among,
    add_channel,
    add_jobs,
    add_models,
    add_report,
    models_directory,
    write_report,
)
from emo.cli.process import INTERRUPTED, end_at_once, raise_interrupts
from emo.errors import SettingError


def add_batch(commands: Commands) -> None:
    """Add the command batch."""
    batch = commands.add_parser("batch", help="classify any number of recordings into a file")
    batch.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="files, folders, patterns, tar archives, addresses (s3://…), lists (.txt with a path "
        "in each line), or - for a list from standard input",
    )
    batch.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="name.jsonl, name.csv or name.parquet; after a run that was stopped, the same "
        "command continues it",
    )
    batch.add_argument(
        "--timeline", action="store_true", help="write a row for each window of three seconds"
    )
    batch.add_argument(
        "--speaker-from",
        metavar="RULE",
        help="how recordings state their speakers: folder (those in "
        "one folder are of one speaker), name (the speaker in a file name of the corpora, or the "
        "part before the first - or _), name:REGEX (the group of an expression that is searched "
        "for in the file name), or column (of manifests among the inputs: CSV with path,speaker)",
    )
    batch.add_argument(
        "--join",
        action="store_true",
        help="take the inputs for files that batch has written, and join their rows in --out",
    )
    add_report(batch)
    add_jobs(batch)
    add_dask(batch)
    add_channel(batch)
    add_among(batch)
    add_models(batch)
    batch.set_defaults(run=batch_command, parser=batch)


def add_dask(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--dask``, the address of a cluster."""
    parser.add_argument(
        "--dask",
        default="",
        metavar="ADDRESS",
        help="work on the Dask cluster at this address, or on a new one here with 'local'",
    )


def add_manifest(evaluate: argparse.ArgumentParser) -> None:
    """Add the options that belong to ``--manifest``."""
    evaluate.add_argument(
        "--labels",
        type=Path,
        metavar="MAP",
        help="CSV with the columns own,emo: labels of the manifest and their meaning",
    )
    add_among(evaluate)
    add_report(evaluate)


def batch_command(options: argparse.Namespace) -> int:
    """Write the answers to recordings into a file."""
    import signal

    from emo.batch.labelling import make_run_config
    from emo.batch.progress import format_summary
    from emo.batch.run import FORMATS, rows_file, run_batch
    from emo.batch.skips import SkipLog
    from emo.batch.voices import format_voices
    from emo.inference.export import printable

    if options.out.suffix.lower() not in FORMATS:
        options.parser.error(f"--out must end in {', '.join(FORMATS)}: {options.out}")
    if options.join:
        return _join(options)
    speakers = _check_speakers(options)
    rows = rows_file(options.out, bool(speakers))
    check_report(options, (options.out, rows))
    config = make_run_config(
        models_directory(options), options.timeline, options.channel, options.among, speakers
    )
    raise_interrupts()
    # SIGTERM, which service managers and clusters send first, is handled like Ctrl-C.
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
                standard_input(options),
                sys.stderr,
                skips,
            )
    except KeyboardInterrupt:
        end_at_once()
        print("\nemo: stopped. To continue, run the same command again.", file=sys.stderr)
        return INTERRUPTED
    if speakers:
        for line in format_voices(run_summary.voices, run_summary.unnamed):
            print(printable(f"emo: {line}."), file=sys.stderr)
    print(format_summary(run_summary, options.out, skips), file=sys.stderr)
    return FAILED if run_summary.failed else DONE


def _join(options: argparse.Namespace) -> int:
    """Join the rows of several runs."""
    from emo.batch.results.joining import format_join, join_files
    from emo.inference.export import printable

    others = {
        "--timeline": options.timeline,
        "--speaker-from": options.speaker_from,
        "--report": options.report,
        "--dask": options.dask,
    }
    if given := [name for name, value in others.items() if value]:
        options.parser.error(f"--join goes without {given[0]}: it answers no recording")
    raise_interrupts()
    summary = join_files([Path(text) for text in options.inputs], options.out)
    for line in format_join(summary, options.out):
        print(printable(f"emo: {line}"), file=sys.stderr)
    return DONE


def _check_speakers(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the rule of ``--speaker-from`` and a digest of the manifests; () without the option.

    Raises
    ------
    CorpusError
        A manifest is missing, or cannot be used.
    """
    from emo.batch.speakers import check_manifests, read_rule

    rule: str | None = options.speaker_from
    if rule is None:
        return ()
    try:
        read_rule(rule)
    except SettingError as error:
        options.parser.error(f"--speaker-from: {error}")
    if options.timeline:
        options.parser.error(
            "--speaker-from goes without --timeline; emo timeline --same-speaker takes one "
            "recording at a time"
        )
    if options.channel == EACH:
        options.parser.error(
            "--speaker-from goes without --channel each, since the channels of a recording may be "
            "of different speakers; name one channel"
        )
    return (rule, check_manifests(rule, options.inputs))


def standard_input(options: argparse.Namespace) -> Iterable[str]:
    """Return the lines of the list from standard input, where it is one of the inputs."""
    from emo.batch.inputs import STANDARD_INPUT
    from emo.system.lists import decode_lines

    if STANDARD_INPUT not in options.inputs:
        return ()
    return decode_lines(sys.stdin.buffer) if hasattr(sys.stdin, "buffer") else sys.stdin


def check_report(options: argparse.Namespace, used_paths: Iterable[Path]) -> None:
    """Check that ``--report`` has a known extension and names no file that is used already."""
    from emo.batch.skips import REPORTS

    if options.report is None:
        return
    if options.report.suffix.lower() not in REPORTS:
        options.parser.error(f"--report must end in {' or '.join(REPORTS)}: {options.report}")
    if options.report.resolve() in {path.resolve() for path in used_paths}:
        options.parser.error(f"--report names a file of another option: {options.report}")


def evaluate_manifest(options: argparse.Namespace) -> int:
    """Print and write the scores of the classifiers on the recordings of a manifest."""
    from emo.batch.skips import SkipLog
    from emo.evaluation import manifest
    from emo.inference.export import printable
    from emo.inference.loading import load_models

    if options.fold or options.compare or options.classifier:
        options.parser.error("--fold, --compare and --classifier go with --protocol")
    check_report(options, [path for path in (options.manifest, options.labels) if path])
    labels = options.model_labels
    spellings = manifest.read_spellings(options.labels, labels) if options.labels else None
    entries = manifest.read_manifest(options.manifest, spellings, options.among, labels)
    with SkipLog(options.report) as skips:
        report = manifest.evaluate_manifest(entries, load_models(models_directory(options)))
        for path, outcome, reason in manifest.not_used(report):
            skips.note(outcome, path, reason)
    print_scores(report["models"])
    for row in report["errors"]:
        print(f"{printable(row['path'])}: {row['error']}")
    for sentence in manifest.remarks(report):
        print(printable(sentence))
    write_report(options.json, report)
    return FAILED if manifest.lacks_rows(report) else DONE


def print_scores(scores: dict[str, dict[str, Any]]) -> None:
    """Print a line of scores for each classifier, or for each classifier and corpus."""
    print(f"{'':<14}{'n':>7}{'accuracy':>10}{'UAR':>8}{'macro F1':>10}")
    for key, block in scores.items():
        rows = {key: block} if "n" in block else {}
        if not rows:
            rows = {f"{key} {corpus}": row for corpus, row in block["per_corpus"].items()}
        for name, row in rows.items():
            scores_text = f"{row['accuracy']:>10.3f}{row['uar']:>8.3f}{row['macro_f1']:>10.3f}"
            print(f"{name:<14}{row['n']:>7,}{scores_text}")
