"""A batch with speakers answers as ``predict_many`` does, whatever stops it on its way."""

import base64
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import emo
from emo.batch import labelling, run
from emo.batch.inputs import count_sources, find_sources
from emo.batch.rows import COLUMNS
from emo.batch.speakers import check_manifests, read_rule, read_speakers
from emo.batch.voices import VoiceCount, VoiceRows, format_voices
from emo.cli.main import main
from emo.errors import CorpusError, SettingError
from emo.inference import known_voice
from emo.inference.loading import load_models
from emo.labels import LABELS
from emo.system.paths import MODELS_DIR, SAMPLES_DIR
from tests.support.models import save_with_voice

ROOT = Path(__file__).resolve().parents[2]
GAME = SAMPLES_DIR / "game"
ANNA = sorted(GAME.glob("1009_*"))
BERT = sorted(GAME.glob("03-*-02.opus"))
FEW = sorted(GAME.glob("1020_*"))[:4]
STOPPED = """
import os, sys
from emo.batch import labelling, run
from emo.cli.main import main

class Journal(run.Journal):
    def append(self, results):
        super().append(results)
        if results:
            os.kill(os.getpid(), 9)

if __name__ == "__main__":
    run.Journal = Journal
    sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of models that know a voice."""
    return save_with_voice(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def models(folder):
    return load_models(folder)


@pytest.fixture
def in_process(monkeypatch):
    """Answer in this process, which is faster than in workers."""

    def here(groups, work, *rest):
        yield from map(work, groups)

    monkeypatch.setattr(run, "run_here", here)


def batch(folder, *arguments):
    return main(["batch", "--models", str(folder), *map(str, arguments)])


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_manifest(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "speaker"), *rows])
    return path


@pytest.fixture
def mixed(tmp_path):
    """Return a manifest of two voices in turn, of one with four clips, and of clips of nobody."""
    pairs = [pair for a, b in zip(ANNA, BERT, strict=True) for pair in ((b, "b"), (a, "a"))]
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    others = [(path, "few") for path in FEW] + [(broken, "few"), (GAME.parent / "sad.opus", "")]
    return write_manifest(tmp_path / "mixed.csv", pairs + others)


# --- equal answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("among", [LABELS, ("angry", "happy", "sad")])
def test_batch_with_a_manifest_equals_predict_many(
    folder, models, mixed, tmp_path, in_process, capsys, among
):
    out = tmp_path / "out.jsonl"
    arguments = (mixed, "--speaker-from", "column", "--out", out, "--among", ",".join(among))
    assert batch(folder, *arguments) == 1
    rows = {row["path"]: row for row in read(out)}
    listed = [row for row in read_speakers(mixed) if "broken" not in row[0]]
    expected = emo.predict_many(
        [path for path, _ in listed],
        models=models,
        among=among,
        speakers=[speaker for _, speaker in listed],
    )
    assert len(rows) == len(listed) + 1
    for (path, speaker), said in zip(listed, expected, strict=True):
        row = rows[path]
        assert row.get("speaker", "") == speaker
        content = said.to_dict()
        assert row.get("voice") == content.get("voice")
        assert list(row["models"]) == list(content["models"])
        for key, answer in content["models"].items():
            np.testing.assert_allclose(
                list(row["models"][key]["probabilities"].values()),
                list(answer["probabilities"].values()),
                atol=5.1e-8,
            )
        assert (row["label"], row["unsure"]) == (said.served.label, said.served.unsure)
        assert row["confidence"] == pytest.approx(said.served.confidence, abs=5.1e-8)
        assert "numbers" not in row
    known = {row["speaker"] for row in rows.values() if "voice" in row.get("models", ())}
    assert known == {"a", "b"}
    lines = capsys.readouterr().err.splitlines()
    assert "emo: 3 speakers named: a (10), b (10) and few (5)." in lines
    assert "emo: the voice was known for 2 of 3." in lines
    assert "emo: plain answers were kept for fewer than 5 different clips: few (4)." in lines
    assert "emo: 1 recording without a speaker." in lines


def test_batch_puts_the_rows_of_a_speaker_together(folder, mixed, tmp_path, in_process):
    out = tmp_path / "out.jsonl"
    batch(folder, mixed, "--speaker-from", "column", "--out", out)
    rows = read(out)
    assert [row.get("speaker") for row in rows] == ["a"] * 10 + ["b"] * 10 + ["few"] * 5 + [None]
    assert [row["path"] for row in rows[:10]] == [str(path) for path in ANNA]
    assert "error" in rows[24]
    assert not out.with_name("out.jsonl.rows.jsonl").exists()


