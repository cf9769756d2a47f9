"""A map of the clips: two principal components of their embeddings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from emo.app import controls, theme
from emo.app.compare import text
from emo.app.compare.collection import Entry
from emo.app.components import component
from emo.app.own import served
from emo.features.encoder import EMBEDDING_SIZE
from emo.formatting import percent
from emo.inference.predictor import Prediction
from emo.system.filenames import clean

KEY = "comparison-map"
MIN_CLIPS = 3
WIDTH, HEIGHT = 3.0, 2.0
"""Sides of the map, in equal units."""

_SIGNS_KEY = "comparison-map-signs"


@dataclass(frozen=True, eq=False)
class Projection:
    """Clips on a plane.

    Attributes
    ----------
    places : ndarray of float64, shape (n, 2)
        First and second principal component, of mean 0.
    explained : float, 0 to 1
        Share of the variance that they hold.
    nearest : ndarray of int64, shape (n,)
        The clip that is closest to each by its whole embedding, not on the plane alone.
    """

    places: npt.NDArray[np.float64]
    explained: float
    nearest: npt.NDArray[np.int64]


def project(embeddings: npt.NDArray[np.float32]) -> Projection:
    """Return the principal components of embeddings, float32 (n, f), n at least 2.

    The sign of a component is such that its largest value is positive, so that the map does not
    depend on the library of linear algebra.
    """
    centred = embeddings.astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    products = centred @ centred.T  # its eigenvectors are those of the components, scaled
    variances, vectors = np.linalg.eigh(products)
    variances = np.maximum(variances[::-1], 0.0)
    places = vectors[:, ::-1][:, :2] * np.sqrt(variances[:2])
    largest = places[np.abs(places).argmax(axis=0), np.arange(places.shape[1])]
    places = places * np.where(largest < 0, -1.0, 1.0)
    total = float(variances.sum())
    squares = np.diagonal(products)
    distances = squares[:, None] + squares - 2.0 * products
    np.fill_diagonal(distances, np.inf)
    explained = float(variances[:2].sum()) / total if total else 0.0
    return Projection(places, explained, distances.argmin(axis=1))


def to_shares(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return places as shares of the sides of the map, (n, 2), 0 to 1, in equal units."""
    low, high = places.min(axis=0), places.max(axis=0)
    unit = float(((high - low) / np.array([WIDTH, HEIGHT])).max()) or 1.0
    middle = (low + high) / 2
    return np.asarray(0.5 + (places - middle) / (unit * np.array([WIDTH, HEIGHT])))


def mapped(entries: Sequence[Entry]) -> list[tuple[Entry, Prediction]]:
    """Return the clips that have an embedding, with their answers."""
    return [
        (entry, entry.result)
        for entry in entries
        if not isinstance(entry.result, str)
        and len(entry.result.numbers) >= EMBEDDING_SIZE
        and np.isfinite(entry.result.numbers[:EMBEDDING_SIZE]).all()
    ]


def show_map(entries: Sequence[Entry], on_play: Callable[[], None]) -> None:
    """Draw the map; ``clicked_clip`` then returns the clip whose sign was clicked.

    Parameters
    ----------
    entries
    on_play
        Called when a sign was clicked whose sound is not in the browser.
    """
    st.header(text.MAP_TITLE, anchor=False)
    clips = mapped(entries)
    if len(clips) < MIN_CLIPS:
        st.caption(text.MAP_NEEDS_MORE)
        return
    by_expected = any(entry.expected for entry, _ in clips) and _choose_signs() == "expected"
    projection = project(np.stack([result.numbers[:EMBEDDING_SIZE] for _, result in clips]))
    shares = to_shares(projection.places)
    points = [
        _point(entry, result, shares[i], clips[projection.nearest[i]][0], by_expected)
        for i, (entry, result) in enumerate(clips)
    ]
    component("map")(
        key=KEY,
        data=[
            {
                "points": points,
                "labels": [
                    label for label in served.labels() if any(p["label"] == label for p in points)
                ],
                "signs": theme.looks(served.labels()),
                "words": text.MAP,
            }
        ],
        on_play_change=on_play,
    )
    st.caption(text.map_note(projection.explained))


def _choose_signs() -> str:
    """Draw the choice of the emotions that the signs show, and return it."""
    options = list(text.SIGNS_NAMES)
    return str(
        st.segmented_control(
            text.SIGNS_LABEL,
            options,
            default=controls.value_of(_SIGNS_KEY, options[0], options),
            required=True,
            format_func=text.SIGNS_NAMES.__getitem__,
            key=_SIGNS_KEY,
            persist_state="session",
        )
    )


def _point(
    entry: Entry,
    result: Prediction,
    place: npt.NDArray[np.float64],
    nearest: Entry,
    by_expected: bool,
) -> dict[str, Any]:
    answer = result.served
    return {
        "id": entry.digest,
        "name": entry.name,
        "x": round(float(place[0]), 4),
        "y": round(1.0 - float(place[1]), 4),
        "label": entry.expected if by_expected else answer.label,
        "faint": answer.unsure and not by_expected,
        "answer": f"{answer.label}{'?' * answer.unsure} {percent(answer.confidence)}",
        "expected": entry.expected,
        "nearest": nearest.name,
    }


def clicked_clip() -> str | None:
    """Return the digest of the clip whose sign was just clicked; None if none."""
    state = st.session_state.get(KEY)
    value = state.get("play") if state else None
    return clean(value) if isinstance(value, str) else None
