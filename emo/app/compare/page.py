"""The page *Compare clips*: a table of the answers to several clips, and two side by side."""

import csv
import io
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import streamlit as st

from emo.app import among, common, controls, current_clip, html, url
from emo.app import text as app_text
from emo.app.compare import clip_map, inputs, pair, score, send, sound, table, text
from emo.app.compare.collection import (
    ANY,
    ORDERS,
    SHOWS,
    Entry,
    Result,
    TableFilter,
    UploadedClip,
    count_clips,
    ensemble_answers,
    filter_entries,
    session_clips,
)
from emo.app.own import served
from emo.app.serving import uploads
from emo.app.teach import session as teach_session
from emo.audio import isolated
from emo.classifiers.voice import VOICE
from emo.errors import AudioError, BusyError, ModelError
from emo.inference import export
from emo.inference.known_voice import know_speakers
from emo.inference.predictor import Prediction
from emo.server import memory
from emo.system.filenames import download_stem

ORIGIN = "comparison"
"""Origin of a clip that was opened from the comparison."""

BATCH_S = 0.5
"""Time for which clips are answered before the page shows the results so far."""

PAGE, ANALYSE, TEACH = "pages/compare.py", "pages/analyse.py", "pages/teach.py"

SPEAKER_PARAM, SAME = "speaker", "same"
"""Parameter of the address, and its value where all clips are of one speaker."""

_TICKS = "comparison-ticks"  # number of removals of ticks; a new key empties the table's
_TICKED = "comparison-ticked"
_ONE_SPEAKER = "comparison-one-speaker"
_EXPECT_TICKED = "comparison-expect-ticked"
_OPTIONS: dict[str, tuple[str, ...]] = {
    "show": SHOWS,
    "order": ORDERS,
}
_FIELDS = ("show", "ensemble", "order", "name")
_DEFAULT = TableFilter()


# --- Answers -------------------------------------------------------------------------------------


def read_entries() -> list[Entry]:
    """Return the clips with a result, its answers among the emotions that can occur.

    Where all clips are stated to be of one speaker, they have an answer with the voice known too.
    """
    entries = session_clips().entries()
    answered = {
        entry.digest: among.choose(entry.result)
        for entry in entries
        if isinstance(entry.result, Prediction)
    }
    if answered and is_one_speaker():
        known = know_speakers(list(answered.values()), ["one"] * len(answered), common.models())
        answered = dict(zip(answered, known, strict=True))
    return [replace(entry, result=answered.get(entry.digest, entry.result)) for entry in entries]


def is_one_speaker() -> bool:
    """Return whether all clips are stated to be of one speaker."""
    return bool(controls.value_of(_ONE_SPEAKER, False))


def show_progress(entries: Sequence[Entry]) -> None:
    """Show how many clips are pending, and a summary of the others."""
    collection = session_clips()
    done, total = len(collection.results), len(collection.clips)
    if entries:
        right = [entry.is_right for entry in entries if entry.is_right is not None]
        st.html(html.summary(text.summary(count_clips(entries), sum(right), len(right))))
    if done < total:
        st.progress(done / total, text=text.answered(done, total))


def answer_more() -> None:
    """Answer pending clips for a moment, then draw the page again."""
    collection = session_clips()
    pending = collection.pending()
    if not pending:
        return
    stop_at = time.monotonic() + BATCH_S
    for digest in pending:
        try:
            collection.results[digest] = _answer(collection.clips[digest])
        except ModelError as error:
            # The message names folders of the server, so it is not shown on the page.
            common.LOG.error("%s", error)
            st.warning(app_text.NO_MODELS)
            return
        if time.monotonic() > stop_at:
            break
    st.rerun()


def _answer(clip: UploadedClip) -> Result:
    """Return the answers to a clip, or why there are none; its decoded sound is not kept."""
    try:
        with common.task_slot("compare", memory.DECODE_BYTES):
            return common.predict_in_slot(
                isolated.shared_decoder().decode(clip.data, clip.names[0])
            )
    except AudioError as error:
        return str(error)
    except (BusyError, ModelError):
        raise
    except Exception:
        common.LOG.exception("a clip of a comparison failed")
        return app_text.UNEXPECTED


# --- Which clips, and in which order -------------------------------------------------------------


