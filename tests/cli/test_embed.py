"""Test the command that writes embeddings."""

import csv
import json

import numpy as np
import pyarrow.parquet
import pytest

import emo
from emo.cli.main import main
from emo.inference.export import in_a_cell
from tests.support.signals import encoded, voice


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips")
    for name, pitch_hz in (("a.wav", 120.0), ("b.wav", 220.0)):
        (path / name).write_bytes(encoded(voice(duration_s=0.6, pitch_hz=pitch_hz)))
    (path / "damaged.wav").write_text("no sound")
    (path / "notes.txt").write_text("a list of nothing")
    return path


def embed(folder, out, *more):
    return main(["embed", str(folder), "--out", str(out), *more])


def embedding(path):
    return {name: numbers.tolist() for name, numbers in emo.embed(path).items()}


def test_embed_npz_holds_what_the_function_returns(folder, tmp_path, capsys):
    assert embed(folder, tmp_path / "x.npz") == 1
    arrays = np.load(tmp_path / "x.npz")
    paths = arrays["path"].tolist()
    assert sorted(paths) == [str(folder / name) for name in ("a.wav", "b.wav", "damaged.wav")]
    for row, path in enumerate(paths):
        if path.endswith("damaged.wav"):
            assert arrays["error"][row].startswith("This is not a recording")
            assert np.isnan(arrays["encoder"][row]).all()
            assert np.isnan(arrays["duration_s"][row])
            continue
        for name, numbers in emo.embed(path).items():
            assert np.array_equal(arrays[name][row], numbers)
        assert arrays["sha256"][row] == emo.load(path).sha256
        assert arrays["error"][row] == ""
    about = json.loads(str(arrays["about"]))
    assert [layer["name"] for layer in about["layers"]] == ["encoder", "cnn", "mlp"]
    assert about["emo"] == emo.__version__
    messages = capsys.readouterr().err
    assert "damaged.wav: This is not a recording" in messages
    assert "3 recordings" in messages
    assert "1 could not be answered" in messages
    assert "1 file skipped" in messages


def test_embed_parquet_and_csv_hold_the_same_numbers(folder, tmp_path):
    sound = folder / "a.wav"
    for name in ("x.parquet", "x.csv"):
        assert main(["embed", str(sound), str(folder / "gone.wav"), "--out", str(tmp_path / name)])
    good, bad = pyarrow.parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert {name: good[name] for name in ("encoder", "cnn", "mlp")} == embedding(sound)
    assert "There is no file" in bad["error"]
    assert bad["encoder"] is None
    assert bad["duration_s"] is None
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        row, empty = csv.DictReader(file)
    assert row["path"] == in_a_cell(str(sound))
    for name, numbers in emo.embed(sound).items():
        cells = [np.float32(row[f"{name}_{i}"]) for i in range(len(numbers))]
        assert np.array_equal(cells, numbers)
    assert empty["error"] == bad["error"]
    assert empty["cnn_0"] == ""


def test_embed_writes_chosen_layers_of_each_channel(folder, tmp_path):
    both = np.stack([voice(duration_s=0.6), 0.5 * voice(duration_s=0.6, pitch_hz=200.0)], axis=1)
    (tmp_path / "two.wav").write_bytes(encoded(both))
    out = tmp_path / "x.npz"
    options = ["--channel", "each", "--layers", "mlp", "--out", str(out)]
    assert main(["embed", str(tmp_path / "two.wav"), *options]) == 0
    arrays = np.load(out)
    assert [path.partition("two.wav")[2] for path in arrays["path"]] == [
        "#channel=left",
        "#channel=right",
    ]
    assert "cnn" not in arrays
    right = emo.embed(tmp_path / "two.wav", channel="right", layers="mlp")["mlp"]
    assert np.array_equal(arrays["mlp"][1], right)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("x.json",), "--out must end in .npz, .parquet, .csv"),
        (("x.npz", "--layers", "cnn,tree"), "There is no layer 'tree'; choose among encoder"),
    ],
)
def test_embed_rejects_wrong_usage(folder, tmp_path, capsys, arguments, sentence):
    with pytest.raises(SystemExit) as exit_request:
        embed(folder, tmp_path / arguments[0], *arguments[1:])
    assert exit_request.value.code == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_embed_without_a_recording_leaves_no_file(folder, tmp_path, capsys):
    assert embed(folder / "gone", tmp_path / "x.npz") == 1
    assert "There is nothing at" in capsys.readouterr().err
    assert main(["embed", str(folder / "notes*"), "--out", str(tmp_path / "x.npz")]) == 1
    assert "There is no recording in" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
