"""Figures of groups of speakers: by sex, age, race, ethnicity and corpus."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emo.corpora.metadata import (
    age_band_of,
    read_races_and_ethnicities,
    read_sexes_and_ages,
    sex_of,
)
from emo.evaluation.metrics import score_predictions, speaker_intervals
from emo.evaluation.predictions import Predictions
from emo.evaluation.stored import GroupFigures
from emo.labels import LABELS


def fairness(
    predictions: Predictions, directory: Path | None
) -> dict[str, dict[str, GroupFigures]]:
    """Return figures by sex, by age band, race and ethnicity of actors of CREMA-D, and by corpus.

    Parameters
    ----------
    predictions
        Of clips of speakers that are not in training.
    directory
        Folder of the corpora, with the tables of the actors of CREMA-D.  Race and ethnicity are
        those of ``metadata.DEMOGRAPHICS``, as that table names them.

    Returns
    -------
    dict
        Kind of group → group → figures; empty without a folder of the corpora.

    Raises
    ------
    CorpusError
        A table of the actors is damaged.
    """
    if directory is None:
        return {}
    actors = read_sexes_and_ages(directory)
    part = predictions.among(LABELS)
    speakers = part.speakers.tolist()
    sexes = [sex_of(speaker, actors) or "" for speaker in speakers]
    ages = [age_band_of(speaker, actors) or "" for speaker in speakers]
    people = read_races_and_ethnicities(directory)
    races, ethnicities = (
        [people.get(speaker, ("", ""))[i] for speaker in speakers] for i in range(2)
    )
    columns = {"sex": sexes, "age": ages, "race": races, "ethnicity": ethnicities}
    return {
        kind: _by_group(part, column, names)
        for kind, column in columns.items()
        if (names := sorted(set(column) - {""})) or kind in ("sex", "age")
    } | {
        "corpus": by_corpus(part),
    }


def by_corpus(predictions: Predictions) -> dict[str, GroupFigures]:
    """Return figures of the clips of each corpus, in the order of the predictions."""
    corpora = predictions.corpora.tolist()
    return _by_group(predictions, corpora, list(dict.fromkeys(corpora)))


def _by_group(
    predictions: Predictions, groups: Sequence[str], names: Sequence[str]
) -> dict[str, GroupFigures]:
    column = np.array(groups)
    return {name: _group_scores(predictions.take(column == name)) for name in names}


def _group_scores(predictions: Predictions) -> GroupFigures:
    scores = score_predictions(predictions)
    return {
        "n": scores.n,
        "speakers": len(set(predictions.speakers.tolist())),
        "accuracy": scores.accuracy,
        "uar": scores.uar,
        "intervals": speaker_intervals(predictions),
    }