def choose_filter() -> TableFilter:
    """Draw the filter of the table and return it; the URL and the session keep it."""
    among.show_choice("compare")
    with st.container(key="comparison-view-bar"):
        shows, votes, orders, names = st.columns([7, 2, 2.7, 1.7], gap="small")
        _choose(shows, "segmented_control", "show", text.SHOW_LABEL, text.SHOW_NAMES)
        answers = {key: key for key in ensemble_answers()} | {ANY: text.ANY_EMOTION}
        _choose(votes, "selectbox", "ensemble", text.ENSEMBLE_LABEL, answers)
        _choose(orders, "selectbox", "order", text.ORDER_LABEL, text.ORDER_NAMES)
        key = _key("name")
        names.text_input(
            text.NAME_LABEL,
            value=controls.value_of(key, _DEFAULT.name),
            key=key,
            persist_state="session",
        )
    st.toggle(
        text.ONE_SPEAKER_LABEL,
        is_one_speaker(),
        key=_ONE_SPEAKER,
        help=text.ONE_SPEAKER_HELP,
        persist_state="session",
    )
    table_filter = TableFilter(
        **{name: controls.value_of(_key(name), getattr(_DEFAULT, name)) for name in _FIELDS}
    )
    _write_url(table_filter)
    return table_filter


