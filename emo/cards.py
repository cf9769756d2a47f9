"""The generated documents: a card for each model, the README of ``models/``, the table of results.

Every number in them comes from ``model.json`` and ``metrics.json``; nothing is typed by hand.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from emo.corpora import CORPORA, CORPUS
from emo.errors import ModelError
from emo.folds import N_VOICES_FOLDS
from emo.labels import LABELS

VOTE = "vote"
TITLES = {
    "tree": "Decision tree",
    "cnn": "Convolutional network",
    "mlp": "Multilayer perceptron",
    VOTE: "Vote",
}
"""The models in the order of every table, with their names for people."""

VOTE_DESCRIPTION = (
    "The mean of the probabilities of the three models; it has no weights of its own."
)

PROTOCOL_TITLES = {"clips": "Random clips", "voices": "Unseen voices"}
PROTOCOL_MEANINGS = {
    "clips": (
        "a random fifth of all clips is the test and the rest trains, so that the voices of the "
        "test were heard in training; this flatters"
    ),
    "voices": (
        "every clip of a tested speaker, spoken or sung, is kept out of training; this is what to "
        "expect of a new voice"
    ),
}

BEGIN = "<!-- results:begin -->"
END = "<!-- results:end -->"
"""The table of results stands between these two lines of a README."""

_MADE_BY = "<!-- Made by: python -m emo cards. Changes by hand are lost. -->"

_RATES = ("accuracy", "uar", "macro_f1")

_DEFINITIONS = f"""\
Accuracy is the share of clips whose likeliest label is the acted one. UAR is the mean recall over
the emotions, so that rare ones count as much as common ones; guessing gives \
{100 / len(LABELS):.1f} %. Macro-F1 is the
mean over the emotions of the F1, which balances precision and recall."""

_CALIBRATION = """\
Calibration error is the mean distance between the confidence and the share that is right, over
15 bins of confidence."""

_ANSWERS = """\
The answers hold, for each tested clip, its true emotion and the seven probabilities of a model that
had not heard it. All figures above can be counted again from them (`read_predictions` and
`protocol_metrics` in `emo.metrics`).

`model.json` names the labels, the features, the training data and the hashes of the weights, which
are checked when a model is loaded. Nothing here is a pickle."""

_LICENCES = """\
The recordings may not be passed on and are no part of this project. The weights were computed from
recordings under non-commercial terms: use them for research and teaching, not in a product that is
sold. The code is under the MIT licence."""

_USE = """\
## What it is for

To show, teach and compare how classifiers read the sound of a voice, and to research the same. It
says which of seven acted expressions a clip sounds most like.

## What it is not for

It does not say what a person feels, and no decision about a person may rest on it: not in hiring,
work, school, policing, insurance, health or sales, and not to tell whether someone lies. Whoever
uses it on people must tell them so (EU AI Act, Regulation (EU) 2024/1689, Article 50(3)). In
workplaces and education the Act bans it, except for medical or safety reasons (Article 5(1)(f))."""

_LIMITS = """\
## Limits

- All training speech is acted. Felt emotion is weaker, mixed and often hidden.
- All of it is English of North America and England, from few and adult voices, in quiet rooms.
  Other languages, accents, ages, rooms and microphones lower the figures.
- Surprise is rare in the training and not in all corpora. RAVDESS song has neither disgust nor
  surprise.
- One of the seven labels is always likeliest, whatever the sound is. A probability is not the
  chance of being right.
