"""Test the pinned versions: complete, consistent, with hashes, and free to use."""

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements-app.txt", "requirements.txt", "requirements-dev.txt")

# Words of licences that would bind whoever installs the app. The LGPL is none of them: what is
# under it (libsndfile, libsoxr, codecpod's FFmpeg) is a library of its own that can be replaced.
BINDING = re.compile(
    r"(?<!lesser )(?<!library )(?<!library or lesser )general public|\b(?:a?gpl|sspl)|affero"
    r"|non-?commercial|\bcc[- ]by[- ]nc|research (?:use|only)|proprietary",
    re.IGNORECASE,
)


def locked(name: str) -> dict[Requirement, list[str]]:
    """Return the requirements in a lock file, each with the hashes of its files."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    parts = [re.split(r"\s+--hash=", line) for line in lines]
    return {Requirement(first): hashes for first, *hashes in parts}


def pins(name: str) -> dict[str, Requirement]:
    """Return the requirements in a lock file, by name."""
    return {requirement.name: requirement for requirement in locked(name)}


def installed_for_the_app() -> Iterator[str]:
    for name, requirement in pins("requirements-app.txt").items():
        if requirement.marker is None or requirement.marker.evaluate():
            yield name


def licences(name: str) -> list[str]:
    """Return a package's statements of its licence: the expression, the field, the classifiers."""
    about = metadata.metadata(name).json
    field = str(about.get("license", "")).strip().splitlines()[:1]
    classifiers = [line for line in about.get("classifier", []) if line.startswith("License ::")]
    return [str(about.get("license_expression", "")), *field, *classifiers]


@pytest.mark.parametrize("name", LOCKS)
def test_every_version_is_pinned_and_no_index_is_named(name: str) -> None:
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")
    assert len(pins(name)) > 40
    for requirement in pins(name).values():
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_names_the_hashes_of_its_files(name: str) -> None:
    for requirement, hashes in locked(name).items():
        assert hashes, requirement
        assert len(set(hashes)) == len(hashes)
        for one in hashes:
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", one), (requirement, one)


@pytest.mark.parametrize("name", ["numpy", "pyarrow", "rpds-py"])
def test_hashes_are_those_of_every_system(name: str) -> None:
    """A compiled package has a file for each Python and system, not for this machine's alone."""
    hashes = {one.name: found for one, found in locked("requirements-app.txt").items()}
    assert len(hashes[name]) >= 3 * 4  # three Pythons on Linux, Windows and both kinds of Mac


@pytest.mark.parametrize(("small", "large"), [LOCKS[:2], LOCKS[1:]])
def test_smaller_set_is_part_of_the_larger_one(small: str, large: str) -> None:
    larger = pins(large)
    for name, requirement in pins(small).items():
        # The larger set may need a package on more systems.
        assert larger[name].specifier == requirement.specifier, name


GROUPS = list(zip(("app", "all", "dev"), LOCKS, strict=True))


@pytest.mark.parametrize(("group", "name"), GROUPS)
def test_lock_holds_what_pyproject_asks_for(group: str, name: str) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [text for text in groups["dependency-groups"][group] if isinstance(text, str)]
    for requirement in map(Requirement, wanted):
        assert pins(name)[requirement.name].specifier == requirement.specifier


@pytest.mark.parametrize("name", sorted(installed_for_the_app()))
def test_licence_lets_anyone_use_the_app(name: str) -> None:
    said = " ; ".join(licences(name)).strip(" ;")
    assert said, f"{name} does not say its licence: read its files, and state it here"
    assert not BINDING.search(said), said


@pytest.mark.parametrize(
    ("text", "binding"),
    [
        ("GPL-3.0-or-later", True),
        ("License :: OSI Approved :: GNU General Public License v3 (GPLv3)", True),
        ("GNU Affero General Public License v3", True),
        ("AGPL-3.0-only", True),
        ("CC BY-NC-SA 4.0", True),
        ("free for non-commercial use", True),
        ("LGPL-2.1-or-later", False),
        (
            "License :: OSI Approved :: GNU Lesser General Public License v2 or later (LGPLv2+)",
            False,
        ),
        ("BSD-3-Clause", False),
        ("MPL-2.0 AND MIT", False),
    ],
)
def test_binding_licences_are_told_from_the_others(text: str, binding: bool) -> None:
    assert bool(BINDING.search(text)) is binding
