"""How good a recording is, and what in it may be why a model is unsure.

Everything but the source's rate and channels is measured in the 16 kHz samples that the models
hear.  What a codec, a resampler or a level control did to them before can only partly be known;
each attribute of :class:`Quality` says how far.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from emo.audio.activity import Floats
from emo.audio.clip import RATE_HZ, Clip
from emo.features.frames import FRAME_S, HOP, WINDOW, Frames, analyse, power_pieces
from emo.features.functionals import quantiles
from emo.features.measures import stretches
from emo.features.speech import without_voice

# What the limits rest on is the table "Sound made worse" in models/vote/CARD.md: a limit stands
# where a condition starts to cost the vote several points. Level has none, since 20 dB softer costs
# nothing, and neither have rooms and MP3, which cost little and cannot be told from the sound.
SHORT_S = 1.5  # an excerpt of 1 s costs 15 points; nine in ten clips of the corpora have more
NOISY_DB = 10.0  # noise 20 dB below the voice costs 3 points, 10 dB below it 10
NARROW_HZ = 4500.0  # the telephone band, here 3000 to 4250 Hz, costs 4 points
CLIPPED_SHARE = 0.05  # overdriven by 12 dB, half of the corpora's clips have more: it costs 1 point

OF_ALTERING = "that comes of how the clip was altered, not of the recording"

STEP = 2.0**-15  # of 16-bit samples
HELD_SAMPLES = 3
REACH_FRAMES = 15  # 150 ms: a consonant before or after a voiced stretch

SILENT_POWER = 10**-9.5  # a frame that is digital silence tells nothing of the noise elsewhere
MIN_BIN = 1 + 50 * WINDOW // RATE_HZ  # from 50 Hz, where the models begin to hear
QUIET_SHARE = 0.1
PAUSES_S = 0.4  # with fewer frames without a pitch, what is quietest may be a part of speech
LOUDEST_FRAMES = 20  # 200 ms
MIN_DB = -10.0
MAX_FRAMES = 6000  # more would make the estimate slow and no better
BAND_BINS = 250 * WINDOW // RATE_HZ
LEAKED_BINS = 2  # of a band, into which the window spreads what lies below it
BAND_DB = -45.0  # the quantisation of a telephone lies 47 dB below the strongest band


@dataclass(frozen=True)
class Quality:
    """What was measured of a recording.

    Attributes
    ----------
    duration_s : float
        Silence included.
    source_rate_hz, source_channels : int
        What the file says.  It may have been resampled before: see ``bandwidth_hz``.
    peak_db : float
        Highest sample, in dB relative to full scale; after resampling it may pass 0.
    speech_db : float
        RMS from the start to the end of the sound, in dB relative to full scale.
    clipped : float, 0 to 1
        Share of the samples that stand still, three in a row or more, at full scale in the source
        or at the clip's own highest or lowest value, so that a clip which was turned down after it
        was overdriven is found too.  What was resampled or went through a lossy codec between the
        two is not: the flat tops are gone.
    noise_below_db : float or None
        How far the noise lies below the loudest 200 ms of the voice, as
        ``effects.add_noise`` counts it, and from 50 Hz up; None where the clip has too few
        pauses to measure in.  Steady noise is found within 3 dB where it lies 5 dB or more below
        the voice; voices in the background, music and single sounds are not noise to it.
    speech : float, 0 to 1
        Share of the duration that lies within 150 ms of a stretch with a pitch.
    bandwidth_hz : float
        Upper edge of the highest band of 250 Hz that is within 45 dB of the strongest, noise
        included; 8000 is all that the models hear.
    altered : frozenset of str
        Attributes that nothing spoke against before the clip was altered
        (:func:`compare_altered`).
    """

    duration_s: float
    source_rate_hz: int
    source_channels: int
    peak_db: float
    speech_db: float
    clipped: float
    noise_below_db: float | None
    speech: float
    bandwidth_hz: float
    altered: frozenset[str] = frozenset()

    @property
    def speech_s(self) -> float:
        """How much of the clip is speech."""
        return self.speech * self.duration_s

    def to_dict(self) -> dict[str, Any]:
        """The measurements, rounded, and the doubts that follow from them."""
        digits = {"clipped": 5, "duration_s": 3, "speech": 3}
        rounded = {
            name: round(value, digits.get(name, 1)) if isinstance(value, float) else value
            for name, value in asdict(self).items()
            if name != "altered"
        }
        return rounded | {"quality_warnings": list(quality_warnings(self).values())}


def compare_altered(altered: Quality, recorded: Quality) -> Quality:
    """Return the quality of an altered clip, with what only the alteration brought about."""
    brought = quality_warnings(altered).keys() - quality_warnings(recorded).keys()
    return replace(altered, altered=frozenset(brought))


def measure_quality(clip: Clip, frames: Frames | None = None) -> Quality:
    """The quality of a clip.

    Parameters
    ----------
    frames : what :func:`emo.features.frames.analyse` measured in it, where that is at hand
    """
    samples = clip.samples
    frames = analyse(samples) if frames is None else frames
    sound = samples[frames.span.start : frames.span.stop]
    voiced = ~without_voice(frames)
    voiced_s = int(voiced.sum()) * FRAME_S
    power, level, loudest = _spectra(samples)
    n_speech = int((np.convolve(voiced, np.ones(2 * REACH_FRAMES + 1), "same") > 0.5).sum())
    return Quality(
        duration_s=clip.duration_s,
        source_rate_hz=clip.source_rate_hz,
        source_channels=clip.source_channels,
        peak_db=_decibel(float(np.abs(samples).max()) ** 2),
        speech_db=_decibel(float(np.mean(np.square(sound, dtype=np.float64)))),
        clipped=max(clip.clipped, flat_share(samples)),
        noise_below_db=_noise_below_db(power, level, loudest, clip.duration_s, voiced_s),
        speech=min(1.0, n_speech * FRAME_S / clip.duration_s),
        bandwidth_hz=_bandwidth_hz(power),
    )


def _spectra(samples: Floats) -> tuple[Floats, Floats, float]:
    """Power spectra (n, 257) of frames of the clip, power from 50 Hz up (n,), and the loudest."""
    n_frames = 1 + len(samples) // HOP
    step = -(-n_frames // MAX_FRAMES)
    level = np.empty(n_frames, np.float32)
    some = []
    for piece, power in power_pieces(samples):
        level[piece] = power[:, MIN_BIN:].sum(axis=1)
        # the outermost frames, two at either end, reach beyond the clip
        some.append(power[(2 - piece.start) % step if piece.start else 2 :: step])
    kept = np.concatenate(some)[: len(range(2, n_frames - 2, step))]
    return kept, level[2:-2:step], _loudest(level)


def _decibel(power: float) -> float:
    return 10.0 * math.log10(max(power, 1e-12))


def flat_share(samples: Floats) -> float:
    """Share of the samples that stand still at the clip's highest or lowest value, 0 to 1."""
    highest, lowest = float(samples.max()), float(samples.min())
    peak = max(highest, -lowest)
    sides = (highest, samples >= highest - STEP / 2), (-lowest, samples <= lowest + STEP / 2)
    count = 0
    for height, flat in sides:
        if height < peak / 2 or height < 100 * STEP:  # of faint sound even a slow top is flat
            continue
        if np.count_nonzero(flat) >= HELD_SAMPLES:  # most clips have no run, which is soon seen
            runs = (stop - start for start, stop in stretches(flat))
            count += sum(length for length in runs if length >= HELD_SAMPLES)
    return count / len(samples)


