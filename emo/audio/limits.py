"""What a recording may be, and what reading it may cost: stated here, and nowhere else.

``emo.audio.limit_text`` puts the same numbers into the sentences that people read.
"""

MAX_BYTES = 50 * 2**20
"""Of a file; the server takes no more either (``.streamlit/config.toml``)."""

MIN_DURATION_S = 0.3
MAX_DURATION_S = 600.0
MIN_RATE_HZ = 4_000
MAX_RATE_HZ = 384_000
MAX_CHANNELS = 16
MAX_SAMPLES = 60_000_000
"""Samples of all channels together: ten minutes of 48 kHz stereo, 240 MB once decoded."""

DECODE_CPU_S = 10
"""Computing time for one upload; ten minutes of the slowest format take a third of it."""

DECODE_WALL_S = 30
"""The same by the clock, on a machine that is busy."""

DECODE_MEMORY_BYTES = 400 * 2**20
"""Of the process that reads uploads, on top of what it has before it reads the first."""
