"""The rows of the table of clips."""

import re
from pathlib import Path

from emo.app import theme
from emo.app.compare import table, text
from emo.app.compare.collection import Agreement, Entry, UploadedClip
from emo.app.samples import SYNTHETIC, Sample
from emo.features.speech import SpeechWarning
from emo.inference import loading
from emo.labels import LABELS
from tests.support import pages

FILES = Path(table.__file__).parents[1] / "static"
MUSIC = SpeechWarning("music", "This sounds like music, not like speech.")


def row_of(result, *names, expected="", **fields):
    return table.row(Entry("0", UploadedClip(names or ("a.wav",), b"", **fields), result, expected))


def test_row_of_an_answered_clip():
    row = row_of(pages.prediction(2.0, unsure=("tree", "ensemble")))
    assert list(row["answers"]) == list(loading.ANSWER_KEYS)
    assert row["answers"]["cnn"]["text"] == "angry"
    assert row["answers"]["tree"]["text"] == "sad?"
    assert row["answers"]["ensemble"]["note"] == "unsure: sad 40\u00a0%"
    n = len(loading.MODEL_KEYS)  # one is unsure, and the CNN differs from the others
    assert row["agreement"] == text.agreement(Agreement(n, n - 1, 2, n - 2))
    assert row["notes"] == []
    assert not row["non_speech"]


def test_notes_of_an_unusual_clip():
    row = row_of(
        pages.prediction(concerns=(MUSIC,)), "a.wav", "b.wav", sample=Sample("a.wav", "sad")
    )
    assert row["notes"] == [SYNTHETIC, "the same as b.wav", MUSIC.sentence]
    assert row["non_speech"]
    row = row_of("It holds no sound.")
    assert row["error"]
    assert row["notes"] == ["It holds no sound."]
    assert "answers" not in row


def test_signs_of_the_table_are_those_of_the_page():
    styles = theme.styles()
    assert all(theme.mask_css(label) in styles for label in LABELS)
    assert len({theme.mask_css(label) for label in LABELS}) == len(LABELS)


def test_every_text_of_the_script_comes_from_the_page():
    script = (FILES / "clips.js").read_text(encoding="utf-8")
    assert set(re.findall(r"words\.(\w+)", script)) == set(text.TABLE)
    assert "innerHTML" not in script


def test_row_has_the_expected_emotion():
    assert row_of(pages.prediction(), expected="angry")["expected"] == "angry"
    assert row_of("It holds no sound.")["expected"] == ""
