"""Limits of a recording and of the effort to decode it."""

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
