"""Functionals: a few hundred named statistics of the descriptors of a clip.

Descriptors are curves over the frames of ``frames.Frames``; functionals are statistics of a curve
over time.  The choice follows eGeMAPS and ComParE (Eyben et al. 2016, Schuller et al. 2013); the
code and the exact definitions are this project's own.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from emo.audio.activity import Floats
from emo.audio.clip import RATE_HZ
from emo.features.frames import (
    FRAME_S,
    N_MELS,
    PAUSE_DB,
    WINDOW,
    Frames,
    mel_centres_hz,
    pieces,
    to_db,
)

N_CEPSTRA = 20
N_BANDS = 16  # groups of four mel bands
SEMITONE_REFERENCE_HZ = 27.5  # A0, as in eGeMAPS
MIN_BIN = 2  # from 62 Hz: hum lies below
SLOPES_KHZ = ((0.05, 0.5), (0.5, 1.5), (1.5, 5.0))
MODULATION_EDGES_HZ = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
MODULATION_BANDS = 8  # groups of eight mel bands

SPECTRUM = (
    ("centroid", "kHz"),
    ("spread", "kHz"),
    ("skewness", ""),
    ("flatness", "dB"),
    ("25 % roll-off", "kHz"),
    ("50 % roll-off", "kHz"),
    ("85 % roll-off", "kHz"),
    ("95 % roll-off", "kHz"),
    ("flux", ""),
    ("slope below 500 Hz", "dB/kHz"),
    ("slope 500 to 1500 Hz", "dB/kHz"),
    ("slope 1.5 to 5 kHz", "dB/kHz"),
    ("alpha ratio", "dB"),
    ("Hammarberg index", "dB"),
)
ROLL_OFFS = (0.25, 0.5, 0.85, 0.95)
DESCRIPTORS = (
    *((f"cepstrum {i + 1}", "", "cepstrum") for i in range(N_CEPSTRA)),
    *((f"spectral {name}", unit, "spectrum") for name, unit in SPECTRUM),
    ("level", "dB", "energy"),
    ("voicing strength", "", "pitch"),
    ("harmonics-to-noise ratio", "dB", "pitch"),
)
"""Curves with a value in every frame: (name, unit, group)."""

STATISTICS = (
    "mean",
    "standard deviation",
    "5th percentile",
    "25th percentile",
    "median",
    "75th percentile",
    "95th percentile",
    "slope",
    "mean absolute step",
    "standard deviation of steps",
    "95th percentile of steps",
    "5th percentile of steps",
    "voiced mean",
    "voiced standard deviation",
    "first third less the mean",
    "last third less the mean",
)
QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
STEP_FRAMES = 2
"""A step is the slope of a line through five frames (40 ms), in units per frame of 10 ms."""

PITCH_STATISTICS = (
    *STATISTICS[:12],
    "minimum",
    "maximum",
    "range between 5th and 95th percentile",
    "first third less the mean",
    "last third less the mean",
    "jitter",
)
TIMING = (
    ("duration", "s"),
    ("share of voiced frames", ""),
    ("share of pauses", ""),
    ("voiced stretches per second", "1/s"),
    ("mean voiced stretch", "s"),
    ("longest voiced stretch", "s"),
    ("pauses per second", "1/s"),
    ("mean pause", "s"),
    ("longest pause", "s"),
    ("loudness peaks per second", "1/s"),
    ("mean rise of loudness", "dB/s"),
    ("mean fall of loudness", "dB/s"),
    ("place of the loudest moment", ""),
    ("place of the highest pitch", ""),
)


@lru_cache(maxsize=1)
def functional_table() -> tuple[tuple[str, str], ...]:
    """Return the name and group of every functional, in their order.

    Groups are cepstrum, spectrum, energy, pitch and timing.  A name ends with its unit in brackets
    where it has one, as in ``level, mean (dB)``.
    """
    rows: list[tuple[str, str]] = []
    for name, unit, group in DESCRIPTORS:
        rows += [(_named(name, statistic, unit), group) for statistic in STATISTICS]
    rows += [(_named("pitch", statistic, "semitones"), "pitch") for statistic in PITCH_STATISTICS]
    bands = mel_centres_hz().reshape(N_BANDS, -1)
    for statistic in ("voiced mean", "voiced standard deviation"):
        rows += [
            (_named(f"band around {band.mean():.0f} Hz", statistic, "dB"), "spectrum")
            for band in bands
        ]
    for band in mel_centres_hz().reshape(MODULATION_BANDS, -1):
        for low, high in pairwise(MODULATION_EDGES_HZ):
            name = f"modulation at {low:.0f} to {high:.0f} Hz around {band.mean():.0f} Hz"
            rows.append((_named(name, "", "dB"), "energy"))
    rows += [(_named(name, "", unit), "timing") for name, unit in TIMING]
    return tuple(rows)


def functional_names() -> tuple[str, ...]:
    """Return the name of every functional, in their order."""
    return tuple(name for name, _ in functional_table())


def _named(name: str, statistic: str, unit: str) -> str:
    text = f"{name}, {statistic}" if statistic else name
    unit = _unit_of(statistic, unit)
    return f"{text} ({unit})" if unit else text


def _unit_of(statistic: str, unit: str) -> str:
    """Return the unit of a statistic of a curve in `unit`."""
    if statistic == "jitter":
        return ""
    if statistic == "slope":
        return f"{unit or 1}/s"
    if "step" in statistic:
        return f"{unit or 1}/frame"
    return unit


@lru_cache(maxsize=1)
def _cosines() -> Floats:
    """Return the orthonormal DCT-II without its constant row, float32 (64, N_CEPSTRA)."""
    n = np.arange(N_MELS)[:, None] + 0.5
    k = np.arange(1, N_CEPSTRA + 1)[None]
    rows: Floats = np.sqrt(2.0 / N_MELS) * np.cos(np.pi * k * n / N_MELS)
    return rows.astype(np.float32)


def cepstra(mel_db: Floats) -> Floats:
    """Return mel-frequency cepstral coefficients 1 to 20, float32 (n, 20).

    The orthonormal DCT-II of the log-mel spectrum (Davis and Mermelstein 1980), without lifter.

    Parameters
    ----------
    mel_db : float32, (n, 64)
        Log-mel spectrum in dB.
    """
    return mel_db @ _cosines()


@lru_cache(maxsize=1)
def _bins_khz() -> Floats:
    return (np.fft.rfftfreq(WINDOW, 1.0 / RATE_HZ) / 1000.0).astype(np.float32)[MIN_BIN:]


def _bins(low_khz: float, high_khz: float) -> slice:
    """Return the slice of ``_bins_khz`` from one frequency up to another."""
    return slice(*np.searchsorted(_bins_khz(), [low_khz, high_khz]).tolist())


@lru_cache(maxsize=1)
def _slope_weights() -> Floats:
    """Return weights of least-squares slopes over the bands of ``SLOPES_KHZ``, float32 (64, 3).

    A log-mel spectrum in dB times the weights is its slopes in dB per kHz.
    """
    centres = mel_centres_hz()[:, None] / 1000.0
    low, high = np.array(SLOPES_KHZ).T
    inside = (centres >= low) & (centres < high)
    x = np.where(inside, centres - np.mean(centres + 0 * low, axis=0, where=inside), 0.0)
    weights: Floats = (x / np.sum(x**2, axis=0)).astype(np.float32)
    return weights


def spectral_descriptors(frames: Frames) -> Floats:
    """Return the curves named in ``SPECTRUM`` of n frames, float32 (n, 14).

    Alpha ratio, Hammarberg index and slopes are those of eGeMAPS (Eyben et al. 2016), with the
    lowest band from 62 Hz.  Flux is the Hellinger distance (times the root of 2) between the mel
    spectra of a frame and the one before; 0 in the first frame.
    """
    parts = [_describe_spectra(frames, piece) for piece in pieces(len(frames.power))]
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _describe_spectra(frames: Frames, piece: slice) -> Floats:
    """Return the spectral curves of some frames."""
    khz = _bins_khz()
    power = frames.power[piece, MIN_BIN:] + np.float32(1e-9)
    share = power / power.sum(axis=1, keepdims=True)
    centroid, second, third = (share @ khz**moment for moment in (1, 2, 3))
    variance = np.maximum(second - centroid**2, 1e-6)
    spread = np.sqrt(variance)
    skewness = (third - 3 * centroid * variance - centroid**3) / spread**3
    cumulative = np.cumsum(share, axis=1)
    cumulative[:, -1] = 1.0  # so that there is a bin for each share, whatever the rounding
    rolloffs = [khz[(cumulative >= q).argmax(axis=1)] for q in ROLL_OFFS]
    mel, mel_db = frames.mel[piece], frames.mel_db[piece]
    before = int(piece.start > 0)  # one frame more, for the flux of the first
    near = frames.mel[piece.start - before : piece.stop]
    root = np.sqrt(near / (near.sum(axis=1, keepdims=True) + 1e-6))
    flux = np.zeros(len(mel), np.float32)
    flux[1 - before :] = np.sqrt(np.sum(np.diff(root, axis=0) ** 2, axis=1))
    alpha = to_db(power[:, _bins(0.05, 1.0)].sum(axis=1)) - to_db(
        power[:, _bins(1.0, 5.0)].sum(axis=1)
    )
    hammarberg = to_db(power[:, _bins(0.0, 2.0)].max(axis=1)) - to_db(
        power[:, _bins(2.0, 5.0)].max(axis=1)
    )
    curves = [
        centroid,
        spread,
        np.clip(skewness, -20.0, 20.0),
        mel_db.mean(axis=1) - to_db(mel.mean(axis=1)),
        *rolloffs,
        flux,
        *(mel_db @ _slope_weights()).T,
        alpha,
        hammarberg,
    ]
    return np.stack(curves, axis=1).astype(np.float32)


def _pad_with_edges(curves: Floats, width: int) -> Floats:
    """Return curves whose first and last value are repeated `width` times on either side."""
    n = len(curves)
    return curves[np.clip(np.arange(-width, n + width), 0, n - 1)]


def steps(curves: Floats) -> Floats:
    """Return the slope of the least-squares line through five frames, per frame; shape as given.

    These are the delta coefficients of speech recognition (Young et al., The HTK Book).

    Parameters
    ----------
    curves : float32, (n, n_curves)
    """
    width = STEP_FRAMES
    padded = _pad_with_edges(curves, width)
    n = len(curves)
    total = sum(
        k * (padded[width + k : width + k + n] - padded[width - k : width - k + n])
        for k in range(1, width + 1)
    )
    return np.asarray(total / (2 * sum(k * k for k in range(1, width + 1))), dtype=np.float32)


def quantiles(curves: Floats, shares: tuple[float, ...]) -> list[Floats]:
    """Return quantiles of each column by linear interpolation, as numpy's default, from one sort.

    Parameters
    ----------
    curves : float32, (n, n_curves)
    shares : from 0 to 1

    Returns
    -------
    list of float32, (n_curves,)
        One array for each share.
    """
    ordered = np.sort(curves, axis=0)
    places = np.asarray(shares) * (len(curves) - 1)
    below = np.floor(places).astype(int)
    above = np.minimum(below + 1, len(curves) - 1)
    part = (places - below)[:, None].astype(np.float32)
    return list(ordered[below] * (1 - part) + ordered[above] * part)


def _trend(curves: Floats) -> Floats:
    """Return the least-squares slope of each column, per second."""
    t = (np.arange(len(curves), dtype=np.float32) - (len(curves) - 1) / 2) * np.float32(FRAME_S)
    return np.asarray((t @ curves) / max(float(np.sum(t**2)), 1e-6))


def _common(curves: Floats) -> list[Floats]:
    """Return the first twelve of ``STATISTICS`` of each column."""
    count = curves.shape[1]
    both = np.concatenate([curves, steps(curves)], axis=1)  # most statistics are of both
    mean, spread, ordered = both.mean(axis=0), both.std(axis=0), quantiles(both, QUANTILES)
    return [
        mean[:count],
        spread[:count],
        *(values[:count] for values in ordered),
        _trend(curves),
        np.abs(both[:, count:]).mean(axis=0),
        spread[count:],
        ordered[-1][count:],
        ordered[0][count:],
    ]


def _thirds(curves: Floats, mean: Floats) -> list[Floats]:
    """Return the means of the first and the last third, each less the mean of the whole."""
    third = max(1, len(curves) // 3)
    return [curves[:third].mean(axis=0) - mean, curves[-third:].mean(axis=0) - mean]


def describe(curves: Floats, voiced: npt.NDArray[np.bool_]) -> Floats:
    """Return the ``STATISTICS`` of each curve, float32 (n_curves, 16).

    Parameters
    ----------
    curves : float32, (n, n_curves)
    voiced : bool, (n,)
        Frames of the voiced statistics, which are over all frames where none is voiced.
    """
    inside = curves[voiced] if voiced.any() else curves
    common = _common(curves)
    rows = [*common, inside.mean(axis=0), inside.std(axis=0), *_thirds(curves, common[0])]
    return np.stack(rows, axis=1).astype(np.float32)


def _runs(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the lengths of the runs of True, in frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return np.asarray(edges[1::2] - edges[::2])


def describe_pitch(pitch_hz: Floats) -> Floats:
    """Return the ``PITCH_STATISTICS`` of the voiced frames, float32 (18,), in semitones above A0.

    The voiced frames are joined without the gaps between them.  So the slope is per second of
    voiced time, the thirds are thirds of it, and a step or the jitter may span a gap.  Jitter is
    the median relative change of the frequency from frame to frame, without a unit; it measures
    frames, not single periods of the glottis.

    Parameters
    ----------
    pitch_hz : float32, (n,)
        NaN where unvoiced; with fewer than three voiced frames, all statistics are 0.
    """
    known = pitch_hz[~np.isnan(pitch_hz)]
    if len(known) < 3:
        return np.zeros(len(PITCH_STATISTICS), np.float32)
    semitones = (12.0 * np.log2(known / SEMITONE_REFERENCE_HZ)).astype(np.float32)[:, None]
    common = _common(semitones)
    low, high = (common[STATISTICS.index(f"{rank}th percentile")] for rank in (5, 95))
    jitter = np.median(np.abs(np.diff(known)) / known[1:])
    rows = [
        *common,
        semitones.min(axis=0),
        semitones.max(axis=0),
        high - low,
        *_thirds(semitones, common[0]),
        np.array([jitter]),
    ]
    return np.concatenate(rows).astype(np.float32)


@lru_cache(maxsize=2)
def _groups(count: int) -> Floats:
    """Return weights that average mel bands in `count` groups, float32 (64, count)."""
    members = np.repeat(np.eye(count), N_MELS // count, axis=0)
    return (members * count / N_MELS).astype(np.float32)


def describe_modulation(mel_db: Floats) -> Floats:
    """Return the modulation spectrum of eight bands at five rates, float32 (40,), in dB.

    The power spectrum of each band's level over time (Hann window, zero-padded to at least 2.56 s),
    averaged between neighbouring ``MODULATION_EDGES_HZ``.

    Parameters
    ----------
    mel_db : float32, (n, 64)
        Log-mel spectrum in dB.
    """
    bands = mel_db @ _groups(MODULATION_BANDS)
    window = np.hanning(len(bands) + 2)[1:-1, None]
    swings = (bands - bands.mean(axis=0)) * window
    size = max(256, 1 << (len(bands) - 1).bit_length())
    power = np.abs(np.fft.rfft(swings, size, axis=0)) ** 2 / np.sum(window**2)
    edges = np.searchsorted(np.fft.rfftfreq(size, FRAME_S), MODULATION_EDGES_HZ).tolist()
    rows = [power[low:high].mean(axis=0) for low, high in pairwise(edges)]
    return (10 * np.log10(np.stack(rows, axis=1) + 1e-2)).ravel().astype(np.float32)


def describe_timing(frames: Frames) -> Floats:
    """Return the numbers named in ``TIMING``, float32 (14,).

    A pause is a run of frames below ``PAUSE_DB`` of at least 80 ms.  Loudness is the level smoothed
    over nine frames; its peaks lie above -20 dB.
    """
    level = frames.level_db
    n = len(level)
    duration_s = n * FRAME_S
    voiced = ~np.isnan(frames.pitch_hz)
    voiced_runs = _runs(voiced) * FRAME_S
    pauses = _runs(level < PAUSE_DB) * FRAME_S
    pauses = pauses[pauses >= 0.08]
    smooth = np.convolve(_pad_with_edges(level, 4), np.ones(9) / 9, "valid")
    prominent = (smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:]) & (smooth[1:-1] > -20)
    change = np.diff(smooth) / FRAME_S
    rising, falling = change[change > 0], change[change < 0]
    highest = int(np.nanargmax(frames.pitch_hz)) if voiced.any() else n // 2
    return np.array(
        [
            duration_s,
            voiced.mean(),
            pauses.sum() / duration_s,
            len(voiced_runs) / duration_s,
            voiced_runs.mean() if len(voiced_runs) else 0.0,
            voiced_runs.max() if len(voiced_runs) else 0.0,
            len(pauses) / duration_s,
            pauses.mean() if len(pauses) else 0.0,
            pauses.max() if len(pauses) else 0.0,
            prominent.sum() / duration_s,
            rising.mean() if len(rising) else 0.0,
            falling.mean() if len(falling) else 0.0,
            int(level.argmax()) / n,
            highest / n,
        ],
        dtype=np.float32,
    )


def compute_functionals(frames: Frames) -> Floats:
    """Return all functionals of a clip, float32 (f,), in the order of ``functional_names``.

    Parameters
    ----------
    frames
        As ``emo.features.frames.analyse`` returns them.
    """
    strength = np.clip(frames.strength, 0.01, 0.99)
    ratio_db = 10.0 * np.log10(strength / (1.0 - strength))  # harmonics-to-noise (Boersma 1993)
    curves = np.concatenate(
        [
            cepstra(frames.mel_db),
            spectral_descriptors(frames),
            frames.level_db[:, None],
            frames.strength[:, None],
            ratio_db[:, None],
        ],
        axis=1,
    ).astype(np.float32)
    voiced = ~np.isnan(frames.pitch_hz)
    bands = frames.mel_db @ _groups(N_BANDS)
    bands = bands[voiced] if voiced.any() else bands
    vector = np.concatenate(
        [
            describe(curves, voiced).ravel(),
            describe_pitch(frames.pitch_hz),
            bands.mean(axis=0),
            bands.std(axis=0),
            describe_modulation(frames.mel_db),
            describe_timing(frames),
        ]
    )
    return vector.astype(np.float32)
