"""Packages that only some work needs, looked for before that work begins."""

import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from emo.errors import EmoError

TRAINING = ("keras", "tensorflow", "sklearn", "tqdm")
"""What fitting and measuring the classifiers import."""

LISTS = (".txt", ".list")

_NAMES = {"sklearn": "scikit-learn"}  # where a package is installed under another name
_ADDRESS = re.compile(rb"^\s*\"?([a-z][a-z0-9+.-]*)(?:::[^\s]*)?://", re.IGNORECASE)


def missing(modules: Sequence[str]) -> tuple[str, ...]:
    """Return those of some modules that are not installed."""
    return tuple(module for module in modules if find_spec(module) is None)


def require_training(modules: Sequence[str] = TRAINING) -> None:
    """Refuse to begin where a package for training is missing.

    Raises
    ------
    EmoError
        Names all that are missing.
    """
    lacking = [_NAMES.get(module, module) for module in missing(modules)]
    if lacking:
        many = "s" * (len(lacking) > 1)
        raise EmoError(
            f"This needs the package{many} {', '.join(lacking)}. Install all that training needs "
            "with: pip install -r requirements.txt"
        )


def check_batch(given: Sequence[str], out: Path, dask: str) -> tuple[str, ...]:
    """Return what to know of missing packages before a batch begins.

    Parameters
    ----------
    given, out, dask
        What a batch reads, writes, and works on.

    Raises
    ------
    EmoError
        It could not be done to its end: Parquet, a cluster or an address needs a package.
    """
    if out.suffix.lower() == ".parquet" and missing(["pyarrow"]):
        raise EmoError(
            f"To write {out}, the package pyarrow is needed: run 'pip install pyarrow', or name a "
            "file that ends in .csv or .jsonl."
        )
    if dask and missing(["distributed"]):
        raise EmoError(
            "A Dask cluster needs the package distributed: run 'pip install distributed', or "
            "leave out --dask."
        )
    for scheme, example in dict(_addresses(given)).items():
        _require_storage(scheme, example)
    if missing(["codecpod"]):
        return (
            "The package codecpod is not installed, so M4A, AAC, MP4, WebM and AMR cannot be read; "
            "to read them, stop this and run 'pip install codecpod'.",
        )
    return ()


def _addresses(given: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the kind of storage of each address that is given, or stands in a list on disk."""
    for text in given:
        if found := _ADDRESS.match(text.encode("utf-8", "surrogateescape")):
            yield found[1].decode().lower(), text
        elif text.lower().endswith(LISTS) and Path(text).is_file():
            with open(text, "rb") as lines:
                for line in lines:
                    if found := _ADDRESS.match(line):
                        yield found[1].decode().lower(), line.decode("utf-8", "replace").strip()


def _require_storage(scheme: str, example: str) -> None:
    if missing(["fsspec"]):
        raise EmoError(
            f"To read {example}, the package fsspec is needed: run 'pip install fsspec', and also "
            "'pip install s3fs' for s3://, gcsfs for gs://, aiohttp for http://."
        )
    import fsspec

    try:
        fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:  # a package is missing, or the kind is not known
        raise EmoError(f"{example} cannot be opened: {error}.") from error
