"""Make the sample of a minute: speech synthesis with prosody set for each emotion, with pauses.

    python samples/make.py --takes 120 --seed 4

``samples.json`` keeps the takes and the seed.  For every emotion a few hundred candidates are
spoken by flite and espeak-ng (Debian packages ``flite`` and ``espeak-ng``) with pitch, range, rate,
loudness and voice quality around the values that studies of acted speech report (Scherer 2003;
Juslin and Laukka 2003), and the one with the highest probability by the ensemble is kept, which
need not be high.  The clip is synthetic and is marked so; the other samples are recordings, which
``choose.py`` chooses.
"""

import argparse
import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from tqdm import tqdm

from emo.audio.clip import RATE_HZ, decode
from emo.inference.loading import MODEL_KEYS, Models, load_models
from emo.inference.predictor import predict
from emo.inference.timeline import iter_timeline
from emo.labels import ENSEMBLE, LABELS

KEPT, STEP = 6, 0.15
LIST = "samples.json"
FILE = "minute.flac"
BREATH_S, PAUSE_S = 0.4, 1.6  # between the sentences of one emotion, and between two emotions
HEARD = 0.6  # of a long take, that must be found to be speech: the rest is pauses
Samples = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Prosody:
    """Prosody of an emotion; each value is drawn from a range.

    ``pitch``, ``spread`` and ``rate`` multiply the voice's own; ``tilt`` is the share of the first
    difference mixed in (brighter) or, if negative, of a running mean (darker); ``glide`` bends
    the pitch in semitones from the first to the last moment; ``tremor`` moves it, in semitones, six
    times a second; ``breath_db`` is noise that follows the level.  ``spread`` moves flite alone.
    """

    texts: tuple[str, ...]
    pitch: tuple[float, float]
    spread: tuple[float, float]
    rate: tuple[float, float]
    tilt: tuple[float, float]
    glide: tuple[float, float]
    tremor: tuple[float, float]
    breath_db: tuple[float, float]


PROSODY = {
    "angry": Prosody(
        ("Leave me alone right now!", "I told you never to do that!"),
        (1.3, 2.0), (1.5, 3.0), (1.0, 1.35), (0.3, 0.9), (-3, 1), (0, 0.2), (-45, -35),
    ),
    "disgusted": Prosody(
        ("What a horrible, rotten smell.", "That is truly revolting."),
        (0.6, 1.3), (0.8, 3.0), (0.5, 0.95), (-0.5, 0.6), (-6, 2), (0, 0.5), (-40, -18),
    ),
    "fearful": Prosody(
        ("There is someone in the house.", "Please, do not leave me here."),
        (1.4, 2.3), (0.6, 1.6), (1.0, 1.4), (-0.2, 0.4), (-1, 3), (0.3, 1.0), (-35, -22),
    ),
    "happy": Prosody(
        ("We won the game, how wonderful!", "It is so good to see you!"),
        (1.2, 2.4), (1.8, 4.5), (0.85, 1.35), (0.0, 0.9), (-2, 4), (0, 0.3), (-45, -30),
    ),
    "neutral": Prosody(
        ("The train leaves at nine.", "The book is on the table."),
        (0.9, 1.05), (0.6, 1.0), (0.95, 1.1), (-0.2, 0.2), (-1, 0), (0, 0.05), (-50, -40),
    ),
    "sad": Prosody(
        ("I miss the old house so much.", "Nothing is as it was before."),
        (0.75, 1.2), (0.2, 0.7), (0.6, 0.85), (-0.8, -0.2), (-4, 0), (0, 0.3), (-35, -25),
    ),
    "surprised": Prosody(
        ("Oh! You are already here?", "What? Is that really you?"),
        (1.2, 2.6), (1.5, 5.0), (0.7, 1.3), (-0.3, 0.9), (0, 9), (0, 0.4), (-45, -25),
    ),
}  # fmt: skip


STORY = {
    "neutral": "The next one leaves at ten. The tickets are in the top drawer.",
    "happy": "The sun is out again! We are going to the sea, at last!",
    "surprised": "Oh! What is that? A moment ago there was nothing here!",
    "fearful": "Someone is coming up the stairs. Please, be quiet, do not move.",
    "angry": "It is you again! I have told you a hundred times, get out of my house!",
    "disgusted": "And look at this plate, it is full of mould. I cannot even touch it.",
    "sad": "Now he is gone, and he did not say goodbye. The house is so empty.",
}
"""Texts of the minute after the sentence of each emotion's clip, in order."""


