"""The explanation of each classifier's answer: a sentence first, then what is behind it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from emo.app import among, clip_cache, common, html, player_data
from emo.app import text as app_text
from emo.app.analyse import text
from emo.app.analyse.why import text as why_text
from emo.app.components import component
from emo.audio import clip
from emo.classifiers.registry import CLASSIFIERS
from emo.errors import AudioError, ModelError
from emo.inference.explanation import Explanation, Reason, Shift, TreePath, explain
from emo.inference.explanation_text import (
    LOG_ODDS,
    NO_EXPLANATION,
    PLAIN_TREE,
    asks_calm,
    path_sentences,
    region_sentences,
    shift_sentences,
    surrogate_sentences,
)
from emo.inference.reasons.plain_words import (
    GROUP_NAMES,
    calm_sentence,
    regions_sentence,
    shift_sentence,
    step_words,
    tree_sentence,
)
from emo.inference.reasons.without_regions import (
    MAX_S,
    Heard,
    spectrogram_db,
    to_16_bits,
    without_regions,
)
from emo.inference.regions import Regions
from emo.server import memory

RANGE_DB = 60.0
"""Range of the levels that a small spectrogram shows."""

COLUMNS = 2


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
    _draw.clear()


def show_explanation(
    key: str, name: str, part_s: tuple[float, float] | None, part: clip.Clip
) -> None:
    """Draw the explanation of the answer of each model.

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
    models = [key for key in CLASSIFIERS if key in explanation.prediction.answers]
    with st.container(key="why-shown"):
        for first in range(0, len(models), COLUMNS):
            row = models[first : first + COLUMNS]
            for model, column in zip(row, st.columns(COLUMNS, gap="small"), strict=False):
                with column.container(border=True, height="stretch", key=f"why-{model}"):
                    _show_reason(model, explanation, (key, name, part_s), part)
    st.caption(why_text.NOTE)


def _show_reason(
    model: str,
    explanation: Explanation,
    place: tuple[str, str, tuple[float, float] | None],
    part: clip.Clip,
) -> None:
    """Draw why a model answers as it does."""
    reason, name = explanation.why.get(model), app_text.MODEL_NAMES[model]
    if not isinstance(reason, Regions):
        st.html(_reason_html(name, reason))
        return
    st.html(html.reasons(name, [regions_sentence(reason)]))
    key, file_name, part_s = place
    start_s = part_s[0] if part_s else 0.0
    block = _draw(key, file_name, start_s, part.duration_s, among.chosen(), model, part, reason)
    component("regions")(data=block, key=f"why-picture-{model}")
    details = [(why_text.NUMBERS, [*region_sentences(reason), LOG_ODDS])]
    st.html(html.details(details))


@clip_cache.cached(text.LOOKING_FOR_REASONS)
def _draw(
    key: str,
    name: str,
    start_s: float,
    duration_s: float,
    labels: tuple[str, ...],
    model: str,
    _part: clip.Clip,
    _regions: Regions,
) -> bytes:
    """Return the spectrogram of a network and its sounds, cached for this session."""
    with common.task_slot("explain", memory.predict_bytes(duration_s)):
        heard = None
        if duration_s <= MAX_S and _regions.marked.any():
            try:
                heard = without_regions(_part, model, _regions, common.models(), labels)
            except AudioError:  # the part is shorter than a recording may be
                heard = None
        picture = heard.before if heard else spectrogram_db(_part, model)
        return pack(_part, start_s, _regions, picture, heard)


def pack(
    part: clip.Clip, start_s: float, regions: Regions, picture: np.ndarray, heard: Heard | None
) -> bytes:
    """Return what the browser draws and plays of a network's explanation.

    Parameters
    ----------
    part
        What was analysed.
    start_s
        Its start in the clip.
    regions
    picture : ndarray of float32, shape (time, bands)
        Spectrogram of the network, in dB.
    heard
        The part without the marked regions; None where it cannot be made.
    """
    n_frames, n_bands = picture.shape
    loudest_db = float(picture.max())
    told = why_text.without(heard.answer) if heard else why_text.not_heard(part.duration_s, regions)
    header: dict[str, Any] = {
        "columns": n_frames,
        "bands": n_bands,
        "picture_s": [regions.start_s, regions.start_s + n_frames * regions.frame_s],
        "offset_s": start_s,
        "low_hz": min((patch.low_hz for patch in regions.patches), default=0.0),
        "high_hz": max((patch.high_hz for patch in regions.patches), default=0.0),
        "palette": list(player_data.PALETTE),
        "mime": "audio/flac",
        "words": why_text.PICTURE | {"told": told, "picture": regions_sentence(regions)},
    }
    marked = np.zeros(picture.shape, np.uint8)
    marked[: len(regions.marked)] = regions.marked[:n_frames]
    parts: dict[str, bytes] = {
        "before": player_data.deflate(_quantise(picture, loudest_db)),
        "marked": player_data.deflate(marked),
        "sound": player_data.to_flac(to_16_bits(part.samples)),
    }
    if heard:
        parts["after"] = player_data.deflate(_quantise(heard.after, loudest_db))
        parts["without"] = player_data.to_flac(heard.samples)
    return player_data.join_parts(header, parts)


def _quantise(picture: np.ndarray, loudest_db: float) -> np.ndarray:
    """Return levels as uint8, 0 to 255 over the range."""
    share = (picture - loudest_db) / RANGE_DB + 1.0
    return np.asarray(np.round(255 * np.clip(share, 0.0, 1.0)), np.uint8)


# --- As HTML -------------------------------------------------------------------------------------


def _reason_html(name: str, reason: Reason | None) -> Any:
    if isinstance(reason, TreePath):
        return _path_html(name, reason)
    if isinstance(reason, Shift):
        return _shift_html(name, reason)
    return html.reasons(name, [NO_EXPLANATION])


def _path_html(name: str, path: TreePath) -> Any:
    """Return the questions of a tree as chips with the share after each."""
    *questions, leaf = path_sentences(path)
    chips = [html.Chip(why_text.START, path.share)]
    chips += [
        html.Chip(
            why_text.calm_question(word) if asks_calm(path, step) else word,
            step.share,
            question,
            asks_calm(path, step),
        )
        for word, step, question in zip(
            step_words(path.steps), path.steps, questions[1:], strict=True
        )
    ]
    sentences = [tree_sentence(path)]
    picture = html.chips(chips, why_text.share_after(path.label))
    more = [(text.all_questions(len(path.steps)), [*questions, leaf])] if path.steps else []
    more.append((text.READABLE_TREE, [PLAIN_TREE, *surrogate_sentences(path)]))
    rest = [
        sentence for sentence in (why_text.chips_note(path.label), calm_sentence(path)) if sentence
    ]
    return html.reasons(name, [*sentences, *rest], picture, more)


def _shift_html(name: str, shift: Shift) -> Any:
    """Return the groups of measurements as bars in percentage points."""
    points: Mapping[str, float] = {
        GROUP_NAMES[part.group]: 100 * part.amount for part in shift.points
    }
    picture = html.shifts(points, why_text.points_of(shift.label))
    more = [(why_text.NUMBERS, [*shift_sentences(shift), LOG_ODDS])]
    sentences = [shift_sentence(shift), why_text.POINTS_NOTE]
    return html.reasons(name, sentences, picture, more)
