"""Screenshots of the app with a guest or custom models, and of a review, into docs/screens.

Run `python docs/other_screens.py` in the top folder of the repository, with names of scenes for
those alone.  The custom models are trained on the samples of the game, which takes half a minute.
"""

import contextlib
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, sync_playwright

from docs import screens
from emo.app.review import text as review_text
from emo.system import paths
from tests.support import guests, reviews
from tests.support.clients.streamlit_client import free_port


@dataclass(frozen=True)
class OtherScene:
    """What is served, and what is done on its page before it is looked at."""

    serve: Callable[[Path], AbstractContextManager[str]]
    steps: tuple[Callable[[Page], None], ...]


@contextlib.contextmanager
def serve_guest(directory: Path) -> Iterator[str]:
    """Address of the app with a guest that measures loudness."""
    guest = guests.save_guest(directory / "loud.onnx")
    with screens.serve(EMO_GUEST=str(guest)) as address:
        yield address


@contextlib.contextmanager
def serve_own_models(directory: Path) -> Iterator[str]:
    """Address of the app with models that were trained on the samples of the game."""
    models = directory / "my-models"
    if not models.exists():
        corpus = directory / "game.csv"
        _write_manifest(corpus)
        options = ["--corpus", str(corpus), "--models", str(models)]
        for command in (["train", "head"], ["evaluate", "--protocol", "speakers"]):
            subprocess.run([sys.executable, "-m", "emo", *command, *options], cwd=ROOT, check=True)
    with screens.serve(EMO_MODELS=str(models)) as address:
        yield address


def _write_manifest(path: Path) -> None:
    stated = json.loads((paths.SAMPLES_DIR / "samples.json").read_text(encoding="utf-8"))
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "emotion", "speaker"))
        for clip in stated["game"]:
            rows.writerow((paths.SAMPLES_DIR / clip["file"], clip["emotion"], clip["actor"]))


@contextlib.contextmanager
def serve_review(directory: Path) -> Iterator[str]:
    """Address of a review of a few samples, with its key."""
    clips = directory / "review"
    clips.mkdir(exist_ok=True)
    rows, labels = reviews.write_rows(clips), directory / "labels.csv"
    labels.unlink(missing_ok=True)  # of the scene before
    with reviews.reviewing(rows, labels, free_port()) as command:
        yield command.address


def open_matrices(page: Page) -> None:
    """Go to the page of the confusion matrices."""
    screens.open_page(page, "Confusion matrices")


def start_review(page: Page) -> None:
    """Enter the name of a rater."""
    page.get_by_role("textbox", name=review_text.RATER_LABEL).fill("Anna")
    page.keyboard.press("Enter")
    page.locator(".card[data-place='0']").wait_for()


def label_clips(page: Page) -> None:
    """Label two clips, so that the second's answers are shown."""
    for place, label in enumerate(("neutral", "angry")):
        page.locator(f".card[data-place='{place}']").wait_for()
        page.locator(".card[data-heard=true]").wait_for()
        page.locator(f".choice[data-label={label}]").click()
    page.locator(".card[data-place='2']").wait_for()


def finish_review(page: Page) -> None:
    """See the results."""
    page.get_by_role("button", name=review_text.WORDS["finish"]).click()
    page.get_by_role("heading", name=review_text.RESULTS_TITLE).wait_for()


SCENES = {
    "guest": OtherScene(serve_guest, (screens.choose_sample,)),
    "own-analyse": OtherScene(serve_own_models, (screens.choose_sample,)),
    "own-matrices": OtherScene(serve_own_models, (open_matrices,)),
    "review-start": OtherScene(serve_review, ()),
    "review": OtherScene(serve_review, (start_review, label_clips)),
    "review-results": OtherScene(serve_review, (start_review, label_clips, finish_review)),
}
"""Views that need another server than the app with the models that ship."""


def main(names: Sequence[str]) -> None:
    """Take the screenshots of the named scenes, or of all."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as directory:
        browser = screens.launch(playwright)
        for name in names or SCENES:
            for mode in screens.MODES:
                with SCENES[name].serve(Path(directory)) as address:
                    page = screens.new_page(browser, mode)
                    page.set_default_timeout(screens.PATIENCE_MS)
                    page.goto(address)
                    page.get_by_role("heading", level=1).wait_for()
                    for step in SCENES[name].steps:
                        step(page)
                    screens.photograph(page, screens.SCREENS / f"{name}-{mode}.png")
                    page.context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
