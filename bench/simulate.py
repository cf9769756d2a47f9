"""A cluster of up to a thousand workers, simulated: where more workers stop to help, and why.

    python bench/simulate.py [--quick] [--save]

Events of four kinds of places are played, as :mod:`emo.batch.dask` and Dask have them: the client,
which hands out groups of clips and writes their rows; the scheduler, through which every group goes
twice; the workers, each with one group at work and another waiting; and what befalls workers.
The client and the scheduler do one thing at a time, for as long as ``bench/scheduler.py`` measured.
A clip takes a worker one of the times that ``bench/batch.py`` measured.  Chance has a seed.
"""

import heapq
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.measure import Facts, Options, Part, Row, main, missing_row, read_results
from emo.batch.dask import GROUPS_PER_THREAD

WORKERS = (1, 10, 30, 100, 300, 1000)
SIZES = (8, 32, 128, 512)
GROUPS_A_WORKER = 40
LEAST_GROUPS = 400
SEED = 1

SUBMIT, ASSIGN, RUN, FINISH, WRITE, CHANGE = range(6)


@dataclass(frozen=True)
class Costs:
    """Milliseconds of the scheduler and of the client for a group, and for each clip in it."""

    scheduler_group_ms: float
    scheduler_clip_ms: float
    client_group_ms: float
    client_clip_ms: float

    def scheduler_ms(self, clips: int) -> float:
        """For a group of so many clips."""
        return self.scheduler_group_ms + self.scheduler_clip_ms * clips

    def client_ms(self, clips: int) -> float:
        """For a group of so many clips."""
        return self.client_group_ms + self.client_clip_ms * clips


@dataclass(frozen=True)
class Trouble:
    """What befalls workers.

    Attributes
    ----------
    mean_life_s : between a worker's deaths, on average; what it had is handed out anew
    absent_s : until another is in its place
    straggler_share : of workers, that are slow
    straggler_factor : how many times longer they take
    """

    mean_life_s: float = 24 * 3600.0
    absent_s: float = 60.0
    straggler_share: float = 0.02
    straggler_factor: float = 3.0


NO_TROUBLE = Trouble(float("inf"), 0.0, 0.0, 1.0)
MUCH_TROUBLE = Trouble(mean_life_s=1800.0, straggler_share=0.1)
TROUBLES = {"none": NO_TROUBLE, "some": Trouble(), "much": MUCH_TROUBLE}
TROUBLED = (1000, 32)  # workers and size of groups that meet each of them


@dataclass
class Outcome:
    """What a simulated run came to.

    Attributes
    ----------
    took_s : from the first group handed out to the last written
    steady_clips_per_s : rate over the middle half of the groups written
    written : how often each group was written
    begun : groups that a worker began, those that died with it included
    deaths : of workers
    busy : share of the time in which the scheduler, the client, and the workers on average worked
    """

    took_s: float
    steady_clips_per_s: float
    written: np.ndarray
    begun: int
    deaths: int
    busy: dict[str, float]


@dataclass
class _Desk:
    """A process that does one thing at a time, in the order in which they come."""

    free_s: float = 0.0
    busy_s: float = 0.0

    def done_s(self, now_s: float, cost_s: float) -> float:
        """When what comes now will be done."""
        self.free_s = max(self.free_s, now_s) + cost_s
        self.busy_s += cost_s
        return self.free_s


@dataclass
class _Worker:
    """One that works: how many times slower, what it has, and which of its lives this is."""

    factor: float
    tasks: deque[int] = field(default_factory=deque)
    life: int = 0
    is_up: bool = True
    began_s: float = 0.0
    busy_s: float = 0.0


