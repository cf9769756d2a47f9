"""Settings of the server that an operator makes by environment variables."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from emo.errors import SettingError


@dataclass(frozen=True)
class Settings:
    """Settings, each by the environment variable ``EMO_`` and its name in capitals.

    Attributes
    ----------
    max_concurrent
        Analyses that run at the same time; 0 means one per core, at most four.
    queue_size
        Analyses that may wait for their turn.
    queue_timeout_s
        Longest wait of an analysis, in seconds.
    shutdown_grace_s
        Time that a stopping server gives to running analyses, in seconds.
    max_pages
        Open pages of all visitors.
    address_pages
        Open pages of one address.
    address_files_per_min
        Files per minute that one address may send, in the long run.
    session_mb
        Size of the files of one session, in units of 2**20 bytes.
    max_live
        Live microphones of all visitors.
    address_live
        Live microphones of one address.
    """

    max_concurrent: float = 0
    queue_size: float = 32
    queue_timeout_s: float = 20
    shutdown_grace_s: float = 20
    max_pages: float = 400
    address_pages: float = 64
    address_files_per_min: float = 240
    session_mb: float = 200
    max_live: float = 40
    address_live: float = 32


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the defaults, replaced by the values that the environment sets.

    Raises
    ------
    SettingError
        A value is not a finite number of at least 0.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, float] = {}
    for field in fields(Settings):
        name = f"EMO_{field.name.upper()}"
        text = environ.get(name)
        if text is None:
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= 0):
            raise SettingError(f"{name} is {text!r}. Please give a number from 0 on.")
        values[field.name] = value
    return Settings(**values)
