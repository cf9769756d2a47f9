"""Memory limits, and reservations of memory for tasks."""

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
from emo.inference import loading, predictor
from emo.server import memory
from emo.server.memory import USABLE_SHARE, MemoryBudget, find_limit_bytes, resident_bytes
from tests.support import signals

MB = 2**20


class World:
    """A server with 1,000 MB of memory, of which the tests set the used part."""

    def __init__(self, used_mb: float = 100, cached_mb: float = 0, limit_mb: float = 1000) -> None:
        self.used_mb, self.cached_mb = used_mb, cached_mb
        self.n_freed = 0
        self.budget = MemoryBudget(int(limit_mb * MB), lambda: [7], self.free_caches, self.used)

    def used(self, pid: int | str) -> int:
        return int(MB * (50 if pid == 7 else self.used_mb + self.cached_mb))

    def free_caches(self) -> None:
        self.n_freed += 1
        self.cached_mb = 0


def test_reserve_frees_the_memory_afterwards() -> None:
    world = World()
    for _ in range(10):
        with world.budget.reserve(600 * MB):
            pass
    assert world.n_freed == 0


def test_concurrent_reservations_add_up() -> None:
    world = World()
    take = world.budget.reserve
    with take(300 * MB), take(300 * MB), pytest.raises(BusyError), take(300 * MB):
        pass
    with world.budget.reserve(300 * MB):
        pass


def test_caches_are_dropped_before_a_task_is_rejected() -> None:
    world = World(used_mb=200, cached_mb=500)
    with world.budget.reserve(400 * MB):
        assert world.n_freed == 1


def test_other_processes_count() -> None:
    fits = USABLE_SHARE * 1000 - 100 - 50
    with World().budget.reserve(fits * MB - 1):
        pass
    with pytest.raises(BusyError), World().budget.reserve(fits * MB + 1):
        pass


def test_an_unknown_limit_rejects_nothing() -> None:
    with World(limit_mb=0).budget.reserve(1e15):
        pass


def test_an_error_frees_the_memory() -> None:
    world = World()
    for _ in range(5):
        with pytest.raises(ValueError, match="damaged"), world.budget.reserve(500 * MB):
            raise ValueError("damaged")
    with world.budget.reserve(600 * MB):
        pass


def test_threads_never_reserve_more_than_the_limit() -> None:
    world, reserved, most = World(), [0], [0]
    lock = threading.Lock()

    def work() -> None:
        for _ in range(50):
            try:
                with world.budget.reserve(200 * MB):
                    with lock:
                        reserved[0] += 200
                        most[0] = max(most[0], reserved[0])
                    with lock:
                        reserved[0] -= 200
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
def test_find_limit_reads_the_control_groups(
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
from emo.inference import loading, predictor
from emo.server import memory
from tests.support import signals as voices
def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))
sound = np.tile(voices.voice(duration_s=10.0), 7)
clip = audio.decode(voices.encoded(sound))
models = loading.load_models()
predictor.predict(audio.decode(voices.encoded(voices.voice())), models)
tasks = {
    memory.predict_bytes: lambda: predictor.predict(clip, models),
    memory.draw_bytes: lambda: player_data.pack_player(
        clip.samples, activity.active_span(clip.samples), text.PLAYER
    ),
}
for expected, work in tasks.items():
    ctypes.CDLL(None).malloc_trim(0)
    open("/proc/self/clear_refs", "w").write("5")
    before = status("VmRSS")
    work()
    print((status("VmHWM") - before) / expected(clip.duration_s))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks are read from /proc")
@pytest.mark.slow
def test_estimates_match_the_measured_peaks() -> None:
    process = subprocess.run(
        [sys.executable, "-c", PEAK],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
    )
    assert process.returncode == 0, process.stderr
    for share in map(float, process.stdout.split()):
        assert 0.3 < share < 1.15


def test_resident_bytes_includes_a_large_array() -> None:
    before = resident_bytes()
    block = mmap.mmap(-1, 40 * MB)  # new memory, not free memory of this process
    block.write(bytes(40 * MB))
    assert resident_bytes() - before > 0.8 * 40 * MB
    block.close()
    assert resident_bytes(2**30) == 0


@pytest.mark.slow
def test_long_clips_are_measured_in_pieces_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Compare with the same clip in one piece."""
    clip = audio_clip.decode(signals.encoded(np.tile(signals.voice(duration_s=8.0), 2)))
    models = loading.load_models()
    whole = predictor.measure(clip, models)
    pictures = frames.measure_pictures(clip.samples)
    monkeypatch.setattr(frames, "LONG_FRAMES", 300)
    pieces = predictor.measure(clip, models)
    np.testing.assert_allclose(pieces[0].functionals, whole[0].functionals, rtol=2e-4, atol=2e-4)
    np.testing.assert_array_equal(pieces[0].spectrograms, whole[0].spectrograms)
    np.testing.assert_array_equal(pieces[0].embeddings, whole[0].embeddings)
    assert pieces[1:] == whole[1:]
    again = frames.measure_pictures(clip.samples)
    for name, expected in vars(pictures).items():
        np.testing.assert_allclose(getattr(again, name), expected, atol=1e-3)
