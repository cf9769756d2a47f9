"""The analysis of the clip on the page *Analyse*, cached for the session."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from emo.app import among, clip_cache, common, player, player_data
from emo.app import text as app_text
from emo.app.analyse import channels, inputs, what_if
from emo.app.current_clip import ClipSource
from emo.app.teach import session
from emo.audio import activity, alteration, isolated
from emo.audio import clip as audio_clip
from emo.audio.channels import MIX, name_with_channel
from emo.errors import AudioError, BusyError, ModelError
from emo.features import quality
from emo.inference import predictor
from emo.server import memory

PartSeconds = tuple[float, float]
"""Start and end of a part of a clip in seconds."""


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
    """

    key: str
    clip: audio_clip.Clip
    prediction: predictor.Prediction
    part_s: PartSeconds | None
    before: predictor.Prediction | None = None
    refusal: str = ""
    notice: str = ""
    channel: str = MIX

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
    key: str, name: str, _clip: audio_clip.Clip, _peak: float, _lanes: Sequence[str] = ()
) -> bytes:
    """Return a clip as the player reads it, with room for lanes of these names.

    A sample of ``_peak`` is played at full level.
    """
    with common.task_slot("draw", memory.draw_bytes(_clip.duration_s)):
        span = activity.active_span(_clip.samples)
        return player_data.pack_player(
            _clip.samples, span, app_text.PLAYER, _peak, name=name, key=key, lanes=_lanes
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


def clear_caches() -> None:
    """Drop all clips and answers that are cached for the session."""
    for cached in (decode, alter, draw, predict):
        cached.clear()


def cut_part(clip: audio_clip.Clip, part_s: PartSeconds | None) -> audio_clip.Clip:
    """Return a part of a clip as a clip of its own; the clip itself for None."""
    if part_s is None:
        return clip
    first, last = (round(time_s * audio_clip.RATE_HZ) for time_s in part_s)
    return audio_clip.cut(clip, first, last)


def analyse(source: ClipSource) -> Analysis | None:
    """Draw the choice of a channel, and return the analysis of the clip.

    Returns
    -------
    Analysis or None
        None if there is none, which the page then explains.

    Raises
    ------
    BusyError
        The server has no capacity for it at present.
    """
    try:
        mix = decode(digest_of(source), source.name, source.data, MIX)
        channels.show_channels(player_key(source), mix.source_channels)
        return _among_chosen(_analyse(source, what_if.settings()))
    except ModelError as error:
        common.LOG.error("%s", error)  # names folders of the server, which visitors must not see
        st.warning(app_text.NO_MODELS)
    except AudioError as error:
        _show_failure(source, str(error))
    except BusyError:
        raise
    except Exception:
        common.LOG.exception("analysis failed")
        _show_failure(source, app_text.UNEXPECTED)
    return None


def _among_chosen(analysis: Analysis) -> Analysis:
    """Return an analysis with the answers among the emotions that can occur, and *Yours*."""
    before = analysis.before
    return replace(
        analysis,
        prediction=session.with_adapted(among.choose(analysis.prediction)),
        before=None if before is None else session.with_adapted(among.choose(before)),
    )


def _analyse(source: ClipSource, settings: alteration.Alteration) -> Analysis:
    digest, name = digest_of(source), source.name
    channel = channels.channel_of(player_key(source))
    recorded = decode(digest, name, source.data, channel)
    recorded_key = name_with_channel(digest, channel)
    share = player.selected_share(player_key(source))
    part_s = _part_in_seconds(share, recorded.duration_s)
    whole = predict(recorded_key, name, None, recorded)
    unaltered = predict(recorded_key, name, part_s, recorded)
    if settings == alteration.NEUTRAL:
        before = None if part_s is None else whole
        return Analysis(recorded_key, recorded, unaltered, part_s, before=before, channel=channel)
    key = f"{recorded_key} {settings}"
    try:
        clip = alter(key, name, recorded, settings)
    except AudioError as error:
        return Analysis(
            recorded_key, recorded, unaltered, part_s, refusal=str(error), channel=channel
        )
    part_s = _part_in_seconds(share, clip.duration_s)
    after = predict(key, name, part_s, clip)
    after = replace(after, quality=quality.compare_altered(after.quality, unaltered.quality))
    notice = alteration.alteration_warning(settings)
    return Analysis(key, clip, after, part_s, whole, notice=notice, channel=channel)


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


def _show_failure(source: ClipSource, sentence: str) -> None:
    with st.container(border=True):
        st.error(common.escape_markdown(sentence))
