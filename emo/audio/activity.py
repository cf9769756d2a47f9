"""Find the span of a clip that is not silent, and its level."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emo.audio.clip import RATE_HZ

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


SPAN_THRESHOLD_DB = -30.0  # below the loudest 200 ms: not speech
SPAN_MARGIN = RATE_HZ // 20  # 50 ms kept on both sides
SPAN_MIN = RATE_HZ // 5  # 200 ms
PIECE = 60 * RATE_HZ  # samples measured at once, to bound the memory


@dataclass(frozen=True)
class Span:
    """Where the sound of a clip lies, and the level that everything is relative to.

    Attributes
    ----------
    start, stop : int
        First and last sample (half-open) of what is not silence, without margins.
    rms : float
        Of the loudest 200 ms.
    """

    start: int
    stop: int
    rms: float

    def with_margins(self) -> tuple[int, int]:
        """First and last sample (half-open) with the margins, maybe beyond the ends of the clip.

        The first frame of :func:`analyse` is centred on the first of them.
        """
        margin = SPAN_MARGIN + max(0, (SPAN_MIN - (self.stop - self.start)) // 2)
        return self.start - margin, self.stop + margin


def _energies(samples: Floats, reach: int) -> Doubles:
    """Energy of all samples before each, float64 (n + 1 + 2 * reach,), with zeros around them."""
    n = len(samples)
    energies: Doubles = np.zeros(n + 1 + 2 * reach)
    inside = energies[reach + 1 : reach + 1 + n]
    np.multiply(samples, samples, out=inside, dtype=np.float64)
    np.cumsum(inside, out=inside)
    energies[reach + 1 + n :] = energies[reach + n]
    return energies


def _within(energies: Doubles, width: int) -> Iterator[tuple[slice, Doubles]]:
    """Energy in every window of ``width`` samples, float64, by pieces and where they lie."""
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
    """RMS of the loudest 200 ms, the level to which everything is relative."""
    return _loudest_rms(_energies(samples, 0), len(samples))


def find_span(samples: Floats) -> Span:
    """Where the sound of a clip lies, and its level.

    A 25 ms window counts as sound within 30 dB of the loudest 200 ms; the span runs from the first
    to the last sample in such windows that reaches the same threshold itself, so that silence
    added on either side moves the span and changes nothing else.
    """
    n, width = len(samples), RATE_HZ // 40
    energies = _energies(samples, width)  # windows reach out at both ends
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
    """First and last sample (half-open) of the sound that is not silence, without margins."""
    span = find_span(samples)
    return span.start, span.stop


def prepare(samples: Floats, span: Span) -> Floats:
    """The active span with its margins, scaled so that its loudest 200 ms have RMS 1.

    Margins that the clip does not have are zeros, as if silence had been there.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz
    span : what :func:`find_span` says of them

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
    """The samples with so many zeros before and after them; ``np.pad`` takes ten times longer."""
    padded = np.zeros(before + len(samples) + after, np.float32)
    padded[before : before + len(samples)] = samples
    return padded
