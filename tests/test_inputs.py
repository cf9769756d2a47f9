"""Folders, patterns, lists, archives and addresses, one recording after the other."""

import io
import os
import tarfile
import tracemalloc

import pytest

from emo.errors import AudioError, EmoError
from emo.inputs import Item, count_items, find_items, load_item
from emo.limits import MAX_BYTES
from tests.voices import encoded, voice


def found(*given, skip=(), lines=()):
    asked = []

    def wanted(name):
        asked.append(name)
        return name not in skip and asked.count(name) == 1

    return list(find_items([str(one) for one in given], wanted, lines))


def names(*given, **more):
    return sorted(item.name for item in found(*given, **more))


@pytest.fixture
def folder(tmp_path):
    for name in ("a.wav", "deep/er/b.flac", "deep/notes.md", "deep/._c.wav", ".hidden/d.wav"):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")
    return tmp_path / "clips"


def archive(path, members, mode="w"):
    with tarfile.open(path, mode, format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_a_folder_is_what_bears_the_name_of_a_recording_and_is_not_hidden(folder):
    assert names(folder) == [f"{folder}/a.wav", f"{folder}/deep/er/b.flac"]
    assert count_items([str(folder)]) == 2


def test_a_link_to_a_folder_above_is_not_followed(folder):
    (folder / "deep" / "circle").symlink_to(folder)
    assert len(names(folder)) == 2


def test_a_file_is_taken_whatever_its_name_and_once(folder):
    notes = folder / "deep/notes.md"
    assert names(notes, f"{folder}/./deep/notes.md", notes) == [str(notes)]
    (item,) = found(folder / "a.wav")
    assert os.path.isabs(item.place)


def test_patterns(folder):
    assert names(f"{folder}/**/*.flac") == [f"{folder}/deep/er/b.flac"]
    assert names(f"{folder}/d*") == [f"{folder}/deep/er/b.flac"]
    (missing,) = found(f"{folder}/*.mp3")
    with pytest.raises(AudioError, match="No file matches this pattern"):
        load_item(missing)


def test_a_name_with_the_signs_of_a_pattern_is_a_name(tmp_path):
    path = tmp_path / "what[1].wav"
    path.write_bytes(b"sound")
    assert names(path) == [str(path)]


def test_lists_from_a_file_and_from_standard_input(folder, tmp_path):
    lines = [f"{folder}/a.wav\n", "\n", "gone.wav\r\n", f"{folder}/deep"]
    listed = tmp_path / "list.txt"
    listed.write_text("".join(lines))
    expected = sorted([f"{folder}/a.wav", "gone.wav", f"{folder}/deep/er/b.flac"])
    assert names(listed) == names("-", lines=lines) == expected
    assert count_items([str(listed)]) == 3
    assert count_items(["-"]) is None


def test_members_of_an_archive_are_read_and_their_names_only_name(tmp_path):
    spoken = encoded(voice(duration_s=0.5))
    members = [("../../up.wav", spoken), ("/etc/abs.wav", spoken), ("in/notes.md", b"#")]
    path = archive(tmp_path / "clips.tar", [*members, ("in/._x.wav", b"")])
    items = found(path)
    assert [item.name for item in items] == [f"{path}!/../../up.wav", f"{path}!//etc/abs.wav"]
    assert load_item(items[0]).duration_s == pytest.approx(0.5)
    assert sorted(os.listdir(tmp_path)) == ["clips.tar"]
    assert count_items([str(path)]) == 2
    assert names(path, skip={f"{path}!/../../up.wav"}) == [f"{path}!//etc/abs.wav"]


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_compressed_archives(tmp_path, compression):
    path = archive(tmp_path / f"clips.tar.{compression}", [("a.wav", b"x")], f"w:{compression}")
    assert [item.data for item in found(tmp_path)] == [b"x"]
    assert count_items([str(path)]) is None


@pytest.mark.parametrize("keep", [700, 1024, 1500, 2600])
def test_an_archive_that_is_cut_off_is_a_row_and_what_came_before_is_read(tmp_path, keep):
    path = archive(tmp_path / "clips.tar", [(f"{i}.wav", b"x" * 400) for i in range(4)])
    path.write_bytes(path.read_bytes()[:keep])
    *read, broken = found(path)
    assert len(read) == keep // 1024
    assert broken.name == str(path)
    assert "damaged or cut off" in broken.error


def test_a_damaged_header_is_not_the_end_of_an_archive(tmp_path):
    path = archive(tmp_path / "clips.tar", [(f"{i}.wav", b"x" * 400) for i in range(4)])
    content = bytearray(path.read_bytes())
    content[2048:2060] = b"\xff" * 12
    path.write_bytes(content)
    assert [item.error[:41] for item in found(path)] == [
        "",
        "",
        "This archive is damaged or cut off after ",
    ]


def test_a_member_too_large_is_a_row_and_is_not_read(tmp_path):
    member = tarfile.TarInfo("huge.wav")
    member.size = MAX_BYTES + 1
    path = tmp_path / "clips.tar"
    path.write_bytes(member.tobuf())
    assert "at most 50 MB" in found(path)[0].error


def test_a_header_too_large_is_not_read(tmp_path):
    member = tarfile.TarInfo("notes")
    member.type, member.size = tarfile.XHDTYPE, 2**30
    path = tmp_path / "clips.tar"
    path.write_bytes(member.tobuf() + bytes(4096))
    assert "1,073,741,824 bytes" in found(path)[0].error


def test_neither_an_archive_nor_its_list_of_members_is_held_in_memory(tmp_path):
    path = archive(tmp_path / "clips.tar", [(f"{i}.wav", bytes(5_000)) for i in range(1000)])
    tracemalloc.start()
    count = sum(1 for _ in find_items([str(path)], lambda name: True))
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1000
    assert highest < 500_000


def test_what_cannot_be_opened_is_a_row(tmp_path):
    (gone,) = found(tmp_path / "gone.tar")
    assert "no file at this path" in gone.error
    with pytest.raises(AudioError, match="no file at this path"):
        load_item(*found(tmp_path / "gone.wav"))


def test_addresses(folder):
    pytest.importorskip("fsspec")
    (folder / "a.wav").write_bytes(encoded(voice(duration_s=0.5)))
    address = f"file://{folder}"
    assert names(f"{address}/") == [f"{address}/a.wav", f"{address}/deep/er/b.flac"]
    assert names(f"{address}/*.wav") == [f"{address}/a.wav"]
    (item,) = found(f"{address}/a.wav")
    assert load_item(item).duration_s == pytest.approx(0.5)
    with pytest.raises(AudioError, match="no file at this address"):
        load_item(Item("gone", place=f"{address}/gone.wav"))


def test_an_archive_and_a_list_at_an_address(tmp_path):
    pytest.importorskip("fsspec")
    path = archive(tmp_path / "clips.tar", [("a.wav", b"x")])
    (tmp_path / "list.txt").write_text(f"file://{path}\n")
    assert names(f"file://{tmp_path}/list.txt") == [f"file://{path}!/a.wav"]


def test_an_address_of_no_known_kind_stops_the_run():
    pytest.importorskip("fsspec")
    with pytest.raises(EmoError, match="nonsense://here cannot be opened"):
        found("nonsense://here")
