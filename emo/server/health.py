"""What the answer to a health check says besides that the server is there."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

HEADER = b"x-emo-sandbox"
COMPLETE, STARTING = "complete", "starting"


def describe_sandbox(n_processes: int, missing: Mapping[str, int]) -> str:
    """Return what the processes that read recordings are not held to, as one line.

    Parameters
    ----------
    n_processes
        How many of them run.
    missing
        By restriction the number of those that are not held to it.
    """
    names = [name for name, count in missing.items() if count]
    if names:
        return f"without {', '.join(names)}"
    return COMPLETE if n_processes else STARTING


@dataclass
class SandboxHeaderMiddleware:
    """An ASGI application that adds a header to the answers of ``/_stcore/health``.

    Attributes
    ----------
    sandbox
        Returns the value of the header.
    """

    app: App
    sandbox: Callable[[], str]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].endswith("/_stcore/health"):
            await self.app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields = [*message.get("headers", ()), (HEADER, self.sandbox().encode())]
                message = {**message, "headers": fields}
            await send(message)

        await self.app(scope, receive, answer)
