"""Check and score the predictions of guests, and the folders that hold them."""

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.protocols import PROTOCOLS
from emo.errors import CorpusError, ModelError
from emo.evaluation.guests import folders, leaderboard
from emo.evaluation.guests.figures import guest_figures
from emo.evaluation.guests.folders import Guest, guest_faults, read_guest, save_guest
from emo.evaluation.guests.report import report
from emo.evaluation.guests.table import read_guest_predictions
from emo.evaluation.guests.training_list import check_training_list, compact_list
from emo.evaluation.predictions import predictions_file, read_predictions, write_predictions
from emo.evaluation.stored import read_json, read_metrics
from emo.labels import CALM, ENSEMBLE, LABELS, TRAINED_LABELS
from emo.system.paths import MODELS_DIR
from tests.support import predictions as made

FIRST = next(iter(CLASSIFIERS))
COLUMNS = ["clip", "corpus", "speaker", "fold", "emotion", *(f"p_{x}" for x in TRAINED_LABELS)]
TEXTS = {
    "name": "A guest (2026)",
    "description": "It guesses.",
    "trained_on": "nothing",
    "citation": "Nobody: *Nothing*",
    "licence": "CC0-1.0",
}


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of models with the stored predictions of one classifier, and no figures."""
    models = tmp_path_factory.mktemp("lists")
    for protocol in ("speakers", "cross-corpus", "random"):
        tested = made.rows(protocol)
        table = made.as_predictions(tested, made.guesses(tested, 1.0, 3))
        write_predictions(predictions_file(models, FIRST, protocol), table)
    return models


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of models measured under ``speakers``."""
    models = tmp_path_factory.mktemp("measured")
    made.write_protocol(models, "speakers")
    return models


def cells(protocol: str = "speakers", seed: int = 8) -> list[dict[str, str]]:
    """Return the rows of a table of a guest."""
    tested = made.rows(protocol)
    shares = made.guesses(tested, 1.0, seed)
    return [
        dict(zip(COLUMNS, [*map(str, row), *(f"{p:.6f}" for p in own)], strict=True))
        for row, own in zip(tested, shares.tolist(), strict=True)
    ]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


# --- The table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["speakers", "cross-corpus", "random"])
def test_table_is_read_in_any_order_and_its_protocol_found(
    lists: Path, tmp_path: Path, protocol: str
) -> None:
    rows = cells(protocol)
    given = [
        {name: text for name, text in row.items() if name not in ("corpus", "speaker", "emotion")}
        for row in reversed(rows)
    ]
    path = write(tmp_path / "mine.csv", given)
    packed = tmp_path / "mine.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for file in (path, packed):
        found, table = read_guest_predictions(file, lists)
        assert found == protocol
        stored = read_predictions(predictions_file(lists, FIRST, protocol))
        assert table.clips.tolist() == stored.clips.tolist()
        assert table.emotions.tolist() == stored.emotions.tolist()
        assert table.speakers.tolist() == stored.speakers.tolist()
        expected = {row["clip"]: [float(row[f"p_{x}"]) for x in TRAINED_LABELS] for row in rows}
        assert table.probabilities.tolist() == [expected[clip] for clip in table.clips.tolist()]


def test_clips_acted_calm_may_be_missing_all_together(lists: Path, tmp_path: Path) -> None:
    rows = [row for row in cells() if row["emotion"] != CALM]
    for row in rows:
        seven = sum(float(row[f"p_{x}"]) for x in LABELS)
        row |= {f"p_{x}": f"{float(row[f'p_{x}']) / seven:.6f}" for x in LABELS}
        del row["p_calm"]
    _, table = read_guest_predictions(write(tmp_path / "mine.csv", rows), lists)
    assert set(table.emotions.tolist()) == set(LABELS)
    assert (table.probabilities[:, -1] == 0).all()
    some = [*rows, {**cells()[0], **next(row for row in cells() if row["emotion"] == CALM)}]
    del some[-1]["p_calm"]
    path = write(tmp_path / "some.csv", [dict(row, p_calm="0") for row in some])
    with pytest.raises(CorpusError, match="missing, such as ravdess-01-calm-1"):
        read_guest_predictions(path, lists, "speakers")


