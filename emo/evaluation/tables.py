"""Markdown tables of measured figures for the generated documents."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emo.classifiers.conformal import LEVELS
from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.catalogue import CORPORA, CORPUS
from emo.corpora.protocols import CROSS_CORPUS, PROTOCOLS, RANDOM, SPEAKERS, Protocol
from emo.corpora.splits import N_SPEAKERS_FOLDS
from emo.errors import ModelError
from emo.evaluation.figures.benchmark import EMOBOX, PUBLISHED
from emo.evaluation.figures.operating_points import (
    ELSEWHERE,
    GUESSING,
    STUDIOS,
    operating_points,
)
from emo.evaluation.stored import METRICS, ProtocolFigures, SetFigures, read_metrics
from emo.formatting import NBSP, signed
from emo.formatting import percent as percents
from emo.labels import ENSEMBLE, LABELS

TITLES = {key: row.title for key, row in (CLASSIFIERS | ENSEMBLES).items()}
"""Titles of the classifiers and ensembles, in the order of every table."""

CORPUS_NAMES = {corpus.key: corpus.title for corpus in CORPORA} | {"ravdess": "RAVDESS"}
"""Names of the corpora of EmoBox, which has only the speech of RAVDESS."""

PROTOCOL_TITLES = {row.key: row.title for row in (RANDOM, SPEAKERS, CROSS_CORPUS)}
"""Protocols with a table of their own."""

N_FOLDS = {RANDOM.key: 1, SPEAKERS.key: N_SPEAKERS_FOLDS, CROSS_CORPUS.key: 4}

SHOWN_COVERAGES = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Points of the risk-coverage curve that the cards show."""

GROUPS = {
    "sex": "Sex",
    "age": "Age in years, actors of CREMA-D",
    "race": "Race, actors of CREMA-D",
    "ethnicity": "Ethnicity, actors of CREMA-D",
    "corpus": "Corpus",
}
RATES = ("accuracy", "uar", "macro_f1")


# --- Cells ---------------------------------------------------------------------------------------


def table(header: Sequence[str], rows: Iterable[Sequence[str]], n_text: int = 1) -> str:
    """Return a Markdown table whose first ``n_text`` columns are text, the others numbers."""
    aligned = ["---"] * n_text + ["--:"] * (len(header) - n_text)
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, aligned, *rows))


def percent(value: float | None, interval: Sequence[float] | None = None) -> str:
    """Return a share as ``70.3 %``, with its interval ``70.3 % (69.1–71.5)``; a dash for None."""
    if value is None:
        return "–"
    between = f" ({100 * interval[0]:.1f}–{100 * interval[1]:.1f})" if interval else ""
    return f"{percents(value, 1).replace(NBSP, ' ')}{between}"


def published(uar: float) -> str:
    """Return a published share in per cent, with the one or two decimals of its paper."""
    return f"{100 * uar:.1f}" if round(uar, 3) == uar else f"{100 * uar:.2f}"


def points(difference: float) -> str:
    """Return a difference of shares in points with its sign, such as ``−3.2``."""
    return signed(100 * difference, 1)


def rate(block: Mapping[str, Any] | None, name: str) -> str:
    """Return a rate of a block of figures, with its interval where there is one."""
    if not block:
        return "–"
    return percent(block.get(name), block.get("intervals", {}).get(name))


def numbers(found: Sequence[int]) -> str:
    """Return numbers in words with runs shortened: ``1 to 4, 6``."""
    runs: list[list[int]] = []
    for number in sorted(found):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def size(protocol: str, block: Mapping[str, Any]) -> str:
    """Return how much of a protocol was run: ``all 6 folds, 12,798 clips tested``."""
    tested = f"{block['n']:,} clips tested"
    found = [fold["fold"] for fold in block["folds"]]
    of = N_FOLDS[protocol]
    if of == 1:
        return tested
    if len(found) == of:
        return f"all {of} folds, {tested}"
    return f"{'fold' if len(found) == 1 else 'folds'} {numbers(found)} of {of}, {tested}"


