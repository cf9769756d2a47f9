"""The route of the HTTP API: the same models, slots, memory and quotas as for the pages.

Its modules and FastAPI are imported after the pages, so that the start of the server does not wait.
"""

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Mount

from emo.api.gate import ApiGate
from emo.api.settings import TOKENS, ApiSettings, read_api_settings
from emo.app import clip_cache, streamlit_internals
from emo.app.live.routes import live_routes
from emo.app.serving import access, server
from emo.server.quotas import QuotaTracker
from emo.server.telemetry import TELEMETRY

if TYPE_CHECKING:
    from fastapi import FastAPI

PATH = "/api"
"""Address below ``streamlit_internals.base_path``."""

OPEN_TO_ALL = (
    f"the HTTP API is open to everybody who reaches this server; {TOKENS} names a file of tokens"
)


def api_gate(quotas: QuotaTracker) -> ApiGate:
    """Return the gate of the API, made from the settings.

    Parameters
    ----------
    quotas
        Those of the pages.

    Raises
    ------
    SettingError
        A setting is invalid, or the file of tokens cannot be used.
    """
    is_public = access.is_public()
    settings = read_api_settings(is_public)
    if settings.is_on and is_public and settings.tokens is None:
        access.LOG.warning(OPEN_TO_ALL)
    return ApiGate(lambda: _build(settings), settings, quotas, TELEMETRY, server.is_stopping)


def own_routes(quotas: QuotaTracker) -> tuple[list[BaseRoute], server.Load]:
    """Return the routes beside those of the pages, and what loads them: Live, and the API."""
    gate = api_gate(quotas)
    api = Mount(f"{streamlit_internals.base_path()}{PATH}", gate, name="api")
    return [*live_routes(server.is_stopping), api], gate.preload


def _build(settings: ApiSettings) -> "FastAPI":
    """Return the application of the routes; its modules are imported now."""
    from emo.api.engine import Engine
    from emo.api.routes import Service, build_app
    from emo.app import common
    from emo.app.serving.guest import server_guest
    from emo.system import paths

    streamlit_internals.allow_no_session()  # where the models are cached, a page shows a spinner
    engine = Engine(common.models, clip_cache.memory_budget, common.report_faults, server_guest)
    service = Service(
        engine,
        paths.served_models(),
        server.describe_sandbox,
        server.is_stopping,
        needs_token=settings.tokens is not None,
    )
    return build_app(service)
