"""The analysis of the clip on the page *Analyse*, cached for the session."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import streamlit as st

from emo.app import among, clip_cache, common, player, player_data
from emo.app import text as app_text
from emo.app.analyse import channels, inputs, what_if
from emo.app.current_clip import ClipSource
from emo.app.serving.guest import server_guest
from emo.app.teach import session
from emo.audio import activity, alteration, isolated
from emo.audio import clip as audio_clip
from emo.audio.channels import MIX, name_with_channel
from emo.errors import AudioError, BusyError, GuestError, ModelError
from emo.features import quality
from emo.inference import predictor
from emo.inference.guest.model import GUEST, GuestAnswer, with_guest
from emo.server import memory
from emo.server.telemetry import TELEMETRY

T = TypeVar("T")

PartSeconds = tuple[float, float]
"""Start and end of a part of a clip in seconds."""


LONG_S = 60.0
"""Shortest clip whose player and timeline come before the answers to the whole of it."""


@dataclass(frozen=True)
class Sound:
    """A clip as it is analysed and played, before there are answers to it.

    Attributes
    ----------
    key
        Digest of the file with the channel and the settings of *What if*.
    clip
        The whole clip, altered by these settings.
    part_s
        Start and end of the selected part; None for the whole clip.
    recorded
        Key, clip and part as they were recorded; None if nothing is altered.
    refusal
        Reason why the clip cannot be altered in this way; empty if it can.
    channel
        Channel of the file.
    """

    key: str
    clip: audio_clip.Clip
    part_s: PartSeconds | None
    recorded: "Sound | None" = None
    refusal: str = ""
    channel: str = MIX

    @property
    def is_long(self) -> bool:
        """True if player and timeline come before the answers."""
        return self.clip.duration_s >= LONG_S


@dataclass(frozen=True)
class Analysis:
    """The answers to a clip or to a part of it.

    Attributes
    ----------
    key
        Digest of the file with the channel and the settings of *What if*.
    clip
        The whole clip, altered by these settings.
    prediction
        Answers to the clip, or to its part.
    part_s
        Start and end of the part; None for the whole clip.
    before
        Answers to the whole clip as it was recorded; None if the page shows just that.
    refusal
        Reason why the clip cannot be altered in this way; empty if it can.
    notice
        The warning of ``prediction`` that describes the alteration; empty if nothing is altered.
    channel
        Channel of the file.
    guest, guest_before
        Answers of the guest to the same as ``prediction`` and ``before``; None for none.
    """

    key: str
    clip: audio_clip.Clip
    prediction: predictor.Prediction
    part_s: PartSeconds | None
    before: predictor.Prediction | None = None
    refusal: str = ""
    notice: str = ""
    channel: str = MIX
    guest: GuestAnswer | None = None
    guest_before: GuestAnswer | None = None

    @property
    def is_altered(self) -> bool:
        """True if the settings of *What if* altered the clip."""
        return bool(self.notice)

    @property
    def part(self) -> audio_clip.Clip:
        """The part as a clip of its own."""
        return cut_part(self.clip, self.part_s)


@clip_cache.cached(app_text.LISTENING)
def decode(digest: str, name: str, _data: bytes, channel: str = MIX) -> audio_clip.Clip:
    """Return the clip of a file; the digest and the name of the file are the key."""
    with common.task_slot("decode", memory.DECODE_BYTES):
        return isolated.shared_decoder().decode(_data, name, channel)


@clip_cache.cached()
def alter(
    key: str, name: str, _clip: audio_clip.Clip, _settings: alteration.Alteration
) -> audio_clip.Clip:
    """Return an altered clip; the key names the clip and the settings."""
    with common.task_slot("alter", memory.draw_bytes(_clip.duration_s)):
        return alteration.alter_clip(_clip, _settings)


@clip_cache.cached()
def draw(
    key: str,
    name: str,
    _clip: audio_clip.Clip,
    _peak: float,
    _lanes: Sequence[str] = (),
    _stem: str = "",
) -> bytes:
    """Return a clip as the player reads it, with room for lanes of these names.

    A sample of ``_peak`` is played at full level.  Files that the player saves begin with
    ``_stem``.
    """
    with common.task_slot("draw", memory.draw_bytes(_clip.duration_s)):
        span = activity.active_span(_clip.samples)
        return player_data.pack_player(
            _clip.samples,
            span,
            app_text.PLAYER,
            _peak,
            name=name,
            key=key,
            lanes=_lanes,
            stem=_stem,
        )


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def predict(
    key: str, name: str, part_s: PartSeconds | None, _clip: audio_clip.Clip
) -> predictor.Prediction:
    """Return the answers to a clip, or to a part of it."""
    with common.task_slot("predict", memory.predict_bytes(_clip.duration_s)):
        prediction = predictor.predict(cut_part(_clip, part_s), common.models())
    common.report_faults(prediction)
    return prediction


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def predict_guest(
    key: str, name: str, part_s: PartSeconds | None, _clip: audio_clip.Clip
) -> GuestAnswer | None:
    """Return the answer of the guest to a clip, or to a part of it; None where it fails."""
    guest = server_guest()
    if guest is None:
        return None
    with common.task_slot("guest", memory.predict_bytes(_clip.duration_s)):
        try:
            return guest.answer(cut_part(_clip, part_s))
        except GuestError as error:
            common.LOG.error("%s", error)  # it may name folders of the server
            TELEMETRY.errors.labels("model", GUEST).inc()
            return None


def clear_caches() -> None:
    """Drop all clips and answers that are cached for the session."""
    for cached in (decode, alter, draw, predict, predict_guest):
        cached.clear()


def cut_part(clip: audio_clip.Clip, part_s: PartSeconds | None) -> audio_clip.Clip:
    """Return a part of a clip as a clip of its own; the clip itself for None."""
    if part_s is None:
        return clip
    first, last = (round(time_s * audio_clip.RATE_HZ) for time_s in part_s)
    return audio_clip.cut(clip, first, last)


def prepare(source: ClipSource) -> Sound | None:
    """Draw the choice of a channel, and return the clip as it is to be analysed.

    Returns
    -------
    Sound or None
        None if the file cannot be read, which the page then explains.

    Raises
    ------
    BusyError
        The server has no capacity for it at present.
    """

    def make() -> Sound:
        mix = decode(digest_of(source), source.name, source.data, MIX)
        channels.show_channels(player_key(source), mix.source_channels)
        return _prepare(source, what_if.settings())

    return _explained(make)


def analyse(source: ClipSource, sound: Sound) -> Analysis | None:
    """Return the analysis of a clip.

    Parameters
    ----------
    source
        The clip.
    sound
        Result of ``prepare``.

    Returns
    -------
    Analysis or None
        None if there is none, which the page then explains.

    Raises
    ------
    BusyError
        The server has no capacity for it at present.
    """
    return _explained(lambda: _among_chosen(_analyse(source, sound, what_if.settings())))


def _explained(make: Callable[[], T]) -> T | None:
    """Return the value of a function; None for an error, which is explained on the page."""
    try:
        return make()
    except ModelError as error:
        common.LOG.error("%s", error)  # names folders of the server, which visitors must not see
        st.warning(app_text.NO_MODELS)
    except AudioError as error:
        _show_failure(str(error))
    except BusyError:
        raise
    except Exception:
        common.LOG.exception("analysis failed")
        _show_failure(app_text.UNEXPECTED)
    return None


def _among_chosen(analysis: Analysis) -> Analysis:
    """Return an analysis with the answers among the emotions that can occur, and those beside.

    Beside the models stand *Yours* and the guest.
    """
    before = analysis.before
    return replace(
        analysis,
        prediction=_beside(analysis.prediction, analysis.guest),
        before=None if before is None else _beside(before, analysis.guest_before),
    )


def _beside(prediction: predictor.Prediction, guest: GuestAnswer | None) -> predictor.Prediction:
    return with_guest(session.with_adapted(among.choose(prediction)), guest, among.chosen())


def _prepare(source: ClipSource, settings: alteration.Alteration) -> Sound:
    digest, name = digest_of(source), source.name
    channel = channels.channel_of(player_key(source))
    clip = decode(digest, name, source.data, channel)
    share = player.selected_share(player_key(source))
    key = name_with_channel(digest, channel)
    recorded = Sound(key, clip, _part_in_seconds(share, clip.duration_s), channel=channel)
    if settings == alteration.NEUTRAL:
        return recorded
    key = f"{key} {settings}"
    try:
        clip = alter(key, name, clip, settings)
    except AudioError as error:
        return replace(recorded, refusal=str(error))
    part_s = _part_in_seconds(share, clip.duration_s)
    return Sound(key, clip, part_s, recorded, channel=channel)


def _analyse(source: ClipSource, sound: Sound, settings: alteration.Alteration) -> Analysis:
    recorded = sound.recorded or sound
    whole = predict(recorded.key, source.name, None, recorded.clip)
    guest_whole = predict_guest(recorded.key, source.name, None, recorded.clip)
    unaltered = predict(recorded.key, source.name, recorded.part_s, recorded.clip)
    guest = predict_guest(recorded.key, source.name, recorded.part_s, recorded.clip)
    analysis = Analysis(
        sound.key,
        sound.clip,
        unaltered,
        sound.part_s,
        refusal=sound.refusal,
        channel=sound.channel,
        guest=guest,
        guest_before=guest_whole,
    )
    if sound.recorded is not None:
        after = predict(sound.key, source.name, sound.part_s, sound.clip)
        after = replace(after, quality=quality.compare_altered(after.quality, unaltered.quality))
        notice = alteration.alteration_warning(settings)
        guest = predict_guest(sound.key, source.name, sound.part_s, sound.clip)
        return replace(analysis, prediction=after, before=whole, notice=notice, guest=guest)
    is_plain = sound.part_s is None or bool(sound.refusal)
    return replace(analysis, before=None if is_plain else whole)


def predict_recorded(source: ClipSource) -> predictor.Prediction:
    """Return the answers to the whole clip as it was recorded."""
    channel, digest = channels.channel_of(player_key(source)), digest_of(source)
    clip = decode(digest, source.name, source.data, channel)
    return predict(name_with_channel(digest, channel), source.name, None, clip)


def digest_of(source: ClipSource) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(source.data).hexdigest()


def player_key(source: ClipSource) -> str:
    """Return the key of the player of a clip, a new one after the clip was deleted."""
    return f"player-{digest_of(source)[:16]}-{inputs.n_resets()}"


def _part_in_seconds(share: player.Share | None, duration_s: float) -> PartSeconds | None:
    """Return the selected part of a clip; None if it is too short to be analysed."""
    if share is None:
        return None
    start_s, stop_s = (min(max(place, 0.0), 1.0) * duration_s for place in share)
    return (start_s, stop_s) if player.is_long_enough(share, duration_s) else None


def _show_failure(sentence: str) -> None:
    with st.container(border=True):
        st.error(common.escape_markdown(sentence))
