"""Build the way from samples to spectrograms as ONNX nodes, step by step as it is served."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import helper

from emo.audio.activity import SPAN_MARGIN, SPAN_MIN, SPAN_THRESHOLD_DB
from emo.audio.clip import RATE_HZ
from emo.features import encoder, frames
from emo.inference.portable.builder import BOOL, DOUBLE, FLOAT, INT64, Builder, value_info

LOUDEST = RATE_HZ // 5
"""Samples of the loudest stretch, 200 ms."""

WINDOW = RATE_HZ // 40
"""Samples of the windows that are active or not, 25 ms."""

SAMPLES = {
    "samples": "mono, full scale at 1, float32, 0.3 s to 10 min, not silent",
    "channels": "averaged",
    "resampling": "from another rate with an anti-aliasing filter; Emo uses soxr, quality HQ",
}
"""How samples are made from a recording, for the metadata of a file; all else is in the graph."""

SPAN_STEPS = (
    "the span that is within 30 dB of the loudest 200 ms, with 50 ms on both sides",
    "scaled so that the loudest 200 ms have an RMS of 1",
)
LOG_MEL_STEPS = (
    "power of frames of 512 samples (Hann), one every 160, and 64 mel bands from 50 to 8000 Hz",
    "mean of two frames each, then 10 log10(power + 1e-6), less its mean over the clip, divided by "
    "20",
)
ENCODER_STEPS = (
    "times 0.1, with 0.2 s of zeros on both sides, in the fewest windows of at most 12 s",
    "the spectrogram of Whisper: frames of 400 samples (Hann), one every 160, 80 bands, log10, at "
    "most 8 below the highest, plus 4, divided by 4",
    "mean and standard deviation over all windows of the outputs of the last two blocks",
)
"""What the graph does with samples first, for its metadata."""


def active_samples(b: Builder, samples: str) -> str:
    """Return the active span of samples at its own level, float32 (m,).

    The nodes of ``emo.audio.activity.find_span`` and ``prepare``.

    Parameters
    ----------
    b : Builder
    samples : str
        Float32 (n,), n at least 4,800; not silent.
    """
    energies = _energies(b, samples)
    rms = _loudest_rms(b, energies, b.length(samples))
    threshold = b.add("Mul", rms, b.constant(10 ** (SPAN_THRESHOLD_DB / 20), np.float64))
    least = b.add("Mul", b.add("Mul", threshold, threshold), b.constant(WINDOW, np.float64))
    loud = b.cast(b.add("Greater", _within(b, energies, b.integers([WINDOW])), least), INT64)
    size = b.length(loud)
    first = b.add("Sub", _first_of(b, loud), b.integers([WINDOW + 1]))
    first = b.add("Max", first, b.integers([0]))
    last = b.add("Sub", b.add("Sub", size, b.integers([1])), _first_of(b, _reversed(b, loud)))
    inner = b.slice(samples, first, last)
    is_above = b.add("Greater", b.add("Abs", inner), b.cast(threshold, FLOAT))
    reached = b.cast(is_above, INT64)
    start = b.add("Add", first, _first_of(b, reached))
    stop = b.add("Add", first, b.length(inner))
    stop = b.add("Sub", stop, _first_of(b, _reversed(b, reached)))
    missing = b.add("Sub", b.integers([SPAN_MIN]), b.add("Sub", stop, start))
    missing = b.add("Max", missing, b.integers([0]))
    margin = b.add("Add", b.add("Div", missing, b.integers([2])), b.integers([SPAN_MARGIN]))
    widest = SPAN_MARGIN + SPAN_MIN // 2  # zeros around the clip, more than any margin needs
    padded = b.add("Pad", samples, b.integers([widest, widest]))
    start = b.add("Add", b.add("Sub", start, margin), b.integers([widest]))
    stop = b.add("Add", b.add("Add", stop, margin), b.integers([widest]))
    return b.add("Div", b.slice(padded, start, stop), b.cast(rms, FLOAT))


def _energies(b: Builder, samples: str) -> str:
    """Return the energy of all samples before each, double (n + 1 + 2 * WINDOW,)."""
    precise = b.cast(samples, DOUBLE)
    sums = b.add("CumSum", b.add("Mul", precise, precise), b.constant(0, np.int64))
    before = b.constant(np.zeros(WINDOW + 1))
    total = b.slice(sums, b.integers([-1]), b.integers([np.iinfo(np.int64).max]))
    after = b.add("Expand", total, b.integers([WINDOW]))
    return b.add("Concat", before, sums, after, axis=0)


def _within(b: Builder, energies: str, width: str) -> str:
    """Return the energy of every window of a width, int64 (1,)."""
    end = b.integers([np.iinfo(np.int64).max])
    later = b.slice(energies, width, end)
    earlier = b.slice(energies, b.integers([0]), b.length(later))
    return b.add("Sub", later, earlier)


def _loudest_rms(b: Builder, energies: str, n_samples: str) -> str:
    """Return the root mean square of the loudest 200 ms, double ()."""
    width = b.add("Min", n_samples, b.integers([LOUDEST]))
    highest = b.add("ReduceMax", _within(b, energies, width), keepdims=0)
    count = b.cast(b.add("Squeeze", width), DOUBLE)
    return b.add("Sqrt", b.add("Div", highest, count))


def _first_of(b: Builder, flags: str) -> str:
    """Return the place of the first 1 among flags, int64 (1,); 0 where there is none."""
    return b.add("ArgMax", flags, axis=0, keepdims=1)


def _reversed(b: Builder, values: str) -> str:
    lowest = np.iinfo(np.int64).min
    start, stop = b.integers([-1]), b.integers([lowest])
    return b.add("Slice", values, start, stop, b.integers([0]), b.integers([-1]))


def _power(b: Builder, samples: str, hann: np.ndarray, hop: int) -> str:
    """Return squared magnitudes of the Fourier transform of each frame, float32 (frames, bins).

    The transform is a convolution with windowed cosines and sines, which every runtime has.
    """
    width = len(hann)
    n_bins = width // 2 + 1
    angles = 2 * np.pi * np.arange(n_bins)[:, None] * np.arange(width) / width
    waves = np.concatenate([np.cos(angles), np.sin(angles)]) * hann.astype(np.float64)
    filters = b.floats(waves[:, None, :])
    signal = b.add("Unsqueeze", samples, b.integers([0, 1]))
    spectrum = b.add("Conv", signal, filters, strides=[hop], kernel_shape=[width])
    parts = b.add("Reshape", b.add("Mul", spectrum, spectrum), b.integers([2, n_bins, -1]))
    axis = b.integers([0])
    return b.add("Transpose", b.add("ReduceSum", parts, axis, keepdims=0), perm=[1, 0])


def log_mel(b: Builder, active: str) -> str:
    """Return the log-mel spectrogram that the CNN takes, float32 (1, time, 64).

    The nodes of ``emo.features.frames.log_mel_spectrogram``.
    """
    reach = frames.WINDOW // 2
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frames.WINDOW) / frames.WINDOW)
    padded = b.add("Pad", active, b.integers([reach, reach]))
    power = _power(b, padded, hann.astype(np.float32), frames.HOP)
    power = b.add("Div", power, b.floats(frames.power_scale()))
    mel = b.add("MatMul", power, b.floats(frames.mel_weights()))
    step = frames.SPECTROGRAM_HOP_FRAMES
    pairs = b.add("Div", b.length(mel), b.integers([step]))
    whole = b.slice(mel, b.integers([0]), b.add("Mul", pairs, b.integers([step])))
    grouped = b.add("Reshape", whole, b.integers([-1, step, frames.N_MELS]))
    floor = 10 ** (frames.FLOOR_DB / 10)
    level = b.add("Log", b.add("Add", b.mean(grouped, [1]), b.floats(floor)))
    level = b.add("Mul", level, b.floats(10 / math.log(10)))
    level = b.add("Sub", level, b.mean(level, [0, 1], keep=True))
    return b.add(
        "Unsqueeze",
        b.add("Div", level, b.floats(frames.SPECTROGRAM_SCALE_DB)),
        b.integers([0]),
    )


def encoder_spectrogram(b: Builder, window: str) -> str:
    """Return the spectrogram of a window that the encoder takes, float32 (1, time, 80).

    The nodes of ``emo.features.encoder.encoder_spectrogram``.
    """
    reach = encoder.WINDOW // 2
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(encoder.WINDOW) / encoder.WINDOW)
    padded = b.add("Pad", window, b.integers([reach, reach]), mode="reflect")
    power = _power(b, padded, hann.astype(np.float32), encoder.HOP)
    power = b.slice(power, b.integers([0]), b.integers([-1]))
    bands = b.add("MatMul", power, b.floats(encoder.band_weights()))
    floor = b.floats(encoder.MIN_POWER)
    decades = b.add("Mul", b.add("Log", b.add("Max", bands, floor)), b.floats(1 / math.log(10)))
    highest = b.add("ReduceMax", decades, keepdims=1)
    lowest = b.add("Sub", highest, b.floats(encoder.RANGE))
    shifted = b.add("Add", b.add("Max", decades, lowest), b.floats(4.0))
    return b.add("Unsqueeze", b.add("Div", shifted, b.floats(4.0)), b.integers([0]))


def encoder_embedding(b: Builder, active: str, moments: Callable[[Builder, str], str]) -> str:
    """Return the embedding of a clip, float32 (1, 2048).

    The nodes of ``Encoder.embed``: a loop over the windows of at most 12 s, then the mean and the
    deviation over all of them.

    Parameters
    ----------
    b : Builder
    active : str
        Result of ``active_samples``.
    moments : callable
        Adds the nodes of the encoder to a builder: from a spectrogram, float32 (1, time, 80), to
        the moments, float32 (1, 4, 512).
    """
    loud = b.add("Mul", active, b.floats(encoder.LEVEL))
    padded = b.add("Pad", loud, b.integers([encoder.MARGIN, encoder.MARGIN]))
    size = b.length(padded)
    longest = int(encoder.MAX_WINDOW_S * RATE_HZ)
    count = b.add("Add", size, b.integers([longest - 1]))
    count = b.add("Div", count, b.integers([longest]))
    shape = [2, 2, encoder.WIDTH]
    sums = _loop_over_windows(b, padded, size, count, moments)
    weighted = b.add("Div", sums[0], sums[1])
    parts = b.add("Reshape", weighted, b.integers(shape))
    means, squares = b.add_many("Split", 2, parts, axis=1)
    variance = b.add("Sub", squares, b.add("Mul", means, means))
    deviations = b.add("Sqrt", b.add("Max", variance, b.constant(0.0, np.float64)))
    both = b.add("Concat", means, deviations, axis=1)
    return b.cast(b.add("Reshape", both, b.integers([1, encoder.EMBEDDING_SIZE])), FLOAT)


def _loop_over_windows(
    b: Builder,
    padded: str,
    size: str,
    count: str,
    moments: Callable[[Builder, str], str],
) -> list[str]:
    """Return the weighted sum of all windows' moments, double (1, 4, 512), and of their weights."""
    each, rest = b.add("Div", size, count), b.add("Mod", size, count)
    body = Builder(b)
    number = body.add("Unsqueeze", "number", body.integers([0]))
    start = _window_start(body, number, each, rest)
    following = body.add("Add", number, body.integers([1]))
    window = body.slice(padded, start, _window_start(body, following, each, rest))
    spectrogram = encoder_spectrogram(body, window)
    steps = body.add("Add", body.length(spectrogram, 1), body.integers([1]))
    weight = body.cast(body.add("Div", steps, body.integers([2])), DOUBLE)
    own = body.cast(moments(body, spectrogram), DOUBLE)
    body.rename(body.add("Add", "sum_in", body.add("Mul", own, weight)), "sum_out")
    body.rename(body.add("Add", "weight_in", weight), "weight_out")
    body.rename("going", "goes_on")
    shape = [1, 2 * encoder.N_POOLED, encoder.WIDTH]
    graph = helper.make_graph(
        body.nodes,
        "window",
        [
            value_info("number", INT64, []),
            value_info("going", BOOL, []),
            value_info("sum_in", DOUBLE, shape),
            value_info("weight_in", DOUBLE, [1]),
        ],
        [
            value_info("goes_on", BOOL, []),
            value_info("sum_out", DOUBLE, shape),
            value_info("weight_out", DOUBLE, [1]),
        ],
    )
    start_values: list[Any] = [b.constant(np.zeros(shape)), b.constant(np.zeros(1))]
    true = b.constant(np.array(True))
    return b.add_many("Loop", 2, b.add("Squeeze", count), true, *start_values, body=graph)


def _window_start(b: Builder, number: str, each: str, rest: str) -> str:
    """Return the first sample of a window; the first ``rest`` windows are one sample longer."""
    return b.add("Add", b.add("Mul", number, each), b.add("Min", number, rest))