def test_batch_writes_the_known_voice_into_columns(folder, mixed, tmp_path, in_process):
    jsonl, table = tmp_path / "out.jsonl", tmp_path / "out.csv"
    for out in (jsonl, table):
        batch(folder, mixed, "--speaker-from", "column", "--out", out)
    cells = list(csv.DictReader(io.StringIO(table.read_text(), newline="")))
    assert list(cells[0]) == list(COLUMNS)
    for cell, row in zip(cells, read(jsonl), strict=True):
        voice = row.get("voice", {"clips": "", "note": ""})
        used = {True: "yes", False: "no", None: ""}[voice.get("used")]
        assert cell["speaker"] == row.get("speaker", "")
        assert cell["voice_clips"] == str(voice["clips"])
        assert (cell["voice_used"], cell["voice_note"]) == (used, voice["note"])
        said = row.get("models", {}).get("voice")
        assert cell["voice_label"] == (said["label"] if said else "")
        assert cell["voice_sad"] == (str(said["probabilities"]["sad"]) if said else "")
        assert cell["label"] == row.get("label", "")


@pytest.mark.slow
def test_batch_writes_parquet_with_speakers(folder, mixed, tmp_path, in_process):
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "out.parquet"
    batch(folder, mixed, "--speaker-from", "column", "--out", out)
    table = parquet.read_table(out)
    assert table["speaker"].to_pylist()[-2:] == ["few", None]
    assert table["voice_used"].to_pylist()[:20] == [True] * 20


@pytest.mark.parametrize(
    ("rule", "names"),
    [("folder", ["{}/anna", "{}/bert"]), ("name", ["cremad-1009", "ravdess-02"])],
)
def test_batch_finds_speakers_by_folder_and_name(folder, models, tmp_path, in_process, rule, names):
    for name, paths in (("anna", ANNA), ("bert", BERT)):
        (tmp_path / "in" / name).mkdir(parents=True)
        for path in paths:
            (tmp_path / "in" / name / path.name).symlink_to(path)
    out = tmp_path / "out.jsonl"
    assert batch(folder, tmp_path / "in", "--speaker-from", rule, "--out", out) == 0
    rows = {Path(row["path"]).name: row for row in read(out)}
    speakers = sorted({row["speaker"] for row in rows.values()})
    assert speakers == [name.format(tmp_path / "in") for name in names]
    for paths in (ANNA, BERT):
        answers = emo.predict_many(paths, models=models, speakers=["x"] * len(paths))
        for path, said in zip(paths, answers, strict=True):
            shares = list(rows[path.name]["models"]["voice"]["probabilities"].values())
            np.testing.assert_allclose(shares, said.served.probabilities, atol=5.1e-8)


@pytest.mark.slow
def test_batch_divides_a_large_voice_as_predict_many_does(
    folder, models, tmp_path, in_process, monkeypatch
):
    monkeypatch.setattr(known_voice, "MAX_CLIPS", 5)
    out = tmp_path / "out.jsonl"
    assert batch(folder, *ANNA, "--speaker-from", "folder", "--out", out) == 0
    rows = {row["path"]: row for row in read(out)}
    answers = emo.predict_many(ANNA, models=models, speakers=["x"] * 10)
    for path, said in zip(ANNA, answers, strict=True):
        assert rows[str(path)]["voice"]["clips"] == said.voice_clips == 5
        shares = list(rows[str(path)]["models"]["voice"]["probabilities"].values())
        np.testing.assert_allclose(shares, said.served.probabilities, atol=5.1e-8)


