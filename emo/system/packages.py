"""Check for the optional packages of a command before it begins."""

import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from emo.errors import EmoError

TRAINING = ("keras", "tensorflow", "sklearn", "tqdm")
"""Modules that training and evaluation import."""

LISTS = (".txt", ".list")

_NAMES = {"sklearn": "scikit-learn"}  # packages whose name differs from the module
_ADDRESS = re.compile(rb"^\s*\"?([a-z][a-z0-9+.-]*)(?:::[^\s]*)?://", re.IGNORECASE)


def missing(modules: Sequence[str]) -> tuple[str, ...]:
    """Return the modules that are not installed."""
    return tuple(module for module in modules if find_spec(module) is None)


def require_training(modules: Sequence[str] = TRAINING) -> None:
    """Check that the packages for training are installed.

    Raises
    ------
    EmoError
        Packages are missing; the message names them.
    """
    names = [_NAMES.get(module, module) for module in missing(modules)]
    if names:
        plural = "s" * (len(names) > 1)
        raise EmoError(
            f"This needs the package{plural} {', '.join(names)}. Install all packages for training "
            "with: pip install -r requirements.txt"
        )


def require_onnx() -> None:
    """Check that the package that writes ONNX files is installed.

    Raises
    ------
    EmoError
        It is missing.
    """
    if missing(["onnx"]):
        raise EmoError(
            "Writing ONNX files needs the package onnx: run 'pip install onnx', or install Emo "
            "with it by 'pip install .[onnx]'."
        )


def check_batch(sources: Sequence[str], out: Path, dask: str) -> tuple[str, ...]:
    """Check for the packages that a batch needs, and return warnings of optional ones.

    Parameters
    ----------
    sources : sequence of str
        Paths and addresses that the batch reads.
    out : Path
        File that it writes.
    dask : str
        Address of the Dask scheduler, or "" to use this machine.

    Raises
    ------
    EmoError
        A package for Parquet, for the cluster or for a kind of address is missing.
    """
    if out.suffix.lower() == ".parquet" and missing(["pyarrow"]):
        raise EmoError(
            f"Writing {out} needs the package pyarrow: run 'pip install pyarrow', or name a "
            "file that ends in .csv or .jsonl."
        )
    if dask and missing(["distributed"]):
        raise EmoError(
            "A Dask cluster needs the package distributed: run 'pip install distributed', or "
            "leave out --dask."
        )
    for scheme, example in dict(_addresses(sources)).items():
        _require_storage(scheme, example)
    if missing(["codecpod"]):
        return (
            "The package codecpod is not installed, so M4A, AAC, MP4, WebM and AMR cannot be read; "
            "to read them, stop this and run 'pip install codecpod'.",
        )
    return ()


def _addresses(sources: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the scheme of each address among sources and in their lists, and the address."""
    for text in sources:
        if match := _ADDRESS.match(text.encode("utf-8", "surrogateescape")):
            yield match[1].decode().lower(), text
        elif text.lower().endswith(LISTS) and Path(text).is_file():
            with open(text, "rb") as lines:
                for line in lines:
                    if match := _ADDRESS.match(line):
                        yield match[1].decode().lower(), line.decode("utf-8", "replace").strip()


def _require_storage(scheme: str, example: str) -> None:
    if missing(["fsspec"]):
        raise EmoError(
            f"Reading {example} needs the package fsspec: run 'pip install fsspec', and also "
            "'pip install s3fs' for s3://, gcsfs for gs://, aiohttp for http://."
        )
    import fsspec

    try:
        fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:  # a package is missing, or the scheme is unknown
        raise EmoError(f"{example} cannot be opened: {error}.") from error
