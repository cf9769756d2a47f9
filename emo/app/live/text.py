"""Texts of Live."""

from collections.abc import Sequence

from emo.app.own import served
from emo.app.text import UNSURE
from emo.classifiers.label_subset import in_words
from emo.features.speech import LIKE, SpeechWarning
from emo.formatting import NBSP
from emo.inference.live import MIN_SPEECH_S

LIVE_LABEL = "Live"
CLIP_NAME = "Live recording.wav"
KEPT_S = 60.0
"""Length of the sound that the browser keeps, and that can become a clip."""

NO_MODELS = "There are no trained models here, or they are damaged. Live needs them."

WORDS = {
    "open": LIVE_LABEL,
    "state_off": "The microphone is off",
    "state_starting": "The microphone starts …",
    "state_on": "The microphone is on",
    "state_sending": "The microphone is off",
    "stop": "Stop",
    "again": "Start again",
    "close": "Close",
    "keep": "Keep this as a clip",
    "keep_last": "Keep the last minute as a clip",
    "kept_note": (
        "Your browser keeps the sound of the last minute until you close this panel. Keep it as a "
        "clip to play it, select parts, and see all answers."
    ),
    "clock": "{0} · stops by itself at {1}",
    "allow": "Allow the microphone if your browser asks.",
    "connecting": "Connecting …",
    "sending": "The clip is sent …",
    "no_speech": "No speech yet",
    "some_speech": "A little more …",
    "hint": f"The first answer comes after {MIN_SPEECH_S:g}{NBSP}s of speech.",
    "pause": "No speech now. The last answer:",
    "window": f"The last {{0}}{NBSP}s of speech, answered {{1}}{NBSP}s later",
    "lanes": "The answers over the last minute",
    "summary": "In the last minute: {0}.",
    "part": f"{{0}} {{1}}{NBSP}s",
    "unsure": "unsure",
    "denied": (
        "Your browser did not allow the microphone. Allow it beside the address of this page, then "
        "start again."
    ),
    "missing": "There is no microphone. Connect one, then start again.",
    "taken": "Another program uses the microphone. Close that program, then start again.",
    "unplugged": "The microphone was disconnected. Connect it, then start again.",
    "insecure": "Browsers give the microphone only to pages on https or on this computer.",
    "unsupported": "This browser is too old for Live. Record a clip instead.",
    "failed": "The microphone could not be started. Start again, or record a clip instead.",
    "lost": "The connection to the server was lost. Start again in a moment.",
    "slow": "The connection is too slow for Live. Record a clip instead.",
}
"""Texts of the component; braces hold values."""


def privacy(among: Sequence[str]) -> str:
    """Return what happens to the sound, and the emotions that can occur if not all can."""
    sentence = (
        "The sound goes to this server alone, which stores none of it. Emo compares it with acted "
        "emotions; it does not measure what you feel."
    )
    if tuple(among) == served.labels():
        return sentence
    return f"{sentence} Answers are chosen {in_words(among, served.labels())}."


def no_speech(warning: SpeechWarning) -> str:
    """Return why a sound gets no answer; empty for silence, which needs no reason."""
    return f"This {LIKE[warning.kind]}." if warning.kind in LIKE else ""


def headline(named: tuple[str, ...], is_unsure: bool) -> str:
    """Return the label of an answer, marked if it is unsure."""
    return f"{UNSURE} {named[0]}" if is_unsure else named[0]


def busy(wait_s: int) -> str:
    """Return a notice that an answer was left out."""
    return f"The server is busy; the next answer comes in about {wait_s}{NBSP}s."
