"""The words on what a recording is like, and on what if it were different.  No Streamlit here."""

from collections.abc import Mapping

from emo.quality import Quality
from emo.ui_words import NBSP, percent, seconds

QUALITY_TITLE = "The recording"
QUALITY_NOTE = (
    "Level and peak are relative to full scale. Noise is steady sound, below the loudest voice; "
    "it can only be measured where there are pauses. The models hear nothing above 8,000 Hz."
)
MAY_BE_WHY = "This may be why some are unsure:"
BEWARE = "Of this recording:"

CHANNEL_LABEL = "Channel"
CHANNEL_HELP = (
    "A recording of a call often has one person on each channel. Choose one to have the answers, "
    "the player and the files for that person alone."
)
_CHANNEL_NAMES = {"mix": "Mix of all", "left": "Left", "right": "Right"}

WHAT_IF_TITLE = "What if …"
WHAT_IF_NOTE = (
    "Change the recording and hear what the models make of it; play it while you do. All on this "
    "page is then about the clip as changed."
)
NOISE_LABEL = "Noise"
NOISE_HELP = "Steady noise, so far below the loudest voice."
SPEED_LABEL = "Speed"
SPEED_HELP = "How many times as fast; the pitch stays."
PITCH_LABEL = "Pitch"
PITCH_HELP = "How many semitones higher or lower; length and size of the mouth stay."
GAIN_LABEL = "Loudness"
GAIN_HELP = "Louder or softer, and cut off at full scale. The models bring every clip to one level."
TELEPHONE_LABEL = "Through a telephone"
TELEPHONE_HELP = "Only 300 to 3,400 Hz, in eight bits."
RESET_LABEL = "As recorded"
NOTICE_RESET_LABEL = "Reset"
CHANGES_CAPTION = "The answers as recorded and as changed"
CHANGES_HEADER = ("Model", "As recorded", "As changed")
UNCHANGED = "no change"
NOT_MEASURED = "not measurable"


def noise_option(noise_below_db: int | None) -> str:
    """A choice of noise, such as "20 dB below"."""
    return "none" if noise_below_db is None else f"{noise_below_db}{NBSP}dB below"


def channel_option(channel: str) -> str:
    """A choice of a channel, such as "Left" or "Channel 3"."""
    return _CHANNEL_NAMES.get(channel, f"Channel{NBSP}{channel}")


def channel_alone(channel: str) -> str:
    """What is said of a clip of which one channel is answered."""
    return f"{channel} channel only" if channel in _CHANNEL_NAMES else f"channel {channel} only"


def figures(quality: Quality) -> dict[str, str]:
    """What was measured of a recording, each as text under its name."""
    noise_db = quality.noise_below_db
    channels = "" if quality.source_channels == 1 else f", {quality.source_channels} channels"
    return {
        "Length": seconds(quality.duration_s),
        "Speech": percent(quality.speech),
        "Rate": f"{quality.source_rate_hz:,}{NBSP}Hz{channels}",
        "Level": _decibel(quality.speech_db),
        "Peak": _decibel(quality.peak_db),
        "Clipped": percent(quality.clipped),
        "Noise": NOT_MEASURED if noise_db is None else f"{max(noise_db, 0.0):.0f}{NBSP}dB below",
        "Highest frequency": f"{quality.bandwidth_hz:,.0f}{NBSP}Hz",
    }


def _decibel(level_db: float) -> str:
    return f"{level_db:.0f}{NBSP}dB".replace("-", "\u2212")


def concern_of(found: Mapping[str, str], is_unsure: bool) -> str:
    """What speaks against a recording in one paragraph, and whether it may be why; or nothing."""
    if not found:
        return ""
    return " ".join([MAY_BE_WHY if is_unsure else BEWARE, *found.values()])


def given(label: str, second: str, confidence: float, is_unsure: bool) -> str:
    """An answer in a cell, such as "happy 71 %"."""
    if is_unsure:
        return f"unsure: {label} or {second}"
    return f"{label} {percent(confidence)}"