# --- stopped and continued -----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.slow
def test_batch_with_speakers_gives_the_same_bytes_after_a_kill(folder, mixed, tmp_path, suffix):
    out, whole = tmp_path / f"out{suffix}", tmp_path / f"whole{suffix}"
    rows = tmp_path / f"out{suffix}.rows.jsonl"
    given = ["--models", str(folder), "--speaker-from", "column", str(mixed), "--out"]
    script = tmp_path / "stopped.py"
    script.write_text(STOPPED)

    def execute(*command):
        return subprocess.run(
            [sys.executable, *map(str, command)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=200,
        )

    killed = execute(script, "batch", *given, out, "--jobs", 1)
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    n_rows = len(rows.read_bytes().splitlines())
    assert 0 < n_rows < 26
    os.truncate(rows, rows.stat().st_size - 40)  # as if killed while it wrote the last row
    ran = execute("-m", "emo", "batch", *given, out, "--jobs", 2)
    assert f"{n_rows - 1} were answered before" in ran.stderr
    assert not rows.exists()
    assert execute("-m", "emo", "batch", *given, whole, "--jobs", 1).returncode == 1
    assert out.read_bytes() == whole.read_bytes()


def test_batch_with_speakers_goes_on_from_a_kill_at_the_end(
    folder, tmp_path, in_process, monkeypatch
):
    """The rows are complete, and the voices were about to be answered."""
    out, whole = tmp_path / "out.jsonl", tmp_path / "whole.jsonl"
    given = [*ANNA[:6], "--speaker-from", "folder", "--out"]

    def dies(*arguments):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("emo.batch.voices.know_voice", dies)
        assert batch(folder, *given, out) == 1
    assert not out.exists()
    assert batch(folder, *given, out) == 0
    assert batch(folder, *given, whole) == 0
    assert out.read_bytes() == whole.read_bytes()
    assert len(read(out)) == 6


def test_batch_with_speakers_overwrites_and_mixes_nothing(
    folder, mixed, tmp_path, in_process, capsys
):
    out = tmp_path / "out.jsonl"
    given = (mixed, "--speaker-from", "column", "--out", out)
    batch(folder, *given)
    assert batch(folder, *given) == 1
    assert "exists and is complete" in capsys.readouterr().err
    rows = run.rows_file(tmp_path / "other.jsonl", with_voices=True)
    rows.write_text(json.dumps({"path": "a", "run": "of another manifest"}) + "\n")
    assert batch(folder, *given[:-1], tmp_path / "other.jsonl") == 1
    assert "was begun with other models or settings" in capsys.readouterr().err


def test_batch_without_a_model_for_voices_does_not_begin(tmp_path, capsys, monkeypatch):
    lacking = save_with_voice(tmp_path / "models")
    stored = json.loads((lacking / "calibration.json").read_text())
    del stored["voice"]
    (lacking / "calibration.json").write_text(json.dumps(stored))
    given = (*ANNA, "--speaker-from", "folder", "--out", tmp_path / "out.jsonl")
    assert batch(lacking, *given) == 1
    assert "The calibration of these models has no part for known" in capsys.readouterr().err
    (lacking / "voice").unlink()
    assert batch(lacking, *given) == 1
    assert "There is no model in" in capsys.readouterr().err
    (lacking / "voice").mkdir()
    shutil.copy(MODELS_DIR / "voice" / "model.json", lacking / "voice")
    monkeypatch.setattr(labelling, "_loaded", {})  # another process would not have them
    assert batch(lacking, *given) == 1
    assert "Model 'voice' lacks its file weights.npz" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--speaker-from", "folder", "--timeline"], "goes without --timeline"),
        (["--speaker-from", "folder", "--channel", "each"], "goes without --channel each"),
        (["--speaker-from", "voice"], "'voice' is no rule for speakers"),
        (["--speaker-from", "name:("], "is no regular expression"),
        (["--speaker-from", "name:a"], "has 0 groups, and one is needed"),
    ],
)
def test_batch_exits_with_two_for_wrong_rules(tmp_path, capsys, given, message):
    with pytest.raises(SystemExit) as ended:
        main(["batch", "a.wav", "--out", str(tmp_path / "out.csv"), *given])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


# --- rules and manifests -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "name", "speaker"),
    [
        ("folder", "clips/anna/1.wav", "clips/anna"),
        ("folder", "1.wav", "."),
        ("folder", "clips.tar!/anna/1.wav", "clips.tar!/anna"),
        ("folder", "s3://bucket/anna/1.wav", "s3://bucket/anna"),
        ("name", "03-01-05-01-01-01-12.wav", "ravdess-12"),
        ("name", "in/1001_DFA_ANG_XX.wav", "cremad-1001"),
        ("name", "OAF_back_angry.wav", "tess-OAF"),
        ("name", "AudioData/DC/a01.wav", "savee-DC"),
        ("name", "x_y/anna-2_3.wav", "anna"),
        ("name", "clips.tar!/x-y/anna_2.wav", "anna"),
        ("name", "x_y/anna.wav", ""),
        ("name", "x-y/_2.wav", ""),
        (r"name:-([0-9]+)[.]", "in-7.d/03-12.wav", "12"),
        (r"name:-([0-9]+)[.]", "in-7.d/a.wav", ""),
        (r"name:^(?:a(b))?c", "c.wav", ""),
        ("column", "anna-1.wav", ""),
    ],
)
def test_read_rule_finds_the_speaker_in_a_name(rule, name, speaker):
    assert read_rule(rule)(name) == speaker


