"""Why each model answers as it does: on demand, in words, with the regions laid over the player."""

import json
from typing import Any

import streamlit as st

from emo.app import common, controls, html, text, url
from emo.app.analyse import text as analyse_text
from emo.app.analyse import tour
from emo.audio import clip
from emo.errors import ModelError
from emo.inference.explanation import Explanation, Regions, explain
from emo.inference.explanation_text import (
    LOG_ODDS,
    PLAIN_TREE,
    path_sentences,
    region_sentences,
    shift_sentences,
    surrogate_sentences,
    turning_point,
)
from emo.inference.predictor import MODEL_KEYS
from emo.server import memory

_SHOWN = "why"


@st.cache_data(scope="session", max_entries=8, show_spinner=analyse_text.LOOKING_FOR_REASONS)
def reasons(
    sha256: str, name: str, region_s: tuple[float, float] | None, _part: clip.Clip
) -> Explanation:
    """Why the models answer as they do to a clip, or to a region of it."""
    with common.turn("explain", memory.predict_bytes(_part.duration_s)):
        return explain(_part, common.models())


def is_open() -> bool:
    """Whether the reasons are shown."""
    return bool(controls.kept(_SHOWN, False))


def set_open(shown: bool) -> None:
    """Nothing; shows or hides the reasons, from before the switch is drawn."""
    controls.put(_SHOWN, shown)


def _note_switch() -> None:
    if controls.is_new(_SHOWN):
        url.mark_user_action()
    controls.note(_SHOWN)
    if is_open():
        tour.note_step("why")


def show_why(sha256: str, name: str, region_s: tuple[float, float] | None, part: clip.Clip) -> None:
    """Nothing; a switch, and where it is on the reasons of the three models side by side.

    Parameters
    ----------
    sha256, name, region_s
        The key under which the reasons are kept.
    part
        What the models answered for: the clip, or its region.
    """
    shown = controls.hold(_SHOWN, False)
    label, help_text = analyse_text.WHY_LABEL, analyse_text.WHY_HELP
    if not st.toggle(label, shown, key=_SHOWN, help=help_text, on_change=_note_switch):
        return
    try:
        found = reasons(sha256, name, region_s, part)
    except ModelError:
        st.caption(analyse_text.WHY_NEEDS_ALL)
        return
    told = {
        "tree": _tree(found),
        "cnn": html.reasons(text.MODEL_NAMES["cnn"], region_sentences(found.cnn)),
        "mlp": _mlp(found),
    }
    with st.container(key="why-shown"):
        for key, column in zip(MODEL_KEYS, st.columns(len(MODEL_KEYS), gap="small"), strict=True):
            with column.container(border=True, height="stretch", key=f"why-{key}"):
                st.html(told[key])
        offset_s = region_s[0] if region_s else 0.0
        st.html(html.overlay(json.dumps(patches(found.cnn, offset_s))))
    st.caption(f"{analyse_text.WHY_NOTE} {LOG_ODDS}")


def patches(regions: Regions, offset_s: float) -> list[list[Any]]:
    """Start, stop, lowest and highest frequency, strength (0 to 1) and mark of each patch.

    Parameters
    ----------
    offset_s
        Where the region that was answered begins in the clip.
    """
    most = max((patch.drop for patch in regions.patches), default=0.0)
    return [
        [
            round(patch.start_s + offset_s, 3),
            round(patch.stop_s + offset_s, 3),
            round(patch.low_hz),
            round(patch.high_hz),
            round(max(0.0, patch.drop) / most, 3) if most > 0 else 0.0,
            patch.marked,
        ]
        for patch in regions.patches
    ]


def _tree(found: Explanation) -> str:
    """How the share moved from question to question; every question is there on demand."""
    path = found.tree
    shares = [path.share, *(step.share for step in path.steps)]
    *questions, leaf = path_sentences(path)
    picture = html.steps(shares, analyse_text.share_by_question(path.label, shares))
    told = [analyse_text.share_over_questions(path.label), turning_point(path), leaf]
    more = [(analyse_text.all_questions(len(path.steps)), questions)] if path.steps else []
    more.append((analyse_text.READABLE_TREE, [PLAIN_TREE, *surrogate_sentences(path)]))
    return html.reasons(text.MODEL_NAMES["tree"], [one for one in told if one], picture, more)


def _mlp(found: Explanation) -> str:
    amounts = {part.group: part.amount for part in found.mlp.parts}
    picture = html.shifts(amounts, found.mlp.label)
    return html.reasons(text.MODEL_NAMES["mlp"], shift_sentences(found.mlp), picture)
