"""The option --same-speaker of predict and timeline, and speakers in evaluate --manifest."""

import csv
import io
import json

import numpy as np
import pytest

import emo
from emo.audio.clip import Clip, decode, load
from emo.classifiers.voice import VOICE
from emo.cli.main import main
from emo.formatting import NBSP
from emo.inference.export import VOICE_COLUMNS, columns
from emo.inference.headline import headline
from emo.inference.loading import load_models
from emo.inference.predictor import predict_many
from emo.labels import ENSEMBLE, LABELS
from emo.system.paths import SAMPLES_DIR, sample_path
from tests.support.models import save_with_voice
from tests.support.predictions import rounded
from tests.support.signals import encoded

ANNA = sorted((SAMPLES_DIR / "game").glob("1009_*"))
BERT = sorted((SAMPLES_DIR / "game").glob("03-*-02.opus"))
HEAD = "different clips are stated to be of this speaker"
CODES = ("ANG", "NEU", "DIS", "FEA", "HAP", "SAD", "SAD", "FEA", "HAP", "NEU")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of models that know a voice."""
    return save_with_voice(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def models(folder):
    return load_models(folder)


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "broken.wav"
    path.write_text("no sound")
    return path


def run(capsys, *arguments):
    status = main([str(part) for part in arguments])
    return status, capsys.readouterr()


# --- predict -------------------------------------------------------------------------------------


@pytest.mark.parametrize("among", [LABELS, ("angry", "happy", "sad")])
def test_predict_of_one_speaker_equals_predict_many(folder, models, capsys, among):
    given = ("predict", "--same-speaker", "--format", "json", "--models", folder)
    status, shown = run(capsys, *given, "--among", ",".join(among), *ANNA[:6])
    expected = emo.predict_many(ANNA[:6], models=models, among=among, speakers=["a"] * 6)
    assert status == 0
    for row, path, said in zip(json.loads(shown.out), ANNA, expected, strict=False):
        content = said.to_dict()
        assert row["path"] == str(path)
        assert row["voice"] == content["voice"]
        assert row["voice"]["used"] is True
        assert_close(row["models"], content["models"])


def assert_close(found, expected):
    """Check that answers are equal, and their probabilities to the last digits."""
    assert list(found) == list(expected)
    for key, answer in expected.items():
        assert found[key]["label"] == answer["label"]
        assert found[key]["unsure"] == answer["unsure"]
        assert found[key]["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-9)


@pytest.mark.parametrize(("n", "used"), [(5, True), (4, False)])
def test_predict_does_not_count_an_unreadable_clip(folder, models, broken, capsys, n, used):
    given = ("predict", "--same-speaker", "--format", "json", "--models", folder)
    status, shown = run(capsys, *given, *ANNA[:2], broken, *ANNA[2:n])
    rows = json.loads(shown.out)
    assert status == 1
    assert "error" in rows.pop(2)
    expected = emo.predict_many(ANNA[:n], models=models, speakers=["a"] * n)
    for row, said in zip(rows, expected, strict=True):
        assert row["voice"] == {"clips": n, "used": used, "note": said.voice_note}
        assert_close(row["models"], said.to_dict()["models"])


def test_predict_shows_the_known_voice_first(folder, models, broken, capsys):
    given = ("predict", "--same-speaker", "--models", folder)
    _, shown = run(capsys, *given, *ANNA[:5], broken)
    head, first, *_ = shown.out.splitlines()
    assert head.split()[:4] == ["path", "s", "voice", "tree"]
    (said, *_) = emo.predict_many(ANNA[:5], models=models, speakers=["a"] * 5)
    assert first.split()[2:4] == str(said.answers[VOICE]).split()
    note = shown.out.splitlines()[-1]
    assert note == said.voice_note
    assert note.startswith(f"5 {HEAD}; ")
    _, shown = run(capsys, *given, *ANNA[:4])
    assert shown.out.split()[2] == "tree"
    assert shown.out.splitlines()[-1].startswith(f"4 {HEAD}, and at least 5")


def test_predict_writes_the_known_voice_as_csv(folder, models, broken, capsys):
    given = ("predict", "--format", "csv", "--models", folder)
    _, shown = run(capsys, *given, "--same-speaker", *ANNA[:5], broken)
    rows = list(csv.DictReader(io.StringIO(shown.out)))
    assert list(rows[0]) == [*columns(), *VOICE_COLUMNS]
    expected = emo.predict_many(ANNA[:5], models=models, speakers=["a"] * 5)
    voice = [row for row in rows if row["model"] == VOICE]
    for row, said in zip(voice, expected, strict=True):
        assert row["label"] == said.answers[VOICE].label
        assert float(row["confidence"]) == pytest.approx(said.served.confidence, abs=1e-6)
        assert (row["voice_clips"], row["voice_note"]) == ("5", said.voice_note)
    assert rows[-1]["voice_note"] == ""
    _, shown = run(capsys, *given, ANNA[0])
    assert list(next(csv.DictReader(io.StringIO(shown.out)))) == list(columns())


def test_predict_of_one_speaker_needs_one_channel(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["predict", "--same-speaker", "--channel", "each", "a.wav"])
    assert ended.value.code == 2
    assert "--same-speaker goes without --channel each" in capsys.readouterr().err


def test_predict_says_why_no_voice_is_known(tmp_path, capsys):
    lacking = save_with_voice(tmp_path / "models")
    (lacking / VOICE).unlink()
    status, shown = run(capsys, "predict", "--same-speaker", "--models", lacking, *ANNA[:5])
    assert status == 0
    assert "emo: plain answers are kept: There is no model in" in shown.err
    assert shown.out.splitlines()[-1].startswith("There is no model for a known voice")


def test_predict_of_a_folder_names_the_command_for_it(tmp_path, capsys):
    _, shown = run(capsys, "predict", "--same-speaker", tmp_path)
    assert f"emo batch {tmp_path} --out answers.csv --speaker-from folder" in shown.out


# --- timeline ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Return a recording of one speaker with more than five windows."""
    samples = np.concatenate([load(path).samples for path in ANNA[:4]])
    path = tmp_path_factory.mktemp("clips") / "long.wav"
    path.write_bytes(encoded(samples, subtype="FLOAT"))
    return path