def _options(name: str, otherwise: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the values of a choice above the table; others for a field without a choice."""
    return ensemble_answers() if name == "ensemble" else _OPTIONS.get(name, otherwise)


def _choose(column: Any, widget: str, name: str, label: str, options: dict[str, str]) -> None:
    key, values = _key(name), _options(name)
    value = controls.value_of(key, getattr(_DEFAULT, name), values)
    default: dict[str, Any] = {"index": values.index(value)}
    if widget == "segmented_control":
        default = {"default": value, "wrap": True, "required": True}
    getattr(column, widget)(
        label,
        values,
        key=key,
        format_func=options.__getitem__,
        persist_state="session",
        **default,
    )


def show_voice(entries: Sequence[Entry]) -> None:
    """Show whether the voice is known, or why the plain answers are kept."""
    results = [entry.result for entry in entries if isinstance(entry.result, Prediction)]
    known = [result for result in results if VOICE in result.answers]
    if known:
        st.caption(text.voice_known(known[0].voice_clips))
    plain = [result.voice_note for result in results if VOICE not in result.answers]
    for note in filter(None, dict.fromkeys(plain)):
        st.caption(common.escape_markdown(f"{note[0].upper()}{note[1:]}"))


def read_url() -> None:
    """Set the widgets to the values in the URL when the page is opened."""
    if not url.is_opened("comparison"):
        return
    for name in _FIELDS:
        value = st.query_params.get(name)
        if value is not None and value in _options(name, (value,)):
            st.session_state[_key(name)] = value
    if st.query_params.get(SPEAKER_PARAM) == SAME:
        st.session_state[_ONE_SPEAKER] = True
    if labels := among.read_param(st.query_params.get(among.PARAM)):
        among.set_to(labels)


def _write_url(table_filter: TableFilter) -> None:
    defaults = asdict(_DEFAULT)
    values = asdict(table_filter).items()
    params = {name: value for name, value in values if value != defaults[name]}
    speaker = SAME if is_one_speaker() else ""
    labels = among.write_param(among.chosen())
    url.write(params | {SPEAKER_PARAM: speaker, among.PARAM: labels})


def _key(name: str) -> str:
    return f"comparison-{name}"


def _show_all() -> None:
    for name in ("show", "ensemble", "name"):
        st.session_state[_key(name)] = getattr(_DEFAULT, name)


def _n_rounds() -> int:
    """Return the number of the present table, which a new one gets when its ticks are removed."""
    return int(st.session_state.get(_TICKS, 0))


def _set_order() -> None:
    order = table.clicked_order(_n_rounds())
    if order in ORDERS:
        st.session_state[_key("order")] = order


def _play_row() -> None:
    if digest := table.clicked_sound(_n_rounds()):
        sound.request(digest)


def _play_sign() -> None:
    if digest := clip_map.clicked_clip():
        sound.request(digest)


def _expect() -> None:
    session_clips().expect(table.chosen_emotions(_n_rounds()))


def _expect_ticked() -> None:
    """Expect one emotion of all ticked clips, in a new table with the same ticks."""
    emotion = st.session_state.get(_EXPECT_TICKED)
    if emotion is not None:
        session_clips().expect(dict.fromkeys(_ticked(), emotion))
        st.session_state[_EXPECT_TICKED] = None
        st.session_state[_TICKS] = _n_rounds() + 1


# --- The table, and two side by side -------------------------------------------------------------


def show_table(everything: Sequence[Entry], table_filter: TableFilter) -> None:
    """Show the clips that a filter passes, and the buttons under their table."""
    entries = filter_entries(everything, table_filter)
    selection = table.TableSelection(_ticked(), None)
    if entries:
        actions = table.TableActions(_set_order, _play_row, _expect)
        selection = table.show_clips(entries, table_filter.order, _ticked(), _n_rounds(), actions)
        st.caption(text.TABLE_NOTE)
    elif session_clips().results:
        st.text(text.NOTHING_SHOWN)
        st.button(text.SHOW_ALL_LABEL, on_click=_show_all)
    st.session_state[_TICKED] = selection.ticked
    if selection.opened is not None:
        _open(selection.opened)
    _show_buttons(entries, len(everything))


def _ticked() -> tuple[str, ...]:
    """Return the digests of the clips that are ticked and not removed."""
    results = session_clips().results
    return tuple(digest for digest in st.session_state.get(_TICKED, ()) if digest in results)


def _open(digest: str) -> None:
    """Go to the page that shows a clip in full."""
    clip = session_clips().clips.get(digest)
    if clip is None:
        return
    origin = current_clip.SAMPLE if clip.sample else ORIGIN
    current_clip.set_source(current_clip.ClipSource(clip.names[0], clip.data, origin, clip.sample))
    st.switch_page(ANALYSE)


def _show_buttons(entries: Sequence[Entry], n_clips: int) -> None:
    ticked = _ticked()
    chosen = [entry for entry in entries if not ticked or entry.digest in ticked]
    examples = send.sendable(chosen)
    with st.container(horizontal=True, vertical_alignment="bottom", key="comparison-buttons"):
        st.download_button(
            text.csv_label(len(entries), n_clips),
            partial(as_csv, entries),  # written on demand, because rows are still being added
            f"{download_stem('compare', text.clips(len(entries)))}.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
            help=text.CSV_HELP,
            disabled=not entries,
        )
        if st.button(
            text.send_label(len(examples)),
            icon=":material/school:",
            help=text.SEND_HELP,
            disabled=not examples,
            key="comparison-send",
        ):
            st.session_state[teach_session.FAULTS] = send.send(examples)
            st.switch_page(TEACH)
        if ticked:
            st.selectbox(
                text.EXPECT_TICKED_LABEL,
                served.labels(),
                index=None,
                placeholder=text.EXPECT_NOTHING,
                key=_EXPECT_TICKED,
                on_change=_expect_ticked,
                width=180,
            )
            st.button(text.REMOVE_TICKED_LABEL, on_click=_remove_ticked)
            st.button(text.UNTICK_LABEL, on_click=_untick)
        st.button(
            text.REMOVE_ALL_LABEL, on_click=_remove_all, type="tertiary", help=text.REMOVE_ALL_HELP
        )


def as_csv(entries: Sequence[Entry]) -> str:
    """Return the answers as ``emo predict --format csv`` prints them, with rows for every name.

    The last column holds the expected emotion, where any clip has one.
    """
    rows = [(name, entry.result) for entry in entries for name in entry.clip.names]
    written = export.written(export.write_csv, rows)
    if not any(entry.expected for entry in entries):
        return written
    expected = [
        entry.expected
        for entry in entries
        for _ in entry.clip.names
        for _ in (() if isinstance(entry.result, str) else entry.result.answers) or ("",)
    ]
    head, *lines = csv.reader(io.StringIO(written))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [[*head, "expected"], *([*line, own] for line, own in zip(lines, expected, strict=True))]
    )
    return out.getvalue()


def _remove_ticked() -> None:
    _remove(_ticked())


def _remove_all() -> None:
    _remove(list(session_clips().clips))
    pair.draw.clear()


def _remove(digests: Sequence[str]) -> None:
    collection = session_clips()
    uploads.release_uploads(collection.clips[digest].data for digest in digests)
    for digest in digests:
        collection.remove(digest)
    inputs.empty_uploaders()
    _untick()


def _untick() -> None:
    st.session_state[_TICKED] = ()
    st.session_state[_TICKS] = _n_rounds() + 1


def show_overview(entries: Sequence[Entry]) -> None:
    """Show how often the answers are the expected ones, and a map of the clips."""
    left, right = st.columns(2, gap="medium")
    with left, st.container(key="comparison-score-shown"):
        score.show_score(score.score(entries))
    with right, st.container(key="comparison-map-shown"):
        clip_map.show_map(entries, _play_sign)


def show_pair(entries: Sequence[Entry]) -> None:
    """Show the two ticked clips side by side, or a hint on how to get there."""
    by_digest = {entry.digest: entry for entry in entries}
    ticked = [by_digest[digest] for digest in _ticked()]
    read = [(entry, entry.result) for entry in ticked if not isinstance(entry.result, str)]
    if len(ticked) == 2 and len(read) == 2:
        pair.show_pair((read[0], read[1]))
        return
    if len(by_digest) < 2:
        return
    if len(ticked) > 2:
        st.caption(text.ticked([entry.name for entry in ticked]))
    elif len(read) < len(ticked):
        st.caption(text.UNREADABLE)
    else:
        st.caption(text.TICK_ANOTHER if ticked else text.TICK_TWO)


# --- On the page of one clip ---------------------------------------------------------------------


def show_way_back(source: current_clip.ClipSource) -> None:
    """Show a link back to the comparison on the page of a clip that is part of it."""
    if session_clips().contains(source.data):
        st.page_link(PAGE, label=text.BACK_LABEL, icon=":material/arrow_back:")
