"""The server of the pages: middleware, logs, metrics, start and shutdown.

``streamlit run`` finds the application in ``streamlit_app.py``, so that every way to start Emo
starts it with this protection.
"""

import asyncio
import contextlib
import ctypes
import functools
import gc
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

import prometheus_client
import streamlit as st
from starlette import formparsers
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from emo.app import clip_cache, streamlit_internals, text
from emo.app.serving import access, shell, uploads
from emo.app.serving.compression import CompressionMiddleware
from emo.app.serving.guest import server_guest
from emo.app.serving.messages import PageMessageParser
from emo.audio import isolated, limits, sandbox
from emo.errors import BusyError
from emo.server import connections, health, logs, quotas, stderr
from emo.server.concurrency import limiter
from emo.server.headers import content_security_policy
from emo.server.middleware import STOPPING_RETRY_S, ProtectionMiddleware
from emo.server.settings import read_settings
from emo.server.telemetry import TELEMETRY

SWEEP_S = 5.0
"""Time between two searches for expired sessions and cached values."""

PAGES = (
    "analyse.page",
    "analyse.answers",
    "live.stream",
    "listen.page",
    "compare.page",
    "matrices.page",
    "matrices.diagnostics",
    "teach.page",
    "about.page",
)
"""Modules of ``emo.app`` that are imported before the first page is opened."""

RERUN_RETRY_S = 0.5
"""Time after which a page that is being run is checked again, to rerun it afterwards."""

FLUSH_S = 0.5
"""Time for the last answers to reach the browsers before the server stops."""

_ARENA_MAX, _MMAP_THRESHOLD = -8, -3  # malloc.h

LOG = logging.getLogger("emo.server")

Load = Callable[[], Awaitable[None]]
"""Loads modules after the start of the server."""


@dataclass
class _State:
    """The state of the server: whether it stops, and how many pages are being run."""

    is_stopping: bool = False
    n_runs: int = 0


_STATE = _State()
_STATE_LOCK = threading.Lock()


def is_page_run() -> bool:
    """Return whether Streamlit runs the script for a page, and not to find the application."""
    return bool(streamlit_internals.current_session())


def is_stopping() -> bool:
    """Return whether the server is being stopped."""
    return _STATE.is_stopping


async def _load_nothing() -> None:
    """Load no modules."""


def no_routes(tracker: quotas.QuotaTracker) -> tuple[list[BaseRoute], Load]:
    """Return no routes beside those of the pages."""
    return [], _load_nothing


def app_options(
    routes: Callable[[quotas.QuotaTracker], tuple[list[BaseRoute], Load]],
) -> dict[str, Any]:
    """Return the arguments of ``st.App`` besides the script.

    Parameters
    ----------
    routes
        Takes the quotas, and returns the routes beside those of the pages, and what loads them.
    """
    logs.redact_exceptions()
    _write_logs()
    server_guest()  # loaded now, so that what is wrong with it is known at once
    max_pages = connections.max_pages(connections.raise_file_limit())
    tracker = quotas.QuotaTracker(quotas.derive_limits(read_settings(), max_pages), uploads.usage)
    own_routes, load = routes(tracker)
    index_html = streamlit_internals.index_html()
    page = shell.first_page(index_html, streamlit_internals.element_scripts(shell.ELEMENTS))
    compression = Middleware(CompressionMiddleware, index_html.encode(), page.encode())
    protection = Middleware(
        ProtectionMiddleware,
        quotas=tracker,
        telemetry=TELEMETRY,
        policy=content_security_policy(page),
        is_stopping=is_stopping,
        notify=notify,
        hosts=access.allowed_hosts(),
        check_sender=access.check_sender,
        parser=PageMessageParser(),
    )
    TELEMETRY.open_pages.set_function(lambda: tracker.n_pages)
    TELEMETRY.open_live.set_function(lambda: tracker.n_live)
    TELEMETRY.running_tasks.set_function(lambda: limiter().n_running)
    TELEMETRY.waiting_tasks.set_function(lambda: limiter().n_waiting)
    TELEMETRY.cache.set_function(lambda: clip_cache.CACHE.size)
    TELEMETRY.sandbox_processes.set_function(lambda: len(isolated.shared_decoder().restrictions()))
    for name in sandbox.RESTRICTIONS:
        TELEMETRY.unrestricted.labels(name).set_function(partial(_count_unrestricted, name))
    sandbox_header = Middleware(health.SandboxHeaderMiddleware, describe=describe_sandbox)
    return {
        "routes": own_routes,
        "middleware": [protection, compression, sandbox_header],
        "lifespan": partial(_lifespan, load=load),
        "on_script_error": _count_error,
    }


def _count_unrestricted(restriction: str) -> float:
    return float(isolated.shared_decoder().missing_restrictions()[restriction])


def describe_sandbox() -> str:
    """Return which restrictions the processes that decode lack, as one line."""
    decoders = isolated.shared_decoder()
    return health.describe_sandbox(len(decoders.restrictions()), decoders.missing_restrictions())


@contextlib.contextmanager
def page_run() -> Iterator[None]:
    """Run a page in the block; if the server is too busy, show when to try again."""
    with _STATE_LOCK:
        _STATE.n_runs += 1
    try:
        if _STATE.is_stopping:
            raise BusyError(STOPPING_RETRY_S)
        _show_rejection()
        yield
    except BusyError as busy:
        TELEMETRY.rejected.labels("busy").inc()
        st.warning(text.busy(busy.wait_s))
        st.button(text.TRY_AGAIN, key="try-again")
    finally:
        with _STATE_LOCK:
            _STATE.n_runs -= 1


