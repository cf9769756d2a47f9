"""Rejected uploads and the usage of a session, without a server."""

import gc
import time
from types import SimpleNamespace

from emo.app import streamlit_internals
from emo.app.serving import uploads
from emo.app.serving.uploads import REJECTION_S, record_rejection, rejection_message


def test_rejections_are_shown_for_a_while(monkeypatch):
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    monkeypatch.setattr(uploads, "_REJECTIONS", {})
    assert rejection_message("one") == ""
    assert record_rejection("one", "Too many.")
    assert not record_rejection("one", "Too many.")  # ninety rejected files rerun a page once
    assert record_rejection("one", "Too much.")
    assert rejection_message("one") == "Too much."
    assert rejection_message("other") == ""
    now_s += REJECTION_S
    assert rejection_message("one") == ""
    assert record_rejection("other", "Too much.")
    assert list(uploads._REJECTIONS) == ["other"]


def test_pending_clips_count_after_their_files_were_removed(monkeypatch):
    """A request can remove the files of a session while their clips are pending."""
    kept = {"one": {"a": SimpleNamespace(data=b"xxx"), "b": SimpleNamespace(data=b"yyyy")}}
    monkeypatch.setattr(uploads, "current_session", lambda: "one")
    monkeypatch.setattr(
        streamlit_internals, "uploaded_files", lambda session: kept.get(session, {})
    )
    pending = uploads.PendingClips([kept["one"]["a"], SimpleNamespace(data=b"12345")])
    assert uploads.usage("one")[0] == 2
    uploads.count_pending(pending)
    assert uploads.usage("one") == (3, 3 + 4 + 5)
    kept.clear()
    assert uploads.usage("one") == (2, 8)
    assert uploads.usage("other") == (0, 0)
    pending.pop()
    assert uploads.usage("one") == (1, 3)
    del pending
    gc.collect()  # as when the state of the session is dropped
    assert uploads.usage("one") == (0, 0)
