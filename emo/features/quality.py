"""Measure the quality of a recording, and warn of faults that make answers unreliable.

Everything but the source's rate and channels is measured in the 16 kHz samples that the models
take.  Effects of earlier codecs, resamplers and level controls can only partly be measured, as the
attributes of ``Quality`` describe.
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

# The limits follow from the table "Sound made worse" in models/ensemble/CARD.md: each is set where
# a condition starts to cost the ensemble several points. Level has no limit, since 20 dB softer
# costs nothing. Neither have rooms and MP3, which cost little and cannot be measured in the sound.
SHORT_S = 1.5  # an excerpt of 1 s costs 15 points; nine in ten clips of the corpora are longer
NOISY_DB = 10.0  # noise 20 dB below the voice costs 3 points, 10 dB below it 10
NARROW_HZ = 4500.0  # the telephone band, here 3000 to 4250 Hz, costs 4 points
CLIPPED_SHARE = 0.05  # half of the clips exceed it when overdriven by 12 dB, which costs 1 point

OF_ALTERING = "The change of the clip causes this, not the recording"

STEP = 2.0**-15  # of 16-bit samples
HELD_SAMPLES = 3
REACH_FRAMES = 15  # 150 ms: a consonant before or after a voiced stretch

SILENT_POWER = 10**-9.5  # frames of digital silence are left out of the estimate of the noise
MIN_BIN = 1 + 50 * WINDOW // RATE_HZ  # from 50 Hz, the lowest frequency of the mel bands
QUIET_SHARE = 0.1
PAUSES_S = 0.4  # with fewer unvoiced frames, the quietest ones may be speech
LOUDEST_FRAMES = 20  # 200 ms
MIN_DB = -10.0
MAX_FRAMES = 6000  # more would make the estimate slower and no better
BAND_BINS = 250 * WINDOW // RATE_HZ
LEAKED_BINS = 2  # lowest bins of a band, into which power of the band below leaks
BAND_DB = -45.0  # the quantisation of a telephone lies 47 dB below the strongest band


@dataclass(frozen=True)
class Quality:
    """Measurements of a recording.

    Attributes
    ----------
    duration_s : float
        With silence.
    source_rate_hz, source_channels : int
        Of the file, which may have been resampled before: see ``bandwidth_hz``.
    peak_db : float
        Highest absolute sample, in dB relative to full scale; above 0 after some resampling.
    speech_db : float
        RMS from the start to the end of the sound, in dB relative to full scale.
    clipped : float, 0 to 1
        Share of the samples in runs of three or more equal ones at full scale in the source, or at
        the clip's highest or lowest value, as in a clip that was turned down after clipping.
        Clipping before resampling or a lossy codec is not measured: they round the flat tops.
    noise_below_db : float or None
        Level in dB of the loudest 200 ms of the voice over steady noise, from 50 Hz up, which is
        more than the signal-to-noise ratio of ``effects.mix_at_snr``: that takes the mean power of
        the speech.  None where the clip has too few pauses to measure it.
        Accurate within 3 dB for steady noise at 5 dB or more; voices in the background, music and
        single sounds are not measured.
    speech : float, 0 to 1
        Share of the duration within 150 ms of a voiced frame.
    bandwidth_hz : float
        Upper edge of the highest band of 250 Hz that is within 45 dB of the strongest, with noise;
        at most 8000.
    altered : frozenset of str
        Attributes with a warning that only the alteration of the clip causes
        (``compare_altered``).
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
        """Duration of the speech in the clip."""
        return self.speech * self.duration_s

    def to_dict(self) -> dict[str, Any]:
        """Return the measurements, rounded, and the sentences of ``quality_warnings``."""
        digits = {"clipped": 5, "duration_s": 3, "speech": 3}
        rounded = {
            name: round(value, digits.get(name, 1)) if isinstance(value, float) else value
            for name, value in asdict(self).items()
            if name != "altered"
        }
        return rounded | {"quality_warnings": list(quality_warnings(self).values())}


def compare_altered(altered: Quality, recorded: Quality) -> Quality:
    """Return the quality of an altered clip, with the warnings that only the alteration causes."""
    caused = quality_warnings(altered).keys() - quality_warnings(recorded).keys()
    return replace(altered, altered=frozenset(caused))


