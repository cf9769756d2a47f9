"""The state of the page *Analyse* in its address, so that a link opened afresh shows the same.

What a person does on the page outranks the address; the address outranks the page where it was
changed by itself: a link that is opened, or a step back.  A clip that a person gave is never in it.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from emo.app.url import pop_user_action
from emo.audio.alteration import NEUTRAL, Alteration

SAMPLE, PART, WHY = "sample", "part", "why"
"""Names in the address: ``?sample=sad&part=0.25000-0.61250&why=1``, and those of *What if*."""

_SHARE = r"(0(?:\.[0-9]{1,5})?|1(?:\.0{1,5})?)"
_PART = re.compile(f"{_SHARE}-{_SHARE}")


_WRITTEN = "address"


@dataclass(frozen=True)
class Link:
    """What an address says of the page: the stem of a sample's file, and what is done with it.

    ``share`` is where the selected part starts and stops, 0 to 1 of the clip; None for all of it.
    """

    sample: str = ""
    share: tuple[float, float] | None = None
    why: bool = False
    settings: Alteration = NEUTRAL


EMPTY = Link()


def read_link(params: Mapping[str, str], samples: Collection[str]) -> Link:
    """What an address asks for; what is no sample, no part of a clip or no switch is left out."""
    sample = params.get(SAMPLE, "")
    if sample not in samples:
        return EMPTY
    part, why = _read_part(params.get(PART, "")), params.get(WHY) == "1"
    return Link(sample, part, why, read_settings(params))


def _read_part(text: str) -> tuple[float, float] | None:
    found = _PART.fullmatch(text)
    if found is None:
        return None
    start, stop = float(found[1]), float(found[2])
    return (start, stop) if stop > start else None


def write_link(link: Link) -> dict[str, str]:
    """The parameters of an address that :func:`read_link` reads as the same; none without a sample.

    Shares are kept to five decimals, as the player sends them.
    """
    if not link.sample:
        return {}
    params = {SAMPLE: link.sample}
    if link.share is not None:
        start, stop = link.share
        params[PART] = f"{start:.5f}-{stop:.5f}"
    if link.why:
        params[WHY] = "1"
    return params | write_settings(link.settings)


def sync_with_url(shown: Link, samples: Collection[str]) -> Link | None:
    """What the address asks for; None, and the address says what is shown, if nothing new.

    Parameters
    ----------
    shown
        What the page would show.
    samples
        Stems of the files of all samples.
    """
    ours = (SAMPLE, PART, WHY, *NAMES)
    given = {name: st.query_params[name] for name in ours if name in st.query_params}
    has_acted = pop_user_action()
    if given and not has_acted and given != st.session_state.get(_WRITTEN):
        asked = read_link(given, samples)
        _write(asked if asked.sample else shown, given)
        return asked if asked.sample else None
    _write(shown, given)
    return None


def _write(link: Link, given: Mapping[str, str]) -> None:
    """Set our part of the address, and leave whatever else is in it."""
    wanted = write_link(link)
    st.session_state[_WRITTEN] = wanted
    if wanted != given:
        others = {n: value for n, value in st.query_params.to_dict().items() if n not in given}
        st.query_params.from_dict(others | wanted)


NOISES_DB = (None, 40, 35, 30, 25, 20, 15, 10, 5, 0)
SPEEDS = (0.5, 2.0, 0.05)  # lowest, highest, step
SEMITONES = (-12, 12, 1)
GAINS_DB = (-30, 30, 1)

NOISE, SPEED, PITCH, TELEPHONE, GAIN = NAMES = ("noise", "speed", "pitch", "telephone", "gain")
"""Names in the address: ``?noise=20&speed=0.75&pitch=-3&telephone=1&gain=6``."""


def _by_text(values: Sequence[float]) -> dict[str, float]:
    return {f"{value:g}": value for value in values}


_SPEEDS = [round(SPEEDS[0] + i * SPEEDS[2], 2) for i in range(31)]
_ALLOWED = {
    NOISE: _by_text([value for value in NOISES_DB if value is not None]),
    SPEED: _by_text(_SPEEDS),
    PITCH: _by_text(range(SEMITONES[0], SEMITONES[1] + 1)),
    GAIN: _by_text(range(GAINS_DB[0], GAINS_DB[1] + 1)),
}


def read_settings(params: Mapping[str, str]) -> Alteration:
    """What an address asks for; what cannot be set on the page is left as it was recorded."""
    asked = {
        name: values[params[name]]
        for name, values in _ALLOWED.items()
        if params.get(name) in values
    }
    return Alteration(
        noise_below_db=asked.get(NOISE),
        speed=asked.get(SPEED, NEUTRAL.speed),
        pitch_semitones=asked.get(PITCH, NEUTRAL.pitch_semitones),
        telephone=params.get(TELEPHONE) == "1",
        gain_db=asked.get(GAIN, NEUTRAL.gain_db),
    )


def write_settings(settings: Alteration) -> dict[str, str]:
    """The parameters of an address that :func:`read_settings` reads as the same."""
    params = {}
    if settings.noise_below_db is not None:
        params[NOISE] = f"{settings.noise_below_db:g}"
    for name, value, usual in (
        (SPEED, settings.speed, NEUTRAL.speed),
        (PITCH, settings.pitch_semitones, NEUTRAL.pitch_semitones),
        (GAIN, settings.gain_db, NEUTRAL.gain_db),
    ):
        if value != usual:
            params[name] = f"{value:g}"
    if settings.telephone:
        params[TELEPHONE] = "1"
    return params
