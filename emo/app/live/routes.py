"""The addresses of the live microphone: its websocket, and the script that reads the sound.

The modules that answer are imported when the first microphone is opened or the pages are loaded, so
that the start of the server does not wait for them.
"""

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute

from emo.app import streamlit_internals
from emo.app.serving import access
from emo.server.live import LiveEndpoint, LiveStream, RefusedError, Start
from emo.server.telemetry import TELEMETRY

STREAM, WORKLET = "/live/stream", "/live/worklet.js"
"""Addresses below ``streamlit_internals.base_path``."""

_WORKLET = Path(__file__).parents[1] / "static" / "worklet.js"


def live_routes(is_stopping: Callable[[], bool]) -> list[BaseRoute]:
    """Return the routes of the live microphone.

    Parameters
    ----------
    is_stopping
        Returns whether the server is being stopped.
    """
    base = streamlit_internals.base_path()
    endpoint = LiveEndpoint(_open_stream, TELEMETRY, is_stopping)
    return [
        WebSocketRoute(f"{base}{STREAM}", endpoint, name="live"),
        Route(f"{base}{WORKLET}", _send_worklet, methods=["GET"]),
    ]


async def _send_worklet(_: Request) -> FileResponse:
    headers = {"cache-control": "no-cache"}  # the browser asks whether it has changed
    return FileResponse(_WORKLET, media_type="text/javascript", headers=headers)


async def _open_stream(start: Start) -> LiveStream:
    """Return the stream of a page's microphone, or raise why it is refused."""
    if status := access.check_sender(start.session, start.token, start.cookies):
        raise RefusedError("token" if status == 403 else "session")
    from emo.app.live import stream

    return await stream.open_stream(start.address, start.among)
