"""The page *Teach it*: a visitor's clips of each emotion, and a head fitted to them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import streamlit as st

from emo.app import common, controls, html
from emo.app.components import component
from emo.app.player_data import join_parts
from emo.app.serving import uploads
from emo.app.teach import prompt, session, sounds, text
from emo.app.teach.session import (
    EXAMPLES,
    FAULTS,
    FITTED,
    PENDING,
    RECORDED,
    REMOVED,
    PendingClip,
    examples,
    fitted_head,
    models_signature,
    set_examples,
)
from emo.app.text import NO_MODELS, PRIVACY_OF_SEVERAL, UPLOAD_HELP
from emo.audio import isolated
from emo.errors import AdaptationError, BusyError, EmoError, ModelError
from emo.formatting import percent
from emo.inference import adaptation
from emo.inference.adaptation import Example
from emo.labels import LABELS
from emo.server import memory
from emo.system import filenames

_ROUND = "examples-round"  # number of uploads; a new key empties a widget
_EMOTION = "examples-emotion"
_HEARD = "example-heard"  # key of the example that is played, and number of plays


# --- Ways in -------------------------------------------------------------------------------------


def _key(name: str) -> str:
    return f"examples-{name}-{st.session_state.get(_ROUND, 0)}"


def _empty_widgets() -> None:
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


def show_ways_in() -> None:
    """Show a choice of emotions, and an uploader and a recorder for the chosen one.

    Their keys contain the emotion, so that a file still under way when another emotion is chosen
    is dropped and not used for the wrong one.
    """
    with st.container(border=True, key="teach-ways-in"):
        emotion = st.pills(
            text.EMOTION_LABEL,
            LABELS,
            default=controls.value_of(_EMOTION, LABELS[0], LABELS),
            required=True,
            key=_EMOTION,
            persist_state="session",
        )
        left, right = st.columns(2, gap="medium")
        key = _key(f"up-{emotion}")
        left.file_uploader(
            text.UPLOAD_LABEL,
            accept_multiple_files=True,
            key=key,
            on_change=_take_files,
            args=(key, emotion),
            help=f"{UPLOAD_HELP} {text.limit()}",
        )
        key = _key(f"mic-{emotion}")
        right.audio_input(
            text.RECORD_LABEL, key=key, on_change=_take_recording, args=(key, emotion)
        )
        st.caption(PRIVACY_OF_SEVERAL)


def _take_files(key: str, emotion: str) -> None:
    files = st.session_state.get(key) or []
    _add_pending(
        [PendingClip(filenames.clean(file.name), file.getvalue(), emotion) for file in files]
    )


def _take_recording(key: str, emotion: str) -> None:
    file = st.session_state.get(key)
    if file is None:
        return
    _add_pending([PendingClip(session.next_name(), file.getvalue(), emotion)])


def _add_pending(clips: Sequence[PendingClip]) -> None:
    """Add clips to the pending ones, and empty the widgets that they came from."""
    session.add_pending(clips)
    _empty_widgets()


def process_pending() -> None:
    """Make the pending clips examples, and show which could not be used.

    Clips are processed one at a time, so that a click in between loses none.
    """
    pending: uploads.PendingClips[PendingClip] = (
        st.session_state.get(PENDING) or uploads.PendingClips()
    )
    if pending:
        total = len(pending)
        bar = st.progress(0.0)
        while pending:
            done = total - len(pending)
            message = text.PROCESSING.format(pending[0].name)
            bar.progress(done / total, common.escape_markdown(message))
            _process(pending[0])
            uploads.release_uploads([pending.pop(0).data])
        bar.empty()
        set_examples(examples())
    faults = st.session_state.get(FAULTS, [])
    if faults:
        with st.container(border=True, key="examples-faults-shown"):
            for name, sentence in faults:
                st.text(name)
                st.warning(common.escape_markdown(sentence))


def _process(clip: PendingClip) -> None:
    """Make a clip an example, or note its fault."""
    try:
        with common.task_slot("example", memory.DECODE_BYTES):
            decoded = isolated.shared_decoder().decode(clip.data, clip.name)
            prediction = common.predict_in_slot(decoded)
            if not len(prediction.hidden):
                raise ModelError(text.NO_HIDDEN_VALUES)
            example = adaptation.to_example(clip.name, clip.emotion, prediction)
            st.session_state[EXAMPLES] = adaptation.add_example(examples(), example)
            sounds.keep_sound(example, decoded)
        if clip.is_prompted:
            prompt.note_recorded(example, prediction.ensemble)
        for warning in prediction.speech_warnings:
            _note_fault(clip, text.used_anyway(warning.sentence))
    except ModelError as error:
        common.LOG.error("%s", error)  # its message names folders of the server
        _note_fault(clip, NO_MODELS)
    except BusyError:
        raise
    except EmoError as error:
        _note_fault(clip, str(error))
    except Exception:
        common.LOG.exception("an example failed")
        _note_fault(clip, text.UNEXPECTED)


def _note_fault(clip: PendingClip, sentence: str) -> None:
    """Show a fault of a clip: on the card that it was recorded from, or in the list of faults."""
    if clip.is_prompted:
        prompt.note_fault(sentence)
    else:
        st.session_state.setdefault(FAULTS, []).append((clip.name, sentence))


# --- The clips -----------------------------------------------------------------------------------


def show_examples() -> None:
    """Show the examples of each emotion, each with a button to hear it and one to remove it."""
    _show_removed()
    if not examples():
        st.caption(text.NO_EXAMPLES)
        return
    st.header(text.EXAMPLES_TITLE, anchor=False)
    st.caption(text.EXAMPLES_NOTE)
    counts = Counter(example.emotion for example in examples())
    for label in adaptation.example_labels(examples()):
        st.html(html.emotion_line(label, text.count(counts[label])))
        with st.container(horizontal=True, gap="small", key=f"examples-{label}"):
            for example in examples():
                if example.emotion == label:
                    _show_chip(example)
    _show_heard()
    needed = text.still_needed(counts)
    if needed:
        st.caption(needed)


def _show_chip(example: Example) -> None:
    key = sounds.key_of(example)
    name = common.escape_markdown(text.chip(example.name))
    with st.container(horizontal=True, gap=None, width="content", key=f"taught-{key}"):
        if sounds.sound_of(example) is not None:
            st.button(
                text.HEAR_LABEL.format(name),
                key=f"hear-{key}",
                icon=":material/play_arrow:",
                on_click=_hear,
                args=(key,),
            )
        st.button(
            name,
            key=f"example-{key}",
            icon=":material/close:",
            help=text.REMOVE_HELP,
            on_click=session.remove,
            args=(example,),
        )


def _show_removed() -> None:
    """Show which example was removed, with a button that puts it back."""
    removed = session.removed_example()
    if removed is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="removed"):
        st.text(text.removed(removed.name, removed.emotion), width="content")
        st.button(text.UNDO_LABEL, key="undo", icon=":material/undo:", on_click=session.put_back)


def _hear(key: str) -> None:
    _, n_played = st.session_state.get(_HEARD, ("", 0))
    st.session_state[_HEARD] = (key, n_played + 1)


def _show_heard() -> None:
    """Play the example whose button was pressed, once for each press."""
    key, n_played = st.session_state.get(_HEARD, ("", 0))
    example = next((one for one in examples() if sounds.key_of(one) == key), None)
    sound = None if example is None else sounds.sound_of(example)
    if example is None or sound is None:
        return
    header = {"n": n_played, "name": example.name, "mime": sound.mime, "words": text.HEARD}
    component("heard")(key="heard", data=join_parts(header, {"sound": sound.data}))


# --- The fitted head -----------------------------------------------------------------------------


def show_fitted() -> None:
    """Show how often the head and the ensemble were right, and which emotions it confuses."""
    fitted = fitted_head()
    if fitted is None:
        return
    cross_validation = fitted.cross_validation
    n_clips, labels = cross_validation.clips, cross_validation.labels
    st.header(text.FITTED_TITLE, anchor=False)
    with st.container(border=True, key="fitted"):
        rows = [
            html.RankingRow(
                name,
                right / n_clips,
                percent(right / n_clips),
                text.share(right, n_clips),
                name == text.YOURS_NAME,
            )
            for name, right in text.ranking_rows(cross_validation)
        ]
        st.html(html.ranking(rows, text.RANKING_CAPTION))
        st.html(html.note(text.how_tested(cross_validation, fitted.duration_s)))
        with st.expander(text.CONFUSION_LABEL):
            st.html(
                html.table(
                    (text.CONFUSION_HEAD, *labels),
                    text.confusion_rows(labels, cross_validation.counts.tolist()),
                    text.CONFUSION_CAPTION,
                )
            )
    st.page_link("pages/analyse.py", label=text.TRY_LABEL, icon=":material/arrow_forward:")


# --- The file ------------------------------------------------------------------------------------


def show_files() -> None:
    """Show buttons that save, load and remove the examples."""
    st.header(text.FILE_TITLE, anchor=False)
    st.caption(text.FILE_NOTE)
    if examples():
        with st.container(horizontal=True, vertical_alignment="center", key="examples-file"):
            st.download_button(
                text.SAVE_LABEL,
                _file_writer(),
                f"{filenames.download_stem('teach', text.count(len(examples())))}.json",
                "application/json",
                on_click="ignore",
                icon=":material/download:",
            )
            st.button(
                text.REMOVE_ALL_LABEL,
                on_click=_remove_all,
                type="tertiary",
                help=text.REMOVE_ALL_HELP,
            )
    key = _key("file")
    st.file_uploader(
        text.LOAD_LABEL,
        type="json",
        max_upload_size=adaptation.MAX_FILE_BYTES // 2**20,
        key=key,
        on_change=_load,
        args=(key,),
    )


def _file_writer() -> Any:
    """Return a function that writes the file when the button is pressed."""
    kept, digest = examples(), models_signature()[0]
    return lambda: adaptation.write_examples(kept, digest)


def _load(key: str) -> None:
    """Add the examples of a saved file to the present ones."""
    file = st.session_state.get(key)
    if file is None:
        return
    st.session_state[FAULTS] = []
    uploads.release_uploads([file.getvalue()])
    _empty_widgets()
    try:
        merged = examples()
        for example in adaptation.read_examples(file.getvalue(), *models_signature()):
            merged = adaptation.add_example(merged, example)
        set_examples(merged)
    except AdaptationError as error:
        st.session_state[FAULTS] = [(filenames.clean(file.name), str(error))]
    except ModelError as error:
        common.LOG.error("%s", error)
        st.session_state[FAULTS] = [(filenames.clean(file.name), NO_MODELS)]


def _remove_all() -> None:
    uploads.release_uploads(clip.data for clip in st.session_state.get(PENDING, ()))
    sounds.drop_sounds()
    prompt.reset()
    for key in (EXAMPLES, FITTED, PENDING, FAULTS, RECORDED, REMOVED, _HEARD):
        st.session_state.pop(key, None)
    _empty_widgets()
