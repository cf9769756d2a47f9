"""How long an answer takes: one clip in a warm process, and from a cold start to the print.

    python bench/predict.py [FILE]

Without a file a four-second voice of 48 kHz is synthesised.  Prints medians.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from emo.audio import load
from emo.predict import load_models, predict
from tests.voices import encoded, voice

WARM_RUNS, COLD_RUNS = 50, 5


def main() -> None:
    """Time both and print a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "voice.wav"
        if len(sys.argv) == 1:
            path.write_bytes(encoded(voice(duration_s=4.0, rate_hz=48_000), 48_000))
        models = load_models()
        predict(load(path), models)
        warm_s = [_timed(lambda: predict(load(path), models)) for _ in range(WARM_RUNS)]
        command = [sys.executable, "-m", "emo", "predict", str(path)]
        cold_s = [
            _timed(lambda: subprocess.run(command, cwd=ROOT, check=True, capture_output=True))
            for _ in range(COLD_RUNS)
        ]
    print(f"warm, file to four answers: {1000 * statistics.median(warm_s):.1f} ms")
    print(f"cold, start to print:       {statistics.median(cold_s):.2f} s")


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
