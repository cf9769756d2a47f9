"""The page *Analyse*: three ways in, the answers, the sound, and the downloads."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from emo import (
    audio,
    decoder,
    features,
    memory,
    names,
    player,
    predict,
    quality,
    reports,
    ui,
    ui_cache,
    ui_channels,
    ui_guide,
    ui_html,
    ui_links,
    ui_player,
    ui_quality,
    ui_rates_words,
    ui_teach,
    ui_timeline,
    ui_uploads,
    ui_what_if,
    ui_why,
    ui_words,
    whatif,
)
from emo.channels import MIX, name_with
from emo.errors import AudioError, BusyError, ModelError
from emo.labels import INDEX, LABELS

SHORTEST_S = 0.1
"""Of a region that is answered: less than the player lets one select."""

SAMPLES_DIR = Path(__file__).parent.parent / "samples"

Region = tuple[float, float]
"""First and last second of a part of a clip."""

ALL = "all"
"""What a sample that has every emotion in it has in place of one."""

CORPUS = "corpus"
"""Where a clip comes from that was opened from a cell of a matrix."""

_CHOICE = "choice"
_TAKEN = "taken"  # id of the file that each widget gave last
_ROUND = "round"  # counts how often everything was forgotten; new keys empty the widgets


@dataclass(frozen=True)
class Trained:
    """What is known of a clip of a corpus, which the models were trained on.

    Attributes
    ----------
    corpus, emotion : key of its corpus, and the emotion that was acted
    address : of the page that it was opened from, as query parameters
    """

    corpus: str
    emotion: str
    address: Mapping[str, str]


@dataclass(frozen=True)
class Choice:
    """A clip that a person gave: its name, its bytes, and the way it came in.

    ``trained`` says what is known of it where the models were trained on it.
    """

    name: str
    data: bytes
    origin: str
    text: str = ""
    trained: Trained | None = None


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
    clip: audio.Clip
    prediction: predict.Prediction
    region_s: Region | None
    recorded: predict.Prediction | None = None
    refusal: str = ""
    notice: str = ""
    channel: str = MIX

    @property
    def part(self) -> audio.Clip:
        """What the models answered for: the clip, or its region."""
        return _part(self.clip, self.region_s)


# --- Ways in -------------------------------------------------------------------------------------


def show_ways_in() -> None:
    """Upload, record and samples, side by side; whichever was used last is the clip."""
    with st.container(border=True, key="ways-in"):
        left, right = st.columns(2, gap="medium")
        key = _widget_key("up")
        left.file_uploader(
            ui_words.UPLOAD_LABEL,
            key=key,
            on_change=_take_file,
            args=(key, "upload"),
            help=ui_words.UPLOAD_HELP,
        )
        key = _widget_key("mic")
        right.audio_input(
            ui_words.RECORD_LABEL, key=key, on_change=_take_file, args=(key, "recording")
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
    ui_links.note_act()
    if file is not None:
        taken[key] = file.file_id
        ui_guide.note_step("pick")
        name = ui_words.RECORDING if origin == "recording" else names.clean(file.name)
        _take(Choice(name, file.getvalue(), origin))
        return
    choice = chosen()
    if choice is not None and choice.origin == origin:
        del st.session_state[_CHOICE]
        ui_what_if.begin_with(whatif.NEUTRAL)


def is_own(choice: Choice) -> bool:
    """Whether the clip is a visitor's own: no sample, and none that the models trained on."""
    return choice.origin not in ("sample", CORPUS)


def choose(choice: Choice) -> None:
    """Nothing; what a person did makes this clip the one that the page shows."""
    ui_links.note_act()
    _take(choice)


def _take(choice: Choice) -> None:
    """Make this the clip, as it was recorded: what was set was meant for the one before."""
    st.session_state[_CHOICE] = choice
    ui_what_if.begin_with(whatif.NEUTRAL)
    ui_channels.reset()


def sample_clip(sample: Mapping[str, Any]) -> Choice:
    """The clip of a sample of the list."""
    path = SAMPLES_DIR / sample["file"]
    return Choice(path.name, path.read_bytes(), "sample", str(sample.get("text", "")))


def _take_sample(sample: Mapping[str, Any]) -> None:
    ui_links.note_act()
    ui_guide.note_step("pick")
    open_sample(sample)


def open_sample(sample: Mapping[str, Any]) -> None:
    """Nothing; a sample of the list becomes the clip."""
    _take(sample_clip(sample))


def _forget() -> None:
    ui_links.note_act()
    choice = chosen()
    if choice is not None:
        ui.collection().drop(_digest(choice))
        ui_uploads.let_go([choice.data])
    st.session_state.pop(_CHOICE, None)
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    for kept in (decode, altered, draw, answer, ui_why.reasons):
        kept.clear()
    ui_timeline.forget()
    ui_player.forget()
    ui_what_if.reset()
    ui_channels.reset()