@dataclass(frozen=True)
class Voice:
    """A voice of a synthesiser, with its own mean pitch in Hz."""

    program: str
    name: str
    pitch_hz: float


VOICES = (
    Voice("flite", "slt", 180.0),
    Voice("flite", "rms", 95.0),
    Voice("flite", "awb", 125.0),
    Voice("espeak-ng", "en-us+f3", 200.0),
    Voice("espeak-ng", "en-gb+m3", 100.0),
)


SETTINGS = ("pitch", "spread", "rate", "tilt", "glide", "tremor", "breath_db")


@dataclass(frozen=True)
class Take:
    """One spoken candidate; ``settings`` holds a value for each of ``SETTINGS``, from 0 to 1."""

    emotion: str
    text: str
    voice: Voice
    settings: npt.NDArray[np.float64]
    samples: Samples


@dataclass(frozen=True)
class Scored:
    """A candidate and how clear the models find it.

    ``in_place`` says whether it sounds like speech to them at all, ``agreeing`` counts the models
    that answer the emotion meant, ``ensemble`` is its probability.
    """

    take: Take
    in_place: bool
    agreeing: int
    ensemble: float


def search(
    emotion: str,
    texts: Sequence[str],
    n: int,
    rng: np.random.Generator,
    judge: Callable[[Take], Scored],
) -> Scored:
    """Return the clearest of ``n`` candidates: a third random, the others near the best so far."""
    best: list[Scored] = []
    for i in tqdm(range(n), desc=emotion, unit="take"):
        if i < n / 3:
            text = str(rng.choice(texts))
            voice = VOICES[rng.integers(len(VOICES))]
            settings = rng.random(len(SETTINGS))
        else:
            near = best[rng.integers(len(best))].take
            text, voice = near.text, near.voice
            settings = np.clip(near.settings + rng.normal(0, STEP, len(SETTINGS)), 0, 1)
        scored = judge(perform(emotion, text, voice, settings, rng))
        best = sorted([*best, scored], key=_rank, reverse=True)[:KEPT]
    return best[0]


