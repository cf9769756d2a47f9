"""The timeline of a longer clip: lanes in the player, a table, and files."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import streamlit as st
from markupsafe import Markup

from emo.app import among, clip_cache, common, html
from emo.app import text as app_text
from emo.app.analyse import text
from emo.audio import clip as audio_clip
from emo.audio.channels import parse_channel
from emo.classifiers.voice import VOICE
from emo.formatting import clock, percent
from emo.inference import export
from emo.inference.loading import MODEL_KEYS
from emo.inference.timeline import Timeline, choose_among, iter_timeline, know_windows
from emo.labels import ENSEMBLE
from emo.server import memory
from emo.system import filenames

MIN_DURATION_S = 8.0
"""Shortest clip with a timeline."""

REDRAW_S = 0.8
"""Least time from one drawing of a timeline that is not complete to the next."""

_RUN_BYTES = 8_000_000
"""Memory of a complete timeline of ten minutes, of which the numbers of its windows take 5 MB."""

_RUNS = "timelines"
_ENDINGS = {"audacity": "txt", "textgrid": "TextGrid"}
_MIMES = {
    "csv": "text/csv",
    "json": "application/json",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "audacity": "text/plain",
    "textgrid": "text/plain",
    "eaf": "text/xml",
}


@dataclass
class _Run:
    """A timeline and the iterator that continues it when the page is drawn again.

    ``known`` has the timelines with the voice known, and ``drawn`` what was drawn of complete
    timelines, by the emotions that can occur and, for the latter, whether the voice is known.
    """

    rest: Iterator[Timeline]
    latest: Timeline
    known: dict[tuple[str, ...], Timeline] = field(default_factory=dict)
    drawn: dict[tuple[tuple[str, ...], bool], Markup] = field(default_factory=dict)


def _do_nothing(timeline: Timeline) -> None: ...


def lane_names(duration_s: float) -> list[str]:
    """Return the names of the lanes in the player of a clip; none for a short one."""
    if duration_s < MIN_DURATION_S:
        return []
    keys = common.models().classifiers
    return [
        app_text.SHORT_NAMES[key] for key in (ENSEMBLE, *MODEL_KEYS) if key in (ENSEMBLE, *keys)
    ]


def show_timeline(
    key: str,
    name: str,
    clip: audio_clip.Clip,
    recording: str = "",
    on_update: Callable[[Timeline], None] = _do_nothing,
) -> None:
    """Send the answers over time to the player as they are computed, and draw table and files.

    Parameters
    ----------
    key
        Key of the clip, under which its timeline is cached, and by which the player finds it.
    name
        Name of the clip in the files.
    recording
        Key of the recording, whatever was altered in it, for its switch *One speaker*.
    on_update
        Called with each timeline that is drawn; the last one is complete.
    """
    if clip.duration_s < MIN_DURATION_S:
        return
    st.header(text.TIMELINE_TITLE, anchor=False)
    lanes = st.empty()
    is_one = st.toggle(
        text.ONE_SPEAKER_LABEL,
        value=False,
        key=f"one-speaker-{recording or key}",
        help=text.ONE_SPEAKER_HELP,
    )
    run = _run_of(key, clip)
    shown = _shown(run, is_one)
    lanes.html(_lanes(run, key, shown))
    on_update(shown)
    n_before, drawn_s = run.latest.done, time.monotonic()
    for timeline in common.run_in_slots("timeline", run.rest):
        run.latest = timeline
        is_done = timeline.done == timeline.total
        if not is_done and time.monotonic() - drawn_s < REDRAW_S:
            continue
        shown = _shown(run, is_one)
        lanes.html(_lanes(run, key, shown))
        on_update(shown)
        drawn_s = time.monotonic()
    if run.latest.done > n_before:  # without the clip, which it no longer needs
        clip_cache.put(_RUNS, key, run, _RUN_BYTES)
    for remark in export.remarks(shown):
        draw = st.info if remark == shown.voice_note else st.warning
        draw(common.escape_markdown(remark))
    st.caption(text.TIMELINE_NOTE)
    _show_table(shown)
    _show_files(name, shown)


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


def _shown(run: _Run, is_one: bool) -> Timeline:
    """Return the latest timeline among the emotions that can occur, for one speaker or any."""
    labels, models = among.chosen(), common.models()
    plain = choose_among(run.latest, labels, models.calibration)
    if not is_one or plain.done < plain.total:
        return plain
    if labels not in run.known:
        run.known[labels] = know_windows(plain, models)
    return run.known[labels]


# --- Lanes ---------------------------------------------------------------------------------------


def _lanes(run: _Run, key: str, timeline: Timeline) -> Markup:
    """Return the lanes as HTML, which is kept once it is complete."""
    kind = (timeline.among, bool(timeline.voice_note))
    if kind in run.drawn:
        return run.drawn[kind]
    description = text.timeline_in_words(timeline.cues())
    drawn = html.lanes(lanes_json(key, timeline), description, timeline.labels)
    if timeline.done == timeline.total:
        run.drawn[kind] = drawn
    return drawn


def lanes_json(key: str, timeline: Timeline) -> str:
    """Return a timeline as the player reads it.

    Returns
    -------
    str
        JSON with ``key`` and ``total`` (of windows), ``labels``, ``spans`` (start and stop in
        seconds), ``shares`` (in whole per cent, of the answers that are shown first), ``names``
        of the lanes, and by lane ``answers``: number of the label, confidence as text, 1 if unsure.
    """
    names = {VOICE: text.KNOWN_VOICE} | app_text.SHORT_NAMES
    keys = [lane for lane in (VOICE, ENSEMBLE, *MODEL_KEYS) if lane in timeline.probabilities]
    windows = timeline.answers()
    return json.dumps(
        {
            "key": key,
            "total": timeline.total,
            "labels": timeline.labels,
            "spans": timeline.segments_s.tolist(),
            "shares": (100 * timeline.probabilities[timeline.served]).round(1).tolist(),
            "names": [names[lane] for lane in keys],
            "answers": [
                [
                    [timeline.labels.index(said.label), percent(said.confidence), int(said.unsure)]
                    for said in (answers[lane] for answers in windows)
                ]
                for lane in keys
            ],
        },
        separators=(",", ":"),
    )


# --- Table and files -----------------------------------------------------------------------------


def _show_table(timeline: Timeline) -> None:
    rows = [
        (
            cue.start_s,
            (
                clock(cue.start_s, decimals=1),
                clock(cue.stop_s, decimals=1),
                f"{cue.answer.label}{text.UNSURE_MARK if cue.answer.unsure else ''}",
                percent(cue.answer.confidence),
            ),
        )
        for cue in timeline.cues()
    ]
    if rows:
        st.html(html.timeline_table(text.TIMELINE_TABLE, text.TIMELINE_HEADS, rows))


def _show_files(name: str, timeline: Timeline) -> None:
    channel = parse_channel(name)
    stem = filenames.download_stem(
        "analyse", filenames.without_ending(name), channel, text.TIMELINE_FILE
    )
    with st.popover(text.TIMELINE_SAVE, icon=":material/download:"), st.container(gap=None):
        for form, label in text.TIMELINE_FILES.items():
            st.download_button(
                label,
                partial(export.written, export.TIMELINE_WRITERS[form], name, timeline),
                f"{stem}.{_ENDINGS.get(form, form)}",
                _MIMES[form],
                on_click="ignore",
                type="tertiary",
                key=f"timeline-file-{form}",
            )
