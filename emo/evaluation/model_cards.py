"""The generated documents: a card for each model, the README of ``models/``, the results.

Every number in them comes from ``model.json``, ``metrics.json``, ``calibration.json``,
``listeners.json`` and the stored predictions; nothing is typed by hand.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emo.classifiers.calibration import CALIBRATION
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.storage import WEIGHTS, ModelInfo, read_model_info
from emo.classifiers.tree import SURROGATE_DEPTH
from emo.corpora.catalogue import CORPORA
from emo.corpora.protocols import EMOBOX, PROTOCOLS, SPEAKERS
from emo.corpora.splits import CALIBRATION_ONE_IN
from emo.errors import ModelError
from emo.evaluation.metrics import N_RESAMPLES
from emo.evaluation.non_speech import report as non_speech_report
from emo.evaluation.predictions import SURROGATE_OF, read_json
from emo.evaluation.selective import KEPT_ACCURACY, KEPT_SPARE
from emo.evaluation.summary import LISTENERS, PRESENCE
from emo.evaluation.tables import (
    PROTOCOL_TITLES,
    TITLES,
    benchmark_table,
    class_table,
    conditions_table,
    corpora_table,
    corpus_table,
    emobox_table,
    expectation,
    fairness_tables,
    made_by,
    percent,
    presence_table,
    protocol_table,
    protocols_of,
    rate,
    results_table,
    robustness_table,
    size,
    table,
)
from emo.evaluation.targets import report
from emo.inference.explanation_text import surrogate_outline
from emo.labels import LABELS, VOTE
from emo.system.files import naming
from emo.training.dataset import COPIES

BEGIN = "<!-- results:begin -->"
END = "<!-- results:end -->"
"""The tables of results stand between these two lines of a README."""

RESULTS = Path("docs") / "results.md"
"""The report on the targets, beside the README."""

_ALTERED = (
    "speed, excerpt, reverberation, equaliser, noise, babble of the same voice, telephone band, "
    "MP3 and clipping, drawn at random"
)

# --- Reading -------------------------------------------------------------------------------------


def _sections(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


# --- Cards ---------------------------------------------------------------------------------------


def _card(models: Path, key: str) -> str:
    # The vote is made of the three models and shares what the first of them was trained on.
    model = read_model_info(models / (next(iter(CLASSIFIERS)) if key == VOTE else key))
    description = VOTE_DESCRIPTION if key == VOTE else model["description"]
    protocols = protocols_of(models, key)
    voices = protocols.get("speakers", {})
    parts = [
        MADE_BY,
        f"# {TITLES[key]}",
        f"{description} It gives a probability to each of: {', '.join(LABELS)}.",
        USE,
        _results(protocols),
        _benchmark(key, protocols),
        _robustness(voices),
        _presence(read_json(models / PRESENCE)),
        _fairness(voices),
        _plain(models, key, voices),
        _listeners(models, key, protocols),
        _confidence(models, key, protocols),
        _training(model, key),
        LIMITS,
        "" if key == VOTE else _files(model),
        _again(key),
    ]
    return _sections(*parts) + "\n"


def _results(protocols: Mapping[str, dict[str, Any]]) -> str:
    parts = [
        "## Results",
        expectation("it", protocols),
        protocol_table(protocols),
        DEFINITIONS,
        CALIBRATION_ERROR,
    ]
    for name, title in PROTOCOL_TITLES.items():
        if block := protocols.get(name):
            words = size(name, block)
            parts += [
                f"### {title}",
                f"{words[0].upper()}{words[1:]}. {PROTOCOLS[name].description}",
                corpus_table(block),
                class_table(block),
                _left_out(block),
                _source(block),
            ]
    return _sections(*parts)


def _left_out(block: Mapping[str, Any]) -> str:
    """One paragraph on the test clips that no model can use, empty if there are none."""
    clips = [f"{one['clip']} ({one['reason']})" for one in block.get("left_out", [])]
    return f"Not tested: {'; '.join(clips)}" if clips else ""


def _source(block: Mapping[str, Any]) -> str:
    """What made a block of figures; empty where another block's runs did."""
    ways = [
        f"{'fold' if folds.isdecimal() else 'folds'} {folds} by {command}, commit {commit}, "
        f"seed {seed}"
        for folds, command, commit, seed in made_by(block.get("runs", []))
    ]
    return f"Made: {'; '.join(ways)}." if ways else ""


