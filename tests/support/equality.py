"""Compare stored predictions, figures and answers with the list in ``tests/data/equality.json.gz``.

Run ``python -m tests.support.equality`` to compare, and with ``--write`` to make
the list anew.  The list holds every number of every ``metrics.json``, a digest of every column of
every file of predictions, and every number in the answers for the sample clips.
"""

import argparse
import csv
import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "tests" / "data" / "equality.json.gz"
TOLERANCE = 1e-9
NOT_COMPARED = ("runs", "commit", "command", "version", "schema")

PROTOCOLS = {"clips": "random", "voices": "speakers", "corpora": "cross-corpus"}

RENAMED: dict[str, str] = {
    **PROTOCOLS,
    **{f"{old}-{fold}": f"{new}-{fold}" for old, new in PROTOCOLS.items() for fold in range(1, 7)},
    "presence.json": "non_speech.json",
    "voices.plain": "speakers.surrogate",
    "plain": "surrogate",
    "unsure": "selective",
    "shown_from_s": "segment_start_s",
    "shown_to_s": "segment_end_s",
    "share_kept": "coverage",
    "accuracy_kept": "selective_accuracy",
    "share_kept_across": "coverage_cross_fitted",
    "accuracy_across": "selective_accuracy_cross_fitted",
}
"""Keys of the list, and the names by which they go today."""


def flatten(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every leaf of a JSON value with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in NOT_COMPARED:
                yield from flatten(inner, (*path, RENAMED.get(str(key), str(key))))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from flatten(inner, (*path, str(place)))
    else:
        yield "/".join(path), value


def numbers(name: str, value: Any) -> dict[str, Any]:
    """Return every number of a JSON value, by its path after `name`."""
    return {
        f"{name}/{key}": leaf
        for key, leaf in flatten(value)
        if isinstance(leaf, int | float | bool)
    }


def figures() -> dict[str, Any]:
    """Return every figure of the JSON files of ``models/``, by file and path."""
    found: dict[str, Any] = {}
    for path in sorted((ROOT / "models").rglob("*.json")):
        if path.name == "model.json":
            continue  # it describes the files beside it
        name = path.relative_to(ROOT / "models").as_posix()
        found |= numbers(name, json.loads(path.read_text("utf-8")))
    return found


def predictions() -> dict[str, str]:
    """Return a digest of every column of every file of predictions."""
    digests = {}
    for path in sorted((ROOT / "models").rglob("*.csv.gz")):
        name = path.relative_to(ROOT / "models").as_posix().removesuffix(".csv.gz")
        folder, _, stem = name.rpartition("/")
        protocol, dot, condition = stem.partition(".")
        name = f"{folder}/{RENAMED.get(protocol, protocol)}{dot}{condition}"
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file))
        for column, values in zip(header, zip(*rows, strict=True), strict=True):
            digest = hashlib.sha256("\n".join(values).encode()).hexdigest()
            digests[f"{name}/{RENAMED.get(column, column)}"] = digest[:16]
    return digests


def answers() -> dict[str, Any]:
    """Return every number in what the commands answer for the sample clips."""
    clips = sorted((ROOT / "samples").glob("*.flac"))
    minute = next(path for path in clips if path.stem == "minute")
    found: dict[str, Any] = {}
    for command in (
        ["predict", *map(str, clips)],
        ["timeline", str(minute)],
        ["explain", *map(str, clips)],
    ):
        ran = subprocess.run(
            [sys.executable, "-m", "emo", *command, "--format", "json"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        found |= numbers(command[0], json.loads(ran.stdout))
    return found


def measure() -> dict[str, dict[str, Any]]:
    """Return all that is compared."""
    return {"figures": figures(), "predictions": predictions(), "answers": answers()}


def renamed(key: str) -> str:
    """Return a stored key with the names of today."""
    parts = key.split("/")
    for place, part in enumerate(parts):
        stem, dot, rest = part.partition(".")
        parts[place] = RENAMED.get(part, f"{RENAMED.get(stem, stem)}{dot}{rest}")
    return "/".join(parts)


def differences(
    before: dict[str, dict[str, Any]],
    now: dict[str, dict[str, Any]],
    tolerance: float = TOLERANCE,
) -> list[str]:
    """Return a sentence for each value that is missing or differs by more than `tolerance`."""
    sentences = []
    for part, values in before.items():
        for old, value in values.items():
            key = renamed(old)
            if key not in now[part]:
                sentences.append(f"{part}: {key} is missing")
                continue
            current = now[part][key]
            if isinstance(value, float) and isinstance(current, int | float):
                if abs(value - current) > tolerance:
                    sentences.append(f"{part}: {key} was {value} and is {current}")
            elif value != current:
                sentences.append(f"{part}: {key} was {value!r} and is {current!r}")
    return sentences


def main() -> None:
    """Compare, or write the list anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store what is measured now")
    if parser.parse_args().write:
        text = json.dumps(measure(), indent=0, sort_keys=True).encode()
        STORED.parent.mkdir(exist_ok=True)
        STORED.write_bytes(gzip.compress(text, mtime=0))
        return
    before = json.loads(gzip.decompress(STORED.read_bytes()))
    sentences = differences(before, measure())
    print("\n".join(sentences[:50]))
    print(f"{sum(map(len, before.values()))} values compared, {len(sentences)} differ.")
    sys.exit(bool(sentences))


if __name__ == "__main__":
    main()
