"""Work is refused where there is no memory for it, and what can be made anew goes first."""

import mmap
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from emo.audio import clip as audio_clip
from emo.errors import BusyError
from emo.features import frames
from emo.inference import predictor
from emo.server import memory
from emo.server.memory import USABLE_SHARE, MemoryBudget, find_limit_bytes, resident_bytes
from tests.support import signals

MB = 2**20


class World:
    """A server of 1,000 MB whose memory is set by hand."""

    def __init__(self, used_mb: float = 100, kept_mb: float = 0, limit_mb: float = 1000) -> None:
        self.used_mb, self.kept_mb = used_mb, kept_mb
        self.n_relieved = 0
        self.budget = MemoryBudget(int(limit_mb * MB), lambda: [7], self.relieve, self.used)

    def used(self, pid: int | str) -> int:
        return int(MB * (50 if pid == 7 else self.used_mb + self.kept_mb))

    def relieve(self) -> None:
        self.n_relieved += 1
        self.kept_mb = 0


def test_work_that_fits_is_let_in_and_gives_its_place_back() -> None:
    world = World()
    for _ in range(10):
        with world.budget.reserve(600 * MB):
            pass
    assert world.n_relieved == 0


def test_work_at_the_same_time_counts_together() -> None:
    world = World()
    take = world.budget.reserve
    with take(300 * MB), take(300 * MB), pytest.raises(BusyError), take(300 * MB):
        pass
    with world.budget.reserve(300 * MB):
        pass


def test_what_can_be_made_anew_goes_before_work_is_refused() -> None:
    world = World(used_mb=200, kept_mb=500)
    with world.budget.reserve(400 * MB):
        assert world.n_relieved == 1


def test_processes_beside_the_server_count() -> None:
    fits = USABLE_SHARE * 1000 - 100 - 50
    with World().budget.reserve(fits * MB - 1):
        pass
    with pytest.raises(BusyError), World().budget.reserve(fits * MB + 1):
        pass


def test_nothing_is_refused_where_the_limit_is_not_known() -> None:
    with World(limit_mb=0).budget.reserve(1e15):
        pass


def test_place_is_given_back_by_work_that_fails() -> None:
    world = World()
    for _ in range(5):
        with pytest.raises(ValueError, match="damaged"), world.budget.reserve(500 * MB):
            raise ValueError("damaged")
    with world.budget.reserve(600 * MB):
        pass


def test_many_threads_never_hold_more_than_there_is() -> None:
    world, held, most = World(), [0], [0]
    lock = threading.Lock()

    def work() -> None:
        for _ in range(50):
            try:
                with world.budget.reserve(200 * MB):
                    with lock:
                        held[0] += 200
                        most[0] = max(most[0], held[0])
                    with lock:
                        held[0] -= 200
            except BusyError:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < most[0] <= USABLE_SHARE * 1000 - 150


SMALL = 300 * MB


@pytest.mark.parametrize(
    ("own", "limits", "expected"),
    [
        ("0::/", {"memory.max": SMALL}, SMALL),
        ("0::/", {"memory.max": "max"}, None),
        ("0::/system.slice/emo.service", {"system.slice/emo.service/memory.max": SMALL}, SMALL),
        ("0::/system.slice/emo.service", {"system.slice/memory.max": SMALL}, SMALL),
        ("4:memory:/docker/x\n3:cpu:/", {"memory/memory.limit_in_bytes": SMALL}, SMALL),
        ("4:memory:/docker/x", {"memory/docker/x/memory.limit_in_bytes": SMALL}, SMALL),
        ("4:memory:/", {"memory/memory.limit_in_bytes": 2**63 - 4096}, None),
        ("3:cpu:/", {"memory.max": SMALL}, None),
    ],
)
def test_find_limit_reads_the_groups_around_the_server(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own: str,
    limits: dict[str, int | str],
    expected: int | None,
) -> None:
    for name, text in limits.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="ascii")
    (tmp_path / "own").write_text(own + "\n", encoding="utf-8")
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert find_limit_bytes() == min(expected or machine, machine)


PEAK = """
import ctypes, sys
import numpy as np
from emo.app import player_data, text
from emo.audio import activity
from emo.audio import clip as audio
from emo.inference import predictor
from emo.server import memory
from tests.support import signals as voices
def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))
sound = np.tile(voices.voice(duration_s=10.0), 7)
clip = audio.decode(voices.encoded(sound))
models = predictor.load_models()
predictor.predict(audio.decode(voices.encoded(voices.voice())), models)
works = {
    memory.predict_bytes: lambda: predictor.predict(clip, models),
    memory.draw_bytes: lambda: player_data.pack_player(
        clip.samples, activity.active_span(clip.samples), text.PLAYER
    ),
}
for expected, work in works.items():
    ctypes.CDLL(None).malloc_trim(0)
    open("/proc/self/clear_refs", "w").write("5")
    before = status("VmRSS")
    work()
    print((status("VmHWM") - before) / expected(clip.duration_s))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks are read from /proc")
def test_what_work_is_said_to_take_is_what_it_takes() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PEAK],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
    )
    assert ran.returncode == 0, ran.stderr
    for share in map(float, ran.stdout.split()):
        assert 0.3 < share < 1.15


def test_resident_bytes_sees_a_large_array() -> None:
    before = resident_bytes()
    there = mmap.mmap(-1, 40 * MB)  # as no free memory of this process can be
    there.write(bytes(40 * MB))
    assert resident_bytes() - before > 0.8 * 40 * MB
    there.close()
    assert resident_bytes(2**30) == 0


def test_clip_in_pieces_is_measured_as_one_of_up_to_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The oracle: the same clip, all of it in one piece."""
    clip = audio_clip.decode(signals.encoded(np.tile(signals.voice(duration_s=8.0), 2)))
    whole = predictor.measure(clip)
    linear = frames.spectrograms_db(clip.samples)
    contours = frames.contours(clip.samples)
    monkeypatch.setattr(frames, "LONG_FRAMES", 300)
    pieces = predictor.measure(clip)
    np.testing.assert_allclose(pieces[0][0], whole[0][0], rtol=2e-4, atol=2e-4)
    np.testing.assert_array_equal(pieces[0][1], whole[0][1])
    assert pieces[1:] == whole[1:]
    for one, other in zip(frames.spectrograms_db(clip.samples), linear, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
    for one, other in zip(frames.contours(clip.samples), contours, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
