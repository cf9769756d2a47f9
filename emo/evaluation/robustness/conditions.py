"""The conditions under which robustness is measured: degradations of a fixed strength."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.random import Generator

from emo.audio.activity import Floats, speech_rms
from emo.audio.clip import RATE_HZ, centre
from emo.audio.effects import (
    add_babble,
    add_noise,
    amplify,
    clip_loud,
    equalise,
    excerpt,
    recode_mp3,
    reverberate,
    telephone,
)
from emo.evaluation.sounds.vocal_bursts import BURSTS

SNRS_DB = (20, 10, 5, 0)
"""Signal-to-noise ratios of each kind of noise (``effects.mix_at_snr``)."""

COUGHS_SNR_DB = 10.0
"""Mean power of the speech over that of the coughs, the pauses of both left out."""

TILT_DB = 3.0
"""Rise or fall of the spectrum per octave."""

CLEAN = "clean"
"""Key of the clips as recorded, beside those of ``CONDITIONS``."""

CLEAN_TITLE = "as recorded"

_TILT_HZ = 50.0  # distance of the gains of a tilt, and the frequency below which they are equal
_PIVOT_HZ = 1000.0  # where a tilt has no gain

Alter = Callable[[Floats, Generator], Floats]


@dataclass(frozen=True)
class Condition:
    """A row of ``CONDITIONS``: a degradation with its title."""

    title: str
    apply: Alter


def tilt(samples: Floats, slope_db: float) -> Floats:
    """Return samples whose spectrum is turned by so many dB per octave about 1 kHz, float32 (n,).

    The gain is that of 50 Hz below it.
    """
    hz = np.maximum(np.arange(0.0, RATE_HZ / 2 + 1, _TILT_HZ), _TILT_HZ)
    return equalise(samples, (slope_db * np.log2(hz / _PIVOT_HZ)).astype(np.float32))


def add_coughs(samples: Floats, snr_db: float, rng: Generator) -> Floats:
    """Return samples with coughs made by formula, one in 0.8 s on average, float32 (n,).

    Parameters
    ----------
    samples : float32, (n,)
    snr_db : float
        Mean power of the speech over that of the coughs, the pauses of both left out.
    rng : Generator
    """
    n = len(samples)
    coughs = BURSTS["coughs"](n / RATE_HZ, rng)[:n].astype(np.float32)
    coughs = np.roll(coughs, rng.integers(n))  # the first would always be at the start
    gain = speech_rms(samples) / speech_rms(coughs) * 10 ** (-snr_db / 20)
    return samples + coughs * np.float32(gain)


def _noise(slope: float, snr_db: float) -> Alter:
    return lambda x, r: add_noise(x, snr_db, r, slope)


def _babble(snr_db: float) -> Alter:
    return lambda x, r: add_babble(x, snr_db, r)


_NOISES: dict[str, tuple[str, Callable[[float], Alter]]] = {
    "white": ("white noise", partial(_noise, 0.0)),
    "pink": ("pink noise", partial(_noise, 0.5)),
    "babble": ("babble", _babble),
}

CONDITIONS: dict[str, Condition] = {
    f"{name}-{snr_db}": Condition(f"{title} at an SNR of {snr_db} dB", make(float(snr_db)))
    for name, (title, make) in _NOISES.items()
    for snr_db in SNRS_DB
} | {
    "telephone": Condition("telephone band, 300 to 3400 Hz", lambda x, r: telephone(x)),
    "mp3": Condition("MP3 at 32 kbit/s", lambda x, r: recode_mp3(x)),
    "room": Condition("reverberation of 0.5 s", lambda x, r: reverberate(x, 0.5, 0.0, r)),
    "clipped": Condition("12 dB over full scale, cut off", lambda x, r: clip_loud(x, 12.0)),
    "quiet": Condition("20 dB softer", lambda x, r: amplify(x, -20.0)),
    "excerpt-1": Condition("an excerpt of 1 s", lambda x, r: excerpt(x, 1.0, r)),
    "excerpt-0.5": Condition("an excerpt of 0.5 s", lambda x, r: excerpt(x, 0.5, r)),
    "tilt-up": Condition("spectral tilt, +3 dB per octave", lambda x, r: tilt(x, TILT_DB)),
    "tilt-down": Condition("spectral tilt, −3 dB per octave", lambda x, r: tilt(x, -TILT_DB)),
    "coughs": Condition("coughs at an SNR of 10 dB", lambda x, r: add_coughs(x, COUGHS_SNR_DB, r)),
}
"""The rows of the table of robustness, beside the clips as recorded.

Babble is made of the clip itself (``effects.add_babble``).
"""


def titles() -> dict[str, str]:
    """Return the title of every row of the table of robustness, as recorded first."""
    return {CLEAN: CLEAN_TITLE} | {name: row.title for name, row in CONDITIONS.items()}


def alter(samples: Floats, condition: str, digest: str, seed: int = 1) -> Floats:
    """Return a clip under a condition, drawn from a seed, its content and the condition alone.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz
    condition
        A key of ``CONDITIONS``, or ``CLEAN`` for the clip as it is.
    digest
        SHA-256 of the recording, hexadecimal.
    seed
        For other draws.
    """
    if condition == CLEAN:
        return samples
    name = int.from_bytes(hashlib.sha256(condition.encode()).digest()[:8])
    rng = np.random.default_rng([seed, name, int(digest[:16], 16)])
    return centre(CONDITIONS[condition].apply(samples, rng))
