"""Format numbers, times and lists for people."""

import math
from collections.abc import Sequence

NBSP = "\u00a0"
MINUS = "\u2212"
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def in_words(number: int) -> str:
    """Return a small number as a word; from ten on its digits.

    >>> in_words(3), in_words(12)
    ('three', '12')
    """
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def percent(share: float, decimals: int = 0) -> str:
    r"""Return a share as per cent; in whole per cents, one that would round to 0 is "<1 %".

    >>> percent(0.712), percent(0.7126, 1), percent(0.002)
    ('71\xa0%', '71.3\xa0%', '<1\xa0%')
    """
    if decimals == 0 and 0.0 < share < 0.005:
        return f"<1{NBSP}%"
    return f"{100 * share:.{decimals}f}{NBSP}%"


def tenths(share: float) -> str:
    """Return a share as per cent with one decimal."""
    return percent(share, 1)


def signed(number: float, decimals: int = 2) -> str:
    """Return a number with its sign, except for zero.

    >>> signed(-0.523), signed(1.0, 1), signed(-0.001)
    ('−0.52', '+1.0', '0.00')
    """
    text = f"{number:+.{decimals}f}"
    return text.replace("-", MINUS) if text.strip("+-0.") else text[1:]


def seconds(duration_s: float) -> str:
    r"""Return a duration in words.

    >>> seconds(2.41), seconds(185)
    ('2.4\xa0s', '3\xa0min 05\xa0s')
    """
    if duration_s < 60:
        return f"{duration_s:.1f}{NBSP}s"
    minutes, rest = divmod(round(duration_s), 60)
    return f"{minutes}{NBSP}min {rest:02d}{NBSP}s"


def clock(time_s: float, *, decimals: int = 0, full: bool = False) -> str:
    """Return a time as on a clock; with hours, and in two digits each, where it is `full`.

    >>> clock(62), clock(3723), clock(62.5, decimals=3, full=True)
    ('1:02', '1:02:03', '00:01:02.500')
    """
    units, fraction = divmod(round(10**decimals * time_s), 10**decimals)
    minutes, whole = divmod(units, 60)
    hours, minutes = divmod(minutes, 60)
    if full:
        text = f"{hours:02d}:{minutes:02d}:{whole:02d}"
    elif hours:
        text = f"{hours}:{minutes:02d}:{whole:02d}"
    else:
        text = f"{minutes}:{whole:02d}"
    return f"{text}.{fraction:0{decimals}d}" if decimals else text


def interval(low_high: Sequence[float] | None) -> str:
    """Return an interval of shares in per cent; an empty text where there is none.

    >>> interval((0.698, 0.729))
    '69.8 to 72.9'
    """
    if low_high is None:
        return ""
    low, high = low_high
    return f"{100 * low:.1f} to {100 * high:.1f}"


def points(difference: float) -> str:
    r"""Return the size of a difference of shares in percentage points.

    >>> points(0.017)
    '1.7\xa0points'
    """
    return f"{100 * difference:.1f}{NBSP}points"


def signed_points(difference: float) -> str:
    """Return a difference of two shares in whole points; "–" if it is not a number.

    >>> signed_points(0.5), signed_points(-0.031), signed_points(0.001)
    ('+50', '−3', '0')
    """
    return "–" if math.isnan(difference) else signed(100 * difference, 0)


def listed(names: Sequence[str]) -> str:
    """Return names as in a sentence.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
