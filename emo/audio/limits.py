"""Limits of a recording and of the effort to decode it, and the sentences that state them."""

from emo.audio.containers.formats import SUPPORTED_FORMATS
from emo.formatting import NBSP

MAX_BYTES = 50 * 2**20
"""Bytes of a file; ``server.maxUploadSize`` in ``.streamlit/config.toml`` is the same."""

MIN_DURATION_S = 0.3
MAX_DURATION_S = 600.0
MIN_RATE_HZ = 4_000
MAX_RATE_HZ = 384_000
MAX_CHANNELS = 16
MAX_SAMPLES = 60_000_000
"""Samples of all channels together: ten minutes of 48 kHz stereo, 240 MB once decoded."""

DECODE_CPU_S = 10
"""Seconds of computing for one upload; ten minutes of the slowest format need a third of them."""

DECODE_WALL_S = 30
"""Seconds by the clock for one upload, on a busy machine."""

DECODE_MEMORY_BYTES = 400 * 2**20
"""Bytes that a process may use to read uploads, on top of its memory before the first one."""

ALL_LIMITS = (
    f"{SUPPORTED_FORMATS}; up to {MAX_BYTES // 2**20}{NBSP}MB, {MIN_DURATION_S:g} seconds to "
    f"{MAX_DURATION_S / 60:g} minutes once unpacked, {MIN_RATE_HZ / 1000:g} to "
    f"{MAX_RATE_HZ / 1000:g}{NBSP}kHz, 1 to {MAX_CHANNELS} channels."
)
"""Limits of a recording, as a sentence without a verb."""

READING_LIMITS = (
    f"An upload that takes more than {DECODE_CPU_S} seconds of computing or "
    f"{DECODE_MEMORY_BYTES // 2**20}{NBSP}MB of memory to unpack is refused."
)
"""Limits of the effort to decode an upload, as a sentence."""
