"""What a file is by its first bytes, whatever its name: a known recording, or a stranger."""

from pathlib import Path
from typing import NoReturn

from emo.errors import NotAudioError

READS = "WAV, AIFF, AU, CAF, FLAC, MP3, OGG, Opus, M4A, AAC, MP4 or WebM"
"""The formats as a person knows them."""

CONTAINERS = (
    ("WAV", 8, b"WAVE"),
    ("WAV", 0, b"riff\x2e\x91\xcf\x11"),  # Sony Wave64
    ("AIFF", 8, b"AIFF"),
    ("AIFF", 8, b"AIFC"),
    ("AU", 0, b".snd"),
    ("AU", 0, b"dns."),  # the same with the low byte first
    ("CAF", 0, b"caff"),
    ("FLAC", 0, b"fLaC"),
    ("OGG", 0, b"OggS"),
    ("MP4", 4, b"ftyp"),
    ("MP4", 4, b"moov"),
    ("MP4", 4, b"mdat"),
    ("MP4", 4, b"wide"),
    ("WebM", 0, b"\x1a\x45\xdf\xa3"),
    ("AMR", 0, b"#!AMR"),
)
"""Container, offset and magic bytes of what is read; MP3 and raw AAC have sync words instead."""

STRANGERS = (
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
    ("an AVI video", 8, b"avi "),
    ("a Windows Media (WMA, WMV) file", 0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    ("a ZIP archive", 0, b"pk\x03\x04"),
    ("a ZIP archive", 0, b"pk\x05\x06"),
    ("a compressed (gzip) file", 0, b"\x1f\x8b"),
    ("a MIDI score", 0, b"mthd"),
    ("a program", 0, b"\x7felf"),
)
"""What people give by mistake, its offset and its first bytes in lower case."""

_EXTENSIONS = {
    **dict.fromkeys((".wav", ".wave", ".w64"), "WAV"),
    **dict.fromkeys((".aif", ".aiff", ".aifc"), "AIFF"),
    **dict.fromkeys((".au", ".snd"), "AU"),
    **dict.fromkeys((".ogg", ".oga", ".opus"), "OGG"),
    **dict.fromkeys((".mp4", ".m4a", ".m4b", ".mov", ".3gp"), "MP4"),
    **dict.fromkeys((".webm", ".mkv", ".mka"), "WebM"),
    **{f".{kind.lower()}": kind for kind in ("CAF", "FLAC", "MP3", "AAC", "AMR")},
}


def recognise(data: bytes) -> str:
    """Return the container that the first bytes announce, one of :data:`CONTAINERS`, MP3 or AAC.

    Raises
    ------
    NotAudioError
        They announce something else, or nothing.
    """
    head = data[_tag_bytes(data) :][:4096]
    for kind, offset, magic in CONTAINERS:
        if head[offset:].startswith(magic):
            return kind
    if sync := _sync(head):
        return sync
    if data.startswith(b"ID3"):
        return "MP3"
    for what, offset, magic in STRANGERS:
        if head[offset:].lstrip().lower().startswith(magic):
            _refuse(what)
    if data.count(0) == len(data):
        _refuse("nothing but zero bytes")
    _refuse("text" if _is_text(head) else "nothing that is known here as sound")


def named_kind(name: str) -> str | None:
    """Return the container that the extension of `name` promises, None for one not known here."""
    return _EXTENSIONS.get(Path(name).suffix.lower())


def _refuse(what: str) -> NoReturn:
    raise NotAudioError(f"This is not a recording: the file holds {what}. Give one in {READS}.")


def _sync(head: bytes) -> str:
    """Return AAC or MP3 where a frame of ADTS or of MPEG layer II or III begins, "" elsewhere."""
    if len(head) < 3 or head[0] != 0xFF:
        return ""
    if head[1] & 0xF6 == 0xF0:
        return "AAC"
    layer = head[1] & 0xE0 == 0xE0 and head[1] & 0x18 != 0x08 and head[1] & 0x06 in (0x02, 0x04)
    return "MP3" if layer and head[2] >> 4 != 0x0F and head[2] & 0x0C != 0x0C else ""


def _is_text(head: bytes) -> bool:
    """Tell whether every byte could stand in a text file."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return True
    return not any(byte < 9 or 13 < byte < 32 for byte in head)


def _tag_bytes(data: bytes) -> int:
    """Return the length of a leading ID3 tag, 0 without one (ID3v2.4, section 3.1)."""
    if not data.startswith(b"ID3") or len(data) < 10:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size
