"""Clean the names of files that users send, for pages, downloads and files."""

MAX_CHARACTERS = 255
"""Length of a name; file systems allow no more."""


def clean(name: str) -> str:
    r"""Return a name of valid characters, cut to ``MAX_CHARACTERS``.

    Pairs of surrogates become the character that they encode, and lone ones U+FFFD, since no
    encoding can write them.

    >>> clean("voice \ud800.wav")
    'voice \ufffd.wav'
    """
    whole = name.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole[:MAX_CHARACTERS]
