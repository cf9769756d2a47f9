"""The uploaded files of a session, and the reasons for rejected uploads."""

import time
import weakref
from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from emo.app import clip_cache, streamlit_internals
from emo.app.streamlit_internals import current_session

REJECTION_S = 20.0
"""Time for which a page shows why an upload was rejected."""

_REJECTIONS: dict[str, tuple[str, float]] = {}  # by session: sentence, and when it expires


class _HasData(Protocol):
    @property
    def data(self) -> bytes: ...


T = TypeVar("T", bound=_HasData)


class PendingClips(list[T]):
    """Clips that a page has not processed yet; they are dropped with the state of the session."""


_PENDING: weakref.WeakValueDictionary[str, PendingClips[Any]] = weakref.WeakValueDictionary()


def count_pending(clips: PendingClips[Any]) -> None:
    """Count clips as files of this session, even after their uploads were removed."""
    if session := current_session():
        _PENDING[session] = clips


def usage(session: str) -> tuple[int, int]:
    """Return the number and the size in bytes of a session's files, pending and cached clips."""
    files = streamlit_internals.uploaded_files(session).values()
    sizes = {id(file.data): len(file.data) for file in files}
    n_copies = len(files) - len(sizes)
    sizes |= {id(clip.data): len(clip.data) for clip in list(_PENDING.get(session, ()))}
    return len(sizes) + n_copies, sum(sizes.values()) + clip_cache.CACHE.size_of(session)


def release_uploads(clips: Iterable[bytes]) -> None:
    """Remove the uploaded files of this session that have one of these contents.

    A widget that gets a new key, or whose page is left, leaves its files on the server until the
    session ends.
    """
    session = current_session()
    if not session:
        return
    contents = set(clips)
    for file_id, file in streamlit_internals.uploaded_files(session).items():
        if file.data in contents:
            streamlit_internals.remove_file(session, file_id)


def record_rejection(session: str, sentence: str) -> bool:
    """Store why an upload of a session was rejected; return whether its page must be rerun."""
    now_s = time.monotonic()
    for key, (_, until_s) in list(_REJECTIONS.items()):
        if until_s <= now_s:
            del _REJECTIONS[key]
    is_new = rejection_message(session) != sentence
    _REJECTIONS[session] = sentence, now_s + REJECTION_S
    return is_new


def rejection_message(session: str) -> str:
    """Return why an upload of a session was rejected in the last seconds; empty if none was."""
    sentence, until_s = _REJECTIONS.get(session, ("", 0.0))
    return sentence if time.monotonic() < until_s else ""
