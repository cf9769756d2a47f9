"""A served app with other quotas, and recordings for its visitors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import signals
from tests.support.clients import streamlit_client
from tests.support.clients.streamlit_client import Served

RATE_HZ = 16_000
TTL_S = 3
"""Seconds after which the served app drops the session of a closed page."""

START = """
import sys
from streamlit.web.cli import main
sys.argv = ["streamlit", "run", *sys.argv[1:]]
main()
"""


def clip(pitch_hz: float, duration_s: float = 2.0) -> bytes:
    """Return a voice of a pitch as a WAV file; its size does not depend on the pitch."""
    return signals.encoded(signals.voice((pitch_hz, 0.8 * pitch_hz), duration_s, RATE_HZ), RATE_HZ)


def tone_file(duration_s: float) -> bytes:
    return signals.encoded(signals.tone(220.0, duration_s, RATE_HZ), RATE_HZ, subtype="PCM_16")


def with_quotas(**constants: float) -> tuple[str, str]:
    """Return a command that runs Streamlit with other constants in ``emo.server.quotas``."""
    return "-c", f"from emo.server import quotas\nvars(quotas).update({constants!r})\n{START}"


@contextmanager
def serve_one_address(log: Path, metrics_port: int) -> Iterator[Served]:
    """Serve the app with the default quotas of a session, for visitors that share one address."""
    environ = {
        "EMO_METRICS_PORT": str(metrics_port),
        "EMO_ADDRESS_PAGES": "100000",
        "EMO_API": "off",
        "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": str(TTL_S),
    }
    command = with_quotas(SESSIONS_PER_ADDRESS=25, ADDRESS_FILES=5000)
    with streamlit_client.serve(log, environ, command=command) as served:
        yield served


async def get_answer(port: int, name: str, data: bytes) -> str:
    """Return the verdict on a file that a new visitor uploads."""
    async with streamlit_client.visit(port) as visitor:
        return await visitor.give(name, data)
