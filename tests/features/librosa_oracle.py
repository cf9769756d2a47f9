"""The oracle librosa, without the functions that it compiles at its import and no test calls."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest


def load_librosa() -> Any:
    """Return librosa, or skip the test where it is not installed.

    At its import librosa compiles functions that find peaks and zero crossings, for every type
    of number, which takes 20 s of computing in a fresh clone. Spectrograms use none of them.
    """
    numba, librosa = (pytest.importorskip(name) for name in ("numba", "librosa"))
    with pytest.MonkeyPatch.context() as patch:
        for decorator in ("guvectorize", "vectorize"):
            patch.setattr(numba, decorator, _leave_as_it_is)
        for module in ("filters", "feature.spectral", "feature.utils"):
            importlib.import_module(f"librosa.{module}")
    return librosa


def _leave_as_it_is(*_: Any, **__: Any) -> Callable[[Any], Any]:
    return lambda function: function
