"""Clips that are played in the table and on the map, one at a time, sent when they are needed."""

import numpy as np
import streamlit as st

from emo.app import clip_cache, common, navigation, player_data
from emo.app.compare.collection import UploadedClip, session_clips
from emo.app.components import component
from emo.audio import isolated
from emo.errors import AudioError
from emo.server import memory

KEY = "comparison-sound"

_REQUEST = "comparison-sound-request"  # visit of the page, number of the request, digest


def request(digest: str) -> None:
    """Have a clip played when the page is drawn next."""
    _, number, _ = st.session_state.get(_REQUEST, (0, 0, ""))
    st.session_state[_REQUEST] = (navigation.visit_number(), number + 1, digest)


def show_sound() -> None:
    """Draw the invisible component that plays, with the clip that was requested last, if any."""
    visit, number, digest = st.session_state.get(_REQUEST, (0, 0, ""))
    clip = session_clips().clips.get(digest)
    block = b""
    if clip is not None and visit == navigation.visit_number():
        try:
            sound = encode(digest, clip.names[0], clip)
        except AudioError as error:  # it was read before
            common.LOG.error("%s", error)
        else:
            block = player_data.join_parts(
                {"id": digest, "number": number, "mime": sound[1]}, {"sound": sound[0]}
            )
    with st.container(key=KEY):
        component("sound")(data=block, key=f"{KEY}-player")


def encode(digest: str, name: str, clip: UploadedClip) -> tuple[bytes, str]:
    """Return a clip as a sound that every browser plays, and its media type, cached."""
    block = _encode(digest, name, clip.data)
    mime, _, sound = block.partition(b"\n")
    return sound, mime.decode()


@clip_cache.cached()
def _encode(digest: str, name: str, _data: bytes) -> bytes:
    """Return the media type of a sound, a line break, and the sound."""
    with common.task_slot("draw", memory.DECODE_BYTES):
        samples = isolated.shared_decoder().decode(_data, name).samples
        peak = float(np.abs(samples).max()) or 1.0
        sound, mime = player_data.encode_sound(samples * (player_data.PEAK / peak))
        return mime.encode() + b"\n" + sound
