"""The ways in on the page *Analyse*: upload, microphone and samples."""

from collections.abc import Callable
from typing import Any

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
_MENU = "samples-menu"


def show_inputs(on_remove: Callable[[], None]) -> Any:
    """Draw the ways in: all of them while there is no clip, and one bar beside its name after that.

    The last one used gives the clip.  Uploader and microphone keep their place in both, as they
    would lose their files in another.

    Parameters
    ----------
    on_remove
        Called when the clip is to be removed.

    Returns
    -------
    DeltaGenerator
        Place of the line that describes the clip.
    """
    source = current_clip.get_source()
    with st.container(border=True, key="ways-in"):
        described = st.empty()
        if source is not None:
            described.text(source.name)
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
        if source is None:
            with st.container(key="samples-place"):
                _show_samples()
        else:
            _show_menu(source, on_remove)
    st.html(html.render("page", "stage_mark", source is not None))
    return described


def _show_menu(source: ClipSource, on_remove: Callable[[], None]) -> None:
    """Draw what the bar has besides upload and microphone."""
    menu = st.popover(text.SAMPLES_MENU, key=_MENU, on_change="rerun")
    with menu:
        _show_samples()
    earlier = _earlier_clip(source)
    if earlier is not None:
        st.button(
            text.back_to(earlier.name),
            on_click=current_clip.set_source,
            args=(earlier,),
            icon=":material/undo:",
            type="tertiary",
            key="earlier-clip",
        )
    st.button(
        text.REMOVE_LABEL,
        on_click=on_remove,
        icon=":material/close:",
        type="tertiary",
        help=text.REMOVE_HELP,
        key="remove-clip",
    )


def _earlier_clip(source: ClipSource) -> ClipSource | None:
    """Return the file that a widget still holds, if another clip replaced it."""
    for name, origin in (("up", UPLOAD), ("mic", RECORDING)):
        file = st.session_state.get(_widget_key(name))
        if file is not None and origin != source.origin:
            return _read(file, origin)
    return None


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
            current_clip.set_source(_read(file, origin))
        return
    source = current_clip.get_source()
    if source is not None and source.origin == origin:
        current_clip.set_source(None)


def _read(file: Any, origin: str) -> ClipSource:
    name = text.RECORDING if origin == RECORDING else filenames.clean(file.name)
    return ClipSource(name, file.getvalue(), origin)


def open_sample(sample: Sample) -> None:
    """Replace the clip by a sample, and close the menu of samples."""
    st.session_state[_MENU] = False
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
