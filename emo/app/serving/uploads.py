"""The uploads of a session that the server keeps, how it lets go of them, and what it refused."""

import time
import weakref
from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from emo.app import clip_cache

REJECTION_S = 20.0
"""How long a page says that an upload was refused; the next file may make it anew at once."""

_REFUSALS: dict[str, tuple[str, float]] = {}


class _Held(Protocol):
    @property
    def data(self) -> bytes: ...


T = TypeVar("T", bound=_Held)


class PendingClips(list[T]):
    """Clips that a page has taken and not worked on yet; they end with the session's state."""


_WAITING: weakref.WeakValueDictionary[str, PendingClips[Any]] = weakref.WeakValueDictionary()


def count_pending(waiting: PendingClips[Any]) -> None:
    """Count clips as the session's, also where their files are taken from the server meanwhile."""
    context = get_script_run_ctx()
    if context is not None:
        _WAITING[context.session_id] = waiting


def usage(session: str) -> tuple[int, int]:
    """The number of files that a session has on the server, and its bytes, unpacked ones too."""
    files = _files(_store(), session).values() if runtime.exists() else ()
    sizes = {id(file.data): len(file.data) for file in files}
    n_copies = len(files) - len(sizes)
    sizes |= {id(one.data): len(one.data) for one in list(_WAITING.get(session, ()))}
    return len(sizes) + n_copies, sum(sizes.values()) + clip_cache.CACHE.size_of(session)


def release_uploads(clips: Iterable[bytes]) -> None:
    """Nothing; the server has these files no longer, under whatever name this session sent them.

    A widget that is emptied by a new key, or left with its page, leaves its files with the server
    until the session ends.
    """
    context = get_script_run_ctx()
    if context is None or not runtime.exists():
        return
    given, store = set(clips), _store()
    for file_id, file in _files(store, context.session_id).items():
        if file.data in given:
            store.remove_file(context.session_id, file_id)


def record_rejection(session: str, sentence: str) -> bool:
    """Store why an upload of a session was rejected; return whether its page must show it anew."""
    now_s = time.monotonic()
    for one, (_, until_s) in list(_REFUSALS.items()):
        if until_s <= now_s:
            del _REFUSALS[one]
    is_news = rejection_message(session) != sentence
    _REFUSALS[session] = sentence, now_s + REJECTION_S
    return is_news


def rejection_message(session: str) -> str:
    """Why an upload of the session was refused a moment ago; empty if none was."""
    sentence, until_s = _REFUSALS.get(session, ("", 0.0))
    return sentence if time.monotonic() < until_s else ""


def _store() -> Any:
    return runtime.get_instance().uploaded_file_mgr


def _files(store: Any, session: str) -> dict[str, Any]:
    return dict(store.file_storage.get(session, {}))
