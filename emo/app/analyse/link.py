"""The state of the page *Analyse* in its address, so that a link shows the same elsewhere.

A visitor's action on the page takes precedence over the address.  The address takes precedence over
the page where only the address changed: a link was opened, or the browser went back or forward.  A
visitor's own clip is never in the address.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from emo.app import among
from emo.app.own import served
from emo.audio.alteration import NEUTRAL, Alteration
from emo.labels import LABELS

SAMPLE, PART, WHY = "sample", "part", "why"
AMONG = among.PARAM
NOISE, SPEED, PITCH, TELEPHONE, GAIN = SETTINGS = ("noise", "speed", "pitch", "telephone", "gain")
NAMES = (SAMPLE, PART, WHY, AMONG, *SETTINGS)
"""Parameters: ``?sample=sad&part=0.25000-0.61250&why=1&noise=20&speed=0.75&telephone=1``."""

NOISES_DB = (None, 40, 35, 30, 25, 20, 15, 10, 5, 0)
SPEEDS = (0.5, 2.0, 0.05)
SEMITONES = (-12, 12, 1)
GAINS_DB = (-30, 30, 1)
"""SNRs that can be set, None without noise; lowest, highest value and step of the others."""

_SHARE = r"(0(?:\.[0-9]{1,5})?|1(?:\.0{1,5})?)"
_PART = re.compile(f"{_SHARE}-{_SHARE}")
_WRITTEN = "analyse-address"


def _by_text(values: Sequence[float]) -> dict[str, float]:
    return {f"{value:g}": value for value in values}


_ALLOWED = {
    NOISE: _by_text([value for value in NOISES_DB if value is not None]),
    SPEED: _by_text([round(SPEEDS[0] + i * SPEEDS[2], 2) for i in range(31)]),
    PITCH: _by_text(range(SEMITONES[0], SEMITONES[1] + 1)),
    GAIN: _by_text(range(GAINS_DB[0], GAINS_DB[1] + 1)),
}


@dataclass(frozen=True)
class Link:
    """State of the page that an address holds.

    Attributes
    ----------
    sample
        Stem of the sample's file; empty without a sample.
    share
        Start and end of the selected part, 0 to 1 of the clip; None for the whole clip.
    why
        Whether the explanation is displayed.
    settings
        Settings of *What if*.
    among
        Emotions that can occur.
    """

    sample: str = ""
    share: tuple[float, float] | None = None
    why: bool = False
    settings: Alteration = NEUTRAL
    among: tuple[str, ...] = LABELS


EMPTY = Link()


def read_link(params: Mapping[str, str], samples: Collection[str]) -> Link:
    """Return the state in an address, without unknown samples and values that cannot be set."""
    sample = params.get(SAMPLE, "")
    if sample not in samples:
        return EMPTY
    part, why = _read_part(params.get(PART, "")), params.get(WHY) == "1"
    labels = among.read_param(params.get(AMONG)) or served.labels()
    return Link(sample, part, why, read_settings(params), labels)


def _read_part(text: str) -> tuple[float, float] | None:
    match = _PART.fullmatch(text)
    if match is None:
        return None
    start, stop = float(match[1]), float(match[2])
    return (start, stop) if stop > start else None


def read_settings(params: Mapping[str, str]) -> Alteration:
    """Return the settings in an address; a value that cannot be set becomes neutral."""
    values = {
        name: allowed[params[name]]
        for name, allowed in _ALLOWED.items()
        if params.get(name) in allowed
    }
    return Alteration(
        snr_db=values.get(NOISE),
        speed=values.get(SPEED, NEUTRAL.speed),
        pitch_semitones=values.get(PITCH, NEUTRAL.pitch_semitones),
        telephone=params.get(TELEPHONE) == "1",
        gain_db=values.get(GAIN, NEUTRAL.gain_db),
    )


def write_link(link: Link) -> dict[str, str]:
    """Return parameters that ``read_link`` reads as the same state; none without a sample.

    Shares are written with five decimals, as the player sends them.
    """
    if not link.sample:
        return {}
    params = {SAMPLE: link.sample}
    if link.share is not None:
        start, stop = link.share
        params[PART] = f"{start:.5f}-{stop:.5f}"
    if link.why:
        params[WHY] = "1"
    if labels := among.write_param(link.among):
        params[AMONG] = labels
    return params | write_settings(link.settings)


def write_settings(settings: Alteration) -> dict[str, str]:
    """Return parameters that ``read_settings`` reads as the same settings."""
    params = {}
    if settings.snr_db is not None:
        params[NOISE] = f"{settings.snr_db:g}"
    for name, value, neutral in (
        (SPEED, settings.speed, NEUTRAL.speed),
        (PITCH, settings.pitch_semitones, NEUTRAL.pitch_semitones),
        (GAIN, settings.gain_db, NEUTRAL.gain_db),
    ):
        if value != neutral:
            params[name] = f"{value:g}"
    if settings.telephone:
        params[TELEPHONE] = "1"
    return params


def requested_link(
    state: tuple[Link, int], samples: Collection[str], is_opened: bool = False
) -> Link | None:
    """Return the state in the address if the address changed since ``write_address``.

    Parameters
    ----------
    state
        State of the page, and how often its clip was replaced.
    samples
        Stems of the files of all samples.
    is_opened
        Whether the page was just opened.  The emotions that can occur may have been changed on
        another page then, over which the address takes precedence.

    Returns
    -------
    Link or None
        None if the page changed too, which a visitor's action did: then the browser may have sent
        the address of before.
    """
    params = _params()
    written, before = st.session_state.get(_WRITTEN, ({}, state))
    link = read_link(params, samples)
    if is_opened:
        before = (replace(before[0], among=state[0].among), before[1])
    is_written = params == written and link.among == state[0].among
    if not params or is_written or state != before:
        return None
    return link if link.sample else None


def write_address(state: tuple[Link, int]) -> None:
    """Write the state of the page into the address, which keeps its other parameters."""
    params, wanted = _params(), write_link(state[0])
    st.session_state[_WRITTEN] = (wanted, state)
    if wanted != params:
        unrelated = {n: value for n, value in st.query_params.to_dict().items() if n not in NAMES}
        st.query_params.from_dict(unrelated | wanted)


def _params() -> dict[str, str]:
    return {name: st.query_params[name] for name in NAMES if name in st.query_params}
