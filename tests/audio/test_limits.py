"""The limits are stated alike on the page, in the documentation and on the command line."""

from pathlib import Path

import pytest

from emo.app import text as app_text
from emo.audio.limit_text import ALL_LIMITS, READING_LIMITS
from emo.cli.main import main
from emo.formatting import NBSP

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


def flat(text: str) -> str:
    return " ".join(text.replace(NBSP, " ").split())


def test_the_page_states_the_limits() -> None:
    assert ALL_LIMITS in app_text.UPLOAD_HELP
    assert READING_LIMITS in app_text.UPLOAD_HELP


def test_the_documentation_states_the_limits() -> None:
    text = flat(PAGE.read_text(encoding="utf-8"))
    assert flat(ALL_LIMITS) in text
    assert flat(READING_LIMITS) in text


@pytest.mark.parametrize("command", ["predict", "timeline", "explain"])
def test_help_states_the_limits(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert flat(ALL_LIMITS) in flat(capsys.readouterr().out)