def list_samples(directory: Path) -> list[dict[str, Any]]:
    """The samples whose file is there, those of one emotion first; none if no list is there."""
    order = INDEX | {ALL: len(LABELS)}
    try:
        listed = json.loads((directory / "samples.json").read_text(encoding="utf-8"))
        there = [row for row in listed if (directory / row["file"]).is_file()]
        return sorted(there, key=lambda row: order[row["emotion"]])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _show_samples() -> None:
    samples = list_samples(SAMPLES_DIR)
    if not samples:
        st.caption(ui_words.NO_SAMPLES)
        return
    unsure = [
        sample["emotion"]
        for sample in samples
        if set(predict.MODEL_KEYS) <= set(sample.get("unsure", ()))
    ]
    note = ui_words.samples_note(unsure)
    st.html(f'<p class="emo-label">{ui_words.SAMPLES_LABEL}<span>{escape(note)}</span></p>')
    choice = chosen()
    heard = choice.name if choice is not None and choice.origin == "sample" else None
    with st.container(horizontal=True, gap="small", key="samples"):
        for sample in samples:
            st.button(
                ui_words.sample_name(sample["emotion"]),
                key=f"sample-{sample['emotion']}",
                on_click=_take_sample,
                args=(sample,),
                type="primary" if sample["file"] == heard else "secondary",
            )


def chosen() -> Choice | None:
    """The clip that was given last in this session, if any."""
    choice: Choice | None = st.session_state.get(_CHOICE)
    return choice


def lead() -> str:
    """What the page is for, and how often its vote is right for a visitor's clip."""
    short = ui_rates_words.in_short(ui.measured().get(predict.VOTE, {}))
    return f"{ui_words.ANALYSE_LEAD} {short}".strip()


def show_invitation() -> None:
    """Before the first clip: how often each model is right, so that nobody expects too much."""
    metrics = ui.metrics_or_sentence()
    order = sorted(metrics, key=lambda key: key != predict.VOTE)  # the headline of every answer
    rows = ui_rates_words.expected({key: metrics[key] for key in order})
    if rows:
        names = [ui_words.MODEL_NAMES[key] for key in order]
        st.html(
            ui_html.expectation(
                ui_rates_words.EXPECTATION, names, rows, ui_rates_words.EXPECTATION_NOTE
            )
        )
    st.caption(ui_words.COURTESY)


# --- Analysis ------------------------------------------------------------------------------------


@ui_cache.kept(ui_words.LISTENING)
def decode(sha256: str, name: str, _data: bytes, channel: str = MIX) -> audio.Clip:
    """The clip in a file, kept for this session only, under the digest and name of the file."""
    with ui.turn("decode", memory.DECODE_BYTES):
        return decoder.shared().decode(_data, name, channel)


@ui_cache.kept()
def altered(key: str, name: str, _clip: audio.Clip, _settings: whatif.Settings) -> audio.Clip:
    """The clip with the settings of *What if*, under the key that names both."""
    with ui.turn("alter", memory.draw_bytes(_clip.duration_s)):
        return whatif.alter(_clip, _settings)


@ui_cache.kept()
def draw(key: str, name: str, _clip: audio.Clip, _peak: float) -> bytes:
    """What the player draws and plays of a clip; ``_peak`` is what it plays as loud as it can."""
    with ui.turn("draw", memory.draw_bytes(_clip.duration_s)):
        span = features.active_span(_clip.samples)
        return player.pack_player(_clip.samples, span, ui_words.PLAYER, _peak)


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def answer(key: str, name: str, region_s: Region | None, _clip: audio.Clip) -> predict.Prediction:
    """What the models make of a clip, or of a region of it."""
    with ui.turn("predict", memory.predict_bytes(_clip.duration_s)):
        found = predict.predict(_part(_clip, region_s), ui.models())
    ui.note_faults(found)
    return found


def _part(clip: audio.Clip, region_s: Region | None) -> audio.Clip:
    """The region as a clip of its own."""
    if region_s is None:
        return clip
    first, last = (round(time_s * audio.RATE_HZ) for time_s in region_s)
    return audio.cut(clip, first, last)


def analysis_of(choice: Choice) -> Analysis | None:
    """The analysis of a clip, under the choice of a channel if it has several.

    If there is none, the page says why and gets None.
    """
    try:
        mix = decode(_digest(choice), choice.name, choice.data, MIX)
        ui_channels.show_channels(player_key(choice), mix.source_channels)
        analysis = _analyse(choice, ui_what_if.settings())
        return replace(analysis, prediction=ui_teach.with_yours(analysis.prediction))
    except ModelError as error:
        ui.LOG.error("%s", error)  # it names folders of the server, which are not for the page
        st.warning(ui_words.NO_MODELS)
    except AudioError as error:
        _show_failure(choice, str(error))
    except BusyError:
        raise
    except Exception:
        ui.LOG.exception("analysis failed")
        _show_failure(choice, ui_words.UNEXPECTED)
    return None


