"""Find the span of a clip that is not silent, and its level."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emo.audio.clip import RATE_HZ

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


SPAN_THRESHOLD_DB = -30.0
"""Level of an active window relative to the loudest 200 ms."""

SPAN_MARGIN = RATE_HZ // 20
"""Samples kept on both sides, 50 ms."""

SPAN_MIN = RATE_HZ // 5
"""Samples of the shortest span, 200 ms; a shorter one gets wider margins."""

PIECE = 60 * RATE_HZ
"""Samples measured at once, which bounds the memory."""


@dataclass(frozen=True)
class Span:
    """Active part of a clip, and its level.

    Attributes
    ----------
    start, stop : int
        First sample of the active part, and the first behind it, without margins.
    rms : float
        Root mean square of the loudest 200 ms, to which all levels are relative.
    """

    start: int
    stop: int
    rms: float

    def with_margins(self) -> tuple[int, int]:
        """Return start and stop with the margins, which may lie outside the clip.

        The first frame of ``emo.features.frames.analyse`` is centred on the start.
        """
        margin = SPAN_MARGIN + max(0, (SPAN_MIN - (self.stop - self.start)) // 2)
        return self.start - margin, self.stop + margin


def _energies(samples: Floats, reach: int) -> Doubles:
    """Return the energy of all samples before each, float64 (n + 1 + 2 * reach,).

    The samples have ``reach`` zeros on both sides.
    """
    n = len(samples)
    energies: Doubles = np.zeros(n + 1 + 2 * reach)
    inside = energies[reach + 1 : reach + 1 + n]
    np.multiply(samples, samples, out=inside, dtype=np.float64)
    np.cumsum(inside, out=inside)
    energies[reach + 1 + n :] = energies[reach + n]
    return energies


def _within(energies: Doubles, width: int) -> Iterator[tuple[slice, Doubles]]:
    """Yield the energy of every window of ``width`` samples, piece by piece, with its slice."""
    n, step = len(energies) - width, PIECE
    for start in range(0, n, step):
        stop = min(start + step, n)
        yield slice(start, stop), energies[start + width : stop + width] - energies[start:stop]


def _loudest_rms(energies: Doubles, n_samples: int) -> float:
    width = min(n_samples, RATE_HZ // 5)
    if not width:
        return 0.0
    return math.sqrt(max(float(piece.max()) for _, piece in _within(energies, width)) / width)


def loudest_rms(samples: Floats) -> float:
    """Return the root mean square of the loudest 200 ms, to which all levels are relative."""
    return _loudest_rms(_energies(samples, 0), len(samples))


def speech_rms(samples: Floats) -> float:
    """Return the root mean square of the speech in samples, its pauses left out.

    It is that of all windows of 25 ms within 30 dB of the loudest 200 ms, so that silence around or
    within the speech does not change it.  Speech levels are usually defined so: see the active
    speech level of ITU-T P.56.

    Parameters
    ----------
    samples : float32, (n,)
        Mono at 16 kHz.
    """
    n, width = len(samples), RATE_HZ // 40
    energies = _energies(samples, 0)
    threshold = _loudest_rms(energies, n) * 10 ** (SPAN_THRESHOLD_DB / 20)
    windows = np.diff(energies[: n + 1 : width])
    active = windows[windows > threshold**2 * width]
    if not len(active):
        return math.sqrt(energies[n] / n) if n else 0.0
    return math.sqrt(float(active.mean()) / width)


def find_span(samples: Floats) -> Span:
    """Return the active span of samples.

    A window of 25 ms is active within 30 dB of the loudest 200 ms.  The span runs from the first to
    the last sample in such windows that reaches the same threshold itself, so that silence added
    on either side moves the span and has no other effect.

    Parameters
    ----------
    samples : float32, (n,)
        Mono at 16 kHz.
    """
    n, width = len(samples), RATE_HZ // 40
    energies = _energies(samples, width)  # windows overlap both ends
    rms = _loudest_rms(energies, n)
    if n < width or rms <= 0.0:
        return Span(0, n, rms)
    threshold = rms * 10 ** (SPAN_THRESHOLD_DB / 20)
    loud = np.empty(len(energies) - width, bool)
    for where, piece in _within(energies, width):
        np.greater(piece, threshold**2 * width, out=loud[where])
    del energies
    first = max(0, int(loud.argmax()) - width - 1)  # the sample before may reach it too
    last = len(loud) - 1 - int(loud[::-1].argmax())
    reached = np.abs(samples[first:last]) > threshold
    return Span(
        first + int(reached.argmax()), first + len(reached) - int(reached[::-1].argmax()), rms
    )


def active_span(samples: Floats) -> tuple[int, int]:
    """Return start and stop of the active span of samples, without margins."""
    span = find_span(samples)
    return span.start, span.stop


def prepare(samples: Floats, span: Span) -> Floats:
    """Return the active span with its margins, its loudest 200 ms scaled to an RMS of 1.

    Margins outside the clip are zeros.

    Parameters
    ----------
    samples : float32, (n,)
        Mono at 16 kHz.
    span : Span
        Result of ``find_span`` for these samples.

    Returns
    -------
    float32, (m,)
    """
    start, stop = span.with_margins()
    inside = samples[max(0, start) : max(0, min(stop, len(samples)))]
    if span.rms > 0.0:
        inside = inside / np.float32(span.rms)
    return pad_with_zeros(inside, max(0, -start), max(0, stop - len(samples)))


def pad_with_zeros(samples: Floats, before: int, after: int) -> Floats:
    """Return samples with zeros before and after them, ten times as fast as ``np.pad``."""
    padded = np.zeros(before + len(samples) + after, np.float32)
    padded[before : before + len(samples)] = samples
    return padded
