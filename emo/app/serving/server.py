"""The server around the pages: its guard, its logs and counters, and how it stops.

`streamlit run` finds the application in ``streamlit_app.py``, so that every way to start Emo starts
it guarded.
"""

import asyncio
import contextlib
import ctypes
import functools
import gc
import http.server
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import streamlit as st
from starlette import formparsers
from starlette.middleware import Middleware
from streamlit import runtime
from streamlit.runtime.app_session import AppSessionState
from streamlit.runtime.scriptrunner import get_script_run_ctx

from emo.app import clip_cache, text
from emo.app.serving import access, uploads
from emo.app.serving.messages import PageMessageParser
from emo.audio import isolated, limits, sandbox
from emo.errors import BusyError
from emo.server import connections, health, logs, memory, middleware, stderr
from emo.server import quotas as server_quotas
from emo.server.concurrency import limiter
from emo.server.middleware import STOPPING_RETRY_S, ProtectionMiddleware
from emo.server.telemetry import TELEMETRY

SWEEP_S = 5.0
"""How often what expired is given back."""

PAGES = (
    "analyse.page",
    "analyse.answers",
    "compare.page",
    "matrices.page",
    "matrices.diagnostics",
    "teach.page",
    "about.page",
)
"""Modules of ``emo.app`` that are loaded before the first page is opened."""

LOOK_AGAIN_S = 0.5
"""When a page that was to be made anew is looked at again, because it is being made."""

FLUSH_S = 0.5
"""What the last answers take on their way to the browser when the server stops."""

_ARENA_MAX, _MMAP_THRESHOLD = -8, -3  # malloc.h

LOG = logging.getLogger("emo.server")


@dataclass
class _State:
    """What the server is doing: whether it stops, and how many times pages are being made."""

    is_stopping: bool = False
    n_runs: int = 0


_STATE = _State()
_RUNS = threading.Lock()


def is_page_run() -> bool:
    """Whether Streamlit runs the script for somebody's page; else the server itself reads it."""
    return get_script_run_ctx(suppress_warning=True) is not None


def app_options() -> dict[str, Any]:
    """What `st.App` takes besides the script: the guard, and what begins and ends with it."""
    logs.redact_exceptions()
    _write_logs()
    index = Path(st.__file__).parent / "static" / "index.html"
    quotas = server_quotas.read_limits()
    n_files = connections.raise_file_limit()
    most_pages = min(quotas.server_sessions, connections.max_pages(n_files))
    ledger = server_quotas.QuotaTracker(replace(quotas, server_sessions=most_pages), uploads.usage)
    guard = Middleware(
        ProtectionMiddleware,
        ledger=ledger,
        counters=TELEMETRY,
        policy=middleware.content_security_policy(index.read_text(encoding="utf-8")),
        is_stopping=lambda: _STATE.is_stopping,
        tell=notify,
        hosts=access.allowed_hosts(),
        check_sender=access.check_sender,
        reader=PageMessageParser(),
    )
    TELEMETRY.watch("emo_pages_open", lambda: ledger.n_open)
    TELEMETRY.watch("emo_work_running", lambda: limiter().running)
    TELEMETRY.watch("emo_work_waiting", lambda: limiter().waiting)
    TELEMETRY.watch("emo_resident_bytes", memory.resident_bytes)
    TELEMETRY.watch("emo_cached_bytes", lambda: clip_cache.CACHE.size)
    TELEMETRY.watch("emo_sandbox_processes", lambda: len(isolated.shared().held()))
    for name in sandbox.RESTRICTIONS:
        TELEMETRY.watch("emo_sandbox_missing", partial(_missing, name), restriction=name)
    said = Middleware(health.SandboxHeaderMiddleware, sandbox=_sandbox)
    return {"middleware": [guard, said], "lifespan": _live, "on_script_error": _note_error}


def _missing(name: str) -> float:
    return float(isolated.shared().missing()[name])


def _sandbox() -> str:
    reading = isolated.shared()
    return health.describe_sandbox(len(reading.held()), reading.missing())


@contextlib.contextmanager
def page_run() -> Iterator[None]:
    """The making of a page; where too many are ahead of it, the page says when to come back."""
    with _RUNS:
        _STATE.n_runs += 1
    try:
        if _STATE.is_stopping:
            raise BusyError(STOPPING_RETRY_S)
        _show_refusal()
        yield
    except BusyError as busy:
        TELEMETRY.count("emo_refused_total", reason="busy")
        st.warning(text.busy(busy.wait_s))
        st.button(text.TRY_AGAIN, key="try-again")
    finally:
        with _RUNS:
            _STATE.n_runs -= 1


def notify(session: str, sentence: str) -> None:
    """Nothing; the page that a session has open is made anew, with the sentence above the rest.

    The widget that sends a file shows that it was refused, and not why.
    """
    if _open_page(session) is not None and uploads.record_rejection(session, sentence):
        _make_anew(session)


def _make_anew(session: str) -> None:
    """Nothing; once a page is not being made it is made again, from what its widgets last said.

    A run that is stopped for it would be lost, with the click or the file that it began with.
    """
    page = _open_page(session)
    if page is None or not uploads.rejection_message(session):
        return
    if getattr(page, "_state", None) is AppSessionState.APP_NOT_RUNNING:
        page.request_rerun(getattr(page, "_client_state", None))
    else:
        asyncio.get_running_loop().call_later(LOOK_AGAIN_S, _make_anew, session)


def _open_page(session: str) -> Any:
    """What runs the page that a session has open; None where it has none."""
    manager: Any = getattr(runtime.get_instance(), "_session_mgr", None)
    info = manager.get_active_session_info(session) if manager is not None else None
    return info and info.session


