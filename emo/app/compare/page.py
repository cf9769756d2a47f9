"""The page *Compare clips*: several clips at once, a table of the answers, and two side by side."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import streamlit as st

from emo.app import common, controls, current_clip, html, navigation, text, url
from emo.app.compare import collection as compare_collection
from emo.app.compare import pair, table
from emo.app.compare import text as words
from emo.app.compare.collection import (
    ORDERS,
    SHOWS,
    VOTES,
    Entry,
    Found,
    Given,
    TableFilter,
    arrange,
    tally,
)
from emo.app.serving import uploads
from emo.audio import isolated
from emo.errors import AudioError, BusyError, ModelError
from emo.inference import export
from emo.labels import LABELS
from emo.server import memory
from emo.system import paths
from emo.system.filenames import clean

ORIGIN = "comparison"
"""Where a clip comes from that was opened in full."""

BATCH_S = 0.5
"""So long clips are answered before the page shows what is there."""

PAGE, ANALYSE = "pages/compare.py", "pages/analyse.py"

_ROUND = "comparison-round"  # counts how often clips were removed; a new key empties the uploader
_VISIT = "comparison-visit"
_TICKS = "comparison-ticks"  # counts how often ticks were taken away; a new key empties the table's
_IN_UPLOADER = "comparison-in-uploader"  # digest and name of each file there, by its id
_LEFT_OUT = "comparison-left-out"
_TICKED = "comparison-ticked"
_OPTIONS: dict[str, tuple[str, ...]] = {"show": SHOWS, "vote": VOTES, "order": ORDERS}
_FIELDS = (*_OPTIONS, "name")
_USUAL = TableFilter()


# --- Ways in -------------------------------------------------------------------------------------


def show_ways_in() -> None:
    """Nothing; a place for many files, and the samples for who has none at hand."""
    listed = current_clip.list_samples(paths.SAMPLES_DIR)
    samples = [sample for sample in listed if sample["emotion"] in LABELS]  # not the long one
    _begin_visit()
    with st.container(border=True, key="ways-in"):
        key = _uploader_key()
        files = st.file_uploader(
            words.UPLOAD_LABEL,
            accept_multiple_files=True,
            key=key,
            on_change=_take_files,
            args=(key,),
            help=text.UPLOAD_HELP,
        )
        if not files:  # the first visit, or back from another page, where the widget forgets
            st.session_state[_IN_UPLOADER] = {}
        with st.container(horizontal=True, vertical_alignment="center", key="comparison-more"):
            if samples:
                st.button(
                    words.SAMPLES_LABEL,
                    on_click=_take_samples,
                    args=(samples,),
                    help=words.SAMPLES_HELP,
                )
            st.caption(f"{words.LIMITS} {text.COURTESY}")
    left_out = st.session_state.get(_LEFT_OUT)
    if left_out:
        st.warning(common.escape_markdown(words.left_out(left_out)))


def _begin_visit() -> None:
    """Begin with an empty uploader each time that the page is opened.

    The browser forgets the files of a page that was left, but may send them once more: an uploader
    that was thought to hold them would drop their clips with the next file.
    """
    visit = navigation.visit_number()
    if st.session_state.get(_VISIT, visit) != visit:
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.session_state[_VISIT] = visit


def _uploader_key() -> str:
    return f"comparison-up-{st.session_state.get(_ROUND, 0)}"


def _take_files(key: str) -> None:
    """Add what came into the widget, and drop what a person took out of it."""
    collection = compare_collection.collection()
    before: dict[str, tuple[str, str]] = st.session_state.get(_IN_UPLOADER, {})
    found = dict(collection.found)
    files = {file.file_id: file for file in st.session_state.get(key) or ()}
    kept = {before[file_id] for file_id in files if file_id in before}
    for digest, name in set(before.values()) - kept:
        collection.drop(digest, name)
    there: dict[str, tuple[str, str]] = {}
    left_out: list[str] = []
    for file_id, file in files.items():
        known, name = before.get(file_id), clean(file.name)
        held = known[0] if known else collection.add(Given((name,), file.getvalue()))
        if held is None:
            left_out.append(name)
        else:
            there[file_id] = (held, name)
    # What went and came back keeps its answers.
    collection.found |= {one: found[one] for one in found if one in collection.given}
    st.session_state[_IN_UPLOADER] = there
    st.session_state[_LEFT_OUT] = left_out


def _take_samples(samples: Sequence[dict[str, Any]]) -> None:
    clips = [current_clip.read_sample(sample) for sample in samples]
    given = [Given((clip.name,), clip.data, is_sample=True, text=clip.transcript) for clip in clips]
    st.session_state[_LEFT_OUT] = [
        one.names[0] for one in given if compare_collection.collection().add(one) is None
    ]


# --- Answers -------------------------------------------------------------------------------------


def show_progress() -> None:
    """Nothing; says how many clips wait, and what was found in the others."""
    collection = compare_collection.collection()
    done, total = len(collection.found), len(collection.given)
    if done:
        st.html(html.summary(words.summary(tally(collection.entries()))))
    if done < total:
        st.progress(done / total, text=words.answered(done, total))


def answer_more() -> None:
    """Nothing; answers clips that wait for a moment, then lets the page be drawn again."""
    collection = compare_collection.collection()
    waiting = collection.waiting()
    if not waiting:
        return
    stop_at = time.monotonic() + BATCH_S
    for digest in waiting:
        try:
            collection.found[digest] = _answer(collection.given[digest])
        except ModelError as error:
            common.LOG.error(
                "%s", error
            )  # it names folders of the server, which are not for the page
            st.warning(text.NO_MODELS)
            return
        if time.monotonic() > stop_at:
            break
    st.rerun()


def _answer(clip: Given) -> Found:
    """The answers to a clip, or why there are none; what is decoded for them is not kept."""
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
        return text.UNEXPECTED


# --- Which clips, and in which order -------------------------------------------------------------


def choose_view() -> TableFilter:
    """Which clips a person wants to see; it stands in the address, and is kept for the session."""
    _follow_address()
    with st.container(key="comparison-view-bar"):
        shows, votes, orders, names = st.columns([6, 2, 3, 2], gap="small")
        _choose(shows, "segmented_control", "show", words.SHOW_LABEL, words.SHOW_NAMES)
        _choose(votes, "selectbox", "vote", words.VOTE_LABEL, words.VOTE_NAMES)
        _choose(orders, "selectbox", "order", words.ORDER_LABEL, words.ORDER_NAMES)
        key = _key("name")
        names.text_input(
            words.NAME_LABEL,
            value=controls.value_of(key, _USUAL.name),
            key=key,
            persist_state="session",
        )
    view = TableFilter(
        **{one: controls.value_of(_key(one), getattr(_USUAL, one)) for one in _FIELDS}
    )
    _put_into_address(view)
    return view


def _choose(column: Any, kind: str, one: str, label: str, names: dict[str, str]) -> None:
    key, options = _key(one), _OPTIONS[one]
    value = controls.value_of(key, getattr(_USUAL, one), options)
    how: dict[str, Any] = {"index": options.index(value)}
    if kind == "segmented_control":
        how = {"default": value, "wrap": True, "required": True}
    getattr(column, kind)(
        label,
        options,
        key=key,
        format_func=names.__getitem__,
        persist_state="session",
        **how,
    )


def _follow_address() -> None:
    """Set the widgets to what the address asks for when the page is opened."""
    if not url.is_opened("comparison"):
        return
    for field in _FIELDS:
        value = st.query_params.get(field)
        if value is not None and value in _OPTIONS.get(field, (value,)):
            st.session_state[_key(field)] = value


def _put_into_address(view: TableFilter) -> None:
    defaults = asdict(_USUAL)
    url.write({name: value for name, value in asdict(view).items() if value != defaults[name]})


def _key(one: str) -> str:
    return f"comparison-{one}"


def _show_all() -> None:
    for one in ("show", "vote", "name"):
        st.session_state[_key(one)] = getattr(_USUAL, one)


def _take_order() -> None:
    order = table.asked_order(st.session_state.get(_TICKS, 0))
    if order in ORDERS:
        st.session_state[_key("order")] = order


# --- The table, and two side by side -------------------------------------------------------------


def show_table(view: TableFilter) -> None:
    """Nothing; the clips that a view shows, with what can be done with them."""
    entries = arrange(compare_collection.collection().entries(), view)
    picked = table.Picked(_ticked(), None)
    if entries:
        picked = table.show_clips(
            entries, view.order, _ticked(), st.session_state.get(_TICKS, 0), _take_order
        )
        st.caption(words.TABLE_NOTE)
    elif compare_collection.collection().found:
        st.text(words.NOTHING_SHOWN)
        st.button(words.SHOW_ALL_LABEL, on_click=_show_all)
    st.session_state[_TICKED] = picked.ticked
    if picked.opened is not None:
        _open(picked.opened)
    _show_deeds(entries)


def _ticked() -> tuple[str, ...]:
    """Digests of the clips that are ticked and still there."""
    there = compare_collection.collection().found
    return tuple(one for one in st.session_state.get(_TICKED, ()) if one in there)


def _open(digest: str) -> None:
    """Go to the page that shows a clip in full."""
    clip = compare_collection.collection().given.get(digest)
    if clip is None:
        return
    origin = current_clip.SAMPLE if clip.is_sample else ORIGIN
    current_clip.set_source(current_clip.ClipSource(clip.names[0], clip.data, origin, clip.text))
    st.switch_page(ANALYSE)


def _show_deeds(entries: Sequence[Entry]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="comparison-deeds"):
        st.download_button(
            words.CSV_LABEL,
            partial(as_csv, entries),  # made when it is asked for: rows come by and by
            "emo-comparison.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
            help=words.CSV_HELP,
            disabled=not entries,
        )
        if _ticked():
            st.button(words.REMOVE_LABEL, on_click=_remove)
            st.button(words.UNTICK_LABEL, on_click=_untick)
        st.button(words.FORGET_LABEL, on_click=_forget, type="tertiary", help=words.FORGET_HELP)


def as_csv(entries: Sequence[Entry]) -> str:
    """The answers as `python -m emo predict --format csv` prints them, every name with its own."""
    rows = [(name, entry.found) for entry in entries for name in entry.given.names]
    return export.written(export.write_csv, rows)


def _remove() -> None:
    _drop(_ticked())
    _begin_anew()


def _forget() -> None:
    _drop(list(compare_collection.collection().given))
    pair.draw.clear()
    _begin_anew()


def _drop(digests: Sequence[str]) -> None:
    given = compare_collection.collection().given
    uploads.release_uploads(given[digest].data for digest in digests if digest in given)
    for digest in digests:
        compare_collection.collection().drop(digest)


def _begin_anew() -> None:
    """Empty the uploader, whose files need not be the clips that are left."""
    files = st.session_state.get(_uploader_key()) or ()
    uploads.release_uploads(file.getvalue() for file in files)
    st.session_state[_LEFT_OUT] = []
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    _untick()


def _untick() -> None:
    st.session_state[_TICKED] = ()
    st.session_state[_TICKS] = st.session_state.get(_TICKS, 0) + 1


def show_pair() -> None:
    """Nothing; the two clips that are ticked side by side, or how to get there."""
    by_digest = {entry.digest: entry for entry in compare_collection.collection().entries()}
    ticked = [by_digest[digest] for digest in _ticked()]
    read = [(one, one.found) for one in ticked if not isinstance(one.found, str)]
    if len(ticked) == 2 and len(read) == 2:
        pair.show_pair((read[0], read[1]))
        return
    if len(by_digest) < 2:
        return
    if len(ticked) > 2:
        st.caption(words.ticked([one.name for one in ticked]))
    elif len(read) < len(ticked):
        st.caption(words.UNREADABLE)
    else:
        st.caption(words.TICK_ANOTHER if ticked else words.TICK_TWO)


# --- On the page of one clip ---------------------------------------------------------------------


def show_way_back(source: current_clip.ClipSource) -> None:
    """Nothing; on the page of one clip, a link to the others if it is one of several."""
    if compare_collection.collection().holds(source.data):
        st.page_link(PAGE, label=words.BACK_LABEL, icon=":material/arrow_back:")