def change(rows: list[dict[str, str]], **values: str) -> list[dict[str, str]]:
    """Return the rows with other values in the second one."""
    return [rows[0], {**rows[1], **values}, *rows[2:]]


FAULTS: dict[str, tuple[Callable[[list[dict[str, str]]], Any], str]] = {
    "twice": (lambda rows: [*rows, rows[4]], r"listed 2 times \(line 6, and 1 more\)"),
    "unknown": (lambda rows: change(rows, clip="other"), r"other is no clip .* \(line 3\)"),
    "missing": (lambda rows: rows[:-3], "3 of the .* are missing, such as savee-JK-sad-1"),
    "fold": (lambda rows: change(rows, fold="2"), "tested by fold 1 and not by fold 2"),
    "corpus": (lambda rows: change(rows, corpus="tess"), "The corpus of .* is cremad and not tess"),
    "speaker": (lambda rows: change(rows, speaker="x"), "is cremad-1001 and not x"),
    "emotion": (lambda rows: change(rows, emotion="sad"), "is angry and not sad"),
    "label": (lambda rows: change(rows, emotion="bored"), "'bored' is no label"),
    "NaN": (lambda rows: change(rows, p_sad="nan"), r"no number 0 to 1 \(line 3\)"),
    "text": (lambda rows: change(rows, p_sad="much"), "no number 0 to 1"),
    "negative": (lambda rows: change(rows, p_sad="-0.1"), "no number 0 to 1"),
    "sum": (
        lambda rows: change(rows, **{f"p_{x}": "0.1" for x in TRAINED_LABELS}),
        "add up to 0.8000 and not to 1",
    ),
    "column": (
        lambda rows: [{n: t for n, t in row.items() if n != "p_happy"} for row in rows],
        "lacks the column p_happy",
    ),
    "column of no label": (
        lambda rows: [{**row, "p_bored": "0"} for row in rows],
        "'bored' is none of the labels",
    ),
    "other clips": (
        lambda rows: [{**row, "clip": f"other {row['clip']}"} for row in rows],
        "No clip of .* is tested in its fold",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_table_with_a_fault_is_refused_with_its_place(
    lists: Path, tmp_path: Path, fault: str
) -> None:
    spoil, message = FAULTS[fault]
    path = write(tmp_path / "mine.csv", spoil(cells()))
    with pytest.raises(CorpusError, match=message):
        read_guest_predictions(path, lists)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "No such file"),
        (b"", "has no rows"),
        (b"clip,fold\n", "has no rows"),
        (b"\x1f\x8bbroken", "neither CSV nor gzipped CSV"),
        (b"\xff\xfe\x00", "neither CSV nor gzipped CSV"),
        (b"clip,fold\na,1,2,3\n", "Line 2 of .* has more cells"),
    ],
)
def test_file_that_is_no_table_is_refused(
    lists: Path, tmp_path: Path, data: bytes | None, message: str
) -> None:
    path = tmp_path / "mine.csv"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        read_guest_predictions(path, lists)


def test_protocol_without_stored_predictions_is_refused(lists: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "mine.csv", cells())
    with pytest.raises(CorpusError, match="no stored predictions of protocol emobox"):
        read_guest_predictions(path, lists, "emobox")


# --- The list of what trained it -----------------------------------------------------------------


def training(path: Path, text: str, lists: Path, protocol: str = "speakers") -> int:
    path.write_text(text)
    tested = read_predictions(predictions_file(lists, FIRST, protocol))
    return check_training_list(path, protocol, tested)


