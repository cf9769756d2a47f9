"""Damage that knows the formats: sizes, counts, rates and lengths, and the parts they belong to.

The same number gives the same input, so that a number is all that has to be kept of a failure.
"""

import hashlib
import io
import json
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from emo.audio.containers.frames import amr_frames
from fuzz import seeds

VERSION = 1
"""Raised when a change here makes other inputs of the same numbers."""

Rng = np.random.Generator
Span = tuple[int, int]
Deed = Callable[[np.random.Generator, bytes], bytes]

NUMBERS: tuple[int, ...] = (
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    127,
    128,
    255,
    256,
    1024,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
)
NUMBERS += (0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFE, 44_100, 192_000, 2**40, 2**62)
NUMBERS += (2**63 - 1, 2**63, 2**64 - 1)
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    -1e308,
    2**80,
    "",
    "x",
    [],
    {},
    [[]],
    "é" * 300,
)
_NESTED = "[" * 20_000
_BOXES = {
    b"moov",
    b"moof",
    b"traf",
    b"mvex",
    b"trak",
    b"mdia",
    b"minf",
    b"stbl",
    b"udta",
    b"edts",
    b"dinf",
}


@dataclass(frozen=True)
class Input:
    """An input: which one, what it was made from, its bytes."""

    number: int
    seed: str
    data: bytes


def make(number: int) -> Input:
    """Return the input of a number."""
    rng = np.random.default_rng([VERSION, number])
    if rng.random() < 0.75:
        found = seeds.recordings()
        name = _one(rng, sorted(found))
        return Input(number, name, damage_recording(rng, name, found[name]))
    documents = seeds.documents()
    name = _one(rng, sorted(documents))
    return Input(number, name, damage_document(rng, name, documents[name]))


def _one(rng: Rng, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


# --- Recordings ----------------------------------------------------------------------------------


def damage_recording(rng: Rng, name: str, data: bytes) -> bytes:
    """Return the recording with one to four faults."""
    for _ in range(int(rng.integers(1, 5))):
        deed = _one(rng, (_set_field, _set_field, _move_parts, _flip, _cut, _splice, _set_number))
        data = deed(rng, data)
    if data.startswith(b"OggS") and rng.random() < 0.8:
        data = mend_pages(data)
    return data[: 2**20]


def spans(data: bytes) -> list[Span]:
    """Return the parts of a file of any format, as far as they can be recognised."""
    head = data[:4]
    if head in (b"RIFF", b"RF64", b"FORM"):
        return _chunks(data, 12, ">I" if head == b"FORM" else "<I", 4)
    if head == b"caff":
        return _chunks(data, 8, ">Q", 4)
    if head == b"riff":
        return _chunks(data, 40, "<Q", 16, own=True)
    if head == b"OggS":
        return _pages(data)
    if head == b"fLaC":
        return _blocks(data)
    if data[4:8] == b"ftyp":
        return _boxes(data, 0, len(data))
    if head == b"\x1a\x45\xdf\xa3":
        marks = re.finditer(rb"\x1f\x43\xb6\x75|\x16\x54\xae\x6b|\xa3[\x80-\xff]|\xae|\xe1", data)
        return _between([mark.start() for mark in marks], len(data))
    if head == b"#!AM":
        return _between([at for at, _ in amr_frames(data, 10_000)[0]], len(data))
    if head == b"NIST":
        return _between(
            [0, *(mark.start() for mark in re.finditer(rb"\n", data[:1024]))], len(data)
        )
    sync = re.finditer(rb"\xff[\xf0-\xff]", data)
    return _between([mark.start() for mark in sync], len(data))


def _between(starts: list[int], end: int) -> list[Span]:
    return list(zip(starts, [*starts[1:], end], strict=True)) if starts else []


def _chunks(data: bytes, at: int, form: str, width: int, own: bool = False) -> list[Span]:
    found, head = [], width + struct.calcsize(form)
    while at + head <= len(data):
        size = struct.unpack_from(form, data, at + width)[0]
        stop = at + (size if own else head + size + size % 2)
        if not at < stop <= len(data):
            stop = len(data)
        found.append((at, stop))
        at = stop
    return found


def _pages(data: bytes) -> list[Span]:
    return _between([mark.start() for mark in re.finditer(b"OggS", data)], len(data))


def _blocks(data: bytes) -> list[Span]:
    found, at = [], 4
    while at + 4 <= len(data):
        stop = at + 4 + int.from_bytes(data[at + 1 : at + 4], "big")
        found.append((at, min(stop, len(data))))
        if data[at] & 0x80 or stop >= len(data):
            break
        at = stop
    return found


def _boxes(data: bytes, start: int, stop: int) -> list[Span]:
    found = []
    for first, last in seeds.boxes(data, start, stop):
        found.append((first, last))
        if data[first + 4 : first + 8] in _BOXES:
            found += _boxes(data, first + 8, last)
    return found


def _set_field(rng: Rng, data: bytes) -> bytes:
    """Change a number near the beginning of a part: its size, or a count, rate or length inside."""
    found = spans(data)
    if not found:
        return _set_number(rng, data)
    start, stop = _one(rng, found)
    at = start + int(rng.integers(0, min(48, max(stop - start, 1))))
    return _put(rng, data, at)


def _set_number(rng: Rng, data: bytes) -> bytes:
    at = int(rng.integers(0, max(min(len(data), 200), 1)))
    return _put(rng, data, at)


def _put(rng: Rng, data: bytes, at: int) -> bytes:
    width = int(_one(rng, (1, 2, 3, 4, 8)))
    order: Literal["little", "big"] = _one(rng, ("little", "big"))
    number: int = _one(rng, NUMBERS)
    if rng.random() < 0.3:  # a little more or less than what is there
        number = int.from_bytes(data[at : at + width], order) + int(rng.integers(-9, 10))
    written: bytes = (number % 256**width).to_bytes(width, order)
    return data[:at] + written + data[at + width :]


def _move_parts(rng: Rng, data: bytes) -> bytes:
    """Remove a part, repeat it, swap it with another, or fill it with zeros."""
    found = spans(data)
    if len(found) < 2:
        return _cut(rng, data)
    (a, b), (c, d) = sorted(_one(rng, found) for _ in range(2))
    match int(rng.integers(5)):
        case 0:
            return data[:a] + data[b:]
        case 1:
            return data[:b] + data[a:b] * int(_one(rng, (1, 2, 40))) + data[b:]
        case 2 if b <= c:
            return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]
        case 3:
            return data[: a + 8] + bytes(max(b - a - 8, 0)) + data[b:]
        case _:
            return data[:a] + data[c:d] + data[a:]