def notify(session: str, sentence: str) -> None:
    """Rerun the open page of a session with a sentence above its content.

    The widget that sends a file shows that it was rejected, but not why.
    """
    if streamlit_internals.has_page(session) and uploads.record_rejection(session, sentence):
        _rerun(session)


def _rerun(session: str) -> None:
    """Rerun a page as soon as it is not being run, unless its message has expired by then."""
    if uploads.rejection_message(session) and not streamlit_internals.rerun_if_idle(session):
        asyncio.get_running_loop().call_later(RERUN_RETRY_S, _rerun, session)


def _show_rejection() -> None:
    place = st.empty()  # always there: widgets that moved down would lose their files
    session = streamlit_internals.current_session()
    sentence = uploads.rejection_message(session) if session else ""
    if sentence:
        place.warning(sentence)


def _count_error(error: Exception) -> bool:
    TELEMETRY.errors.labels("page", type(error).__name__).inc()
    return False  # the page shows that something went wrong, and nothing else


# --- Start and shutdown --------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _lifespan(app: st.App, *, load: Load) -> AsyncIterator[None]:
    """Start and stop what the server needs besides the pages."""
    _write_logs()
    limit_heaps()
    # Streamlit writes uploads above one megabyte to a file; here they stay in memory.
    formparsers.MultiPartParser.spool_max_size = 2 * limits.MAX_BYTES
    loop = asyncio.get_running_loop()
    with _metrics_server() as port:
        sweeping = asyncio.create_task(_sweep())
        loading = asyncio.create_task(_load(load))
        _install_graceful_shutdown(loop)
        loop.set_exception_handler(logs.log_loop_error)
        closing_idle = asyncio.create_task(
            access.close_idle_connections(access.limit_connections(loop))
        )
        LOG.info("started", extra={"metrics_port": port})
        try:
            yield
        finally:
            sweeping.cancel()
            closing_idle.cancel()
            await loading
    LOG.info("stopped")


@contextlib.contextmanager
def _metrics_server() -> Iterator[int | None]:
    """Serve the metrics on 127.0.0.1 during the block, at ``EMO_METRICS_PORT`` if it is set."""
    port = os.environ.get("EMO_METRICS_PORT")
    if not port:
        yield None
        return
    server, _ = prometheus_client.start_http_server(
        int(port), "127.0.0.1", registry=TELEMETRY.registry
    )
    try:
        yield int(port)
    finally:
        server.shutdown()
        server.server_close()


async def _load(load: Load) -> None:
    """Load the pages, what is served beside them, and the figures that take a while to read."""
    await asyncio.to_thread(_load_pages)
    await load()
    await asyncio.to_thread(_read_ahead)


def _load_pages() -> None:
    """Import the modules of the pages and start a decoder, so that the first visitor need not wait.

    Streamlit collects garbage after every run of a page; the modules are excluded from that.
    """
    for name in PAGES:
        importlib.import_module(f"emo.app.{name}")
    isolated.shared_decoder().start()  # missing restrictions are known before the first upload
    gc.collect()
    gc.freeze()


def _read_ahead() -> None:
    """Read what the first visitor of *Confusion matrices* would wait for."""
    streamlit_internals.allow_no_session()
    importlib.import_module("emo.app.matrices.guests").read_ahead()


def _write_logs() -> None:
    if os.environ.get("EMO_LOG", "json") == "json":
        logs.configure_json(_original_stderr())


@functools.cache
def _original_stderr() -> TextIO:
    """Return a stream to the original standard error, which is redirected at the first call."""
    return stderr.redirect_to_json()


async def _sweep() -> None:
    """Drop expired sessions and cached values again and again, until the task is cancelled."""
    while True:
        await asyncio.sleep(SWEEP_S)
        _write_logs()  # for loggers of modules that were imported since
        clip_cache.CACHE.tidy()
        try:
            if streamlit_internals.drop_expired_sessions():
                await asyncio.to_thread(release_memory)
        except Exception:
            LOG.exception("expired sessions could not be dropped")


def limit_heaps() -> None:
    """Make glibc share two heaps among all threads, and release large blocks when they are freed.

    By default each of many threads keeps the memory that it once used, and one freed block of 30 MB
    raises the size up to which freed blocks are kept.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            c = ctypes.CDLL(None)
            c.mallopt(_ARENA_MAX, 2)
            c.mallopt(_MMAP_THRESHOLD, 4 * quotas.MB)


def release_memory() -> None:
    """Collect garbage, and make glibc return free memory to the system."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def _install_graceful_shutdown(loop: asyncio.AbstractEventLoop) -> None:
    """Make SIGTERM wait for running tasks, and reject new ones, before the server stops."""
    if threading.current_thread() is not threading.main_thread():
        return
    stop_server: Any = signal.getsignal(signal.SIGTERM)
    if not callable(stop_server):
        return  # without a handler the signal ends the process

    async def stop_when_idle(number: int, frame: Any) -> None:
        until_s = time.monotonic() + read_settings().shutdown_grace_s
        LOG.info("stopping", extra={"running": limiter().n_running, "pages": _STATE.n_runs})
        while (_STATE.n_runs or not limiter().is_idle) and time.monotonic() < until_s:
            await asyncio.sleep(0.05)
        await asyncio.sleep(FLUSH_S)
        stop_server(number, frame)

    def handle(number: int, frame: Any) -> None:
        if _STATE.is_stopping:
            stop_server(number, frame)  # the second signal stops at once
            return
        _STATE.is_stopping = True
        loop.call_soon_threadsafe(
            lambda: _TASKS.add(loop.create_task(stop_when_idle(number, frame)))
        )

    signal.signal(signal.SIGTERM, handle)


_TASKS: set[asyncio.Task[None]] = set()  # without a reference a task may be garbage-collected