@pytest.mark.parametrize(
    ("protocol", "text", "message"),
    [
        ("speakers", "clip,fold\ncremad-1001-sad-0,1\n", "Fold 1 tests the clip cremad-1001-sad-0"),
        ("speakers", "clip\nsome/cremad-1001-sad-0.WAV\n", "Fold 1 tests the clip"),
        ("speakers", "speaker,fold\ncremad-1001,1\n", "the speaker cremad-1001 of line 2"),
        ("speakers", "speaker\ntess-OAF\n", "Fold 1 tests the speaker tess-OAF"),
        ("speakers", "clip,fold\n03-01-05-02-01-01-01,1\n", "the speaker ravdess-01 of line 2"),
        ("cross-corpus", "speaker,fold\ncremad-1002,1\n", "Fold 1 tests the corpus cremad"),
        ("random", "speaker\ncremad-1001\n", "list the clips"),
        ("speakers", "clip,fold\na,one\n", "the fold 'one', which is no number"),
        ("speakers", "clip,speaker\n,\n", "names neither"),
        ("speakers", "path\na\n", "neither the column clip nor the column speaker"),
    ],
)
def test_training_list_that_names_what_is_tested_is_refused(
    lists: Path, tmp_path: Path, protocol: str, text: str, message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        training(tmp_path / "list.csv", text, lists, protocol)


def test_training_list_of_other_folds_and_clips_is_accepted(lists: Path, tmp_path: Path) -> None:
    tested = read_predictions(predictions_file(lists, FIRST, "speakers"))
    pairs = [
        (fold, speaker)
        for fold in range(1, 7)
        for speaker in sorted(set(tested.speakers[tested.folds != fold].tolist()))
    ]
    text = "fold,speaker\n" + "".join(f"{fold},{speaker}\n" for fold, speaker in pairs)
    path = tmp_path / "list.csv"
    assert training(path, text, lists) == len(pairs)
    assert training(tmp_path / "other.csv", "clip\nlibri-1\nlibri-2\n", lists) == 2
    path.write_text("clip,fold\n1001_DFA_ANG_XX.wav,2\n1001_DFA_SAD_XX.wav,2\n")
    assert compact_list(path, "speakers") == "fold,speaker\n2,cremad-1001\n"
    assert compact_list(path, "random").splitlines()[1] == "2,1001_DFA_ANG_XX"


# --- Figures -------------------------------------------------------------------------------------


def test_guest_with_the_answers_of_the_ensemble_has_its_figures(measured: Path) -> None:
    own = predictions_file(measured, ENSEMBLE, "speakers")
    _, table = read_guest_predictions(own, measured)
    counted = guest_figures(measured, "echo", {"speakers": table})["protocols"]
    stored = read_metrics(measured, ENSEMBLE)["protocols"]
    for name in ("n", "confusion", "labels"):
        assert counted["speakers"][name] == stored["speakers"][name]
    for name in ("accuracy", "uar", "macro_f1", "ece"):
        assert counted["speakers"][name] == pytest.approx(stored["speakers"][name], abs=2e-6)  # type: ignore[literal-required]
    for name, interval in stored["speakers"]["intervals"].items():
        assert counted["speakers"]["intervals"][name] == pytest.approx(interval, abs=2e-6)
    for corpus in ("ravdess", "savee"):
        emobox = [block["emobox"]["per_corpus"][corpus] for block in (counted, stored)]
        assert emobox[0]["uar"] == pytest.approx(emobox[1]["uar"], abs=2e-6)
    to_ensemble = next(d for d in counted["speakers"]["differences"] if d["first"] == ENSEMBLE)
    assert to_ensemble["accuracy"] == 0.0
    assert to_ensemble["intervals"]["uar"] == [0.0, 0.0]


def test_emobox_leaves_out_a_corpus_one_of_whose_labels_was_not_tested(measured: Path) -> None:
    own = read_predictions(predictions_file(measured, FIRST, "speakers"))
    part = own.take(own.emotions != CALM)
    counted = guest_figures(measured, "echo", {"speakers": part})["protocols"]
    assert list(counted["emobox"]["per_corpus"]) == ["savee"]


def test_report_subtracts_the_models_from_the_guest(measured: Path, tmp_path: Path) -> None:
    _, table = read_guest_predictions(write(tmp_path / "mine.csv", cells()), measured)
    content = report(measured, "mine", "Mine", "speakers", table, 5)
    scores = {row["name"]: row for row in content["scores"][""]}
    assert next(iter(scores)) == "Mine"
    for row in content["differences"]:
        difference = scores["Mine"]["accuracy"] - scores[row["than"]]["accuracy"]
        assert row["accuracy"] == pytest.approx(difference, abs=2e-6)
        low, high = row["intervals"]["accuracy"]
        assert low <= row["accuracy"] <= high
    assert content["n"] == sum(row["emotion"] != CALM for row in cells())
    assert json.loads(json.dumps(content)) == content


# --- Folders -------------------------------------------------------------------------------------


@pytest.fixture
def saved(measured: Path, tmp_path: Path) -> Iterator[Path]:
    """Return the folder of models with one guest, which is taken away after the test."""
    _, table = read_guest_predictions(write(tmp_path / "mine.csv", cells()), measured)
    guest = Guest(key="a-guest", protocols=("speakers",), **TEXTS)
    training = {"speakers": "fold,speaker\n2,cremad-1001\n"}
    folder = save_guest(measured, guest, {"speakers": table}, training)
    yield measured
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def test_saved_guest_is_read_again_and_has_no_fault(saved: Path) -> None:
    assert folders.list_guests(saved) == ("a-guest",)
    guest = read_guest(saved, "a-guest")
    assert {name: getattr(guest, name) for name in TEXTS} == TEXTS
    assert guest.protocols == ("speakers",)
    assert guest_faults(saved) == ()


def test_guest_changes_no_file_of_the_models(measured: Path, tmp_path: Path) -> None:
    def contents() -> dict[str, bytes]:
        return {
            path.relative_to(measured).as_posix(): path.read_bytes()
            for path in measured.rglob("*")
            if path.is_file() and folders.GUESTS not in path.parts
        }

    before = contents()
    _, table = read_guest_predictions(write(tmp_path / "mine.csv", cells(seed=9)), measured)
    guest = Guest(key="passing-by", protocols=("speakers",), **TEXTS)
    folder = save_guest(measured, guest, {"speakers": table})
    assert contents() == before
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def spoil_metrics(folder: Path) -> None:
    content = read_json(folder / "metrics.json")
    content["protocols"]["speakers"]["accuracy"] = 0.9
    (folder / "metrics.json").write_text(json.dumps(content))


def spoil_list(folder: Path) -> None:
    (folder / "trained-on" / "speakers.csv").write_text("speaker\ncremad-1001\n")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_metrics, "accuracy is 0.9, but the predictions give"),
        (spoil_list, "Fold 1 tests the speaker cremad-1001"),
        (lambda folder: (folder / "run.py").write_text(""), "run.py is no file of a guest"),
        (lambda folder: (folder / "metrics.json").unlink(), "has no speakers"),
        (
            lambda folder: (folder / "trained-on" / "speakers.csv").write_text(
                "fold,clip\n" + "".join(f"2,clip number {i}\n" for i in range(60_000))
            ),
            "bytes, and 1,000,000 are allowed",
        ),
        (
            lambda folder: predictions_file(folder.parent, "a-guest", "speakers").unlink(),
            "cannot be read",
        ),
    ],
)
def test_folder_with_a_fault_is_named(
    saved: Path, spoil: Callable[[Path], Any], message: str
) -> None:
    spoil(saved / folders.GUESTS / "a-guest")
    assert any(message in fault for fault in guest_faults(saved))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format is 2, and this program reads 1"),
        ({"name": None}, "it lacks the field 'name'"),
        ({"name": "x" * 41}, "41 characters, and 40 are allowed"),
        ({"name": "<b>bold</b>"}, "does not match"),
        ({"licence": 1.0}, "licence is 1.0 and not a text"),
        ({"citation": "a\x07b"}, "cannot be printed"),
        ({"url": "javascript:alert(1)"}, "does not match"),
        ({"colour": "red"}, "unknown field 'colour'"),
        ({"protocols": "speakers"}, "protocols is no list"),
        ({"protocols": []}, "protocols is no list"),
        ({"protocols": ["listeners"]}, "'listeners', which is none of"),
        ({"protocols": ["random", "random"]}, "has one twice"),
    ],
)
def test_description_that_does_not_follow_the_schema_is_refused(
    change: dict[str, Any], message: str
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    content = {"format": 1, **TEXTS, "protocols": ["speakers"]}
    validator = jsonschema.Draft202012Validator(folders.schema())
    assert folders.problem(content) == ""
    assert list(validator.iter_errors(content)) == []
    changed = {name: value for name, value in {**content, **change}.items() if value is not None}
    assert message in folders.problem(changed)
    if change != {"citation": "a\x07b"}:  # JSON Schema has no class of such characters
        assert list(validator.iter_errors(changed)) != []


@pytest.mark.parametrize(
    ("text", "message"),
    [("name: [", "is no YAML"), ("just a text", "no list of fields"), ("!!python/x 1", "no YAML")],
)
def test_file_that_is_no_description_is_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = tmp_path / folders.GUESTS / "mine"
    folder.mkdir(parents=True)
    (folder / folders.DESCRIPTION).write_text(text)
    with pytest.raises(ModelError, match=message):
        read_guest(tmp_path, "mine")


@pytest.mark.parametrize("name", [*CLASSIFIERS, ENSEMBLE, "voice", "Listeners", "…"])
def test_key_of_a_model_of_emo_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="cannot be used"):
        folders.guest_key(name)