def measure_quality(clip: Clip, frames: Frames | None = None) -> Quality:
    """Return the quality of a clip.

    Parameters
    ----------
    clip
        Mono, at 16 kHz.
    frames
        Its frames, if they are computed already (``emo.features.frames.analyse``).
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
    """Return power spectra (n, 257), power from 50 Hz up (n,), and that of the loudest 200 ms."""
    n_frames = 1 + len(samples) // HOP
    step = -(-n_frames // MAX_FRAMES)
    level = np.empty(n_frames, np.float32)
    sampled = []
    for piece, power in power_pieces(samples):
        level[piece] = power[:, MIN_BIN:].sum(axis=1)
        # the two outermost frames at either end extend beyond the clip
        sampled.append(power[(2 - piece.start) % step if piece.start else 2 :: step])
    spectra = np.concatenate(sampled)[: len(range(2, n_frames - 2, step))]
    return spectra, level[2:-2:step], _loudest(level)


def _decibel(power: float) -> float:
    return 10.0 * math.log10(max(power, 1e-12))


def flat_share(samples: Floats) -> float:
    """Return the share of samples in runs at the clip's highest or lowest value, 0 to 1."""
    highest, lowest = float(samples.max()), float(samples.min())
    peak = max(highest, -lowest)
    sides = (highest, samples >= highest - STEP / 2), (-lowest, samples <= lowest + STEP / 2)
    count = 0
    for height, flat in sides:
        if (
            height < peak / 2 or height < 100 * STEP
        ):  # quantised, even the round tops of faint sound are flat
            continue
        if np.count_nonzero(flat) >= HELD_SAMPLES:  # a fast test that most clips fail
            runs = (stop - start for start, stop in stretches(flat))
            count += sum(length for length in runs if length >= HELD_SAMPLES)
    return count / len(samples)


def _loudest(level: Floats) -> float:
    """Return the mean power of the loudest 200 ms from the power of each frame (n,)."""
    n = min(LOUDEST_FRAMES, len(level))
    return float(np.convolve(level, np.ones(n) / n, "valid").max())


def _noise_below_db(
    power: Floats, level: Floats, loudest: float, duration_s: float, voiced_s: float
) -> float | None:
    """Return the level of the loudest 200 ms over the noise in dB; None for too few pauses.

    At any frequency, speech pauses now and then.  So the lowest tenth of a bin's power over time is
    that of the noise alone (minimum statistics, Martin 2001).  The power of noise in a bin has an
    exponential distribution, whose mean is that quantile over ``-log(1 - 0.1)``.

    Parameters
    ----------
    power : float32, (n, 257)
        Power spectrum.
    level : float32, (n,)
        Power of each frame from 50 Hz up.
    loudest
        That of the loudest 200 ms.
    """
    audible = level > SILENT_POWER
    if duration_s * float(audible.mean()) - voiced_s < PAUSES_S:
        return None
    lowest = quantiles(power[audible, MIN_BIN:], (QUIET_SHARE,))[0]
    noise = float(lowest.sum()) / -math.log(1 - QUIET_SHARE)
    return max(MIN_DB, _decibel(loudest - noise) - _decibel(noise))


def _bandwidth_hz(power: npt.NDArray[np.float32]) -> float:
    """Return the upper edge of the highest band with energy, from a power spectrum (n, 257)."""
    mean = power.mean(axis=0)
    bands = mean[1:].reshape(-1, BAND_BINS)[:, LEAKED_BINS:].sum(axis=1)
    filled = np.flatnonzero(bands >= bands.max() * 10 ** (BAND_DB / 10))
    return float((filled[-1] + 1) * BAND_BINS * RATE_HZ / WINDOW)


def quality_warnings(quality: Quality) -> dict[str, str]:
    """Return warnings of faults that make answers unreliable, by the attribute that shows them.

    Each sentence has the value and what would work, or says that the fault is due to the alteration
    of the clip.
    """
    warnings = {}
    if quality.duration_s < SHORT_S:
        warnings["duration_s"] = (
            f"Short clip ({quality.duration_s:.1f} s)",
            "Two or three seconds work better",
        )
    elif quality.speech_s < SHORT_S:
        warnings["speech"] = (
            f"Only {quality.speech_s:.1f} s of the {quality.duration_s:.1f} s are speech",
            "Two or three seconds work better",
        )
    noise_db = quality.noise_below_db
    if noise_db is not None and noise_db <= NOISY_DB:
        warnings["noise_below_db"] = (
            f"The noise is only {max(noise_db, 0.0):.0f} dB below the voice",
            "Record closer to the microphone or in a quieter room, for 20 dB or more",
        )
    if quality.bandwidth_hz <= NARROW_HZ:
        warnings["bandwidth_hz"] = (
            f"There is next to nothing above {quality.bandwidth_hz:,.0f} Hz, as on a telephone",
            "Record the voice itself, not a call, at 16,000 Hz or more",
        )
    if quality.clipped >= CLIPPED_SHARE:
        warnings["clipped"] = (
            f"The peaks are cut off for {100 * quality.clipped:.0f} % of the time",
            "Record further from the microphone or with less gain",
        )
    return {
        name: f"{fact}. {OF_ALTERING if name in quality.altered else advice}."
        for name, (fact, advice) in warnings.items()
    }
