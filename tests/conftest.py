"""Settings and fixtures that all tests share."""

import contextlib
import functools
import gc
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from streamlit.components.v2 import manifest_scanner

from tests.support.models import save_tiny_models

# How long one example takes says nothing on a machine that trains a network beside the tests. In
# CI the examples are the same in every run; elsewhere each run tries new ones.
settings.register_profile("emo", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("emo")


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of small models for tests that only read it.

    To import Keras and to convert a network takes many seconds; all processes of a run use the
    models of the one that was first.
    """
    if importlib.util.find_spec("keras") is None:
        pytest.skip("Keras is not installed")
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny-models"
    if not shared.exists():
        made = save_tiny_models(tmp_path_factory.mktemp("models"))
        with contextlib.suppress(OSError):  # another process was faster
            made.rename(shared)
    return shared


@pytest.fixture(scope="module")
def unmeasured_processes() -> Iterator[None]:
    """Start the processes of a module without coverage, which costs half as much time again."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("COVERAGE_PROCESS_")]:
            patch.delenv(name)
        yield


LONGEST = (
    "browser/pages/test_matrices.py",
    "browser/pages/test_review.py",
    "browser/test_walk.py",
    "app/serving/test_server.py",
    "training/test_fit.py",
    "test_package.py",
    "server/test_load.py",
    "app/test_extra_classifier.py",
    "app/test_walk.py",
    "classifiers/test_registry.py",
    "evaluation/test_known_voice.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest files first, so that all processes end at about the same time."""
    folder = Path(__file__).parent
    first = {folder / name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(item.path, len(first)))


@pytest.fixture(scope="session", autouse=True)
def _packages_are_read_once() -> Iterator[None]:
    """Scan the packages once: Streamlit does so for every page, which takes half a second."""
    scan = functools.cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(autouse=True)
def _main_stays_the_main_module() -> Iterator[None]:
    """Restore ``__main__``: a tested page replaces it, and a worker process would run the page."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="module", autouse=True)
def _what_is_loaded_is_left_alone() -> None:
    """Freeze loaded objects: Streamlit collects garbage after every run of a page."""
    gc.collect()
    gc.freeze()