def perform(
    emotion: str,
    text: str,
    voice: Voice,
    settings: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> Take:
    """Return a text spoken with settings inside the ranges of the emotion's prosody."""
    value = {}
    for name, share in zip(SETTINGS, settings, strict=True):
        low, high = getattr(PROSODY[emotion], name)
        value[name] = float(low + share * (high - low))
    spoken = speak(voice, text, value["pitch"], value["spread"], value["rate"])
    bent = bend_pitch(spoken, value["glide"], value["tremor"])
    return Take(
        emotion, text, voice, settings, colour(bent, value["tilt"], value["breath_db"], rng)
    )


def speak(voice: Voice, text: str, pitch: float, spread: float, rate: float) -> Samples:
    """Speech at 16 kHz from a synthesiser's own prosody settings."""
    if voice.program == "flite":
        settings = {
            "duration_stretch": 1 / rate,
            "int_f0_target_mean": voice.pitch_hz * pitch,
            "int_f0_target_stddev": 15 * spread,
        }
        options = [part for name, v in settings.items() for part in ("--setf", f"{name}={v:.3f}")]
        command = ["flite", "-voice", voice.name, "-t", text, *options, "-o", "/dev/stdout"]
    else:
        command = [
            "espeak-ng", "-v", voice.name, "-s", f"{165 * rate:.0f}",
            "-p", f"{np.clip(50 * pitch, 0, 99):.0f}", "--stdout", text,
        ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True)
    return read_wav(done.stdout)


def read_wav(data: bytes) -> Samples:
    """Return samples at 16 kHz of a WAV whose stated length may be wrong, as on a pipe."""
    start = data.index(b"data") + 8
    rate_hz = int.from_bytes(data[24:28], "little")
    end = start + (len(data) - start) // 2 * 2
    samples = np.frombuffer(data[start:end], "<i2") / 32768.0
    return np.asarray(soxr.resample(samples, rate_hz, RATE_HZ), dtype=np.float64)


def bend_pitch(samples: Samples, glide: float, tremor: float) -> Samples:
    """Play the clip at a varying speed, so that its pitch glides and trembles."""
    t = np.arange(len(samples)) / RATE_HZ
    share = t / t[-1]
    semitones = glide * (share - 0.5) + tremor * np.sin(2 * np.pi * 6 * t)
    places = np.cumsum(2 ** (-semitones / 12))  # a higher pitch takes less time
    grid = np.arange(places[0], places[-1])
    sources = np.interp(grid, places, np.arange(len(samples)))
    return np.asarray(np.interp(sources, np.arange(len(samples)), samples))


def colour(samples: Samples, tilt: float, breath_db: float, rng: np.random.Generator) -> Samples:
    """Make the voice brighter or darker, add breath and silence, and scale the peak to 0.7."""
    brighter = np.diff(samples, prepend=0.0) * 4
    darker = np.convolve(samples, np.ones(8) / 8, "same")
    mixed = samples + abs(tilt) * ((brighter if tilt > 0 else darker) - samples)
    envelope = np.convolve(np.abs(mixed), np.hanning(400) / 200, "same")
    breath = rng.standard_normal(len(mixed)) * envelope * 10 ** (breath_db / 20) * 3
    voiced = mixed + breath
    quiet = np.zeros(RATE_HZ // 8)
    return np.concatenate([quiet, 0.7 * voiced / np.abs(voiced).max(), quiet])


def judge(take: Take, models: Models) -> Scored:
    """Return the models' confidence in the emotion of a candidate, as it will be stored."""
    prediction = predict(decode(to_flac(take.samples)), models)
    answers = prediction.answers
    agreeing = sum(a.label == take.emotion for key, a in answers.items() if key != ENSEMBLE)
    ensemble = float(answers[ENSEMBLE].probabilities[LABELS.index(take.emotion)])
    return Scored(take, not prediction.speech_warnings, agreeing, ensemble)


def judge_over_time(take: Take, models: Models) -> Scored:
    """Return the models' mean confidence over a long candidate; blank windows count as 0.

    ``ensemble`` is the mean over its time, and ``agreeing`` counts the models that answer the
    emotion meant for the greater part of it.
    """
    *_, heard = iter_timeline(decode(to_flac(take.samples)), models)
    shares = (heard.segments_s[:, 1] - heard.segments_s[:, 0]) / heard.duration_s
    meant = LABELS.index(take.emotion)
    agreeing = sum(
        bool(shares[heard.probabilities[key].argmax(axis=1) == meant].sum() > 0.5)
        for key in MODEL_KEYS
    )
    ensemble = float(shares @ heard.probabilities[ENSEMBLE][:, meant])
    return Scored(take, bool(shares.sum() > HEARD), agreeing, ensemble)


def _rank(scored: Scored) -> tuple[bool, int, float]:
    return scored.in_place, scored.agreeing, scored.ensemble


def to_flac(samples: Samples) -> bytes:
    """Return a 16-bit FLAC at 16 kHz."""
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def make_minute(takes: int, seed: int, models: Models) -> dict[str, object]:
    """Write the clip (for each emotion a sentence, the text of STORY, a pause), return its row."""
    pieces: list[Samples] = []
    parts: list[dict[str, object]] = []
    length = 0
    for emotion, text in STORY.items():
        rng = np.random.default_rng([seed, LABELS.index(emotion)])
        first = search(emotion, PROSODY[emotion].texts, takes, rng, partial(judge, models=models))
        rng = np.random.default_rng([seed, LABELS.index(emotion), len(STORY)])
        best = search(emotion, (text,), takes, rng, partial(judge_over_time, models=models))
        part = np.concatenate([first.take.samples, silence(BREATH_S), best.take.samples])
        parts.append(
            {
                "emotion": emotion,
                "start_s": round(length / RATE_HZ, 2),
                "stop_s": round((length + len(part)) / RATE_HZ, 2),
                "text": f"{first.take.text} {text}",
                "voice": f"{best.take.voice.program} {best.take.voice.name}",
            }
        )
        pieces += [part, silence(PAUSE_S)]
        length += len(part) + len(pieces[-1])
    (HERE / FILE).write_bytes(to_flac(np.concatenate(pieces[:-1])))
    return {
        "file": FILE,
        "emotion": "all",
        "text": " … ".join(str(part["text"]) for part in parts),
        "synthetic": True,
        "parts": parts,
        "takes": takes,
        "seed": seed,
    }


def silence(duration_s: float) -> Samples:
    """Return silence, float64 (n,)."""
    return np.zeros(round(duration_s * RATE_HZ))


def main() -> None:
    """Make the clip, and write its row into the list of samples."""
    parser = argparse.ArgumentParser(description="Make the sample of a minute anew.")
    parser.add_argument("--takes", type=int, default=120, help="candidates for each part")
    parser.add_argument("--seed", type=int, default=4)
    options = parser.parse_args()
    path = HERE / LIST
    content = json.loads(path.read_text(encoding="utf-8"))
    content["minute"] = make_minute(options.takes, options.seed, load_models())
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
