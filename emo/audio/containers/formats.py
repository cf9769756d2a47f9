"""Recognise the format of a file by its first bytes, whatever its name."""

from pathlib import Path
from typing import NoReturn

from emo.audio.containers.frames import find_first, tag_bytes
from emo.errors import NotAudioError

SUPPORTED_FORMATS = "WAV, AIFF, AU, CAF, SPHERE, FLAC, MP3, OGG, Opus, M4A, AAC, AMR, MP4 or WebM"
"""Names of the formats that are read, as text."""

CONTAINERS = (
    ("WAV", 8, b"WAVE"),
    ("WAV", 0, b"riff\x2e\x91\xcf\x11"),  # Sony Wave64
    ("AIFF", 8, b"AIFF"),
    ("AIFF", 8, b"AIFC"),
    ("AU", 0, b".snd"),
    ("AU", 0, b"dns."),  # little-endian
    ("CAF", 0, b"caff"),
    ("SPHERE", 0, b"NIST_1A"),
    ("FLAC", 0, b"fLaC"),
    ("OGG", 0, b"OggS"),
    ("MP4", 4, b"ftyp"),
    ("MP4", 4, b"moov"),
    ("MP4", 4, b"mdat"),
    ("MP4", 4, b"wide"),
    ("WebM", 0, b"\x1a\x45\xdf\xa3"),
    ("AMR", 0, b"#!AMR"),
)
"""Container, offset and magic bytes; MP3 and raw AAC have sync words instead."""

FOREIGN_FORMATS = (
    ("a web page", 0, b"<!doctype html"),
    ("a web page", 0, b"<html"),
    ("an XML document", 0, b"<?xml"),
    ("a playlist, which only points at sound", 0, b"#extm3u"),
    ("a playlist, which only points at sound", 0, b"[playlist]"),
    ("a session description (SDP), which only points at sound", 0, b"v=0"),
    ("a PDF document", 0, b"%pdf"),
    ("a PNG picture", 0, b"\x89png"),
    ("a JPEG picture", 0, b"\xff\xd8\xff"),
    ("a GIF picture", 0, b"gif8"),
    ("a WebP picture", 8, b"webp"),
    ("a ZIP archive", 0, b"pk\x03\x04"),
    ("a ZIP archive", 0, b"pk\x05\x06"),
    ("a compressed (gzip) file", 0, b"\x1f\x8b"),
    ("a MIDI score", 0, b"mthd"),
    ("a program", 0, b"\x7felf"),
)
"""Formats without sound that are given by mistake, with offset and magic bytes in lower case."""

