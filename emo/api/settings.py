"""Settings of the HTTP API that an operator makes by environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emo.api.tokens import Tokens
from emo.errors import SettingError

ON, OFF = "on", "off"
SWITCH, TOKENS = "EMO_API", "EMO_API_TOKENS"


@dataclass(frozen=True)
class ApiSettings:
    """Settings of the HTTP API: whether it is served, and to whom.

    Attributes
    ----------
    is_on : bool
    is_local : bool
        Whether it is served to this computer alone: nobody turned it on, and behind a proxy that
        the server does not know of, others would reach it.
    tokens : Tokens or None
        The tokens that a request needs; None where it needs none.
    """

    is_on: bool
    is_local: bool = False
    tokens: Tokens | None = None


def read_api_settings(is_public: bool, environ: Mapping[str, str] | None = None) -> ApiSettings:
    """Return the settings of the environment.

    Parameters
    ----------
    is_public
        Whether other machines can reach the server, which turns the API off by default.
    environ
        The environment; None for that of the process.

    Raises
    ------
    SettingError
        ``EMO_API`` is neither on nor off, or the file of ``EMO_API_TOKENS`` cannot be used.
    """
    environ = os.environ if environ is None else environ
    switch = environ.get(SWITCH, "").strip().lower()
    if switch not in ("", ON, OFF):
        raise SettingError(f"{SWITCH} is {environ[SWITCH]!r}. Please give {ON} or {OFF}.")
    is_on = not is_public if not switch else switch == ON
    path = environ.get(TOKENS, "")
    return ApiSettings(is_on, not switch, Tokens(Path(path)) if is_on and path else None)
