"""Logs as lines of JSON that hold nothing a person sent: no sound, no file name, no address.

What an exception says may hold a file's name, so a log keeps its type and where it was raised.  The
id of a session opens it, so it is left out; and what happens over and over is written so many times
a minute, with the number of the others.
"""

import asyncio
import json
import logging
import re
import sys
import threading
import time
import traceback
import warnings
from types import TracebackType
from typing import Any, TextIO

OWNERS = ("emo", "streamlit", "uvicorn", "websockets", "asyncio")
"""Loggers whose lines are written as JSON, with all below them."""

MAX_PER_MIN = 30
"""Lines of one kind that are written in a minute."""

MAX_CHARACTERS = 500
"""Of what a line says happened."""

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_START_OF_ID = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{8}\b", re.IGNORECASE)
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
            "event": redact_ids(record)[:MAX_CHARACTERS],
        }
        line |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            line["error"] = record.exc_text or describe_exception(record.exc_info)
        return json.dumps(line, default=str)  # in ASCII: a name may be no text that can be written


def redact_ids(record: logging.LogRecord) -> str:
    """Return what a record says, without the ids of sessions, or the starts of them."""
    text = _UUID.sub("…", record.getMessage())
    return text if record.name.split(".")[0] == "emo" else _START_OF_ID.sub("…", text)


class RateLimitFilter(logging.Filter):
    """Lets so many records of one kind through in a minute, and says how many it held back.

    Records are of one kind where logger, level, text before its values are put in, and place of the
    exception are the same.
    """

    def __init__(self, most: int = MAX_PER_MIN, clock: Any = time.monotonic) -> None:
        super().__init__()
        self._most = most
        self._clock = clock
        self._seen: dict[tuple[Any, ...], list[float]] = {}  # start, written, held back

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is written."""
        now_s = self._clock()
        key = (record.name, record.levelno, str(record.msg), record.pathname, record.lineno)
        seen = self._seen.get(key)
        if seen is None or now_s - seen[0] >= 60:
            if len(self._seen) > 1000:  # of texts that are new each time
                self._seen.clear()
            if seen is not None and seen[2]:
                record.held_back = int(seen[2])
            self._seen[key] = [now_s, 1, 0]
            return True
        is_written = seen[1] < self._most
        seen[1 if is_written else 2] += 1
        return is_written


def describe_exception(raised: Any) -> str:
    """Type of an exception and where it was raised, outermost place first, without its text."""
    kind, _, where = raised if isinstance(raised, tuple) else (None, None, None)
    if kind is None:
        return ""
    frames = traceback.extract_tb(where)
    places = " > ".join(f"{_tail(frame.filename)}:{frame.lineno}" for frame in frames)
    return f"{kind.__name__} at {places}" if places else kind.__name__


def _tail(path: str) -> str:
    return "/".join(path.replace("\\", "/").split("/")[-2:])


def redact_exceptions() -> None:
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
            record.exc_text = describe_exception(record.exc_info)
        return record

    make.keeps_content_out = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make)
    threading.excepthook = _log_thread
    sys.excepthook = _log_end
    sys.unraisablehook = _log_unraisable


def _log_thread(raised: threading.ExceptHookArgs) -> None:
    where = (raised.exc_type, raised.exc_value, raised.exc_traceback)
    logging.getLogger("emo").error("a thread ended by an error", exc_info=where)  # type: ignore[arg-type]


def _log_end(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, where)
        return
    logging.getLogger("emo").critical("ended by an error", exc_info=(kind, error, where))


def _log_unraisable(raised: Any) -> None:
    where = (raised.exc_type, raised.exc_value, raised.exc_traceback)
    logging.getLogger("emo").error("an error could not be raised", exc_info=where)


def log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what went wrong in an event loop, without what the loop would say of it.

    It would print the task with the text of its exception.
    """
    error = context.get("exception")
    raised = (type(error), error, error.__traceback__) if error is not None else None
    logging.getLogger("asyncio").error("%s", context.get("message"), exc_info=raised)


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    place = f"{_tail(filename)}:{lineno}"
    logging.getLogger("emo").warning("%s at %s", category.__name__, place)


_SPARSE = RateLimitFilter()


class _LastHandler(logging.StreamHandler[Any]):
    """Writes what no handler would."""


def configure_json(stream: TextIO | None = None) -> None:
    """Have everything that this process logs or warns of be a line of JSON on standard error.

    Parameters
    ----------
    stream
        Where the lines go in place of that.
    """
    logging.raiseExceptions = False  # a log that cannot be written would be told of by a traceback
    top = logging.getLogger("emo")
    if not top.handlers:
        top.addHandler(logging.StreamHandler())
        top.setLevel(logging.INFO)
        top.propagate = False
    if not logging.root.handlers:  # loggers with no handler of their own
        logging.root.addHandler(logging.StreamHandler())
    if not isinstance(logging.lastResort, _LastHandler):  # nor one above them, as uvicorn leaves
        logging.lastResort = _LastHandler(stream)
        logging.lastResort.setLevel(logging.WARNING)  # uvicorn's others name addresses
        logging.lastResort.setFormatter(JsonFormatter())
        logging.lastResort.addFilter(_SPARSE)
    warnings.showwarning = _log_warning
    for name in [None, *OWNERS, *list(logging.root.manager.loggerDict)]:
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, logging.StreamHandler):
                if not isinstance(handler.formatter, JsonFormatter):
                    handler.setFormatter(JsonFormatter())
                if stream is not None and handler.stream is sys.stderr:
                    handler.setStream(stream)
                if _SPARSE not in handler.filters:
                    handler.addFilter(_SPARSE)