def _benchmark(key: str, protocols: Mapping[str, dict[str, Any]]) -> str:
    block = protocols.get("emobox", {})
    if not block.get("per_corpus"):
        return ""
    compared, note = emobox_table({key: protocols})
    return _sections(
        "### EmoBox", benchmark_table(block), compared, note, _left_out(block), _source(block)
    )


def _plain(models: Path, key: str, voices: Mapping[str, Any]) -> str:
    """The readable tree beside the tree, and how often it is right; empty of other classifiers."""
    weights = models / key / WEIGHTS
    if key != SURROGATE_OF or not weights.exists():
        return ""
    with np.load(weights, allow_pickle=False) as arrays:
        outline = surrogate_outline({name: arrays[name] for name in arrays.files})
    told = [
        "### In plain questions",
        "Beside the tree a readable one is fitted to the same, which gives no answers and is there "
        f"to explain. It asks at most {SURROGATE_DEPTH} questions, each about one measurement in "
        "its own unit, cepstra left out.",
    ]
    if block := voices.get("surrogate"):
        low, high = block["intervals"]["accuracy"]
        told.append(
            f"Of {block['n']:,} clips of unseen speakers it is right for "
            f"{percent(block['accuracy'])} ({percent(low)} to {percent(high)}; UAR "
            f"{percent(block['uar'])}), and it says what the tree says for "
            f"{percent(block['agreement'])}. The one that ships, with the likeliest label of each "
            "leaf and its share of what was taught there:"
        )
    return _sections(*told, f"```\n{outline}\n```")


def _robustness(voices: Mapping[str, Any]) -> str:
    block = voices.get("robustness")
    if not block:
        return ""
    return _sections(
        "### Sound made worse",
        f"{block['clean']['n']:,} of the clips of unseen speakers, drawn at random, each altered "
        "in the ways below.",
        robustness_table(block),
    )


def _presence(found: Mapping[str, Any]) -> str:
    if not found:
        return ""
    n = sum(row["n"] for row in found["corpora"].values())
    flagged = sum(row["flagged"] for row in found["corpora"].values())
    return _sections(
        "### Speech taken for something else",
        "Before the classifiers answer, the sound is searched for speech, and music, tones, noise, "
        "silence and long gaps are flagged. All clips of the corpora are speech or song, so that "
        f"every one flagged is a false alarm: {flagged:,} of {n:,}, {percent(flagged / n)}. Below, "
        "the clips as recorded, and those of the table above under each condition.",
        presence_table(found),
        f"Made by `{found['command']}`, commit `{found['commit']}`.",
    )


def _fairness(voices: Mapping[str, Any]) -> str:
    made = fairness_tables(voices.get("fairness", {}))
    if not made:
        return ""
    return _sections(
        "### By sex, age and corpus",
        "Unseen speakers. Groups of few speakers have wide intervals, and the corpora differ in "
        "what was spoken and how it was recorded, so not every difference is one of voices.",
        *made,
    )


def _confidence(models: Path, key: str, protocols: Mapping[str, dict[str, Any]]) -> str:
    voices = protocols.get("speakers", {})
    return _sections(
        "## What the confidence means",
        VOTE_CONFIDENCE if key == VOTE else CONFIDENCE,
        _fitted(key, read_json(models / CALIBRATION), voices.get("calibration", [])),
        _believed(voices, protocols.get("cross-corpus", {})),
        _unsure(key, voices.get("selective"), protocols.get("cross-corpus", {}).get("selective")),
    )


def _fitted(key: str, shipped: Mapping[str, Any], folds: Sequence[Mapping[str, Any]]) -> str:
    """The temperature, or the weights, that ship, beside those of the folds; empty if none do."""
    if not shipped or not folds:
        return ""
    if key == VOTE:
        found = {
            f"Weight: {TITLES[one].lower()}": (
                shipped["weights"][one],
                [fold["weights"][one] for fold in folds],
            )
            for one in CLASSIFIERS
        }
    else:
        temperatures = [fold["temperature"] for fold in folds]
        found = {"Temperature": (shipped["temperatures"][key], temperatures)}
    rows = [
        (name, *(f"{value:.2f}" for value in (mean, min(all_), max(all_))))
        for name, (mean, all_) in found.items()
    ]
    return _sections(
        table(("", "shipped", "lowest fold", "highest fold"), rows),
        "What ships is the mean over the folds of unseen speakers.",
    )