def made_by(runs: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Return folds, command, commit and seed of runs, one row for each combination."""
    ways: dict[tuple[str, str, str], list[int]] = {}
    for run in runs:
        way = (str(run["command"]), str(run["commit"]), str(run["seed"]))
        ways.setdefault(way, []).append(int(run["fold"]))
    return [(numbers(folds), f"`{way[0]}`", f"`{way[1]}`", way[2]) for way, folds in ways.items()]


# --- Reading -------------------------------------------------------------------------------------


def protocols_of(models: Path, key: str) -> dict[str, ProtocolFigures]:
    """Return every block of figures of a classifier or the ensemble, by protocol.

    Raises
    ------
    ModelError
        There are none, or the file is damaged.
    """
    path = models / key / METRICS
    measured = read_metrics(models, key).get("protocols")
    if not isinstance(measured, dict):
        raise ModelError(f"{path} has no protocols. 'python -m emo evaluate' makes it anew.")
    if not measured:
        raise ModelError(f"There are no figures in {path}. 'python -m emo evaluate' makes them.")
    return measured


def expectation(name: str, measured: Mapping[str, Mapping[str, Any]]) -> str:
    """Return how often a model is right, for whom, and by guessing; empty if not measured.

    Parameters
    ----------
    name
        Of the model in a sentence, such as "the ensemble".
    measured
        Its blocks of figures by protocol.
    """
    points = operating_points(measured)
    whose = {
        ELSEWHERE: "of recordings from elsewhere, such as yours",
        STUDIOS: "of clips by new actors in the same studios",
    }
    parts = [
        f"**{percent(points[key]['accuracy'])}** {text}"
        for key, text in whose.items()
        if key in points
    ]
    if not parts:
        return ""
    return (
        f"Expect {name} to be right for {', and for '.join(parts)}. Guessing is right for "
        f"**{percent(points[GUESSING]['accuracy'])}**. All clips are acted; everyday speech is "
        "harder."
    )


# --- Tables of all four --------------------------------------------------------------------------


def summary_table(models: Path, further: Iterable[Sequence[str]] = ()) -> str:
    """Return the accuracy of every model by how new the speaker is, for the main README.

    Parameters
    ----------
    models
        Folder of the models.
    further
        Rows below, each a title and the cells of the columns but the last.

    Raises
    ------
    ModelError
        A ``metrics.json`` is missing or damaged.
    """
    measured = {key: protocols_of(models, key) for key in TITLES}
    columns = {
        CROSS_CORPUS.key: "other corpora",
        SPEAKERS.key: "new speakers, same studios",
        RANDOM.key: "same speakers",
    }
    guess = percent(1 / len(LABELS))
    rows = [
        [
            f"**{title}**" if key == ENSEMBLE else title,
            *(rate(measured[key].get(name), "accuracy") for name in columns),
            guess,
        ]
        for key, title in TITLES.items()
    ]
    known = [[*row, guess] for row in further]
    rows += known
    header = ("Accuracy, tested on", *columns.values(), "guessing")
    sentence = expectation("the ensemble", measured[ENSEMBLE])
    note = (
        "Brackets hold 95 % intervals over speakers. The column for the same speakers flatters: "
        "they were in training."
    )
    if known:
        note += (
            " Know the voice: about so many clips are stated to be of one speaker, and differ in "
            "emotion."
        )
    return "\n\n".join(part for part in (sentence, table(header, rows), note) if part)


def results_table(models: Path) -> str:
    """Return tables of every model under every protocol, and of EmoBox beside published ones.

    Raises
    ------
    ModelError
        A ``metrics.json`` is missing or damaged.
    """
    measured = {key: protocols_of(models, key) for key in TITLES}
    names = [name for name in PROTOCOL_TITLES if any(name in all_ for all_ in measured.values())]
    header = ["Model"]
    for name in names:
        header += [f"{PROTOCOL_TITLES[name]}: accuracy", "UAR"]
    rows = [
        [TITLES[key], *(rate(all_.get(name), r) for name in names for r in RATES[:2])]
        for key, all_ in measured.items()
    ]
    notes = []
    for name in names:
        block = next(all_[name] for all_ in measured.values() if name in all_)
        notes.append(f"- **{PROTOCOL_TITLES[name]}** ({size(name, block)}): ")
        notes[-1] += f"{PROTOCOLS[name].description}"
    parts = [table(header, rows), "\n".join(notes)] if names else []
    if told := expectation("the ensemble", measured[ENSEMBLE]):
        parts.insert(0, told)
    return "\n\n".join([*parts, *emobox_table(measured)])


def emobox_table(measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return UAR on EmoBox, ours above the published, as table and paragraph; none if not run."""
    blocks = {key: all_.get("emobox", {}).get("per_corpus", {}) for key, all_ in measured.items()}
    corpora = [corpus for corpus in EMOBOX if any(corpus in block for block in blocks.values())]
    if not corpora:
        return []
    rows = [
        [f"**{TITLES[key]}**", *(rate(block.get(corpus), "uar") for corpus in corpora)]
        for key, block in blocks.items()
    ]
    known = {(row.model, row.corpus): row.uar for row in PUBLISHED}
    for model in dict.fromkeys(row.model for row in PUBLISHED):
        figures = [known.get((model, corpus)) for corpus in corpora]
        if any(figure is not None for figure in figures):
            cells = ["–" if one is None else f"{published(one)} %" for one in figures]
            rows.append([model, *cells])
    header = ["EmoBox: UAR", *(CORPUS_NAMES[corpus] for corpus in corpora)]
    sources = ", ".join(dict.fromkeys(row.source for row in PUBLISHED))
    note = (
        "EmoBox trains and tests on each corpus by itself, on the same test clips; the rows below "
        f"ours are published ({sources}). Ours train on all four corpora together. RAVDESS has "
        "eight classes there, calm being the eighth."
    )
    return [table(header, rows), note]


def corpora_table(models: Path, name: str) -> str:
    """Return accuracy and UAR of every model by corpus under a protocol; empty if not run."""
    measured = {key: protocols_of(models, key).get(name) for key in TITLES}
    blocks = {key: block["per_corpus"] for key, block in measured.items() if block}
    if not blocks:
        return ""
    corpora = [c.key for c in CORPORA if any(c.key in parts for parts in blocks.values())]
    rows = [
        [
            CORPUS[corpus].title,
            f"{max(parts[corpus]['n'] for parts in blocks.values() if corpus in parts):,}",
            *(
                f"{rate(parts.get(corpus), 'accuracy')} ({rate(parts.get(corpus), 'uar')})"
                for parts in blocks.values()
            ),
        ]
        for corpus in corpora
    ]
    return table(["Accuracy (UAR)", "clips", *(TITLES[key] for key in blocks)], rows)


def sets_table(models: Path) -> str:
    """Return coverage and size of the prediction sets of every model; empty if not measured."""
    measured = {key: read_metrics(models, key)["protocols"] for key in TITLES}
    cells = [(name, level) for name in (SPEAKERS.key, CROSS_CORPUS.key) for level in LEVELS]
    rows = []
    for key, protocols in measured.items():
        found = [protocols.get(name, {}).get("sets", {}).get(level) for name, level in cells]
        if any(found):
            rows.append([TITLES[key], *(_coverage_and_size(block) for block in found)])
    header = ["Coverage (labels)"]
    header += [f"{PROTOCOL_TITLES[name].lower()}, {level} %" for name, level in cells]
    return table(header, rows) if rows else ""


def _coverage_and_size(block: SetFigures | None) -> str:
    if block is None:
        return "–"
    return f"{percent(block['coverage_of_speakers'])} ({block['mean_size']:.1f})"


def differences_table(models: Path, name: str) -> str:
    """Return the differences of every two models under a protocol; empty if not measured."""
    protocols = read_metrics(models, ENSEMBLE)["protocols"]
    rows = []
    for pair in protocols.get(name, {}).get("differences", []):
        cells = []
        for rate_name in RATES[:2]:
            low, high = pair["intervals"][rate_name]
            difference = pair["accuracy"] if rate_name == "accuracy" else pair["uar"]
            cells.append(f"{points(difference)} ({points(low)} to {points(high)})")
            cells.append(f"{100 * pair['detectable'][rate_name]:.1f}")
        rows.append(
            [f"{TITLES[pair['second']]} \N{MINUS SIGN} {TITLES[pair['first']].lower()}", *cells]
        )
    header = ["Points", "accuracy", "detectable", "UAR", "detectable"]
    return table(header, rows) if rows else ""


# --- Tables of one -------------------------------------------------------------------------------


def protocol_table(protocols: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a row for each protocol."""
    header = (
        "Protocol",
        "clips tested",
        "accuracy",
        "UAR",
        "macro-F1",
        "calibration error",
        "AURC",
    )
    rows = [
        (
            PROTOCOL_TITLES[name],
            f"{protocols[name]['n']:,}",
            *(rate(protocols[name], one) for one in (*RATES, "ece")),
            percent(protocols[name].get("risk_coverage", {}).get("aurc")),
        )
        for name in PROTOCOL_TITLES
        if name in protocols
    ]
    return table(header, rows)


def corpus_table(block: Mapping[str, Any]) -> str:
    """Return a row for each corpus of a protocol."""
    rows = [
        (CORPUS[key].title, f"{part['n']:,}", *(rate(part, one) for one in RATES))
        for key, part in block["per_corpus"].items()
    ]
    return table(("Corpus", "clips", "accuracy", "UAR", "macro-F1"), rows)


def class_table(block: Mapping[str, Any]) -> str:
    """Return a row for each emotion of a protocol."""
    rows = [
        (label, f"{part['n']:,}", *(rate(part, one) for one in ("precision", "recall", "f1")))
        for label, part in block["per_class"].items()
    ]
    return table(("Emotion", "clips", "precision", "recall", "F1"), rows)


def benchmark_table(block: Mapping[str, Any]) -> str:
    """Return a row for each corpus of EmoBox, with its UA, WA and F1."""
    rows = [
        (
            CORPUS_NAMES[corpus],
            f"{len(part['labels'])}",
            f"{part['n']:,}",
            rate(part, "uar"),
            percent(part["accuracy"]),
            rate(part, "macro_f1"),
        )
        for corpus, part in block["per_corpus"].items()
    ]
    header = ("Corpus", "classes", "clips", "UA (UAR)", "WA (accuracy)", "macro-F1")
    return table(header, rows)


def risk_coverage_table(measured: Sequence[tuple[Protocol, ProtocolFigures]]) -> str:
    """Return the share of wrong answers among the surest part, a column for each protocol."""
    curves = {
        protocol.title: block["risk_coverage"]["risks"]
        for protocol, block in measured
        if "risk_coverage" in block
    }
    rows = [
        (
            f"{100 * c:.0f} %",
            *(percent(risks[round(c * len(risks)) - 1]) for risks in curves.values()),
        )
        for c in SHOWN_COVERAGES
    ]
    return table(("Wrong answers among the surest", *curves), rows)


def own_sets_table(measured: Sequence[tuple[Protocol, ProtocolFigures]]) -> str:
    """Return coverage and size of the prediction sets of one model, by protocol and level."""
    rows = [
        (
            f"{protocol.title}, {level} %",
            percent(block["coverage"], block["intervals"]["coverage"]),
            percent(block["coverage_of_speakers"]),
            f"{block['mean_size']:.2f}",
            percent(block["single"]),
        )
        for protocol, figures in measured
        for level, block in figures.get("sets", {}).items()
    ]
    header = (
        "Sets of",
        "clips whose label is in the set",
        "mean over speakers",
        "labels in a set",
        "sets of one label",
    )
    return table(header, rows)


def fairness_tables(block: Mapping[str, Any]) -> list[str]:
    """Return a table for each kind of group that has members."""
    made = []
    for kind, title in GROUPS.items():
        rows = [
            (
                CORPUS[group].title if kind == "corpus" else group,
                f"{part['speakers']:,}",
                f"{part['n']:,}",
                rate(part, "accuracy"),
                rate(part, "uar"),
            )
            for group, part in block.get(kind, {}).items()
        ]
        if rows:
            made.append(table((title, "speakers", "clips", "accuracy", "UAR"), rows))
    return made
