"""What a page is told of refused uploads; the rest needs a server: see test_ui_server.py."""

import time

from emo import ui_uploads
from emo.ui_uploads import REFUSAL_S, note_refusal, refusal


def test_a_refusal_is_told_for_a_while_and_forgotten(monkeypatch):
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    monkeypatch.setattr(ui_uploads, "_REFUSALS", {})
    assert refusal("one") == ""
    assert note_refusal("one", "Too many.")
    assert not note_refusal("one", "Too many.")  # of ninety files one refusal makes a page anew
    assert note_refusal("one", "Too much.")
    assert refusal("one") == "Too much."
    assert refusal("other") == ""
    now_s += REFUSAL_S
    assert refusal("one") == ""
    assert note_refusal("other", "Too much.")
    assert list(ui_uploads._REFUSALS) == ["other"]
