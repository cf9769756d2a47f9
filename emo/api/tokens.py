"""Bearer tokens, stored by their SHA-256 digests in a file with a line for each.

A token has 256 random bits, so that a digest without salt or stretching does not help to guess it.
"""

import hashlib
import hmac
import logging
import os
import re
import secrets
import threading
from pathlib import Path

from emo.errors import SettingError

LOG = logging.getLogger("emo.server")

PREFIX = "emo_"
"""Start of every token, by which scanners for leaked secrets can find one."""

RANDOM_BYTES = 32
MAX_TOKEN = 256
"""Characters of the longest token that is compared."""

_NAME = re.compile(r"[\w.@-]{1,64}", re.ASCII)
_LINE = re.compile(r"(\S+)\s+sha256:([0-9a-f]{64})", re.ASCII)
_MODE = 0o600


def make_token() -> str:
    """Return a new token."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def token_line(name: str, token: str) -> str:
    """Return the line of a file of tokens: the name of the holder, and the digest of the token.

    Raises
    ------
    SettingError
        The name has other characters than letters, digits and ``_ . @ -``.

    Examples
    --------
    >>> token_line("anna", "emo_secret")[:23]
    'anna sha256:f6e013b5e0c'
    """
    if not _NAME.fullmatch(name):
        raise SettingError(
            f"The name {name[:40]!r} cannot be used. Give up to 64 letters, digits or _ . @ -."
        )
    return f"{name} sha256:{_digest(token).hex()}"


def add_token(path: Path, name: str) -> str:
    """Make a token, append its line to a file, and return it.

    A new file can be read by its owner alone.

    Raises
    ------
    SettingError
        The name cannot be used or has a token already, or the file has invalid lines.
    OSError
        The file cannot be read or written.
    """
    token = make_token()
    line = token_line(name, token)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if name in {holder for holder, _ in _parse(before, path)}:
        raise SettingError(
            f"{path} has a token of {name} already. Remove its line first, or give another name."
        )
    end = "" if not before or before.endswith("\n") else "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _MODE)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{end}{line}\n")
    return token


class Tokens:
    """The tokens of a file, which is read again when it changes.

    Parameters
    ----------
    path
        A text with lines as ``token_line`` makes them; empty lines and lines from ``#`` on are
        skipped.

    Raises
    ------
    SettingError
        The file cannot be read, or it has an invalid line or no token.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._state = self._stat()
        self._digests = self._read()
        if not self._digests:
            raise SettingError(f"{path} has no token. Make one: emo token NAME --add {path}")

    def __len__(self) -> int:
        return len(self._digests)

    def holder(self, authorization: str) -> str:
        """Return the name of the holder of the token in a header ``Authorization``; empty if none.

        The time that it takes does not depend on how much of a token is right.

        Parameters
        ----------
        authorization
            Such as ``Bearer emo_…``.
        """
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(token.strip()) <= MAX_TOKEN:
            return ""
        digest, holder = _digest(token.strip()), ""
        for name, own in self._current():
            if hmac.compare_digest(own, digest):
                holder = name
        return holder

    def _current(self) -> list[tuple[str, bytes]]:
        """Return the tokens; none while the file cannot be used."""
        with self._lock:
            try:
                state = self._stat()
                if state != self._state:
                    self._state, self._digests = state, self._read()
            except SettingError as error:
                if self._digests:
                    LOG.error("no token is accepted: %s", error)
                self._state, self._digests = (0, 0, 0), []
            return self._digests

    def _stat(self) -> tuple[int, int, int]:
        """Return what changes with the file."""
        try:
            status = self._path.stat()
        except OSError as error:
            raise self._unreadable(error) from error
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> list[tuple[str, bytes]]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from error
        return _parse(text, self._path)

    def _unreadable(self, error: Exception) -> SettingError:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        return SettingError(f"The file of tokens {self._path} cannot be read: {reason}.")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _parse(text: str, path: Path) -> list[tuple[str, bytes]]:
    """Return names and digests of the lines of a file."""
    tokens = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        match = _LINE.fullmatch(content)
        if match is None or not _NAME.fullmatch(match[1]):
            raise SettingError(
                f"Line {number} of {path} is no token. A line has a name and a digest: "
                "anna sha256:… (emo token NAME makes it)."
            )
        tokens.append((match[1], bytes.fromhex(match[2])))
    return tokens
