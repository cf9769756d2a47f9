"""The cache of decoded clips: limited in size, and separate for each session."""

import gc
import weakref

import numpy as np
import pytest
import streamlit
import streamlit as st
from streamlit.testing.v1 import AppTest

from emo.app import clip_cache
from emo.app import text as app_text
from emo.app.serving import uploads
from emo.audio.clip import Clip
from emo.errors import EmoError
from emo.server.cache import LARGE_BYTES, LARGE_S, MB, Cache
from emo.server.memory import RETRY_S, MemoryBudget
from tests.support import pages, signals


class World:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.cache = Cache(max_bytes=100, max_owner_bytes=60, clock=lambda: self.now_s)


@pytest.fixture
def world() -> World:
    return World()


def test_get_returns_values_to_their_owner_only(world: World) -> None:
    world.cache.put(1, "clip", "a", "sound", 10)
    assert world.cache.get(1, "clip", "a") == "sound"
    assert world.cache.get(2, "clip", "a") is None
    assert world.cache.get(1, "block", "a") is None
    assert world.cache.get(1, "clip", "b") is None


def test_put_drops_the_least_recently_used_value_of_the_owner(world: World) -> None:
    cache = world.cache
    cache.put(2, "clip", "theirs", "x", 30)
    for name in "abc":
        cache.put(1, "clip", name, name, 20)
    assert cache.get(1, "clip", "a") == "a"
    cache.put(1, "clip", "d", "d", 20)  # more than the 60 bytes of one owner
    assert [cache.get(1, "clip", name) for name in "abcd"] == ["a", None, "c", "d"]
    assert cache.get(2, "clip", "theirs") == "x"


def test_put_limits_the_size_of_all_owners(world: World) -> None:
    for owner in range(50):
        world.cache.put(owner, "clip", "a", "x", 30)
        assert world.cache.size <= 100
    assert world.cache.get(49, "clip", "a") == "x"
    assert world.cache.get(0, "clip", "a") is None


def test_put_ignores_a_value_above_the_limit(world: World) -> None:
    world.cache.put(1, "clip", "a", "x", 10)
    world.cache.put(1, "clip", "b", "x", 61)
    assert world.cache.get(1, "clip", "b") is None
    assert world.cache.get(1, "clip", "a") == "x"


def test_put_replaces_the_value_of_a_key(world: World) -> None:
    for _ in range(5):
        world.cache.put(1, "clip", "a", "x", 40, "s")
    assert world.cache.size == world.cache.size_of("s") == 40
    assert world.cache.size_of("other") == 0


def test_large_values_expire_after_their_last_use() -> None:
    now_s = 0.0
    cache = Cache(clock=lambda: now_s)
    cache.put(1, "clip", "long", "x", LARGE_BYTES + 1)
    cache.put(1, "clip", "short", "x", MB)
    now_s = LARGE_S - 1
    assert cache.get(1, "clip", "long") == "x"
    now_s = 2 * LARGE_S - 2
    cache.tidy()
    assert cache.get(1, "clip", "long") == "x"
    now_s += LARGE_S + 1
    cache.tidy()
    assert cache.size == MB
    assert cache.get(1, "clip", "short") == "x"


def test_drop_removes_one_kind_or_all_kinds_of_an_owner(world: World) -> None:
    for owner in (1, 2):
        for kind in ("clip", "block"):
            world.cache.put(owner, kind, "a", "x", 5)
    world.cache.drop(1, "clip")
    assert (world.cache.get(1, "clip", "a"), world.cache.get(1, "block", "a")) == (None, "x")
    world.cache.drop(1)
    assert world.cache.size == 10
    world.cache.end(2)
    world.cache.tidy()
    assert world.cache.size == 0


def test_put_rejects_none(world: World) -> None:
    with pytest.raises(EmoError):
        world.cache.put(1, "clip", "a", None, 1)


def make_clip(duration_s: float) -> Clip:
    return Clip(np.zeros(int(duration_s * 16_000), np.float32), 16_000, 1, "")


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    state: dict[str, object] = {}
    monkeypatch.setattr(streamlit, "session_state", state)
    return state


def test_cached_function_runs_once_per_key(session: dict[str, object]) -> None:
    decoded: list[str] = []

    def decode(sha256: str, _data: bytes) -> Clip:
        decoded.append(sha256)
        return make_clip(1.0)

    cached = clip_cache.cached()(decode)
    first = cached("a", b"x")
    assert cached("a", _data=b"y") is first
    cached("b", b"x")
    assert decoded == ["a", "b"]
    cached.clear()
    cached("a", b"x")
    assert decoded == ["a", "b", "a"]


def test_errors_are_not_cached(session: dict[str, object]) -> None:
    outcomes: list[bytes | Exception] = [ValueError("damaged"), b"block"]

    def draw(key: str) -> bytes:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    cached = clip_cache.cached()(draw)
    with pytest.raises(ValueError, match="damaged"):
        cached("a")
    assert cached("a") == b"block"


def test_values_are_dropped_with_the_session(session: dict[str, object]) -> None:
    def decode(sha256: str) -> Clip:
        return make_clip(1.0)

    clip = weakref.ref(clip_cache.cached()(decode)("a"))
    gc.collect()
    assert clip() is not None
    session.clear()
    gc.collect()
    clip_cache.CACHE.tidy()
    gc.collect()
    assert clip() is None


def analysed() -> AppTest:
    st.cache_resource.clear()  # another test may have left models of its own
    at = pages.run()
    upload = ("voice.wav", signals.encoded(signals.voice(duration_s=6.0)), "audio/wav")
    return at.file_uploader(key="up").set_value(upload).run()


@pytest.mark.slow
def test_page_is_the_same_after_the_cache_is_emptied() -> None:
    at = analysed()
    before = pages.html(at)
    assert "emo-verdict" in before
    assert clip_cache.CACHE.size > 0
    clip_cache.CACHE.drop_all()
    assert pages.html(pages.check(at.run())) == before


def small_page() -> None:
    """Run a page as `streamlit_app.py` does, whose task needs memory."""
    import streamlit as st

    from emo.app import common
    from emo.app.serving import server

    with server.page_run(), common.task_slot("decode", 1000):
        st.text("answered")


def test_page_says_when_to_try_again_if_memory_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = MemoryBudget(1, lambda: [], clip_cache.CACHE.drop_all)
    monkeypatch.setattr(clip_cache, "memory_budget", lambda: full)
    at = AppTest.from_function(small_page).run()
    assert not at.exception
    assert [warning.value for warning in at.warning] == [app_text.busy(RETRY_S)]
    assert not at.text
    monkeypatch.undo()
    at.button(key="try-again").click().run()
    assert [text.value for text in at.text] == ["answered"]


def test_cached_clips_count_as_files_of_the_session(session: dict[str, object]) -> None:
    before = uploads.usage("")[1]
    clip_cache.put("clip", "a", make_clip(10.0), 640_000)
    assert uploads.usage("")[1] == before + 640_000
