"""The page *Analyse*: its address, and the sections that belong to no other module."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from emo import formatting, labels
from emo.app import accuracy_text, among, common, current_clip, html, player, samples, url
from emo.app import text as app_text
from emo.app.analyse import (
    analysis as analyse_analysis,
)
from emo.app.analyse import (
    answers,
    channels,
    downloads,
    guide,
    inputs,
    link,
    recording,
    tabs,
    text,
    timeline,
    what_if,
)
from emo.app.analyse.analysis import Analysis, Sound
from emo.app.analyse.verdict import markup, panel
from emo.app.analyse.verdict.text import NO_HEADLINE
from emo.app.analyse.why import explanation
from emo.app.compare import page as compare_page
from emo.app.components import component
from emo.app.current_clip import SAMPLE, ClipSource
from emo.app.own import served
from emo.app.own import text as own_text
from emo.audio.alteration import NEUTRAL
from emo.audio.channels import MIX, name_with_channel
from emo.classifiers import label_subset
from emo.inference.headline import headline
from emo.inference.timeline import Timeline
from emo.system import paths

MATRICES_PAGE = "pages/confusion_matrices.py"

_CHANGES = "analysed-clip-changes"
_ANSWERED = "answered-clip"  # the last one of which the answers were drawn


def lead() -> str:
    """Return the purpose of the page, and how often its ensemble is right for a visitor's clip."""
    if served.is_own():
        return own_text.lead(served.labels())
    short = accuracy_text.in_short(common.available_metrics().get(labels.ENSEMBLE, {}))
    return f"{text.ANALYSE_LEAD} {short}".strip()


def sync_with_address() -> None:
    """Show the state in the address if it was changed; otherwise write the state into it."""
    _reset_for_new_clip()
    gallery = {sample.stem: sample for sample in samples.read_gallery(paths.SAMPLES_DIR)}
    requested = link.requested_link(_state(), gallery, url.is_opened("analyse"))
    if requested is not None:
        guide.hide_for_link()  # a visitor with a link has a clip at hand
        inputs.open_sample(gallery[requested.sample])
        _reset_for_new_clip()
        source = current_clip.get_source()
        if source is not None:
            player.select_share(analyse_analysis.player_key(source), requested.share)
        what_if.set_to(requested.settings)
        if requested.why:
            tabs.open_tab(tabs.WHY)
        elif requested.settings != NEUTRAL:
            tabs.open_tab(tabs.WHAT_IF)
        among.set_to(requested.among)
    link.write_address(_state())


def _reset_for_new_clip() -> None:
    """Reset the settings that were meant for the previous clip."""
    n_changes = current_clip.n_changes()
    if st.session_state.get(_CHANGES, 0) != n_changes:
        st.session_state[_CHANGES] = n_changes
        what_if.reset()
        channels.reset()


def _state() -> tuple[link.Link, int]:
    """Return the state of the page, empty for a visitor's own clip, and the number of its clip."""
    source, n_changes = current_clip.get_source(), current_clip.n_changes()
    if source is None or source.origin != SAMPLE:
        return link.EMPTY, n_changes
    share = player.selected_share(analyse_analysis.player_key(source))
    sample = Path(source.name).stem
    settings, labels = what_if.settings(), among.chosen()
    is_why = tabs.current() == tabs.WHY
    return link.Link(sample, share, is_why, settings, labels), n_changes


def show_guide() -> None:
    """Draw the guide, after it was brought up to date with what the page shows."""
    source = current_clip.get_source()
    if source is not None:
        guide.complete_step("pick")
        if player.selected_share(analyse_analysis.player_key(source)) is not None:
            guide.complete_step("select")
        if tabs.current() == tabs.WHY:
            guide.complete_step("why")
    guide.show_guide(MATRICES_PAGE)


def show_invitation() -> None:
    """Draw how often the ensemble is right, as long as there is no clip."""
    expectation = panel.expectation()
    if expectation:
        st.html(expectation)


def show_foot(has_clip: bool) -> None:
    """Draw what happens to a visitor's audio, and the way back to the guide."""
    with st.container(horizontal=True, vertical_alignment="center", key="foot"):
        if not has_clip:
            st.caption(app_text.PRIVACY)
        guide.show_way_back()


