"""Logs as lines of JSON without personal data."""

import io
import json
import logging
import subprocess
import sys
import threading
import uuid
import warnings
from collections.abc import Iterator

import pytest

from emo.server import logs

SECRET = "my voice of Tuesday.wav"


@pytest.fixture
def restored_hooks() -> Iterator[None]:
    factory, hook = logging.getLogRecordFactory(), threading.excepthook
    last = logging.lastResort
    hooks, showing = (sys.excepthook, sys.unraisablehook), warnings.showwarning
    yield
    logging.setLogRecordFactory(factory)
    threading.excepthook = hook
    logging.lastResort = last
    (sys.excepthook, sys.unraisablehook), warnings.showwarning = hooks, showing


def raise_secret() -> None:
    raise ValueError(f"cannot read {SECRET}")


def log_secret(formatter: logging.Formatter) -> str:
    """Return what a logger writes about an exception whose text has a file name."""
    logger, out = logging.Logger("emo.test"), io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    try:
        raise_secret()
    except ValueError:
        logger.exception("it failed", extra={"route": "upload", "took_ms": 3})
    return out.getvalue()


def test_json_formatter_writes_fields_but_no_exception_text():
    text = log_secret(logs.JsonFormatter())
    line = json.loads(text)
    assert text.count("\n") == 1
    assert (line["level"], line["logger"], line["event"]) == ("error", "emo.test", "it failed")
    assert (line["route"], line["took_ms"]) == ("upload", 3)
    assert line["error"].startswith("ValueError at server/test_logs.py:")
    assert line["time"].endswith("Z")
    assert SECRET not in text


def test_other_formatters_write_no_exception_text(restored_hooks):
    assert SECRET in log_secret(logging.Formatter("%(message)s"))  # as it is without
    logs.redact_exceptions()
    logs.redact_exceptions()  # twice does no harm
    text = log_secret(logging.Formatter("%(message)s"))
    assert SECRET not in text
    assert "ValueError at " in text


def test_errors_of_threads_are_logged_without_their_text(restored_hooks, caplog):
    logs.redact_exceptions()
    logger = logging.getLogger("emo")
    logger.addHandler(caplog.handler)
    try:
        thread = threading.Thread(target=raise_secret)
        thread.start()
        thread.join()
    finally:
        logger.removeHandler(caplog.handler)
    assert "a thread ended by an error" in caplog.text
    assert "ValueError at " in caplog.text
    assert SECRET not in caplog.text


def test_describe_exception_of_none_is_empty():
    assert logs.describe_exception(None) == ""
    assert logs.describe_exception((None, None, None)) == ""


# --- Ids of sessions -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["emo.server", "streamlit.runtime.x", "uvicorn.error"])
def test_session_ids_are_redacted(name):
    session = str(uuid.uuid4())
    text = f"PUT /_stcore/upload_file/{session}/{session.replace('-', '')} of %s"
    record = logging.LogRecord(name, logging.INFO, "x.py", 1, text, (session.upper(),), None)
    line = logs.JsonFormatter().format(record)
    assert session not in line.lower()
    assert session.replace("-", "") not in line
    assert json.loads(line)["event"].startswith("PUT /_stcore/upload_file/")


def test_abbreviated_session_ids_of_streamlit_are_redacted():
    text = "session ID mismatch (request=%s, expected=%s)"
    values = ("0a1b2c3d", "12345678")
    record = logging.LogRecord("streamlit.x", logging.INFO, "x.py", 1, text, values, None)
    line = logs.JsonFormatter().format(record)
    assert not [value for value in values if value in line]
    assert "mismatch" in line


def test_lone_surrogates_are_escaped():
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "%s", ("\ud800",), None)
    assert json.loads(logs.JsonFormatter().format(record).encode())["event"] == "\ud800"


# --- Over and over -------------------------------------------------------------------------------


def test_repeated_records_are_limited_per_minute():
    now_s = 0.0
    rate_limit = logs.RateLimitFilter(5, lambda: now_s)

    def record(text: str, value: int) -> logging.LogRecord:
        return logging.LogRecord("asyncio", logging.ERROR, "x.py", 1, text, (value,), None)

    written = [rate_limit.filter(record("out of files %d", i)) for i in range(1000)]
    assert written == [True] * 5 + [False] * 995
    assert rate_limit.filter(record("something else %d", 1))
    now_s += 61
    late = record("out of files %d", 1)
    assert rate_limit.filter(late)
    assert json.loads(logs.JsonFormatter().format(late))["suppressed"] == 995


def test_rate_limit_stores_a_limited_number_of_kinds():
    rate_limit = logs.RateLimitFilter(5)
    for i in range(5000):
        rate_limit.filter(logging.LogRecord("x", logging.ERROR, "x.py", 1, f"text {i}", (), None))
    assert len(rate_limit._kinds) <= 1001


# --- Whatever is written -------------------------------------------------------------------------


PROGRAM = """
import asyncio, logging, os, sys, threading, warnings
from emo.server import logs, stderr
logs.redact_exceptions()
logs.configure_json(stderr.redirect_to_json())
logging.getLogger("some.library").warning("a warning of a library")
logging.warning("root")
alone = logging.getLogger("alone")
alone.propagate = False
alone.warning("nobody's")
warnings.warn("SECRET of a warning")
os.write(2, b"a line of a library in C\\nhalf")
os.write(2, b" a line\\n")
print("printed", file=sys.stderr)
def fail(*_): raise ValueError("SECRET")
threading.Thread(target=fail).start()
class Ends:
    def __del__(self): fail()
Ends()
async def run():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.log_loop_error)
    loop.call_soon(fail)
    task = asyncio.ensure_future(asyncio.to_thread(fail))
    await asyncio.wait({task}); del task
    await asyncio.sleep(0.05)
asyncio.run(run())
logging.getLogger("emo").info("the last")
fail()
"""


def test_every_line_on_standard_error_is_json():
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 1
    lines = [json.loads(row) for row in process.stderr.splitlines()]
    assert [line["event"] for line in lines if line["logger"] == "alone"] == ["nobody's"]
    events = [line["event"] for line in lines]
    for event in (
        "a warning of a library",
        "root",
        "nobody's",
        "a line of a library in C",
        "half a line",
        "printed",
        "a thread ended by an error",
        "an error could not be raised",
        "the last",
        "ended by an error",
    ):
        assert event in events, (event, events)
    assert "SECRET" not in process.stderr
    errors = [line["error"] for line in lines if "error" in line]
    assert len(errors) >= 4
    assert all(error.startswith("ValueError at ") for error in errors)
