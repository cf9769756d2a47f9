"""Write the stored results as a page, docs/bench.md.

python bench/table.py
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.measure import ROOT, Row, figure, read_results, row_from, target_text

PAGE = ROOT / "docs" / "bench.md"
ORDER = (
    "features",
    "predict",
    "timeline",
    "batch",
    "growth",
    "server",
    "app",
    "uploads",
    "training",
    "scaling",
)

HEAD = """<!-- Made by: make bench. Changes by hand are lost. -->

# Speed

Measured by `make bench`, medians, beside what one would otherwise use. What is compared was run in
turns in one run, so that a ratio does not depend on how fast or how busy the machine was; every
other figure does. *Steal* is the share of the processors' time that other machines took away.
"""


def render(stored: Mapping[str, Any]) -> str:
    """Return the page of some results in Markdown."""
    lines = [HEAD, *_machine(stored["machine"]), ""]
    rows = [row_from(one) for part in stored["parts"].values() for one in part["rows"]]
    judged = [row for row in rows if row.is_met is not None]
    met = sum(row.is_met is True for row in judged)
    lines += [f"**{met} of {len(judged)} targets are met.**", ""]
    for key in ORDER:
        if key in stored["parts"]:
            lines += [*_part(stored["parts"][key]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _machine(machine: Mapping[str, Any]) -> Iterator[str]:
    if not machine:
        return
    versions = ", ".join(f"{name} {one}" for name, one in machine["versions"].items())
    yield (
        f"{machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}; the processor "
        f"stands with each part. {versions}."
    )


def _part(part: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {part['title']}\n"
    yield f"{part['about']}\n"
    others = part["facts"].get("versions", {})
    versions = "".join(f", {name} {one}" for name, one in others.items())
    few = " Few repeats, to see that it works: no measure of anything." if part["quick"] else ""
    load = "–" if part["load"] is None else part["load"]
    yield (
        f"{part['processor']}, {part['taken']}, load before {load}, "
        f"steal {part['steal_percent']} %, in {part['took_s']:,} s{versions}.{few}\n"
    )
    yield "| What | n | median | p95 | target | result |"
    yield "| --- | --: | --: | --: | --: | --- |"
    for stored in part["rows"]:
        yield _line(row_from(stored))


def _line(row: Row) -> str:
    name = f"{row.name} ({row.note})" if row.note else row.name
    median, p95 = (
        "–" if value is None else f"{figure(value, row.unit)} {row.unit}"
        for value in (row.median, row.p95)
    )
    target = target_text(row.target, row.unit)
    result = "**missed**" if row.result == "missed" else row.result
    return f"| {name} | {row.n or '–'} | {median} | {p95} | {target} | {result} |"


def write() -> None:
    """Write the page of the stored results."""
    PAGE.write_text(render(read_results()), encoding="utf-8")


if __name__ == "__main__":
    write()