- Ordinary listeners who only hear the clips of CREMA-D name the acted emotion in about 40 % of
  cases, so that the labels themselves are far from certain."""


# --- Reading -------------------------------------------------------------------------------------


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"There is no {path}. 'python -m emo train' makes model.json, "
            "'python -m emo evaluate' makes metrics.json."
        ) from None
    except ValueError as error:
        raise ModelError(f"{path} cannot be read: {error}. Make it anew.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a JSON object. Make it anew.")
    return content


def _protocols(models: Path, key: str) -> dict[str, dict[str, Any]]:
    path = models / key / "metrics.json"
    measured = _read(path).get("protocols")
    if not isinstance(measured, dict):
        raise ModelError(f"{path} has no protocols. 'python -m emo evaluate' makes it anew.")
    return {name: measured[name] for name in PROTOCOL_TITLES if name in measured}


# --- Tables --------------------------------------------------------------------------------------


def results_table(models: Path) -> str:
    """Markdown table of accuracy, UAR and macro-F1 of every model under every protocol.

    Raises
    ------
    ModelError
        A ``metrics.json`` is missing or damaged.
    """
    measured = {key: _protocols(models, key) for key in TITLES}
    names = [
        name for name in PROTOCOL_TITLES if any(name in blocks for blocks in measured.values())
    ]
    header = ["Model"]
    for name in names:
        header += [f"{PROTOCOL_TITLES[name]}: accuracy", "UAR", "macro-F1"]
    rows = [
        [TITLES[key], *(_rate(blocks.get(name), rate) for name in names for rate in _RATES)]
        for key, blocks in measured.items()
    ]
    notes = []
    for name in names:
        block = next(blocks[name] for blocks in measured.values() if name in blocks)
        notes.append(
            f"- **{PROTOCOL_TITLES[name]}** ({_size(name, block)}): {PROTOCOL_MEANINGS[name]}."
        )
    return "\n\n".join([_table(header, rows), "\n".join(notes)])


def _rate(block: dict[str, Any] | None, name: str) -> str:
    value = block.get(name) if block else None
    return "–" if value is None else f"{100 * value:.1f} %"


def _size(protocol: str, block: dict[str, Any]) -> str:
    tested = f"{block['n']:,} clips tested"
    if protocol != "voices":
        return tested
    numbers = [str(fold["fold"]) for fold in block["folds"]]
    if len(numbers) == N_VOICES_FOLDS:
        return f"all {N_VOICES_FOLDS} folds, {tested}"
    return f"fold {', '.join(numbers)} of {N_VOICES_FOLDS}, {tested}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], n_text: int = 1) -> str:
    """Markdown table; the first ``n_text`` columns are text, the others numbers."""
    aligned = ["---"] * n_text + ["--:"] * (len(header) - n_text)
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, aligned, *rows))


def _protocol_table(protocols: dict[str, dict[str, Any]]) -> str:
    header = ("Protocol", "clips tested", "accuracy", "UAR", "macro-F1", "calibration error")
    rows = [
        (PROTOCOL_TITLES[name], f"{block['n']:,}", *(_rate(block, r) for r in (*_RATES, "ece")))
        for name, block in protocols.items()
    ]
    return _table(header, rows)


def _corpus_table(block: dict[str, Any]) -> str:
    rows = [
        (CORPUS[key].title, f"{part['n']:,}", *(_rate(part, rate) for rate in _RATES))
        for key, part in block["per_corpus"].items()
    ]
    return _table(("Corpus", "clips", "accuracy", "UAR", "macro-F1"), rows)


def _class_table(block: dict[str, Any]) -> str:
    rows = [
        (label, f"{part['n']:,}", *(_rate(part, rate) for rate in ("precision", "recall", "f1")))
        for label, part in block["per_class"].items()
    ]
    return _table(("Emotion", "clips", "precision", "recall", "F1"), rows)


def _data_table(corpora: Sequence[str]) -> str:
    rows = [
        (f"[{corpus.title}]({corpus.url})", corpus.licence, f"{corpus.n_speakers}")
        for corpus in CORPORA
        if corpus.key in corpora
    ]
    return _table(("Corpus", "licence of the recordings", "speakers"), rows, n_text=2)


# --- Documents -----------------------------------------------------------------------------------


def _card(models: Path, key: str) -> str:
    parts = models / key
    # The vote is made of the three models and shares what the first of them was trained on.
    model = _read((models / "tree" if key == VOTE else parts) / "model.json")
    description = VOTE_DESCRIPTION if key == VOTE else model["description"]
    sections = [
        _MADE_BY,
        f"# {TITLES[key]}",
        f"{description} It gives a probability to each of: {', '.join(LABELS)}.",
        _USE,
        _results(_protocols(models, key)),
        _training_data(model),
        _LIMITS,
    ]
    if key != VOTE:
        sections.append(_files(model))
    sections.append(_again(key))
    return "\n\n".join(sections) + "\n"


def _results(protocols: dict[str, dict[str, Any]]) -> str:
    sections = ["## Results", _protocol_table(protocols), _DEFINITIONS, _CALIBRATION]
    for name, block in protocols.items():
        sections += [
            f"### {PROTOCOL_TITLES[name]}",
            f"{_size(name, block).capitalize()}: {PROTOCOL_MEANINGS[name]}.",
            _corpus_table(block),
            _class_table(block),
            *_left_out(block),
            f"Made by `{block['command']}`, commit `{block['commit']}`, seed {block['seed']}.",
        ]
    return "\n\n".join(sections)


def _left_out(block: dict[str, Any]) -> list[str]:
    """One paragraph on the test clips that no model can use, or none."""
    clips = [f"{one['clip']} ({one['reason']})" for one in block.get("left_out", [])]
    return [f"Not tested: {'; '.join(clips)}"] if clips else []


def _training_data(model: dict[str, Any]) -> str:
    trained = model["trained_on"]
    count = f"{trained['clips']:,} clips of {trained['speakers']} speakers"
    return "\n\n".join(
        [
            "## Training data and licences",
            f"{count}, acted, in English; calm clips are left out.",
            _data_table(trained["corpora"]),
            _LICENCES,
        ]
    )


def _files(model: dict[str, Any]) -> str:
    rows = [
        (f"`{name}`", f"`{facts['sha256']}`", f"{facts['bytes']:,}")
        for name, facts in model["files"].items()
    ]
    return "\n\n".join(
        [
            "## Files",
            f"{model['n_parameters']:,} numbers. Trained by `{model['command']}`, commit "
            f"`{model['commit']}`, seed {model['seed']}.",
            _table(("File", "SHA-256", "bytes"), rows, n_text=2),
        ]
    )


def _again(key: str) -> str:
    which = "all" if key == VOTE else key
    return "\n".join(
        [
            "## Train it again",
            "",
            "Put the official downloads in one folder `DIR`, as they are, then:",
            "",
            "```",
            "python -m emo corpora DIR",
            f"python -m emo train {which} --data DIR",
            "python -m emo evaluate --protocol clips --data DIR",
            "python -m emo evaluate --protocol voices --fold 1 --data DIR",
            "python -m emo cards",
            "```",
        ]
    )


def _overview(models: Path) -> str:
    rows = []
    for key in TITLES:
        for name, block in _protocols(models, key).items():
            where = f"[{key}/predictions/{name}.csv.gz]({key}/predictions/{name}.csv.gz)"
            rows.append(
                (
                    f"[{TITLES[key]}]({key}/CARD.md)",
                    f"{PROTOCOL_TITLES[name]}, {_size(name, block)}",
                    f"`{block['command']}`",
                    f"`{block['commit']}`",
                    where,
                    str(block["seed"]),
                )
            )
    sources = _table(
        ("Model", "measured on", "command", "commit", "answers", "seed"), rows, n_text=5
    )
    sections = [_MADE_BY, "# Models", results_table(models), _DEFINITIONS]
    sections += [_corpus_section(models, name) for name in PROTOCOL_TITLES]
    sections += [
        "## Where the figures come from",
        sources,
        _ANSWERS,
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _corpus_section(models: Path, name: str) -> str:
    """Accuracy and UAR of every model by corpus under one protocol; empty if not measured."""
    measured = {key: _protocols(models, key).get(name) for key in TITLES}
    blocks = {key: block["per_corpus"] for key, block in measured.items() if block}
    if not blocks:
        return ""
    corpora = [c.key for c in CORPORA if any(c.key in parts for parts in blocks.values())]
    rows = [
        [
            CORPUS[corpus].title,
            f"{max(parts[corpus]['n'] for parts in blocks.values() if corpus in parts):,}",
            *(
                f"{_rate(parts.get(corpus), 'accuracy')} ({_rate(parts.get(corpus), 'uar')})"
                for parts in blocks.values()
            ),
        ]
        for corpus in corpora
    ]
    header = ["Accuracy (UAR)", "clips", *(TITLES[key] for key in blocks)]
    return f"## {PROTOCOL_TITLES[name]} by corpus\n\n{_table(header, rows)}"


# --- Writing -------------------------------------------------------------------------------------


def documents(models: Path, readme: Path | None = None) -> dict[Path, str]:
    """The text of every generated document by its path, as it should be now.

    Parameters
    ----------
    models
        Folder with one folder per model.
    readme
        A document whose lines between :data:`BEGIN` and :data:`END` are the table of results.

    Raises
    ------
    ModelError
        A ``model.json`` or ``metrics.json`` is missing or damaged, or the readme lacks the marks.
    """
    try:
        made = {models / key / "CARD.md": _card(models, key) for key in TITLES}
        made[models / "README.md"] = _overview(models)
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"A model.json or metrics.json in {models} is incomplete ({error!r}). "
            "'python -m emo train' and 'python -m emo evaluate' make them anew."
        ) from error
    if readme is not None:
        made[readme] = _with_table(readme, results_table(models))
    return made


def write_cards(models: Path, readme: Path | None = None) -> tuple[Path, ...]:
    """Paths of the documents that were not up to date and are now (see :func:`documents`)."""
    made = documents(models, readme)
    outdated = _differing(made)
    for path in outdated:
        path.write_text(made[path], encoding="utf-8")
    return outdated


def stale_documents(models: Path, readme: Path | None = None) -> tuple[Path, ...]:
    """Paths of the documents that are missing or differ from what the numbers say."""
    return _differing(documents(models, readme))


def _differing(made: dict[Path, str]) -> tuple[Path, ...]:
    return tuple(
        path
        for path, text in made.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    )


def _with_table(readme: Path, table: str) -> str:
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ModelError(
            f"{readme} needs the line {BEGIN} once, and {END} once after it: "
            "the results go between."
        )
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}"
