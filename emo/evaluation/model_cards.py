"""Write the generated documents: a card for each model, the README of ``models/``, the results.

Every number comes from ``model.json``, ``metrics.json``, ``calibration.json``, ``listeners.json``,
``non_speech.json`` and the stored predictions. The text is in ``templates/``. The head of a card is
in the format of Hugging Face's model cards.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from emo.classifiers.calibration import CALIBRATION
from emo.classifiers.ensembles import ENSEMBLES, OTHER_ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import MODEL_INFO, WEIGHTS, read_model_info
from emo.classifiers.tree import SURROGATE_DEPTH
from emo.classifiers.voice import VOICE
from emo.classifiers.voice.storage import TITLE
from emo.corpora.catalogue import CORPORA
from emo.corpora.protocols import CROSS_CORPUS, EMOBOX, LISTENERS, PROTOCOLS, SPEAKERS
from emo.errors import ModelError
from emo.evaluation import among, stored, tables, targets
from emo.evaluation.guests import folders, leaderboard
from emo.evaluation.known_voice import report as voice
from emo.evaluation.markdown import NOTICE, render
from emo.evaluation.non_speech import report as non_speech_report
from emo.evaluation.predictions import SURROGATE_OF
from emo.evaluation.robustness.storage import read_robustness
from emo.evaluation.site import site_pages
from emo.evaluation.stored import read_json
from emo.formatting import listed
from emo.inference.explanation_text import surrogate_outline
from emo.labels import ENSEMBLE, LABELS
from emo.system.files import naming
from emo.training.dataset import COPIES

BEGIN = "<!-- results:begin -->"
END = "<!-- results:end -->"
"""The table of results stands between these two lines of a README."""

RESULTS = Path("docs") / "results.md"
"""The report on the targets, relative to the folder of the README."""

POOL_DESCRIPTION = (
    "The product of the probabilities of {}, each raised to the power of its weight, normalised (a "
    "logarithmic opinion pool). Only the weights are its own parameters."
)

Metrics = Mapping[str, Mapping[str, Any]]
"""Blocks of figures by protocol."""


# --- Cards ---------------------------------------------------------------------------------------


def _card(models: Path, key: str) -> str:
    # An ensemble is computed from the models and shares the training data of the first of them.
    ensemble = ENSEMBLES.get(key)
    model = read_model_info(models / (ensemble.members[0] if ensemble else key))
    protocols = tables.protocols_of(models, key)
    speakers = protocols.get(SPEAKERS.key, {})
    non_speech = read_json(models / stored.NON_SPEECH)
    corpora = [corpus for corpus in CORPORA if corpus.key in model["trained_on"]["corpora"]]
    counts = non_speech.get("corpora", {}).values()
    return render(
        "card",
        key=key,
        is_ensemble=key in ENSEMBLES,
        beside=_beside(models) if key == ENSEMBLE else [],
        title=tables.TITLES[key],
        description=_description(key),
        classifier=CLASSIFIERS.get(key),
        classifiers=CLASSIFIERS,
        pretraining=_pretraining(key),
        n_copies=len(COPIES),
        labels=LABELS,
        titles=tables.TITLES,
        model=model,
        corpora=corpora,
        protocols=protocols,
        measured=[
            (PROTOCOLS[name], protocols[name])
            for name in tables.PROTOCOL_TITLES
            if name in protocols
        ],
        speakers=speakers,
        altered=read_robustness(models),
        cross_corpus=protocols.get(CROSS_CORPUS.key, {}),
        emobox={"per_corpus": {}} | protocols.get(EMOBOX.key, {}),
        non_speech=non_speech,
        presence=non_speech_report.presence_table(non_speech) if non_speech else "",
        n_clips=sum(row["n"] for row in counts),
        flagged=sum(row["flagged"] for row in counts),
        fairness=tables.fairness_tables(speakers.get("fairness", {})),
        fairness_kinds=listed(
            [kind for kind in tables.GROUPS if speakers.get("fairness", {}).get(kind)] or ["group"]
        ),
        surrogate=_surrogate(models, key),
        surrogate_depth=SURROGATE_DEPTH,
        calibration_table=_calibration_table(
            key, read_json(models / CALIBRATION), speakers.get("calibration", [])
        ),
        corpora_licences=tables.table(
            ("Corpus", "licence of the recordings", "speakers"),
            [(f"[{row.title}]({row.url})", row.licence, str(row.n_speakers)) for row in corpora],
            n_text=2,
        ),
        files_table=tables.table(
            ("File", "SHA-256", "bytes"),
            [
                (f"`{name}`", f"`{facts['sha256']}`", f"{facts['bytes']:,}")
                for name, facts in model["files"].items()
            ],
            n_text=2,
        ),
        **_listeners(models, key, protocols),
    )


def _description(key: str) -> str:
    if key in CLASSIFIERS:
        return CLASSIFIERS[key].description
    names = [CLASSIFIERS[own].title.lower() for own in ENSEMBLES[key].members]
    return POOL_DESCRIPTION.format(listed([f"the {name}" for name in names]))


def _pretraining(key: str) -> list[str]:
    """Return what is pre-trained in a classifier, or in each member of an ensemble."""
    members = ENSEMBLES[key].members if key in ENSEMBLES else (key,)
    rows = [CLASSIFIERS[own] for own in members]
    return [f"**{row.title}.** {row.pretraining}" for row in rows if row.is_pretrained]


def _beside(models: Path) -> list[str]:
    """Return a sentence on each ensemble beside the first: how often it is right, and for whom."""
    sentences = []
    for key, ensemble in OTHER_ENSEMBLES.items():
        blocks = tables.protocols_of(models, key)
        rates = [
            f"{tables.rate(blocks[name], 'accuracy')} ({title.lower()})"
            for name, title in tables.PROTOCOL_TITLES.items()
            if name in blocks
        ]
        sentences.append(f"{ensemble.name_in_text} are right for {listed(rates)}")
    return sentences


def _surrogate(models: Path, key: str) -> str:
    """Return the outline of the surrogate tree; empty for a classifier that has none."""
    weights = models / key / WEIGHTS
    if key != SURROGATE_OF or not weights.exists():
        return ""
    with np.load(weights, allow_pickle=False) as arrays:
        return surrogate_outline({name: arrays[name] for name in arrays.files})


def _calibration_table(
    key: str, shipped: Mapping[str, Any], folds: Sequence[Mapping[str, Any]]
) -> str:
    """Return the shipped temperature, or weights, beside those of the folds; empty without."""
    if not shipped or not folds:
        return ""
    if key in ENSEMBLES:
        weights = shipped["weights"] if key == ENSEMBLE else shipped["ensembles"][key]
        values = {
            f"Weight: {tables.TITLES[name].lower()}": (
                weights[name],
                [fold["weights"][name] for fold in folds],
            )
            for name in ENSEMBLES[key].members
        }
    else:
        temperatures = [fold["temperature"] for fold in folds]
        values = {"Temperature": (shipped["temperatures"][key], temperatures)}
    rows = [
        (name, *(f"{value:.2f}" for value in (mean, min(of_folds), max(of_folds))))
        for name, (mean, of_folds) in values.items()
    ]
    return tables.table(("", "shipped", "lowest fold", "highest fold"), rows)


def _listeners(models: Path, key: str, protocols: Metrics) -> dict[str, Any]:
    """Return what a card shows of the comparison with listeners."""
    block, human = protocols.get(LISTENERS.key), read_json(models / stored.LISTENERS)
    if not block or not human:
        return {"listeners": None}
    title = tables.TITLES[key]
    rates = [
        (title, tables.rate(block, "accuracy"), tables.rate(block, "uar")),
        ("One listener", *map(tables.percent, (human["single_accuracy"], human["single_uar"]))),
        ("Plurality of the listeners", tables.percent(human["plurality_accuracy"]), "–"),
    ]
    distances = {
        title: block["distance_from_votes"],
        "The mean votes for every clip": human["distance_of_mean_votes"],
        "Equal shares for every clip": human["distance_of_equal_shares"],
        "The acted label alone": human["distance_of_acted_label"],
    }
    rows = [(name, f"{distance:.3f}") for name, distance in distances.items()]
    return {
        "listeners": block,
        "human": human,
        "listener_table": tables.table(("Acted emotion named", "accuracy", "UAR"), rates),
        "distance_table": tables.table(("Distance from the votes", "mean"), rows),
    }


# --- The README of models/ -----------------------------------------------------------------------


def _overview(models: Path) -> str:
    return render(
        "models",
        titles=tables.TITLES | ({VOICE: TITLE} if (models / VOICE / MODEL_INFO).exists() else {}),
        results=tables.results_table(models),
        by_corpus=[
            (title, tables.corpora_table(models, name))
            for name, title in tables.PROTOCOL_TITLES.items()
        ],
        altered=read_robustness(models),
        **targets.statistics(models),
        subsets=among.subset_tables(models),
        extremes=among.subset_extremes(models, ENSEMBLE),
        subset_sizes=among.SUBSET_SIZES,
        sources=_sources(models),
    )


def _sources(models: Path) -> str:
    titles = {**tables.PROTOCOL_TITLES, EMOBOX.key: f"{EMOBOX.title}: CREMA-D and TESS"}
    blocks = tables.protocols_of(models, ENSEMBLE)
    rows: list[tuple[str, ...]] = []
    for name, title in titles.items():
        files = ", ".join(f"[{key}]({key}/predictions/{name}.csv.gz)" for key in CLASSIFIERS)
        for run in tables.made_by(blocks.get(name, {}).get("runs", [])):
            rows.append((title, *run[:3], files, run[3]))
    for name, *way, seed in voice.known_sources(models):
        files = f"[{VOICE}]({VOICE}/predictions)"
        rows.append((f"{titles[name]}: voice known", *way, files, seed))
    header = ("Protocol", "folds", "command", "commit", "predictions", "seed")
    return tables.table(header, rows, n_text=5)


# --- Writing -------------------------------------------------------------------------------------


def documents(models: Path, readme: Path | None = None) -> dict[Path, str]:
    """Return the text of every generated document by its path.

    Parameters
    ----------
    models
        Folder with one folder per model.
    readme
        A document whose lines between ``BEGIN`` and ``END`` are the table of results;
        beside it stand the report, ``RESULTS``, the leaderboard, and the page of
        ``non_speech.report``.

    Raises
    ------
    CorpusError
        Predictions are damaged.
    ModelError
        A ``model.json`` or ``metrics.json`` is missing or damaged, or the readme lacks the marks.
    """
    try:
        texts = {models / key / "CARD.md": _card(models, key) for key in tables.TITLES}
        if text := voice.card(models):
            texts[models / VOICE / "CARD.md"] = text
        texts[models / "README.md"] = _overview(models)
        if readme is not None:
            texts[readme] = _with_table(
                readme, tables.summary_table(models, voice.summary_rows(models))
            )
            texts[readme.parent / RESULTS] = f"{NOTICE}\n\n{targets.report(models)}"
            texts[readme.parent / leaderboard.PAGE] = leaderboard.page(models)
            schema = json.dumps(folders.schema(), indent=1, ensure_ascii=False)
            texts[folders.guests_directory(models) / leaderboard.SCHEMA_FILE] = f"{schema}\n"
            if page := non_speech_report.page(read_json(models / stored.NON_SPEECH)):
                texts[readme.parent / non_speech_report.PAGE] = f"{NOTICE}\n\n{page}"
            for name, page in site_pages(models, voice.summary_rows(models)).items():
                texts[readme.parent / RESULTS.parent / name] = f"{NOTICE}\n\n{page}"
    except (KeyError, TypeError, AttributeError, IndexError, jinja2.UndefinedError) as error:
        raise ModelError(
            f"A model.json, metrics.json, calibration.json or listeners.json in {models} is "
            f"incomplete ({error!r}). 'python -m emo train' and 'python -m emo evaluate' write "
            "them again."
        ) from error
    return texts


def write_cards(models: Path, readme: Path | None = None) -> tuple[Path, ...]:
    """Write every document that is stale, and return their paths (see ``documents``)."""
    texts = documents(models, readme)
    stale = _differing(texts)
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        with naming(path):
            path.write_text(texts[path], encoding="utf-8")
    return stale


def stale_documents(models: Path, readme: Path | None = None) -> tuple[Path, ...]:
    """Return the paths of the documents that are missing or do not match the figures."""
    return _differing(documents(models, readme))


def _differing(texts: Mapping[Path, str]) -> tuple[Path, ...]:
    return tuple(
        path
        for path, text in texts.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    )


def _with_table(readme: Path, text: str) -> str:
    whole = readme.read_text(encoding="utf-8") if readme.exists() else ""
    if whole.count(BEGIN) != 1 or whole.count(END) != 1 or whole.index(BEGIN) > whole.index(END):
        raise ModelError(
            f"{readme} needs the line {BEGIN} once, and {END} once after it: "
            "the results go between."
        )
    before, rest = whole.split(BEGIN)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}"
