"""Ten thousand damaged inputs, and a table of what became of them: ``python -m fuzz.run``.

It ends with 0 if every input was used or refused in words, in time and without growth of memory.
"""

import argparse
import signal
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from emo.audio.isolated import IsolatedDecoder
from fuzz.check import USED, Failure, check
from fuzz.mutate import Input, make

SLOW_S = 2.0
STUCK_S = 20.0
GROWTH_MB = 100.0
_SETTLED = 500  # inputs until caches are full


def main() -> int:
    """Exit status: 0 where nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="inputs (default: 10,000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    asked = parser.parse_args()
    signal.signal(signal.SIGALRM, _stuck)
    decoder = IsolatedDecoder(1)
    found: dict[str, Counter[str]] = defaultdict(Counter)
    failures: list[str] = []
    slowest = (0.0, "")
    before_mb = 0.0
    worst_mb = 0.0
    with TemporaryDirectory() as folder:
        for number in range(asked.first, asked.first + asked.count):
            given = make(number)
            took_s, outcome = _timed(given, decoder, Path(folder))
            if took_s > SLOW_S:  # once more: the machine may have been busy
                took_s = min(took_s, _timed(given, decoder, Path(folder))[0])
            if took_s > SLOW_S:
                failures.append(f"{given.seed} {number}: {took_s:.1f} s")
                found[given.seed]["slow"] += 1
            slowest = max(slowest, (took_s, f"{given.seed} {number}"))
            if isinstance(outcome, Failure):
                failures.append(str(outcome))
                found[given.seed]["failed"] += 1
            else:
                found[given.seed][outcome] += 1
            if number - asked.first == _SETTLED:
                before_mb = _resident_mb("self")
            worst_mb = max([worst_mb, *(_resident_mb(str(pid)) for pid in decoder.restrictions())])
    grown_mb = _resident_mb("self") - before_mb if before_mb else 0.0
    decoder.stop()
    _print_table(found)
    print(
        f"\n{asked.count:,} inputs, {len(failures)} failures; the slowest took {slowest[0]:.2f} s "
        f"({slowest[1]}); this process grew by {grown_mb:.0f} MB, a process that reads had "
        f"{worst_mb:.0f} MB at most after an answer."
    )
    for failure in failures:
        print(failure)
    return 1 if failures or grown_mb > GROWTH_MB else 0


def _stuck(number: int, frame: object) -> None:
    raise TimeoutError(f"stuck for {STUCK_S:.0f} s")


def _timed(given: Input, decoder: IsolatedDecoder, folder: Path) -> tuple[float, str | Failure]:
    start_s = time.perf_counter()
    outcome: str | Failure
    signal.setitimer(signal.ITIMER_REAL, STUCK_S)
    try:
        outcome = check(given, decoder, folder)
    except Failure as failure:
        outcome = failure
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return time.perf_counter() - start_s, outcome


def _resident_mb(pid: str) -> float:
    """Memory of a process; 0 where it is gone, or the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
    except (OSError, StopIteration):
        return 0.0


def _print_table(found: dict[str, Counter[str]]) -> None:
    print(
        f"{'made from':<18}{'inputs':>8}{'used':>7}{'refused':>9}{'slow':>6}{'failed':>8}  errors"
    )
    total: Counter[str] = Counter()
    for seed, outcomes in sorted(found.items()):
        _print_row(seed, outcomes)
        total += outcomes
    _print_row("all", total)


def _print_row(name: str, outcomes: Counter[str]) -> None:
    refused = {k: n for k, n in outcomes.items() if k not in (USED, "slow", "failed")}
    kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(refused.items(), key=lambda kn: -kn[1]))
    inputs = outcomes.total() - outcomes["slow"]
    print(
        f"{name:<18}{inputs:>8,}{outcomes[USED]:>7,}{sum(refused.values()):>9,}"
        f"{outcomes['slow']:>6}{outcomes['failed']:>8}  {kinds}"
    )


if __name__ == "__main__":
    sys.exit(main())
