"""Texts of the page *Analyse*."""

from collections.abc import Collection, Mapping, Sequence

from emo.app.player_data import LONG_BITS, LOSSLESS_S
from emo.app.samples import Sample, credits_of
from emo.app.text import MODELS_IN_TEXT
from emo.classifiers.registry import CLASSIFIERS
from emo.features.quality import Quality
from emo.formatting import NBSP, in_words, listed, percent, seconds
from emo.inference.timeline import Cue
from emo.labels import LABELS

ANALYSE_TITLE = "The emotion in a voice"
ANALYSE_LEAD = (
    f"Upload or record a voice. {in_words(len(CLASSIFIERS)).capitalize()} models, trained on "
    "recordings of actors, each say which of seven acted emotions it resembles most."
)
UPLOAD_LABEL = "Upload a clip"
RECORD_LABEL = "Record a clip"
SAMPLES_LABEL = "Or pick a sample"
SAMPLES_MENU = "Samples"
HELD_OUT_NOTE = "No model was trained on these actors."
MINUTE_NOTE = "The one-minute sample is synthetic speech; similar models were used to choose it."
MAX_QUOTED = 90
MIN_CALM = 0.1
"""Smallest share of calm that an answer mentions."""
SAMPLE_OF_ALL = "all seven in a minute"
NO_SAMPLES = "There are no samples on this server. Run `make samples` to create them."
RECORDING = "Recording"
JSON_LABEL = "Answers as JSON"
CSV_LABEL = "Answers as CSV"
BACK_TO_CELL = "Back to the cell"
CHANGED = "changed"
"""In the name of a file with the answers to a clip that *What if* changed."""
REMOVE_LABEL = "Remove this clip"
REMOVE_HELP = "Removes the clip and its answers from this session."
UNMEASURED = "How often it is right has not been measured."
SPECTROGRAM_NOTE = (
    "The waveform is on top. Silence at its ends is shaded; the models do not get it. The "
    "spectrogram below shows how strong each frequency is over time: the brighter, the louder. The "
    "player plays one channel up to 8,000 Hz at full level, and clips longer than "
    f"{LOSSLESS_S:g} s with {LONG_BITS[0]} bits or fewer. The models get all bits, and all clips "
    "at one level."
)
MORE_TITLE = "More about the answers"
TABS = {
    "details": "Details",
    "why": "Why",
    "what-if": "What if",
    "recording": "Quality",
    "files": "Downloads",
}
"""Titles of the tabs below the player, by key."""
LOOKING_FOR_REASONS = "Computing the reasons …"
TIMELINE_TITLE = "Over time"
ANSWERS_LATER = "First the answers over time, then the answers to the whole clip."
TIMELINE_NOTE = (
    "The lanes below the spectrogram show the answers for windows of three seconds, at most a "
    "second apart, or two in a recording of more than five minutes. The first lane has the seven "
    "probabilities of the ensemble, the others have the "
    "likeliest emotion of each model, pale where it is unsure. Pauses and sounds other than speech "
    "stay blank. Point at a lane to read its answers."
)
TIMELINE_SAVE = "Save the timeline"
TIMELINE_FILE = "timeline"
"""In the name of a file with the answers over time."""
TIMELINE_TABLE = "As a table"
TIMELINE_HEADS = ("From", "To", "Answer", "Confidence")
TIMELINE_FILES = {
    "csv": "Table (CSV)",
    "json": "All numbers (JSON)",
    "srt": "Subtitles (SRT)",
    "vtt": "Subtitles (WebVTT)",
    "audacity": "Labels for Audacity",
    "textgrid": "TextGrid for Praat",
    "eaf": "Annotations for ELAN",
}
UNSURE_MARK = ", unsure"
ONE_SPEAKER_LABEL = "One speaker"
ONE_SPEAKER_HELP = (
    "Switch this on if one person speaks all the time. The answers are then relative to what the "
    "windows have in common. If the windows are alike in emotion, the answers stay as they are."
)
KNOWN_VOICE = ONE_SPEAKER_LABEL
"""Name of the lane with the voice known."""
MAX_SPOKEN = 12
WHY_NEEDS_ALL = "The reasons need all models, and one of them is missing."
READABLE_TREE = "In plain questions"

