"""Descriptions of corpora in Croissant: valid by mlcroissant, with the records of the clips."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emo.audio.clip import RATE_HZ
from emo.cli.main import main
from emo.corpora.catalogue import CORPORA, default_directory, find_recordings
from emo.corpora.croissant import clip_rows, measured, of_corpus, write_croissant
from emo.corpora.datasheets import DATASHEETS
from emo.corpora.splits import HELD_OUT_SPEAKERS, speakers_fold

mlcroissant = pytest.importorskip("mlcroissant")
# mlcroissant 1.1.1 builds a kind of graph that rdflib 7 calls old.
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
DATA = default_directory()
RAI = ("dataBiases", "dataLimitations", "dataUseCases", "personalSensitiveInformation")


def tone(path: Path, pitch_hz: float, peak: int = 8_000) -> None:
    """Write half a second; the same pitch and peak is the same audio."""
    time_s = np.arange(RATE_HZ // 2) / RATE_HZ
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.round(peak * np.sin(2 * np.pi * pitch_hz * time_s)).astype(np.int16)
    soundfile.write(path, samples, RATE_HZ)


def read(path: Path) -> tuple[dict[str, Any], Any]:
    """Return a description as JSON, and as mlcroissant reads it; fail on an error or a warning."""
    dataset = mlcroissant.Dataset(jsonld=path)
    issues = dataset.metadata.ctx.issues
    assert (list(issues.errors), list(issues.warnings)) == ([], [])
    return json.loads(path.read_text()), dataset


def records(dataset: Any, name: str) -> list[dict[str, str]]:
    """Return the records of a set, their fields by name."""
    return [
        {
            field.partition("/")[2]: value.decode() if isinstance(value, bytes) else str(value)
            for field, value in record.items()
        }
        for record in dataset.records(name)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "corpora"
    tone(top / "AudioWAV/1001_DFA_ANG_XX.wav", 300)
    tone(top / "AudioWAV/1001_DFA_SAD_XX.wav", 300)
    tone(top / f"AudioWAV/{HELD_OUT_SPEAKERS[0][-4:]}_DFA_SAD_XX.flac", 400)
    tone(top / "AudioWAV/1004_DFA_NEU_XX.wav", 500, peak=0)
    (top / "AudioWAV/1005_DFA_NEU_XX.wav").write_bytes(b"no sound in here")
    tone(top / "DC/a01.wav", 600)
    tone(top / "DC/su01.wav", 601)
    return top


def test_audit_describes_each_corpus_that_is_there(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "described"
    assert main(["audit", str(folder), "--croissant", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "cremad.clips.csv",
        "cremad.croissant.json",
        "savee.clips.csv",
        "savee.croissant.json",
    ]
    content, dataset = read(out / "cremad.croissant.json")
    corpus = CORPORA[0]
    assert content["citeAs"] == corpus.citation
    assert content["license"] == DATASHEETS["cremad"].licence
    assert all(content[f"rai:{name}"] for name in RAI)
    limitations = " ".join(content["rai:dataLimitations"])
    assert "7,437 of the 7,442 clips" in limitations
    assert "silent (1): AudioWAV/1004_DFA_NEU_XX.wav." in limitations
    assert "unreadable (1): AudioWAV/1005_DFA_NEU_XX.wav." in limitations
    assert "1001_DFA_ANG_XX.wav = AudioWAV/1001_DFA_SAD_XX.wav" in limitations
    clips = records(dataset, "clips")
    assert clips[0] == {
        "path": "AudioWAV/1001_DFA_ANG_XX.wav",
        "clip": "1001_DFA_ANG_XX",
        "emotion": "angry",
        "speaker": "cremad-1001",
        "fold": "1",
        "split": "train",
    }
    splits = {row["speaker"]: row["split"] for row in clips}
    assert splits[HELD_OUT_SPEAKERS[0]] == "test"
    assert {row["name"] for row in records(dataset, "splits")} == {"train", "test"}
    assert [row["name"] for row in records(dataset, "emotions")] == ["angry", "neutral", "sad"]
    files = {file["@id"]: file for file in content["distribution"]}
    assert files["audio"]["includes"] == ["AudioWAV/*.flac", "AudioWAV/*.wav"]
    assert files["audio"]["encodingFormat"] == ["audio/flac", "audio/wav"]


def test_table_of_clips_is_the_one_that_is_described(folder: Path, tmp_path: Path) -> None:
    recordings = [r for r in find_recordings(folder).recordings if r.corpus == "savee"]
    rows = clip_rows(recordings, folder)
    assert [(row["speaker"], row["fold"]) for row in rows] == [("savee-DC", "3")] * 2
    described = of_corpus("savee")
    path, table = write_croissant(tmp_path, described, rows)
    first = path.read_bytes(), table.read_bytes()
    write_croissant(tmp_path, described, rows)
    assert (path.read_bytes(), table.read_bytes()) == first  # no date, no random number
    table.write_text(table.read_text().replace("angry", "happy"))
    with pytest.raises(Exception, match=r"Download\(savee\.clips\.csv\)"):
        list(mlcroissant.Dataset(jsonld=path).records("clips"))


def test_own_clips_are_described_with_their_folds(tmp_path: Path, capsys: Any) -> None:
    manifest = tmp_path / "mine.csv"
    rows = [("path", "emotion", "speaker")]
    for i, (speaker, emotion) in enumerate(
        (speaker, emotion) for speaker in ("anna", "bela", "cora") for emotion in ("calm", "tired")
    ):
        tone(tmp_path / f"clips/{speaker} {emotion}.wav", 200 + 20 * i)
        rows.append((f"clips/{speaker} {emotion}.wav", emotion, speaker))
    with manifest.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    out = tmp_path / "described"
    options = ["audit", "--corpus", str(manifest), "--croissant", str(out)]
    assert main(options) == 0
    assert "name no licence" in capsys.readouterr().out
    assert main([*options, "--licence", "CC0-1.0", "--citation", "Me: Mine. 2026."]) == 0
    (path,) = out.glob("*.croissant.json")
    content = json.loads(path.read_text())
    dataset = mlcroissant.Dataset(jsonld=path)
    assert not list(dataset.metadata.ctx.issues.errors)
    assert (content["license"], content["citeAs"]) == ("CC0-1.0", "Me: Mine. 2026.")
    clips = records(dataset, "clips")
    assert len(clips) == 6
    assert "split" not in clips[0]
    assert clips[0]["path"] == "clips/anna calm.wav"
    folds = {row["speaker"]: row["fold"] for row in clips}
    assert len(set(folds.values())) == 3
    assert [row["name"] for row in records(dataset, "emotions")] == ["calm", "tired"]


def test_licence_needs_own_clips(folder: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main(["audit", str(folder), "--licence", "MIT"])
    assert "--licence goes with --croissant and --corpus" in capsys.readouterr().err


def test_faults_of_other_corpora_are_left_out() -> None:
    paths = [f"a/{i}.wav" for i in range(12)]
    remarks = measured(paths, 12, ["b/1.wav"], paths, [("a/1.wav", "b/1.wav")])
    assert remarks == ("Clips that are unreadable (12): " + ", ".join(paths[:10]) + " and 2 more.",)


def test_every_corpus_has_a_datasheet() -> None:
    assert list(DATASHEETS) == [corpus.key for corpus in CORPORA]
    assert all(set(RAI[:2]) <= sheet.texts.keys() for sheet in DATASHEETS.values())


@pytest.mark.skipif(DATA is None, reason="the corpora are not on this machine")
def test_corpora_on_this_machine_are_described(tmp_path: Path) -> None:
    assert DATA is not None
    recordings = find_recordings(DATA).recordings
    for corpus in CORPORA:
        own = [recording for recording in recordings if recording.corpus == corpus.key]
        path, _ = write_croissant(tmp_path, of_corpus(corpus.key), clip_rows(own, DATA))
        _, dataset = read(path)
        clips = records(dataset, "clips")
        assert [row["clip"] for row in clips] == [recording.stem for recording in own]
        assert [row["emotion"] for row in clips] == [recording.emotion for recording in own]
        assert [int(row["fold"]) for row in clips] == [speakers_fold(r) for r in own]
        assert all((DATA / row["path"]).is_file() for row in clips[:20])
