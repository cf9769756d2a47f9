"""Channels of a recording: their names, one of them, and the commands that answer it."""

import itertools
import json
import sys
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from emo.audio import clip as audio_clip
from emo.audio.channels import channel_index, channel_names, name_with_channel, parse_channel
from emo.audio.clip import Clip, decode, decode_channels
from emo.audio.isolated import IsolatedDecoder
from emo.audio.limits import MAX_BYTES
from emo.batch.journal import Journal
from emo.batch.labelling import make_run_config
from emo.batch.rows import (
    MIXED,
    Channel,
    Result,
    error_result,
    is_last_row,
    recording_name,
    timeline_result,
)
from emo.batch.run import run_batch
from emo.batch.sources import Source
from emo.cli.main import main
from emo.errors import AudioError, ChannelError, SilentError
from emo.inference.timeline import Timeline
from tests.support.signals import call, encoded, silence, voice

LOW, HIGH = voice((140.0, 100.0), 1.2, seed=4), voice((270.0, 210.0), 0.9, vowels="iea", seed=5)


# One channel by itself


def stereo_data(subtype: str = "PCM_16") -> bytes:
    n = max(len(LOW), len(HIGH))
    sides = [np.pad(side, (0, n - len(side))) for side in (LOW, HIGH)]
    return encoded(np.stack(sides, axis=1), subtype=subtype)


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_decode_channels_equals_decoding_each_channel_alone(count: int) -> None:
    sides = [voice(100.0 + 30 * k, 0.8, seed=k) for k in range(count)]
    data = encoded(np.stack(sides, axis=1))
    each = decode_channels(data)
    assert tuple(each) == channel_names(count)
    for (name, clip), side in zip(each.items(), sides, strict=True):
        assert isinstance(clip, Clip)
        np.testing.assert_array_equal(clip.samples, decode(encoded(side)).samples)
        np.testing.assert_array_equal(decode(data, channel=name).samples, clip.samples)
        assert clip.source_channels == count
        assert clip.warnings == ()


def test_decode_channels_keeps_faults_of_one_channel_from_the_others() -> None:
    good = voice(duration_s=1.0)
    broken = good.copy()
    broken[100] = np.nan
    each = decode_channels(encoded(np.stack([good, broken], axis=1), subtype="FLOAT"))
    assert isinstance(each["left"], Clip)
    assert isinstance(each["right"], AudioError)
    each = decode_channels(encoded(np.stack([silence(1.0), good], axis=1)))
    assert isinstance(each["left"], SilentError)
    assert isinstance(each["right"], Clip)


@pytest.mark.parametrize(
    ("channel", "count", "place"),
    [("left", 2, 0), ("right", 2, 1), ("1", 1, 0), ("2", 2, 1), ("6", 6, 5)],
)
def test_channel_index_of_names_and_numbers(channel: str, count: int, place: int) -> None:
    assert channel_index(channel, count) == place


@pytest.mark.parametrize(
    ("channel", "count"), [("left", 1), ("right", 6), ("3", 2), ("2", 1), ("0", 2), ("²", 2)]
)
def test_decode_names_the_available_channels_for_a_missing_one(channel: str, count: int) -> None:
    data = encoded(np.stack([LOW] * count, axis=1))
    with pytest.raises(ChannelError, match=f"'{channel}'.*it has"):
        decode(data, channel=channel)


def test_isolated_decoder_reads_a_channel() -> None:
    data = stereo_data()
    decoder = IsolatedDecoder(1)
    try:
        for channel in ("mix", "left", "right", "2"):
            clip = decoder.decode(data, "a.wav", channel)
            np.testing.assert_array_equal(clip.samples, decode(data, channel=channel).samples)
            assert clip.warnings == decode(data, channel=channel).warnings
        with pytest.raises(ChannelError, match="'7'"):
            decoder.decode(data, "a.wav", "7")
    finally:
        decoder.stop()


# Rows


def test_name_with_channel_has_a_suffix_that_parse_channel_reads() -> None:
    assert name_with_channel("a.wav", "mix") == "a.wav"
    assert name_with_channel("a#channel=x.wav", "left") == "a#channel=x.wav#channel=left"
    assert parse_channel("a#channel=x.wav#channel=left") == "left"
    assert parse_channel("a.wav") == ""


def lines(*done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for one in done for line in one.lines.splitlines()]


def test_is_last_row_and_recording_name_of_channels() -> None:
    left, right = Channel("left", 2), Channel("right", 2)
    blank = Timeline(1.0, 0, np.empty((0, 2)), np.empty((0, 2)), {}, {})
    clip = decode(encoded(LOW))
    rows = lines(
        error_result("a", "r", "Why."),
        error_result("a", "r", "Why.", Channel("left")),
        error_result("a", "r", "Why.", left),
        timeline_result("a#channel=left", "r", clip, blank, right),
        error_result("a#channel=left", "r", "Why.", MIXED),
    )
    assert [is_last_row(row) for row in rows] == [True, True, False, True, True]
    assert [recording_name(row) for row in rows] == ["a", "a", "a", *["a#channel=left"] * 2]


