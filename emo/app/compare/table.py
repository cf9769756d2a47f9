"""The table of clips: one component with a row for each, to tick, to open, and to order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from emo import formatting
from emo.app import theme
from emo.app.compare import text as words
from emo.app.compare.collection import DISAGREEMENT, Entry, n_named
from emo.app.components import component
from emo.app.theme import EMOTION_COLOURS
from emo.inference.predictor import MODEL_KEYS, Answer, Prediction
from emo.labels import LABELS
from emo.system.filenames import clean

KEY = "comparison-table"

_ORDER_OF = {"name": "name", "length": "length", "vote": "vote", "agreement": DISAGREEMENT}
_FALLING = ("length",)


@dataclass(frozen=True)
class Picked:
    """What a person did in the table: the clips that are ticked, and one to open, by digest."""

    ticked: tuple[str, ...]
    opened: str | None


def show_clips(
    entries: Sequence[Entry],
    order: str,
    ticked: Sequence[str],
    n_rounds: int,
    take_order: Callable[[], None],
) -> Picked:
    """What is ticked and what is to be opened in a table of the entries.

    Parameters
    ----------
    order
        The one that the entries are in.
    ticked
        Digests that are ticked at first, and again when ``n_rounds`` has changed.
    take_order
        Called when a person asks for another order; :func:`asked_order` then has it.
    """
    result = component("clips")(
        key=_key(n_rounds),
        data=[
            {
                "rows": [row(entry) for entry in entries],
                "columns": [_column(key) for key in words.COLUMNS],
                "order": order,
                "ticked": list(ticked),
                "round": n_rounds,
                "signs": {
                    label: [*EMOTION_COLOURS[label], theme.mask_css(label)] for label in LABELS
                },
                "words": words.TABLE,
            }
        ],
        on_ticked_change=lambda: None,
        on_open_change=lambda: None,
        on_order_change=take_order,
    )
    found = result.get("ticked")
    return Picked(tuple(_texts(ticked if found is None else found)), _text(result.get("open")))


def asked_order(n_rounds: int) -> str | None:
    """The order that was asked for in the table, where it was just now."""
    state = st.session_state.get(_key(n_rounds))
    return _text(state.get("order")) if state else None


def _key(n_rounds: int) -> str:
    return f"{KEY}-{n_rounds}"


def _text(value: Any) -> str | None:
    return clean(value) if isinstance(value, str) else None


def _texts(values: Any) -> list[str]:
    return [clean(value) for value in values if isinstance(value, str)] if values else []


def _column(key: str) -> dict[str, Any]:
    column: dict[str, Any] = {"key": key, "title": words.COLUMNS[key]}
    if key in _ORDER_OF:
        order = _ORDER_OF[key]
        column |= {
            "order": order,
            "order_name": words.ORDER_NAMES[order],
            "falls": key in _FALLING,
        }
    return column


def row(entry: Entry) -> dict[str, Any]:
    """What the table shows of a clip, as plain values."""
    first, *others = entry.given.names
    notes = [words.SYNTHETIC] if entry.given.is_sample else []
    notes += [words.copies(others)] if others else []
    shown: dict[str, Any] = {"id": entry.digest, "name": first}
    found = entry.found
    if isinstance(found, str):
        return shown | {"error": True, "notes": [*notes, found]}
    notes += [*(concern.sentence for concern in found.speech_warnings), *found.warnings]
    return shown | {"notes": notes} | _answered(found)


def _answered(found: Prediction) -> dict[str, Any]:
    return {
        "doubtful": bool(found.speech_warnings),
        "length": formatting.seconds(found.duration_s),
        "answers": {key: _cell(answer) for key, answer in found.answers.items()},
        "agreement": _agreement(found),
    }


def _agreement(found: Prediction) -> str:
    n_models = sum(key in MODEL_KEYS for key in found.answers)
    said = {3: words.AGREEMENTS, 2: words.AGREEMENTS_OF_TWO}.get(n_models, {})
    return said.get(n_named(found), words.NO_AGREEMENT)


def _cell(answer: Answer) -> dict[str, Any]:
    return {
        "label": answer.label,
        "text": f"{answer.label}?" if answer.unsure else answer.label,
        "share": formatting.percent(answer.confidence),
        "note": words.unsure(answer) if len(answer.named) > 1 else "",
        "unsure": answer.unsure,
    }
