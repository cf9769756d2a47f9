"""Rows in JSON Lines, CSV and Parquet have equal values."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from emo.audio.clip import decode
from emo.batch.rows import (
    COLUMNS,
    Channel,
    convert_rows,
    error_result,
    flatten,
    prediction_result,
    read_rows,
    timeline_result,
    write_csv,
    write_parquet,
)
from emo.classifiers.voice import VOICE
from emo.inference.known_voice import know_speakers
from emo.inference.loading import ANSWER_KEYS, load_models
from emo.inference.predictor import predict
from emo.inference.timeline import iter_timeline
from emo.labels import LABELS
from tests.support.signals import encoded, silence, voice

NAMES = ["=spoken.wav", "gr\udcfcn.wav", "line\nbreak.wav"]


def table(path):
    return io.StringIO(path.read_text(encoding="utf-8"), newline="")


@pytest.fixture(scope="module")
def models():
    return load_models()


@pytest.fixture(scope="module")
def clip():
    return decode(encoded(voice(duration_s=1.0)))


@pytest.fixture
def source(tmp_path, models, clip):
    found = predict(clip, models)
    rows = [
        prediction_result(NAMES[0], "r1", clip, found),
        *(error_result(n, "r1", "Why.") for n in NAMES[1:]),
    ]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(done.lines for done in rows))
    return path


def test_prediction_result_has_the_fields_of_predict_and_the_ensemble(models, clip):
    found = predict(clip, models)
    row = json.loads(prediction_result("a.wav", "r1", clip, found).lines)
    assert row.keys() >= found.to_dict().keys() | {"path", "run", "sha256"}
    assert (row["label"], row["unsure"]) == (
        found.answers["ensemble"].label,
        found.answers["ensemble"].unsure,
    )
    assert row["confidence"] == pytest.approx(found.answers["ensemble"].confidence, abs=1e-7)
    for key in ANSWER_KEYS:
        shares = list(row["models"][key]["probabilities"].values())
        np.testing.assert_allclose(shares, found.answers[key].probabilities, atol=1e-7)


def test_write_csv_keeps_the_values(source, tmp_path):
    write_csv(read_rows(source), tmp_path / "out.csv")
    first, *others = csv.DictReader(table(tmp_path / "out.csv"))
    row = json.loads(source.read_text().splitlines()[0])
    assert list(first) == list(COLUMNS)
    assert first["path"] == "'=spoken.wav"
    assert [other["path"] for other in others] == ["gr\\udcfcn.wav", "line\nbreak.wav"]
    assert [other["error"] for other in others] == ["Why.", "Why."]
    assert first["unsure"] == ("yes" if row["unsure"] else "no")
    for label in LABELS:
        assert float(first[f"cnn_{label}"]) == row["models"]["cnn"]["probabilities"][label]
    assert float(first["bandwidth_hz"]) == row["quality"]["bandwidth_hz"]


def test_write_parquet_keeps_the_values(source, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("emo.batch.rows.ROWS_PER_WRITE", 2)
    write_parquet(read_rows(source), tmp_path / "out.parquet")
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.column_names == list(COLUMNS)
    assert parquet.ParquetFile(tmp_path / "out.parquet").num_row_groups == 2
    first = table.to_pylist()[0]
    expected = flatten(json.loads(source.read_text().splitlines()[0]))
    assert {name: value for name, value in first.items() if value is not None} == {
        name: value for name, value in expected.items() if value is not None
    }
    assert table["path"].to_pylist()[1:] == ["gr\\udcfcn.wav", "line\nbreak.wav"]


def test_columns_are_those_of_flatten(models, clip):
    rows = [json.loads(prediction_result("a", "r1", clip, predict(clip, models)).lines)]
    *_, timeline = iter_timeline(decode(encoded(voice((240.0, 120.0), duration_s=2.0))), models)
    rows += map(json.loads, timeline_result("a", "r1", clip, timeline).lines.splitlines())
    rows += [json.loads(error_result("a", "r1", "Why.", Channel("left", 2), "me").lines)]
    (known,) = know_speakers([predict(clip, models)], ["me"], models)
    known = replace(known, answers=known.answers | {VOICE: known.ensemble})
    rows += [json.loads(prediction_result("a", "r1", clip, known).lines)]
    assert set().union(*(flatten(row) for row in rows)) == set(COLUMNS)


def test_timeline_result_has_a_row_for_each_window(models):
    spoken = decode(encoded(np.concatenate([voice((240.0, 120.0), duration_s=2.0)] * 3)))
    *_, timeline = iter_timeline(spoken, models)
    rows = [
        json.loads(line) for line in timeline_result("a", "r1", spoken, timeline).lines.splitlines()
    ]
    assert [row["window"] for row in rows] == list(range(1, timeline.total + 1))
    assert {row["windows"] for row in rows} == {timeline.total}
    assert [row["start_s"] for row in rows] == timeline.windows_s[:, 0].tolist()
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    quiet = decode(encoded(np.concatenate([noise, silence(1.0)])))
    *_, timeline = iter_timeline(quiet, models)
    (row,) = map(json.loads, timeline_result("a", "r1", quiet, timeline).lines.splitlines())
    assert (row["window"], row["windows"], "label" in row) == (0, 0, False)


def test_convert_rows_writes_a_complete_file_or_none(source, tmp_path):
    def fails(source, target):
        target.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        convert_rows(source, tmp_path / "out.csv", fails)
    assert source.exists()
    assert not (tmp_path / "out.csv").exists()
    convert_rows(source, tmp_path / "out.csv", write_csv)
    assert not source.exists()
    assert len(list(csv.reader(table(tmp_path / "out.csv")))) == 4
