"""What a page is told of refused uploads; the rest needs a server: see test_ui_server.py."""

import gc
import time
from types import SimpleNamespace

from emo.app import streamlit_internals
from emo.app.serving import uploads
from emo.app.serving.uploads import REJECTION_S, record_rejection, rejection_message


def test_a_refusal_is_told_for_a_while_and_forgotten(monkeypatch):
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    monkeypatch.setattr(uploads, "_REJECTIONS", {})
    assert rejection_message("one") == ""
    assert record_rejection("one", "Too many.")
    assert not record_rejection("one", "Too many.")  # of ninety files one refusal makes a page anew
    assert record_rejection("one", "Too much.")
    assert rejection_message("one") == "Too much."
    assert rejection_message("other") == ""
    now_s += REJECTION_S
    assert rejection_message("one") == ""
    assert record_rejection("other", "Too much.")
    assert list(uploads._REJECTIONS) == ["other"]


def test_what_waits_counts_though_its_files_are_gone(monkeypatch):
    """The files of a session can be taken away by a request while their clips wait."""
    kept = {"one": {"a": SimpleNamespace(data=b"xxx"), "b": SimpleNamespace(data=b"yyyy")}}
    monkeypatch.setattr(uploads, "current_session", lambda: "one")
    monkeypatch.setattr(
        streamlit_internals, "uploaded_files", lambda session: kept.get(session, {})
    )
    waiting = uploads.PendingClips([kept["one"]["a"], SimpleNamespace(data=b"12345")])
    assert uploads.usage("one")[0] == 2
    uploads.count_pending(waiting)
    assert uploads.usage("one") == (3, 3 + 4 + 5)
    kept.clear()
    assert uploads.usage("one") == (2, 8)
    assert uploads.usage("other") == (0, 0)
    waiting.pop()
    assert uploads.usage("one") == (1, 3)
    del waiting
    gc.collect()  # with the state of the session
    assert uploads.usage("one") == (0, 0)
