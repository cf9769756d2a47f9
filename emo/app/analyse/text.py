"""The words on what a recording is like, and on what if it were different.  No Streamlit here."""

from collections.abc import Mapping

from emo.features.quality import Quality
from emo.formatting import NBSP, percent, seconds
from emo.inference.predictor import Answer

QUALITY_NOTE = (
    "Level and peak are relative to full scale. Noise is steady sound, below the loudest voice; "
    "it can only be measured where there are pauses. The models hear nothing above 8,000 Hz."
)
MAY_BE_WHY = "This may be why some models are unsure."

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


def quality_title(is_part: bool, is_altered: bool) -> str:
    """Of what the figures are: the whole or a part, as recorded or as altered."""
    what = "The selected part" if is_part else "The recording"
    return f"{what}, as altered" if is_altered else what


def concern_of(found: Mapping[str, str], is_unsure: bool) -> str:
    """What speaks against a clip in one paragraph, and whether it may be why; or nothing.

    Parameters
    ----------
    found
        Sentences by what they are about.
    is_unsure
        Whether a model is.
    """
    told = [*found.values(), MAY_BE_WHY] if found and is_unsure else found.values()
    return " ".join(told)


def given(answer: Answer) -> str:
    """An answer in a cell, such as "happy 71 %"."""
    if not answer.unsure:
        return f"{answer.label} {percent(answer.confidence)}"
    text = f"unsure: {' or '.join(answer.named)}"
    return text if len(answer.named) > 1 else f"{text} {percent(answer.confidence)}"


GUIDE_LABEL = "Your first minute"
HIDE_LABEL = "Hide the guide"
NEXT_LABEL = "Open the confusion matrices"
DONE = "done"

STEPS = {
    "pick": (
        "Pick a sample",
        "Nothing at hand? Pick a sample below: a synthetic voice, one for each emotion, or all "
        "seven in a minute.",
    ),
    "listen": (
        "Listen",
        "Scroll to the waveform and press the round button, or Space.",
    ),
    "select": (
        "Select a part",
        "Drag over the spectrogram. The models then answer for that part alone: do they change "
        "their minds?",
    ),
    "why": (
        "Ask why",
        "Switch on “Why?” below the three models. Each says what moved it; the network shows where "
        "it looked.",
    ),
    "errors": (
        "See how often they err",
        "Last: the samples of one emotion are easy on purpose. See how often the models are wrong "
        "on voices that they had never heard.",
    ),
}
"""Name and sentence of each step, by key, in order."""


def progress(number: int, total: int) -> str:
    """How far the guide is, for those who do not see it."""
    return f"Step {number} of {total}"
