"""Lines of JSON in which nothing stands that a person sent."""

import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest

from emo import logs

SECRET = "my voice of Tuesday.wav"


@pytest.fixture
def restored() -> Iterator[None]:
    factory, hook = logging.getLogRecordFactory(), threading.excepthook
    yield
    logging.setLogRecordFactory(factory)
    threading.excepthook = hook


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
    assert line["error"].startswith("ValueError at tests/test_logs.py:")
    assert line["time"].endswith("Z")
    assert SECRET not in text


def test_every_other_formatter_leaves_it_out_too(restored):
    assert SECRET in written(logging.Formatter("%(message)s"))  # as it is without
    logs.keep_content_out()
    logs.keep_content_out()  # twice does no harm
    text = written(logging.Formatter("%(message)s"))
    assert SECRET not in text
    assert "ValueError at " in text


def test_an_error_in_a_thread_is_logged_without_its_text(restored, caplog):
    logs.keep_content_out()
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
    assert logs.describe(None) == ""
    assert logs.describe((None, None, None)) == ""
