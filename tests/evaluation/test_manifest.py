"""Test the evaluation of manifests: each row is scored, or left out with a reason."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.audio.clip import load
from emo.classifiers.storage import ModelInfo
from emo.cli.main import main
from emo.corpora.spellings import SPELLINGS
from emo.errors import CorpusError
from emo.evaluation import manifest
from emo.evaluation.manifest import (
    evaluate_manifest,
    not_used,
    read_manifest,
    read_spellings,
    remarks,
)
from emo.inference.loading import load_models
from emo.inference.predictor import predict
from emo.labels import LABELS
from tests.support.signals import encoded, silence, voice

ROWS = [("a.wav", "angry"), ("b.wav", "happy"), ("c.wav", "sad")]


def write(folder, text, name="list.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding, "surrogateescape"))
    return path


def table(*rows, header=("path", "emotion"), delimiter=",", end="\n"):
    return end.join(delimiter.join(row) for row in [header, *rows]) + end


def pairs(path, **more):
    found = read_manifest(path, **more)
    assert found.left_out == ()
    return [(row.path.relative_to(path.parent).as_posix(), row.emotion) for row in found.listed]


@pytest.fixture(scope="module")
def models():
    return load_models()


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Return a folder with four clips of speech, one in two formats, and a silent one."""
    folder = tmp_path_factory.mktemp("clips")
    for i, name in enumerate("abcd"):
        samples = (voice(100.0 + 40 * i, duration_s=0.6, seed=i) * 2**15).astype(np.int16)
        (folder / f"{name}.wav").write_bytes(encoded(samples))
        if name == "a":
            (folder / "a.flac").write_bytes(encoded(samples, container="FLAC"))
    (folder / "silent.wav").write_bytes(encoded(silence(1.0)))
    return folder


# --- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_read_manifest_reads_what_spreadsheets_write(tmp_path, delimiter, encoding, end):
    path = write(tmp_path, table(*ROWS, delimiter=delimiter, end=end), encoding=encoding)
    assert pairs(path) == ROWS


@pytest.mark.parametrize(
    "header",
    [
        ("path", "emotion"),
        ("Path", "Emotion"),
        ("FILE", "LABEL"),
        (" filename ", " label "),
        ("File Name", "Emotion Label"),
        ("file_path", "Class"),
        ('"path"', '"emotion"'),
    ],
)
def test_read_manifest_knows_the_columns_in_any_case_and_order(tmp_path, header):
    assert pairs(write(tmp_path, table(*ROWS, header=header))) == ROWS
    turned = [(label, "me", name) for name, label in ROWS]
    assert pairs(write(tmp_path, table(*turned, header=(header[1], "speaker", header[0])))) == ROWS


def test_read_manifest_takes_the_separator_that_excel_names(tmp_path):
    assert pairs(write(tmp_path, "sep=;\n" + table(*ROWS, delimiter=";"))) == ROWS
    path = write(
        tmp_path, "sep=;\n" + table(("a.wav", "angry"), ("b.wav", "grumpy"), delimiter=";")
    )
    assert [row.line for row in read_manifest(path).left_out] == [4]


