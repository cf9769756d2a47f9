"""The player: one component with waveform, spectrogram and playhead, and the region it gives."""

import json
from collections.abc import Callable
from typing import Any

import streamlit as st

from emo.app import html
from emo.app.components import component

Share = tuple[float, float]
"""Where a part of a clip starts and stops, 0 to 1 of it: its length may change with its speed."""

_SHARES = "selected"


def _do_nothing() -> None: ...


def show_player(
    block: bytes,
    key: str,
    on_select: Callable[[], None] = _do_nothing,
    on_play: Callable[[], None] = _do_nothing,
) -> None:
    """Draw a clip, whose selected region :func:`selected_share` returns.

    Parameters
    ----------
    block
        What :func:`emo.app.player_data.pack_player` packed.
    key
        One for each clip, so that the region of one is not taken for another's.
    on_select, on_play
        Called after a person selected a region, and when the clip was played.
    """
    st.html(html.chosen_part(json.dumps(selected_share(key))))
    component("player")(
        data=block,
        key=key,
        on_region_change=_keep_region(key, on_select),
        on_played_change=on_play,
    )


def _keep_region(key: str, on_select: Callable[[], None]) -> Callable[[], None]:
    """Return what keeps a region that was selected, also over other pages."""

    def keep() -> None:
        state = st.session_state.get(key)
        select_share(key, _share_in(state.get("region") if state else None))
        on_select()

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
    """Show the share, or the whole clip, as selected in the player with this key."""
    shares: dict[str, Share | None] = st.session_state.setdefault(_SHARES, {})
    shares[key] = share


def forget() -> None:
    """Nothing; drops what was selected in this session."""
    st.session_state.pop(_SHARES, None)


def selected_share(key: str) -> Share | None:
    """Where the selected region starts and stops, 0 to 1 of the clip; None for the whole."""
    shares: dict[str, Share | None] = st.session_state.get(_SHARES, {})
    return shares.get(key)
