"""The body of an upload as it arrives: counted, and ended where it comes too slowly."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from emo.server.quotas import Rejection

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

GRACE_S = 10.0
"""Seconds before the first bytes of an upload must have come."""

MIN_BYTES_PER_S = 16 * 2**10
"""Least mean rate of an upload after that; the slowest mobile network that is sold has more."""

DISCARD_S = 10.0
"""How long the body of a refused upload is read: who still sends misses the answer."""


class TooSlowError(Exception):
    """The body of an upload did not come in time."""


class RejectedError(Exception):
    """The body of an upload is refused in the middle of it."""

    def __init__(self, refusal: Rejection) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class UploadBody:
    """The body of a request, in place of the server's own ``receive``.

    Parameters
    ----------
    arrive
        Is called with the number of bytes that came; what it returns ends the upload.
    limit_s
        How long all of it may take, in seconds.
    """

    def __init__(
        self,
        receive: Receive,
        arrive: Callable[[int], Rejection | None],
        limit_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receive = receive
        self._arrive = arrive
        self._limit_s = limit_s
        self._clock = clock
        self._started_s = clock()
        self._n_bytes = 0

    async def __call__(self) -> Message:
        """Return the next part of the body.

        Raises
        ------
        TooSlowError
            It did not come in time, or those before it came too slowly.
        RefusedError
            There is no room for it.
        """
        may_take_s = min(self._limit_s, GRACE_S + self._n_bytes / MIN_BYTES_PER_S)
        message = await _receive_until(self._receive, self._started_s + may_take_s, self._clock)
        size = len(message.get("body", b""))
        self._n_bytes += size
        refusal = self._arrive(size) if size else None
        if refusal is not None:
            raise RejectedError(refusal)
        return message


async def discard_body(receive: Receive) -> None:
    """Read what is still sent of a body, for a moment, and keep nothing of it."""
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
