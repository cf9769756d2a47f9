"""The page *Teach it*: clips of one's own, what was learned of them, and the answer *Yours*."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import streamlit as st

from emo.app import common, controls, html
from emo.app.serving import uploads
from emo.app.teach import text as words
from emo.app.teach.session import (
    EXAMPLES,
    FAULTS,
    FITTED,
    WAITING,
    GivenClip,
    examples,
    fitted_head,
    keep_examples,
    loaded_models,
)
from emo.app.text import NO_MODELS, UPLOAD_HELP
from emo.audio import isolated
from emo.errors import AdaptationError, BusyError, EmoError, ModelError
from emo.formatting import percent
from emo.inference import adaptation
from emo.inference.adaptation import Example
from emo.labels import LABELS
from emo.server import memory
from emo.system import filenames

_ROUND = "lessons-round"  # counts what was given; new keys empty the widgets
_EMOTION = "lessons-emotion"
_RECORDED = "lessons-recorded"  # counts the recordings, to name them


# --- Ways in -------------------------------------------------------------------------------------


def _key(name: str) -> str:
    return f"lessons-{name}-{st.session_state.get(_ROUND, 0)}"


def _empty_widgets() -> None:
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


def show_ways_in() -> None:
    """Nothing; the choice of an emotion, and under it an upload of several clips and a recorder.

    These belong to the emotion: what is still under way when another is chosen is dropped, not
    taught under the wrong one.
    """
    with st.container(border=True, key="teach-ways-in"):
        emotion = st.pills(
            words.EMOTION_LABEL,
            LABELS,
            default=controls.value_of(_EMOTION, LABELS[0], LABELS),
            required=True,
            key=_EMOTION,
            persist_state="session",
        )
        left, right = st.columns(2, gap="medium")
        key = _key(f"up-{emotion}")
        left.file_uploader(
            words.UPLOAD_LABEL,
            accept_multiple_files=True,
            key=key,
            on_change=_take_files,
            args=(key, emotion),
            help=f"{UPLOAD_HELP} {words.most()}",
        )
        key = _key(f"mic-{emotion}")
        right.audio_input(
            words.RECORD_LABEL, key=key, on_change=_take_recording, args=(key, emotion)
        )
        st.caption(words.COURTESY)


def _take_files(key: str, emotion: str) -> None:
    files = st.session_state.get(key) or []
    _wait([GivenClip(filenames.clean(file.name), file.getvalue(), emotion) for file in files])


def _take_recording(key: str, emotion: str) -> None:
    file = st.session_state.get(key)
    if file is None:
        return
    number = st.session_state[_RECORDED] = st.session_state.get(_RECORDED, 0) + 1
    _wait([GivenClip(f"{words.RECORDING} {number}", file.getvalue(), emotion)])


def _wait(given: Sequence[GivenClip]) -> None:
    """Put clips in the row of those to be heard, and empty the widgets they came from.

    The server keeps their files for as long as they wait, and counts them.
    """
    waiting = st.session_state.setdefault(WAITING, uploads.PendingClips())
    waiting.extend(given)
    uploads.count_pending(waiting)
    st.session_state[FAULTS] = []
    _empty_widgets()


def process_waiting() -> None:
    """Nothing; turns the clips that wait into lessons, and says which could not be used.

    Clip by clip, so that a click in between loses none.
    """
    waiting: uploads.PendingClips[GivenClip] = (
        st.session_state.get(WAITING) or uploads.PendingClips()
    )
    if waiting:
        total = len(waiting)
        bar = st.progress(0.0)
        while waiting:
            done = total - len(waiting)
            bar.progress(
                done / total, common.escape_markdown(words.LISTENING.format(waiting[0].name))
            )
            _hear(waiting[0])
            uploads.release_uploads([waiting.pop(0).data])
        bar.empty()
        keep_examples(examples())
    faults = st.session_state.get(FAULTS, [])
    if faults:
        with st.container(border=True, key="lessons-faults-shown"):
            for name, sentence in faults:
                st.text(name)
                st.warning(common.escape_markdown(sentence))


def _hear(given: GivenClip) -> None:
    """Make one clip a lesson, or note why not."""
    faults = st.session_state.setdefault(FAULTS, [])
    try:
        with common.task_slot("lesson", memory.DECODE_BYTES):
            prediction = common.predict_in_slot(
                isolated.shared_decoder().decode(given.data, given.name)
            )
        if not len(prediction.hidden):
            raise ModelError(words.NOTHING_TO_LEARN_FROM)
        lesson = adaptation.to_example(given.name, given.emotion, prediction)
        st.session_state[EXAMPLES] = adaptation.add_example(examples(), lesson)
        faults += [
            (given.name, words.taken_anyway(one.sentence)) for one in prediction.speech_warnings
        ]
    except ModelError as error:
        common.LOG.error("%s", error)  # it names folders of the server, which are not for the page
        faults.append((given.name, NO_MODELS))
    except BusyError:
        raise
    except EmoError as error:
        faults.append((given.name, str(error)))
    except Exception:
        common.LOG.exception("a lesson failed")
        faults.append((given.name, words.UNEXPECTED))


# --- The clips -----------------------------------------------------------------------------------


def show_examples() -> None:
    """Nothing; the clips of each emotion, each a button that removes it."""
    if not examples():
        st.caption(words.NO_LESSONS)
        return
    st.header(words.LESSONS_TITLE, anchor=False)
    st.caption(words.LESSONS_NOTE)
    counts = Counter(lesson.emotion for lesson in examples())
    for label in adaptation.example_labels(examples()):
        st.html(html.emotion_line(label, words.count(counts[label])))
        with st.container(horizontal=True, gap="small", key=f"lessons-{label}"):
            for lesson in examples():
                if lesson.emotion == label:
                    _show_chip(lesson)
    needed = words.still_needed(counts)
    if needed:
        st.caption(needed)


def _show_chip(lesson: Example) -> None:
    key = hashlib.sha256(lesson.hidden.tobytes()).hexdigest()[:16]
    st.button(
        common.escape_markdown(words.chip(lesson.name)),
        key=f"lesson-{key}",
        icon=":material/close:",
        help=words.REMOVE_HELP,
        on_click=_remove,
        args=(lesson,),
    )


def _remove(lesson: Example) -> None:
    keep_examples([one for one in examples() if one is not lesson])


# --- What was learned ----------------------------------------------------------------------------


def show_fitted() -> None:
    """Nothing; how often the head and the vote were right, and which emotions it mixes up."""
    learned = fitted_head()
    if learned is None:
        return
    trial = learned.trial
    st.header(words.LEARNED_TITLE, anchor=False)
    with st.container(border=True, key="learned"):
        rows = [
            html.RankingRow(
                name,
                right / trial.clips,
                percent(right / trial.clips),
                words.share(right, trial.clips),
                name == words.YOURS_NAME,
            )
            for name, right in words.ranking_rows(trial)
        ]
        st.html(html.ranking(rows, words.RANKING_CAPTION))
        st.html(html.note(words.how_tested(trial, learned.duration_s)))
        with st.expander(words.CONFUSION_LABEL):
            st.html(
                html.table(
                    (words.CONFUSION_HEAD, *trial.labels),
                    words.confusion_rows(trial.labels, trial.counts.tolist()),
                    words.CONFUSION_CAPTION,
                )
            )
    st.page_link("pages/analyse.py", label=words.TRY_LABEL, icon=":material/arrow_forward:")


# --- The file ------------------------------------------------------------------------------------


def show_files() -> None:
    """Nothing; ways to save what was taught, to load it again, and to forget it."""
    st.header(words.FILE_TITLE, anchor=False)
    st.caption(words.FILE_NOTE)
    if examples():
        with st.container(horizontal=True, vertical_alignment="center", key="lessons-file"):
            st.download_button(
                words.SAVE_LABEL,
                _written(),
                "emo-lessons.json",
                "application/json",
                on_click="ignore",
                icon=":material/download:",
            )
            st.button(
                words.REMOVE_ALL_LABEL,
                on_click=_forget,
                type="tertiary",
                help=words.REMOVE_ALL_HELP,
            )
    key = _key("file")
    st.file_uploader(
        words.LOAD_LABEL,
        type="json",
        max_upload_size=adaptation.MAX_FILE_BYTES // 2**20,
        key=key,
        on_change=_load,
        args=(key,),
    )


def _written() -> Any:
    """What writes the file once it is asked for."""
    kept, digest = examples(), loaded_models()[0]
    return lambda: adaptation.write_examples(kept, digest)


def _load(key: str) -> None:
    """Add the clips of a file to those that are there."""
    file = st.session_state.get(key)
    if file is None:
        return
    st.session_state[FAULTS] = []
    uploads.release_uploads([file.getvalue()])
    _empty_widgets()
    try:
        found = examples()
        for lesson in adaptation.read_examples(file.getvalue(), *loaded_models()):
            found = adaptation.add_example(found, lesson)
        keep_examples(found)
    except AdaptationError as error:
        st.session_state[FAULTS] = [(filenames.clean(file.name), str(error))]
    except ModelError as error:
        common.LOG.error("%s", error)
        st.session_state[FAULTS] = [(filenames.clean(file.name), NO_MODELS)]


def _forget() -> None:
    uploads.release_uploads(one.data for one in st.session_state.get(WAITING, ()))
    for kept in (EXAMPLES, FITTED, WAITING, FAULTS, _RECORDED):
        st.session_state.pop(kept, None)
    _empty_widgets()
