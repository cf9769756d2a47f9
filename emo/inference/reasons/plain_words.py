"""Name measurements of a voice in plain words, relative to the mean training clip."""

import re
from collections.abc import Sequence
from itertools import pairwise

from emo.formatting import NBSP, percent
from emo.inference.explanation import Measurement, Shift, Step, TreePath
from emo.inference.explanation_text import asks_calm, calm_share
from emo.inference.regions import Patch, Regions
from emo.labels import CALM

GROUP_NAMES = {
    "pitch": "Pitch",
    "energy": "Loudness",
    "spectrum": "Brightness",
    "cepstrum": "Timbre",
    "timing": "Rhythm",
}
"""Plain names of the groups of measurements."""

MIN_CALM = 0.1
"""Share of calm in a leaf from which on it is named."""

VAGUE = "timbre"
SMALL = "small differences"

_BRIGHT = ("brighter", "darker", "brightness")
_DARK = ("darker", "brighter", "brightness")
_WORDS: tuple[tuple[str, tuple[str, str, str]], ...] = (
    (r"pitch\b", ("higher", "lower", "pitch")),
    (r"level\b", ("more evenly loud", "less evenly loud", "loudness")),
    (r"spectral (centroid|\d+ % roll-off|slope|spread)", _BRIGHT),
    (r"spectral (skewness|alpha ratio|Hammarberg index)|cepstrum 1\b", _DARK),
    (r"spectral flatness", ("noisier", "clearer", "noise")),
    (r"spectral flux", ("more changeable", "steadier", "change")),
    (r"voicing strength|harmonics-to-noise", ("clearer", "breathier", "clearness")),
    (r"cepstrum", ("of another timbre", "of another timbre", "timbre")),
    (r"band around (125|259|415|597|808|1054) Hz", ("fuller", "thinner", "fullness")),
    (r"band around", _BRIGHT),
    (r"modulation", ("choppier", "smoother", "rhythm")),
    (r"(voiced stretches|loudness peaks) per second", ("faster", "slower", "pace")),
    (r"(mean|longest) voiced stretch", ("slower", "faster", "pace")),
    (r"mean (rise|fall) of loudness", ("more abrupt", "gentler", "loudness")),
    (r".*pause", ("with more pauses", "with fewer pauses", "pauses")),
    (r"share of voiced frames", ("more voiced", "less voiced", "voice")),
    (r"duration", ("longer", "shorter", "length")),
    (r"place of", ("stressed later", "stressed earlier", "stress")),
)
_SPREAD = re.compile(r"standard deviation|absolute step|of steps|range between|jitter")


def describe(item: Measurement) -> str:
    """Return how a clip differs from the mean training clip by a measurement, such as "darker".

    Examples
    --------
    >>> describe(Measurement("pitch, median", "semitones", 14.0, 9.0, 1.0))
    'higher'
    >>> describe(Measurement("pitch, standard deviation", "semitones", 1.0, 2.5, 1.0))
    'less varied in pitch'
    >>> describe(Measurement("spectral skewness, last third less the mean", "", 4.4, 0.4, 1.0))
    'darker at the end'
    """
    is_more = item.value > item.typical
    more, less, noun = next(words for pattern, words in _WORDS if re.match(pattern, item.name))
    if _SPREAD.search(item.name):
        return f"{'more' if is_more else 'less'} varied in {noun}"
    word = more if is_more else less
    if "first third" in item.name:
        return f"{word} at the start"
    if "last third" in item.name:
        return f"{word} at the end"
    if item.name.endswith(", slope"):
        return f"growing {word}"
    return word


def step_words(steps: Sequence[Step]) -> list[str]:
    """Return a word for each question of a tree, that of its strongest measurement.

    A word that differs from that of the question before is preferred, and timbre comes last, as it
    says little; `SMALL` stands for a question without a strong measurement.
    """
    words: list[str] = []
    for step in steps:
        options = [describe(item) for item in step.strongest] or [SMALL]
        options.sort(key=lambda word: word.endswith(VAGUE))  # stable: the strongest comes first
        before = words[-1] if words else ""
        words.append(next((word for word in options if word != before), options[0]))
    return words


def tree_sentence(path: TreePath) -> str:
    """Return in a sentence which question moved the share of the answer most, and why."""
    if not path.steps:
        return f"The tree asks nothing and answers {path.label}, {percent(path.share)}."
    before = [path.share, *(step.share for step in path.steps)]
    moves = [after - share for share, after in pairwise(before)]
    i = max(range(len(moves)), key=moves.__getitem__)
    step = path.steps[i]
    axis = f" by the measure of {CALM}" if asks_calm(path, step) else ""
    return (
        f"{path.label.capitalize()} mainly because {_clause(step_words(path.steps)[i])}, "
        f"compared with the average training clip{axis}: from {percent(before[i])} to "
        f"{percent(step.share)}."
    )


def _clause(word: str) -> str:
    """Return what a word of a question says of the clip, such as "the voice is darker"."""
    if word == SMALL:
        return f"of {SMALL} in many measurements"
    first, _, rest = word.partition(" ")
    if first == "with":
        return f"the clip has {rest}"
    if first == "growing":
        return f"the voice gets {rest}"
    return f"the {'clip' if first in ('longer', 'shorter') else 'voice'} is {word}"


def calm_sentence(path: TreePath) -> str:
    """Return how calm decided the answer of a tree; "" where it has a small share in the leaf."""
    calm = calm_share(path)
    if calm < MIN_CALM:
        return ""
    most = ", more than of any other label" if calm >= max(path.leaf.values()) else ""
    return (
        f"Of the training clips at the end of this path, {percent(calm)} are {CALM}{most}. It is "
        f"not one of the answers and is left out; the rest gives {path.label} its probability."
    )


def shift_sentence(shift: Shift) -> str:
    """Return in a sentence which group of measurements speaks most for the perceptron's answer."""
    first, *_ = sorted(shift.points, key=lambda part: -part.amount)
    change = f"from {percent(shift.typical_share)} for the average training clip to "
    change += f"{percent(shift.share)}"
    if first.amount <= 0:
        return f"No group of measurements speaks for {shift.label}: its probability went {change}."
    group = GROUP_NAMES[first.group].lower()
    group = f"changes of {group}" if first.group == "energy" else group  # all clips have one level
    return f"{shift.label.capitalize()} mainly because of the {group}: {change}."


def regions_sentence(regions: Regions) -> str:
    """Return in a sentence on which part of the spectrogram the answer of a network depends."""
    marked = [patch for patch in regions.patches if patch.marked]
    if not marked:
        return f"{regions.label.capitalize()}, because of no single part of the sound."
    best = max(marked, key=lambda patch: patch.drop)
    return f"{regions.label.capitalize()} mainly because of the sound {_place(best)}."


def _place(patch: Patch) -> str:
    start_s = max(0.0, patch.start_s)
    low, high = (
        f"{round(hz, -1 if hz < 1000 else -2):,.0f}" for hz in (patch.low_hz, patch.high_hz)
    )
    return f"at {start_s:.1f} to {patch.stop_s:.1f}{NBSP}s between {low} and {high}{NBSP}Hz"
