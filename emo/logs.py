"""Logs as lines of JSON that hold nothing a person sent: no sound, no file name, no address.

What an exception says may hold a file's name, so a log keeps its type and where it was raised.
"""

import json
import logging
import threading
import time
import traceback
from types import TracebackType
from typing import Any

OWNERS = ("emo", "streamlit", "uvicorn", "websockets", "asyncio")
"""Loggers whose lines are written as JSON, with all below them."""

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

Raised = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class JsonFormatter(logging.Formatter):
    """A line of JSON: time (UTC), level, logger, event, and what was given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            line["error"] = record.exc_text or describe(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def describe(raised: Any) -> str:
    """Type of an exception and where it was raised, outermost place first, without its text."""
    kind, _, where = raised if isinstance(raised, tuple) else (None, None, None)
    if kind is None:
        return ""
    frames = traceback.extract_tb(where)
    places = " > ".join(f"{_tail(frame.filename)}:{frame.lineno}" for frame in frames)
    return f"{kind.__name__} at {places}" if places else kind.__name__


def _tail(path: str) -> str:
    return "/".join(path.replace("\\", "/").split("/")[-2:])


def keep_content_out() -> None:
    """Nothing; from now on every log of this process leaves out what exceptions say.

    Formatters print ``exc_text`` where it is set, so that each of them, a framework's own too,
    prints what is set here.
    """
    made = logging.getLogRecordFactory()
    if getattr(made, "keeps_content_out", False):
        return

    def make(*args: Any, **named: Any) -> logging.LogRecord:
        record = made(*args, **named)
        if record.exc_info:
            record.exc_text = describe(record.exc_info)
        return record

    make.keeps_content_out = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make)
    threading.excepthook = _log_thread


def _log_thread(raised: threading.ExceptHookArgs) -> None:
    where = (raised.exc_type, raised.exc_value, raised.exc_traceback)
    logging.getLogger("emo").error("a thread ended by an error", exc_info=where)  # type: ignore[arg-type]


def write_json() -> None:
    """Nothing; every logger of the server that is there writes lines of JSON to standard error."""
    top = logging.getLogger("emo")
    if not top.handlers:
        top.addHandler(logging.StreamHandler())
        top.setLevel(logging.INFO)
        top.propagate = False
    for name in [*OWNERS, *logging.root.manager.loggerDict]:
        if name.split(".")[0] in OWNERS:
            for handler in logging.getLogger(name).handlers:
                if not isinstance(handler.formatter, JsonFormatter):
                    handler.setFormatter(JsonFormatter())
