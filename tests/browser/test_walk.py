"""A random walk in a browser: the answers are those of `emo predict`."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.walk.browser import Walker, upload_in_a_row, walking
from tests.walk.clips import short_voices

N_STEPS, N_UPLOADS, SEED = 20, 6, 1


@pytest.fixture
def walker(browser: Browser, address: str) -> Iterator[Walker]:
    with walking(browser, address, SEED) as walker:
        yield walker


def test_clips_uploaded_in_a_row_are_answered_as_recorded(walker: Walker) -> None:
    assert upload_in_a_row(walker, dict(short_voices(N_UPLOADS, SEED))) == N_UPLOADS


def test_walk_shows_what_emo_predict_says(walker: Walker) -> None:
    walker.walk(N_STEPS)
    assert len(walker.steps) == N_STEPS
