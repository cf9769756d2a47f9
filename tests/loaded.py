"""The command line in a process of its own, as to what it loads."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("tensorflow", "keras", "sklearn", "librosa", "numba", "scipy", "pandas")


def heavy_imports(arguments: list[str]) -> list[str]:
    """What only training needs, of all that a command has loaded."""
    code = (
        "import sys; from emo.__main__ import main; "
        f"main({arguments!r}); "
        f"sys.exit(' '.join(name for name in {HEAVY!r} if name in sys.modules) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    return done.stderr.split() if done.returncode else []
