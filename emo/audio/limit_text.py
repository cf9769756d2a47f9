"""The limits of a recording in words, for the page, the command line and the documentation.

They name the supported formats, which ``containers`` knows, and ``containers`` needs the limits.
"""

from emo.audio.containers.formats import SUPPORTED_FORMATS
from emo.audio.limits import (
    DECODE_CPU_S,
    DECODE_MEMORY_BYTES,
    MAX_BYTES,
    MAX_CHANNELS,
    MAX_DURATION_S,
    MAX_RATE_HZ,
    MIN_DURATION_S,
    MIN_RATE_HZ,
)
from emo.formatting import NBSP

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
