"""The page *Compare clips* in Streamlit's own test runner; its table is clicked in the browser."""

import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from emo.app import common
from emo.app import text as app_text
from emo.app.analyse import text as analyse_text
from emo.app.compare import collection, page, sound
from emo.app.compare import table as compare_table
from emo.app.compare import text as words
from emo.app.compare.collection import Entry, UploadedClip
from emo.app.teach import text as teach_text
from emo.audio.clip import Clip
from emo.errors import ModelError
from emo.features.speech import SpeechWarning
from emo.inference import adaptation, loading, predictor
from emo.labels import LABELS
from tests.support import pages
from tests.support.pages import ANALYSE, COMPARE, check, html, tone

SECRET = "/secret/models/cnn"


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return pages.install(tmp_path, monkeypatch)


class Table:
    """Replacement of the table, with the rows shown last and the next clicks of the visitor."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.ticked: list[str] | None = None
        self.opened: str | None = None
        self.played: str | None = None
        self.expected: dict[str, str] = {}
        self.digests: dict[str, str] = {}

    def show(self, entries: Sequence[Entry], order: str, ticked: Any, *rest: Any) -> Any:
        self.names = [entry.name for entry in entries]
        self.expected = {entry.name: entry.expected for entry in entries if entry.expected}
        self.digests = digests = {entry.name: entry.digest for entry in entries}
        if self.played is not None:
            sound.request(digests[self.played])
            self.played = None
        opened, self.opened = self.opened, None
        if self.ticked is not None:
            ticked = tuple(digests[name] for name in self.ticked)
        self.ticked = None
        return compare_table.TableSelection(ticked, digests.get(opened or ""))


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    table = Table()
    monkeypatch.setattr(compare_table, "show_clips", table.show)
    return table


@pytest.fixture
def app(models_dir: Path, table: Table) -> AppTest:
    return check(pages.run().switch_page(COMPARE).run())


def files(*names: str, pitch_hz: float = 200.0) -> list[tuple[str, bytes, str]]:
    """Return files of different sounds."""
    return [(name, tone(0.5, pitch_hz + 10 * i), "audio/wav") for i, name in enumerate(names)]


def upload(app: AppTest, *clips: tuple[str, bytes, str]) -> AppTest:
    return check(app.file_uploader[0].set_value(list(clips)).run())


def players(app: AppTest) -> list[str]:
    """Return the keys of the two players side by side."""
    keys = [str(one.key) for one in app.get("bidi_component")]
    return [key for key in keys if key.startswith("pair-")]


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [button for button in app.button if button.label == label]
    return check(button.click().run())


# --- Ways in -------------------------------------------------------------------------------------


def test_page_states_its_limits(app: AppTest) -> None:
    assert [title.value for title in app.title] == [words.TITLE]
    assert any(words.LIMITS in caption.value for caption in app.caption)
    assert app.file_uploader[0].accept_multiple_files


def test_each_file_has_a_row_and_a_bad_one_its_fault(app: AppTest, table: Table) -> None:
    upload(app, *files("a.wav", "b.wav"), ("notes.wav", b"Dear diary", "audio/wav"))
    assert table.names == ["a.wav", "b.wav", "notes.wav"]
    assert (
        f"2 clips answered. Agreement: {pages.AGREEMENT.lower().partition(' say')[0]} in 2."
        in html(app)
    )
    assert "1 could not be read." in html(app)
    assert not app.error
    assert not app.get("progress")


def test_samples_are_added_with_one_click(app: AppTest, table: Table) -> None:
    press(app, words.SAMPLES_LABEL)
    assert sorted(table.names) == sorted(f"{label}.wav" for label in LABELS)


def test_each_clip_is_answered_once_and_shown_at_once(
    app: AppTest, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_rows: list[int] = []

    def counting(clip: Clip, models: object) -> predictor.Prediction:
        n_rows.append(len(table.names))
        return pages.made_up(clip, models)

    monkeypatch.setattr(predictor, "predict", counting)
    monkeypatch.setattr(page, "BATCH_S", 0.0)
    clips = files("a.wav", "b.wav", "c.wav")
    upload(app, *clips, ("again.wav", clips[0][1], "audio/wav"))
    assert n_rows == [0, 1, 2]  # rows that were shown before each prediction
    upload(app, *clips)
    assert len(n_rows) == 3
    assert table.names == ["a.wav", "b.wav", "c.wav"]


def test_removing_a_file_removes_its_row(app: AppTest, table: Table) -> None:
    clips = files("a.wav", "b.wav")
    upload(app, *clips)
    upload(app, clips[1])
    assert table.names == ["b.wav"]
    upload(app, clips[1], clips[1])
    upload(app, clips[1])  # one of two that are the same
    assert table.names == ["b.wav"]


def test_rows_outlast_a_visit_to_another_page(app: AppTest, table: Table) -> None:
    upload(app, *files("a.wav", "b.wav"))
    check(app.switch_page(ANALYSE).run())
    table.names = []
    check(app.switch_page(COMPARE).run())
    assert table.names == ["a.wav", "b.wav"]
    upload(app, *files("c.wav", pitch_hz=400.0))
    assert table.names == ["a.wav", "b.wav", "c.wav"]


def test_clips_beyond_the_limit_are_listed(
    app: AppTest, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "MAX_CLIPS", 2)
    upload(app, *files("a.wav", "b.wav", "*c*.wav"))
    assert table.names == ["a.wav", "b.wav"]
    assert [one.value for one in app.warning] == [
        common.escape_markdown(words.left_out(["*c*.wav"]))
    ]


def test_internal_error_is_a_row_and_the_others_are_answered(
    app: AppTest, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(clip: Clip, models: object) -> predictor.Prediction:
        if clip.duration_s > 0.8:
            raise ZeroDivisionError("secret detail")
        return pages.made_up(clip, models)

    monkeypatch.setattr(predictor, "predict", broken)
    upload(app, ("long.wav", tone(1.0), "audio/wav"), *files("a.wav"))
    assert table.names == ["a.wav", "long.wav"]
    found = app.session_state["comparison"].results.values()
    assert app_text.UNEXPECTED in found


def test_missing_models_show_a_warning(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(directory: Path) -> loading.Models:
        raise ModelError(f"There is no model in {SECRET}.")

    monkeypatch.setattr(loading, "load_models", missing)
    upload(app, *files("a.wav"))
    assert [warning.value for warning in app.warning] == [app_text.NO_MODELS]


# --- Which clips ---------------------------------------------------------------------------------


def test_filter_is_written_to_the_url(
    app: AppTest, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsure_if_long(clip: Clip, models: object) -> predictor.Prediction:
        return pages.prediction(
            clip.duration_s, unsure=("ensemble",) if clip.duration_s > 0.8 else ()
        )

    monkeypatch.setattr(predictor, "predict", unsure_if_long)
    upload(app, ("unsure.wav", tone(1.0), "audio/wav"), *files("a.wav"))
    assert table.names == ["a.wav", "unsure.wav"]
    check(app.segmented_control(key="comparison-show").set_value("unsure").run())
    assert table.names == ["unsure.wav"]
    check(app.selectbox(key="comparison-order").set_value("name").run())
    assert {key: app.query_params[key] for key in ("show", "order")} == {
        "show": "unsure",
        "order": "name",
    }
    table.names = []
    check(app.text_input(key="comparison-name").set_value("a.w").run())
    assert table.names == []
    assert words.NOTHING_SHOWN in [text.value for text in app.text]
    press(app, words.SHOW_ALL_LABEL)
    assert table.names == ["a.wav", "unsure.wav"]
    assert set(app.query_params) == {"order"}


def test_url_sets_the_filter_and_invalid_values_are_ignored(models_dir: Path, table: Table) -> None:
    app = AppTest.from_file(pages.APP, default_timeout=30)
    app.query_params["show"] = "disagreement"
    app.query_params["ensemble"] = "<b>"
    app.switch_page(COMPARE)
    upload(check(app.run()), *files("a.wav"))
    assert app.segmented_control(key="comparison-show").value == "disagreement"
    assert app.selectbox(key="comparison-ensemble").value == collection.ANY


# --- Rows ----------------------------------------------------------------------------------------


def test_row_opens_the_clip_on_analyse(app: AppTest, table: Table) -> None:
    upload(app, *files("a.wav", "b.wav"))
    table.opened = "b.wav"
    check(app.run())
    assert [title.value for title in app.title] == [analyse_text.ANALYSE_TITLE]
    assert app.text[0].value.startswith("b.wav · 0.5")
    forget = next(button for button in app.button if button.label == analyse_text.REMOVE_LABEL)
    check(forget.click().run())
    check(app.switch_page(COMPARE).run())
    assert table.names == ["a.wav"]


def test_two_ticked_clips_are_shown_side_by_side(app: AppTest, table: Table) -> None:
    upload(app, *files("a.wav", "b.wav", "c.wav"), ("bad.wav", b"no sound", "audio/wav"))
    captions = {0: words.TICK_TWO, 1: words.TICK_ANOTHER, 3: words.ticked(["a", "b", "c"])}
    for n, caption in captions.items():
        table.ticked = ["a.wav", "b.wav", "c.wav"][:n]
        check(app.run())
        assert caption in [one.value for one in app.caption]
        assert players(app) == []
    table.ticked = ["a.wav", "bad.wav"]
    check(app.run())
    assert words.UNREADABLE in [one.value for one in app.caption]
    table.ticked = ["c.wav", "a.wav"]
    check(app.run())
    assert len(players(app)) == 2
    assert [one.value.split(" · ")[0] for one in app.text] == ["c.wav", "a.wav"]
    assert html(app).count("emo-paired") == len(loading.ANSWER_KEYS)
    assert html(app).count("emo-verdict-2") == 2


def test_ticked_clips_are_unticked_or_removed(app: AppTest, table: Table) -> None:
    upload(app, *files("a.wav", "b.wav", "c.wav"))
    table.ticked = ["a.wav", "b.wav"]
    check(app.run())
    press(app, words.UNTICK_LABEL)
    assert words.UNTICK_LABEL not in [button.label for button in app.button]
    assert table.names == ["a.wav", "b.wav", "c.wav"]
    table.ticked = ["a.wav"]
    check(app.run())
    press(app, words.REMOVE_TICKED_LABEL)
    assert table.names == ["b.wav", "c.wav"]
    press(app, words.REMOVE_ALL_LABEL)
    assert not app.session_state["comparison"].clips
    assert not app.session_state["comparison"].results


def test_csv_has_rows_for_every_name() -> None:
    music = SpeechWarning("music", "This sounds like music.")
    entries = [
        Entry("0", UploadedClip(("=a.wav", "copy.wav"), b""), pages.prediction(concerns=(music,))),
        Entry("1", UploadedClip(("bad.wav",), b""), "It holds no sound."),
    ]
    rows, n = list(csv.DictReader(io.StringIO(page.as_csv(entries)))), len(loading.ANSWER_KEYS)
    assert [row["path"] for row in rows] == ["'=a.wav"] * n + ["copy.wav"] * n + ["bad.wav"]
    assert [row["model"] for row in rows[:n]] == list(loading.ANSWER_KEYS)
    assert "expected" not in rows[0]
    assert rows[0]["speech_warnings"] == music.sentence
    assert rows[-1]["error"] == "It holds no sound."


def test_csv_has_the_expected_emotion_of_each_of_two_clips_of_one_name() -> None:
    entries = [
        Entry("0", UploadedClip(("a.wav", "copy.wav"), b""), pages.prediction(), "angry"),
        Entry("1", UploadedClip(("a.wav",), b""), pages.prediction(), "sad"),
        Entry("2", UploadedClip(("bad.wav",), b""), "It holds no sound."),
    ]
    rows, n = list(csv.DictReader(io.StringIO(page.as_csv(entries)))), len(loading.ANSWER_KEYS)
    expected = [(row["path"], row["expected"]) for row in rows]
    assert expected == [
        *[("a.wav", "angry")] * n,
        *[("copy.wav", "angry")] * n,
        *[("a.wav", "sad")] * n,
        ("bad.wav", ""),
    ]


# --- Expected emotions ---------------------------------------------------------------------------


def test_expected_emotions_are_guessed_and_counted(app: AppTest, table: Table) -> None:
    upload(app, *files("sad 1.wav", "angry.wav", "sad 2.wav", "clip.wav"))  # answered sad
    assert table.expected == {"sad 1.wav": "sad", "angry.wav": "angry", "sad 2.wav": "sad"}
    assert "2 of 3 right (67\u00a0%)." in html(app)
    (matrix,) = pages.grids(app)
    assert matrix["labels"] == ["angry", "sad"]
    assert pages.counted(matrix).tolist() == [[0, 1], [0, 2]]
    check(app.segmented_control(key="comparison-show").set_value("wrong").run())
    assert table.names == ["angry.wav"]
    assert words.csv_label(1, 4) in [button.proto.label for button in app.get("download_button")]


def test_expected_emotion_is_chosen_for_all_ticked_clips(app: AppTest, table: Table) -> None:
    upload(app, *files("a.wav", "b.wav", "c.wav"))
    assert words.NO_EXPECTED in [one.value for one in app.caption]
    table.ticked = ["a.wav", "c.wav"]
    check(app.run())
    table.ticked = ["a.wav", "c.wav"]
    check(app.selectbox(key="comparison-expect-ticked").set_value("sad").run())
    assert table.expected == {"a.wav": "sad", "c.wav": "sad"}
    assert app.selectbox(key="comparison-expect-ticked").value is None


def test_clips_with_an_expected_emotion_become_examples(
    app: AppTest, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_hidden(clip: Clip, models: object) -> predictor.Prediction:
        hidden = np.array([clip.samples[100], clip.duration_s], np.float32)
        return dataclasses.replace(pages.made_up(clip, models), hidden=hidden)

    monkeypatch.setattr(predictor, "predict", with_hidden)
    monkeypatch.setattr(adaptation, "models_digest", lambda models: "d" * 64)
    monkeypatch.setattr(adaptation, "count_hidden", lambda models: 2)
    upload(app, *files("sad 1.wav", "sad 2.wav", "angry 1.wav", "angry 2.wav", "clip.wav"))
    press(app, words.send_label(4))
    assert [title.value for title in app.title] == [teach_text.TITLE]
    given = {one.name: one.emotion for one in app.session_state["examples"]}
    assert given == {
        "sad 1.wav": "sad",
        "sad 2.wav": "sad",
        "angry 1.wav": "angry",
        "angry 2.wav": "angry",
    }
    assert app.session_state["fitted-head"].cross_validation.clips == 4
    assert sum(str(button.key).startswith("hear-") for button in app.button) == 4
    heard = [button for button in app.button if str(button.key).startswith("hear-")]
    assert len(heard) == 4


# --- Sound ---------------------------------------------------------------------------------------


def test_a_clip_is_sent_when_it_is_played(app: AppTest, table: Table) -> None:
    upload(app, *files("a.wav", "b.wav"))
    assert sounds(app) == []
    table.played = "b.wav"
    check(app.run())
    check(app.run())
    (sound,) = sounds(app)
    length = int.from_bytes(sound[:4], "little")
    header = json.loads(sound[4 : 4 + length])
    start, size = header["parts"]["sound"]
    samples, rate = soundfile.read(io.BytesIO(sound[4 + length :][start : start + size]))
    assert (rate, len(samples)) == (16_000, 8_000)
    assert header["id"] == table.digests["b.wav"]
    assert np.abs(samples).max() == pytest.approx(0.9, abs=0.01)


def sounds(app: AppTest) -> list[bytes]:
    """Return what the component that plays was sent, if anything."""
    (one,) = (one for one in app.get("bidi_component") if one.key == "comparison-sound-player")
    return [one.proto.bytes] if one.proto.bytes else []
