"""Commands that hand models and their numbers to other programs: embed and export."""

import argparse
import os
import sys
from pathlib import Path

from emo.cli.batch import add_dask, check_report, standard_input
from emo.cli.options import (
    DONE,
    FAILED,
    Commands,
    add_channel,
    add_models,
    add_report,
    models_directory,
)
from emo.cli.process import limit_jobs, raise_interrupts
from emo.errors import SettingError


def add_exchange(commands: Commands) -> None:
    """Add the commands embed and export."""
    embed = commands.add_parser(
        "embed", help="write the inner layers of the models, for other programs"
    )
    embed.add_argument(
        "inputs",
        nargs="+",
        metavar="PATH",
        help="files, folders, patterns, tar archives, addresses (s3://…), lists (.txt with a path "
        "in each line), or - for a list from standard input",
    )
    embed.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="name.npz (NumPy), name.parquet or name.csv",
    )
    embed.add_argument(
        "--layers",
        metavar="NAMES",
        help="layers, with commas: encoder (2048 numbers), or the last hidden layer of cnn (384) "
        "or mlp (768) (default: all three); functionals are the 696 measurements that mlp takes",
    )
    add_report(embed)
    add_dask(embed)
    add_channel(embed)
    add_models(embed)
    embed.set_defaults(run=embed_command, parser=embed)

    export = commands.add_parser("export", help="write the models in formats of other programs")
    export.add_argument(
        "--onnx",
        type=Path,
        metavar="FOLDER",
        help="write the networks as ONNX files, with an example that uses them",
    )
    export.add_argument(
        "--tree",
        type=Path,
        metavar="FOLDER",
        help="write the decision tree as text (tree.txt) and as JSON (tree.json)",
    )
    add_models(export)
    export.set_defaults(run=export_command, parser=export)


def embed_command(options: argparse.Namespace) -> int:
    """Write the embeddings of recordings into a file."""
    from emo.batch.embedding import WRITERS, Cluster, embed_into_file
    from emo.batch.labelling import make_run_config
    from emo.batch.progress import format_summary
    from emo.batch.skips import SkipLog
    from emo.inference.embeddings import describe_layers, read_layers
    from emo.inference.loading import load_usable

    if options.out.suffix.lower() not in WRITERS:
        options.parser.error(f"--out must end in {', '.join(WRITERS)}: {options.out}")
    try:
        names = read_layers(options.layers) if options.layers else None
    except SettingError as error:
        options.parser.error(f"--layers: {error}")
    check_report(options, [options.out])
    models = load_usable(models_directory(options))
    cluster = None
    if options.dask:
        config = make_run_config(models_directory(options))
        cluster = Cluster(options.dask, config, limit_jobs(os.cpu_count() or 1))
    layers = describe_layers(models, names)
    raise_interrupts()
    partial = options.out.with_name(f"{options.out.name}.partial")
    with SkipLog(options.report, own=(options.out, partial)) as skips:
        summary = embed_into_file(
            options.inputs,
            options.out,
            models,
            layers,
            options.channel,
            standard_input(options),
            sys.stderr,
            skips,
            cluster,
        )
    print(format_summary(summary, options.out, skips), file=sys.stderr)
    return FAILED if summary.failed else DONE


def export_command(options: argparse.Namespace) -> int:
    """Write the models in formats of other programs."""
    from emo.inference.loading import load_models
    from emo.system.packages import require_onnx

    if options.onnx is None and options.tree is None:
        options.parser.error("name a folder with --onnx or --tree, or one with each")
    if options.onnx is not None:
        require_onnx()
    models = load_models(models_directory(options))
    written = []
    if options.onnx is not None:
        from emo.inference.portable.files import export_onnx

        written += export_onnx(models, options.onnx)
    if options.tree is not None:
        from emo.inference.portable.trees import export_tree

        written += export_tree(models, options.tree)
    for file in written:
        print(file)
    return DONE
