"""The page *Teach it*: clips of one's own, what was learned of them, and the answer *Yours*."""

import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from emo import decoder, memory, names, predict, teach, ui, ui_controls, ui_html, ui_uploads
from emo import ui_teach_words as words
from emo.errors import BusyError, EmoError, LessonError, ModelError
from emo.labels import LABELS
from emo.teach import YOURS, Head, Lesson, Trial
from emo.ui_words import NO_MODELS, NOT_TO_BE_RELIED_ON, UPLOAD_HELP, percent, why_unsure

_LESSONS = "lessons"
_LEARNED = "learned"
_WAITING = "lessons-waiting"  # clips that were given and not heard yet
_FAULTS = "lessons-faults"  # what could not be used of what was given last
_ROUND = "lessons-round"  # counts what was given; new keys empty the widgets
_EMOTION = "lessons-emotion"
_RECORDED = "lessons-recorded"  # counts the recordings, to name them


@dataclass(frozen=True)
class _Given:
    """A clip that waits to be heard."""

    name: str
    data: bytes
    emotion: str


@dataclass(frozen=True, eq=False)
class _Learned:
    """What the lessons taught, and how long learning and testing took."""

    head: Head
    trial: Trial
    duration_s: float


def lessons() -> tuple[Lesson, ...]:
    """The clips that were taught in this session."""
    found: tuple[Lesson, ...] = st.session_state.get(_LESSONS, ())
    return found


def _learned() -> _Learned | None:
    found: _Learned | None = st.session_state.get(_LEARNED)
    return found


def _keep(new: Sequence[Lesson]) -> None:
    """Make these the lessons, and learn from them what can be learned."""
    st.session_state[_LESSONS] = tuple(new)
    usable = teach.usable(new)
    if not usable:
        st.session_state.pop(_LEARNED, None)
        return
    start = time.perf_counter()
    head, trial = teach.learn(usable), teach.cross_validate(usable)
    st.session_state[_LEARNED] = _Learned(head, trial, time.perf_counter() - start)


@st.cache_resource(show_spinner=False)
def _models_here() -> tuple[str, int]:
    """Digest of the models that run here, and how many inner values they give."""
    models = ui.models()
    return teach.models_digest(models), teach.count_hidden(models)


# --- The answer ----------------------------------------------------------------------------------


def with_yours(prediction: predict.Prediction) -> predict.Prediction:
    """The answers to a clip, and that of the head if one was taught in this session."""
    learned = _learned()
    if learned is None or not len(prediction.hidden):
        return prediction
    yours = teach.answer_taught(learned.head, prediction, _threshold())
    return replace(prediction, answers=prediction.answers | {YOURS: yours})


def lesson_of(prediction: predict.Prediction | None) -> Lesson | None:
    """Return the taught clip that has these inner values; None if none has."""
    if prediction is None or not len(prediction.hidden):
        return None
    same = (one for one in lessons() if np.array_equal(one.hidden, prediction.hidden))
    return next(same, None)


def _threshold() -> float:
    return ui.models().calibration.thresholds.get(predict.VOTE, 0.0)


def show_card(prediction: predict.Prediction) -> None:
    """The taught answer, drawn as those of the models."""
    learned, answer = _learned(), prediction.answers[YOURS]
    trust = [NOT_TO_BE_RELIED_ON]
    if learned is not None and not prediction.concerns:
        trust = [why_unsure(answer)] if answer.unsure else []
        trust.append(words.trust(learned.trial))
    st.html(ui_html.card(words.YOURS_NAME, words.YOURS_KIND, answer, ui_html.Trust(trust)))


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
            default=ui_controls.hold(_EMOTION, LABELS[0], LABELS),
            required=True,
            key=_EMOTION,
            on_change=ui_controls.note,
            args=(_EMOTION,),
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
    _wait([_Given(names.clean(file.name), file.getvalue(), emotion) for file in files])


def _take_recording(key: str, emotion: str) -> None:
    file = st.session_state.get(key)
    if file is None:
        return
    number = st.session_state[_RECORDED] = st.session_state.get(_RECORDED, 0) + 1
    _wait([_Given(f"{words.RECORDING} {number}", file.getvalue(), emotion)])


def _wait(given: Sequence[_Given]) -> None:
    """Put clips in the row of those to be heard, and empty the widgets they came from.

    The server keeps their files for as long as they wait, and counts them.
    """
    waiting = st.session_state.setdefault(_WAITING, ui_uploads.Waiting())
    waiting.extend(given)
    ui_uploads.count_waiting(waiting)
    st.session_state[_FAULTS] = []
    _empty_widgets()


def hear_what_was_given() -> None:
    """Nothing; turns the clips that wait into lessons, and says which could not be used.

    Clip by clip, so that a click in between loses none.
    """
    waiting: ui_uploads.Waiting[_Given] = st.session_state.get(_WAITING) or ui_uploads.Waiting()
    if waiting:
        total = len(waiting)
        bar = st.progress(0.0)
        while waiting:
            done = total - len(waiting)
            bar.progress(done / total, ui.plain(words.LISTENING.format(waiting[0].name)))
            _hear(waiting[0])
            ui_uploads.let_go([waiting.pop(0).data])
        bar.empty()
        _keep(lessons())
    faults = st.session_state.get(_FAULTS, [])
    if faults:
        with st.container(border=True, key="lessons-faults-shown"):
            for name, sentence in faults:
                st.text(name)
                st.warning(ui.plain(sentence))


