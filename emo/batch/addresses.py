"""Read files at addresses such as ``s3://bucket/clip.wav``, through fsspec."""

from contextlib import AbstractContextManager
from typing import Any

from emo.audio.limits import MAX_BYTES
from emo.errors import AudioError, EmoError


def is_address(text: str) -> bool:
    """Return whether the text is an address that fsspec opens, such as ``s3://bucket/clip.wav``."""
    return "://" in text


def find_file_system(address: str) -> tuple[Any, str]:
    """Return the fsspec file system that an address belongs to, and the path in it.

    Raises
    ------
    EmoError
        fsspec, or the package for this kind of address, is not installed.
    """
    try:
        system, path = _import_fsspec(address).core.url_to_fs(address)
    except (ImportError, ValueError) as error:  # a package is missing, or the scheme is not known
        raise EmoError(f"{address} cannot be opened: {error}.") from error
    return system, path


def open_file(name: str) -> AbstractContextManager[Any]:
    """Open a path or an address for reading bytes.

    Raises
    ------
    EmoError
        A package for this kind of address is not installed.
    """
    if not is_address(name):
        return open(name, "rb")
    try:
        opened: AbstractContextManager[Any] = _import_fsspec(name).open(name, "rb")
    except ImportError as error:
        raise EmoError(f"{name} cannot be opened: {error}.") from error
    return opened


def fetch(address: str) -> bytes:
    """Return the bytes at an address, at most one more than ``MAX_BYTES``.

    Raises
    ------
    AudioError
        The address cannot be read.
    """
    try:
        with open_file(address) as file:
            return bytes(file.read(MAX_BYTES + 1))
    except Exception as error:  # each kind of storage has errors of its own
        raise AudioError(describe_failure(error)) from error


def describe_failure(error: BaseException) -> str:
    """Return the sentence that says why an address cannot be read."""
    if isinstance(error, FileNotFoundError):
        return "There is no file at this address; check how it is spelt."
    return f"This address cannot be read ({type(error).__name__}: {error})."


def _import_fsspec(address: str) -> Any:
    try:
        import fsspec
    except ImportError:
        raise EmoError(
            f"To read {address}, the package fsspec is needed: run 'pip install fsspec', and also "
            "'pip install s3fs' for s3://, gcsfs for gs://, aiohttp for http://."
        ) from None
    return fsspec