def test_read_manifest_reads_quotes_and_the_paths_of_windows(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a, b.wav").touch()
    path = write(tmp_path, 'path,emotion\n"sub\\a, b.wav","angry"\n')
    assert pairs(path) == [("sub/a, b.wav", "angry")]


@pytest.mark.parametrize(
    ("label", "emotion"),
    [
        ("Angry", "angry"),
        (" HAPPY ", "happy"),
        ("anger", "angry"),
        ("disgust", "disgusted"),
        ("fear", "fearful"),
        ("happiness", "happy"),
        ("sadness", "sad"),
        ("ps", "surprised"),
        ("pleasant surprise", "surprised"),
        ("Pleasant_Surprise", "surprised"),
        ("pleasant-surprised", "surprised"),
        ("surprise", "surprised"),
        ("ANG", "angry"),
        ("DIS", "disgusted"),
        ("FEA", "fearful"),
        ("HAP", "happy"),
        ("NEU", "neutral"),
        ("SAD", "sad"),
    ],
)
def test_read_manifest_understands_labels_as_the_corpora_spell_them(tmp_path, label, emotion):
    assert pairs(write(tmp_path, table(("a.wav", label)))) == [("a.wav", emotion)]


@pytest.mark.parametrize(
    ("name", "code", "emotion"),
    [
        ("03-01-05-01-02-01-12.wav", "05", "angry"),
        ("03-02-08-01-02-01-12.flac", "08", "surprised"),
        ("DC_sa01.wav", "sa", "sad"),
        ("JK/a01.wav", "a", "angry"),
        ("YAF_back_ps.wav", "ps", "surprised"),
        ("1001_DFA_DIS_XX.mp3", "DIS", "disgusted"),
    ],
)
def test_read_manifest_understands_a_code_beside_a_clip_of_its_corpus(
    tmp_path, name, code, emotion
):
    assert pairs(write(tmp_path, table((name, code)))) == [(name, emotion)]


@pytest.mark.parametrize("label", ["05", "a", "F", "3", "n"])
def test_read_manifest_does_not_guess_what_a_code_means_elsewhere(tmp_path, label):
    """``F`` is fear in SAVEE and happiness in EmoDB, and 3 anything."""
    found = read_manifest(write(tmp_path, table(("mine.wav", label))))
    assert found.listed == ()
    assert "is not known" in found.left_out[0].reason


@given(st.sampled_from(LABELS), st.data())
def test_every_spelling_of_a_label_means_it_in_any_case(label, data):
    spelling = "".join(data.draw(st.sampled_from((c.upper(), c))) for c in label)
    assert manifest._understand(f"\t{spelling} ", Path("a.wav"), {}, LABELS) == (label, "")
    assert SPELLINGS[label] == label


def test_read_manifest_leaves_out_what_it_cannot_use_and_says_why(tmp_path):
    text = (
        "path,emotion\na.wav,angry\n\nb.wav,calm\nc.wav,grumpy\n,sad\nd.wav\ne.wav,\nf,g.wav,sad\n"
        "03-01-02-01-02-01-12.wav,02\nh.wav,happy\n"
    )
    found = read_manifest(write(tmp_path, text))
    assert [(row.path.name, row.line) for row in found.listed] == [("a.wav", 2), ("h.wav", 11)]
    reasons = {row.line: row.reason for row in found.left_out}
    assert reasons[4] == reasons[10] == "the label 'calm', which cannot be predicted"
    assert reasons[5].startswith("the label 'grumpy', which is not known")
    assert reasons[6] == "no path"
    assert reasons[7] == reasons[8] == "no label"
    assert reasons[9].startswith("more cells than columns")
    assert len(reasons) == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rows"),
        ("path,emotion\n", "no rows"),
        ("a.wav,sad\nb.wav,sad\n", "no rows with the columns path and emotion"),
        ("path,emotion\n" + "x" * 70_000, "not a list"),
    ],
)
def test_a_manifest_that_is_none_is_refused_in_words(tmp_path, text, words):
    with pytest.raises(CorpusError, match=words):
        read_manifest(write(tmp_path, text))


def test_a_missing_manifest_is_refused_in_words(tmp_path):
    with pytest.raises(CorpusError, match="cannot be read"):
        read_manifest(tmp_path / "gone.csv")


# --- labels of one's own -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "own,emo\nWut,angry\nFreude , HAPPY\nlangweilig,\n",
        "emo;own\nangry;Wut\nhappy;Freude\n;langweilig\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_read_spellings_takes_either_order(tmp_path, text, encoding):
    spellings = read_spellings(write(tmp_path, text, "map.csv", encoding))
    path = write(tmp_path, table(("a.wav", "wut"), ("b.wav", "Freude"), ("c.wav", "langweilig")))
    found = read_manifest(path, spellings)
    assert [row.emotion for row in found.listed] == ["angry", "happy"]
    assert found.left_out[0].reason == "the label 'langweilig', which --labels leaves out"


def test_read_spellings_needs_no_header_and_goes_before_our_own(tmp_path):
    spellings = read_spellings(write(tmp_path, "calm\tneutral\nfear\tsurprised\n", "map.csv"))
    path = write(tmp_path, table(("a.wav", "Calm"), ("b.wav", "fear"), ("c.wav", "sad")))
    assert [emotion for _, emotion in pairs(path, spellings=spellings)] == [
        "neutral",
        "surprised",
        "sad",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("own,emo\n", "is empty"),
        ("own,emo\nWut,wütend\n", "Line 2 .* gives 'Wut' the meaning 'wütend'. The emotions are"),
        ("own,emo\nWut\n", "Line 2 .* must hold two labels"),
        ("own,emo\n,angry\n", "Line 2 .* must hold two labels"),
        ("own,emo\nWut,angry\nwut,sad\n", "Line 3 .* gives 'wut' a second meaning"),
    ],
)
def test_read_spellings_refuses_what_is_no_map(tmp_path, text, words):
    with pytest.raises(CorpusError, match=words):
        read_spellings(write(tmp_path, text, "map.csv"))


