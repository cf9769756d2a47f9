"""The state of the sandbox in the answers to health checks."""

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
    """Return the restrictions that decoding processes lack, as one line.

    Parameters
    ----------
    n_processes
        Number of running processes.
    missing
        Number of processes without a restriction, by its name.
    """
    names = [name for name, count in missing.items() if count]
    if names:
        return f"without {', '.join(names)}"
    return COMPLETE if n_processes else STARTING


@dataclass
class SandboxHeaderMiddleware:
    """ASGI middleware that adds the header ``X-Emo-Sandbox`` to answers of ``/_stcore/health``.

    Attributes
    ----------
    describe
        Returns the value of the header, see ``describe_sandbox``.
    """

    app: App
    describe: Callable[[], str]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        if scope["type"] != "http" or not scope["path"].endswith("/_stcore/health"):
            await self.app(scope, receive, send)
            return

        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (HEADER, self.describe().encode())]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, send_with_header)
