"""Own models on the pages, by mouse, keyboard and file chooser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import emo
from docs import screens
from emo.app.own import text
from emo.formatting import percent
from emo.system.paths import sample_path
from tests.browser import steps
from tests.browser.analyse.test_among import click, pill
from tests.browser.test_axe import violations
from tests.support.own import save_own_models, with_figures

LABELS = ("happy", "sad", "bored", "proud")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_figures(save_own_models(tmp_path_factory.mktemp("own") / "my-models", LABELS))


def test_own_models_answer_on_every_page_as_predict_does(browser: Browser, models: Path) -> None:
    clip = sample_path("happy")
    served = emo.load_models(models)
    whole = emo.predict(clip, models=served).ensemble
    some = emo.predict(clip, models=served, among=("bored", "sad")).ensemble
    with (
        screens.serve(EMO_MODELS=str(models)) as address,
        steps.open_app(browser, address) as page,
    ):
        steps.upload(page, clip.name, clip.read_bytes())
        bars = page.locator(".emo-all .emo-share")
        expect(bars).to_have_text([percent(share) for share in whole.probabilities.tolist()])
        assert violations(page) == []
        for label in ("happy", "proud"):
            click(page, pill(page, "analyse", label))
        expect(bars).to_have_text([percent(share) for share in some.probabilities.tolist()])
        page.get_by_role("link", name="Confusion matrices", exact=True).press("Enter")
        expect(page.get_by_text(text.MATRICES_LEAD)).to_be_visible()
        expect(page.get_by_role("cell", name="proud").first).to_be_visible()
        assert violations(page) == []
        steps.turn(page, "dark")
        steps.expect_in_order(page)
        assert violations(page) == []
        page.get_by_role("link", name="Teach it", exact=True).click()
        expect(page.get_by_text(text.NO_ADAPTATION)).to_be_visible()
        assert violations(page) == []