QUALITY_NOTE = (
    "Level and peak are relative to full scale, the loudest that a file can hold. Noise is steady "
    "sound, relative to the loudest part of the voice; it is measured in pauses. The models use no "
    "frequency above 8,000 Hz."
)
MAY_BE_WHY = "This may be why some models are unsure."

CHANNEL_LABEL = "Channel"
CHANNEL_HELP = (
    "A recorded call often has one person on each channel. Choose a channel to analyse and play "
    "that person alone."
)
_CHANNEL_NAMES = {"mix": "Mix of all", "left": "Left", "right": "Right"}

WHAT_IF_NOTE = (
    "Change the clip, play it, and see how the answers change. The whole page then shows the "
    "changed clip."
)
NOISE_LABEL = "Noise"
NOISE_HELP = (
    "Adds steady noise. The lower the signal-to-noise ratio (SNR), the louder it is: at 0 dB, as "
    "loud as the voice."
)
SPEED_LABEL = "Speed"
SPEED_HELP = "Makes the clip faster or slower. The pitch stays."
PITCH_LABEL = "Pitch"
PITCH_HELP = "Raises or lowers the pitch only, by semitones."
GAIN_LABEL = "Loudness"
GAIN_HELP = (
    "Makes the clip louder or softer; peaks above full scale are cut off. The models get all clips "
    "at one level."
)
TELEPHONE_LABEL = "Through a telephone"
TELEPHONE_HELP = "Keeps only 300 to 3,400 Hz, in eight bits."
RESET_LABEL = "Reset"
NOT_MEASURED = "not measurable"


def noise_option(snr_db: int | None) -> str:
    """Return the name of a signal-to-noise ratio, such as "SNR 20 dB"."""
    return "none" if snr_db is None else f"SNR {snr_db}{NBSP}dB"


def channel_option(channel: str) -> str:
    """Return the name of a channel in a choice, such as "Left" or "Channel 3"."""
    return _CHANNEL_NAMES.get(channel, f"Channel{NBSP}{channel}")


def channel_alone(channel: str) -> str:
    """Return the note that only one channel was analysed."""
    return f"{channel} channel only" if channel in _CHANNEL_NAMES else f"channel {channel} only"


def figures(quality: Quality) -> dict[str, str]:
    """Return the measured quality of a recording, each figure as text under its name."""
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
    """Return the title of the figures: the whole or a part, as recorded or as changed."""
    what = "Quality of the selected part" if is_part else "Quality of the clip"
    return f"{what}, changed" if is_altered else what


def quality_paragraph(warnings: Mapping[str, str], is_unsure: bool) -> str:
    """Return the warnings about the quality of a clip as one paragraph.

    Parameters
    ----------
    warnings
        Sentences by the measurement that they are about.
    is_unsure
        Whether a model is unsure, which the warnings may explain.
    """
    return " ".join([*warnings.values(), MAY_BE_WHY] if is_unsure else warnings.values())


GUIDE_LABEL = "Your first minute"
HIDE_LABEL = "Hide the guide"
SHOW_LABEL = "Show the guide"
NEXT_LABEL = "Open the confusion matrices"
DONE = "done"

STEPS = {
    "pick": (
        "Choose a clip",
        "No recording at hand? Pick a sample below.",
    ),
    "listen": (
        "Play it",
        "Press the round button, or the space bar.",
    ),
    "select": (
        "Select a part",
        "Drag over the spectrogram. Does the answer change?",
    ),
    "why": (
        "See why",
        "Open the tab “Why” below the player.",
    ),
    "errors": (
        "See the errors",
        "The samples are easy. See how often the models are wrong.",
    ),
}
"""Name and sentence of each step of the guide, by its key."""


def progress(number: int, total: int) -> str:
    """Return the number of the current step, for screen readers."""
    return f"Step {number} of {total}"


def trained_on(corpus: str, emotion: str) -> str:
    """Return the notice that the models were trained on a clip, and its acted emotion."""
    return (
        f"All models were trained on this clip of {corpus}, acted {emotion}, so their answers here "
        "are no test. The confusion matrices have answers of models that were not trained on it."
    )