class Simulation:
    """A run of ``groups`` groups of ``size`` clips on ``workers`` workers.

    Parameters
    ----------
    clip_ms
        Times of single clips, of which each clip gets one by chance.
    """

    def __init__(
        self,
        workers: int,
        size: int,
        groups: int,
        clip_ms: Sequence[float],
        costs: Costs,
        trouble: Trouble = Trouble(),
        seed: int = SEED,
    ) -> None:
        rng = np.random.default_rng(seed)
        self._size, self._trouble, self._rng = size, trouble, rng
        self._scheduler_s = costs.scheduler_ms(size) / 2000  # twice a group
        self._client_s = costs.client_ms(size) / 2000
        times = np.asarray(clip_ms) / 1000
        self._work_s = np.array([rng.choice(times, size).sum() for _ in range(groups)])
        slow = rng.permutation(workers) < round(trouble.straggler_share * workers)
        self._workers = [_Worker(trouble.straggler_factor if one else 1.0) for one in slow]
        self._client, self._scheduler = _Desk(), _Desk()
        self._waiting: deque[int] = deque()  # at the scheduler, for a worker with room
        self._room = {
            held: deque[int]() for held in range(GROUPS_PER_THREAD)
        }  # workers by what they have
        self._room[0].extend(range(workers))
        self._next = 0
        self._events: list[tuple[float, int, int, int, int]] = []
        self._number = 0
        self._written = np.zeros(groups, int)
        self._written_s: list[float] = []
        self._begun = self._deaths = 0

    def run(self) -> Outcome:
        """Play it to the end."""
        groups = len(self._work_s)
        for worker in range(len(self._workers)):
            self._draw_death(worker, 0.0)
        for _ in range(min(groups, GROUPS_PER_THREAD * len(self._workers))):
            self._hand_out(0.0)
        now_s = 0.0
        while len(self._written_s) < groups:
            now_s, _, kind, which, life = heapq.heappop(self._events)
            self._play(now_s, kind, which, life)
        return self._outcome(now_s)

    # Each event is played by the method of its kind.

    def _play(self, now_s: float, kind: int, which: int, life: int) -> None:
        if kind == SUBMIT:
            self._add(self._scheduler.done_s(now_s, self._scheduler_s), ASSIGN, which)
        elif kind == ASSIGN:
            self._waiting.append(which)
            self._assign(now_s)
        elif kind == RUN and self._workers[which].life == life:
            self._end_of_work(now_s, which)
        elif kind == FINISH:
            self._add(self._client.done_s(now_s, self._client_s), WRITE, which)
        elif kind == WRITE:
            self._written[which] += 1
            self._written_s.append(now_s)
            self._hand_out(now_s)
        elif kind == CHANGE:
            self._change_life(now_s, which, life)

    def _hand_out(self, now_s: float) -> None:
        """The client sends the next group, if there is one."""
        if self._next < len(self._work_s):
            self._add(self._client.done_s(now_s, self._client_s), SUBMIT, self._next)
            self._next += 1

    def _assign(self, now_s: float) -> None:
        """Groups go to workers that have nothing, then to those that have one at work."""
        while self._waiting and (worker := self._find_room()) is not None:
            tasks = self._workers[worker].tasks
            tasks.append(self._waiting.popleft())
            if len(tasks) < GROUPS_PER_THREAD:
                self._room[len(tasks)].append(worker)
            if len(tasks) == 1:
                self._begin(now_s, worker)

    def _find_room(self) -> int | None:
        for held, room in self._room.items():
            while room:
                worker = room.popleft()
                one = self._workers[worker]
                if one.is_up and len(one.tasks) == held:  # else the note is out of date
                    return worker
        return None

    def _begin(self, now_s: float, worker: int) -> None:
        one = self._workers[worker]
        one.began_s = now_s
        self._begun += 1
        took_s = self._work_s[one.tasks[0]] * one.factor
        self._add(now_s + took_s, RUN, worker, one.life)

    def _end_of_work(self, now_s: float, worker: int) -> None:
        one = self._workers[worker]
        one.busy_s += now_s - one.began_s
        group = one.tasks.popleft()
        self._room[len(one.tasks)].append(worker)
        if one.tasks:
            self._begin(now_s, worker)
        self._add(self._scheduler.done_s(now_s, self._scheduler_s), FINISH, group)
        self._assign(now_s)

    def _change_life(self, now_s: float, worker: int, life: int) -> None:
        """A worker dies, and what it had waits for others; or another one takes its place."""
        one = self._workers[worker]
        if one.is_up and one.life == life:
            self._deaths += 1
            if one.tasks:
                one.busy_s += now_s - one.began_s
            for group in one.tasks:  # the scheduler sees to each anew
                self._add(self._scheduler.done_s(now_s, self._scheduler_s), ASSIGN, group)
            one.tasks.clear()
            one.life, one.is_up = one.life + 1, False
            self._add(now_s + self._trouble.absent_s, CHANGE, worker, one.life)
        elif not one.is_up and one.life == life:
            one.is_up = True
            self._room[0].append(worker)
            self._draw_death(worker, now_s)
            self._assign(now_s)

    def _draw_death(self, worker: int, now_s: float) -> None:
        if np.isfinite(self._trouble.mean_life_s):
            life_s = self._rng.exponential(self._trouble.mean_life_s)
            self._add(now_s + life_s, CHANGE, worker, self._workers[worker].life)

    def _add(self, at_s: float, kind: int, which: int, life: int = 0) -> None:
        self._number += 1  # what comes first is played first
        heapq.heappush(self._events, (at_s, self._number, kind, which, life))

    def _outcome(self, now_s: float) -> Outcome:
        count = len(self._written_s)
        first, last = self._written_s[count // 4], self._written_s[max(count // 4, 3 * count // 4)]
        rate = (3 * count // 4 - count // 4) * self._size / (last - first) if last > first else 0.0
        busy = {
            "scheduler": float(self._scheduler.busy_s / now_s),
            "client": float(self._client.busy_s / now_s),
            "workers": float(sum(one.busy_s for one in self._workers) / now_s / len(self._workers)),
        }
        return Outcome(now_s, rate, self._written, self._begun, self._deaths, busy)


def simulate(
    workers: int,
    size: int,
    clip_ms: Sequence[float],
    costs: Costs,
    trouble: Trouble = Trouble(),
    seed: int = SEED,
) -> Outcome:
    """A run that is long enough for a steady rate."""
    groups = max(LEAST_GROUPS, GROUPS_A_WORKER * workers)
    return Simulation(workers, size, groups, clip_ms, costs, trouble, seed).run()


def limit_clips_per_s(size: int, costs: Costs) -> tuple[str, float]:
    """Which of client and scheduler is the slower one for groups of a size, and its rate."""
    rates = {
        "scheduler": 1000 * size / costs.scheduler_ms(size),
        "client": 1000 * size / costs.client_ms(size),
    }
    slower = min(rates, key=lambda name: rates[name])
    return slower, rates[slower]


def costs_of(stored: Mapping[str, Any]) -> Costs:
    """The costs that ``bench/scheduler.py`` found."""
    found = stored["parts"]["scheduler"]["facts"]["costs"]
    scheduler, client = found["scheduler"], found["client"]
    return Costs(scheduler["group_ms"], scheduler["clip_ms"], client["group_ms"], client["clip_ms"])


def measure(options: Options) -> Iterator[Row | Facts]:
    """Rates of each number of workers and size of group, then what trouble does to one of them."""
    stored = read_results()
    if absent := {"batch", "scheduler"} - stored["parts"].keys():
        yield missing_row("simulation", "1/s", f"first: python bench/{min(absent)}.py --save")
        return
    clip_ms, costs = stored["parts"]["batch"]["facts"]["replayed_ms"], costs_of(stored)
    rates: dict[str, dict[str, dict[str, float]]] = {}
    for workers in WORKERS[:2] if options.quick else WORKERS:
        for size in SIZES:
            found = simulate(workers, size, clip_ms, costs)
            rates.setdefault(str(workers), {})[str(size)] = _kept(found)
            yield _row(f"workers: {workers:,}, clips a group: {size}", found)
    troubled = {}
    for name, trouble in TROUBLES.items():
        found = simulate(*((10, 32) if options.quick else TROUBLED), clip_ms, costs, trouble)
        troubled[name] = _kept(found)
        yield _row(
            f"workers: {TROUBLED[0]:,}, clips a group: {TROUBLED[1]}, trouble: {name}", found
        )
    yield Facts({"rates": rates, "troubled": troubled})


def _row(name: str, found: Outcome) -> Row:
    shares = ", ".join(f"{who} {100 * share:.0f} %" for who, share in found.busy.items())
    return Row(name, "1/s", 1, found.steady_clips_per_s, note=f"busy: {shares}")


def _kept(found: Outcome) -> dict[str, float]:
    groups = len(found.written)
    kept = {
        "clips_per_s": round(found.steady_clips_per_s, 1),
        "groups": groups,
        "deaths": found.deaths,
        "again_percent": round(100 * (found.begun - groups) / groups, 2),
    }
    return kept | {who: round(float(share), 4) for who, share in found.busy.items()}


PART = Part(
    "simulate",
    "A thousand workers, simulated",
    "Discrete events with a seed: the measured costs of the client and the scheduler, workers that "
    "take the measured times of clips; a worker lives a day on average, and two in a hundred are "
    "three times slower.",
    measure,
)

if __name__ == "__main__":
    sys.exit(main(PART))