@pytest.mark.parametrize("kept", range(5))
def test_journal_drops_a_recording_with_missing_channels(tmp_path: Any, kept: int) -> None:
    path = tmp_path / "rows.jsonl"
    sides = [Channel("left", 2), Channel("right", 2)]
    all_lines = [
        line
        for name in ("a", "b")
        for side in sides
        for line in error_result(name, "r", "Why.", side).lines.splitlines(keepends=True)
    ]
    path.write_bytes(b"".join(all_lines[:kept]))
    with Journal(path, "r") as journal:
        assert journal.count == kept // 2
        assert journal.failed == kept // 2
    assert path.read_bytes() == b"".join(all_lines[: kept // 2 * 2])


# Commands


@pytest.fixture
def recordings(tmp_path: Any) -> Any:
    (tmp_path / "two.wav").write_bytes(stereo_data())
    (tmp_path / "one.wav").write_bytes(encoded(LOW))
    half = np.stack([LOW, np.zeros_like(LOW)], axis=1)
    (tmp_path / "half.wav").write_bytes(encoded(half))
    return tmp_path


def run(capsys: Any, *arguments: object) -> tuple[int, str, str]:
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def shares_of(row: dict[str, Any]) -> list[float]:
    return list(row["models"]["ensemble"]["probabilities"].values())


@pytest.mark.slow
def test_predict_answers_each_channel(capsys: Any, recordings: Any) -> None:
    two = recordings / "two.wav"
    (recordings / "low.wav").write_bytes(encoded(LOW))
    status, out, _ = run(capsys, "predict", "--format", "json", "--channel", "each", two)
    left, right = json.loads(out)
    assert status == 0
    assert [left["path"], right["path"]] == [f"{two}#channel=left", f"{two}#channel=right"]
    _, out, _ = run(capsys, "predict", "--format", "json", "--channel", "right", two)
    assert json.loads(out) == [right]
    _, out, _ = run(capsys, "predict", "--format", "json", two)
    (mix,) = json.loads(out)
    assert mix["path"] == str(two)
    assert shares_of(mix) != pytest.approx(shares_of(left), abs=1e-3)
    for form in ("csv", "table"):
        status, out, _ = run(capsys, "predict", "--format", form, "--channel", "each", two)
        assert all(f"two.wav#channel={side}" in out for side in ("left", "right"))


def test_predict_names_a_missing_channel(capsys: Any, recordings: Any) -> None:
    one, half = recordings / "one.wav", recordings / "half.wav"
    status, out, _ = run(capsys, "predict", "--format", "json", "--channel", "left", one)
    assert status == 1
    assert "'left'" in json.loads(out)[0]["error"]
    status, out, _ = run(capsys, "predict", "--format", "json", "--channel", "each", half, one)
    rows = json.loads(out)
    assert status == 1
    assert [row["path"].rpartition("/")[2] for row in rows] == [
        "half.wav#channel=left",
        "half.wav#channel=right",
        "one.wav#channel=1",
    ]
    assert ["error" in row for row in rows] == [False, True, False]


@pytest.mark.parametrize("form", ["text", "csv", "json", "srt", "vtt"])
@pytest.mark.slow
def test_timeline_answers_each_channel(capsys: Any, tmp_path: Any, form: str) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(encoded(call(1)))
    status, out, _ = run(capsys, "timeline", "--format", form, "--channel", "each", path)
    single = {
        side: run(capsys, "timeline", "--format", form, "--channel", side, path)[1]
        for side in ("left", "right")
    }
    assert status == 0
    if form == "json":
        assert json.loads(out) == [json.loads(text) for text in single.values()]
        assert json.loads(single["left"])["path"] == f"{path}#channel=left"
    elif form in ("text", "csv"):
        assert set(out.splitlines()) - {""} == {
            line for text in single.values() for line in text.splitlines() if line
        }
    else:
        cues = [(side, line) for side, text in single.items() for line in text.splitlines()]
        said = [line for line in out.splitlines() if line.startswith(("left: ", "right: "))]
        alone = [f"{side}: {line}" for side, line in cues if "%" in line or "unsure" in line]
        assert sorted(said) == sorted(alone)
        times = [line for line in out.splitlines() if "-->" in line]
        assert times == sorted(times)


def test_explain_answers_one_channel(capsys: Any, recordings: Any) -> None:
    two = recordings / "two.wav"
    status, out, _ = run(capsys, "explain", "--format", "json", "--channel", "each", two)
    assert status == 0
    assert [row["path"] for row in json.loads(out)] == [
        f"{two}#channel=left",
        f"{two}#channel=right",
    ]


@pytest.mark.parametrize("timeline", [False, True])
@pytest.mark.parametrize("channel", ["each", "left", "2"])
@pytest.mark.slow
def test_batch_of_channels_equals_predict_and_can_be_continued(
    capsys: Any, recordings: Any, tmp_path: Any, channel: str, timeline: bool
) -> None:
    out = tmp_path / "rows.jsonl"
    recipe = make_run_config(timeline=timeline, channel=channel)
    names = [str(recordings / name) for name in ("half.wav", "one.wav", "two.wav")]
    run_batch(names, out, recipe, jobs=1)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {recording_name(row) for row in rows} == set(names)
    if not timeline:
        _, text, _ = run(capsys, "predict", "--format", "json", "--channel", channel, *names)
        expected = {row["path"]: row for row in json.loads(text)}
        assert {row["path"] for row in rows} == set(expected)
        for row in rows:
            answer = expected[row["path"]]
            assert row.get("error") == answer.get("error")
            if "error" not in row:
                assert shares_of(row) == pytest.approx(shares_of(answer), abs=1e-6)
    whole = out.read_bytes()
    for cut in itertools.accumulate(len(line) for line in whole.splitlines(keepends=True)):
        out.write_bytes(whole[:cut])
        if cut in (len(whole.splitlines(keepends=True)[0]), len(whole)):
            summary = run_batch(names, out, recipe, jobs=1)
            assert summary.earlier + summary.added == len(names)
            again = [json.loads(line) for line in out.read_text().splitlines()]
            assert sorted(row["path"] for row in again) == sorted(row["path"] for row in rows)


def test_run_config_differs_for_another_channel() -> None:
    runs = {make_run_config(channel=channel).run for channel in ("mix", "left", "right", "each")}
    assert len(runs) == 4


def test_label_sources_answers_the_channel_of_its_config(recordings: Any) -> None:
    from emo.batch.labelling import label_sources

    item = Source("two.wav", location=str(recordings / "two.wav"))
    (done,) = label_sources(make_run_config(channel="each"), [item])
    assert done.name == "two.wav"
    assert [row["channel"] for row in lines(done)] == ["left", "right"]


# Standard input and folders


class _Piped(BytesIO):
    """Bytes that count how many were taken from them."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self.taken += len(block)
        return block

    def isatty(self) -> bool:
        return False


def pipe(monkeypatch: Any, data: bytes) -> _Piped:
    piped = _Piped(data)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=piped, isatty=lambda: False))
    return piped


@pytest.mark.parametrize("command", ["predict", "explain", "timeline"])
@pytest.mark.slow
def test_predict_reads_standard_input(
    capsys: Any, monkeypatch: Any, recordings: Any, command: str
) -> None:
    data = (recordings / "one.wav").read_bytes()
    _, out, _ = run(capsys, command, "--format", "json", recordings / "one.wav")
    pipe(monkeypatch, data)
    status, piped, _ = run(capsys, command, "--format", "json", "-")
    assert status == 0
    there, here = json.loads(out), json.loads(piped)
    for rows in (there, here):
        first = rows[0] if isinstance(rows, list) else rows
        first["name"] = first.pop("path")
    named = here[0] if isinstance(here, list) else here
    assert named.pop("name") == "standard input"
    (there[0] if isinstance(there, list) else there).pop("name")
    assert here == there


def test_predict_stops_reading_a_too_large_standard_input(capsys: Any, monkeypatch: Any) -> None:
    piped = pipe(monkeypatch, bytes(MAX_BYTES + 40 * 2**20))
    status, out, _ = run(capsys, "predict", "--format", "json", "-")
    assert status == 1
    assert "at most 50 MB" in json.loads(out)[0]["error"]
    assert piped.taken <= MAX_BYTES + 2**20


@pytest.mark.parametrize("command", ["predict", "timeline", "explain"])
def test_predict_rejects_an_empty_standard_input(
    capsys: Any, monkeypatch: Any, command: str
) -> None:
    pipe(monkeypatch, b"")
    status, out, err = run(capsys, command, "-")
    assert status == 1
    assert "Standard input is empty" in (out + err).replace("\n", " ")


@pytest.mark.slow
def test_predict_names_the_batch_command_for_a_folder(
    capsys: Any, recordings: Any, tmp_path: Any
) -> None:
    import shlex

    folder = tmp_path / "my calls"
    folder.mkdir()
    (folder / "one.wav").write_bytes(encoded(LOW))
    status, out, _ = run(capsys, "predict", "--format", "json", "--channel", "each", folder)
    assert status == 1
    sentence = json.loads(out)[0]["error"]
    python, minus_m, emo, *arguments = shlex.split(sentence[sentence.index("python -m emo") :])
    assert (python, minus_m, emo) == ("python", "-m", "emo")
    arguments[arguments.index("--out") + 1] = str(tmp_path / "answers.jsonl")
    assert main(arguments) == 0  # as the sentence says it
    (row,) = map(json.loads, (tmp_path / "answers.jsonl").read_text().splitlines())
    assert row["path"] == f"{folder / 'one.wav'}#channel=1"


def test_load_reads_a_channel(recordings: Any) -> None:
    path = recordings / "two.wav"
    left = audio_clip.load(path, "left")
    assert left.samples.tobytes() == decode(path.read_bytes(), channel="1").samples.tobytes()