def _flip(rng: Rng, data: bytes) -> bytes:
    """Bits flipped, most of them in the header."""
    flipped = bytearray(data)
    reach = min(len(data), 256) if rng.random() < 0.6 else len(data)
    for _ in range(int(rng.integers(1, 17)) if reach else 0):
        flipped[int(rng.integers(reach))] ^= 1 << int(rng.integers(8))
    return bytes(flipped)


def _cut(rng: Rng, data: bytes) -> bytes:
    """Cut off, or with a piece missing, or with a piece too much."""
    a, b = sorted(int(i) for i in rng.integers(0, len(data) + 1, 2))
    match int(rng.integers(4)):
        case 0:
            return data[:a]
        case 1:
            return data[:a] + data[b:]
        case 2:
            return data[:a] + rng.bytes(min(b - a, 4000)) + data[a:]
        case _:
            return data[: int(rng.integers(0, 200))]


def _splice(rng: Rng, data: bytes) -> bytes:
    """Join the beginning of this format and the rest of another."""
    found = seeds.recordings()
    other = found[_one(rng, sorted(found))]
    inner = [start for start, _ in spans(data)] or [min(len(data), 44)]
    outer = [start for start, _ in spans(other)] or [0]
    return data[: _one(rng, inner)] + other[_one(rng, outer) :]


def mend_pages(data: bytes) -> bytes:
    """Return the Ogg file with correct checksums, so that a decoder reads on."""
    from tests.support.malformed import ogg_checksum

    mended = b""
    for start, stop in _pages(data):
        page = bytearray(data[start:stop])
        end = 27 + page[26] + sum(page[27 : 27 + page[26]]) if len(page) > 26 else len(page)
        if 27 <= end <= len(page):
            page[22:26] = bytes(4)
            page[22:26] = struct.pack("<I", ogg_checksum(bytes(page[:end])))
        mended += bytes(page)
    return mended


# --- Documents -----------------------------------------------------------------------------------


def damage_document(rng: Rng, name: str, data: bytes) -> bytes:
    """Return the document with one to three faults."""
    for _ in range(int(rng.integers(1, 4))):
        if name.endswith((".json", ".jsonl")) and rng.random() < 0.7:
            data = _damage_json(rng, data)
        elif name.endswith(".npz") and rng.random() < 0.8:
            data = _damage_arrays(rng, data)
        elif name.endswith(".tar") and rng.random() < 0.7:
            data = _damage_member(rng, data)
        elif name.endswith((".csv", ".txt")) and rng.random() < 0.7:
            data = _damage_lines(rng, data)
        else:
            deed: Deed = _one(rng, (_flip, _cut, _set_number))
            data = deed(rng, data)
    return data


def _damage_json(rng: Rng, data: bytes) -> bytes:
    lines = data.split(b"\n")
    i = int(rng.integers(len(lines)))
    whole = b"\n".join(lines)
    try:
        tree = json.loads(whole)
        return _alter(rng, tree)
    except (ValueError, RecursionError):
        pass
    try:
        lines[i] = _alter(rng, json.loads(lines[i]))
    except (ValueError, RecursionError):
        lines[i] = _flip(rng, lines[i])
    return b"\n".join(lines)