def show_stage(source: ClipSource, described: Any) -> None:
    """Draw the clip and the answers to it.

    Parameters
    ----------
    source
        The clip.
    described
        Place of the line that describes it.
    """
    compare_page.show_way_back(source)
    with st.container(key="stage"):
        left, right = st.columns([7, 5], gap="medium")
        with left:
            above, sound, below = (
                st.container(key=f"stage-{name}") for name in ("above", "sound", "below")
            )
    with above:
        prepared = analyse_analysis.prepare(source)
    if prepared is None:
        return
    with sound:
        room = st.container(border=True, key="sound")
        among.show_choice("analyse")
        over_time = st.container()
    with right:
        waiting, verdict = st.empty(), st.container(key="stage-verdict")
    latest = ""
    if prepared.is_long:  # the answers to the whole of it take longer, and say less
        described.text(f"{source.name} · {formatting.seconds(prepared.clip.duration_s)}")
        early_place = _wait(waiting, prepared)
        with room:
            _show_sound(source, prepared)
        with over_time:
            latest = _show_timeline(source, prepared, early_place)
    with above:
        analysis = analyse_analysis.analyse(source, prepared)
    if analysis is None:
        return
    described.text(describe(source, analysis))
    waiting.empty()
    with verdict:
        headline_place = panel.show_panel(source, analysis)
    if latest and headline_place is not None:
        headline_place.html(markup.headline(latest))
    # The answers are computed first; player and timeline take longer.
    with below:
        st.html(html.render("page", "unseen_heading", text.MORE_TITLE))
        _show_tabs(source, analysis)
    if not prepared.is_long:
        with room:
            _show_sound(source, analysis)
        with over_time:
            latest = _show_timeline(source, analysis, headline_place)
    has_headline = headline_place is not None and bool(latest)
    said = latest if has_headline else panel.announcement(analysis)
    component("stage")(data=[said], key="stage-script")


def _show_tabs(source: ClipSource, analysis: Analysis) -> None:
    tabs.show_tabs(
        {
            tabs.DETAILS: partial(answers.show_details, source, analysis),
            tabs.WHY: partial(_show_explanation, source, analysis),
            tabs.WHAT_IF: partial(what_if.show_what_if, what_if.settings() != NEUTRAL),
            tabs.RECORDING: partial(_show_quality, analysis),
            tabs.FILES: partial(downloads.show_downloads, source, analysis),
        }
    )


def _wait(place: Any, sound: Sound) -> Any:
    """Return the place of the headline until there are answers to the whole of a long clip.

    None where they were there before: they stay until new ones take their place.
    """
    if st.session_state.get(_ANSWERED) == sound.key:
        return None
    st.session_state[_ANSWERED] = sound.key
    with place.container(border=True, key="waiting"):
        headline_place = st.empty()
        headline_place.html(markup.headline(NO_HEADLINE))
        st.caption(text.ANSWERS_LATER)
    return headline_place


def describe(source: ClipSource, analysis: Analysis) -> str:
    """Return name and length of the clip, and what else describes it."""
    parts = [source.name, formatting.seconds(analysis.clip.duration_s)]
    if analysis.channel != MIX:
        parts.append(text.channel_alone(analysis.channel))
    if analysis.part_s is not None:
        parts.append(text.selected_part(*analysis.part_s))
    if analysis.prediction.among != analysis.prediction.labels:
        among_them = analysis.prediction.among, analysis.prediction.labels
        parts.append(label_subset.in_words(*among_them))
    if source.sample is not None:
        parts.append(samples.acted_by(source.sample))
        if source.sample.text:
            parts.append(text.quoted(source.sample.text))
    return " · ".join(parts)


def _show_sound(source: ClipSource, analysis: Sound | Analysis) -> None:
    """Draw the player; the part that is selected in it is analysed."""
    digest = analyse_analysis.digest_of(source)
    recorded = analyse_analysis.decode(digest, source.name, source.data, analysis.channel)
    peak = float(max(np.abs(clip.samples).max() for clip in (recorded, analysis.clip)))
    names = timeline.lane_names(analysis.clip.duration_s)
    is_altered = what_if.settings() != NEUTRAL and not analysis.refusal
    stem = downloads.file_stem(source, analysis.channel, is_altered)
    pack = partial(
        analyse_analysis.draw, analysis.key, source.name, analysis.clip, peak, names, stem
    )
    key = analyse_analysis.player_key(source)
    player.show_player(pack, key, partial(guide.complete_step, "listen"), bool(names))


def _show_timeline(source: ClipSource, analysis: Sound | Analysis, place: Any) -> str:
    """Draw the timeline of a clip that is long enough, and return it in one sentence.

    Parameters
    ----------
    place
        Place of that sentence in the verdict; None where the verdict has none.
    """
    said = ""

    def sum_up(latest: Timeline) -> None:
        nonlocal said
        said = headline(latest).text
        if place is not None:
            place.html(markup.headline(said))

    name = name_with_channel(source.name, analysis.channel)
    key = analyse_analysis.player_key(source)
    timeline.show_timeline(analysis.key, name, analysis.clip, key, sum_up)
    return said


def _show_explanation(source: ClipSource, analysis: Analysis) -> None:
    """Draw what made each model answer as it did."""
    explanation.show_explanation(analysis.key, source.name, analysis.part_s, analysis.part)


def _show_quality(analysis: Analysis) -> None:
    """Draw the measured quality of the recording, and what the pictures of the player show."""
    recording.show_quality(analysis.prediction, analysis.part_s is not None, analysis.is_altered)
    st.caption(text.SPECTROGRAM_NOTE)
