"""The guests on the page of matrices: models of others, beside those of Emo."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from emo.app import common
from emo.app import text as app_text
from emo.app.matrices import guest_text, text
from emo.app.own import served
from emo.errors import EmoError
from emo.evaluation.guests import folders
from emo.evaluation.guests.folders import DESCRIPTION, Guest
from emo.evaluation.guests.table import read_guest_predictions
from emo.evaluation.predictions import predictions_file
from emo.evaluation.stored import METRICS, ProtocolFigures, read_metrics
from emo.evaluation.subsets import Tables
from emo.system import paths

Stamps = tuple[tuple[str, float], ...]
"""Path of each file and when it was last written."""


def _stamps(files: list[Path]) -> Stamps:
    return tuple((str(path), path.stat().st_mtime) for path in files if path.is_file())


def guests() -> Mapping[str, Guest]:
    """Return every guest whose folder can be read, by key."""
    models = paths.MODELS_DIR
    keys = folders.list_guests(models)
    files = [folders.guests_directory(models) / key / DESCRIPTION for key in keys]
    return _read_guests(models, _stamps(files))


@st.cache_resource(max_entries=2, show_spinner=False)
def _read_guests(_models: Path, stamps: Stamps) -> dict[str, Guest]:
    guests: dict[str, Guest] = {}
    for path, _ in stamps:
        try:
            guest = folders.read_guest(_models, Path(path).parent.name)
        except EmoError as error:
            common.LOG.error("%s", error)  # it names folders of the server
        else:
            guests[guest.key] = guest
    return guests


def model_name(key: str) -> str:
    """Return the name of a model, of the ensemble, of the listeners, or of a guest."""
    guest = None if key in app_text.MODEL_NAMES else guests().get(key)
    return guest.name if guest else text.model_name(key)


def with_guests(metrics: common.Metrics, protocol: str, source_protocol: str) -> common.Metrics:
    """Return the scores of the models, and those of each guest that was tested in this way.

    Parameters
    ----------
    metrics
        Scores of the models by key and protocol.
    protocol
        The chosen protocol.
    source_protocol
        The protocol whose predictions are behind it; a guest whose own cannot be read is left out.
    """
    own: common.Metrics = {}
    for key in guests():
        blocks = _metrics(key)
        if protocol in blocks and (_is_installed() or key in predictions(source_protocol)):
            own[key] = blocks
    return {**metrics, **own}


def _is_installed() -> bool:
    """Return True if the predictions of all models are left out, as in an installed package."""
    return not any(paths.MODELS_DIR.glob("*/predictions"))


def _metrics(key: str) -> dict[str, ProtocolFigures]:
    folder = folders.guests_directory(paths.MODELS_DIR)
    return _read_metrics(folder, key, _stamps([folder / key / METRICS]))


@st.cache_resource(max_entries=32, show_spinner=False)
def _read_metrics(_folder: Path, key: str, stamps: Stamps) -> dict[str, ProtocolFigures]:
    try:
        return read_metrics(_folder, key)["protocols"]
    except (OSError, EmoError) as error:
        common.LOG.error("%s", error)
        return {}


def predictions(protocol: str) -> Tables:
    """Return the predictions of each guest under a protocol, checked; faulty ones are left out."""
    models = paths.MODELS_DIR
    keys = [key for key, guest in guests().items() if protocol in guest.protocols]
    folder = folders.guests_directory(models)
    files = [predictions_file(folder, key, protocol) for key in keys]
    return _read_predictions(models, protocol, _stamps(files))


@st.cache_resource(max_entries=4, show_spinner=text.READING)
def _read_predictions(_models: Path, protocol: str, stamps: Stamps) -> Tables:
    tables: Tables = {}
    for path, _ in stamps:
        try:
            _, table = read_guest_predictions(Path(path), _models, protocol)
        except EmoError as error:
            common.LOG.error("%s", error)
        else:
            tables[Path(path).parents[1].name] = table
    return tables


def read_ahead() -> None:
    """Read the guests' predictions that the page needs first, so that no visitor waits for them."""
    if not served.is_own():
        predictions(next(iter(text.PROTOCOL_NAMES)))


# --- What the page says of them ------------------------------------------------------------------


def show_heading(keys: list[str]) -> None:
    """Show the heading of the guests, and what it means that they are guests."""
    st.subheader(guest_text.GUESTS_TITLE, anchor=False)
    st.caption(guest_text.guests_note([model_name(key) for key in keys]))


def show_sources(keys: list[str]) -> None:
    """Show what each guest is, on what it was trained, whom to cite, and its licence."""
    for key in keys:
        guest = guests()[key]
        parts = [guest.description, guest_text.trained_on(guest.trained_on), guest.citation]
        sentences = [_sentence(common.escape_markdown(part)) for part in parts]
        if guest.url:
            sentences.append(f"<{guest.url}>.")
        sentences.append(common.escape_markdown(guest_text.licence(guest.licence)))
        st.markdown(f"**{guest.name}** ({guest_text.GUEST}). {' '.join(sentences)}")


def _sentence(part: str) -> str:
    return part if part.endswith((".", "!", "?")) else f"{part}."