def _believed(voices: Mapping[str, Any], elsewhere: Mapping[str, Any]) -> str:
    if "ece" not in voices:
        return ""
    told = (
        "Of answers to unseen speakers with a confidence of 70 %, about 70 % should name the acted "
        "emotion; over all confidences, the two differ by "
        f"{percent(voices['ece'])} on average (the calibration error). That holds for actors like "
        "those of the corpora, and says nothing of what a person feels."
    )
    if "ece" not in elsewhere:
        return told
    return (
        f"{told} On a corpus that was kept out of training they differ by "
        f"{percent(elsewhere['ece'])}: the mean confidence is "
        f"{percent(elsewhere.get('confidence'))}, and {percent(elsewhere['accuracy'])} of the "
        "answers are right."
    )


def _unsure(
    key: str, block: Mapping[str, float] | None, elsewhere: Mapping[str, float] | None
) -> str:
    if not block:
        return ""
    also = ", or where all three classifiers are unsure," if key == VOTE else ""
    told = (
        f"Below a confidence of {percent(block['threshold'])}{also} the answer is **unsure**. The "
        f"limit is the lowest whole per cent from which on {percent(KEPT_ACCURACY + KEPT_SPARE)} "
        "of the answers to unseen speakers are right, a confidence counting as it is shown, to the "
        f"whole per cent; it keeps {percent(block['coverage'])} of them. With limits chosen on "
        f"the other folds, {percent(block['coverage_cross_fitted'])} are kept and "
        f"{percent(block['selective_accuracy_cross_fitted'])} of these are right."
    )
    if not elsewhere:
        return told
    return (
        f"{told} On a corpus that was kept out of training, {percent(elsewhere['coverage'])} are "
        f"kept and {percent(elsewhere['selective_accuracy'])} of these are right."
    )


def _listeners(models: Path, key: str, protocols: Mapping[str, dict[str, Any]]) -> str:
    block, human = protocols.get("listeners"), read_json(models / LISTENERS)
    if not block or not human:
        return ""
    rows = [
        (TITLES[key], rate(block, "accuracy"), rate(block, "uar")),
        ("One listener", percent(human["single_accuracy"]), percent(human["single_uar"])),
        ("Plurality of the listeners", percent(human["plurality_accuracy"]), "–"),
    ]
    distances = [
        (TITLES[key], block["distance_from_votes"]),
        ("The mean votes for every clip", human["distance_of_mean_votes"]),
        ("Equal shares for every clip", human["distance_of_equal_shares"]),
        ("The acted label alone", human["distance_of_acted_label"]),
    ]
    return _sections(
        "### Beside listeners",
        f"{block['n']:,} clips of CREMA-D by unseen speakers, to which {human['votes']:,} votes "
        "were given by people who only heard them, with six answers to choose from. The "
        "classifiers "
        "are held to the same six; they were trained on the acted labels, the listeners were not.",
        table(("Acted emotion named", "accuracy", "UAR"), rows),
        "How far the probabilities are from the shares of the votes: half the sum of the "
        "differences, 0 for the same and 1 for no overlap. The likeliest label is the listeners' "
        f"most frequent one for {percent(block['agreement_with_plurality'])} of the clips.",
        table(("Distance from the votes", "mean"), [(name, f"{d:.3f}") for name, d in distances]),
    )


def _training(model: ModelInfo, key: str) -> str:
    trained = model["trained_on"]
    rows = [
        (f"[{corpus.title}]({corpus.url})", corpus.licence, f"{corpus.n_speakers}")
        for corpus in CORPORA
        if corpus.key in trained["corpora"]
    ]
    return _sections(
        "## Training data and licences",
        f"{trained['clips']:,} clips of {trained['speakers']} speakers, acted, in English. Calm, "
        "which RAVDESS alone has, is trained as an eighth label and never given as an answer.",
        _taught(key),
        "What ships is trained on all clips. What is measured is trained on the training clips of "
        f"a fold, less those of one in {CALIBRATION_ONE_IN} speakers (or, under random clips and "
        f"EmoBox, one in {CALIBRATION_ONE_IN} clips), which are kept for calibration.",
        table(("Corpus", "licence of the recordings", "speakers"), rows, n_text=2),
        LICENCES,
    )


