"""The body of an upload: counted as it arrives, and cancelled if it arrives too slowly."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from emo.server.quotas import Rejection

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

MAX_UPLOAD_S = 120.0
"""Longest duration of an upload: 50 MB in two minutes need 3.5 Mbit/s."""

GRACE_S = 10.0
"""Time within which the first bytes of an upload must arrive."""

MIN_BYTES_PER_S = 16 * 2**10
"""Least mean rate of an upload after ``GRACE_S``; 3G networks are faster."""

DISCARD_S = 10.0
"""Time for which the body of a rejected upload is read, so that the client reads the answer."""


class TooSlowError(Exception):
    """The body of an upload did not arrive in time."""


class RejectedError(Exception):
    """An upload was rejected while its body arrived."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


class UploadBody:
    """An ASGI ``receive`` that counts the bytes of a body and limits its duration.

    Parameters
    ----------
    receive
        The server's own ``receive``.
    count
        Called with the number of bytes of each part; a rejection that it returns ends the upload.
    timeout_s
        Longest duration of the whole body, in seconds.
    clock
        Returns the time in seconds.
    """

    def __init__(
        self,
        receive: Receive,
        count: Callable[[int], Rejection | None],
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receive = receive
        self._count = count
        self._timeout_s = timeout_s
        self._clock = clock
        self._started_s = clock()
        self._n_bytes = 0

    async def __call__(self) -> Message:
        """Return the next part of the body.

        Raises
        ------
        TooSlowError
            It did not arrive in time, or the mean rate of the parts so far is too low.
        RejectedError
            The quotas have no room for it.
        """
        allowed_s = min(self._timeout_s, GRACE_S + self._n_bytes / MIN_BYTES_PER_S)
        message = await _receive_until(self._receive, self._started_s + allowed_s, self._clock)
        size = len(message.get("body", b""))
        self._n_bytes += size
        rejection = self._count(size) if size else None
        if rejection is not None:
            raise RejectedError(rejection)
        return message


async def discard_body(receive: Receive) -> None:
    """Read the rest of a body for at most ``DISCARD_S`` seconds, and store none of it."""
    until_s = time.monotonic() + DISCARD_S
    while True:
        try:
            message = await _receive_until(receive, until_s, time.monotonic)
        except TooSlowError:
            return
        if message["type"] != "http.request" or not message.get("more_body"):
            return


async def _receive_until(receive: Receive, until_s: float, clock: Callable[[], float]) -> Message:
    try:
        return await asyncio.wait_for(receive(), max(0.001, until_s - clock()))
    except TimeoutError as error:
        raise TooSlowError from error
