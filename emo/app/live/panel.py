"""The button of Live, and the panel that it opens."""

from typing import Any

import streamlit as st

from emo.app import among, current_clip, streamlit_internals, theme
from emo.app.components import component
from emo.app.current_clip import ClipSource
from emo.app.live import text
from emo.app.live.routes import STREAM, WORKLET
from emo.app.notice import line
from emo.app.notice.text import NOTICE, TICK
from emo.app.own import served
from emo.app.text import MODEL_NAMES, SHORT_NAMES
from emo.audio.limits import MIN_DURATION_S
from emo.labels import ENSEMBLE
from emo.server.live import MAX_S, STEP_S

LIVE = "live"
"""Origin of a clip that was kept from a live microphone."""

_KEY = "live"


def show_live() -> None:
    """Draw the button *Live*.  What is kept becomes the current clip."""
    component("live", "recording")(
        data=[_data()], key=_KEY, on_kept_change=_take_clip, on_read_change=line.mark_read
    )


def _data() -> dict[str, Any]:
    base = streamlit_internals.base_path()
    return {
        "stream": f"{base}{STREAM}",
        "worklet": f"{base}{WORKLET}",
        "upload": f"{base}/_stcore/upload_file",
        "cookie": streamlit_internals.xsrf_cookie(),
        "session": streamlit_internals.current_session(),
        "among": among.write_param(among.chosen()),
        "file": text.CLIP_NAME,
        "first": ENSEMBLE,
        "models": {
            key: {"name": MODEL_NAMES[key], "short": SHORT_NAMES[key]}
            for key in (ENSEMBLE, *served.classifier_keys())
        },
        "signs": theme.looks(served.labels()),
        "step_s": STEP_S,
        "limit_s": MAX_S,
        "kept_s": text.KEPT_S,
        "shown_s": text.KEPT_S,
        "min_s": MIN_DURATION_S,
        "notice": None if line.is_read() else {"text": NOTICE, "tick": TICK},
        "words": text.WORDS | {"privacy": text.privacy(among.chosen())},
    }


def _take_clip() -> None:
    """Replace the clip by the sound that the browser uploaded."""
    state = st.session_state.get(_KEY)
    file_id = state.get("kept") if state else None
    session = streamlit_internals.current_session()
    if not isinstance(file_id, str):
        return
    data = streamlit_internals.file_of(session, file_id)
    if data is None:
        return  # its upload was removed, or is that of another session
    streamlit_internals.remove_file(session, file_id)
    current_clip.set_source(ClipSource(text.CLIP_NAME, data, LIVE))
