"""Annotations of a timeline, read back by readers that were written from the published formats."""

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from emo.classifiers.voice import VOICE
from emo.inference import annotations, export
from emo.inference.timeline import Timeline
from emo.labels import ENSEMBLE, INDEX

SPANS = np.array([[0.5, 2.0], [2.0, 3.25], [6.0, 7.9]])  # a pause before, between and after
SAID = ["sad", "happy", "happy"]
KEYS = (ENSEMBLE, "cnn", "mlp")
TEXTS = ["sad 70%", "happy 70%", "happy 70%"]
Interval = tuple[float, float, str]


def rows(labels: list[str]) -> np.ndarray:
    shares = np.full((len(labels), 7), 0.05)
    for i, label in enumerate(labels):
        shares[i, INDEX[label]] = 0.7
    return shares


def timeline() -> Timeline:
    shares = {"cnn": rows(["angry"] * 3), "mlp": rows(SAID), ENSEMBLE: rows(SAID)}
    return Timeline(8.0, 3, SPANS, SPANS, shares, {"cnn": np.array(0.9)})


CUES = [(float(a), float(b), text) for (a, b), text in zip(SPANS, TEXTS, strict=True)]
CNN = [(0.5, 3.25, "unsure: angry 70%"), (6.0, 7.9, "unsure: angry 70%")]


def written(form: str, name: str = 'my "best" talk & more.wav') -> str:
    return export.written(export.TIMELINE_WRITERS[form], name, timeline())


# --- Readers -------------------------------------------------------------------------------------


def read_labels(text: str) -> list[Interval]:
    """Return the labels of an Audacity track: start, tab, stop, tab, text, end of line."""
    found = []
    for line in text.splitlines():
        start, stop, label = line.split("\t")
        found.append((float(start), float(stop), label))
    return found


def read_textgrid(text: str) -> tuple[float, dict[str, list[Interval]]]:
    """Return the length and the tiers of a TextGrid.

    As Praat does, take only free-standing numbers, quoted texts (a doubled quote is a quote) and
    flags in angle brackets, in their order, and ignore all other words.
    """
    tokens = re.findall(r'"(?:[^"]|"")*"|<exists>|(?<![\w\[])-?\d+(?:\.\d+)?(?![\w\]])', text)
    values = iter(tokens)

    def string() -> str:
        token = next(values)
        assert token[0] == token[-1] == '"'
        return str(token[1:-1].replace('""', '"'))

    def number() -> float:
        return float(next(values))

    assert (string(), string()) == ("ooTextFile", "TextGrid")
    assert number() == 0.0
    duration_s = number()
    assert next(values) == "<exists>"
    tiers: dict[str, list[Interval]] = {}
    for _ in range(int(number())):
        assert string() == "IntervalTier"
        name = string()
        assert (number(), number()) == (0.0, duration_s)
        tiers[name] = [(number(), number(), string()) for _ in range(int(number()))]
    assert not list(values)
    return duration_s, tiers


def read_elan(text: str) -> tuple[str | None, dict[str, list[Interval]]]:
    """Return the address of the medium and the tiers of an ELAN document."""
    root = ElementTree.fromstring(text)
    assert root.tag == "ANNOTATION_DOCUMENT"
    parts = [child.tag for child in root]
    order = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE"]
    assert sorted(set(parts), key=parts.index) == order
    header = root.find("HEADER")
    assert header is not None
    assert header.get("TIME_UNITS") == "milliseconds"
    medium = header.find("MEDIA_DESCRIPTOR")
    slots = [(slot.attrib["TIME_SLOT_ID"], int(slot.attrib["TIME_VALUE"])) for slot in root[1]]
    times_ms = [time_ms for _, time_ms in slots]
    assert times_ms == sorted(times_ms)
    times = dict(slots)
    assert len(times) == len(slots)
    types = {one.attrib["LINGUISTIC_TYPE_ID"] for one in root.iter("LINGUISTIC_TYPE")}
    tiers: dict[str, list[Interval]] = {}
    ids = set()
    for tier in root.iter("TIER"):
        assert tier.attrib["LINGUISTIC_TYPE_REF"] in types
        rows = tiers.setdefault(tier.attrib["TIER_ID"], [])
        for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
            ids.add(annotation.attrib["ANNOTATION_ID"])
            ends = (times[annotation.attrib[f"TIME_SLOT_REF{i}"]] / 1000 for i in (1, 2))
            rows.append((*ends, annotation.findtext("ANNOTATION_VALUE") or ""))  # type: ignore[arg-type]
    assert len(ids) == sum(map(len, tiers.values()))
    return None if medium is None else medium.get("MEDIA_URL"), tiers


# --- Tests ---------------------------------------------------------------------------------------


def test_audacity_reads_the_answers_that_are_shown_first() -> None:
    assert read_labels(written("audacity")) == CUES


def test_praat_reads_a_tier_for_each_model_without_gaps() -> None:
    duration_s, tiers = read_textgrid(written("textgrid"))
    assert duration_s == 8.0
    assert list(tiers) == [ENSEMBLE, "cnn", "mlp"]
    for intervals in tiers.values():
        assert intervals[0][0] == 0.0
        assert intervals[-1][1] == 8.0
        assert [a[1] for a in intervals[:-1]] == [b[0] for b in intervals[1:]]
    assert [row for row in tiers[ENSEMBLE] if row[2]] == CUES
    assert [row for row in tiers["cnn"] if row[2]] == CNN


def test_elan_reads_a_tier_for_each_model_and_the_name_of_the_recording() -> None:
    medium, tiers = read_elan(written("eaf"))
    assert medium == "my%20%22best%22%20talk%20%26%20more.wav"
    assert tiers == {ENSEMBLE: CUES, "cnn": CNN, "mlp": CUES}


@pytest.mark.parametrize("form", annotations.WRITERS)
def test_no_speech_is_no_interval(form: str) -> None:
    none, blank = np.empty((0, 2)), np.empty((0, 7))
    text = export.written(
        export.TIMELINE_WRITERS[form], "a.wav", Timeline(2.0, 0, none, none, {ENSEMBLE: blank}, {})
    )
    if form == "audacity":
        assert text == ""
    elif form == "textgrid":
        assert read_textgrid(text) == (2.0, {ENSEMBLE: [(0.0, 2.0, "")]})
    else:
        assert read_elan(text)[1] == {ENSEMBLE: []}


def test_known_voice_comes_first() -> None:
    known = timeline()
    known.probabilities[VOICE] = rows(["sad"] * 3)
    out = io.StringIO()
    annotations.write_textgrid("a.wav", known, out)
    assert list(read_textgrid(out.getvalue())[1]) == [VOICE, "cnn", "mlp", ENSEMBLE]
    assert [
        row[2] for row in read_labels(export.written(annotations.write_audacity, "", known))
    ] == [
        "sad 70%",
        "sad 70%",
    ]


@pytest.mark.parametrize("form", annotations.WRITERS)
def test_channels_are_in_one_file(form: str) -> None:
    both = [("call.wav#channel=left", timeline()), ("call.wav#channel=right", timeline())]
    text = export.written(export.write_timelines, form, both)
    if form == "audacity":
        rows = read_labels(text)
        assert [row[2] for row in rows[:2]] == ["left: sad 70%", "right: sad 70%"]
        assert len(rows) == 2 * len(CUES)
        return
    tiers = read_textgrid(text)[1] if form == "textgrid" else read_elan(text)[1]
    assert list(tiers) == [f"{side}: {key}" for side in ("left", "right") for key in KEYS]
    assert [row for row in tiers["right: ensemble"] if row[2]] == CUES
