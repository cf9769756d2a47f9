"""The page *Analyse*: three ways in, the answers, the sound, and the downloads."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from emo import labels
from emo.app import accuracy_text, clip_cache, common, current_clip, html, player, player_data, url
from emo.app import text as app_text
from emo.app.analyse import channels, explanation, recording, timeline, tour, what_if
from emo.app.analyse import text as analyse_text
from emo.app.compare import collection
from emo.app.current_clip import (
    Choice,
    chosen,
    drop_choice,
    list_samples,
    sample_clip,
)
from emo.app.serving import uploads
from emo.app.teach import session
from emo.audio import activity, alteration, isolated
from emo.audio import clip as audio_clip
from emo.audio.channels import MIX, name_with
from emo.errors import AudioError, BusyError, ModelError
from emo.features import quality
from emo.inference import export, predictor
from emo.server import memory
from emo.system import filenames, paths

MIN_S = 0.1
"""Of a region that is answered: less than the player lets one select."""


Region = tuple[float, float]
"""First and last second of a part of a clip."""


_TAKEN = "taken"  # id of the file that each widget gave last
_ROUND = "round"  # counts how often everything was forgotten; new keys empty the widgets


@dataclass(frozen=True)
class Analysis:
    """All that the page shows of one clip, or of a region of it in seconds.

    Attributes
    ----------
    key
        Names what is heard: the file, and how it was altered.
    clip
        What is heard, altered if that was asked for.
    recorded
        The answers to the same part as it was recorded; None where nothing is altered.
    refusal
        Why it could not be altered as it was asked for; empty if it could.
    notice
        The sentence among the warnings that says how the clip was altered; empty if it was not.
    channel
        Which channel of the file is heard.
    """

    key: str
    clip: audio_clip.Clip
    prediction: predictor.Prediction
    region_s: Region | None
    recorded: predictor.Prediction | None = None
    refusal: str = ""
    notice: str = ""
    channel: str = MIX

    @property
    def part(self) -> audio_clip.Clip:
        """What the models answered for: the clip, or its region."""
        return _part(self.clip, self.region_s)


# --- Ways in -------------------------------------------------------------------------------------


def show_ways_in() -> None:
    """Upload, record and samples, side by side; whichever was used last is the clip."""
    with st.container(border=True, key="ways-in"):
        left, right = st.columns(2, gap="medium")
        key = _widget_key("up")
        left.file_uploader(
            analyse_text.UPLOAD_LABEL,
            key=key,
            on_change=_take_file,
            args=(key, "upload"),
            help=app_text.UPLOAD_HELP,
        )
        key = _widget_key("mic")
        right.audio_input(
            analyse_text.RECORD_LABEL, key=key, on_change=_take_file, args=(key, "recording")
        )
        _show_samples()


def _widget_key(name: str) -> str:
    n_rounds = st.session_state.get(_ROUND, 0)
    return f"{name}-{n_rounds}" if n_rounds else name


def _take_file(key: str, origin: str) -> None:
    """Make the widget's file the clip; where it was taken away, forget the clip it gave."""
    file = st.session_state.get(key)
    taken: dict[str, str] = st.session_state.setdefault(_TAKEN, {})
    if file is not None and taken.get(key) == file.file_id:
        return  # the browser repeats what it holds, as the page was away for a moment
    url.mark_user_action()
    if file is not None:
        taken[key] = file.file_id
        tour.note_step("pick")
        name = analyse_text.RECORDING if origin == "recording" else filenames.clean(file.name)
        take_clip(Choice(name, file.getvalue(), origin))
        return
    choice = chosen()
    if choice is not None and choice.origin == origin:
        drop_choice()
        what_if.begin_with(alteration.NEUTRAL)


def _take_sample(sample: Mapping[str, Any]) -> None:
    url.mark_user_action()
    tour.note_step("pick")
    open_sample(sample)


def open_sample(sample: Mapping[str, Any]) -> None:
    """Nothing; a sample of the list becomes the clip."""
    take_clip(sample_clip(sample))


def _forget() -> None:
    url.mark_user_action()
    choice = chosen()
    if choice is not None:
        collection.collection().drop(_digest(choice))
        uploads.release_uploads([choice.data])
    drop_choice()
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    for kept in (decode, altered, draw, answer, explanation.reasons):
        kept.clear()
    timeline.forget()
    player.forget()
    what_if.reset()
    channels.reset()


def take_clip(choice: Choice) -> None:
    """Make this the clip, as it was recorded: what was set was meant for the one before."""
    current_clip.take_clip(choice)
    begin_with_new_clip()


def begin_with_new_clip() -> None:
    """Reset what was set for the clip before, if a clip was chosen since."""
    if current_clip.take_new():
        what_if.begin_with(alteration.NEUTRAL)
        channels.reset()


