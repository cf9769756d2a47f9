"""The expected content of a page: the answers of `emo predict` for the same bytes and settings."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path

from emo import formatting
from emo.app.player import is_long_enough
from emo.audio import alteration
from emo.audio import clip as audio_clip
from emo.audio.channels import MIX
from emo.classifiers.voice import VOICE
from emo.errors import AudioError
from emo.inference import loading, predictor
from emo.inference.known_voice import know_speakers
from emo.inference.loading import ANSWER_KEYS
from emo.labels import LABELS
from emo.system import paths

ROOT = Path(__file__).resolve().parent.parent.parent

Share = tuple[float, float]
Bars = tuple[tuple[str, str], ...]
"""Each emotion and the percentage beside it."""

SETTINGS = {
    "what-if-speed": "speed",
    "what-if-pitch": "pitch_semitones",
    "what-if-gain": "gain_db",
    "what-if-noise": "snr_db",
    "what-if-telephone": "telephone",
}
"""Setting of each control of *What if*, by the key of the widget."""

_ROW = re.compile(
    r'<th scope="row">(.*?)</th>.*?<td class="emo-share[^"]*">(.*?)</td></tr>', re.DOTALL
)
_TABLE = re.compile(r'<table class="emo-bars">.*?</table>', re.DOTALL)
_KEPT = re.compile(r'<details[^>]* data-emo-keep="([^"]*)">(.*?)</details>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_CHANNEL = re.compile(r"(left|right) channel only|channel (\d+) only")
_AMONG = re.compile(r" · among ([^·]*)")
_SETTINGS = {
    "speed": re.compile(r"([\d.]+) times as fast"),
    "pitch_semitones": re.compile(r"([\d.]+) semitones? (higher|lower)"),
    "snr_db": re.compile(r"noise at an SNR of (-?[\d.]+) dB"),
    "telephone": re.compile(r"telephone band"),
    "gain_db": re.compile(r"([\d.]+) dB (louder|softer)"),
}


@dataclass(frozen=True)
class Answers:
    """Answers as displayed: the bars of each model by key, or the reason for their absence."""

    bars: Mapping[str, Bars]
    refusal: str = ""


@dataclass(frozen=True)
class PageState:
    """Content of a page with a clip.

    Attributes
    ----------
    name
        Name of the clip below the answers.
    settings
        Settings in the notice; neutral without one.
    share
        Selected part, 0 to 1 of the clip; None for the whole clip.
    headline
        The label in large letters; before it that of the whole clip as it was recorded, if the
        page shows another thing.
    channel
        Channel below the answers; the mix if none is named.
    among
        Emotions that can occur, below the answers; all if none are named.
    """

    name: str
    answers: Answers
    settings: alteration.Alteration
    share: Share | None
    headline: tuple[str, ...]
    channel: str = MIX
    among: tuple[str, ...] = LABELS


def bars_in(markup: str) -> Bars:
    """Return the rows of a table of bars."""
    rows = [row for table in _TABLE.findall(markup) for row in _ROW.findall(table)]
    return tuple((text_of(label), text_of(share)) for label, share in rows)


def bars_by_row(markup: str) -> dict[str, Bars]:
    """Return the bars of the ensemble and of each model in their rows beside the player."""
    rows = dict(_KEPT.findall(markup))
    return {key: bars_in(content) for key, content in rows.items() if key in ANSWER_KEYS}


def text_of(markup: str) -> str:
    """Return the text of HTML."""
    return unescape(_TAG.sub("", markup)).strip()


def labels_in(text: str) -> tuple[str, ...]:
    """Return the emotions that a text names, in its order."""
    return tuple(re.findall("|".join(LABELS), text))


def settings_in(notice: str) -> alteration.Alteration:
    """Return the settings that a notice names; an empty one names none."""
    matches = {name: pattern.search(notice) for name, pattern in _SETTINGS.items()}

    def signed(name: str, down: str) -> float:
        match = matches[name]
        return 0.0 if match is None else float(match[1]) * (-1 if match[2] == down else 1)

    speed, noise = matches["speed"], matches["snr_db"]
    return alteration.Alteration(
        snr_db=None if noise is None else float(noise[1]),
        speed=1.0 if speed is None else float(speed[1]),
        pitch_semitones=signed("pitch_semitones", "lower"),
        telephone=matches["telephone"] is not None,
        gain_db=signed("gain_db", "softer"),
    )


@cache
def models() -> loading.Models:
    """Return the models that `emo predict` loads."""
    return loading.load_usable(paths.MODELS_DIR)


@cache
def _clip(
    data: bytes, name: str, settings: alteration.Alteration, channel: str
) -> audio_clip.Clip | str:
    try:
        return alteration.alter_clip(audio_clip.decode(data, name, channel), settings)
    except AudioError as error:
        return str(error)


@cache
def expected(
    data: bytes,
    name: str,
    settings: alteration.Alteration = alteration.NEUTRAL,
    share: Share | None = None,
    channel: str = MIX,
    among: tuple[str, ...] = LABELS,
) -> Answers:
    """Return the answers that a page must display, computed by the functions of `emo predict`."""
    clip = _clip(data, name, settings, channel)
    if isinstance(clip, str):
        return Answers({}, clip)
    if share is not None and is_long_enough(share, clip.duration_s):
        first, last = (round(place * clip.duration_s * audio_clip.RATE_HZ) for place in share)
        clip = audio_clip.cut(clip, first, last)
    try:
        prediction = predictor.predict(clip, models(), among)
    except AudioError as error:
        return Answers({}, str(error))
    return Answers({key: _bars(answer) for key, answer in prediction.answers.items()})


def one_speaker(
    files: Mapping[str, tuple[str, bytes]], among: tuple[str, ...] = LABELS
) -> dict[str, Bars]:
    """Return the answers of `emo predict --same-speaker` with the voice known, by the same keys.

    Parameters
    ----------
    files
        Name and bytes of each clip that is stated to be of the speaker.
    among
        Emotions that can occur.
    """
    clips = {key: _clip(data, name, alteration.NEUTRAL, MIX) for key, (name, data) in files.items()}
    read = {key: clip for key, clip in clips.items() if not isinstance(clip, str)}
    plain = [predictor.predict(clip, models(), among) for clip in read.values()]
    known = know_speakers(plain, ["one"] * len(plain), models())
    return {
        key: _bars(prediction.answers[VOICE])
        for key, prediction in zip(read, known, strict=True)
        if VOICE in prediction.answers
    }


def _bars(answer: predictor.Answer) -> Bars:
    shares = answer.probabilities.tolist()
    return tuple(
        (label, formatting.percent(share)) for label, share in zip(LABELS, shares, strict=True)
    )


def check(shown: PageState, data: bytes) -> None:
    """Fail unless a page displays the answers of `emo predict` for these bytes."""
    right = expected(data, shown.name, shown.settings, shown.share, shown.channel, shown.among)
    assert shown.answers.refusal == right.refusal, (shown.answers.refusal, right.refusal)
    own = {key: bars for key, bars in shown.answers.bars.items() if key in right.bars}
    assert own == dict(right.bars), f"{shown.name} {shown.settings} {shown.share}: {own}"
    if right.bars:
        clip = _clip(data, shown.name, shown.settings, shown.channel)
        assert not isinstance(clip, str)
        *before, now = shown.headline
        _check_headline(now, right)
        if before:
            whole = expected(data, shown.name, channel=shown.channel, among=shown.among)
            _check_headline(before[0], whole)
        else:
            assert not _is_part(shown.share, clip)
            assert shown.settings == alteration.NEUTRAL


def _is_part(share: Share | None, clip: audio_clip.Clip) -> bool:
    """Return whether a selected part is long enough to be analysed."""
    return share is not None and is_long_enough(share, clip.duration_s)


def _check_headline(label: str, right: Answers) -> None:
    """Fail unless no emotion has a higher percentage."""
    rows = right.bars["ensemble"]
    assert _share(dict(rows)[label]) == max(_share(share) for _, share in rows)


def _share(percent: str) -> float:
    return 0.5 if percent.startswith("<") else float(re.sub(r"\D", "", percent))


def channel_in(described: str) -> str:
    """Return the channel in the line below the answers; the mix if it names none."""
    match = _CHANNEL.search(described)
    return MIX if match is None else match[1] or match[2]


def among_in(described: str) -> tuple[str, ...]:
    """Return the emotions that can occur in the line below the answers; all if it names none."""
    match = _AMONG.search(described)
    return LABELS if match is None else labels_in(match[1])


def refusal_of(data: bytes, name: str, settings: alteration.Alteration, channel: str = MIX) -> str:
    """Return the reason why a clip cannot be altered in this way; empty if it can."""
    clip = _clip(data, name, settings, channel)
    return clip if isinstance(clip, str) else ""


def check_command(
    data: bytes,
    name: str,
    settings: alteration.Alteration,
    among: tuple[str, ...] = LABELS,
) -> None:
    """Fail unless the command `emo predict` prints the expected answers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        command = [sys.executable, "-m", "emo", "predict", "--format", "json", str(path)]
        command += [f"--speed={settings.speed:g}", f"--pitch={settings.pitch_semitones:g}"]
        command += [f"--gain={settings.gain_db:g}", f"--among={','.join(among)}"]
        process = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    (row,) = json.loads(process.stdout)
    printed = row["models"]
    assert row["among"] == list(among)
    for key, bars in expected(data, name, settings, among=among).bars.items():
        shares = printed[key]["probabilities"]
        assert {label: formatting.percent(share) for label, share in shares.items()} == dict(bars)
