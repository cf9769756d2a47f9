"""The results of a review in sentences, for the page and the terminal."""

import math

from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.voice import VOICE
from emo.formatting import MINUS, NBSP, listed, percent
from emo.labels import ENSEMBLE
from emo.review.estimates import Estimate
from emo.review.results import ANSWER, Alpha, RaterResult, Results
from emo.review.settings import CONFIDENCE, DISAGREEMENT, RANDOM

NAMES = (
    {ANSWER: "Answer of the batch"}
    | {key: row.name for key, row in CLASSIFIERS.items()}
    | {ENSEMBLE: "Ensemble", VOICE: "Known voice"}
)
"""Names of what is compared with the labels."""

NOTHING = "Nobody has labelled a clip yet."
ALPHA_MEANING = (
    "Alpha is 1 for perfect agreement and 0 for that of chance. It is over the labelled clips; "
    "several emotions and none count as answers of their own."
)
_HOW = {
    RANDOM: "All clips of the batch had the same chance, so the estimates are unbiased.",
    CONFIDENCE: "Clips of low confidence were drawn more often. Each clip is weighted by the "
    "inverse of its chance, so the estimates hold for the whole batch.",
    DISAGREEMENT: "Clips on which the models differ were drawn more often. Each clip is weighted "
    "by the inverse of its chance, so the estimates hold for the whole batch.",
}
_OF_CHOSEN = {
    RANDOM: "",
    CONFIDENCE: "The agreement is that on the chosen clips, which are harder than the others.",
    DISAGREEMENT: "The agreement is that on the chosen clips, which are harder than the others.",
}
_BOUNDS = (
    "The intervals hold at 95 % for this batch and these labels, and say nothing of other "
    "recordings. Right is what the rater chose; a label is an impression, not what a person felt."
)


def estimate(value: Estimate | None) -> str:
    """Return an estimate with its interval, such as "71.3 % (64.0–78.1)"; a dash without one."""
    if value is None:
        return "–"
    return f"{percent(value.share, 1)} ({100 * value.low:.1f}–{100 * value.high:.1f})"


def alpha(value: Alpha | None) -> str:
    """Return alpha with its interval, such as "0.62 (0.48 to 0.75)"; a dash if there is none."""
    if value is None or math.isnan(value.alpha):
        return "–"
    text = _number(value.alpha)
    if value.interval is None:
        return text
    return f"{text} ({_number(value.interval[0])} to {_number(value.interval[1])})"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", MINUS)


def counts(rater: RaterResult) -> str:
    """Return how many clips a rater labelled, and what the others are."""
    parts = [f"{_clips(rater.n_labelled)} with one emotion"]
    parts += [f"{rater.n_several:,} with several"] * bool(rater.n_several)
    parts += [f"{rater.n_none:,} with none of them"] * bool(rater.n_none)
    parts += [f"{rater.n_skipped:,} skipped"] * bool(rater.n_skipped)
    return listed(parts)


def remarks(results: Results) -> list[str]:
    """Return what must be known to read the figures, as sentences."""
    sentences = [_HOW[results.choice], _BOUNDS]
    for rater in results.raters:
        if rater.range:
            low, high = rater.range
            sentences.append(
                f"{rater.rater} skipped {_clips(rater.n_skipped)}. With all of them wrong the "
                f"accuracy of the answer would be {percent(low, 1)}, with all right "
                f"{percent(high, 1)}."
            )
        if rater.first_accuracy:
            sentences.append(
                f"{rater.rater} changed {rater.n_changed:,} label{'s' * (rater.n_changed != 1)} "
                "after the models' answers were shown. With the first labels the accuracy of the "
                f"answer is {estimate(rater.first_accuracy)}."
            )
        if rater.n_elsewhere:
            sentences.append(
                f"{_clips(rater.n_elsewhere)} labelled by {rater.rater} count for the agreement "
                "of raters alone, since clips before them in the draw have no label."
            )
    sentences += [ALPHA_MEANING, *filter(None, [_OF_CHOSEN[results.choice]])]
    return sentences


def _clips(n: int) -> str:
    return f"{n:,} clip{'s' * (n != 1)}"


def raters_agree(results: Results) -> list[str]:
    """Return the agreement of the raters as sentences; none with fewer than two."""
    if results.alpha is None:
        return []
    n = _clips(results.alpha.n)
    lines = [f"Agreement of the {len(results.raters)} raters on {n}: alpha {alpha(results.alpha)}."]
    lines += [
        f"{a} and {b}, {_clips(pair.n)}: alpha {alpha(pair)}."
        for (a, b), pair in results.pairs.items()
    ]
    return lines


def result_lines(results: Results) -> list[str]:
    """Return the results as lines for a terminal."""
    if not results.raters:
        return [NOTHING]
    lines = []
    for rater in results.raters:
        lines.append(f"{rater.rater}: {counts(rater)}; the batch has {_clips(results.population)}.")
        for key, value in rater.accuracy.items():
            agreed = alpha(rater.alphas.get(key))
            lines.append(f"  {NAMES[key]:<26}{estimate(value):<24}alpha {agreed}")
    lines += raters_agree(results)
    lines += remarks(results)
    return [line.replace(NBSP, " ") for line in lines]