def _show_samples() -> None:
    samples = list_samples(paths.SAMPLES_DIR)
    if not samples:
        st.caption(analyse_text.NO_SAMPLES)
        return
    unsure = [
        sample["emotion"]
        for sample in samples
        if set(predictor.MODEL_KEYS) <= set(sample.get("unsure", ()))
    ]
    note = analyse_text.samples_note(unsure)
    st.html(html.render("page", "label", analyse_text.SAMPLES_LABEL, note))
    choice = chosen()
    heard = choice.name if choice is not None and choice.origin == "sample" else None
    with st.container(horizontal=True, gap="small", key="samples"):
        for sample in samples:
            st.button(
                analyse_text.sample_name(sample["emotion"]),
                key=f"sample-{sample['emotion']}",
                on_click=_take_sample,
                args=(sample,),
                type="primary" if sample["file"] == heard else "secondary",
            )


def lead() -> str:
    """What the page is for, and how often its vote is right for a visitor's clip."""
    short = accuracy_text.in_short(common.measured().get(labels.VOTE, {}))
    return f"{analyse_text.ANALYSE_LEAD} {short}".strip()


def show_invitation() -> None:
    """Before the first clip: how often each model is right, so that nobody expects too much."""
    metrics = common.metrics_or_sentence()
    order = sorted(metrics, key=lambda key: key != labels.VOTE)  # the headline of every answer
    rows = accuracy_text.expected({key: metrics[key] for key in order})
    if rows:
        model_names = [app_text.MODEL_NAMES[key] for key in order]
        st.html(
            html.expectation(
                accuracy_text.EXPECTATION, model_names, rows, accuracy_text.EXPECTATION_NOTE
            )
        )
    st.caption(app_text.COURTESY)


# --- Analysis ------------------------------------------------------------------------------------


@clip_cache.kept(app_text.LISTENING)
def decode(sha256: str, name: str, _data: bytes, channel: str = MIX) -> audio_clip.Clip:
    """The clip in a file, kept for this session only, under the digest and name of the file."""
    with common.turn("decode", memory.DECODE_BYTES):
        return isolated.shared().decode(_data, name, channel)


@clip_cache.kept()
def altered(
    key: str, name: str, _clip: audio_clip.Clip, _settings: alteration.Alteration
) -> audio_clip.Clip:
    """The clip with the settings of *What if*, under the key that names both."""
    with common.turn("alter", memory.draw_bytes(_clip.duration_s)):
        return alteration.alter_clip(_clip, _settings)


@clip_cache.kept()
def draw(key: str, name: str, _clip: audio_clip.Clip, _peak: float) -> bytes:
    """What the player draws and plays of a clip; ``_peak`` is what it plays as loud as it can."""
    with common.turn("draw", memory.draw_bytes(_clip.duration_s)):
        span = activity.active_span(_clip.samples)
        return player_data.pack_player(_clip.samples, span, app_text.PLAYER, _peak)


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def answer(
    key: str, name: str, region_s: Region | None, _clip: audio_clip.Clip
) -> predictor.Prediction:
    """What the models make of a clip, or of a region of it."""
    with common.turn("predict", memory.predict_bytes(_clip.duration_s)):
        found = predictor.predict(_part(_clip, region_s), common.models())
    common.note_faults(found)
    return found


def _part(clip: audio_clip.Clip, region_s: Region | None) -> audio_clip.Clip:
    """The region as a clip of its own."""
    if region_s is None:
        return clip
    first, last = (round(time_s * audio_clip.RATE_HZ) for time_s in region_s)
    return audio_clip.cut(clip, first, last)


def analysis_of(choice: Choice) -> Analysis | None:
    """The analysis of a clip, under the choice of a channel if it has several.

    If there is none, the page says why and gets None.
    """
    try:
        mix = decode(_digest(choice), choice.name, choice.data, MIX)
        channels.show_channels(player_key(choice), mix.source_channels)
        analysis = _analyse(choice, what_if.settings())
        return replace(analysis, prediction=session.with_adapted(analysis.prediction))
    except ModelError as error:
        common.LOG.error("%s", error)  # it names folders of the server, which are not for the page
        st.warning(app_text.NO_MODELS)
    except AudioError as error:
        _show_failure(choice, str(error))
    except BusyError:
        raise
    except Exception:
        common.LOG.exception("analysis failed")
        _show_failure(choice, app_text.UNEXPECTED)
    return None


def _analyse(choice: Choice, settings: alteration.Alteration) -> Analysis:
    sha256, name = _digest(choice), choice.name
    channel = channels.channel_of(player_key(choice))
    recorded = decode(sha256, name, choice.data, channel)
    heard = name_with(sha256, channel)
    share = player.selected_share(player_key(choice))
    before_s = _region(share, recorded.duration_s)
    before = answer(heard, name, before_s, recorded)
    if settings == alteration.NEUTRAL:
        return Analysis(heard, recorded, before, before_s, channel=channel)
    key = f"{heard} {settings}"
    try:
        clip = altered(key, name, recorded, settings)
    except AudioError as error:
        return Analysis(heard, recorded, before, before_s, refusal=str(error), channel=channel)
    region_s = _region(share, clip.duration_s)
    after = answer(key, name, region_s, clip)
    after = replace(after, quality=quality.compare_altered(after.quality, before.quality))
    notice = alteration.notice(settings)
    return Analysis(key, clip, after, region_s, before, notice=notice, channel=channel)


