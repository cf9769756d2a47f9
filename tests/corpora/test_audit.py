import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emo.audio.clip import RATE_HZ
from emo.corpora.audit import audit, format_audit
from emo.corpora.catalogue import default_directory, find_recordings
from emo.errors import CorpusError

DATA = default_directory()
with_corpora = pytest.mark.skipif(DATA is None, reason="the corpora are not on this machine")


def tone(path: Path, pitch_hz: float, peak: int = 8_000) -> None:
    """One second; the same pitch and peak is the same audio."""
    time_s = np.arange(RATE_HZ) / RATE_HZ
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.round(peak * np.sin(2 * np.pi * pitch_hz * time_s)).astype(np.int16)
    soundfile.write(path, samples, RATE_HZ)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tone(tmp_path / "AudioWAV/1001_DFA_ANG_XX.wav", 300)
    tone(tmp_path / "AudioWAV/1001_DFA_SAD_XX.wav", 300)
    tone(tmp_path / "AudioWAV/1002_DFA_SAD_XX.wav", 400)
    tone(tmp_path / "AudioWAV/1003_DFA_SAD_XX.flac", 400)
    tone(tmp_path / "AudioWAV/1004_DFA_NEU_XX.wav", 500, peak=0)
    (tmp_path / "AudioWAV/1005_DFA_NEU_XX.wav").write_bytes(b"no sound in here")
    tone(tmp_path / "Actor_09/03-01-02-01-01-01-09.wav", 600)
    tone(tmp_path / "Actor_09/03-02-03-01-01-01-09.wav", 601)
    tone(tmp_path / "holiday.wav", 700)
    return tmp_path


def test_clips_are_counted_by_corpus_emotion_and_speaker(folder: Path) -> None:
    found = audit(folder)
    cremad, speech, song, tess, savee = found.corpora
    assert (cremad.title, cremad.n, cremad.n_expected) == ("CREMA-D", 6, 7442)
    assert cremad.emotions["sad"] == 3
    assert cremad.emotions["neutral"] == 2
    assert cremad.speakers["cremad-1001"] == 2
    assert len(cremad.speakers) == 5
    assert cremad.duration_s == 4  # the silent one and the broken one cannot be timed
    assert speech.emotions["calm"] == 1
    assert speech.speakers == song.speakers == {"ravdess-09": 1}
    assert tess.n == savee.n == 0


def test_audit_lists_every_fault(folder: Path) -> None:
    found = audit(folder)
    assert found.silent == ("AudioWAV/1004_DFA_NEU_XX.wav",)
    (broken,) = found.unreadable
    assert broken.path == "AudioWAV/1005_DFA_NEU_XX.wav"
    assert broken.reason
    (two,) = found.same_audio_two_labels
    assert two.paths == ("AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1001_DFA_SAD_XX.wav")
    assert two.emotions == ("angry", "sad")
    (one,) = found.same_audio_one_label  # across formats
    assert one.paths == ("AudioWAV/1002_DFA_SAD_XX.wav", "AudioWAV/1003_DFA_SAD_XX.flac")
    (other,) = found.skipped
    assert other.path == "holiday.wav"
    assert "its emotion is not known" in other.reason


def test_audit_reports_progress_for_every_clip(folder: Path) -> None:
    calls: list[tuple[int, int]] = []
    audit(folder, lambda done, total: calls.append((done, total)))
    assert calls == [(done, 8) for done in range(1, 9)]


def test_format_audit_names_every_file(folder: Path) -> None:
    text = format_audit(audit(folder))
    assert f"{folder}: 8 of 13,174 clips" in text
    lines = text.splitlines()
    header = next(line for line in lines if line.startswith("corpus"))
    cremad = next(line for line in lines if line.startswith("CREMA-D"))
    total = next(line for line in lines if line.startswith("all"))
    assert header.split()[:4] == ["corpus", "clips", "of", "speakers"]
    assert cremad.split() == ["CREMA-D", "6", "7,442", "5", *"10002300"]
    assert len(header) == len(cremad) == len(total)
    assert total.split()[3] == "6"  # actor 09 of RAVDESS speaks and sings
    assert "TESS: 2,800 clips are missing; the official download is https://doi.org/" in text
    assert "CREMA-D, 2 each: 1001" in text
    assert "Silent clips: 1\n  AudioWAV/1004_DFA_NEU_XX.wav" in text
    assert "AudioWAV/1001_DFA_ANG_XX.wav (angry) = AudioWAV/1001_DFA_SAD_XX.wav (sad)" in text
    assert "Files not taken: 1\n  holiday.wav: its name follows the pattern of no corpus" in text


def test_format_audit_of_a_clean_folder_lists_no_faults(tmp_path: Path) -> None:
    tone(tmp_path / "DC/a01.wav", 300)
    text = format_audit(audit(tmp_path))
    for fault in (
        "Silent clips",
        "Clips that cannot be read",
        "The same audio under two labels",
        "The same audio twice under one label",
        "Files not taken",
    ):
        assert f"{fault}: none" in text


def test_audit_survives_json(folder: Path) -> None:
    found = audit(folder).to_dict()
    again = json.loads(json.dumps(found))
    assert again["silent"] == ["AudioWAV/1004_DFA_NEU_XX.wav"]
    assert again["corpora"][0]["n"] == 6
    assert again["same_audio_two_labels"][0]["emotions"] == ["angry", "sad"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is empty"):
        audit(tmp_path)


@with_corpora
@pytest.mark.slow
def test_audit_lists_the_known_faults_of_the_real_corpora(tmp_path: Path) -> None:
    assert DATA is not None
    faulty = (
        "1006_TIE_HAP_XX 1006_TIE_NEU_XX 1013_WSI_DIS_XX 1013_WSI_SAD_XX 1017_IWW_ANG_XX "
        "1017_IWW_FEA_XX 1076_MTI_SAD_XX 03-01-03-01-02-01-07 03-01-03-01-02-02-07"
    )
    sound = "1001_DFA_ANG_XX OAF_back_angry DC_a01 03-02-03-01-01-01-01"
    for recording in find_recordings(DATA).recordings:
        if recording.stem in f"{faulty} {sound}".split():
            (tmp_path / recording.path.name).symlink_to(recording.path.resolve())
    found = audit(tmp_path)
    assert sum(row.n for row in found.corpora) == 13
    assert [Path(path).stem for path in found.silent] == ["1076_MTI_SAD_XX"]
    assert found.unreadable == ()
    two = [[Path(path).stem for path in group.paths] for group in found.same_audio_two_labels]
    assert two == [
        ["1006_TIE_HAP_XX", "1006_TIE_NEU_XX"],
        ["1013_WSI_DIS_XX", "1013_WSI_SAD_XX"],
        ["1017_IWW_ANG_XX", "1017_IWW_FEA_XX"],
    ]
    one = [[Path(path).stem for path in group.paths] for group in found.same_audio_one_label]
    assert one == [["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]]
