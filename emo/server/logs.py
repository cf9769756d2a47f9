"""Logs as lines of JSON without personal data: no sound, no file name, no address.

The text of an exception may contain a file name, so only its type and place are logged.  The id of
a session gives access to it, so it is redacted.  Repeated records are limited in rate.
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
"""Loggers whose records are written as JSON, with those below them."""

MAX_PER_MIN = 30
"""Records of one kind that are written in a minute."""

MAX_KINDS = 1000
"""Stored kinds of records; more mean that messages were formatted before they were logged."""

MAX_CHARACTERS = 500
"""Characters of an event; the rest is cut off."""

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_START_OF_ID = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{8}\b", re.IGNORECASE)
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record as a line of JSON: UTC time, level, logger, event and ``extra`` fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact_ids(record)[:MAX_CHARACTERS],
        }
        line |= {
            name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS
        }
        if record.exc_info:
            line["error"] = record.exc_text or describe_exception(record.exc_info)
        # In ASCII, because a file name may contain lone surrogates.
        return json.dumps(line, default=str)


def redact_ids(record: logging.LogRecord) -> str:
    """Return the message of a record without ids of sessions, whole or abbreviated."""
    text = _UUID.sub("…", record.getMessage())
    return text if record.name.split(".")[0] == "emo" else _START_OF_ID.sub("…", text)


class RateLimitFilter(logging.Filter):
    """Passes a limited number of records of one kind per minute.

    Records are of the same kind if logger, level, unformatted message, file and line are equal.
    The first record of a later minute has the number of suppressed records as ``suppressed``.

    Parameters
    ----------
    max_per_min
        Number of records of one kind.
    clock
        Returns the time in seconds.
    """

    def __init__(self, max_per_min: int = MAX_PER_MIN, clock: Any = time.monotonic) -> None:
        super().__init__()
        self._max_per_min = max_per_min
        self._clock = clock
        self._kinds: dict[tuple[Any, ...], list[float]] = {}  # start, n written, n suppressed

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is written, and count it."""
        now_s = self._clock()
        key = (record.name, record.levelno, str(record.msg), record.pathname, record.lineno)
        counts = self._kinds.get(key)
        if counts is None or now_s - counts[0] >= 60:
            if len(self._kinds) > MAX_KINDS:
                self._kinds.clear()
            if counts is not None and counts[2]:
                record.suppressed = int(counts[2])
            self._kinds[key] = [now_s, 1, 0]
            return True
        is_written = counts[1] < self._max_per_min
        counts[1 if is_written else 2] += 1
        return is_written


def describe_exception(raised: Any) -> str:
    """Return the type of an exception and its traceback, outermost call first, without its text.

    Parameters
    ----------
    raised
        The ``exc_info`` of a record; anything but a tuple gives an empty text.
    """
    kind, _, trace = raised if isinstance(raised, tuple) else (None, None, None)
    if kind is None:
        return ""
    frames = traceback.extract_tb(trace)
    places = " > ".join(f"{_tail(frame.filename)}:{frame.lineno}" for frame in frames)
    return f"{kind.__name__} at {places}" if places else kind.__name__


def _tail(path: str) -> str:
    return "/".join(path.replace("\\", "/").split("/")[-2:])


def redact_exceptions() -> None:
    """Make every log of this process leave out the texts of exceptions.

    Formatters print ``exc_text`` if it is set, and so do those of frameworks.
    """
    factory = logging.getLogRecordFactory()
    if getattr(factory, "redacts_exceptions", False):
        return

    def make_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        if record.exc_info:
            record.exc_text = describe_exception(record.exc_info)
        return record

    make_record.redacts_exceptions = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_record)
    threading.excepthook = _log_thread
    sys.excepthook = _log_uncaught
    sys.unraisablehook = _log_unraisable


def _log_thread(raised: threading.ExceptHookArgs) -> None:
    exc_info = (raised.exc_type, raised.exc_value, raised.exc_traceback)
    logging.getLogger("emo").error("a thread ended by an error", exc_info=exc_info)  # type: ignore[arg-type]


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("emo").critical("ended by an error", exc_info=(kind, error, trace))


def _log_unraisable(raised: Any) -> None:
    exc_info = (raised.exc_type, raised.exc_value, raised.exc_traceback)
    logging.getLogger("emo").error("an error could not be raised", exc_info=exc_info)


def log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error of an event loop: a handler for ``loop.set_exception_handler``.

    The loop's own handler would print the task with the text of its exception.
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


_RATE_LIMIT = RateLimitFilter()


class _LastResortHandler(logging.StreamHandler[Any]):
    """Writes the records of loggers that have no handler."""


def configure_json(stream: TextIO | None = None) -> None:
    """Write all logs and warnings of this process as lines of JSON.

    Parameters
    ----------
    stream
        The stream to write to, in place of standard error.
    """
    logging.raiseExceptions = False  # else a log that cannot be written prints a traceback
    top = logging.getLogger("emo")
    if not top.handlers:
        top.addHandler(logging.StreamHandler())
        top.setLevel(logging.INFO)
        top.propagate = False
    if not logging.root.handlers:  # for loggers without a handler
        logging.root.addHandler(logging.StreamHandler())
    if not isinstance(
        logging.lastResort, _LastResortHandler
    ):  # for loggers that do not propagate, such as uvicorn's
        logging.lastResort = _LastResortHandler(stream)
        logging.lastResort.setLevel(logging.WARNING)  # uvicorn's INFO records contain addresses
        logging.lastResort.setFormatter(JsonFormatter())
        logging.lastResort.addFilter(_RATE_LIMIT)
    warnings.showwarning = _log_warning
    for name in [None, *OWNERS, *list(logging.root.manager.loggerDict)]:
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, logging.StreamHandler):
                if not isinstance(handler.formatter, JsonFormatter):
                    handler.setFormatter(JsonFormatter())
                if stream is not None and handler.stream is sys.stderr:
                    handler.setStream(stream)
                if _RATE_LIMIT not in handler.filters:
                    handler.addFilter(_RATE_LIMIT)
