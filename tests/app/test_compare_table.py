"""What the table of clips is given of each."""

import re
from pathlib import Path

from emo.app import theme
from emo.app.compare import table
from emo.app.compare import text as words
from emo.app.compare.collection import Entry, Given
from emo.features.speech import SpeechWarning
from emo.labels import LABELS
from tests.support import pages

FILES = Path(table.__file__).parents[1] / "static"
MUSIC = SpeechWarning("music", "This sounds like music, not like speech.")


def shown(found, *names, **given):
    return table.row(Entry("0", Given(names or ("a.wav",), b"", **given), found))


def test_a_row_has_every_answer_in_words():
    row = shown(pages.prediction(2.0, unsure=("tree", "vote")))
    assert list(row["answers"]) == ["tree", "cnn", "mlp", "vote"]
    assert row["answers"]["cnn"]["text"] == "angry"
    assert row["answers"]["tree"]["text"] == "sad?"
    assert row["answers"]["vote"]["note"] == "unsure: sad or fearful"
    assert row["agreement"] == words.AGREEMENTS[2]
    assert row["notes"] == []
    assert not row["doubtful"]


def test_a_row_says_what_is_odd_about_a_clip():
    row = shown(pages.prediction(concerns=(MUSIC,)), "a.wav", "b.wav", is_sample=True)
    assert row["notes"] == [words.SYNTHETIC, "the same as b.wav", MUSIC.sentence]
    assert row["doubtful"]
    row = shown("It holds no sound.")
    assert row["error"]
    assert row["notes"] == ["It holds no sound."]
    assert "answers" not in row


def test_the_table_has_the_signs_of_the_page():
    styles = theme.styles()
    assert all(theme.mask_css(label) in styles for label in LABELS)
    assert len({theme.mask_css(label) for label in LABELS}) == len(LABELS)


def test_the_script_says_nothing_of_its_own():
    """Every word of the table comes from the words of the page, and every one is used."""
    script = (FILES / "clips.js").read_text(encoding="utf-8")
    used = set(re.findall(r"words\.(\w+)", script))
    assert used == set(words.TABLE)
    assert "innerHTML" not in script
    assert not [label for label in LABELS if label in script]
