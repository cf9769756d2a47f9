"""Test what is said of the part of a classifier that others trained."""

from pathlib import Path

import pytest

from emo.app.about import page as about_page
from emo.classifiers.ensembles import ENSEMBLES, FROM_SCRATCH
from emo.classifiers.registry import CLASSIFIERS
from emo.evaluation.model_cards import documents
from emo.labels import ENSEMBLE
from tests.support import predictions

ROOT = Path(__file__).parents[2]
HEADING = "## What is pre-trained"


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the cards by classifier and ensemble."""
    models = predictions.copy_models(tmp_path_factory.mktemp("measured"))
    written = documents(models)
    return {key: written[models / key / "CARD.md"] for key in (*CLASSIFIERS, *ENSEMBLES)}


def test_cards_name_what_is_pretrained(cards: dict[str, str]) -> None:
    expected = [*(key for key, row in CLASSIFIERS.items() if row.is_pretrained), ENSEMBLE]
    assert [key for key, card in cards.items() if HEADING in card] == expected
    assert FROM_SCRATCH not in expected
    for key in expected:
        said = " ".join(cards[key].split())
        assert CLASSIFIERS["pretrained"].pretraining in said


def test_about_names_what_is_pretrained() -> None:
    text = about_page.prose()["The models"]
    rows = [row for row in CLASSIFIERS.values() if row.is_pretrained]
    assert rows
    assert all(f"**{row.name}**: {row.pretraining}" in text for row in rows)


def test_notice_holds_the_licence_of_whisper() -> None:
    """Its terms are those of the licence of the code, which is the same."""
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    terms = (ROOT / "LICENSE").read_text(encoding="utf-8")
    terms = terms[terms.index("Permission is hereby") : terms.index("\n\nThis licence covers")]
    assert "MIT License\n\nCopyright (c) 2022 OpenAI\n\n" + terms in notice