def recorded_whole(choice: Choice) -> predictor.Prediction | None:
    """Return the answers to the whole clip as recorded, where it was taught; None if it may not be.

    Asked only where clips were taught, since of a selected part they are to be computed anew.
    """
    if not session.examples():
        return None
    channel = channels.channel_of(player_key(choice))
    sha256 = _digest(choice)
    clip = decode(sha256, choice.name, choice.data, channel)
    return answer(name_with(sha256, channel), choice.name, None, clip)


def _digest(choice: Choice) -> str:
    return hashlib.sha256(choice.data).hexdigest()


def _note_region(key: str) -> None:
    """Note that a person selected a region."""
    url.mark_user_action()
    if player.selected_share(key) is not None:
        tour.note_step("select")


def player_key(choice: Choice) -> str:
    """The key of the player of a clip, a new one after everything was forgotten."""
    return f"player-{_digest(choice)[:16]}-{st.session_state.get(_ROUND, 0)}"


def _region(share: tuple[float, float] | None, duration_s: float) -> Region | None:
    """The selected share of a clip in seconds; None where it is too short to be answered."""
    if share is None:
        return None
    start_s, stop_s = (min(max(place, 0.0), 1.0) * duration_s for place in share)
    return (start_s, stop_s) if stop_s - start_s >= MIN_S else None


def _show_failure(choice: Choice, sentence: str) -> None:
    with st.container(border=True):
        st.text(choice.name)
        st.error(common.escape_markdown(sentence))


# --- Sound ---------------------------------------------------------------------------------------


def show_sound(choice: Choice, analysis: Analysis) -> None:
    """The player: what is selected in it is what the models answer for."""
    sha256 = _digest(choice)
    recorded = decode(sha256, choice.name, choice.data, analysis.channel)
    peak = float(max(np.abs(clip.samples).max() for clip in (recorded, analysis.clip)))
    block = draw(analysis.key, choice.name, analysis.clip, peak)
    with st.container(border=True, key="sound"):
        key = player_key(choice)
        player.show_player(
            block, key, partial(_note_region, key), partial(tour.note_step, "listen")
        )
    st.caption(analyse_text.SPECTROGRAM_NOTE)


def show_what_if(analysis: Analysis) -> None:
    """The settings that alter the clip, and what they change."""
    what_if.show_what_if(analysis.recorded, analysis.prediction, analysis.refusal)


def show_quality(analysis: Analysis) -> None:
    """What was measured of what the models answered for."""
    is_altered = analysis.recorded is not None
    recording.show_quality(analysis.prediction, analysis.region_s is not None, is_altered)


def show_why(choice: Choice, analysis: Analysis) -> None:
    """The reasons of the models, if they are asked for."""
    explanation.show_why(analysis.key, choice.name, analysis.region_s, analysis.part)


def show_over_time(choice: Choice, analysis: Analysis) -> None:
    """The timeline, of clips that are long enough for one."""
    name = name_with(choice.name, analysis.channel)
    timeline.show_timeline(analysis.key, name, analysis.clip)


# --- Downloads -----------------------------------------------------------------------------------


def show_downloads(choice: Choice, analysis: Analysis) -> None:
    """The answers as files, and a way to forget the clip."""
    with st.container(horizontal=True, vertical_alignment="center", key="downloads"):
        st.download_button(
            analyse_text.JSON_LABEL,
            partial(as_json, _named(choice, analysis), analysis.prediction),
            "emo.json",
            "application/json",
            on_click="ignore",
            icon=":material/download:",
        )
        st.download_button(
            analyse_text.CSV_LABEL,
            partial(as_csv, _named(choice, analysis), analysis.prediction),
            "emo.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
        )
        st.button(
            analyse_text.FORGET_LABEL,
            on_click=_forget,
            type="tertiary",
            help=analyse_text.FORGET_HELP,
        )


def _named(choice: Choice, analysis: Analysis) -> str:
    """Name of the clip; of a channel or region, with these as a media fragment (W3C, 2012)."""
    name = name_with(choice.name, analysis.channel)
    if analysis.region_s is None:
        return name
    start_s, stop_s = analysis.region_s
    return f"{name}{'#' if analysis.channel == MIX else '&'}t={start_s:.3f},{stop_s:.3f}"


def as_json(name: str, prediction: predictor.Prediction) -> str:
    """The answers as `python -m emo predict --format json` prints them."""
    return export.written(export.write_json, [(name, prediction)])


def as_csv(name: str, prediction: predictor.Prediction) -> str:
    """The answers as `python -m emo predict --format csv` prints them: one line for each model."""
    return export.written(export.write_csv, [(name, prediction)])