# --- What is in the repository -------------------------------------------------------------------


def test_schema_names_every_protocol() -> None:
    assert folders.schema()["properties"]["protocols"]["items"]["enum"] == list(PROTOCOLS)


@pytest.mark.slow
def test_every_guest_of_the_repository_is_in_order() -> None:
    assert folders.list_guests(MODELS_DIR)
    assert guest_faults(MODELS_DIR) == ()


# --- The leaderboard -----------------------------------------------------------------------------


def test_leaderboard_ranks_guests_among_the_models(saved: Path) -> None:
    text = leaderboard.page(saved)
    board = text.split("## Unseen speakers")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")] for line in board.splitlines()]
    body = [row[1:-1] for row in rows if len(row) > 2 and row[1].isdecimal()]
    uar = [float(row[3].split(" ")[0]) for row in body]
    assert uar == sorted(uar, reverse=True)
    (own,) = [row for row in body if row[2] == "guest"]
    stored = read_metrics(saved / folders.GUESTS, "a-guest")["protocols"]["speakers"]
    assert own[1] == "**A guest (2026)**"
    assert own[3].startswith(f"{100 * stored['uar']:.1f} %")
    to_ensemble = next(d for d in stored["differences"] if d["first"] == ENSEMBLE)
    assert own[-1].startswith(f"{100 * to_ensemble['uar']:+.1f}".replace("-", "\u2212"))
    of_tree = next(row for row in body if row[1] == "Decision tree")
    difference = next(
        d
        for d in read_metrics(saved, ENSEMBLE)["protocols"]["speakers"]["differences"]
        if {d["first"], d["second"]} == {FIRST, ENSEMBLE}
    )
    low, high = sorted(-value for value in difference["intervals"]["uar"])
    expected = [f"{100 * value:+.1f}" for value in (-difference["uar"], low, high)]
    assert of_tree[-1].replace("\u2212", "-") == "{} ({} to {})".format(*expected)
    assert r"Nobody: \*Nothing\*" in text
    assert "nothing tested is in it" in text


def test_description_may_be_folded_over_lines(tmp_path: Path) -> None:
    folder = tmp_path / folders.GUESTS / "mine"
    folder.mkdir(parents=True)
    content = {"format": 1, **TEXTS, "protocols": ["speakers"], "description": "It\nguesses."}
    (folder / folders.DESCRIPTION).write_text(yaml.safe_dump(content))
    assert read_guest(tmp_path, "mine").description == "It guesses."


def test_counting_anew_mends_figures(saved: Path) -> None:
    folder = saved / folders.GUESTS / "a-guest"
    before = (folder / "metrics.json").read_text()
    spoil_metrics(folder)
    folders.write_all_figures(saved)
    assert (folder / "metrics.json").read_text() == before
    assert np.isfinite(read_json(folder / "metrics.json")["protocols"]["speakers"]["uar"])
