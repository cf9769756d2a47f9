"""The player: one component with waveform, spectrogram and playhead, and a selected part."""

import json
from collections.abc import Callable
from typing import Any

import streamlit as st

from emo.app import html
from emo.app.components import component
from emo.app.player_data import MIN_PART_S

Share = tuple[float, float]
"""Start and end of a part, 0 to 1 of the clip, whose length may change with its speed."""

_SHARES = "selected-shares"
_SHARE_STEP = 1e-5
_TOLERANCE_S = 1e-3


def _do_nothing() -> None: ...


def show_player(
    pack: Callable[[], bytes],
    key: str,
    on_play: Callable[[], None] = _do_nothing,
    has_lanes: bool = False,
) -> None:
    """Draw the player of a clip; ``selected_share`` returns the part that is selected in it.

    Parameters
    ----------
    pack
        Returns the clip as packed by ``emo.app.player_data.pack_player``.  It is called once room
        is kept for the player, so that nothing on the page moves when it comes.
    key
        Key of the clip, so that a part of one is not taken for a part of another.
    on_play
        Called when the clip is played.
    has_lanes
        Whether the clip has lanes, which need more room.
    """
    st.html(html.chosen_part(json.dumps(selected_share(key)), has_lanes))
    component("player", "player_drawing", "player_files")(
        data=pack(),
        key=key,
        on_region_change=lambda: _update_share(key),
        on_played_change=on_play,
    )


def _update_share(key: str) -> None:
    """Keep the part that a visitor selected, which Streamlit drops with the page."""
    state = st.session_state.get(key)
    select_share(key, _read_share(state.get("region") if state else None))


def _read_share(region: Any) -> Share | None:
    """Return the part that the browser sent; None for the whole clip and for invalid data."""
    if not isinstance(region, list | tuple) or len(region) != 2:
        return None
    start, stop = region
    if not all(isinstance(place, int | float) for place in (start, stop)):
        return None
    return float(start), float(stop)


def select_share(key: str, share: Share | None) -> None:
    """Select a part of the clip with a key, or the whole clip."""
    shares: dict[str, Share | None] = st.session_state.setdefault(_SHARES, {})
    shares[key] = share


def selected_share(key: str) -> Share | None:
    """Return the selected part of the clip with a key; None for the whole clip."""
    shares: dict[str, Share | None] = st.session_state.get(_SHARES, {})
    return shares.get(key)


def is_long_enough(share: Share, duration_s: float) -> bool:
    """Return True if a part of a clip is as long as the player lets a visitor select.

    The player rounds both ends of a part to 0.00001 of the clip.
    """
    start, stop = (min(max(place, 0.0), 1.0) for place in share)
    return (stop - start + _SHARE_STEP) * duration_s >= MIN_PART_S - _TOLERANCE_S


def clear_shares() -> None:
    """Select the whole of every clip of this session."""
    st.session_state.pop(_SHARES, None)
