"""The folders that ship with the package, wherever it is installed, and the folder of the cache."""

import os
from pathlib import Path

PACKAGE_DIR = Path(__file__).resolve().parents[1]
CACHE_ENV = "EMO_CACHE"


def shipped(name: str) -> Path:
    """Return a folder that ships with the package.

    An installed package holds it; in a checkout it lies beside the package.
    """
    inside = PACKAGE_DIR / name
    return inside if inside.is_dir() else PACKAGE_DIR.parent / name


MODELS_DIR = shipped("models")
SAMPLES_DIR = shipped("samples")


def cache_directory() -> Path:
    """Return the folder of cached features: ``EMO_CACHE``, or ``.cache`` beside the package."""
    return Path(os.environ.get(CACHE_ENV) or PACKAGE_DIR.parent / ".cache")
