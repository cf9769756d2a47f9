"""A row in the registry is all that a new classifier needs."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmeasured_processes")]

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_extra_classifier_needs_only_its_row() -> None:
    """The registry is read at import, so that the row must be added in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.extra_classifier"]
    command += ["-p", "no:cacheprovider", "tests/support/extra_classifier_checks.py"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-5000:]
