"""Recordings in folders, patterns, lists, archives and at addresses."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import threading
import tracemalloc
from collections.abc import Callable

import pytest

from emo.audio.limits import MAX_BYTES
from emo.batch import archives
from emo.batch.inputs import count_sources, find_sources
from emo.batch.skips import SkipLog
from emo.batch.sources import Source, load_source
from emo.errors import AudioError, EmoError
from tests.support.signals import encoded, voice

SOUND = encoded(voice(duration_s=0.5))


def find(*inputs, skip=(), lines=(), log=None):
    names = []

    def wanted(name):
        names.append(name)
        return name not in skip and names.count(name) == 1

    log = log or SkipLog()
    return list(find_sources([str(path) for path in inputs], wanted, lines, log.skip))


def skipped(*inputs, **more):
    """Return the number of skipped files by reason."""
    log = SkipLog()
    find(*inputs, log=log, **more)
    return dict(log.reasons)


def names(*inputs, **more):
    return sorted(item.name for item in find(*inputs, **more))


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


def test_find_sources_skips_hidden_files_and_text(folder):
    assert names(folder) == [f"{folder}/a.wav", f"{folder}/deep/er/b.flac"]
    assert count_sources([str(folder)]) == 2
    assert skipped(folder) == {"hidden": 2, "text": 1}  # a folder, ._c.wav and notes.md


@pytest.mark.parametrize(
    "name", ["noted", "voice.bin", "a.memo", "b.3gpp", "c.weba", "d.mpeg", "x.tar"]
)
def test_find_sources_recognises_a_recording_of_any_name(folder, name):
    (folder / "deep" / name).write_bytes(SOUND)
    there = [f"{folder}/a.wav", f"{folder}/deep/er/b.flac", f"{folder}/deep/{name}"]
    assert names(folder) == sorted(there)
    assert names(f"{folder}/**") == sorted(there)
    assert names(f"{folder}/*") == sorted(there)
    assert count_sources([str(folder)]) == 3
    path = archive(
        folder.parent / "clips.tar", [(f"in/{name}", SOUND), ("in/notes.md", b"# notes")]
    )
    (item,) = find(path)
    assert item.name == f"{path}!/in/{name}"
    assert item.data == SOUND
    assert skipped(path) == {"text": 1}
    assert count_sources([str(path)]) == 1


def test_find_sources_reports_skipped_files_by_reason(tmp_path):
    for name, content in {
        "page.html": b"<!DOCTYPE html><p>",
        "noted": b"some words",
        "more words": b"other words",
        "empty": b"",
        "photo": b"\x89PNG\r\n\x1a\n" + bytes(100),
        ".hidden": SOUND,
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "dead").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.wav")
    assert find(tmp_path) == []
    assert skipped(tmp_path) == {
        "a web page": 1,
        "text": 2,
        "an empty file": 1,
        "a PNG picture": 1,
        "hidden": 1,
        "a link to nothing": 1,
        "a pipe (FIFO)": 1,
    }


@pytest.mark.parametrize("name", ["a.wma", "b.mpg", "c.WAV", "d.sph"])
def test_find_sources_yields_any_file_with_an_audio_extension(tmp_path, name):
    (tmp_path / name).write_bytes(b"some words")
    assert names(tmp_path) == [f"{tmp_path}/{name}"]


def test_find_sources_yields_a_broken_link_with_an_audio_extension(tmp_path):
    (tmp_path / "dead.wav").symlink_to("nowhere")
    with pytest.raises(AudioError, match="no file at this path"):
        load_source(*find(tmp_path))


def test_find_sources_follows_links_once(tmp_path, folder):
    other = tmp_path / "other"
    (other / "below").mkdir(parents=True)
    (other / "below" / "c.wav").write_bytes(SOUND)
    (folder / "z").symlink_to(other)
    (folder / "deep" / "up").symlink_to(folder)
    (other / "below" / "round").symlink_to(other)
    (folder / "file.wav").symlink_to(other / "below" / "c.wav")
    (folder / "self").symlink_to("self")
    own = [f"{folder}/a.wav", f"{folder}/deep/er/b.flac", f"{folder}/file.wav"]
    expected = sorted([*own, f"{folder}/z/below/c.wav"])
    assert names(folder) == expected
    assert names(f"{folder}/**") == expected
    assert names(f"{folder}/**/*.wav") == [name for name in expected if name.endswith("wav")]
    assert count_sources([str(folder)]) == 4
    twice = "a link to a folder that is read under another name"
    reasons = {twice: 2, "a link to nothing": 1, "hidden": 2, "text": 1}
    assert skipped(folder) == reasons
    assert skipped(folder, f"{folder}/**", folder) == reasons  # each of them once


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_find_sources_yields_unreadable_folders_and_files(folder):
    (folder / "noted").write_bytes(SOUND)
    (folder / "noted").chmod(0)
    (folder / "deep").chmod(0)
    try:
        errors = {item.name: item.error for item in find(folder)}
    finally:
        (folder / "deep").chmod(0o700)
    assert "This folder cannot be read" in errors[f"{folder}/deep"]
    assert "cannot be opened" in errors[f"{folder}/noted"]


def test_find_sources_yields_a_folder_that_fails_to_open(folder, monkeypatch):
    real = os.scandir

    def fails(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", fails)
    errors = {item.name: item.error for item in find(folder) if item.error}
    assert errors == {f"{folder}/deep": "This folder cannot be read (Permission denied)."}


def test_find_sources_yields_a_named_file_once(folder):
    notes = folder / "deep/notes.md"
    assert names(notes, f"{folder}/./deep/notes.md", notes) == [str(notes)]
    (item,) = find(folder / "a.wav")
    assert os.path.isabs(item.location)


def test_find_sources_matches_patterns(folder):
    assert names(f"{folder}/**/*.flac") == [f"{folder}/deep/er/b.flac"]
    assert names(f"{folder}/d*") == [f"{folder}/deep/er/b.flac"]
    (missing,) = find(f"{folder}/*.mp3")
    with pytest.raises(AudioError, match="No file matches this pattern"):
        load_source(missing)


def test_find_sources_prefers_a_file_to_a_pattern(tmp_path):
    path = tmp_path / "what[1].wav"
    path.write_bytes(b"sound")
    assert names(path) == [str(path)]


def test_find_sources_reads_lists(folder, tmp_path):
    lines = [f"{folder}/a.wav\n", "\n", "gone.wav\r\n", f"{folder}/deep"]
    listed = tmp_path / "list.txt"
    listed.write_text("".join(lines))
    there = [f"{folder}/a.wav", f"{folder}/deep/er/b.flac"]
    assert names(listed) == sorted([*there, f"{tmp_path}/gone.wav"])
    assert names("-", lines=lines) == sorted([*there, "gone.wav"])
    assert count_sources([str(listed)]) == 3
    assert count_sources(["-"]) is None


def test_find_sources_reads_archives_without_unpacking_to_disk(tmp_path):
    spoken = encoded(voice(duration_s=0.5))
    members = [("../../up.wav", spoken), ("/etc/abs.wav", spoken), ("in/notes.md", b"#")]
    path = archive(tmp_path / "clips.tar", [*members, ("in/._x.wav", b"")])
    items = find(path)
    assert [item.name for item in items] == [f"{path}!/../../up.wav", f"{path}!//etc/abs.wav"]
    assert load_source(items[0]).duration_s == pytest.approx(0.5)
    assert sorted(os.listdir(tmp_path)) == ["clips.tar"]
    assert count_sources([str(path)]) == 2
    assert names(path, skip={f"{path}!/../../up.wav"}) == [f"{path}!//etc/abs.wav"]


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_find_sources_reads_compressed_archives(tmp_path, compression):
    path = archive(tmp_path / f"clips.tar.{compression}", [("a.wav", b"x")], f"w:{compression}")
    assert [item.data for item in find(tmp_path)] == [b"x"]
    assert count_sources([str(path)]) is None


@pytest.mark.parametrize("keep", [700, 1024, 1500, 2600])
def test_find_sources_reads_a_truncated_archive_up_to_its_end(tmp_path, keep):
    path = archive(tmp_path / "clips.tar", [(f"{i}.wav", b"x" * 400) for i in range(4)])
    path.write_bytes(path.read_bytes()[:keep])
    *read, broken = find(path)
    assert len(read) == keep // 1024
    assert broken.name == str(path)
    assert "damaged or cut off" in broken.error


def test_find_sources_reports_a_damaged_header_of_an_archive(tmp_path):
    path = archive(tmp_path / "clips.tar", [(f"{i}.wav", b"x" * 400) for i in range(4)])
    content = bytearray(path.read_bytes())
    content[2048:2060] = b"\xff" * 12
    path.write_bytes(content)
    assert [item.error[:41] for item in find(path)] == [
        "",
        "",
        "This archive is damaged or cut off after ",
    ]


def test_find_sources_does_not_read_too_large_members(tmp_path):
    member = tarfile.TarInfo("huge.wav")
    member.size = MAX_BYTES + 1
    path = tmp_path / "clips.tar"
    path.write_bytes(member.tobuf())
    assert "at most 50 MB" in find(path)[0].error


def test_find_sources_does_not_read_too_large_headers(tmp_path):
    member = tarfile.TarInfo("notes")
    member.type, member.size = tarfile.XHDTYPE, 2**30
    path = tmp_path / "clips.tar"
    path.write_bytes(member.tobuf() + bytes(4096))
    assert "1,073,741,824 bytes" in find(path)[0].error


@pytest.mark.slow
def test_find_sources_needs_little_memory_for_archives(tmp_path):
    path = archive(tmp_path / "clips.tar", [(f"{i}.wav", bytes(5_000)) for i in range(1000)])
    peaks = []
    for _ in range(3):  # what is loaded at the first use, and other threads, do not count
        tracemalloc.start()
        count = sum(1 for _ in find_sources([str(path)], lambda name: True))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == 1000
    assert min(peaks) < 500_000


@pytest.mark.parametrize("name", ["clips.tar", "clips.tar.gz", "clip.wav", "list.txt", "clip"])
def test_find_sources_does_not_wait_for_a_pipe(tmp_path, name):
    path = tmp_path / name
    os.mkfifo(path)
    items = []
    asking = threading.Thread(target=lambda: items.extend(find(path)), daemon=True)
    asking.start()
    asking.join(10)
    assert not asking.is_alive()
    assert count_sources([str(path)]) == 1
    with pytest.raises(AudioError, match=r"pipe|not a regular file"):
        load_source(*items)


PACKS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar.gz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
}


@pytest.mark.parametrize("ending", PACKS)
@pytest.mark.parametrize("size", [2**20, 2**30, 2**40, 2**63 - 1024])
def test_find_sources_reads_an_archive_with_wrong_sizes_up_to_its_end(tmp_path, ending, size):
    lie = tarfile.TarInfo("big.wav")
    lie.size = size
    content = archive(tmp_path / "true.tar", [("a.wav", SOUND)]).read_bytes()
    content = content[: 512 + -(-len(SOUND) // 512) * 512] + lie.tobuf(tarfile.GNU_FORMAT)
    path = tmp_path / f"claim.{ending}"
    path.write_bytes(PACKS[ending](content + bytes(9000)))
    items = []
    asking = threading.Thread(target=lambda: items.extend(find(path)), daemon=True)
    asking.start()
    asking.join(20)
    assert not asking.is_alive()
    assert items[0].data == SOUND
    assert items[-1].name == str(path)
    assert "damaged or cut off" in items[-1].error
    counting = threading.Thread(target=count_sources, args=([str(path)],), daemon=True)
    counting.start()
    counting.join(20)
    assert not counting.is_alive()


def test_find_sources_ends_for_a_member_that_points_backwards(tmp_path):
    lie = tarfile.TarInfo("back.wav")
    lie.pax_headers = {"size": "-1536"}
    path = tmp_path / "clips.tar"
    first = tarfile.TarInfo("notes.md").tobuf()  # at the very start tarfile itself would see it
    path.write_bytes(first + lie.tobuf(tarfile.PAX_FORMAT) + bytes(9000))
    for ask in (lambda: find(path), lambda: count_sources([str(path)])):
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(20)
        assert not asking.is_alive()


@pytest.mark.parametrize("ending", ["tar.bz2", "tar.xz"])
@pytest.mark.slow
def test_find_sources_stops_at_the_limit_of_unpacked_bytes(tmp_path, ending, monkeypatch):
    monkeypatch.setattr(archives, "_ALWAYS_UNPACKED", 2**20)
    big = tarfile.TarInfo("big.wav")
    big.size = 40 * 2**20
    path = tmp_path / f"bomb.{ending}"
    path.write_bytes(PACKS[ending](big.tobuf() + bytes(big.size)))
    monkeypatch.setattr(archives, "MAX_RATIO", 100)
    assert "unpacks to more than 100 times" in find(path)[-1].error


@pytest.mark.slow
def test_find_sources_bounds_the_memory_of_unpacking(tmp_path):
    big = tarfile.TarInfo("big.wav")
    big.size = 60 * 2**20
    path = tmp_path / "bomb.tar.bz2"
    path.write_bytes(bz2.compress(big.tobuf() + bytes(big.size)))
    tracemalloc.start()
    find(path)
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert highest < 20 * 2**20


def test_find_sources_reports_links_and_hidden_members(tmp_path):
    path = tmp_path / "clips.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in (
            ("a.wav", tarfile.SYMTYPE),
            ("b.wav", tarfile.LNKTYPE),
            ("c", tarfile.FIFOTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "other.wav"
            tar.addfile(member)
        for name in ("._d.wav", ".git/e.wav"):
            tar.addfile(tarfile.TarInfo(name))
    assert skipped(path) == {"a link in an archive": 2, "not a regular file": 1, "hidden": 2}
    assert find(path) == []


def test_find_sources_recognises_an_archive_by_its_content(tmp_path):
    archive(tmp_path / "clips", [("a.wav", SOUND)])
    assert names(tmp_path) == [f"{tmp_path}/clips!/a.wav"]
    assert names(tmp_path / "clips") == [f"{tmp_path}/clips!/a.wav"]


def test_find_sources_yields_inputs_that_cannot_be_opened(tmp_path):
    with pytest.raises(AudioError, match="no file at this path"):
        load_source(*find(tmp_path / "gone.tar"))
    with pytest.raises(AudioError, match="no file at this path"):
        load_source(*find(tmp_path / "gone.wav"))


def test_find_sources_reads_addresses(folder):
    pytest.importorskip("fsspec")
    (folder / "a.wav").write_bytes(encoded(voice(duration_s=0.5)))
    address = f"file://{folder}"
    assert names(f"{address}/") == [f"{address}/a.wav", f"{address}/deep/er/b.flac"]
    assert names(f"{address}/*.wav") == [f"{address}/a.wav"]
    (item,) = find(f"{address}/a.wav")
    assert load_source(item).duration_s == pytest.approx(0.5)
    with pytest.raises(AudioError, match="no file at this address"):
        load_source(Source("gone", location=f"{address}/gone.wav"))


def test_find_sources_reads_archives_and_lists_at_addresses(tmp_path):
    pytest.importorskip("fsspec")
    path = archive(tmp_path / "clips.tar", [("a.wav", b"x")])
    (tmp_path / "list.txt").write_text(f"file://{path}\n")
    assert names(f"file://{tmp_path}/list.txt") == [f"file://{path}!/a.wav"]


def test_find_sources_rejects_an_unknown_scheme():
    pytest.importorskip("fsspec")
    with pytest.raises(EmoError, match="nonsense://here cannot be opened"):
        find("nonsense://here")
