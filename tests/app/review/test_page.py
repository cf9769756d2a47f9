"""The page of a review in Streamlit's test runner."""

import json
import struct
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emo.app import streamlit_internals
from emo.app.review import page, text
from emo.app.review.card import read_sound
from emo.audio.clip import load
from emo.errors import AudioError
from emo.review.labels import read_labels
from emo.review.session import CONFIG_ENV, Review, ReviewConfig
from tests.support.batches import spread, write_batch
from tests.walk.tab import Tab

pytestmark = pytest.mark.slow

APP = Path(__file__).parents[3] / "review_app.py"
SECRET = "a-key-of-the-address"


@pytest.fixture
def config(tmp_path, monkeypatch):
    st.cache_resource.clear()
    st.cache_data.clear()
    rows = write_batch(tmp_path, spread(8))
    config = ReviewConfig(
        str(rows), str(tmp_path), str(tmp_path / "labels.csv"), take="5", key=SECRET
    )
    monkeypatch.setenv(CONFIG_ENV, config.to_json())
    monkeypatch.setattr(streamlit_internals, "server_address", lambda: "127.0.0.1")
    return config


def opened(key=SECRET):
    tab = Tab({"key": key}, AppTest.from_file(str(APP), default_timeout=60))
    assert not tab.at.exception
    return tab


def started(rater="Anna"):
    tab = opened()
    tab.at.text_input(key="rater-name").set_value(rater)
    tab.at.button[0].click()
    tab.at.run()
    return tab


def header(tab):
    block = tab.node(page.KEY).proto.bytes
    (length,) = struct.unpack_from("<I", block)
    return json.loads(block[4 : 4 + length]), block


def is_closed(tab):
    return [warning.value for warning in tab.at.warning] == [text.CLOSED]


def test_page_opens_on_a_loopback_address_with_the_key_alone(config, monkeypatch):
    assert not is_closed(opened())
    for key in ("", "a-key-of-the-addresx"):
        assert is_closed(opened(key))
    for address in ("0.0.0.0", "", "192.168.1.4", "example.org"):
        monkeypatch.setattr(streamlit_internals, "server_address", lambda at=address: at)
        assert is_closed(opened())
    monkeypatch.setattr(streamlit_internals, "server_address", lambda: "127.0.0.1")
    monkeypatch.delenv(CONFIG_ENV)
    assert is_closed(opened())


def test_before_the_label_the_card_has_nothing_of_the_clip_but_its_sound(config):
    tab = started()
    first, block = header(tab)
    clip = Review(config).clips[0]
    assert first["last"] is None
    told = json.dumps({name: value for name, value in first.items() if name != "signs"})
    for secret in (Path(clip.path).stem, "confidence", "ensemble", clip.sha256):
        assert secret not in told
        assert secret.encode() not in block
    tab.trigger_component(page.KEY, "label", [0, "sad"])
    last = header(tab)[0]["last"]
    assert last["name"] == Path(clip.path).name
    assert last["answers"][0]["text"] == text.answer(clip.answers["ensemble"])
    assert [label.label for label in read_labels(Path(config.out))] == ["sad"]


def test_blind_review_shows_no_answer_of_a_model(config, monkeypatch):
    monkeypatch.setenv(
        CONFIG_ENV, config.to_json().replace('"is_blind": false', '"is_blind": true')
    )
    tab = started()
    tab.trigger_component(page.KEY, "label", [0, "sad"])
    last = header(tab)[0]["last"]
    assert last["answers"] == []
    assert "says" not in last["status"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("label", [1, "sad"]), ("label", [0, "bored"]), ("label", "sad"), ("undo", 0), ("undo", "x")],
)
def test_wrong_messages_change_nothing(config, name, value):
    tab = started()
    tab.trigger_component(page.KEY, name, value)
    assert not tab.at.exception
    assert header(tab)[0]["place"] == 0
    assert not Path(config.out).exists()


def test_a_label_that_cannot_be_written_is_asked_for_again(config, monkeypatch):
    tab = started()

    def fail(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        tab.trigger_component(page.KEY, "label", [0, "sad"])
    assert "No space left on device" in tab.at.error[0].value
    assert header(tab)[0]["place"] == 0
    tab.trigger_component(page.KEY, "label", [0, "sad"])
    assert header(tab)[0]["place"] == 1


def test_a_file_that_changed_is_skipped_and_the_last_label_leads_to_the_results(config):
    review = Review(config)
    changed = Path(config.clips) / review.clips[1].recording
    changed.write_bytes((Path(config.clips) / review.clips[0].recording).read_bytes())
    with pytest.raises(AudioError, match="has changed since the batch was answered"):
        read_sound(review, 1)
    tab = started()
    tab.trigger_component(page.KEY, "label", [0, "sad"])
    assert "has changed" in tab.at.warning[0].value
    (skip,) = [button for button in tab.at.button if button.label == text.SKIP_LABEL]
    skip.click()
    tab.at.run()
    for place in range(2, 5):
        tab.trigger_component(page.KEY, "label", [place, "(several)"])
    assert [one.value for one in tab.at.header] == [text.RESULTS_TITLE]
    assert [one.label for one in read_labels(Path(config.out))] == [
        "sad",
        "(skipped)",
        *["(several)"] * 3,
    ]


def test_sound_of_a_window_is_that_part_of_its_channel(config):
    rows = Path(config.rows)
    first = json.loads(rows.read_text().splitlines()[0])
    part = first | {"window": 2, "windows": 2, "start_s": 0.2, "stop_s": 0.6}
    rows.write_text(f"{json.dumps(part)}\n")
    review = Review(config)
    sound = read_sound(review, 0)
    assert review.clips[0].key == ("clips/000.wav", 2)
    assert sound.duration_s == pytest.approx(0.4, abs=1e-3)
    assert load(Path(config.clips) / "clips/000.wav").duration_s == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize("n", range(2, 13))
def test_each_answer_has_a_key_of_its_own(n):
    labels = [f"label {i}" for i in range(n)]
    keys = text.keys(labels)
    assert len(set(keys.values())) == len(keys) == n + 3
    assert "u" not in keys.values()  # undo
    assert f"1 to {keys[labels[-1]]} name the emotion" in text.keys_hint(labels)