def _hear(given: _Given) -> None:
    """Make one clip a lesson, or note why not."""
    faults = st.session_state.setdefault(_FAULTS, [])
    try:
        with ui.turn("lesson", memory.DECODE_BYTES):
            prediction = ui.predict_decoded(decoder.shared().decode(given.data, given.name))
        if not len(prediction.hidden):
            raise ModelError(words.NOTHING_TO_LEARN_FROM)
        lesson = teach.as_lesson(given.name, given.emotion, prediction)
        st.session_state[_LESSONS] = teach.add_lesson(lessons(), lesson)
        faults += [(given.name, words.taken_anyway(one.sentence)) for one in prediction.concerns]
    except ModelError as error:
        ui.LOG.error("%s", error)  # it names folders of the server, which are not for the page
        faults.append((given.name, NO_MODELS))
    except BusyError:
        raise
    except EmoError as error:
        faults.append((given.name, str(error)))
    except Exception:
        ui.LOG.exception("a lesson failed")
        faults.append((given.name, words.UNEXPECTED))


# --- The clips -----------------------------------------------------------------------------------


def show_lessons() -> None:
    """Nothing; the clips of each emotion, each a button that removes it."""
    if not lessons():
        st.caption(words.NO_LESSONS)
        return
    st.header(words.LESSONS_TITLE, anchor=False)
    st.caption(words.LESSONS_NOTE)
    counts = Counter(lesson.emotion for lesson in lessons())
    for label in teach.taught_labels(lessons()):
        st.html(ui_html.emotion_line(label, words.count(counts[label])))
        with st.container(horizontal=True, gap="small", key=f"lessons-{label}"):
            for lesson in lessons():
                if lesson.emotion == label:
                    _show_chip(lesson)
    needed = words.still_needed(counts)
    if needed:
        st.caption(needed)


def _show_chip(lesson: Lesson) -> None:
    key = hashlib.sha256(lesson.hidden.tobytes()).hexdigest()[:16]
    st.button(
        ui.plain(words.chip(lesson.name)),
        key=f"lesson-{key}",
        icon=":material/close:",
        help=words.REMOVE_HELP,
        on_click=_remove,
        args=(lesson,),
    )


def _remove(lesson: Lesson) -> None:
    _keep([one for one in lessons() if one is not lesson])


# --- What was learned ----------------------------------------------------------------------------


def show_learned() -> None:
    """Nothing; how often the head and the vote were right, and which emotions it mixes up."""
    learned = _learned()
    if learned is None:
        return
    trial = learned.trial
    st.header(words.LEARNED_TITLE, anchor=False)
    with st.container(border=True, key="learned"):
        rows = [
            ui_html.Ranked(
                name,
                right / trial.clips,
                percent(right / trial.clips),
                words.share(right, trial.clips),
                name == words.YOURS_NAME,
            )
            for name, right in words.ranking_rows(trial)
        ]
        st.html(ui_html.ranking(rows, words.RANKING_CAPTION))
        st.html(ui_html.note(words.how_tested(trial, learned.duration_s)))
        with st.expander(words.CONFUSION_LABEL):
            st.html(
                ui_html.table(
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
    if lessons():
        with st.container(horizontal=True, vertical_alignment="center", key="lessons-file"):
            st.download_button(
                words.SAVE_LABEL,
                _written(),
                "emo-lessons.json",
                "application/json",
                on_click="ignore",
                icon=":material/download:",
            )
            st.button(words.FORGET_LABEL, on_click=_forget, type="tertiary", help=words.FORGET_HELP)
    key = _key("file")
    st.file_uploader(
        words.LOAD_LABEL,
        type="json",
        max_upload_size=teach.MAX_FILE_BYTES // 2**20,
        key=key,
        on_change=_load,
        args=(key,),
    )


def _written() -> Any:
    """What writes the file once it is asked for."""
    kept, digest = lessons(), _models_here()[0]
    return lambda: teach.write_lessons(kept, digest)


def _load(key: str) -> None:
    """Add the clips of a file to those that are there."""
    file = st.session_state.get(key)
    if file is None:
        return
    st.session_state[_FAULTS] = []
    ui_uploads.let_go([file.getvalue()])
    _empty_widgets()
    try:
        found = lessons()
        for lesson in teach.read_lessons(file.getvalue(), *_models_here()):
            found = teach.add_lesson(found, lesson)
        _keep(found)
    except LessonError as error:
        st.session_state[_FAULTS] = [(names.clean(file.name), str(error))]
    except ModelError as error:
        ui.LOG.error("%s", error)
        st.session_state[_FAULTS] = [(names.clean(file.name), NO_MODELS)]


def _forget() -> None:
    ui_uploads.let_go(one.data for one in st.session_state.get(_WAITING, ()))
    for kept in (_LESSONS, _LEARNED, _WAITING, _FAULTS, _RECORDED):
        st.session_state.pop(kept, None)
    _empty_widgets()
