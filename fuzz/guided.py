"""Inputs that reach new code, found by atheris in the project's own parsers.

    pip install -r fuzz/requirements.txt
    python fuzz/guided.py lessons -max_total_time=60

or containers, rows, calibration, manifest, weights, tar.  What follows goes to libFuzzer.  An input
that fails is left in the folder where this runs; make a test of it in ``tests/test_fuzz.py``.
"""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


with atheris.instrument_imports(include=["emo"]):
    from emo.audio.containers import formats
    from emo.classifiers import storage
    from emo.errors import EmoError
    from fuzz import check, seeds

_FOLDER = TemporaryDirectory()


def _containers(data: bytes) -> None:
    formats.sniff(data)


def _weights(data: bytes) -> None:
    with contextlib.suppress(ValueError):  # what `load_model` makes a sentence of
        storage.read_arrays(data)


def _document(name: str) -> Callable[[bytes], None]:
    use = check.DOCUMENTS[name]
    return lambda data: use(data, Path(_FOLDER.name))


TARGETS: dict[str, tuple[Callable[[bytes], None], str]] = {
    "containers": (_containers, "pcm16.wav"),
    "weights": (_weights, "weights.npz"),
    **{
        name.split(".")[0]: (_document(name), name)
        for name in ("lessons.json", "rows.jsonl", "calibration.json", "manifest.csv")
    },
    "tar": (_document("clips.tar"), "clips.tar"),
}


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(__doc__)
    use, seed = TARGETS[sys.argv.pop(1)]
    corpus = Path(_FOLDER.name) / "corpus"
    corpus.mkdir()
    (corpus / seed).write_bytes({**seeds.recordings(), **seeds.documents()}[seed])

    def test(data: bytes) -> None:
        with contextlib.suppress(EmoError):
            use(data)

    atheris.Setup([*sys.argv, str(corpus)], test)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
