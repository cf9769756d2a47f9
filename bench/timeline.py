"""How long the timeline of ten minutes takes, from the file to the last answer.

    python bench/timeline.py [FILE]

Without a file ten minutes of a voice that never pauses are synthesised: the most windows there can
be.  Ends with 1 if that takes longer than the target.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line and the page have it
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np

from emo.audio import load
from emo.predict import load_models
from emo.timeline import follow
from tests.voices import encoded, voice

LONGEST_S, TARGET_S = 600.0, 15.0


def main() -> int:
    """Exit status: 0 within the target, 1 beyond it; prints what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "long.wav"
        if len(sys.argv) == 1:
            spoken = voice((240.0, 120.0), duration_s=2.0)
            path.write_bytes(encoded(np.tile(spoken, round(LONGEST_S / 2.0))))
        models = load_models()
        start_s = time.perf_counter()
        grown = [(time.perf_counter() - start_s, found) for found in follow(load(path), models)]
    took_s, timeline = grown[-1]
    print(f"{timeline.duration_s:.0f} s of sound, {timeline.total} windows")
    print(f"windows known:  {grown[0][0]:6.2f} s")
    print(f"first answers:  {grown[:2][-1][0]:6.2f} s")
    print(f"last answer:    {took_s:6.2f} s (target for ten minutes: {TARGET_S:.0f} s)")
    return 0 if took_s <= TARGET_S else 1


if __name__ == "__main__":
    sys.exit(main())