def windows_of(clip: Clip, timeline: emo.Timeline) -> list[Clip]:
    """Return the windows of a timeline as clips of their own."""
    return [
        decode(encoded(clip.samples[round(start * 16_000) : round(stop * 16_000)], subtype="FLOAT"))
        for start, stop in timeline.windows_s
    ]


def test_timeline_of_one_speaker_answers_as_for_clips_of_one_speaker(models, long):
    clip = load(long)
    plain = emo.timeline(clip, models=models)
    found = emo.timeline(clip, models=models, same_speaker=True)
    assert found.total >= 5
    assert found.voice_clips == found.total
    assert found.voice_note.startswith(f"{found.total} different windows are stated to be of")
    expected = emo.predict_many(
        windows_of(clip, found), models=models, speakers=["a"] * found.total
    )
    shares = np.stack([said.answers[VOICE].probabilities for said in expected])
    # Levels differ a little, and the encoder rounds its numbers to 8 bits.
    np.testing.assert_allclose(found.probabilities[VOICE], shares, atol=0.05)
    assert [row[VOICE].label for row in found.answers()] == [s.served.label for s in expected]
    for key in plain.probabilities:
        np.testing.assert_array_equal(found.probabilities[key], plain.probabilities[key])
    assert VOICE not in plain.probabilities
    assert "voice" not in plain.to_dict()
    assert found.to_dict()["voice"] == {
        "clips": found.total, "used": True, "note": found.voice_note,
    }  # fmt: skip
    assert list(map(str, found.cues())) == list(map(str, found.cues(VOICE)))
    assert list(map(str, plain.cues())) == list(map(str, plain.cues(ENSEMBLE)))


