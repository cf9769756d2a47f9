"""The notice of article 50(3) where a voice comes in."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from emo.app.notice import text
from tests.support import pages
from tests.support.pages import ABOUT, ANALYSE, COMPARE, check, html

TEACH = "pages/teach.py"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    pages.install(tmp_path, monkeypatch)
    return pages.run()


def test_notice_is_where_a_voice_comes_in_until_it_was_ticked(app: AppTest) -> None:
    places = {ANALYSE: "analyse", COMPARE: "compare", TEACH: "teach"}
    for page in places:
        check(app.switch_page(page).run())
        assert text.NOTICE in html(app)
    check(app.switch_page(ABOUT).run())
    assert text.NOTICE not in html(app)
    check(app.switch_page(COMPARE).run())
    check(app.checkbox(key="notice-compare").check().run())
    for page in places:
        check(app.switch_page(page).run())
        assert text.NOTICE not in html(app)
        assert not app.checkbox
