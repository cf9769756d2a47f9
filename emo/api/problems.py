"""Errors of the HTTP API: a status, and the sentence that the page and the command show too."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emo import errors
from emo.audio.limits import MAX_BYTES
from emo.errors import BusyError, EmoError
from emo.server.middleware import PROBLEM_TYPE, problem

MEDIA_TYPE = PROBLEM_TYPE.decode()

STATUSES: dict[type[EmoError], int] = {
    errors.NotAudioError: 415,
    errors.DecoderMissingError: 415,
    errors.AudioError: 422,
    errors.SettingError: 422,
    BusyError: 503,
    errors.ModelError: 503,
}
"""HTTP status of an error; the first row of which it is an instance holds."""

NO_MODELS = (
    "The models could not be loaded, so there are no answers. The log of the server has why."
)


@dataclass(eq=False)  # not frozen: Python sets the traceback of an exception
class ProblemError(Exception):
    """A request that is not answered.

    Attributes
    ----------
    status
        HTTP status.
    detail
        Sentence for a person.
    code
        Name of the error for programs, which does not change with the sentence.
    retry_s
        Seconds after which to try again; 0 where that would not help.
    headers
        Further headers of the response.
    fields
        Further fields of the response.
    """

    status: int
    detail: str
    code: str
    retry_s: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """Return the body of the response as values for JSON."""
        return problem(self.status, self.detail, self.code) | dict(self.fields)

    def all_headers(self) -> dict[str, str]:
        """Return the headers of the response besides those of its body."""
        retry = {"retry-after": str(self.retry_s)} if self.retry_s else {}
        return {"cache-control": "no-store", **retry, **self.headers}


def problem_of(error: EmoError, size: int = 0) -> ProblemError:
    """Return the problem that an error is to a client.

    Parameters
    ----------
    error
        Its text is shown, unless it is on the models: that text names folders of the server.
    size
        Bytes of the recording, for the status of one that is too large.
    """
    status = next((code for kind, code in STATUSES.items() if isinstance(error, kind)), 422)
    detail = str(error)
    if isinstance(error, errors.LimitError) and size > MAX_BYTES:
        status = 413
    if isinstance(error, errors.ModelError) and not isinstance(error, errors.ModelFaultError):
        detail = NO_MODELS
    retry_s = error.wait_s if isinstance(error, BusyError) else 0
    return ProblemError(status, detail, error_code(error), retry_s)


def error_code(error: EmoError) -> str:
    """Return the name of an error for programs.

    >>> error_code(errors.TooShortError("The recording lasts 0.1 s."))
    'too_short'
    """
    words = re.findall(r"[A-Z][a-z]+", type(error).__name__.removesuffix("Error"))
    return "_".join(words).lower()