def _analyse(choice: Choice, settings: whatif.Settings) -> Analysis:
    sha256, name = _digest(choice), choice.name
    channel = ui_channels.channel_of(player_key(choice))
    recorded = decode(sha256, name, choice.data, channel)
    heard = name_with(sha256, channel)
    share = ui_player.selected_share(player_key(choice))
    before_s = _region(share, recorded.duration_s)
    before = answer(heard, name, before_s, recorded)
    if settings == whatif.NEUTRAL:
        return Analysis(heard, recorded, before, before_s, channel=channel)
    key = f"{heard} {settings}"
    try:
        clip = altered(key, name, recorded, settings)
    except AudioError as error:
        return Analysis(heard, recorded, before, before_s, refusal=str(error), channel=channel)
    region_s = _region(share, clip.duration_s)
    after = answer(key, name, region_s, clip)
    after = replace(after, quality=quality.compare_altered(after.quality, before.quality))
    notice = whatif.notice(settings)
    return Analysis(key, clip, after, region_s, before, notice=notice, channel=channel)


def recorded_whole(choice: Choice) -> predict.Prediction | None:
    """Return the answers to the whole clip as recorded, where it was taught; None if it may not be.

    Asked only where clips were taught, since of a selected part they are to be computed anew.
    """
    if not ui_teach.lessons():
        return None
    channel = ui_channels.channel_of(player_key(choice))
    sha256 = _digest(choice)
    clip = decode(sha256, choice.name, choice.data, channel)
    return answer(name_with(sha256, channel), choice.name, None, clip)


def _digest(choice: Choice) -> str:
    return hashlib.sha256(choice.data).hexdigest()


def player_key(choice: Choice) -> str:
    """The key of the player of a clip, a new one after everything was forgotten."""
    return f"player-{_digest(choice)[:16]}-{st.session_state.get(_ROUND, 0)}"


def _region(share: tuple[float, float] | None, duration_s: float) -> Region | None:
    """The selected share of a clip in seconds; None where it is too short to be answered."""
    if share is None:
        return None
    start_s, stop_s = (min(max(place, 0.0), 1.0) * duration_s for place in share)
    return (start_s, stop_s) if stop_s - start_s >= SHORTEST_S else None


def _show_failure(choice: Choice, sentence: str) -> None:
    with st.container(border=True):
        st.text(choice.name)
        st.error(ui.plain(sentence))


# --- Sound ---------------------------------------------------------------------------------------


def show_sound(choice: Choice, analysis: Analysis) -> None:
    """The player: what is selected in it is what the models answer for."""
    sha256 = _digest(choice)
    recorded = decode(sha256, choice.name, choice.data, analysis.channel)
    peak = float(max(np.abs(clip.samples).max() for clip in (recorded, analysis.clip)))
    block = draw(analysis.key, choice.name, analysis.clip, peak)
    with st.container(border=True, key="sound"):
        ui_player.show_player(block, player_key(choice))
    st.caption(ui_words.SPECTROGRAM_NOTE)


def show_what_if(analysis: Analysis) -> None:
    """The settings that alter the clip, and what they change."""
    ui_what_if.show_what_if(analysis.recorded, analysis.prediction, analysis.refusal)


def show_quality(analysis: Analysis) -> None:
    """What was measured of what the models answered for."""
    is_altered = analysis.recorded is not None
    ui_quality.show_quality(analysis.prediction, analysis.region_s is not None, is_altered)


def show_why(choice: Choice, analysis: Analysis) -> None:
    """The reasons of the models, if they are asked for."""
    ui_why.show_why(analysis.key, choice.name, analysis.region_s, analysis.part)


def show_over_time(choice: Choice, analysis: Analysis) -> None:
    """The timeline, of clips that are long enough for one."""
    name = name_with(choice.name, analysis.channel)
    ui_timeline.show_timeline(analysis.key, name, analysis.clip)


# --- Downloads -----------------------------------------------------------------------------------


def show_downloads(choice: Choice, analysis: Analysis) -> None:
    """The answers as files, and a way to forget the clip."""
    with st.container(horizontal=True, vertical_alignment="center", key="downloads"):
        st.download_button(
            ui_words.JSON_LABEL,
            partial(as_json, _named(choice, analysis), analysis.prediction),
            "emo.json",
            "application/json",
            on_click="ignore",
            icon=":material/download:",
        )
        st.download_button(
            ui_words.CSV_LABEL,
            partial(as_csv, _named(choice, analysis), analysis.prediction),
            "emo.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
        )
        st.button(
            ui_words.FORGET_LABEL,
            on_click=_forget,
            type="tertiary",
            help=ui_words.FORGET_HELP,
        )


def _named(choice: Choice, analysis: Analysis) -> str:
    """Name of the clip; of a channel or region, with these as a media fragment (W3C, 2012)."""
    name = name_with(choice.name, analysis.channel)
    if analysis.region_s is None:
        return name
    start_s, stop_s = analysis.region_s
    return f"{name}{'#' if analysis.channel == MIX else '&'}t={start_s:.3f},{stop_s:.3f}"


def as_json(name: str, prediction: predict.Prediction) -> str:
    """The answers as `python -m emo predict --format json` prints them."""
    return reports.written(reports.write_json, [(name, prediction)])


def as_csv(name: str, prediction: predict.Prediction) -> str:
    """The answers as `python -m emo predict --format csv` prints them: one line for each model."""
    return reports.written(reports.write_csv, [(name, prediction)])
