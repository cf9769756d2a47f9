"""Record by prompt on the page *Teach it*, and hear, remove and put back its clips."""

import json
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from emo.app import clip_cache, streamlit_internals
from emo.app.teach import prompt, sounds
from emo.app.teach import text as words
from emo.classifiers.calibration import Calibration
from emo.inference import adaptation, loading, predictor
from tests.app.teach.test_page import DIGEST, TEACH, WIDTH, predict_frequency
from tests.support import pages, signals
from tests.support.pages import tone
from tests.walk.tab import Tab


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Return the files that the browser uploaded for this session, by their ids."""
    uploaded: dict[str, bytes] = {}
    monkeypatch.setattr(streamlit_internals, "file_of", lambda session, name: uploaded.get(name))
    monkeypatch.setattr(
        streamlit_internals, "remove_file", lambda session, name: uploaded.pop(name)
    )
    return uploaded


@pytest.fixture
def tab(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> Tab:
    pages.install(tmp_path, monkeypatch)
    clip_cache.CACHE.drop_all()  # of other tests
    models = SimpleNamespace(classifiers={}, calibration=Calibration({}, {}, {"ensemble": 0.4}))
    monkeypatch.setattr(loading, "load_models", lambda directory: models)
    monkeypatch.setattr(predictor, "predict", predict_frequency)
    monkeypatch.setattr(adaptation, "models_digest", lambda models: DIGEST)
    monkeypatch.setattr(adaptation, "count_hidden", lambda models: WIDTH)
    tab = Tab(at=AppTest.from_file(pages.APP, default_timeout=60))
    tab.open(TEACH)
    return tab


def card(tab: Tab) -> dict[str, Any]:
    assert not tab.at.exception, tab.at.exception
    (data,) = json.loads(tab.node(prompt.KEY).proto.json)
    assert isinstance(data, dict)
    return data


def record(tab: Tab, files: dict[str, bytes], pitch_hz: float, number: int | None = None) -> None:
    """Upload a tone as a recording of the current card, or of another one."""
    files["id"] = tone(0.8, pitch_hz)
    tab.trigger_component(
        prompt.KEY, "recorded", [card(tab)["number"] if number is None else number, "id"]
    )


def taught(tab: Tab) -> list[tuple[str, str]]:
    return [(one.name, one.emotion) for one in tab.at.session_state["examples"]]


def key(tab: Tab, place: int) -> str:
    return sounds.key_of(tab.at.session_state["examples"][place])


def heard(tab: Tab) -> tuple[dict[str, Any], bytes]:
    block = tab.node("heard").proto.bytes
    (length,) = struct.unpack_from("<I", block)
    return json.loads(block[4 : 4 + length]), block[4 + length :]


def test_each_sentence_is_acted_in_all_chosen_emotions_in_turn() -> None:
    cards = [prompt.draw_card(n, ("angry", "sad")) for n in range(2 * len(words.SENTENCES) + 1)]
    assert [one.emotion for one in cards[:4]] == ["angry", "sad", "angry", "sad"]
    assert [one.sentence for one in cards[:4]] == [words.SENTENCES[i] for i in (0, 0, 1, 1)]
    assert cards[-1] == cards[0]


def test_recording_becomes_a_clip_of_the_emotion_of_its_card(
    tab: Tab, files: dict[str, bytes]
) -> None:
    assert card(tab)["last"] is None
    for i, emotion in enumerate(prompt.FIRST_CHOICE[:2]):
        assert card(tab)["emotion"] == emotion
        record(tab, files, 300 + 40 * i)
        last = card(tab)["last"]
        assert (last["number"], last["meant"]) == (i, emotion)
        assert last["answer"] == words.ensemble_says(
            pages.prediction().ensemble, emotion
        )  # the made-up models always say sad
    assert taught(tab) == [("Recording 1", "angry"), ("Recording 2", "happy")]
    assert card(tab)["number"] == 2


def test_a_file_of_another_card_or_session_is_not_used(tab: Tab, files: dict[str, bytes]) -> None:
    record(tab, files, 300, number=5)
    assert "id" not in files  # it is removed from the server
    tab.trigger_component(prompt.KEY, "recorded", [0, "of somebody else"])
    for sent in (None, "id", [0], ["0", "id"], [0, 1]):
        tab.trigger_component(prompt.KEY, "recorded", sent)
    assert card(tab)["number"] == 0
    assert "examples" not in tab.at.session_state


def test_a_recording_without_sound_keeps_its_card_and_says_why(
    tab: Tab, files: dict[str, bytes]
) -> None:
    files["id"] = signals.encoded(signals.silence(1.0))
    tab.trigger_component(prompt.KEY, "recorded", [0, "id"])
    n_faults, sentence = card(tab)["fault"]
    assert n_faults == 1
    assert sentence.endswith(".")
    assert card(tab)["number"] == 0
    assert not tab.at.warning  # it stands on the card


def test_what_was_meant_can_be_changed(tab: Tab, files: dict[str, bytes]) -> None:
    record(tab, files, 300)
    for sent, emotion in (("calm", "angry"), ("fearful", "fearful"), (None, "fearful")):
        tab.trigger_component(prompt.KEY, "meant", sent)
        assert taught(tab) == [("Recording 1", emotion)]
        assert card(tab)["last"]["meant"] == emotion


def test_record_it_again_removes_the_clip_and_shows_its_card(
    tab: Tab, files: dict[str, bytes]
) -> None:
    record(tab, files, 300)
    tab.trigger_component(prompt.KEY, "again", True)
    assert taught(tab) == []
    assert (card(tab)["number"], card(tab)["last"]) == (0, None)
    assert clip_cache.CACHE.size == 0


def test_cards_can_be_skipped_and_emotions_chosen(tab: Tab) -> None:
    tab.trigger_component(prompt.KEY, "skip", 0)
    tab.trigger_component(prompt.KEY, "skip", 0)  # once more for the same card
    assert card(tab)["number"] == 1
    tab.trigger_component(prompt.KEY, "emotions", ["surprised", "calm", "disgusted"])
    assert card(tab)["chosen"] == ["disgusted", "surprised"]
    for sent in ([], ["calm"], "sad", None):
        tab.trigger_component(prompt.KEY, "emotions", sent)
        assert card(tab)["chosen"] == ["disgusted", "surprised"]
    assert card(tab)["emotion"] == "surprised"


def test_clips_can_be_heard_while_they_are_there(tab: Tab, files: dict[str, bytes]) -> None:
    record(tab, files, 300)
    record(tab, files, 500)
    assert "heard" not in tab.widget_keys()
    for n, place in enumerate((0, 1, 1), start=1):
        tab.click(f"hear-{key(tab, place)}")
        header, sound = heard(tab)
        assert (header["n"], header["name"]) == (n, f"Recording {place + 1}")
        assert sound == sounds_of(tab)[place]
        assert sound.startswith(b"fLaC")
    tab.click(f"example-{key(tab, 1)}")
    assert "heard" not in tab.widget_keys()


def sounds_of(tab: Tab) -> list[bytes]:
    """Return the kept sounds of this session, in the order of their clips."""
    kept = {name[2]: entry.value.data for name, entry in clip_cache.CACHE._entries.items()}
    return [kept[sounds.key_of(one)] for one in tab.at.session_state["examples"]]


def test_a_long_clip_keeps_half_a_minute_of_sound(tab: Tab) -> None:
    data = signals.encoded(signals.tone(300, 40.0))
    uploader = next(name for name in tab.widget_keys() if name.startswith("examples-up-"))
    tab.send(tab.file_change(uploader, [("long.wav", data)]))
    (sound,) = sounds_of(tab)
    short = signals.encoded(signals.tone(300, 30.0))
    uploader = next(name for name in tab.widget_keys() if name.startswith("examples-up-"))
    tab.send(tab.file_change(uploader, [("short.wav", short)]))
    # The same 30 s: the two are one example to the made-up models, and its sound is replaced.
    assert sounds_of(tab) == [sound]


def test_removal_is_undone_at_its_place(tab: Tab, files: dict[str, bytes]) -> None:
    for pitch_hz in (300, 400, 500):
        record(tab, files, pitch_hz)
    before, size = taught(tab), clip_cache.CACHE.size
    tab.click(f"example-{key(tab, 1)}")
    assert taught(tab) == [before[0], before[2]]
    assert words.removed(*before[1]) in [one.value for one in tab.at.text]
    tab.click("undo")
    assert taught(tab) == before
    assert clip_cache.CACHE.size == size
    assert "undo" not in tab.widget_keys()


def test_sound_of_a_removed_clip_goes_with_the_next_removal_or_visit(
    tab: Tab, files: dict[str, bytes]
) -> None:
    for pitch_hz in (300, 400, 500):
        record(tab, files, pitch_hz)
    _, second, third = sounds_of(tab)
    tab.click(f"example-{key(tab, 0)}")
    tab.click(f"example-{key(tab, 0)}")
    assert clip_cache.CACHE.size == len(second) + len(third)
    tab.open("pages/about.py")
    tab.open(TEACH)
    assert "undo" not in tab.widget_keys()
    assert clip_cache.CACHE.size == len(third)
    assert taught(tab) == [("Recording 3", "neutral")]


def test_remove_all_drops_every_sound_and_starts_at_the_first_card(
    tab: Tab, files: dict[str, bytes]
) -> None:
    record(tab, files, 300)
    record(tab, files, 500)
    tab.click(f"example-{key(tab, 0)}")
    tab.press(words.REMOVE_ALL_LABEL)
    assert clip_cache.CACHE.size == 0
    assert card(tab)["number"] == 0
    assert "undo" not in tab.widget_keys()


def test_clips_of_a_saved_file_have_no_sound(tab: Tab, files: dict[str, bytes]) -> None:
    record(tab, files, 300)
    saved = adaptation.write_examples(tab.at.session_state["examples"], DIGEST).encode()
    tab.press(words.REMOVE_ALL_LABEL)
    loader = next(name for name in tab.widget_keys() if name.startswith("examples-file-"))
    tab.send(tab.file_change(loader, [("emo.json", saved)]))
    assert taught(tab) == [("Recording 1", "angry")]
    assert not [name for name in tab.widget_keys() if name.startswith("hear-")]