def _alter(rng: Rng, tree: Any) -> bytes:
    """Replace, remove, repeat or deeply nest one value of the JSON."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict | list):
            for key in node if isinstance(node, dict) else range(len(node)):
                places.append((node, key))
                walk(node[key])

    walk(tree)
    if not places:
        return json.dumps(_one(rng, VALUES)).encode()
    node, key = _one(rng, places)
    kind = int(rng.integers(6))
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, list):
        node.extend(node[: int(_one(rng, (1, 5)))] * int(_one(rng, (1, 100))))
    elif kind == 2:
        node[key] = "\x00mark\x00"
        text = json.dumps(tree)
        word = _one(
            rng, ("NaN", "Infinity", "-1e999", "9" * 5000, _NESTED, '{"a":1,"a":2}', "1.", "")
        )
        return text.replace('"\\u0000mark\\u0000"', word).encode()
    elif kind == 3 and isinstance(node[key], int | float):
        node[key] = node[key] * float(_one(rng, (-1, 2, 1e300, 0)))
    else:
        node[key] = _one(rng, VALUES)
    return json.dumps(tree).encode()


def _damage_arrays(rng: Rng, data: bytes) -> bytes:
    """Weights with an array that is missing, of another shape or kind, or of other values."""
    try:
        with np.load(io.BytesIO(data)) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except Exception:  # damaged already, in one of many ways
        return _flip(rng, data)
    if not arrays:
        return data
    name = _one(rng, sorted(arrays))
    values = arrays[name]
    match int(rng.integers(8)):
        case 0:
            del arrays[name]
        case 1:
            arrays[name] = (
                values[: int(rng.integers(0, len(values) + 1))] if values.ndim else values
            )
        case 2:
            arrays[name] = values.astype(
                _one(rng, ("f2", "i1", "u8", "c16", "U4", "bool", "M8[s]"))
            )
        case 3:
            arrays[name] = np.expand_dims(values, int(rng.integers(0, values.ndim + 1)))
        case 4 if values.size:
            flat = values.copy().reshape(-1)
            worth = float(_one(rng, (np.nan, np.inf, -1, 0, 2**31 - 1, 1e30, -(2**31))))
            with np.errstate(invalid="ignore", over="ignore"):
                flat[int(rng.integers(flat.size))] = np.array(worth).astype(flat.dtype)
            arrays[name] = flat.reshape(values.shape)
        case 5:
            arrays[f"{name}x"] = values
        case 6:
            other = _one(rng, sorted(arrays))
            arrays[name], arrays[other] = arrays[other], arrays[name]
        case _:
            return _lie_about_shape(rng, arrays, name)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _lie_about_shape(rng: Rng, arrays: dict[str, np.ndarray], name: str) -> bytes:
    """Return an archive with one header of a wrong size or type."""
    file = io.BytesIO()
    shape = _one(rng, ("(10000000000,)", "(-1,)", "(1, 99999, 99999)", "('x',)", "()"))
    kind = _one(rng, ("<f4", "|O", "<f8", "|V99", "<U999999999"))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for one, values in arrays.items():
            plain = io.BytesIO()
            np.save(plain, values, allow_pickle=False)
            content = plain.getvalue()
            if one == name:
                head = (
                    f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
                )
                content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(64)
            out.writestr(f"{one}.npy", content)
    return file.getvalue()


def _damage_member(rng: Rng, data: bytes) -> bytes:
    """Return a header of an archive with another size, type or name, and a correct checksum."""
    at = 512 * int(rng.integers(0, max(len(data) // 512, 1)))
    head = bytearray(data[at : at + 512])
    if len(head) < 512:
        return _cut(rng, data)
    where, width = _one(rng, ((124, 12), (156, 1), (0, 100), (100, 8), (257, 8), (345, 155)))
    content = _one(
        rng, (b"0", b"7" * width, b"\x80" + b"\xff" * 11, b"-1", b"g", b"x", b"L", b"\xff")
    )
    head[where : where + width] = content[:width].ljust(width, b"\0")
    head[148:156] = b" " * 8
    head[148:156] = f"{sum(head):06o}\0 ".encode()
    return data[:at] + bytes(head) + data[at + 512 :]


def _damage_lines(rng: Rng, data: bytes) -> bytes:
    lines = data.split(b"\n")
    i = int(rng.integers(len(lines)))
    odd = (
        b'"',
        b"\x00",
        b",",
        b"\xff\xfe",
        b"s3://",
        b"./" * 9,
        b'"a\nb"',
        b"x" * 140_000,
        b"[",
        b"~",
    )
    match int(rng.integers(4)):
        case 0:
            del lines[i]
        case 1:
            lines.insert(i, _one(rng, lines))
        case 2:
            lines[i] += _one(rng, odd)
        case _:
            lines[i] = lines[i].replace(_one(rng, (b",", b"path", b"sad", b".")), _one(rng, odd))
    return b"\n".join(lines)


def digest(data: bytes) -> dict[str, Any]:
    """Return the entry of a card for a file."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
