"""Try a few hundred damaged inputs, the same in every run, and each that ever failed.

``make fuzz`` tries ten thousand; ``fuzz/guided.py`` looks for inputs that reach new code.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from emo.audio.clip import Clip
from emo.audio.isolated import IsolatedDecoder
from fuzz import seeds
from fuzz.check import USED, Failure, check
from fuzz.mutate import VERSION, Input, make, mend_pages, spans

pytestmark = pytest.mark.slow

COUNT = 400

FOUND = {
    81: "weights without an array were taken for a tree, and a KeyError came of its first answer",
    149: "a calibration nested without end was a RecursionError",
    181: "a tree whose arrays have other shapes was a ValueError",
    287: "a row whose path is a number was an AttributeError",
    685: "a tree with fewer measurements than there are was a ValueError",
    772: "a row nested without end was a RecursionError",
}
"""Numbers of inputs that failed once (version 1 of the mutations)."""

CIRCLE = "a tree with a branch that leads back was walked without end"


@pytest.fixture(scope="module")
def decoder() -> Iterator[IsolatedDecoder]:
    found = IsolatedDecoder(1)
    yield found
    found.stop()


def test_the_numbers_of_what_failed_are_of_this_version() -> None:
    assert VERSION == 1


@pytest.mark.parametrize("number", FOUND, ids=str)
def test_what_failed_once_fails_no_more(
    number: int, decoder: IsolatedDecoder, tmp_path: Path
) -> None:
    check(make(number), decoder, tmp_path)


def test_a_tree_that_leads_back_is_refused(decoder: IsolatedDecoder, tmp_path: Path) -> None:
    with np.load(seeds.MODELS / "tree" / "weights.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["left"][arrays["left"] > 0] = 0
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    given = Input(-1, "weights.npz", file.getvalue())
    assert check(given, decoder, tmp_path) == "ModelError", CIRCLE


def test_damaged_inputs_are_used_or_refused_in_words(
    decoder: IsolatedDecoder, tmp_path: Path
) -> None:
    outcomes = [check(make(number), decoder, tmp_path) for number in range(1000, 1000 + COUNT)]
    assert 0.1 < outcomes.count(USED) / COUNT < 0.6  # or the damage is none, or hides all else
    assert len(set(outcomes)) >= 6


def test_every_format_is_sound_before_it_is_damaged(
    decoder: IsolatedDecoder, tmp_path: Path
) -> None:
    for name, data in {**seeds.recordings(), **seeds.documents()}.items():
        outcome = check(Input(-1, name, data), decoder, tmp_path)
        assert outcome == ("NotAudioError" if name == "video.webm" else USED), name
    assert len(seeds.recordings()) >= 14


def test_the_same_number_gives_the_same_input() -> None:
    assert [make(n).data for n in range(50)] == [make(n).data for n in range(50)]


@pytest.mark.parametrize("name", sorted(seeds.recordings()))
def test_the_parts_of_a_format_are_made_out(name: str) -> None:
    data = seeds.recordings()[name]
    assert len(spans(data)) >= 2
    assert all(0 <= start < stop <= len(data) for start, stop in spans(data))


def test_checksums_are_mended() -> None:
    data = seeds.recordings()["a.ogg"]
    assert mend_pages(data) == data
    start = spans(data)[0][0]
    assert mend_pages(data[: start + 22] + bytes(4) + data[start + 26 :]) == data


def test_a_failure_is_one(tmp_path: Path) -> None:
    class Broken(IsolatedDecoder):
        def decode(self, data: bytes, name: str = "", channel: str = "mix") -> Clip:
            raise ZeroDivisionError(name)

    with pytest.raises(Failure, match=r"a\.wav 5: ZeroDivisionError"):
        check(Input(5, "a.wav", b""), Broken(1), tmp_path)
