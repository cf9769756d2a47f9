"""Know the voice: a classifier of clips relative to other clips of the same speaker."""

from emo.classifiers.voice.check import (
    VOICE,
    VoiceCalibration,
    corrected_variation,
    read_voice,
    variation,
)
from emo.classifiers.voice.head import (
    GROUP_SIZES,
    MIN_CLIPS,
    check_voice,
    clip_weights,
    draw_groups,
    fit_voice,
    predict_voice,
    relative_numbers,
    voice_numbers,
    within_voices,
)

__all__ = [
    "GROUP_SIZES",
    "MIN_CLIPS",
    "VOICE",
    "VoiceCalibration",
    "check_voice",
    "clip_weights",
    "corrected_variation",
    "draw_groups",
    "fit_voice",
    "predict_voice",
    "read_voice",
    "relative_numbers",
    "variation",
    "voice_numbers",
    "within_voices",
]
