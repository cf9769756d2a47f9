"""Test lists from any system: encodings, line ends, quotes and backslashes."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emo.errors import CorpusError, EmoError
from emo.system.lists import MAX_LINE, decode_lines, open_lines, read_text, resolve

ENCODINGS = {
    "utf-8": "utf-8",
    "utf-8 with a mark": "utf-8-sig",
    "utf-16 with a mark": "utf-16",
    "utf-16 low byte first": "utf-16-le",
    "utf-16 high byte first": "utf-16-be",
    "utf-32 with a mark": "utf-32",
}
LINES = ["clips/a.wav", "", "clips/größer 漢字.wav", "c.wav"]


def decoded(data: bytes) -> list[str]:
    return [line.rstrip("\n") for line in decode_lines(io.BytesIO(data))]


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "mac"])
@pytest.mark.parametrize("last", [True, False], ids=["ended", "open"])
def test_decode_lines_reads_every_encoding_and_line_end(encoding, end, last):
    assert decoded((end.join(LINES) + end * last).encode(encoding)) == LINES


def test_decode_lines_reads_a_big_endian_mark():
    assert decoded(b"\xfe\xff" + "a.wav\nb.wav".encode("utf-16-be")) == ["a.wav", "b.wav"]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0\ufeff"))))
def test_decode_lines_returns_what_was_written(lines):
    text = "".join(f"{line}\n" for line in lines)
    assert decoded(text.encode()) == lines
    assert decoded(text.encode("utf-16")) == lines


def test_decode_lines_keeps_bytes_that_are_not_text():
    (line,) = decode_lines(io.BytesIO(b"gr\xfc\xdfe.wav"))
    assert os.fsencode(line) == b"gr\xfc\xdfe.wav"


def test_decode_lines_reads_a_long_list_in_pieces():
    lines = [f"clips/{i:07d}.wav" for i in range(20_000)]
    assert decoded("\n".join(lines).encode("utf-16")) == lines


def test_decode_lines_yields_a_line_before_the_next_arrives():
    """A pipe into which someone types yields lines in this way."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as file:
        lines = decode_lines(file)
        os.write(write_end, b"first.wav\n")
        assert next(lines) == "first.wav\n"
        os.write(write_end, b"second.wav\n")
        assert next(lines) == "second.wav\n"
        os.close(write_end)
        assert list(lines) == []


@pytest.mark.parametrize("data", [b"x" * 10 * MAX_LINE, b"a\n" + b"y" * (MAX_LINE + 1) + b"\nb\n"])
def test_decode_lines_rejects_lines_that_are_too_long(data):
    with pytest.raises(CorpusError, match=r"not a list: it has a line of more than 65,536"):
        decoded(data)


def test_open_lines_does_not_wait_for_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "list.txt")
    with pytest.raises(EmoError, match="a pipe"), open_lines(tmp_path / "list.txt"):
        pass
    with pytest.raises(CorpusError, match=r"The list .* cannot be read. This path is a pipe"):
        read_text(tmp_path / "list.txt", "list")
    with pytest.raises(CorpusError, match="No such file"):
        read_text(tmp_path / "gone.txt", "list")


@pytest.fixture
def there(tmp_path):
    for name in ("a.wav", "sub/b c.wav", " odd.wav", '"q".wav', "back\\slash.wav", "sub/ü.wav"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("a.wav", "a.wav"),
        ("a.wav\r\n", "a.wav"),
        ('"a.wav"', "a.wav"),
        ("'a.wav'", "a.wav"),
        ('  " sub/b c.wav "  ', "sub/b c.wav"),
        ("sub\\b c.wav", "sub/b c.wav"),
        ('".\\sub\\b c.wav"', "sub/b c.wav"),
        (" odd.wav", " odd.wav"),  # what is there by this very name comes first
        ('"q".wav', '"q".wav'),
        ("back\\slash.wav", "back\\slash.wav"),
        ("sub/\udcfc.wav", "sub/ü.wav"),  # a list from Windows before UTF-8
        ("sub/../a.wav", "a.wav"),
    ],
)
def test_resolve_returns_the_first_spelling_that_exists(there, line, name):
    assert resolve(line, (str(there),)) == str(there / name)


def test_resolve_tries_each_folder_and_falls_back_to_the_first(there):
    assert resolve("b c.wav", (str(there), str(there / "sub"))) == str(there / "sub/b c.wav")
    assert resolve('"gone\\x.wav"', (str(there), "")) == str(there / "gone/x.wav")
    assert resolve(str(there / "a.wav"), ("elsewhere",)) == str(there / "a.wav")


@given(st.text())
@example("\n")
def test_resolve_returns_a_path_for_every_text(text):
    assert Path(resolve(text or "x", ("folder",))).parts
