"""The command ``emo evaluate --predictions``: score the predictions of a model that others made."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emo.cli.options import DONE, models_directory, write_report
from emo.corpora.protocols import PROTOCOLS
from emo.formatting import points, signed

TEXTS = ("citation", "licence", "description", "trained_on", "url")
"""Options with the texts of ``guest.yaml`` beside ``--name``."""


def add_guests(evaluate: argparse.ArgumentParser) -> None:
    """Add the options that belong to ``--predictions``."""
    group = evaluate.add_argument_group(
        "somebody else's model", "with --predictions FILE; docs/guests.md describes the columns"
    )
    group.add_argument("--name", help="name of the model in tables and on the page")
    group.add_argument(
        "--trained-on",
        dest="training_list",
        type=Path,
        metavar="LIST",
        help="CSV with the column clip or speaker, and fold where each fold has a model of its "
        "own: what it was trained on, of which nothing may be tested",
    )
    group.add_argument(
        "--save",
        action="store_true",
        help="keep it in models/guests, beside the models: needs --citation, --licence, "
        "--description and --training-data",
    )
    group.add_argument("--citation", default="", help="authors, title, year")
    group.add_argument("--licence", default="", help="licence of the predictions, such as CC0-1.0")
    group.add_argument("--description", default="", help="how the model works, in a sentence")
    group.add_argument(
        "--training-data",
        dest="trained_on",
        default="",
        metavar="TEXT",
        help="on what it was trained, with all pre-training",
    )
    group.add_argument("--url", default="", help="address of the code or the paper")


def check_guest_options(options: argparse.Namespace) -> None:
    """End with a message if options of a guest are given without ``--predictions``, or lack."""
    names = {"training_list": "--trained-on", "trained_on": "--training-data"}
    given = [name for name in ("name", "training_list", "save", *TEXTS) if getattr(options, name)]
    if options.predictions is None:
        if given:
            option = names.get(given[0], f"--{given[0]}")
            options.parser.error(f"{option} goes with --predictions")
        return
    if not options.name:
        options.parser.error("--predictions needs --name, the name of the model")
    if options.fold or options.compare or options.classifier or options.corpus:
        options.parser.error(
            "--fold, --compare, --classifier and --corpus go without --predictions"
        )
    if len(options.protocol or ()) > 1:
        options.parser.error("--predictions are of one --protocol")
    if not PROTOCOLS.keys() >= set(options.protocol or ()):
        options.parser.error(f"--predictions are of one of the protocols {', '.join(PROTOCOLS)}")
    missing = [name for name in TEXTS if name != "url" and not getattr(options, name)]
    if options.save and missing:
        listed = ", ".join(names.get(name, f"--{name}") for name in missing)
        options.parser.error(f"--save needs {listed} too, which the page and the tables show")


def evaluate_guest(options: argparse.Namespace) -> int:
    """Check and score predictions, print them beside those of the models, and keep them if asked.

    Raises
    ------
    CorpusError
        The predictions or the list of training clips have a fault.
    ModelError
        The name cannot be used, or a stored file is damaged.
    """
    from emo.evaluation.guests.folders import guest_key
    from emo.evaluation.guests.report import report
    from emo.evaluation.guests.table import read_guest_predictions
    from emo.evaluation.guests.training_list import check_training_list

    models = models_directory(options)
    key = guest_key(options.name)
    wanted = next(iter(options.protocol or ()), None)
    protocol, predictions = read_guest_predictions(options.predictions, models, wanted)
    n_listed = None
    if options.training_list is not None:
        n_listed = check_training_list(options.training_list, protocol, predictions)
    content = report(models, key, options.name, protocol, predictions, n_listed)
    _print(content)
    write_report(options.json, content)
    if options.save:
        _save(options, models, key, protocol, predictions)
    return DONE


def _save(
    options: argparse.Namespace, models: Path, key: str, protocol: str, predictions: Any
) -> None:
    """Keep a guest, with the protocols that its folder has already."""
    from emo.corpora.catalogue import default_directory
    from emo.evaluation.guests.folders import Guest, list_guests, read_guest, save_guest
    from emo.evaluation.guests.training_list import compact_list

    earlier = read_guest(models, key).protocols if key in list_guests(models) else ()
    texts = {name: getattr(options, name) for name in TEXTS}
    protocols = tuple(dict.fromkeys((*earlier, protocol)))
    guest = Guest(key=key, name=options.name, protocols=protocols, **texts)
    lists = (
        {protocol: compact_list(options.training_list, protocol)} if options.training_list else {}
    )
    folder = save_guest(models, guest, {protocol: predictions}, lists, default_directory())
    print(f"\nSaved in {folder}. 'emo docs' writes it into docs/leaderboard.md.")


# --- As text -------------------------------------------------------------------------------------


def _print(content: Mapping[str, Any]) -> None:
    print(
        f"{content['name']}, protocol {content['protocol']}: {content['n']:,} clips of "
        f"{content['speakers']} speakers in {content['folds']} "
        f"fold{'s' * (content['folds'] != 1)}."
    )
    print(_trained_on(content["training_rows_checked"]))
    for corpus, rows in content["scores"].items():
        print(f"\n{corpus}" if corpus else "")
        _print_scores(rows)
    if content["differences"]:
        print(f"\n{content['name']} less the model, in points")
        _print_differences(content["differences"])


def _trained_on(n_rows: int | None) -> str:
    if n_rows is None:
        return "No list of what trained it was given (--trained-on), so leaks were not looked for."
    return f"Nothing tested is in the {n_rows:,} rows of the list of what trained it."


def _print_scores(rows: Sequence[Mapping[str, Any]]) -> None:
    table = [("", "accuracy", "", "UAR", "", "macro F1", "ECE")]
    for row in rows:
        intervals = row["intervals"]
        ece = "–" if row["ece"] is None else f"{row['ece']:.3f}"
        table.append(
            (
                row["name"],
                f"{row['accuracy']:.3f}",
                _between(intervals["accuracy"]),
                f"{row['uar']:.3f}",
                _between(intervals["uar"]),
                f"{row['macro_f1']:.3f}",
                ece,
            )
        )
    _print_table(table)


def _between(interval: Sequence[float]) -> str:
    return f"({interval[0]:.3f}–{interval[1]:.3f})"


def _print_differences(rows: Sequence[Mapping[str, Any]]) -> None:
    table = [("", "accuracy", "95 % interval", "UAR", "95 % interval", "detectable")]
    for row in rows:
        cells = [row["than"]]
        for name in ("accuracy", "uar"):
            low, high = (signed(100 * value, 1) for value in row["intervals"][name])
            cells += [signed(100 * row[name], 1), f"{low} to {high}"]
        table.append((*cells, points(row["detectable"]["uar"])))
    _print_table(table)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with aligned columns, the first one to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (cell.replace("\u00a0", " ") for cell in row)
        print("  ".join([first.ljust(widths[0]), *map(str.rjust, others, widths[1:])]).rstrip())
