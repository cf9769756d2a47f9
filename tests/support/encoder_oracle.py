"""The reference of the pre-trained encoder, which lies in a folder beside the corpora."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(os.environ.get("EMO_DATA", "none")).parent / "encoder"
WEIGHTS = FOLDER / "whisper_base_blocks_0_to_3.npz"

needs_reference = pytest.mark.skipif(
    not (FOLDER / "reference.py").is_file(),
    reason="the reference of the encoder does not lie beside the corpora (EMO_DATA)",
)


def load_reference() -> Any:
    """Return the module of the reference."""
    spec = importlib.util.spec_from_file_location("encoder_reference", FOLDER / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
