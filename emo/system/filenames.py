"""Clean the names of files that users send, for pages, downloads and files."""

import re
from pathlib import PurePath

MAX_CHARACTERS = 255
"""Length of a name; file systems allow no more."""

MAX_STEM_CHARACTERS = 80
"""Length of the name of a download without its ending, so that it is short enough in any script."""

_UNSAFE = re.compile(r"[^\w.]+")


def clean(name: str) -> str:
    r"""Return a name of valid characters, cut to ``MAX_CHARACTERS``.

    Pairs of surrogates become the character that they encode, and lone ones U+FFFD, since no
    encoding can write them.

    >>> clean("voice \ud800.wav")
    'voice \ufffd.wav'
    """
    whole = name.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole[:MAX_CHARACTERS]


def without_ending(name: str) -> str:
    """Return the name of a file without its folder and its ending.

    >>> without_ending("talks/my clip.wav"), without_ending("v1.2 take.m4a")
    ('my clip', 'v1.2 take')
    """
    return PurePath(clean(name).replace("\\", "/")).stem


def download_stem(*parts: str) -> str:
    r"""Return the name of a download without its ending, safe on every system.

    Parts are joined by "-". Of each, letters, digits, "_" and single points stay; anything else
    becomes "-". What is too long is cut, and empty parts are left out.

    >>> download_stem("analyse", "my clip: take/2", "timeline")
    'analyse-my-clip-take-2-timeline'
    >>> download_stem("analyse", "..\\..\\passwd", "")
    'analyse-passwd'
    """
    safe = (_UNSAFE.sub("-", re.sub(r"\.{2,}", "-", clean(part))).strip("-.") for part in parts)
    return "-".join(part for part in safe if part)[:MAX_STEM_CHARACTERS].rstrip("-.")