# --- scoring -------------------------------------------------------------------------------------


def scored(folder, models, *rows, header=("path", "emotion")):
    return evaluate_manifest(read_manifest(write(folder, table(*rows, header=header))), models)


def test_evaluate_manifest_scores_by_hand(clips, models):
    rows = [("a.wav", "sad"), ("b.wav", "angry"), ("c.wav", "sad"), ("silent.wav", "sad")]
    found = scored(clips, models, *rows, ("gone.wav", "sad"), ("d.wav", "calm"))
    assert (found["rows"], found["n"]) == (6, 3)
    assert [row["path"].rsplit("/")[-1] for row in found["errors"]] == ["silent.wav", "gone.wav"]
    assert [(row["line"], row["path"]) for row in found["left_out"]] == [(7, str(clips / "d.wav"))]
    answers = [predict(load(clips / name), models).answers for name, _ in rows[:3]]
    for key, block in found["models"].items():
        labels = [answer[key].probabilities.argmax() for answer in answers]
        expected = np.zeros((7, 7), int)
        for true, label in zip((5, 0, 5), labels, strict=True):
            expected[true, label] += 1
        assert block["confusion"] == expected.tolist()
        assert block["accuracy"] == pytest.approx(expected.trace() / 3)
        recalls = [expected[0, 0] / 1, expected[5, 5] / 2]
        assert block["uar"] == pytest.approx(np.mean(recalls))


def test_evaluate_manifest_counts_a_sound_once(clips, models):
    once = scored(clips, models, ("a.wav", "sad"), ("b.wav", "happy"))
    more = [("a.wav", "Sad"), ("a.flac", "sadness"), ("./a.wav", "sad")]
    found = scored(clips, models, ("a.wav", "sad"), ("b.wav", "happy"), *more)
    assert found["models"] == once["models"]
    assert [(row["line"], row["of"]) for row in found["repeats"]] == [(4, 2), (5, 2), (6, 2)]
    assert "3 rows repeat the sound of an earlier row; each sound was scored once." in remarks(
        found
    )


def test_evaluate_manifest_refuses_a_sound_under_two_labels(clips, models):
    once = scored(clips, models, ("b.wav", "happy"))
    found = scored(clips, models, ("a.wav", "sad"), ("b.wav", "happy"), ("a.flac", "angry"))
    assert found["models"] == once["models"]
    assert [row["line"] for row in found["left_out"]] == [2, 4]
    assert (
        "one sound under two labels: sad (line 2), angry (line 4)" in found["left_out"][0]["reason"]
    )
    assert "2 of 3 rows were left out: 2 × one sound under two labels." in remarks(found)


def test_evaluate_manifest_says_which_scored_clips_have_warnings(models, tmp_path):
    narrow = encoded(voice((220.0, 120.0), 1.5, 8000), 8000)
    (tmp_path / "narrow.wav").write_bytes(narrow)
    found = scored(tmp_path, models, ("narrow.wav", "sad"))
    assert "Of the 1 that were scored, 1 has warnings" in remarks(found)[0]
    rows = {(Path(path).name, outcome) for path, outcome, _ in not_used(found)}
    assert rows == {("narrow.wav", "scored, with a warning")}


def test_evaluate_manifest_names_clips_that_were_trained_on(clips, models, tmp_path):
    names = ["1001_DFA_ANG_XX.wav", "03-01-05-01-02-01-12.wav", "mine.wav"]
    for source, name in zip("abc", names, strict=True):
        shutil.copy(clips / f"{source}.wav", tmp_path / name)
    found = scored(tmp_path, models, *((name, "angry") for name in names))
    assert found["named_as_training"] == {"cremad": 1, "ravdess": 1}
    (sentence,) = remarks(found)
    assert sentence.startswith(
        "2 of 3 have the names of clips that these models were trained on "
        "(CREMA-D: 1, RAVDESS speech: 1)"
    )
    assert remarks(scored(clips, models, ("a.wav", "sad"))) == []
    without = {
        key: replace(model, info=held_out_of(model.info, "cremad-1001"))
        for key, model in models.classifiers.items()
    }
    found = scored(tmp_path, replace(models, classifiers=without), *((x, "angry") for x in names))
    assert found["named_as_training"] == {"ravdess": 1}


def held_out_of(info: ModelInfo, speaker: str) -> ModelInfo:
    """Return a ``model.json`` that says that a speaker was held out."""
    trained_on = {**info["trained_on"], "held_out": {"clips": 1, "speakers": [speaker]}}
    return {**info, "trained_on": trained_on}  # type: ignore[typeddict-item]