def held_out(corpus: str, emotion: str) -> str:
    """Return the notice that a clip of a training corpus is by an actor who was held out."""
    return (
        f"This clip of {corpus} was acted {emotion}. No model that answers here was trained on its "
        "actor."
    )


def named_as(corpus: str, emotion: str, is_held_out: bool) -> str:
    """Return the notice that an own file is named like a clip of a training corpus."""
    named = f"This file is named like a clip of {corpus}, acted {emotion}"
    if is_held_out:
        return f"{named}, by an actor on whom no model that answers here was trained."
    return (
        f"{named}. The models were trained on such clips. If it is one of them, their answers are "
        "no test of them."
    )


def back_to(name: str) -> str:
    """Return the label of the button that leads back to a clip."""
    return f"Back to {name}"


def sample_name(emotion: str) -> str:
    """Return the label of the button of a sample."""
    return emotion if emotion in LABELS else SAMPLE_OF_ALL


def samples_note(gallery: Sequence[Sample], held_out: Collection[str] | None) -> str:
    """Return the note about the samples: whose they are, short enough for one line.

    How they were chosen stands on the page About.

    Parameters
    ----------
    gallery
    held_out
        Speakers on whom no model was trained; None where that is not known.
    """
    real = [sample for sample in gallery if sample.source]
    if not real:
        return MINUTE_NOTE if gallery else ""
    parts = []
    if held_out is not None and {sample.speaker for sample in real} <= set(held_out):
        parts.append(HELD_OUT_NOTE)
    return " ".join([*parts, f"{credits_of(real)}."])


def quoted(text: str) -> str:
    """Return a transcript in quotation marks, a long one shortened."""
    if len(text) <= MAX_QUOTED:
        return f"“{text}”"
    return f"“{text[:MAX_QUOTED].rsplit(' ', 1)[0]} …”"


def calm_left_out(share: float) -> str:
    """Return the note on the share of calm, a trained label that is no answer."""
    return f"It gave {percent(share)} to calm, which is not one of the seven and is left out."


def all_questions(n: int) -> str:
    """Return the title of the list of all questions of a tree."""
    return f"All {n} questions, one by one"


def selected_part(start_s: float, stop_s: float) -> str:
    """Return the selected part of a clip in words."""
    return f"selected: {start_s:.2f} to {stop_s:.2f}{NBSP}s"


def timeline_in_words(cues: Sequence[Cue]) -> str:
    """Return the answers over time for screen readers; after the first few they are counted."""
    if not cues:
        return "Timeline: no speech so far."
    parts = [
        f"{cue.start_s:.0f} to {cue.stop_s:.0f} s {cue.answer.label}"
        f"{', unsure' if cue.answer.unsure else ''}"
        for cue in cues[:MAX_SPOKEN]
    ]
    n_more = len(cues) - len(parts)
    return f"The ensemble over time: {'; '.join(parts)}{f'; and {n_more} more' if n_more else ''}."


def failed_models(keys: Sequence[str]) -> str:
    """Return the warning that models failed on a clip, and that the ensemble excludes them."""
    names = listed([MODELS_IN_TEXT[key] for key in keys])
    return (
        f"{names[0].upper()}{names[1:]} gave no answer to this clip: a fault of the model, not of "
        "your clip. The ensemble is that of the others; how often it is right was not measured."
    )


def missing_models(keys: Sequence[str]) -> str:
    """Return the warning that models could not be loaded, and whose the ensemble is now."""
    names = listed([MODELS_IN_TEXT[key] for key in keys])
    left = [MODELS_IN_TEXT[key] for key in MODELS_IN_TEXT if key in CLASSIFIERS and key not in keys]
    if len(keys) == 1:
        begin = f"{names[0].upper()}{names[1:]} is missing here, or its files are damaged"
    else:
        begin = f"{names[0].upper()}{names[1:]} are missing here, or their files are damaged"
    whose = listed(left) + (" together" if len(left) > 1 else " alone")
    return (
        f"{begin}. The ensemble is that of {whose}; how often it is right was not measured. "
        "Whoever runs this page can fetch the folder `models/` again."
    )


GUEST_KIND = "A guest: a model by others, which has no part in the ensemble."
GUEST_UNMEASURED = "How often it is right was not measured here, and it is never unsure."
