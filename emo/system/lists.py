"""Read lists of recordings: text of unknown encoding, with the paths of any system."""

import codecs
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Protocol

from emo.errors import CorpusError, EmoError
from emo.system.files import check_input

MAX_LINE = 2**16
"""Characters; no path is so long, so a file with a longer line is not a list."""

_CHUNK = 2**16
_HEAD = 256  # bytes from which the encoding is guessed
_ANSI = "cp1252"  # the "ANSI" code page of Windows in western Europe and America
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its first half
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_QUOTES = ('"', "'")


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""
        ...


def decode_lines(file: Readable) -> Iterator[str]:
    """Yield the lines of a text with their ends, guessing the encoding from its first bytes.

    UTF-8 and UTF-16 are read, with and without a byte-order mark, with the line ends of every
    system.  Bytes that are not UTF-8 become surrogates, as in the names of files.

    Raises
    ------
    CorpusError
        A line has more than ``MAX_LINE`` characters.
    """
    read = getattr(file, "read1", file.read)  # of a pipe: without waiting for more
    head = b""
    while len(head) < _HEAD and (more := read(_CHUNK)):
        head += more
        if b"\n" in head[4:]:
            break
    encoding = _guess_encoding(head)
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)(errors), translate=True
    )
    rest = ""
    for chunk in chain((head,), iter(lambda: read(_CHUNK), b"")):
        *lines, rest = (rest + decoder.decode(chunk)).split("\n")
        for line in lines:
            yield _checked(line) + "\n"
        _checked(rest)
    if rest := rest + decoder.decode(b"", final=True):
        yield _checked(rest)


def _checked(line: str) -> str:
    if len(line) > MAX_LINE:
        raise CorpusError(
            f"This is not a list: it has a line of more than {MAX_LINE:,} characters."
        )
    return line


def _guess_encoding(head: bytes) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    low, high = head[0::2].count(0), head[1::2].count(0)  # most letters have a byte of zeros
    if high > len(head) / 8 and low < high / 4:
        return "utf-16-le"
    if low > len(head) / 8 and high < low / 4:
        return "utf-16-be"
    return "utf-8"


@contextmanager
def open_lines(path: str | Path) -> Iterator[Iterator[str]]:
    """Open the list at `path`, and yield an iterator over its lines.

    Raises
    ------
    EmoError
        The path is a pipe, a device or a folder.
    OSError
        It cannot be opened.
    """
    check_input(path)
    with open(path, "rb") as file:
        yield decode_lines(file)


def read_text(path: Path, what: str) -> list[str]:
    """Return the lines of a small text file.

    Raises
    ------
    CorpusError
        The file, called `what` in the message, is missing or cannot be read.
    """
    try:
        with open_lines(path) as lines:
            return list(lines)
    except OSError as error:
        raise CorpusError(f"The {what} {path} cannot be read: {error.strerror}.") from error
    except EmoError as error:
        raise CorpusError(f"The {what} {path} cannot be read. {error}") from error


def resolve(text: str, folders: Sequence[str]) -> str:
    """Return the path that a line of a list names: the first of its spellings that exists.

    The spellings are the line as it is; without blanks and quotes around it; with the backslashes
    of Windows as slashes; and each with bytes that are not UTF-8 decoded as Windows does.

    Parameters
    ----------
    text : str
        The line.
    folders : sequence of str
        Folders that a relative path may start in, in order of preference.

    Returns
    -------
    str
        Where none exists, the cleanest spelling in the first folder.
    """
    spellings = _spellings(text) or [text]
    for spelling in spellings:
        for folder in folders:
            path = os.path.normpath(os.path.join(folder, spelling))
            if os.path.lexists(path):
                return path
    return os.path.normpath(os.path.join(folders[0], spellings[-1]))


def _spellings(text: str) -> list[str]:
    text = text.rstrip("\r\n")
    spellings = [text]
    tidy = text.strip()
    if len(tidy) > 1 and tidy[0] == tidy[-1] and tidy[0] in _QUOTES:
        tidy = tidy[1:-1].strip()
    spellings.append(tidy)
    if os.sep == "/":
        spellings.append(tidy.replace("\\", "/"))
    spellings += [_as_ansi(spelling) for spelling in spellings]
    return list(dict.fromkeys(filter(None, spellings)))


def _as_ansi(text: str) -> str:
    """Return the text with stray bytes decoded as Windows does, "" where there are none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            return text.encode("utf-8", "surrogateescape").decode(_ANSI)
        except (UnicodeDecodeError, UnicodeEncodeError):
            return ""
    return ""
