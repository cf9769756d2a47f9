"""Compare every target with the figure that the stored predictions give.

This needs neither training nor recordings.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from emo.classifiers.calibration import CALIBRATION
from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.voice import VOICE
from emo.classifiers.voice.storage import TITLE
from emo.corpora.protocols import CROSS_CORPUS, PROTOCOLS, ROBUSTNESS, SPEAKERS
from emo.evaluation.bootstrap import bootstrap
from emo.evaluation.figures.benchmark import EMOBOX, PUBLISHED
from emo.evaluation.known_voice.figures import KnownFigures
from emo.evaluation.known_voice.report import known_blocks, known_sources, known_tables
from emo.evaluation.markdown import render
from emo.evaluation.metrics import (
    calibration_gaps,
    protocol_metrics,
    score_predictions,
    uar_of_folds,
)
from emo.evaluation.predictions import (
    Predictions,
    calibrated_predictions,
    fold_calibrations,
    is_same,
    predictions_file,
    read_predictions,
)
from emo.evaluation.robustness.conditions import CONDITIONS
from emo.evaluation.robustness.storage import Losses, read_losses, read_robustness
from emo.evaluation.seeds import SEEDS, seed_figures, seed_rows
from emo.evaluation.selective import Selection, selections, selections_abroad
from emo.evaluation.served import write_served
from emo.evaluation.stored import (
    METRICS,
    SUBSETS,
    compare_values,
    read_json,
    read_metrics,
)
from emo.evaluation.summary import summarise
from emo.evaluation.tables import (
    CORPUS_NAMES,
    N_FOLDS,
    PROTOCOL_TITLES,
    TITLES,
    differences_table,
    made_by,
    numbers,
    percent,
    published,
    sets_table,
    table,
)
from emo.labels import ENSEMBLE, LABELS

TOLERANCE = 1e-4
"""How far a stored figure may be from the recount: it is rounded, and fits end a little apart."""


@dataclass(frozen=True)
class Target:
    """A row of ``TARGETS``.

    Attributes
    ----------
    measure
        One of ``MEASURES``.
    key
        Classifier, or the ensemble.
    protocol
        Protocol whose predictions are used.
    limit
        Smallest value that reaches the target, or largest where the measure is a loss.
    aim
        A further goal beyond the limit.
    corpus
        Corpus of EmoBox.
    known
        Clips that are known of the voice, of ``known_voice.groups.SIZES``.
    condition
        One of ``robustness.conditions.CONDITIONS``.
    elsewhere
        Published figures in words; for EmoBox they are looked up.
    """

    measure: str
    key: str
    protocol: str
    limit: float
    aim: float | None = None
    corpus: str = ""
    elsewhere: str = ""
    known: str = ""
    condition: str = ""


_UNION = "frozen HuBERT on a union of the same four corpora: 68.3"
_OTHER = "Whisper large v3, one corpus to another: 36–67"

TARGETS = (
    Target("emobox", "ensemble", "emobox", 0.768, None, "cremad"),
    Target("emobox", "ensemble", "speakers", 0.73, 0.753, "ravdess"),
    Target("emobox", "ensemble", "speakers", 0.66, 0.75, "savee"),
    Target("emobox", "ensemble", "emobox", 0.999, None, "tess"),
    Target("accuracy", "tree", "random", 0.65),
    Target("accuracy", "mlp", "random", 0.79),
    Target("accuracy", "cnn", "random", 0.81),
    Target("accuracy", "ensemble", "random", 0.84),
    Target("accuracy", "tree", "speakers", 0.52),
    Target("accuracy", "mlp", "speakers", 0.64, elsewhere="plain features: 57–60"),
    Target("accuracy", "cnn", "speakers", 0.67),
    Target("accuracy", "pretrained", "speakers", 0.73),
    Target("accuracy", "ensemble", "speakers", 0.76, elsewhere=_UNION),
    Target("uar", "cnn", "cross-corpus", 0.43),
    Target("uar", "ensemble", "cross-corpus", 0.47, elsewhere=_OTHER),
    Target("known", VOICE, "cross-corpus", 0.56, known="5"),
    Target("known", VOICE, "cross-corpus", 0.60, known="10"),
    Target("calibration", "tree", "speakers", 0.05),
    Target("calibration", "mlp", "speakers", 0.05),
    Target("calibration", "cnn", "speakers", 0.05),
    Target("calibration", "pretrained", "speakers", 0.05),
    Target("calibration", "ensemble", "speakers", 0.03),
    Target("calibration", "ensemble", "cross-corpus", 0.08),
    Target("selective", "ensemble", "speakers", 0.80),
    Target("selective", "ensemble", "cross-corpus", 0.75),
    Target("robustness", "ensemble", "robustness", 0.09, condition="pink-5"),
)


@dataclass(frozen=True)
class Measured:
    """A figure with its 95 % interval and a note."""

    value: float
    interval: tuple[float, float]
    note: str = ""


@dataclass(frozen=True)
class Given:
    """Calibrated predictions of one model under one protocol.

    ``selection`` has the answers that are not unsure, where they were selected; ``known`` the
    stored figures with the voice known.
    """

    clean: Predictions
    selection: Selection | None = None
    known: Mapping[str, KnownFigures] = field(default_factory=dict)


# --- Measures ------------------------------------------------------------------------------------


def accuracy(given: Given, _: Target) -> Measured:
    """Return the share of clips whose likeliest label is the acted one."""
    block = protocol_metrics(given.clean)
    low, high = block["intervals"]["accuracy"]
    return Measured(block["accuracy"], (low, high))


def emobox(given: Given, target: Target) -> Measured | None:
    """Return the mean UAR over the folds of a corpus of EmoBox; None if not tested."""
    rows = given.clean.corpora == target.corpus
    if not rows.any():
        return None
    _, labels = EMOBOX[target.corpus]
    block = protocol_metrics(given.clean.take(rows), labels)
    low, high = block["intervals"]["uar"]
    return Measured(float(np.mean([fold["uar"] for fold in block["folds"]])), (low, high))


def corpora(given: Given, _: Target) -> Measured:
    """Mean over the corpora of the UAR of each, measured by a model that trained on the others."""
    value, (low, high) = uar_of_folds(given.clean.among(LABELS))
    return Measured(value, (low, high))


def known_voice(given: Given, target: Target) -> Measured | None:
    """Return the UAR of the served answers with so many clips of the voice known."""
    if target.known not in given.known:
        return None
    scores = given.known[target.known]["pooled"]
    low, high = scores["intervals"]["uar"]
    return Measured(scores["uar"], (low, high))


def calibration(given: Given, _: Target) -> Measured:
    """Return the expected calibration error."""
    asked = given.clean.among(LABELS)
    scores = score_predictions(asked)
    gaps = calibration_gaps(asked.targets(), asked.probabilities)
    low, high = bootstrap(
        asked.speakers,
        (gaps, np.ones(len(asked))),
        lambda gaps, n: np.abs(gaps).sum(axis=1) / n,
    )
    return Measured(scores.ece, (low, high))


def unsure(given: Given, _: Target) -> Measured | None:
    """Return the selective accuracy with thresholds chosen on the other folds."""
    if given.selection is None:
        return None
    asked = given.clean.among(LABELS)
    hits, accepted = given.selection.hits, given.selection.accepted_cross_fitted
    if not accepted.any():
        return Measured(0.0, (0.0, 0.0), "coverage 0 %")
    low, high = bootstrap(asked.speakers, (hits & accepted, accepted), np.divide)
    return Measured(
        float(hits[accepted].mean()),
        (low, high),
        f"coverage {percent(float(accepted.mean()))}",
    )


def robustness(given: Losses, target: Target) -> Measured | None:
    """Return the loss of accuracy under a condition; None if not measured."""
    if target.condition not in given:
        return None
    row = given[target.condition]
    low, high = row["loss_interval"]
    return Measured(row["loss"], (low, high))


@dataclass(frozen=True)
class Measure:
    """A row of ``MEASURES``: its title, its function, and whether less is better."""

    title: str
    count: Callable[[Any, Target], Measured | None]
    is_loss: bool = False


MEASURES = {
    "emobox": Measure("EmoBox, UAR", emobox),
    "accuracy": Measure("accuracy", accuracy),
    "uar": Measure("UAR, mean of the four corpora", corpora),
    "known": Measure("UAR, voice known", known_voice),
    "calibration": Measure("calibration error", calibration, True),
    "selective": Measure("accuracy of the answers that are not unsure", unsure),
    "robustness": Measure("loss of accuracy", robustness, True),
}


# --- The report ----------------------------------------------------------------------------------


def has_run(models: Path, protocol: str) -> bool:
    """Return whether any classifier has predictions of a protocol."""
    return any(predictions_file(models, key, protocol).exists() for key in CLASSIFIERS)


def read_given(models: Path, protocol: str) -> dict[str, Given]:
    """Return the predictions of each classifier and the ensemble; empty if not run.

    Raises
    ------
    CorpusError
        A file is missing or damaged.
    """
    if not has_run(models, protocol):
        return {}
    calibrations = fold_calibrations(models, protocol)
    clean = calibrated_predictions(models, protocol, calibrations=calibrations)
    chosen = _selections_of(protocol, clean)
    given = {key: Given(rows, chosen.get(key)) for key, rows in clean.items()}
    known = known_blocks(models).get(protocol, {})
    return given | {VOICE: Given(clean[ENSEMBLE], known=known)}


def _selections_of(protocol: str, tables: Mapping[str, Predictions]) -> Mapping[str, Selection]:
    """Return which answers are accepted, under the protocols for which thresholds are chosen."""
    if protocol == SPEAKERS.key:
        return selections(tables)
    return selections_abroad(tables) if protocol == CROSS_CORPUS.key else {}


def report(models: Path) -> str:
    """Return a Markdown report of each target: its figure, the verdict, and the command.

    Raises
    ------
    CorpusError
        Predictions are damaged.
    ModelError
        A ``metrics.json`` is damaged.
    """
    given: dict[str, Mapping[str, Any]] = {
        protocol: read_given(models, protocol) for protocol in PROTOCOLS
    }
    given[ROBUSTNESS.key] = read_losses(models)
    rows = [_row(target, given[target.protocol]) for target in TARGETS]
    header = ("What", "target", "elsewhere", "measured (95 % interval)", "result", "made by")
    return render(
        "targets",
        targets=table(header, rows, n_text=len(header)),
        altered=read_robustness(models),
        **statistics(models),
        sources=_sources(models, given),
    )


def statistics(models: Path) -> dict[str, object]:
    """Return the tables of differences and prediction sets, for a template.

    Raises
    ------
    ModelError
        A ``metrics.json`` is damaged.
    """
    return {
        "differences": [
            (title, text)
            for name, title in PROTOCOL_TITLES.items()
            if (text := differences_table(models, name))
        ],
        "sets": sets_table(models),
        "known": known_tables(models),
        "seeds": _seeds_table(models),
    }


def _seeds_table(models: Path) -> str:
    """Return a row for each protocol and classifier that was fitted with several seeds, or ""."""
    rows = seed_rows(seed_figures(models))
    header = ("Raw answers, per cent", *(f"seed {seed}" for seed in SEEDS), "range, points")
    return table(header, rows) if rows else ""


def _row(target: Target, given: Mapping[str, Any]) -> tuple[str, ...]:
    measure = MEASURES[target.measure]
    sign = "≤" if measure.is_loss else "≥"
    goal = f"{sign} {100 * target.limit:.1f}"
    if target.aim is not None:
        goal += f", aim {100 * target.aim:.1f}"
    command = f"`python -m emo evaluate --protocol {target.protocol}`"
    found = measure.count(given[target.key], target) if given else None
    text, result = ("not run", "–") if found is None else (_text(found), verdict(target, found))
    notes = [found.note if found else "", _part(target, given)]
    text += "".join(f"; {note}" for note in notes if note)
    return (_what(target), goal, _elsewhere(target) or "–", text, result, command)


def _what(target: Target) -> str:
    measure = MEASURES[target.measure]
    if target.corpus:
        return f"EmoBox {CORPUS_NAMES[target.corpus]}, UAR, {TITLES[target.key].lower()}"
    if target.known:
        return f"`{target.protocol}`, {measure.title}, {target.known} clips"
    if target.condition:
        title = CONDITIONS[target.condition].title
        return f"`{target.protocol}`, {measure.title}, {title}, {TITLES[target.key].lower()}"
    where = "" if target.measure == "uar" else f"`{target.protocol}`, "
    return f"{where}{measure.title}, {TITLES[target.key].lower()}"


def _elsewhere(target: Target) -> str:
    rows = [row for row in PUBLISHED if row.corpus == target.corpus]
    found = "; ".join(f"{row.model} {published(row.uar)}" for row in rows)
    return found or target.elsewhere


def _text(found: Measured) -> str:
    low, high = found.interval
    return f"**{100 * found.value:.1f}** ({100 * low:.1f}–{100 * high:.1f})".replace("-", "−")


def _part(target: Target, given: Mapping[str, Any]) -> str:
    """Return the folds of a figure, where they are not all."""
    n_folds = N_FOLDS.get(target.protocol)
    if not given or n_folds is None:
        return ""
    folds = np.unique(given[target.key].clean.folds).tolist()
    if len(folds) == n_folds:
        return ""
    return f"only {'fold' if len(folds) == 1 else 'folds'} {numbers(folds)} of {n_folds}"


def verdict(target: Target, found: Measured) -> str:
    """Return whether a target is reached, and by how many points it or its aim is missed."""

    def missing(limit: float) -> float:
        lack = limit - found.value
        return -lack if MEASURES[target.measure].is_loss else lack

    if missing(target.limit) > 0:
        far = "over" if MEASURES[target.measure].is_loss else "short"
        return f"{far} by {_points(missing(target.limit))}"
    if target.aim is None:
        return "reached"
    if missing(target.aim) > 0:
        return f"reached; {_points(missing(target.aim))} short of the aim"
    return "reached, and the aim too"


def _points(lack: float) -> str:
    # At least 0.1, so that a target missed by little is not shown as missed by 0.0.
    shown = max(0.1, round(100 * lack, 1))
    return f"{shown:.1f} points"


def _sources(models: Path, given: Mapping[str, Any]) -> str:
    """Return a table of classifiers, folds, command, commit and seed by protocol; empty if none."""
    blocks = {key: read_metrics(models, key)["protocols"] for key in CLASSIFIERS}
    rows = []
    for protocol in (name for name in PROTOCOLS if given[name]):
        ways: dict[tuple[str, ...], list[str]] = {}
        for key, block in blocks.items():
            for way in made_by(block.get(protocol, {}).get("runs", [])):
                ways.setdefault(way, []).append(TITLES[key].lower())
        rows += [(protocol, ", ".join(titles), *way) for way, titles in ways.items()]
    rows += [(name, TITLE.lower(), *way) for name, *way in known_sources(models)]
    if measured := read_robustness(models):
        command, code = f"`{measured['command']}`", f"`{measured['commit']}`"
        rows.append((ROBUSTNESS.key, "all", "–", command, code, str(measured["seed"])))
    header = ("Protocol", "classifiers", "folds", "command", "commit", "seed")
    return table(header, rows, n_text=5) if rows else ""


# --- Whether what is stored is what is counted ---------------------------------------------------


def disagreements(models: Path) -> tuple[str, ...]:
    """Return a sentence for each stored figure that the stored predictions do not give.

    The stored predictions of the ensembles are compared in the same way.  Figures that need the
    recordings, such as those of fairness, are not recounted.

    Raises
    ------
    CorpusError
        Predictions are missing or damaged.
    ModelError
        A ``metrics.json`` is damaged.
    """
    with TemporaryDirectory() as folder:
        again = Path(folder)
        for key in (*CLASSIFIERS, VOICE):
            for part in ("predictions", "calibration"):
                if (models / key / part).exists():
                    shutil.copytree(models / key / part, again / key / part)
        for protocol in PROTOCOLS:
            if has_run(models, protocol):
                summarise(again, protocol, None, {}, is_last=False)
        write_served(again)
        files = [Path(key) / METRICS for key in (*TITLES, VOICE)]
        files += [Path(CALIBRATION), Path(SUBSETS)]
        found: list[str] = _stale_predictions(again, models)
        for file in files:
            counted, stored = read_json(again / file), read_json(models / file)
            found += compare_values(file.as_posix(), counted, stored, TOLERANCE)
            for protocol in stored.get("protocols", {}):
                if protocol in PROTOCOLS and protocol not in counted.get("protocols", {}):
                    found.append(f"{file.as_posix()} has {protocol}, of which no prediction is.")
    return tuple(found)


def _stale_predictions(again: Path, models: Path) -> list[str]:
    """Return a sentence for each file of an ensemble's predictions that is not what is counted."""
    found = []
    for key in ENSEMBLES:
        for protocol in PROTOCOLS:
            counted, stored = (predictions_file(d, key, protocol) for d in (again, models))
            if counted.exists() or stored.exists():
                if not (counted.exists() and stored.exists()):
                    fault = "is missing" if counted.exists() else "is of no prediction"
                elif is_same(read_predictions(counted), read_predictions(stored), TOLERANCE):
                    continue
                else:
                    fault = "differs from what the predictions of the classifiers give"
                found.append(f"{stored.relative_to(models).as_posix()} {fault}.")
    return found