def _taught(key: str) -> str:
    """What a classifier hears in training, and what it is told of it."""
    if key == VOTE:
        return "The vote itself trains on nothing but the clips kept for calibration."
    row = CLASSIFIERS[key]
    if row.copy_share is None:
        sentences = [
            f"It trains on every clip and {len(COPIES)} altered copies of each (made with some of: "
            f"{_ALTERED})."
        ]
    else:
        sentences = [
            f"In each epoch {100 * row.copy_share:.0f} % of the clips are replaced by one of "
            f"{len(COPIES)} altered copies, made with some of: {_ALTERED}."
        ]
    if row.teacher is not None:
        sentences.append(
            f"{100 * row.teacher_share:.0f} % of what it is taught is what the "
            f"{TITLES[row.teacher].split()[-1].lower()} of the same training clips says of them, "
            "the rest is the acted label."
        )
    if row.listener_share:
        sentences.append(
            f"{100 * row.listener_share:.0f} % of what is taught of the clips of CREMA-D goes to "
            "the votes of listeners, the rest to the acted label."
        )
    return " ".join(sentences)


def _files(model: ModelInfo) -> str:
    rows = [
        (f"`{name}`", f"`{facts['sha256']}`", f"{facts['bytes']:,}")
        for name, facts in model["files"].items()
    ]
    return _sections(
        "## Files",
        f"{model['n_parameters']:,} numbers. Trained by `{model['command']}`, commit "
        f"`{model['commit']}`, seed {model['seed']}.",
        table(("File", "SHA-256", "bytes"), rows, n_text=2),
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
            "python -m emo audit DIR",
            f"python -m emo train {which} --data DIR",
            "python -m emo evaluate --protocol all --data DIR",
            "python -m emo docs",
            "```",
        ]
    )


# --- The README of models/ -----------------------------------------------------------------------


def _overview(models: Path) -> str:
    conditions = conditions_table(models)
    cards = ", ".join(f"[{title}]({key}/CARD.md)" for key, title in TITLES.items())
    return (
        _sections(
            MADE_BY,
            "# Models",
            f"A card for each: {cards}.",
            results_table(models),
            DEFINITIONS,
            *(
                _titled(f"{title} by corpus", corpora_table(models, name))
                for name, title in PROTOCOL_TITLES.items()
            ),
            _titled("Sound made worse", conditions),
            f"{SPEAKERS.title}; what was done to the clips stands in the cards."
            if conditions
            else "",
            "## Where the figures come from",
            _sources(models),
            ANSWERS,
        )
        + "\n"
    )


def _titled(title: str, text: str) -> str:
    return f"## {title}\n\n{text}" if text else ""


def _sources(models: Path) -> str:
    titles = {**PROTOCOL_TITLES, EMOBOX.key: f"{EMOBOX.title}: CREMA-D and TESS"}
    blocks = protocols_of(models, VOTE)
    rows = []
    for name, title in titles.items():
        answers = ", ".join(
            f"[{key}]({key}/predictions/{name}.csv.gz)" for key in TITLES if key != VOTE
        )
        for made in made_by(blocks.get(name, {}).get("runs", [])):
            rows.append((title, *made[:3], answers, made[3]))
    header = ("Measured", "folds", "command", "commit", "answers", "seed")
    return table(header, rows, n_text=5)


# --- Writing -------------------------------------------------------------------------------------


def documents(models: Path, readme: Path | None = None) -> dict[Path, str]:
    """The text of every generated document by its path, as it should be now.

    Parameters
    ----------
    models
        Folder with one folder per model.
    readme
        A document whose lines between :data:`BEGIN` and :data:`END` are the tables of results;
        beside it stand the report, :data:`RESULTS`, and the page of ``non_speech.report``.

    Raises
    ------
    CorpusError
        Predictions are damaged.
    ModelError
        A ``model.json`` or ``metrics.json`` is missing or damaged, or the readme lacks the marks.
    """
    try:
        made = {models / key / "CARD.md": _card(models, key) for key in TITLES}
        made[models / "README.md"] = _overview(models)
        if readme is not None:
            made[readme] = _with_table(readme, results_table(models))
            made[readme.parent / RESULTS] = f"{MADE_BY}\n\n{report(models)}"
            if text := non_speech_report.page(read_json(models / PRESENCE)):
                made[readme.parent / non_speech_report.PAGE] = f"{MADE_BY}\n\n{text}"
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelError(
            f"A model.json, metrics.json, calibration.json or listeners.json in {models} is "
            f"incomplete ({error!r}). 'python -m emo train' and 'python -m emo evaluate' make "
            "them anew."
        ) from error
    return made


