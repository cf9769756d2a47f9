"""The table of clips: a component with a row for each, to tick, to open, and to order."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from emo import formatting
from emo.app import theme
from emo.app.compare import text
from emo.app.compare.collection import DISAGREEMENT, Entry, agreement
from emo.app.components import component
from emo.app.own import served
from emo.app.samples import acted_by
from emo.app.text import SHORT_NAMES, in_short, still_needed
from emo.classifiers.voice import VOICE
from emo.inference.loading import MODEL_KEYS
from emo.inference.predictor import Answer, Prediction
from emo.system.filenames import clean

KEY = "comparison-table"

_ORDER_OF = {
    "name": "name",
    "length": "length",
    "expected": "expected",
    "ensemble": "ensemble",
    "agreement": DISAGREEMENT,
}
_DESCENDING = ("length",)


@dataclass(frozen=True)
class TableSelection:
    """Digests of the clips that are ticked, and of the one to open, if any."""

    ticked: tuple[str, ...]
    opened: str | None


@dataclass(frozen=True)
class TableActions:
    """Functions that are called when the visitor clicked an order or a sound, or chose an emotion.

    ``clicked_order``, ``clicked_sound`` and ``chosen_emotions`` then return which.
    """

    on_order: Callable[[], None]
    on_play: Callable[[], None]
    on_expect: Callable[[], None]


def show_clips(
    entries: Sequence[Entry],
    order: str,
    ticked: Sequence[str],
    n_rounds: int,
    actions: TableActions,
) -> TableSelection:
    """Draw a table of the entries and return what the visitor selected in it.

    Parameters
    ----------
    order
        The present order of the entries.
    ticked
        Digests that are ticked at first, and again when ``n_rounds`` has changed.
    actions
    """
    shown = {key for entry in entries for key in _keys(entry)}
    result = component("clips")(
        key=_key(n_rounds),
        data=[
            {
                "rows": [row(entry) for entry in entries],
                "columns": [_column(key) for key in text.COLUMNS if _is_shown(key, shown)],
                "order": order,
                "ticked": list(ticked),
                "round": n_rounds,
                "signs": theme.looks(served.labels()),
                "labels": list(served.labels()),
                "words": text.TABLE,
            }
        ],
        on_ticked_change=lambda: None,
        on_open_change=lambda: None,
        on_order_change=actions.on_order,
        on_play_change=actions.on_play,
        on_expected_change=actions.on_expect,
    )
    digests = result.get("ticked")
    return TableSelection(
        tuple(_strings(ticked if digests is None else digests)), _string(result.get("open"))
    )


def clicked_order(n_rounds: int) -> str | None:
    """Return the order that the visitor just clicked in the table; None if none."""
    return _string(_state(n_rounds).get("order"))


def clicked_sound(n_rounds: int) -> str | None:
    """Return the digest of the clip that the visitor wants to hear; None if none."""
    return _string(_state(n_rounds).get("play"))


def chosen_emotions(n_rounds: int) -> dict[str, str]:
    """Return the expected emotions that the visitor chose in the table, by digest."""
    chosen = _state(n_rounds).get("expected")
    if not isinstance(chosen, Mapping):
        return {}
    return {
        clean(digest): clean(emotion)
        for digest, emotion in chosen.items()
        if isinstance(digest, str) and isinstance(emotion, str)
    }


def _state(n_rounds: int) -> Mapping[str, Any]:
    return st.session_state.get(_key(n_rounds)) or {}


def _key(n_rounds: int) -> str:
    return f"{KEY}-{n_rounds}"


def _string(value: Any) -> str | None:
    return clean(value) if isinstance(value, str) else None


def _strings(values: Any) -> list[str]:
    return [clean(value) for value in values if isinstance(value, str)] if values else []


def _is_shown(key: str, shown: set[str]) -> bool:
    """Return whether a column is shown: that of a model only where the models are served."""
    if key == VOICE:
        return key in shown
    return key not in MODEL_KEYS or key in served.classifier_keys()


def _column(key: str) -> dict[str, Any]:
    column: dict[str, Any] = {
        "key": key,
        "title": text.COLUMNS[key],
        "is_answer": key in SHORT_NAMES or key == VOICE,
        "is_model": key in MODEL_KEYS,
    }
    if key in _ORDER_OF:
        order = _ORDER_OF[key]
        column |= {
            "order": order,
            "order_name": text.ORDER_NAMES[order],
            "falls": key in _DESCENDING,
        }
    return column


def row(entry: Entry) -> dict[str, Any]:
    """Return the row of a clip as plain values."""
    first, *copies = entry.clip.names
    notes = [acted_by(entry.clip.sample)] if entry.clip.sample else []
    notes += [text.copies(copies)] if copies else []
    cells: dict[str, Any] = {"id": entry.digest, "name": first, "expected": entry.expected}
    result = entry.result
    if isinstance(result, str):
        return cells | {"error": True, "notes": [*notes, result]}
    notes += [*(warning.sentence for warning in result.speech_warnings), *result.warnings]
    return cells | {"notes": notes} | _answers(result)


def _keys(entry: Entry) -> Collection[str]:
    return () if isinstance(entry.result, str) else entry.result.answers


def _answers(result: Prediction) -> dict[str, Any]:
    return {
        "non_speech": bool(result.speech_warnings),
        "length": formatting.seconds(result.duration_s),
        "answers": {key: _cell(answer) for key, answer in result.answers.items()},
        "agreement": text.agreement(agreement(result)),
    }


def _cell(answer: Answer) -> dict[str, Any]:
    return {
        "label": answer.label,
        "text": f"{answer.label}?" if answer.unsure else answer.label,
        "share": formatting.percent(answer.confidence),
        "note": in_short(answer) if answer.unsure else "",
        "lack": still_needed(answer) if answer.unsure else "",
        "unsure": answer.unsure,
    }
