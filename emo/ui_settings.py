"""The settings of *What if*: what can be set on the page, and how it stands in the address."""

from collections.abc import Mapping, Sequence

from emo.whatif import NEUTRAL, Settings

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


def read_settings(params: Mapping[str, str]) -> Settings:
    """What an address asks for; what cannot be set on the page is left as it was recorded."""
    asked = {
        name: values[params[name]]
        for name, values in _ALLOWED.items()
        if params.get(name) in values
    }
    return Settings(
        noise_below_db=asked.get(NOISE),
        speed=asked.get(SPEED, NEUTRAL.speed),
        pitch_semitones=asked.get(PITCH, NEUTRAL.pitch_semitones),
        telephone=params.get(TELEPHONE) == "1",
        gain_db=asked.get(GAIN, NEUTRAL.gain_db),
    )


def write_settings(settings: Settings) -> dict[str, str]:
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
