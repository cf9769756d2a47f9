"""Format numbers and lists for people."""

import math
from collections.abc import Sequence

NBSP = "\u00a0"


def percent(share: float) -> str:
    """A share as text, such as "71 %"; what would round to nought is "<1 %"."""
    if 0.0 < share < 0.005:
        return f"<1{NBSP}%"
    return f"{100 * share:.0f}{NBSP}%"


def seconds(duration_s: float) -> str:
    """A duration as text, such as "2.4 s" or "3 min 05 s"."""
    if duration_s < 60:
        return f"{duration_s:.1f}{NBSP}s"
    minutes, rest = divmod(round(duration_s), 60)
    return f"{minutes}{NBSP}min {rest:02d}{NBSP}s"


def tenths(share: float) -> str:
    """A share to a tenth of a percent, such as "71.3 %"."""
    return f"{100 * share:.1f}{NBSP}%"


def interval(low_high: Sequence[float] | None) -> str:
    """An interval of shares as text, such as "69.8 to 72.9"; empty where there is none."""
    if low_high is None:
        return ""
    low, high = low_high
    return f"{100 * low:.1f} to {100 * high:.1f}"


def points(share: float) -> str:
    """A distance between shares, such as "1.7 points"."""
    return f"{100 * share:.1f}{NBSP}points"


def signed_points(difference: float) -> str:
    """Return a difference of two shares in whole points, such as "+50"; "–" if it is not a number.

    What rounds to nought is "0", without a sign.
    """
    if math.isnan(difference):
        return "–"
    text = f"{100 * difference:+.0f}"
    return "0" if text in ("+0", "-0") else text.replace("-", "\u2212")


def listed(names: Sequence[str]) -> str:
    """Names as in a sentence: "a", "a and b", "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