@pytest.mark.parametrize("rule", ["", "Folder", "name:", "name:(a)(b)", "name:[", "column:x"])
def test_read_rule_rejects_other_rules(rule):
    with pytest.raises(SettingError):
        read_rule(rule)


def test_read_speakers_understands_other_columns(tmp_path):
    path = tmp_path / "clips.tsv"
    path.write_text("Actor ID\tfile name\temotion\n 7 \ta.wav\thappy\n\tb\\c.wav\tsad\n")
    expected = [(f"{tmp_path}/a.wav", "7"), (f"{tmp_path}/b/c.wav", "")]
    assert list(read_speakers(path)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,emotion\na.wav,sad\n", "has no rows with the columns path and speaker"),
        ("path,speaker\n", "has no rows with the columns path and speaker"),
        ("path,speaker\n,a\n", "Line 2 of .* has no path"),
        ("path,speaker\na, b.wav,a\n", "Line 2 of .* more cells than columns"),
        ("path,speaker\na.wav,a\nb.wav,a\na.wav,b\n", "Line 4 .*'b' .*a.wav, and line 2 'a'"),
    ],
)
def test_read_speakers_rejects_other_tables(tmp_path, text, message):
    path = tmp_path / "clips.csv"
    path.write_text(text)
    with pytest.raises(CorpusError, match=message):
        list(read_speakers(path))


def test_check_manifests_depends_on_the_speakers(tmp_path):
    path = write_manifest(tmp_path / "clips.csv", [("a.wav", "a"), ("b.wav", "b")])
    first = check_manifests("column", [str(path)])
    write_manifest(path, [("a.wav", "a"), ("b.wav", "a")])
    assert check_manifests("column", [str(path)]) != first
    assert check_manifests("folder", ["gone.csv"]) == ""
    with pytest.raises(CorpusError, match=r"None of the inputs \(a\.wav\) is a manifest"):
        check_manifests("column", ["a.wav"])
    with pytest.raises(CorpusError, match=r"gone\.csv cannot be read"):
        check_manifests("column", ["gone.csv"])


def test_find_sources_reads_manifests_where_they_are_expected(tmp_path):
    with tarfile.open(tmp_path / "clips.tar", "w") as archive:
        archive.add(ANNA[0], "c.opus")
    rows = [("a.wav", "anna"), ("a.wav", "anna"), ("clips.tar", "bert")]
    path = write_manifest(tmp_path / "clips.csv", rows)
    seen = []

    def wanted(name):
        seen.append(name)
        return True

    found = {s.name: s.speaker for s in find_sources([str(path)], wanted, manifests=True)}
    assert found == {f"{tmp_path}/a.wav": "anna", f"{tmp_path}/clips.tar!/c.opus": "bert"}
    assert len(seen) == 2
    assert count_sources([str(path)], manifests=True) == 2
    assert [s.name for s in find_sources([str(path)], wanted)] == [str(path)]


def test_format_voices_names_the_first_speakers():
    counts = [VoiceCount(f"s{i}", 9, 8, "") for i in range(12)]
    counts.append(VoiceCount("t", 7, 6, known_voice.ALIKE))
    lines = format_voices(counts, 0)
    assert lines == [
        "13 speakers named: s0 (9), s1 (9), s2 (9), s3 (9), s4 (9), s5 (9), s6 (9), s7 (9), s8 (9),"
        " s9 (9) and 3 more",
        "the voice was known for 12 of 13",
        "plain answers were kept for clips that look alike in emotion: t (6)",
    ]


# --- memory --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_voice_rows_hold_one_part_of_a_voice_in_memory(models, tmp_path, monkeypatch):
    monkeypatch.setattr(known_voice, "MAX_CLIPS", 100)
    rng = np.random.default_rng(1)
    assert models.voice is not None
    size = len(models.voice.arrays["deviation"])
    n_rows, path = 1500, tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for i in range(n_rows):
            shares = rng.dirichlet(np.full(len(LABELS), 0.3))
            clip = np.append(shares, 0.0).astype("<f8").tobytes()
            clip += rng.normal(size=size).astype("<f4").tobytes()
            row = {"path": f"{i}.wav", "run": "r1", "format": 4, "speaker": "anna"}
            row |= {"among": LABELS, "models": {}, "numbers": base64.b64encode(clip).decode()}
            file.write(json.dumps(row) + "\n")
    rows = VoiceRows(models)
    tracemalloc.start()
    try:
        known = sum(row["voice"]["used"] for row in rows.read(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert known == n_rows
    assert rows.voices == [VoiceCount("anna", n_rows, n_rows, "")]
    assert peak < 12e6  # the file has 22 MB, and a part 1.5 MB