def _loudest(level: Floats) -> float:
    """Mean power of the loudest 200 ms, of the power in each frame (n,)."""
    n = min(LOUDEST_FRAMES, len(level))
    return float(np.convolve(level, np.ones(n) / n, "valid").max())


def _noise_below_db(
    power: Floats, level: Floats, loudest: float, duration_s: float, voiced_s: float
) -> float | None:
    """Level of the loudest voice over that of steady noise, from a power spectrum (n, 257).

    The power in each frame (n,) and the loudest are those from 50 Hz up, as is the noise.

    Speech leaves every frequency now and then.  So the lowest tenth of a bin's power over time is
    that of the noise alone (minimum statistics, Martin 2001), and since the power of noise in a bin
    has an exponential distribution, its mean is that quantile over ``-log(1 - 0.1)``.
    """
    heard = level > SILENT_POWER
    if duration_s * float(heard.mean()) - voiced_s < PAUSES_S:
        return None
    lowest = quantiles(power[heard, MIN_BIN:], (QUIET_SHARE,))[0]
    noise = float(lowest.sum()) / -math.log(1 - QUIET_SHARE)
    return max(MIN_DB, _decibel(loudest - noise) - _decibel(noise))


def _bandwidth_hz(power: npt.NDArray[np.float32]) -> float:
    """Upper edge of the highest band with energy, from a power spectrum (n, 257)."""
    mean = power.mean(axis=0)
    bands = mean[1:].reshape(-1, BAND_BINS)[:, LEAKED_BINS:].sum(axis=1)
    heard = np.flatnonzero(bands >= bands.max() * 10 ** (BAND_DB / 10))
    return float((heard[-1] + 1) * BAND_BINS * RATE_HZ / WINDOW)


def quality_warnings(quality: Quality) -> dict[str, str]:
    """Why answers to a clip may be unsure or wrong, by the attribute that shows it.

    Each sentence has the value and says what would work; what comes of altering the clip is said to
    do so, and asks for no other recording.  Without any, nothing measured here speaks against the
    recording.
    """
    found = {}
    if quality.duration_s < SHORT_S:
        found["duration_s"] = (
            f"The clip lasts only {quality.duration_s:.1f} s",
            "two or three seconds of speech serve best",
        )
    elif quality.speech_s < SHORT_S:
        found["speech"] = (
            f"Only {quality.speech_s:.1f} s of the {quality.duration_s:.1f} s are speech",
            "two or three seconds serve best",
        )
    noise_db = quality.noise_below_db
    if noise_db is not None and noise_db <= NOISY_DB:
        found["noise_below_db"] = (
            f"The noise lies only {max(noise_db, 0.0):.0f} dB below the voice",
            "record closer to the microphone or in a quieter room, for 20 dB or more",
        )
    if quality.bandwidth_hz <= NARROW_HZ:
        found["bandwidth_hz"] = (
            f"There is next to nothing above {quality.bandwidth_hz:,.0f} Hz, as on a telephone",
            "record without a call in between, at 16,000 Hz or more",
        )
    if quality.clipped >= CLIPPED_SHARE:
        found["clipped"] = (
            f"The peaks are cut off for {100 * quality.clipped:.0f} % of the time",
            "record further from the microphone or with less gain",
        )
    return {
        name: f"{fact}; {OF_ALTERING if name in quality.altered else advice}."
        for name, (fact, advice) in found.items()
    }