def test_timeline_of_one_speaker_among_some_labels(models, long):
    some = ("angry", "happy", "sad")
    found = emo.timeline(long, models=models, among=some, same_speaker=True)
    shares = found.probabilities[VOICE]
    assert not shares[:, [LABELS.index(label) for label in LABELS if label not in some]].any()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)


@pytest.mark.parametrize("samples", [load(ANNA[0]).samples, np.zeros(0)])
def test_timeline_of_few_windows_keeps_the_plain_answers(models, samples):
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000)
    clip = decode(encoded(samples if len(samples) else noise))
    found = emo.timeline(clip, models=models, same_speaker=True)
    assert found.total < 5
    assert found.probabilities.keys() == emo.timeline(clip, models=models).probabilities.keys()
    assert "at least 5 different windows are needed" in found.voice_note
    assert found.to_dict()["voice"]["used"] is False


def test_timeline_command_shows_the_known_voice_first(folder, models, long, capsys, tmp_path):
    given = ("timeline", "--same-speaker", "--models", folder, long)
    status, shown = run(capsys, *given)
    found = emo.timeline(long, models=models, same_speaker=True)
    _, note, said, head, first, *_ = shown.out.splitlines()
    assert status == 0
    assert note == found.voice_note
    assert said == f"{headline(found).text.replace(NBSP, ' ')}."
    assert head.split()[:3] == ["from", "to", VOICE]
    assert first.split()[2:4] == str(found.answers()[0][VOICE]).split()
    _, shown = run(capsys, *given, "--format", "json")
    assert rounded(json.loads(shown.out)) == rounded({"path": str(long)} | found.to_dict())
    _, shown = run(capsys, *given, "--format", "csv")
    rows = [r for r in csv.DictReader(io.StringIO(shown.out)) if r["model"] == VOICE]
    assert [row["label"] for row in rows] == [row[VOICE].label for row in found.answers()]
    assert f"emo: {found.voice_note}" in shown.err
    _, shown = run(capsys, *given, "--format", "srt")
    labels = [line for line in shown.out.splitlines() if line[:1].isalpha()]
    assert len(labels) == len(found.cues(VOICE))
    for label, cue in zip(labels, found.cues(VOICE), strict=True):
        assert cue.answer.label in label


# --- evaluate ------------------------------------------------------------------------------------


def test_evaluate_scores_the_answers_with_the_voice_known(folder, models, tmp_path, capsys):
    lines = [f"{path},{code},anna" for path, code in zip(ANNA, CODES, strict=True)]
    lines += [f"{sample_path('sad')},sad,", f"{sample_path('happy')},happy,lone"]
    manifest, report = tmp_path / "clips.csv", tmp_path / "report.json"
    manifest.write_text("\n".join(["path,emotion,speaker", *lines]))
    status, shown = run(
        capsys, "evaluate", "--manifest", manifest, "--models", folder, "--json", report
    )
    figures = json.loads(report.read_text())
    assert status == 0
    known = emo.predict_many(ANNA, models=models, speakers=["anna"] * 10)
    others = predict_many([load(sample_path(name)) for name in ("sad", "happy")], models)
    truth = ["angry", "neutral", "disgusted", "fearful", "happy", "sad", "sad", "fearful"]
    truth += ["happy", "neutral", "sad", "happy"]
    answers = [said.answers[VOICE].label for said in known] + [o.ensemble.label for o in others]
    right = sum(a == b for a, b in zip(answers, truth, strict=True))
    assert figures["models"][VOICE]["accuracy"] == pytest.approx(right / 12)
    assert figures["voices"] == {"speakers": 2, "clips": 11, "known": 10}
    assert "11 clips are stated to be of 2 speakers; the voice was known for 10" in shown.out
    manifest.write_text("\n".join(["path,emotion", f"{ANNA[0]},ANG"]))
    run(capsys, "evaluate", "--manifest", manifest, "--models", folder, "--json", report)
    figures = json.loads(report.read_text())
    assert VOICE not in figures["models"]
    assert "voices" not in figures
