"""Find out which packages the command line loads."""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"tensorflow", "keras", "sklearn", "librosa", "numba", "pandas"}
CODE = """
import sys
before = set(sys.modules)
from emo.cli.main import main
main({arguments!r})
print("loaded:", *{{name.partition(".")[0] for name in set(sys.modules) - before}})
"""


def needless_imports(arguments: list[str]) -> set[str]:
    """Return the packages that a command loads although only training, or nothing, needs them."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(arguments=arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    *_, last = done.stdout.splitlines()
    loaded = set(last.removeprefix("loaded:").split())
    assert {"emo", "numpy"} <= loaded
    lock = (ROOT / "requirements-app.txt").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))
    owners = metadata.packages_distributions()
    foreign = {name for name in loaded & set(owners) if not pinned & set(map(tidy, owners[name]))}
    return loaded & HEAVY | foreign


def tidy(name: str) -> str:
    """Return a distribution's name as a lock file spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()
