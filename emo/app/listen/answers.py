"""The sound of the clips of the game, and the models' answers to them, cached for all visitors."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from emo.app import common
from emo.app.card.sound import Sound, make_sound
from emo.app.samples import Sample
from emo.audio import isolated
from emo.audio.clip import Clip
from emo.errors import AudioError, ModelError
from emo.inference.predictor import Answer
from emo.server import memory
from emo.system import paths

MAX_CACHED = 100


def read_sound(sample: Sample) -> Sound:
    """Return the sound of a clip; all have the same peak.

    Raises
    ------
    BusyError
        The server has no capacity for it at present.
    AudioError
        The file cannot be decoded.
    """
    return _read_sound(str(paths.SAMPLES_DIR), sample.file)


@st.cache_data(show_spinner=False, max_entries=MAX_CACHED)
def _read_sound(directory: str, file: str) -> Sound:
    with common.task_slot("decode", memory.DECODE_BYTES):
        clip = _decode(directory, file)
    return make_sound(clip)


def predict_sample(sample: Sample) -> Mapping[str, Answer]:
    """Return the answers of the models and the ensemble to a clip; none without models.

    They are those of ``emo predict``: among all emotions, for an unknown voice.

    Raises
    ------
    BusyError
        The server has no capacity for it at present.
    """
    try:
        return _predict(str(paths.SAMPLES_DIR), sample.file)
    except (ModelError, AudioError) as error:
        common.LOG.error("%s", error)  # names folders of the server, which visitors must not see
        return {}


@st.cache_data(show_spinner=False, max_entries=MAX_CACHED)
def _predict(directory: str, file: str) -> dict[str, Answer]:
    with common.task_slot("predict", memory.DECODE_BYTES):
        return dict(common.predict_in_slot(_decode(directory, file)).answers)


def _decode(directory: str, file: str) -> Clip:
    path = Path(directory) / file
    return isolated.shared_decoder().decode(path.read_bytes(), path.name)
