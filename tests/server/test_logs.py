"""Lines of JSON in which nothing stands that a person sent."""

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
def restored() -> Iterator[None]:
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


def written(formatter: logging.Formatter) -> str:
    """What a logger writes of an exception with a file's name in it."""
    logger, out = logging.Logger("emo.test"), io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    try:
        raise_secret()
    except ValueError:
        logger.exception("it failed", extra={"route": "upload", "took_ms": 3})
    return out.getvalue()


def test_a_line_is_json_with_its_time_and_fields_and_without_what_the_exception_says():
    text = written(logs.JsonFormatter())
    line = json.loads(text)
    assert text.count("\n") == 1
    assert (line["level"], line["logger"], line["event"]) == ("error", "emo.test", "it failed")
    assert (line["route"], line["took_ms"]) == ("upload", 3)
    assert line["error"].startswith("ValueError at server/test_logs.py:")
    assert line["time"].endswith("Z")
    assert SECRET not in text


def test_every_other_formatter_leaves_it_out_too(restored):
    assert SECRET in written(logging.Formatter("%(message)s"))  # as it is without
    logs.redact_exceptions()
    logs.redact_exceptions()  # twice does no harm
    text = written(logging.Formatter("%(message)s"))
    assert SECRET not in text
    assert "ValueError at " in text


def test_an_error_in_a_thread_is_logged_without_its_text(restored, caplog):
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


def test_what_is_not_an_exception_is_nothing():
    assert logs.describe_exception(None) == ""
    assert logs.describe_exception((None, None, None)) == ""


# --- Ids of sessions -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["emo.server", "streamlit.runtime.x", "uvicorn.error"])
def test_ids_of_sessions_are_left_out(name):
    session = str(uuid.uuid4())
    text = f"PUT /_stcore/upload_file/{session}/{session.replace('-', '')} of %s"
    record = logging.LogRecord(name, logging.INFO, "x.py", 1, text, (session.upper(),), None)
    line = logs.JsonFormatter().format(record)
    assert session not in line.lower()
    assert session.replace("-", "") not in line
    assert json.loads(line)["event"].startswith("PUT /_stcore/upload_file/")


def test_what_streamlit_writes_of_an_id_is_left_out_and_words_stay():
    text = "session ID mismatch (request=%s, expected=%s)"
    values = ("0a1b2c3d", "12345678")
    record = logging.LogRecord("streamlit.x", logging.INFO, "x.py", 1, text, values, None)
    line = logs.JsonFormatter().format(record)
    assert not [value for value in values if value in line]
    assert "mismatch" in line


def test_a_name_that_is_no_text_is_a_line_all_the_same():
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "%s", ("\ud800",), None)
    assert json.loads(logs.JsonFormatter().format(record).encode())["event"] == "\ud800"


# --- Over and over -------------------------------------------------------------------------------


def test_what_happens_over_and_over_is_written_some_times_a_minute():
    now_s = 0.0
    sparse = logs.RateLimitFilter(5, lambda: now_s)

    def record(text: str, value: int) -> logging.LogRecord:
        return logging.LogRecord("asyncio", logging.ERROR, "x.py", 1, text, (value,), None)

    written = [sparse.filter(record("out of files %d", i)) for i in range(1000)]
    assert written == [True] * 5 + [False] * 995
    assert sparse.filter(record("something else %d", 1))
    now_s += 61
    late = record("out of files %d", 1)
    assert sparse.filter(late)
    assert json.loads(logs.JsonFormatter().format(late))["suppressed"] == 995


def test_texts_that_are_new_each_time_take_no_memory():
    sparse = logs.RateLimitFilter(5)
    for i in range(5000):
        sparse.filter(logging.LogRecord("x", logging.ERROR, "x.py", 1, f"text {i}", (), None))
    assert len(sparse._kinds) <= 1001


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


def test_every_line_is_json_whoever_writes_it_and_however_the_program_ends():
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 1
    lines = [json.loads(row) for row in ran.stderr.splitlines()]
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
    assert "SECRET" not in ran.stderr
    errors = [line["error"] for line in lines if "error" in line]
    assert len(errors) >= 4
    assert all(error.startswith("ValueError at ") for error in errors)
