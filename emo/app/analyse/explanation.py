"""The explanation of each classifier's answer, in words and as regions over the spectrogram."""

import json
from typing import Any

import streamlit as st

from emo.app import among, common, controls, html
from emo.app import text as app_text
from emo.app.analyse import text
from emo.audio import clip
from emo.classifiers.registry import CLASSIFIERS
from emo.errors import ModelError
from emo.inference.explanation import Explanation, Reason, Shift, TreePath, explain
from emo.inference.explanation_text import (
    LOG_ODDS,
    NO_EXPLANATION,
    PLAIN_TREE,
    path_sentences,
    region_sentences,
    shift_sentences,
    surrogate_sentences,
    turning_point,
)
from emo.inference.regions import Regions
from emo.server import memory

_FRAMED_KEY = "framed"


@st.cache_data(scope="session", max_entries=8, show_spinner=text.LOOKING_FOR_REASONS)
def _explain(
    key: str,
    name: str,
    part_s: tuple[float, float] | None,
    labels: tuple[str, ...],
    _part: clip.Clip,
) -> Explanation:
    """Return the explanation of the answers to a clip or a part of it."""
    with common.task_slot("explain", memory.predict_bytes(_part.duration_s)):
        return explain(_part, common.models(), labels)


def clear_cache() -> None:
    """Drop the explanations that are cached for the session."""
    _explain.clear()


def show_explanation(
    key: str, name: str, part_s: tuple[float, float] | None, part: clip.Clip
) -> None:
    """Draw the explanations of the models side by side.

    Parameters
    ----------
    key, name, part_s
        Key of the clip, name of its file, and the selected part in seconds.
    part
        What was analysed: the clip, or its part.
    """
    try:
        explanation = _explain(key, name, part_s, among.chosen(), part)
    except ModelError:
        st.caption(text.WHY_NEEDS_ALL)
        return
    with st.container(key="why-shown"):
        columns = st.columns(len(CLASSIFIERS), gap="small")
        for model, column in zip(CLASSIFIERS, columns, strict=True):
            with column.container(border=True, height="stretch", key=f"why-{model}"):
                st.html(_card(app_text.MODEL_NAMES[model], explanation.why.get(model)))
        framed = _choose_framed()
        regions = explanation.why[framed]
        assert isinstance(regions, Regions)
        patches = patch_rows(regions, part_s[0] if part_s else 0.0)
        st.html(html.overlay(json.dumps(patches)))
    st.caption(f"{text.why_note(framed)} {LOG_ODDS}")


def _choose_framed() -> str:
    """Draw the choice of the model whose regions the player draws, and return its key."""
    names = text.REGIONS_MODELS
    options = list(names)
    framed = controls.value_of(_FRAMED_KEY, options[0], options)
    if len(options) > 1:
        framed = st.segmented_control(
            text.FRAMED_LABEL,
            options,
            default=framed,
            required=True,
            format_func=names.__getitem__,
            help=text.FRAMED_HELP,
            key=_FRAMED_KEY,
            persist_state="session",
        )
    return str(framed)


def patch_rows(regions: Regions, start_s: float) -> list[list[Any]]:
    """Return each patch as the player draws it.

    Parameters
    ----------
    regions
        Explanation of a network.
    start_s
        Start of the analysed part in the clip, in seconds.

    Returns
    -------
    list of list
        Start and end in seconds, lowest and highest frequency in hertz, strength from 0 to 1, and
        whether it is marked.
    """
    highest = max((patch.drop for patch in regions.patches), default=0.0)
    return [
        [
            round(patch.start_s + start_s, 3),
            round(patch.stop_s + start_s, 3),
            round(patch.low_hz),
            round(patch.high_hz),
            round(max(0.0, patch.drop) / highest, 3) if highest > 0 else 0.0,
            patch.marked,
        ]
        for patch in regions.patches
    ]


def _path_html(name: str, path: TreePath) -> str:
    """Return the share after each question of a tree; all questions are shown on demand."""
    shares = [path.share, *(step.share for step in path.steps)]
    *questions, leaf = path_sentences(path)
    picture = html.steps(shares, text.share_by_question(path.label, shares))
    sentences = [text.share_over_questions(path.label), turning_point(path), leaf]
    more = [(text.all_questions(len(path.steps)), questions)] if path.steps else []
    more.append((text.READABLE_TREE, [PLAIN_TREE, *surrogate_sentences(path)]))
    return html.reasons(name, [sentence for sentence in sentences if sentence], picture, more)


def _shifts_html(name: str, shift: Shift) -> str:
    amounts = {part.group: part.amount for part in shift.parts}
    return html.reasons(name, shift_sentences(shift), html.shifts(amounts, shift.label))


def _card(name: str, reason: Reason | None) -> Any:
    """Return the explanation of a model's answer as HTML."""
    if isinstance(reason, TreePath):
        return _path_html(name, reason)
    if isinstance(reason, Shift):
        return _shifts_html(name, reason)
    return html.reasons(name, region_sentences(reason) if reason else [NO_EXPLANATION])
