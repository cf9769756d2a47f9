"""Test the pages of the documentation that quote stored figures."""

import json
import shutil
from pathlib import Path

import pytest

from emo.evaluation import tables
from emo.evaluation.known_voice import report as voice
from emo.evaluation.site import PAGES, site_pages
from emo.evaluation.stored import LISTENERS

MODELS = Path(__file__).parents[2] / "models"
EXPLAINED, FAQ = PAGES["explained"], PAGES["faq"]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Return a folder with the figures of the models that ship, and nothing else of them."""
    for path in MODELS.rglob("*.json"):
        copy = tmp_path / path.relative_to(MODELS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return tmp_path


def pages(models: Path) -> dict[str, str]:
    """Return the pages with the line breaks of their paragraphs taken out."""
    made = site_pages(models, voice.summary_rows(models))
    return {
        name: "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
        for name, text in made.items()
    }


def test_pages_quote_what_is_stored(models: Path) -> None:
    path = models / "ensemble" / "metrics.json"
    figures = json.loads(path.read_text(encoding="utf-8"))
    speakers = figures["protocols"]["speakers"]
    speakers["per_corpus"]["tess"]["accuracy"] = 0.1234
    speakers["fairness"]["sex"]["men"]["accuracy"] = 0.2345
    path.write_text(json.dumps(figures), encoding="utf-8")
    made = pages(models)
    assert "With one of them new it is right for 12.3 %" in made[EXPLAINED]
    tess = figures["protocols"]["random"]["per_corpus"]["tess"]["accuracy"]
    assert tables.points(tess - 0.1234) in made[EXPLAINED]
    assert "23.4 % of those of men" in made[FAQ]
    known = voice.summary_rows(models)[0][1].split(" (")[0]
    elsewhere = tables.percent(figures["protocols"]["cross-corpus"]["accuracy"])
    assert f"rises from {elsewhere} to {known}" in made[FAQ]


def test_corpora_with_fewer_speakers_come_later(models: Path) -> None:
    text = pages(models)[EXPLAINED]
    order = [text.index(f"| {name} | ") for name in ("CREMA-D", "RAVDESS", "SAVEE", "TESS")]
    assert order == sorted(order)


def test_there_are_no_pages_without_all_their_figures(models: Path) -> None:
    assert set(pages(models)) == set(PAGES.values())
    assert site_pages(models) == {}
    (models / LISTENERS).unlink()
    assert pages(models) == {}
