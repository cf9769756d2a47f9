"""The table of ensembles, from which their weights, figures, cards and answers follow."""

from collections.abc import Mapping
from dataclasses import dataclass

from emo.classifiers.registry import CLASSIFIERS, Classifier
from emo.formatting import in_words
from emo.labels import ENSEMBLE

FROM_SCRATCH = "from-scratch"


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """A row of ``ENSEMBLES``: a log opinion pool of some classifiers.

    Attributes
    ----------
    title
        Its name in tables and as the head of a card.
    name_in_text
        Its name within a sentence, with the article.
    members
        Keys of its classifiers, in the order of the registry.
    """

    title: str
    name_in_text: str
    members: tuple[str, ...]


def ensembles_of(classifiers: Mapping[str, Classifier]) -> dict[str, Ensemble]:
    """Return the ensembles of some classifiers by key, that of all of them first.

    The second is that of the classifiers that are trained from scratch.  It exists where it
    differs from the first and has two members at least.
    """
    every = tuple(classifiers)
    scratch = tuple(key for key, row in classifiers.items() if not row.is_pretrained)
    ensembles = {ENSEMBLE: Ensemble(title="Ensemble", name_in_text="the ensemble", members=every)}
    if scratch != every and len(scratch) > 1:
        ensembles[FROM_SCRATCH] = Ensemble(
            title="Ensemble, from scratch",
            name_in_text=f"the {in_words(len(scratch))} trained from scratch alone",
            members=scratch,
        )
    return ensembles


ENSEMBLES = ensembles_of(CLASSIFIERS)
"""The ensembles by key.  The first is served; the others are shown beside it."""

OTHER_ENSEMBLES = {key: row for key, row in ENSEMBLES.items() if key != ENSEMBLE}
"""The ensembles that are shown beside the served one."""
