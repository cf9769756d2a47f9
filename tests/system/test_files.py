"""Test the checks of paths, and errors that name the file."""

import os
import socket
import stat

import pytest

from emo.errors import EmoError
from emo.system.files import check_input, check_output, kind_of, naming


@pytest.fixture
def odd_paths(tmp_path, monkeypatch):
    """Return a path of each kind of special file, by the name of its kind."""
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    os.mkfifo("pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        (tmp_path / "null").symlink_to("/dev/null")
        yield {
            "a pipe (FIFO)": tmp_path / "pipe",
            "a folder": tmp_path / "folder",
            "a socket": tmp_path / "socket",
            "a device": tmp_path / "null",
        }


def test_kind_of_names_the_kind_of_special_files(odd_paths):
    for kind, path in odd_paths.items():
        assert kind_of(path.stat().st_mode) == kind
    assert kind_of(stat.S_IFREG | 0o644) == ""
    assert kind_of(stat.S_IFBLK) == "a device"


def test_check_input_and_check_output_reject_special_files(odd_paths):
    for kind, path in odd_paths.items():
        with pytest.raises(EmoError) as raised:
            check_input(path)
        assert kind in str(raised.value)
        with pytest.raises(EmoError) as raised:
            check_output(path)
        assert f"{path} is {kind}. Name a regular file with --out." == str(raised.value)


def test_check_input_and_check_output_accept_regular_files(tmp_path):
    (tmp_path / "there").touch()
    check_input(tmp_path / "there")
    check_output(tmp_path / "there")
    check_output(tmp_path / "new")
    with pytest.raises(FileNotFoundError):
        check_input(tmp_path / "new")
    with pytest.raises(EmoError, match=r"There is no folder .*gone. Create it, or name"):
        check_output(tmp_path / "gone" / "new", "--report")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
def test_naming_adds_the_name_of_a_full_file():
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):  # noqa: SIM117
        with naming("/dev/full"), open("/dev/full", "wb", buffering=0) as file:
            file.write(b"x")


def test_naming_keeps_an_existing_name():
    with pytest.raises(FileNotFoundError, match="gone"), naming("other"):
        open("gone")  # noqa: SIM115 - it does not open
