"""Results of a review: estimated accuracy of the models, and agreement of the raters."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from emo.classifiers.voice import VOICE
from emo.labels import ENSEMBLE, LABELS
from emo.review import agreement
from emo.review.choice import Draw
from emo.review.clips import Key, ReviewClip
from emo.review.estimates import Estimate, estimate_random, estimate_weighted
from emo.review.labels import NONE, OTHERS, SEVERAL, SKIPPED, Label, answers_of
from emo.review.settings import RANDOM

WRONG = "?"  # a label that no model gives

ANSWER = "answer"
"""Key of the answer of the batch, beside those of the models."""


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha, nominal.

    Attributes
    ----------
    alpha
        NaN where it is not defined.
    interval
        95 %, by a bootstrap over the clips; None where there is none.
    n
        Clips with two values or more.
    """

    alpha: float
    interval: tuple[float, float] | None
    n: int


@dataclass(frozen=True)
class RaterResult:
    """Results of a rater.

    Attributes
    ----------
    rater
    n_labelled
        Clips with one of the models' labels.
    n_several, n_none, n_skipped
        Clips with another answer.
    n_changed
        Labels that were changed after the models' answers were shown.
    n_elsewhere
        Labels that are left out, since their clips are not the first of this draw.
    accuracy
        Estimated accuracy of the models in the whole batch, by key; by ``ANSWER`` for the answer of
        the batch.  Empty without labelled clips.
    first_accuracy
        Accuracy of the answer of the batch with the first labels, where some were changed.
    range
        Accuracy of the answer of the batch if all skipped clips were wrong, and if all were right;
        None without skipped clips.
    alphas
        Agreement with each of the models, by key.
    """

    rater: str
    n_labelled: int
    n_several: int
    n_none: int
    n_skipped: int
    n_changed: int
    n_elsewhere: int
    accuracy: Mapping[str, Estimate]
    first_accuracy: Estimate | None
    range: tuple[float, float] | None
    alphas: Mapping[str, Alpha]


