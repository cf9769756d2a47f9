"""Match the emotion in a voice with seven acted emotions.

>>> import emo
>>> from emo.system.paths import sample_path
>>> emo.predict(sample_path("angry")).ensemble.label
'angry'

Each function takes a path, the bytes of a file, an open file, or samples with their rate:
``emo.predict("clip.wav")``, ``emo.predict(samples, rate_hz=16_000)``.  Names are imported when they
are first used, so that ``import emo`` takes a few milliseconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emo.audio.clip import Clip
    from emo.errors import EmoError
    from emo.inference.api import (
        embed,
        explain,
        load,
        load_models,
        predict,
        predict_many,
        timeline,
    )
    from emo.inference.predictor import Answer, Prediction
    from emo.inference.timeline import Timeline
    from emo.labels import LABELS

__version__ = "0.1.0"

__all__ = [
    "LABELS",
    "Answer",
    "Clip",
    "EmoError",
    "Prediction",
    "Timeline",
    "__version__",
    "embed",
    "explain",
    "load",
    "load_models",
    "predict",
    "predict_many",
    "timeline",
]

_MODULES = {
    "LABELS": "labels",
    "Answer": "inference.predictor",
    "Clip": "audio.clip",
    "EmoError": "errors",
    "Prediction": "inference.predictor",
    "Timeline": "inference.timeline",
} | dict.fromkeys(
    ("embed", "explain", "load", "load_models", "predict", "predict_many", "timeline"),
    "inference.api",
)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
