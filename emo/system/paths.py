"""The folders that are installed with the package, and the folder of the cache."""

import os
from pathlib import Path

from emo.errors import EmoError

PACKAGE_DIR = Path(__file__).resolve().parents[1]
CACHE_ENV = "EMO_CACHE"
MODELS_ENV = "EMO_MODELS"


def shipped(name: str) -> Path:
    """Return the path of a file or folder that is installed with the package.

    An installed package has it inside; in a checkout it lies beside the package.
    """
    inside = PACKAGE_DIR / name
    return inside if inside.exists() else PACKAGE_DIR.parent / name


MODELS_DIR = shipped("models")
SAMPLES_DIR = shipped("samples")


def served_models() -> Path:
    """Return the folder of the models that a server answers with.

    It is ``EMO_MODELS`` where that is set, and else ``MODELS_DIR``.
    """
    folder = os.environ.get(MODELS_ENV)
    return Path(folder) if folder else MODELS_DIR


def sample_path(name: str) -> Path:
    """Return the path of a sample clip: an emotion, such as ``angry``, or ``minute``.

    The clips are by actors on whom the shipped models were not trained; ``minute`` is synthetic and
    has one emotion after the other.

    Raises
    ------
    EmoError
        There is no such clip.

    Examples
    --------
    >>> sample_path("happy").name
    'happy.opus'
    """
    files = (path for path in SAMPLES_DIR.glob("*") if path.suffix in (".flac", ".opus"))
    clips = {path.stem: path for path in sorted(files)}
    if name not in clips:
        raise EmoError(f"There is no sample {name!r}; choose one of {', '.join(clips)}.")
    return clips[name]


def cache_directory() -> Path:
    """Return the folder of cached features.

    It is ``EMO_CACHE`` where that is set; in a checkout ``.cache`` beside the package; and else the
    folder ``emo`` in the user's folder of caches.
    """
    if folder := os.environ.get(CACHE_ENV):
        return Path(folder)
    if MODELS_DIR.parent != PACKAGE_DIR:
        return PACKAGE_DIR.parent / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emo"