def write_cards(models: Path, readme: Path | None = None) -> tuple[Path, ...]:
    """Paths of the documents that were not up to date and are now (see :func:`documents`)."""
    made = documents(models, readme)
    outdated = _differing(made)
    for path in outdated:
        path.parent.mkdir(parents=True, exist_ok=True)
        with naming(path):
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


def _with_table(readme: Path, text: str) -> str:
    whole = readme.read_text(encoding="utf-8") if readme.exists() else ""
    if whole.count(BEGIN) != 1 or whole.count(END) != 1 or whole.index(BEGIN) > whole.index(END):
        raise ModelError(
            f"{readme} needs the line {BEGIN} once, and {END} once after it: "
            "the results go between."
        )
    before, rest = whole.split(BEGIN)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}"


MADE_BY = "<!-- Made by: python -m emo docs. Changes by hand are lost. -->"

VOTE_DESCRIPTION = """\
The product of the probabilities of the three classifiers, each raised to the power of its weight,
then scaled to add up to 1 (a logarithmic opinion pool). Nothing but the weights is its own."""

_KEPT = f"one in {CALIBRATION_ONE_IN} speakers of each large corpus"

VOTE_CONFIDENCE = f"""\
The confidence is the vote's probability of its likeliest label. The weights are those of lowest
log-loss on clips of speakers who trained nothing ({_KEPT}). No weight is
below zero, and their sum is free: it sets how sure the vote is."""

CONFIDENCE = f"""\
The confidence is the probability of the likeliest label after all probabilities are raised to the
power of one over a temperature and scaled to add up to 1. The temperature is that of lowest
log-loss on clips of speakers who trained nothing ({_KEPT}). It changes
no answer, only how sure it is."""

DEFINITIONS = f"""\
Accuracy is the share of clips whose likeliest label is the acted one. UAR is the mean recall over
the emotions, so that rare ones count as much as common ones; guessing gives \
{percent(1 / len(LABELS))}. Macro-F1 is the
mean over the emotions of the F1, which balances precision and recall.

In brackets stands the 95 % interval, from drawing the speakers of each corpus anew \
{N_RESAMPLES:,} times.
With the two speakers of TESS and the four of SAVEE it is too narrow."""

CALIBRATION_ERROR = """\
Calibration error is the mean distance between the confidence and the share that is right, over
15 bins of confidence."""

ANSWERS = """\
The answers hold, for each tested clip, its true emotion and the eight probabilities (calm is the
eighth) of a classifier that had not heard it, as they come, before calibration; those in
`calibration/` are of the clips on which temperatures and weights were fitted. The vote is made of
them and has no files. `python -m emo results` counts all figures again and says if one differs.

`model.json` names the labels, the features, the training data and the hashes of the weights, which
are checked when a model is loaded. Nothing here is a pickle."""

LICENCES = """\
The recordings may not be passed on and are no part of this project. The weights were computed from
recordings under non-commercial terms: use them for research and teaching, not in a product that is
sold. The code is under the MIT licence."""

USE = """\
## What it is for

To show, teach and compare how classifiers read the sound of a voice, and to research the same. It
says which of seven acted expressions a clip sounds most like.

## What it is not for

It does not say what a person feels, and no decision about a person may rest on it: not in hiring,
work, school, policing, insurance, health or sales, and not to tell whether someone lies. Whoever
uses it on people must tell them so (EU AI Act, Regulation (EU) 2024/1689, Article 50(3)). In
workplaces and education the Act bans it, except for medical or safety reasons (Article 5(1)(f))."""

LIMITS = """\
## Limits

- All training speech is acted. Felt emotion is weaker, mixed and often hidden.
- All of it is English of North America and England, from few and adult voices, in quiet rooms.
  Other languages, accents, ages, rooms and microphones lower the figures.
- Surprise is rare in the training and not in all corpora. RAVDESS song has neither disgust nor
  surprise.
- One of the seven labels is always likeliest, whatever the sound is.
- The confidence was fitted to actors of these corpora. On other recordings it is far too high: see
  "What the confidence means"."""
