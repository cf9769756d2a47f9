"""The ways in on the page *Analyse*: upload, microphone and samples."""

import streamlit as st

from emo.app import common, current_clip, html, samples
from emo.app import text as app_text
from emo.app.analyse import text
from emo.app.current_clip import ClipSource
from emo.app.live import panel as live
from emo.app.samples import Sample
from emo.system import filenames, paths

UPLOAD, RECORDING = "upload", "recording"
"""Origins of a visitor's own clip."""

_FILE_IDS = "input-file-ids"  # id of the last file of each widget
_RESETS = "input-resets"


def show_inputs() -> None:
    """Draw upload, microphone and samples side by side; the last one used gives the clip."""
    with st.container(border=True, key="ways-in"):
        left, right = st.columns(2, gap="medium")
        key = _widget_key("up")
        left.file_uploader(
            text.UPLOAD_LABEL,
            key=key,
            on_change=_update_clip,
            args=(key, UPLOAD),
            help=app_text.UPLOAD_HELP,
        )
        key = _widget_key("mic")
        recorder, beside = right.columns([4, 1], gap="small", vertical_alignment="bottom")
        recorder.audio_input(
            text.RECORD_LABEL, key=key, on_change=_update_clip, args=(key, RECORDING)
        )
        with beside.container(key="beside-recorder"):
            live.show_live()
        _show_samples()


def n_resets() -> int:
    """Return how often the widgets were emptied in this session."""
    return int(st.session_state.get(_RESETS, 0))


def reset_widgets() -> None:
    """Empty the widgets: under new keys they hold no file."""
    st.session_state[_RESETS] = n_resets() + 1


def _widget_key(name: str) -> str:
    return f"{name}-{n_resets()}" if n_resets() else name


def _update_clip(key: str, origin: str) -> None:
    """Replace the clip by the file of a widget, or remove it if the file was removed."""
    file = st.session_state.get(key)
    file_ids: dict[str, str] = st.session_state.setdefault(_FILE_IDS, {})
    if file is not None:
        # A browser whose page was away for a moment sends its file again.
        if file_ids.get(key) != file.file_id:
            file_ids[key] = file.file_id
            name = text.RECORDING if origin == RECORDING else filenames.clean(file.name)
            current_clip.set_source(ClipSource(name, file.getvalue(), origin))
        return
    source = current_clip.get_source()
    if source is not None and source.origin == origin:
        current_clip.set_source(None)


def open_sample(sample: Sample) -> None:
    """Replace the clip by a sample."""
    current_clip.set_source(current_clip.read_sample(sample))


def _show_samples() -> None:
    gallery = samples.read_gallery(paths.SAMPLES_DIR)
    if not gallery:
        st.caption(text.NO_SAMPLES)
        return
    note = text.samples_note(gallery, common.held_out_speakers())
    st.html(html.render("page", "label", text.SAMPLES_LABEL, note))
    source = current_clip.get_source()
    current = source.sample if source is not None else None
    with st.container(horizontal=True, gap="small", key="samples"):
        for sample in gallery:
            st.button(
                text.sample_name(sample.emotion),
                key=f"sample-{sample.emotion}",
                on_click=open_sample,
                args=(sample,),
                type="primary" if sample == current else "secondary",
            )
