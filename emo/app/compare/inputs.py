"""Ways into a comparison: uploaders for files and for a folder, and the samples."""

from collections.abc import Sequence

import streamlit as st

from emo.app import common, current_clip, navigation, samples
from emo.app import text as app_text
from emo.app.compare import text
from emo.app.compare.collection import ClipCollection, UploadedClip, session_clips
from emo.app.samples import Sample
from emo.app.serving import uploads
from emo.labels import LABELS
from emo.system import paths
from emo.system.filenames import clean

FILES, FOLDER = "up", "folder"
"""The two uploaders."""

_ROUND = "comparison-round"  # number of removals of clips; a new key empties the uploaders
_VISIT = "comparison-visit"
_IN_UPLOADER = "comparison-in-uploader"  # by uploader: digest and name of each file, by its id
_LEFT_OUT = "comparison-left-out"

Held = dict[str, tuple[str, str]]
"""Digest and name of each file in an uploader, by the id of the file."""


def show_ways_in() -> None:
    """Show uploaders for several files and for a folder, and a button that adds the samples."""
    gallery = [
        sample
        for sample in samples.read_gallery(paths.SAMPLES_DIR)
        if sample.emotion in LABELS  # not the long one
    ]
    _begin_visit()
    with st.container(border=True, key="ways-in"):
        files, folder = st.columns([3, 2], gap="medium")
        with files:
            _show_uploader(FILES, text.UPLOAD_LABEL, app_text.UPLOAD_HELP)
        with folder, st.container(key="comparison-folder-shown"):  # no phone has folders
            _show_uploader(FOLDER, text.FOLDER_LABEL, text.FOLDER_HELP)
        with st.container(horizontal=True, vertical_alignment="center", key="comparison-more"):
            if gallery:
                st.button(
                    text.SAMPLES_LABEL,
                    on_click=_take_samples,
                    args=(gallery,),
                    help=text.samples_help(gallery),
                )
            st.caption(f"{text.LIMITS} {app_text.PRIVACY_OF_SEVERAL}")
    left_out = st.session_state.get(_LEFT_OUT)
    if left_out:
        st.warning(common.escape_markdown(text.left_out(left_out)))


def _show_uploader(kind: str, label: str, help_text: str) -> None:
    key = uploader_key(kind)
    files = st.file_uploader(
        label,
        accept_multiple_files="directory" if kind == FOLDER else True,
        key=key,
        on_change=_take_files,
        args=(kind, key),
        help=help_text,
    )
    if not files:  # the first visit, or back from another page, which empties the widget
        _held()[kind] = {}


def _begin_visit() -> None:
    """Begin with empty uploaders each time that the page is opened.

    The browser drops the files of a page that was left, but may send them once more. If an
    uploader still counted as holding them, their clips would be removed with the next file.
    """
    visit = navigation.visit_number()
    if st.session_state.get(_VISIT, visit) != visit:
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.session_state[_VISIT] = visit


def uploader_key(kind: str) -> str:
    """Return the present key of an uploader."""
    return f"comparison-{kind}-{st.session_state.get(_ROUND, 0)}"


def _held() -> dict[str, Held]:
    held: dict[str, Held] = st.session_state.setdefault(_IN_UPLOADER, {})
    return held


def _take_files(kind: str, key: str) -> None:
    """Add the new files of an uploader, and remove the clips of files that were taken out."""
    collection = session_clips()
    before = _held().get(kind, {})
    kept_state = ClipCollection({}, dict(collection.results), dict(collection.expected))
    files = {file.file_id: file for file in st.session_state.get(key) or ()}
    kept = {before[file_id] for file_id in files if file_id in before}
    for digest, name in set(before.values()) - kept:
        collection.remove(digest, name)
    after: Held = {}
    left_out: list[str] = []
    for file_id, file in files.items():
        name = clean(file.name)
        if file_id in before:
            after[file_id] = (before[file_id][0], name)
        elif added := collection.add(UploadedClip((name,), file.getvalue())):
            after[file_id] = (added, name)
        else:
            left_out.append(name)
    # A clip that was removed and added again keeps its result and its expected emotion.
    collection.results |= {
        digest: result
        for digest, result in kept_state.results.items()
        if digest in collection.clips
    }
    collection.expect({own: emotion for own, emotion in kept_state.expected.items() if emotion})
    _held()[kind] = after
    st.session_state[_LEFT_OUT] = left_out


def _take_samples(gallery: Sequence[Sample]) -> None:
    left_out: list[str] = []
    for sample in gallery:
        clip = current_clip.read_sample(sample)
        uploaded = UploadedClip((clip.name,), clip.data, sample)
        if session_clips().add(uploaded) is None:
            left_out.append(clip.name)
    st.session_state[_LEFT_OUT] = left_out


def empty_uploaders() -> None:
    """Empty the uploaders, whose files may differ from the clips that are left."""
    for kind in (FILES, FOLDER):
        files = st.session_state.get(uploader_key(kind)) or ()
        uploads.release_uploads(file.getvalue() for file in files)
    st.session_state[_LEFT_OUT] = []
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