UNSUPPORTED_FORMATS = (
    ("an AVI video", 8, b"AVI "),
    ("Windows Media (WMA, WMV)", 0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    ("Flash video (FLV)", 0, b"FLV\x01"),
    ("RealAudio", 0, b".RMF"),
    ("RealAudio", 0, b".ra\xfd"),
    ("an MPEG program stream (MPG, VOB)", 0, b"\0\0\1\xba"),
    ("dictation in DSS", 0, b"\x02dss"),
    ("dictation in DSS", 0, b"\x03dss"),
    ("dictation in DS2", 0, b"\x03ds2"),
    ("dictation in DS2", 0, b"\x07ds2"),
    ("Monkey's Audio (APE)", 0, b"MAC "),
    ("WavPack", 0, b"wvpk"),
    ("True Audio (TTA)", 0, b"TTA1"),
    ("Musepack", 0, b"MPCK"),
    ("Musepack", 0, b"MP+"),
    ("TAK", 0, b"tBaK"),
    ("Shorten", 0, b"ajkg"),
    ("OptimFROG", 0, b"OFR "),
    ("DSD (DSF)", 0, b"DSD "),
    ("DSD (DFF)", 0, b"FRM8"),
    ("QCELP (QCP)", 8, b"QLCM"),
    ("a Creative voice file (VOC)", 0, b"Creative Voice File"),
    ("Amiga sound (8SVX)", 8, b"8SVX"),
    ("Sony ATRAC (OMA)", 0, b"ea3\x03"),
    ("Dolby Digital (AC-3)", 0, b"\x0b\x77"),
    ("DTS", 0, b"\x7f\xfe\x80\x01"),
    ("AAC in LATM", 0, b"\x56\xe0"),
    ("a track of an audio CD that only points at the sound (CDA)", 8, b"CDDA"),
)
"""Formats of sound that are not read, with offset and magic bytes."""

_EXTENSIONS = {
    **dict.fromkeys((".wav", ".wave", ".w64"), "WAV"),
    **dict.fromkeys((".aif", ".aiff", ".aifc"), "AIFF"),
    **dict.fromkeys((".au", ".snd"), "AU"),
    **dict.fromkeys((".ogg", ".oga", ".opus"), "OGG"),
    **dict.fromkeys((".mp4", ".m4a", ".m4b", ".mov", ".3gp"), "MP4"),
    **dict.fromkeys((".webm", ".mkv", ".mka"), "WebM"),
    **dict.fromkeys((".sph", ".nist"), "SPHERE"),
    **{f".{kind.lower()}": kind for kind in ("CAF", "FLAC", "MP3", "AAC", "AMR")},
}


def sniff(data: bytes) -> str:
    """Return the container of a file by its first bytes: one of ``CONTAINERS``, MP3 or AAC.

    Raises
    ------
    NotAudioError
        The bytes belong to another format, or to none that is known.
    """
    head = data[tag_bytes(data, 0) :][:4096]
    if kind := match_signature(head) or _sync(head):
        return kind
    if data.startswith(b"ID3"):
        return "MP3"
    for what, offset, magic in FOREIGN_FORMATS:
        if head[offset:].lstrip().lower().startswith(magic):
            _reject(what)
    if what := _unsupported(head):
        _reject_format(what)
    starts = {
        start: kind for kind in ("MP3", "AAC") if (start := find_first(data, kind)) is not None
    }
    if starts:  # behind an incomplete frame, or behind zeros
        return starts[min(starts)]
    if data.count(0) == len(data):
        _reject("only zero bytes")
    if _is_text(head):
        _reject("text")
    _reject_unknown()


def match_signature(data: bytes) -> str:
    """Return the container whose magic bytes the data has, or ""."""
    for kind, offset, magic in CONTAINERS:
        if data.startswith(magic, offset):
            return kind
    return ""


def format_from_name(name: str) -> str | None:
    """Return the container for the extension of a name; None for an unknown extension."""
    return _EXTENSIONS.get(Path(name).suffix.lower())


def _reject(what: str) -> NoReturn:
    raise NotAudioError(
        f"This is not a recording: the file holds {what}. Give one in {SUPPORTED_FORMATS}."
    )


def _reject_format(what: str) -> NoReturn:
    raise NotAudioError(
        f"This file holds {what}, which Emo does not read. Convert it to WAV, FLAC or MP3 first, "
        f"for instance with Audacity, VLC or ffmpeg. Emo reads {SUPPORTED_FORMATS}."
    )


def _reject_unknown() -> NoReturn:
    raise NotAudioError(
        "This is not a recording: the file holds no known format of sound. Give one in "
        f"{SUPPORTED_FORMATS}. Samples without a header (raw, PCM) must first be imported in an "
        "audio editor, with their rate, and exported as WAV."
    )


def _unsupported(head: bytes) -> str:
    """Return the unsupported format of sound that the first bytes belong to, or ""."""
    for what, offset, magic in UNSUPPORTED_FORMATS:
        if head.startswith(magic, offset):
            return what
    if len(head) > 2 * 188 and head[0] == head[188] == head[376] == 0x47:  # ISO/IEC 13818-1
        return "an MPEG transport stream (TS)"
    return ""


def _sync(head: bytes) -> str:
    """Return AAC or MP3 if a frame of ADTS or of MPEG layer II or III begins here, else ""."""
    if len(head) < 3 or head[0] != 0xFF:
        return ""
    if head[1] & 0xF6 == 0xF0:
        return "AAC"
    layer = head[1] & 0xE0 == 0xE0 and head[1] & 0x18 != 0x08 and head[1] & 0x06 in (0x02, 0x04)
    return "MP3" if layer and head[2] >> 4 != 0x0F and head[2] & 0x0C != 0x0C else ""


def _is_text(head: bytes) -> bool:
    """Return whether every byte can be part of a text file."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return True
    return not any(byte < 9 or 13 < byte < 32 for byte in head)