def _show_refusal() -> None:
    place = st.empty()  # always there: widgets that moved down would lose their files
    context = get_script_run_ctx(suppress_warning=True)
    sentence = uploads.rejection_message(context.session_id) if context is not None else ""
    if sentence:
        place.warning(sentence)


def _note_error(error: Exception) -> bool:
    TELEMETRY.count("emo_errors_total", kind="page", type=type(error).__name__)
    return False  # the page says that something went wrong, and no more


# --- Begin and end -------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _live(app: st.App) -> AsyncIterator[None]:
    """The life of the server: what it begins with, and what it ends with."""
    _write_logs()
    limit_heaps()
    # Streamlit lets an upload of more than a megabyte pass through a file; here it stays in memory.
    formparsers.MultiPartParser.spool_max_size = 2 * limits.MAX_BYTES
    metrics = _serve_metrics()
    sweeping = asyncio.create_task(_sweep())
    loading = asyncio.create_task(asyncio.to_thread(_load_pages))
    loop = asyncio.get_running_loop()
    _stop_gently(loop)
    loop.set_exception_handler(logs.log_loop_error)
    watching = asyncio.create_task(access.watch_connections(access.limit_connections(loop)))
    LOG.info("started", extra={"metrics": metrics is not None})
    try:
        yield
    finally:
        sweeping.cancel()
        watching.cancel()
        await loading
        if metrics is not None:
            metrics.shutdown()
            metrics.server_close()
        LOG.info("stopped")


def _load_pages() -> None:
    """Nothing; whoever opens a page first need not wait until its modules are loaded.

    Streamlit collects garbage after every run of a page; what is loaded here stays for good, and is
    not looked through each time.
    """
    for name in PAGES:
        importlib.import_module(f"emo.app.{name}")
    isolated.shared().start()  # so that what they are not held to is known before the first upload
    gc.collect()
    gc.freeze()


def _write_logs() -> None:
    if os.environ.get("EMO_LOG", "json") == "json":
        logs.configure_json(_standard_error())


@functools.cache
def _standard_error() -> TextIO:
    """Return the stream of the log, past which nothing is written to standard error."""
    return stderr.redirect_to_json()


async def _sweep() -> None:
    """Give back what expired: Streamlit itself does so only when the next page is closed."""
    while True:
        await asyncio.sleep(SWEEP_S)
        _write_logs()  # of modules that were loaded since
        clip_cache.CACHE.tidy()
        try:
            if drop_expired_sessions():
                await asyncio.to_thread(release_memory)
        except Exception:
            LOG.exception("what expired could not be given back")


def drop_expired_sessions() -> int:
    """Number of sessions that had expired and were dropped, with their files."""
    manager: Any = getattr(runtime.get_instance(), "_session_mgr", None)
    cache = getattr(getattr(manager, "_session_storage", None), "_cache", None)
    if cache is None:
        return 0
    expired = [info.session for _, info in cache.expire()]
    for session in expired:
        # Streamlit's loop still holds whoever left last, so letting go of it is not enough.
        session.shutdown()
        session.session_state.clear()
    return len(expired)


def limit_heaps() -> None:
    """Have glibc share two heaps among all threads, and hand large blocks back as they are freed.

    Else each of many threads keeps what it once took, and a block of 30 MB raises the size up to
    which freed blocks are kept.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            c = ctypes.CDLL(None)
            c.mallopt(_ARENA_MAX, 2)
            c.mallopt(_MMAP_THRESHOLD, 4 * server_quotas.MB)


def release_memory() -> None:
    """Nothing; what is free is collected, and glibc hands it to the system where it is there."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def _stop_gently(loop: asyncio.AbstractEventLoop) -> None:
    """Have SIGTERM let what runs finish, refuse what is new, and only then end the server."""
    if threading.current_thread() is not threading.main_thread():
        return
    end: Any = signal.getsignal(signal.SIGTERM)
    if not callable(end):
        return  # nobody handles it, so it ends the process as usual

    async def finish(number: int, frame: Any) -> None:
        until_s = time.monotonic() + server_quotas.read_limits().stop_s
        LOG.info("stopping", extra={"running": limiter().running, "pages": _STATE.n_runs})
        while (_STATE.n_runs or not limiter().is_idle) and time.monotonic() < until_s:
            await asyncio.sleep(0.05)
        await asyncio.sleep(FLUSH_S)
        end(number, frame)

    def stop(number: int, frame: Any) -> None:
        if _STATE.is_stopping:
            end(number, frame)  # asked twice: at once
            return
        _STATE.is_stopping = True
        loop.call_soon_threadsafe(lambda: _TASKS.add(loop.create_task(finish(number, frame))))

    signal.signal(signal.SIGTERM, stop)


_TASKS: set[asyncio.Task[None]] = set()  # a task that nothing refers to may be collected


# --- Metrics -------------------------------------------------------------------------------------


class _Metrics(http.server.BaseHTTPRequestHandler):
    """Answers `/metrics` with everything counted."""

    def do_GET(self) -> None:
        """Send the counters, or that there is nothing else here."""
        is_asked = self.path.split("?")[0] == "/metrics"
        body = TELEMETRY.text().encode() if is_asked else b""
        self.send_response(200 if is_asked else 404)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what asks for the counters is not logged."""


def _serve_metrics() -> http.server.ThreadingHTTPServer | None:
    """The server of the counters on 127.0.0.1, at the port in ``EMO_METRICS_PORT`` if it is set."""
    port = os.environ.get("EMO_METRICS_PORT")
    if not port:
        return None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), _Metrics)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
