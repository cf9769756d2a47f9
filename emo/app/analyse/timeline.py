"""The timeline of a longer clip: the ensemble over time, a lane for each model, and files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from emo.app import among, clip_cache, common, html
from emo.app import text as app_text
from emo.app.analyse import text
from emo.audio import clip as audio_clip
from emo.inference import export
from emo.inference.loading import MODEL_KEYS
from emo.inference.timeline import Timeline, choose_among, iter_timeline
from emo.labels import ENSEMBLE
from emo.server import memory

MIN_DURATION_S = 5.0
"""Shortest clip with a timeline."""

_RUN_BYTES = 500_000
"""Memory of a complete timeline of ten minutes."""

_RUNS = "timelines"
_FILES: tuple[tuple[str, str, Callable[..., None]], ...] = (
    ("csv", "text/csv", export.write_timeline_csv),
    ("json", "application/json", export.write_timeline_json),
    ("srt", "application/x-subrip", export.write_srt),
    ("vtt", "text/vtt", export.write_vtt),
)


@dataclass
class _Run:
    """A timeline and the iterator that continues it when the page is drawn again."""

    rest: Iterator[Timeline]
    latest: Timeline


def show_timeline(key: str, name: str, clip: audio_clip.Clip) -> None:
    """Draw the answers over time as they are computed.

    Parameters
    ----------
    key
        Key of the clip, under which its timeline is cached.
    name
        Name of the clip in the files.
    """
    if clip.duration_s <= MIN_DURATION_S:
        return
    st.header(text.TIMELINE_TITLE, anchor=False)
    with st.container(border=True, key="timeline"):  # as wide as the player, so that times align
        place, below = st.empty(), st.empty()
    run = _run_of(key, clip)
    _draw(place, _chosen(run.latest))
    n_before = run.latest.done
    for timeline in common.run_in_slots("timeline", run.rest):
        run.latest = timeline
        _draw(place, _chosen(timeline))
        done, total = timeline.done, timeline.total
        below.progress(done / max(total, 1), text=text.windows_done(done, total))
    below.empty()
    if run.latest.done > n_before:  # without the clip, which it no longer needs
        clip_cache.put(_RUNS, key, run, _RUN_BYTES)
    for remark in export.remarks(run.latest):
        st.warning(common.escape_markdown(remark))
    st.caption(text.TIMELINE_NOTE)
    _show_files(name, _chosen(run.latest))


def _run_of(key: str, clip: audio_clip.Clip) -> _Run:
    """Return the run that was started for this clip in this session, or a new one."""
    run: _Run | None = clip_cache.get(_RUNS, key)
    if run is None:
        rest = iter_timeline(clip, common.models())
        with common.task_slot("timeline", memory.draw_bytes(clip.duration_s)):
            run = _Run(rest, next(rest))
        clip_cache.put(_RUNS, key, run, clip.samples.nbytes + _RUN_BYTES)
    return run


def clear_cache() -> None:
    """Drop the timelines that are cached for the session."""
    clip_cache.drop(_RUNS)


def _chosen(timeline: Timeline) -> Timeline:
    """Return a timeline with the answers among the emotions that can occur."""
    return choose_among(timeline, among.chosen(), common.models().calibration)


def _draw(place: Any, timeline: Timeline) -> None:
    lanes = {
        key: [
            html.LaneSegment(
                cue.start_s, cue.stop_s, cue.answer.label, cue.answer.confidence, cue.answer.unsure
            )
            for cue in timeline.cues(key)
        ]
        for key in (ENSEMBLE, *MODEL_KEYS)
        if key in timeline.probabilities
    }
    named_lanes = {app_text.SHORT_NAMES[key]: lane for key, lane in lanes.items()}
    place.html(
        html.timeline(
            timeline.duration_s,
            timeline.segments_s.tolist(),
            timeline.probabilities[ENSEMBLE].tolist(),
            named_lanes,
            text.timeline_in_words(lanes[ENSEMBLE]),
        )
    )


def _show_files(name: str, timeline: Timeline) -> None:
    with st.container(horizontal=True, key="timeline-files"):
        for kind, mime, write in _FILES:
            st.download_button(
                text.TIMELINE_FILES[kind],
                partial(export.written, write, name, timeline),
                f"emo-timeline.{kind}",
                mime,
                on_click="ignore",
                icon=":material/download:",
            )
