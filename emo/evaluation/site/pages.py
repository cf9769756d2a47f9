"""Two pages for newcomers, ``docs/evaluation-explained.md`` and ``docs/faq.md``.

Every figure in them is read from ``metrics.json``, ``robustness.json``, ``listeners.json`` and
``non_speech.json``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emo.corpora.catalogue import CORPORA
from emo.corpora.protocols import CROSS_CORPUS, RANDOM, SPEAKERS
from emo.evaluation import stored, tables
from emo.evaluation.markdown import render
from emo.evaluation.robustness.storage import RobustnessTables, read_robustness
from emo.formatting import listed
from emo.labels import ENSEMBLE, LABELS

PAGES = {"explained": "evaluation-explained.md", "faq": "faq.md"}
"""File name in ``docs`` of each page, by the name of its template."""

SPOKEN = ("cremad", "ravdess", "savee", "tess")
"""Corpora of speech in the table of corpora."""

COLUMNS = {
    RANDOM.key: "same speakers",
    SPEAKERS.key: "new speakers, same studios",
    CROSS_CORPUS.key: "other corpora",
}
"""Heads of the tables, from the easiest test to the hardest."""

ABOVE_NEW = "points above new speakers"
ABOVE_OTHER = "points above other corpora"
"""Heads of the columns that say how much a random split flatters."""

NEEDED = ("fairness", "selective")
"""Figures of unseen speakers that the pages quote, beside accuracies."""

Block = Mapping[str, Any]


def site_pages(models: Path, known: Sequence[Sequence[str]] = ()) -> dict[str, str]:
    """Return the pages in Markdown by file name; none where a figure was not measured.

    Parameters
    ----------
    models
        Folder with one folder per model.
    known
        Rows of the main README for the known voice: a title, then the accuracies on other corpora
        and for new speakers.

    Raises
    ------
    ModelError
        A ``metrics.json`` is missing or damaged.
    """
    blocks = {key: tables.protocols_of(models, key) for key in tables.TITLES}
    listeners = stored.read_json(models / stored.LISTENERS)
    non_speech = stored.read_json(models / stored.NON_SPEECH)
    complete = all(name in own for own in blocks.values() for name in COLUMNS)
    own = blocks[ENSEMBLE].get(SPEAKERS.key, {})
    altered = read_robustness(models)
    if not (complete and listeners and non_speech and known and all(n in own for n in NEEDED)):
        return {}
    if altered is None:
        return {}
    values: dict[str, Any] = {
        "measured": _Measured(blocks, altered),
        "splits": splits_table(blocks),
        "corpora": by_corpus_table(blocks[ENSEMBLE]),
        "listeners": listeners,
        "guess": tables.percent(1 / len(LABELS)),
        "known": known,
        "flagged": _flagged(non_speech),
        "labels": listed(LABELS),
    }
    return {name: render(template, **values) for template, name in PAGES.items()}


class _Measured:
    """Figures of the ensemble in words; a model or a corpus can be named instead."""

    def __init__(self, blocks: Mapping[str, Mapping[str, Any]], altered: RobustnessTables) -> None:
        self._blocks = blocks
        self._altered = altered

    def rate(self, protocol: str, name: str = "accuracy", *, model: str = ENSEMBLE) -> str:
        """Return a rate under a protocol, such as ``75.6 %``."""
        return tables.percent(self._blocks[model][protocol][name])

    def error(self, protocol: str) -> str:
        """Return the ensemble's calibration error in points, such as ``3.0``."""
        return f"{100 * self._blocks[ENSEMBLE][protocol]['ece']:.1f}"

    def interval(self, protocol: str) -> str:
        """Return the ensemble's accuracy under a protocol with its interval over speakers."""
        return tables.rate(self._blocks[ENSEMBLE][protocol], "accuracy")

    def corpus(self, protocol: str, corpus: str) -> str:
        """Return the ensemble's accuracy on a corpus under a protocol."""
        return tables.percent(self._blocks[ENSEMBLE][protocol]["per_corpus"][corpus]["accuracy"])

    def condition(self, name: str) -> str:
        """Return the ensemble's accuracy for the clips of the held-out speakers, altered."""
        return tables.percent(self._altered["conditions"][name]["models"][ENSEMBLE]["accuracy"])

    def group(self, kind: str, name: str) -> str:
        """Return the ensemble's accuracy for a group of speakers."""
        return tables.percent(self._speakers["fairness"][kind][name]["accuracy"])

    def recall(self, label: str) -> str:
        """Return how often the ensemble names an emotion of new speakers that was acted."""
        return tables.percent(self._speakers["per_class"][label]["recall"])

    def sure(self, protocol: str, name: str) -> str:
        """Return coverage or accuracy of sure answers, by thresholds chosen on other folds."""
        return tables.percent(self._blocks[ENSEMBLE][protocol]["selective"][f"{name}_cross_fitted"])

    @property
    def _speakers(self) -> Block:
        return self._blocks[ENSEMBLE][SPEAKERS.key]  # type: ignore[no-any-return]


def splits_table(blocks: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the accuracy of every model by test, and how many points the easiest one adds."""
    rows = []
    for key, own in blocks.items():
        shares = [own[name]["accuracy"] for name in COLUMNS]
        title = f"**{tables.TITLES[key]}**" if key == ENSEMBLE else tables.TITLES[key]
        gained = [tables.points(shares[0] - share) for share in shares[1:]]
        rows.append([title, *map(tables.percent, shares), *gained])
    header = ["Accuracy, tested on", *COLUMNS.values(), ABOVE_NEW, ABOVE_OTHER]
    return tables.table(header, rows)


def by_corpus_table(protocols: Mapping[str, Any]) -> str:
    """Return the ensemble's accuracy on the speech of each corpus by test, most speakers first."""
    rows = []
    for corpus in sorted(CORPORA, key=lambda corpus: -corpus.n_speakers):
        if corpus.key not in SPOKEN:
            continue
        shares = [protocols[name]["per_corpus"][corpus.key]["accuracy"] for name in COLUMNS]
        gained = tables.points(shares[0] - shares[1])
        cells = (str(corpus.n_speakers), *map(tables.percent, shares), gained)
        rows.append([tables.CORPUS_NAMES[corpus.key], *cells])
    return tables.table(["Ensemble, accuracy", "speakers", *COLUMNS.values(), ABOVE_NEW], rows)


def _flagged(non_speech: Mapping[str, Any]) -> str:
    """Return the share of clips of speech that get a note that they are no speech."""
    counts = non_speech["corpora"].values()
    n, flagged = (sum(row[name] for row in counts) for name in ("n", "flagged"))
    return f"{flagged} of {n:,}"
