"""The page *Compare clips*: a table of the answers to several clips, and two side by side."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import streamlit as st

from emo.app import among, common, controls, current_clip, html, navigation, samples, url
from emo.app import text as app_text
from emo.app.compare import pair, table, text
from emo.app.compare.collection import (
    ENSEMBLE_ANSWERS,
    ORDERS,
    SHOWS,
    Entry,
    Result,
    TableFilter,
    UploadedClip,
    count_clips,
    filter_entries,
    session_clips,
)
from emo.app.samples import Sample
from emo.app.serving import uploads
from emo.audio import isolated
from emo.errors import AudioError, BusyError, ModelError
from emo.inference import export
from emo.labels import LABELS
from emo.server import memory
from emo.system import paths
from emo.system.filenames import clean

ORIGIN = "comparison"
"""Origin of a clip that was opened from the comparison."""

BATCH_S = 0.5
"""Time for which clips are answered before the page shows the results so far."""

PAGE, ANALYSE = "pages/compare.py", "pages/analyse.py"

_ROUND = "comparison-round"  # number of removals of clips; a new key empties the uploader
_VISIT = "comparison-visit"
_TICKS = "comparison-ticks"  # number of removals of ticks; a new key empties the table's
_IN_UPLOADER = "comparison-in-uploader"  # digest and name of each file there, by its id
_LEFT_OUT = "comparison-left-out"
_TICKED = "comparison-ticked"
_OPTIONS: dict[str, tuple[str, ...]] = {
    "show": SHOWS,
    "ensemble": ENSEMBLE_ANSWERS,
    "order": ORDERS,
}
_FIELDS = (*_OPTIONS, "name")
_DEFAULT = TableFilter()


# --- Ways in -------------------------------------------------------------------------------------


def show_ways_in() -> None:
    """Show an uploader for several files, and a button that adds the samples."""
    gallery = [
        sample
        for sample in samples.read_gallery(paths.SAMPLES_DIR)
        if sample.emotion in LABELS  # not the long one
    ]
    _begin_visit()
    _read_url()
    with st.container(border=True, key="ways-in"):
        key = _uploader_key()
        files = st.file_uploader(
            text.UPLOAD_LABEL,
            accept_multiple_files=True,
            key=key,
            on_change=_take_files,
            args=(key,),
            help=app_text.UPLOAD_HELP,
        )
        if not files:  # the first visit, or back from another page, which empties the widget
            st.session_state[_IN_UPLOADER] = {}
        with st.container(horizontal=True, vertical_alignment="center", key="comparison-more"):
            if gallery:
                st.button(
                    text.SAMPLES_LABEL,
                    on_click=_take_samples,
                    args=(gallery,),
                    help=text.samples_help(gallery),
                )
            st.caption(f"{text.LIMITS} {app_text.COURTESY}")
    left_out = st.session_state.get(_LEFT_OUT)
    if left_out:
        st.warning(common.escape_markdown(text.left_out(left_out)))


def _begin_visit() -> None:
    """Begin with an empty uploader each time that the page is opened.

    The browser drops the files of a page that was left, but may send them once more. If the
    uploader still counted as holding them, their clips would be removed with the next file.
    """
    visit = navigation.visit_number()
    if st.session_state.get(_VISIT, visit) != visit:
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.session_state[_VISIT] = visit


def _uploader_key() -> str:
    return f"comparison-up-{st.session_state.get(_ROUND, 0)}"


def _take_files(key: str) -> None:
    """Add the new files of the widget, and remove the clips of files that were taken out."""
    collection = session_clips()
    before: dict[str, tuple[str, str]] = st.session_state.get(_IN_UPLOADER, {})
    results = dict(collection.results)
    files = {file.file_id: file for file in st.session_state.get(key) or ()}
    kept = {before[file_id] for file_id in files if file_id in before}
    for digest, name in set(before.values()) - kept:
        collection.remove(digest, name)
    after: dict[str, tuple[str, str]] = {}
    left_out: list[str] = []
    for file_id, file in files.items():
        name = clean(file.name)
        if file_id in before:
            after[file_id] = (before[file_id][0], name)
        elif added := collection.add(UploadedClip((name,), file.getvalue())):
            after[file_id] = (added, name)
        else:
            left_out.append(name)
    # A clip that was removed and added again keeps its result.
    collection.results |= {
        digest: result for digest, result in results.items() if digest in collection.clips
    }
    st.session_state[_IN_UPLOADER] = after
    st.session_state[_LEFT_OUT] = left_out


def _take_samples(gallery: Sequence[Sample]) -> None:
    left_out: list[str] = []
    for sample in gallery:
        clip = current_clip.read_sample(sample)
        uploaded = UploadedClip((clip.name,), clip.data, sample)
        if session_clips().add(uploaded) is None:
            left_out.append(clip.name)
    st.session_state[_LEFT_OUT] = left_out


# --- Answers -------------------------------------------------------------------------------------


def _entries() -> list[Entry]:
    """Return the clips with a result, its answers among the emotions that can occur."""
    return [
        entry
        if isinstance(entry.result, str)
        else replace(entry, result=among.choose(entry.result))
        for entry in session_clips().entries()
    ]


def show_progress() -> None:
    """Show how many clips are pending, and a summary of the others."""
    collection = session_clips()
    done, total = len(collection.results), len(collection.clips)
    if done:
        st.html(html.summary(text.summary(count_clips(_entries()))))
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
        shows, votes, orders, names = st.columns([6, 2, 3, 2], gap="small")
        _choose(shows, "segmented_control", "show", text.SHOW_LABEL, text.SHOW_NAMES)
        _choose(votes, "selectbox", "ensemble", text.ENSEMBLE_LABEL, text.ENSEMBLE_NAMES)
        _choose(orders, "selectbox", "order", text.ORDER_LABEL, text.ORDER_NAMES)
        key = _key("name")
        names.text_input(
            text.NAME_LABEL,
            value=controls.value_of(key, _DEFAULT.name),
            key=key,
            persist_state="session",
        )
    table_filter = TableFilter(
        **{name: controls.value_of(_key(name), getattr(_DEFAULT, name)) for name in _FIELDS}
    )
    _write_url(table_filter)
    return table_filter


def _choose(column: Any, widget: str, name: str, label: str, options: dict[str, str]) -> None:
    key, values = _key(name), _OPTIONS[name]
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


def _read_url() -> None:
    """Set the widgets to the values in the URL when the page is opened."""
    if not url.is_opened("comparison"):
        return
    for name in _FIELDS:
        value = st.query_params.get(name)
        if value is not None and value in _OPTIONS.get(name, (value,)):
            st.session_state[_key(name)] = value
    if labels := among.read_param(st.query_params.get(among.PARAM)):
        among.set_to(labels)


def _write_url(table_filter: TableFilter) -> None:
    defaults = asdict(_DEFAULT)
    values = asdict(table_filter).items()
    params = {name: value for name, value in values if value != defaults[name]}
    url.write(params | {among.PARAM: among.write_param(among.chosen())})


def _key(name: str) -> str:
    return f"comparison-{name}"


def _show_all() -> None:
    for name in ("show", "ensemble", "name"):
        st.session_state[_key(name)] = getattr(_DEFAULT, name)


def _set_order() -> None:
    order = table.clicked_order(st.session_state.get(_TICKS, 0))
    if order in ORDERS:
        st.session_state[_key("order")] = order


# --- The table, and two side by side -------------------------------------------------------------


def show_table(table_filter: TableFilter) -> None:
    """Show the clips that a filter passes, and the buttons under their table."""
    entries = filter_entries(_entries(), table_filter)
    selection = table.TableSelection(_ticked(), None)
    if entries:
        selection = table.show_clips(
            entries, table_filter.order, _ticked(), st.session_state.get(_TICKS, 0), _set_order
        )
        st.caption(text.TABLE_NOTE)
    elif session_clips().results:
        st.text(text.NOTHING_SHOWN)
        st.button(text.SHOW_ALL_LABEL, on_click=_show_all)
    st.session_state[_TICKED] = selection.ticked
    if selection.opened is not None:
        _open(selection.opened)
    _show_buttons(entries)


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


def _show_buttons(entries: Sequence[Entry]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="comparison-buttons"):
        st.download_button(
            text.CSV_LABEL,
            partial(as_csv, entries),  # written on demand, because rows are still being added
            "emo-comparison.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
            help=text.CSV_HELP,
            disabled=not entries,
        )
        if _ticked():
            st.button(text.REMOVE_TICKED_LABEL, on_click=_remove_ticked)
            st.button(text.UNTICK_LABEL, on_click=_untick)
        st.button(
            text.REMOVE_ALL_LABEL, on_click=_remove_all, type="tertiary", help=text.REMOVE_ALL_HELP
        )


def as_csv(entries: Sequence[Entry]) -> str:
    """Return the answers as ``emo predict --format csv`` prints them, with rows for every name."""
    rows = [(name, entry.result) for entry in entries for name in entry.clip.names]
    return export.written(export.write_csv, rows)


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
    _empty_uploader()


def _empty_uploader() -> None:
    """Empty the uploader, whose files may differ from the clips that are left."""
    files = st.session_state.get(_uploader_key()) or ()
    uploads.release_uploads(file.getvalue() for file in files)
    st.session_state[_LEFT_OUT] = []
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    _untick()


def _untick() -> None:
    st.session_state[_TICKED] = ()
    st.session_state[_TICKS] = st.session_state.get(_TICKS, 0) + 1


def show_pair() -> None:
    """Show the two ticked clips side by side, or a hint on how to get there."""
    by_digest = {entry.digest: entry for entry in _entries()}
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
