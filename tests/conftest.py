"""Settings that every test shares."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.tiny import save_tiny_models

# How long one example takes says nothing on a machine that trains a network beside the tests. In
# CI the examples are the same in every run; elsewhere each run tries new ones.
settings.register_profile("emo", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("emo")


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small models, for tests that only read it: to convert a network takes seconds."""
    pytest.importorskip("keras")
    return save_tiny_models(tmp_path_factory.mktemp("models"))
