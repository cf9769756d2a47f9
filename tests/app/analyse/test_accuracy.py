"""Test what *Analyse* says of how the ensemble is computed and how often it is right."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from emo.app import accuracy_text
from emo.app import text as app_text
from emo.app.analyse.verdict import text
from emo.classifiers.calibration import read_calibration
from emo.evaluation.figures.operating_points import ELSEWHERE, STUDIOS
from emo.inference.loading import MODEL_KEYS
from emo.system import paths
from tests.support import pages
from tests.support.pages import check, html, tone, upload


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return pages.install(tmp_path, monkeypatch)


def marked_point(at: AppTest) -> tuple[str, str]:
    """Return the name and the note of the share that is marked as that of this clip."""
    (marked,) = re.findall(r'class="emo-here">\s*<dt>([^<]*)(?:<span>([^<]*)</span>)?', html(at))
    name, note = marked
    return str(name), str(note)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("sad", (accuracy_text.KINDS[STUDIOS], "")),  # by an actor of CREMA-D
        ("all", (accuracy_text.KINDS[ELSEWHERE], "")),  # synthetic speech
    ],
)
def test_share_of_a_sample_is_that_of_its_corpus(
    models: Path, sample: str, expected: tuple[str, str]
) -> None:
    at = check(pages.run().button(key=f"sample-{sample}").click().run())
    assert marked_point(at) == expected


def test_share_of_an_own_clip_is_that_of_other_recordings(models: Path) -> None:
    at = upload(pages.run(), "clip.wav", tone())
    assert marked_point(at) == (accuracy_text.KINDS[ELSEWHERE], text.PROBABLY_YOU)


def test_weights_of_the_ensemble_are_shown_as_a_bar(models: Path) -> None:
    page = html(upload(pages.run(), "clip.wav", tone()))
    weights = read_calibration(paths.MODELS_DIR, MODEL_KEYS).weights
    expected = sorted(weights.items(), key=lambda row: -row[1])
    grown = [float(grow) for grow in re.findall(r"<i style=\"flex-grow: ([\d.]+)\">", page)]
    assert grown == pytest.approx([weight for _, weight in expected], abs=5e-4)
    named = re.findall(r'<span role="listitem"><i></i>(\S+) <b>([\d.]+)</b>', page)
    assert named == [(app_text.SHORT_NAMES[key], f"{weight:.2f}") for key, weight in expected]