@dataclass(frozen=True)
class Results:
    """Results of a review.

    Attributes
    ----------
    choice, seed, population
        As for ``emo.review.choice.Draw``.
    raters
        Results by rater, in the order of their first labels.
    alpha
        Agreement of all raters; None with fewer than two.
    pairs
        Agreement of each two raters, where there are more than two.
    differing
        Clips to which a rater gave another label than the batch: rater, label and clip.
    """

    choice: str
    seed: int
    population: int
    raters: tuple[RaterResult, ...]
    alpha: Alpha | None
    pairs: Mapping[tuple[str, str], Alpha]
    differing: tuple[tuple[str, str, ReviewClip], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the results as plain values for JSON; numbers that are not defined are None."""
        return {
            "choice": self.choice,
            "seed": self.seed,
            "population": self.population,
            "raters": [
                asdict(rater) | {"alphas": {k: _plain(a) for k, a in rater.alphas.items()}}
                for rater in self.raters
            ],
            "alpha": _plain(self.alpha) if self.alpha else None,
            "pairs": [{"raters": list(p)} | _plain(a) for p, a in self.pairs.items()],
        }


def _plain(alpha: Alpha) -> dict[str, Any]:
    return asdict(alpha) | {"alpha": None if np.isnan(alpha.alpha) else alpha.alpha}


def summarise(draw: Draw, labels: Sequence[Label], allowed: Sequence[str] = LABELS) -> Results:
    """Count what the labels say of the answers, and how far the raters agree.

    Parameters
    ----------
    draw
        The clips of the review.
    labels
        Labels of all raters.  Those for other clips count for the agreement of raters alone.
    allowed
        Labels of the models.
    """
    names = list(dict.fromkeys(label.rater for label in labels if label.label))
    by_rater = {name: answers_of(labels, name) for name in names}
    raters = tuple(_rater_result(draw, name, by_rater[name], allowed) for name in names)
    values = {name: _values(own) for name, own in by_rater.items()}
    pairs = {
        (a, b): _alpha([values[a], values[b]])
        for a, b in (combinations(names, 2) if len(names) > 2 else ())
    }
    differing = tuple(
        (name, own[clip.key].label, clip)
        for name, own in by_rater.items()
        for clip in draw.clips
        if clip.key in own and own[clip.key].label not in (clip.answer.label, SKIPPED)
    )
    alpha = _alpha(list(values.values())) if len(names) > 1 else None
    return Results(draw.choice, draw.seed, draw.population, raters, alpha, pairs, differing)


def _values(own: Mapping[Key, Label]) -> dict[str, str]:
    """Return the values of a rater by clip; a skipped clip has none."""
    return {f"{k[1]} {k[0]}": one.label for k, one in own.items() if one.label != SKIPPED}


def _alpha(by_rater: Sequence[Mapping[str, str]]) -> Alpha:
    units = agreement.units_of(by_rater)
    return Alpha(
        agreement.alpha(units),
        agreement.alpha_interval(units),
        sum(len(unit) > 1 for unit in units),
    )


def _rater_result(
    draw: Draw, rater: str, own: Mapping[Key, Label], allowed: Sequence[str]
) -> RaterResult:
    first = next((i for i, clip in enumerate(draw.clips) if clip.key not in own), len(draw.clips))
    clips = draw.clips[:first]
    given = [own[clip.key] for clip in clips]
    counts = Counter(label.label for label in given)
    n_labelled = sum(counts[label] for label in allowed)
    accuracy: dict[str, Estimate] = {}
    final = [label.label for label in given]
    for key in _keys(clips):
        if estimate := _accuracy(draw, clips, final, key):
            accuracy[key] = estimate
    changed = [label for label in given if label.first_label not in ("", label.label)]
    before = [label.first_label or label.label for label in given]
    return RaterResult(
        rater,
        n_labelled,
        counts[SEVERAL],
        counts[NONE],
        counts[SKIPPED],
        len(changed),
        len(own) - len(given),
        accuracy,
        _accuracy(draw, clips, before, ANSWER) if changed else None,
        _range(draw, clips, final) if counts[SKIPPED] else None,
        _alphas(clips, final),
    )


def _keys(clips: Sequence[ReviewClip]) -> list[str]:
    """Return the answer of the batch and the models; the ensemble where that is another answer."""
    models = dict.fromkeys(key for clip in clips for key in clip.answers)
    return [ANSWER, *(key for key in models if key != ENSEMBLE or VOICE in models)]


def _said(clip: ReviewClip, key: str) -> str:
    answered = clip.answer if key == ANSWER else clip.answers.get(key)
    return answered.label if answered else ""


def _accuracy(
    draw: Draw, clips: Sequence[ReviewClip], labels: Sequence[str], key: str
) -> Estimate | None:
    """Return the estimated accuracy among clips of one emotion; None without any such label."""
    counted = np.array([label not in OTHERS for label in labels], bool)
    right = np.array(
        [_said(clip, key) == label for clip, label in zip(clips, labels, strict=True)], bool
    )
    if not counted.any():
        return None
    if draw.choice == RANDOM:
        # Any clip that was not drawn may count too, so that the interval is not too narrow.
        return estimate_random(right[counted], draw.population - int((~counted).sum()))
    return estimate_weighted(right & counted, counted, draw.inclusion(len(clips)))


def _range(
    draw: Draw, clips: Sequence[ReviewClip], labels: Sequence[str]
) -> tuple[float, float] | None:
    """Return the accuracy with all skipped clips wrong, and with all of them right."""
    ends = []
    for is_right in (False, True):
        filled = [
            (clip.answer.label if is_right else WRONG) if label == SKIPPED else label
            for clip, label in zip(clips, labels, strict=True)
        ]
        estimate = _accuracy(draw, clips, filled, ANSWER)
        if estimate is None:
            return None
        ends.append(estimate.share)
    return ends[0], ends[1]


def _alphas(clips: Sequence[ReviewClip], labels: Sequence[str]) -> dict[str, Alpha]:
    pairs = [pair for pair in zip(clips, labels, strict=True) if pair[1] != SKIPPED]
    result = {}
    for key in _keys(clips):
        units = [[label, said] for clip, label in pairs if (said := _said(clip, key))]
        if units:
            interval = agreement.alpha_interval(units)
            result[key] = Alpha(agreement.alpha(units), interval, len(units))
    return result
