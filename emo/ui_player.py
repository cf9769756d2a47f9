"""The player: one component with waveform, spectrogram and playhead, and the region it gives."""

import json
from collections.abc import Callable
from typing import Any

import streamlit as st

from emo import ui_guide, ui_html, ui_links
from emo.ui_component import component

Share = tuple[float, float]
"""Where a part of a clip starts and stops, 0 to 1 of it: its length may change with its speed."""

_SHARES = "selected"


def show_player(block: bytes, key: str) -> None:
    """Nothing; draws a clip.  Its selected region is then found by :func:`selected_share`.

    Parameters
    ----------
    block
        What :func:`emo.player.pack_player` packed.
    key
        One for each clip, so that the region of one is not taken for another's.
    """
    st.html(ui_html.chosen_part(json.dumps(selected_share(key))))
    component("player")(
        data=block,
        key=key,
        on_region_change=_keep_region(key),
        on_played_change=lambda: ui_guide.note_step("listen"),
    )


def _keep_region(key: str) -> Callable[[], None]:
    """What the page does when a region was selected: it keeps it, also over other pages."""

    def keep() -> None:
        state = st.session_state.get(key)
        select_share(key, _share_in(state.get("region") if state else None))
        ui_links.note_act()

    return keep


def _share_in(sent: Any) -> Share | None:
    """The region that the player sent; None for the whole, and for what is no region."""
    if not isinstance(sent, list | tuple) or len(sent) != 2:
        return None
    start, stop = sent
    if not all(isinstance(one, int | float) for one in (start, stop)):
        return None
    return float(start), float(stop)


def select_share(key: str, share: Share | None) -> None:
    """Nothing; the player with this key shows the share, or the whole clip, as selected."""
    shares: dict[str, Share | None] = st.session_state.setdefault(_SHARES, {})
    shares[key] = share
    if share is not None:
        ui_guide.note_step("select")


def forget() -> None:
    """Nothing; drops what was selected in this session."""
    st.session_state.pop(_SHARES, None)


def selected_share(key: str) -> Share | None:
    """Where the selected region starts and stops, 0 to 1 of the clip; None for the whole."""
    shares: dict[str, Share | None] = st.session_state.get(_SHARES, {})
    return shares.get(key)