def test_a_manifest_without_one_usable_file_is_refused(tmp_path, models):
    with pytest.raises(CorpusError, match=r"None of the 1 listed files .* no file at this path"):
        scored(tmp_path, models, ("gone.wav", "sad"))
    with pytest.raises(
        CorpusError, match=r"None of the 1 listed files .* line 2: the label 'calm'"
    ):
        scored(tmp_path, models, ("gone.wav", "calm"))


# --- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["left.csv", "left.jsonl"])
def test_the_command_reports_what_it_did_not_score(clips, tmp_path, capsys, name):
    rows = [("a.wav", "angry"), ("b.wav", "calm"), ("gone.wav", "sad"), ("a.flac", "angry")]
    path, report = write(clips, table(*rows)), tmp_path / name
    arguments = ["evaluate", "--manifest", str(path), "--report", str(report)]
    assert main(arguments) == 1
    if name.endswith("csv"):
        with report.open(newline="") as file:
            lines = list(csv.DictReader(file))
    else:
        lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(row["path"].rsplit("/")[-1], row["outcome"]) for row in lines] == [
        ("gone.wav", "not read"),
        ("b.wav", "left out"),
        ("a.flac", "repeat"),
    ]
    out = capsys.readouterr().out
    assert "1 of 4 rows were left out: 1 × the label 'calm'" in out
    assert "1 row repeats the sound of an earlier row" in out


@pytest.mark.parametrize(
    ("text", "status"), [("calm,\n", 0), ("calm,neutral\n", 0), ("x,sad\n", 1)]
)
def test_the_command_ends_with_one_where_a_row_was_left_out_that_nobody_left_out(
    clips, tmp_path, text, status
):
    path = write(clips, table(("a.wav", "angry"), ("b.wav", "calm")))
    labels = write(tmp_path, text, "map.csv")
    assert main(["evaluate", "--manifest", str(path), "--labels", str(labels)]) == status


def test_the_command_does_not_write_its_report_over_the_manifest(clips, capsys):
    path = write(clips, table(*ROWS))
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--manifest", str(path), "--report", str(path)])
    assert ended.value.code == 2
    assert path.read_text() == table(*ROWS)


# --- emotions that can occur ---------------------------------------------------------------------


def test_read_manifest_takes_the_emotions_that_can_occur_from_a_column(tmp_path):
    rows = [
        ("a.wav", "angry", "anger; sad"),
        ("b.wav", "happy", ""),
        ("c.wav", "sad", "angry+happy"),
        ("d.wav", "sad", "sad bored"),
    ]
    path = write(tmp_path, table(*rows, header=("path", "emotion", "Among")))
    found = read_manifest(path, among=("happy", "sad"))
    assert [row.among for row in found.listed] == [("angry", "sad"), ("happy", "sad")]
    assert [(row.reason, row.detail) for row in found.left_out] == [
        ("a label that cannot occur", "sad, not among angry and happy"),
        (
            "unusable emotions in 'among'",
            "'bored' is none of the emotions that can be chosen among. They are angry, disgusted, "
            "fearful, happy, neutral, sad and surprised.",
        ),
    ]


def test_evaluate_manifest_answers_each_row_among_its_emotions(clips, models):
    rows = [("a.wav", "angry", "angry sad"), ("b.wav", "happy", "happy sad")]
    path = write(clips, table(*rows, header=("path", "emotion", "among")), "among.csv")
    found = evaluate_manifest(read_manifest(path), models)
    assert found["among"] == {"angry sad": 1, "happy sad": 1}
    assert "1 were answered among angry and sad." in remarks(found)
    for key in ("tree", "ensemble"):
        hits = [
            predict(load(clips / name), models, tuple(among.split())).answers[key].label == emotion
            for name, emotion, among in rows
        ]
        assert found["models"][key]["accuracy"] == sum(hits) / 2
        confusion = np.array(found["models"][key]["confusion"])
        assert confusion[:, [LABELS.index("neutral"), LABELS.index("fearful")]].sum() == 0


def test_evaluate_manifest_with_the_option_among(clips, capsys):
    path = write(clips, table(("a.wav", "angry"), ("b.wav", "fearful")), "option.csv")
    assert main(["evaluate", "--manifest", str(path), "--among", "angry,sad"]) == 1
    out = capsys.readouterr().out
    assert "1 × a label that cannot occur" in out
    assert "1 were answered among angry and sad." in out
