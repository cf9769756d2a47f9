"""The limits are the same wherever they are stated."""

from pathlib import Path

import pytest

from emo.app import text as app_text
from emo.audio import limits
from emo.audio.limit_text import ALL_LIMITS, READING_LIMITS
from emo.cli.main import main
from emo.formatting import NBSP

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


def flat(text: str) -> str:
    return " ".join(text.replace(NBSP, " ").split())


def test_every_limit_is_in_the_text() -> None:
    for number in (
        f"{limits.MAX_BYTES // 2**20} MB",
        f"{limits.MIN_DURATION_S:g} seconds to {limits.MAX_DURATION_S / 60:g} minutes",
        f"{limits.MIN_RATE_HZ // 1000} to {limits.MAX_RATE_HZ // 1000} kHz",
        f"1 to {limits.MAX_CHANNELS} channels",
    ):
        assert number in flat(ALL_LIMITS)
    assert f"{limits.DECODE_CPU_S} seconds of computing" in READING_LIMITS
    assert f"{limits.DECODE_MEMORY_BYTES // 2**20} MB of memory" in flat(READING_LIMITS)


def test_the_page_states_the_limits() -> None:
    assert ALL_LIMITS in app_text.UPLOAD_HELP
    assert READING_LIMITS in app_text.UPLOAD_HELP


def test_the_documentation_states_the_limits() -> None:
    text = flat(PAGE.read_text(encoding="utf-8"))
    assert flat(ALL_LIMITS) in text
    assert flat(READING_LIMITS) in text


def test_the_command_line_tells_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["predict", "--help"])
    assert flat(ALL_LIMITS) in flat(capsys.readouterr().out)
