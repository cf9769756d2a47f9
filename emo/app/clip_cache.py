"""A cache of clips and results for each session, within a memory limit for all sessions."""

import contextlib
import functools
import inspect
import itertools
import weakref
from collections.abc import Callable, Hashable
from typing import Any, Generic, ParamSpec, TypeVar

import streamlit as st

from emo.app.streamlit_internals import current_session
from emo.audio.clip import Clip
from emo.audio.isolated import shared_decoder
from emo.server import memory
from emo.server.cache import Cache

P = ParamSpec("P")
T = TypeVar("T")

CACHE = Cache()

_OWNER = "cache-owner"
_NUMBERS = itertools.count()


class _Owner:
    """Owner of a session's cached values, which are dropped when its state is."""

    def __init__(self) -> None:
        self.number = next(_NUMBERS)
        weakref.finalize(self, CACHE.end, self.number)


class CachedFunction(Generic[P, T]):
    """A function with cached values; arguments that begin with ``_`` are no part of the key."""

    def __init__(self, function: Callable[P, T], spinner: str) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._signature = inspect.signature(function)
        self._spinner = spinner
        self._kind = f"{function.__module__}.{function.__qualname__}"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the cached value, computed if it is missing."""
        bound = self._signature.bind(*args, **kwargs).arguments
        key = tuple(value for name, value in bound.items() if not name.startswith("_"))
        value: T | None = get(self._kind, key)
        if value is None:
            with st.spinner(self._spinner) if self._spinner else contextlib.nullcontext():
                value = self._function(*args, **kwargs)
            put(self._kind, key, value, size_bytes(value))
        return value

    def clear(self) -> None:
        """Drop the cached values of this session."""
        CACHE.drop(_owner(), self._kind)


def cached(spinner: str = "") -> Callable[[Callable[P, T]], CachedFunction[P, T]]:
    """Return a decorator that caches the values of a function for the session.

    Parameters
    ----------
    spinner
        Text that is shown while the function runs; empty for none.
    """
    return lambda function: CachedFunction(function, spinner)


def get(kind: str, key: Hashable) -> Any:
    """Return a cached value of this session; None if it is missing or was evicted."""
    return CACHE.get(_owner(), kind, key)


def put(kind: str, key: Hashable, value: Any, size: int) -> None:
    """Cache a value of ``size`` bytes for this session."""
    CACHE.put(_owner(), kind, key, value, size, current_session())


def drop(kind: str, key: Hashable = None) -> None:
    """Drop the cached values of one kind of this session, or the one with a key."""
    CACHE.drop(_owner(), kind, key)


def size_bytes(value: Any) -> int:
    """Return the size of a clip or a block of bytes."""
    return value.samples.nbytes if isinstance(value, Clip) else len(value)


@functools.cache
def memory_budget() -> memory.MemoryBudget:
    """Return the memory of this server, in which tasks reserve theirs."""
    limit_bytes = memory.find_limit_bytes()
    return memory.MemoryBudget(limit_bytes, lambda: shared_decoder().restrictions(), CACHE.drop_all)


def _owner() -> int:
    owner: _Owner = st.session_state.setdefault(_OWNER, _Owner())
    return owner.number
