"""The player: one component with waveform, spectrogram and playhead, and the region it gives."""

from pathlib import Path
from typing import Any

import streamlit as st

_FILES = Path(__file__).parent / "data"


@st.cache_resource(show_spinner=False)
def _player() -> Any:
    """The component, registered once for all sessions."""
    html, css, js = (
        (_FILES / f"player.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    return st.components.v2.component("emo_player", html=html, css=css, js=js)


def show_player(block: bytes, key: str) -> None:
    """Nothing; draws a clip.  Its selected region is then found by :func:`selected_share`.

    Parameters
    ----------
    block
        What :func:`emo.player.pack_player` packed.
    key
        One for each clip, so that the region of one is not taken for another's.
    """
    _player()(data=block, key=key, on_region_change=lambda: None)


def selected_share(key: str) -> tuple[float, float] | None:
    """Where the selected region starts and stops, 0 to 1 of the clip; None for the whole.

    The player sends shares and not seconds, since the length may change with the speed.
    """
    state = st.session_state.get(key)
    region = state.get("region") if state else None
    if not isinstance(region, list | tuple) or len(region) != 2:
        return None
    start, stop = region
    if not all(isinstance(one, int | float) for one in (start, stop)):
        return None
    return float(start), float(stop)
