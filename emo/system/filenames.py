"""Names that people send, made fit for every page, download and file."""

MAX_CHARACTERS = 255
"""Of a name that is kept: the most that file systems allow."""


def clean(name: str) -> str:
    r"""Return the name without lone surrogates, which no encoding can write, cut to its limit.

    Two surrogates that belong together become the character that they stand for.

    >>> clean("voice \ud800.wav")
    'voice \ufffd.wav'
    """
    whole = name.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole[:MAX_CHARACTERS]
