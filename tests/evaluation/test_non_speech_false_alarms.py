"""How often speech and other sound are flagged, counted on made clips, and the page of it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from bench.models.likeness import fit
from emo.evaluation.non_speech import false_alarms as non_speech_false_alarms
from emo.evaluation.non_speech import report
from emo.evaluation.non_speech.false_alarms import (
    before,
    count_flags,
    false_alarms,
    halves,
    is_flagged,
    summary,
)
from emo.evaluation.sounds.generators import DESIGN, HELD_OUT, KINDS, sound
from emo.features.likeness import OFFSETS, Model, Term
from emo.features.speech import PRESENCE_VERSION
from tests.support.signals import encoded, noise, voice


def test_halves_are_halves_of_each_corpus_and_of_each_sex() -> None:
    ravdess = [f"ravdess-{i:02d}" for i in range(1, 25)]  # men have odd numbers
    chosen = halves([*ravdess, "tess-OAF", "tess-YAF", *(f"savee-{k}" for k in "ABCD")])
    assert sum(chosen[name] for name in ravdess) == 12
    assert sum(chosen[name] for name in ravdess[::2]) == 6
    assert chosen["tess-OAF"] != chosen["tess-YAF"]
    assert sum(chosen[f"savee-{k}"] for k in "ABCD") == 2
    assert halves(reversed(list(chosen))) == chosen


def test_what_cannot_be_used_is_not_counted() -> None:
    assert count_flags([True, None, False, True]) == {"n": 3, "flagged": 2}


def test_the_counts_of_an_earlier_version_are_kept_and_only_those() -> None:
    old = {"version": PRESENCE_VERSION - 1, "corpora": {"tess": {"n": 1, "flagged": 1}}}
    assert before(old) == old
    assert before(old | {"before": {"version": 0}}) == old
    again = {"version": PRESENCE_VERSION, "corpora": {}, "before": old}
    assert before(again) == old
    assert before({}) == {}


@pytest.fixture(scope="module")
def counted(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, non_speech_false_alarms.Counts]:
    """Return the counts of two clips of speech, one of noise, and every kind once."""
    folder = tmp_path_factory.mktemp("corpora")
    (folder / "tess").mkdir()
    models = folder / "models"
    models.mkdir()
    clips = {
        "OAF_bite_happy": voice((320.0, 180.0), 2.0),
        "YAF_bite_happy": voice((340.0, 190.0), 2.0),
        "YAF_back_sad": noise(2.0),
    }
    for name, samples in clips.items():
        (folder / "tess" / f"{name}.wav").write_bytes(encoded(samples))
    return models, false_alarms(folder, models, "a command", 1, {0.3: 1, 1.0: 1})


@pytest.mark.slow
def test_false_alarms_are_counted_by_corpus_and_half(
    counted: tuple[Path, non_speech_false_alarms.Counts],
) -> None:
    models, counts = counted
    own = counts["corpora"]["tess"]
    assert (own["n"], own["flagged"]) == (3, 1)
    chosen = halves(["tess-OAF", "tess-YAF"])
    assert own["held_n"] == (1 if chosen["tess-YAF"] else 2)
    assert json.loads((models / "non_speech.json").read_text()) == counts
    assert counts["version"] == PRESENCE_VERSION


@pytest.mark.slow
def test_every_kind_is_counted_with_its_family(
    counted: tuple[Path, non_speech_false_alarms.Counts],
) -> None:
    _, counts = counted
    assert list(counts["kinds"]) == list(KINDS)
    for table, design in ((DESIGN, True), (HELD_OUT, False)):
        for family, own in table.items():
            for name, make in own.items():
                row = counts["kinds"][name]
                assert (row["family"], row["design"], row["n"]) == (family, design, 1)
                flagged = is_flagged(sound(make, 1.0, 3, non_speech_false_alarms.LEVELS_DB[1]))
                assert row["flagged"] == flagged, name
    total = sum(row["flagged"] for row in counts["kinds"].values())
    assert counts["durations"]["1"] == {"n": len(KINDS), "flagged": total}
    assert counts["durations"]["0.3"] == {"n": len(KINDS), "flagged": 0}


def test_a_summary_has_each_corpus_and_family(
    counted: tuple[Path, non_speech_false_alarms.Counts],
) -> None:
    lines = summary(counted[1]).splitlines()
    shares = {line[:22].strip(): line.split()[-1] for line in lines}
    assert shares["tess"] == "33.33%"
    assert {"noise", "tone", "music", "burst"} <= set(shares)


def cells(text: str, first: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in line.strip("|").split("|")[1:]]


def test_the_page_says_what_was_counted_before_and_now() -> None:
    kinds = {
        "hiss": {"family": "noise", "design": True, "n": 10, "flagged": 9},
        "rattle": {"family": "noise", "design": False, "n": 10, "flagged": 4},
        "gong": {"family": "music", "design": True, "n": 20, "flagged": 5},
    }
    then = {name: dict(row, flagged=1) for name, row in kinds.items()}
    counts = {
        "corpora": {
            "tess": {"n": 200, "flagged": 1, "held_n": 100, "held_flagged": 0},
            "savee": {"n": 300, "flagged": 3, "held_n": 100, "held_flagged": 2},
        },
        "varied": {"tess": {"n": 50, "flagged": 5, "held_n": 25, "held_flagged": 5}},
        "conditions": {"pink-0": {"n": 50, "flagged": 10}, "gone": {"n": 50, "flagged": 1}},
        "kinds": kinds,
        "durations": {"0.3": {"n": 4, "flagged": 1}},
        "version": 2,
        "command": "count",
        "commit": "abc",
        "before": {"kinds": then, "command": "count", "commit": "ab", "durations": {}},
    }
    text = report.page(counts)
    assert cells(text, "TESS") == ["200", "–", "1 (0.5 %)", "100", "0 (0.0 %)"]
    assert cells(text, "**all**") == ["500", "–", "4 (0.8 %)", "200", "2 (1.0 %)"]
    assert cells(text, "at random") == ["50", "–", "5 (10.0 %)"]
    assert cells(text, "pink noise at an SNR of 0 dB") == ["50", "–", "10 (20.0 %)"]
    assert cells(text, "Noise, known") == ["10", "1 (10.0 %)", "9 (90.0 %)"]
    assert cells(text, "Noise, new: rattle") == ["10", "1 (10.0 %)", "4 (40.0 %)"]
    assert cells(text, "Music, known: gong") == ["20", "1 (5.0 %)", "5 (25.0 %)"]
    assert text.index("rattle") < text.index("hiss")  # the most missed first
    assert not re.search(r"[ \t]$", text, re.MULTILINE)
    assert "Other languages" not in text
    assert report.page({"corpora": {}}) == ""


def test_the_fit_finds_what_tells_two_groups_apart() -> None:
    rng = np.random.default_rng(0)
    names = list(OFFSETS)
    speech = rng.normal(0.0, 1.0, (400, len(names)))
    other = rng.normal(0.0, 1.0, (400, len(names)))
    other[:, 0] += 4.0  # on one side
    other[:, 1] *= 5.0  # on both sides
    rows = [[("a", row.tolist()) for row in values] for values in (speech, other)]
    table = fit(*rows)
    model = Model(table["start"], {name: Term(**term) for name, term in table["terms"].items()})
    points = [
        [model.start + sum(t.points(x) for t, x in zip(model.terms.values(), row, strict=True))]
        for row in (*speech, *other)
    ]
    flagged = np.array(points)[:, 0] < 0
    assert flagged[:400].mean() < 0.05
    assert flagged[400:].mean() > 0.95
    assert model.terms[names[0]].slope < -0.5
    assert model.terms[names[1]].bend < -0.2
    assert all(term.bend <= 0.0 for term in model.terms.values())
    assert abs(model.terms[names[5]].slope) < 0.5


def test_the_fit_weighs_groups_and_not_their_sizes() -> None:
    rng = np.random.default_rng(1)
    names = list(OFFSETS)

    def rows(n: int, group: str, shift: float) -> list[tuple[str, list[float]]]:
        values = rng.normal(0.0, 0.1, (n, len(names)))
        values[:, 0] += shift
        return [(group, row.tolist()) for row in values]

    speech = rows(500, "speech", 0.0)
    # A rare kind on one side and one of ten times as many clips on the other count alike.
    table = fit(speech, [*rows(400, "often", 1.0), *rows(40, "rare", -1.0)])
    term = Term(**table["terms"][names[0]])
    assert term.bend < -0.05
    up, down = (table["start"] + term.points(shift) for shift in (1.0, -1.0))
    assert up == pytest.approx(down, abs=0.5)
