"""The page of ``emo review``: who labels, the clips one after another, and the results."""

import ipaddress
import os
import secrets
import signal
import threading
import time
from typing import Any

import streamlit as st

from emo.app import common, html, navigation, streamlit_internals
from emo.app.components import component
from emo.app.review import card, text
from emo.errors import AudioError, EmoError
from emo.review import report
from emo.review.labels import SKIPPED, check_rater
from emo.review.results import ANSWER, RaterResult, Results
from emo.review.session import CONFIG_ENV, Review, read_config

KEY = "review-card"
MAX_DIFFERING = 200
"""Clips with another label than that of the batch that are listed."""

PARENT_POLL_S = 2.0

_RATER = "review-rater"
_SHOWS_RESULTS = "review-results"
_STATE = "review-state"
_FAULT = "review-fault"


def end_with_command() -> None:
    """Stop this server when the command that started it is gone, even if that was killed."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="end-with-command").start()


def select_page() -> Any:
    """Return the only page of this server."""
    return navigation.select_only(show, text.TITLE)


@st.cache_resource(show_spinner=text.READING)
def _open(config: str) -> Review:
    return Review(read_config(config))


def show() -> None:
    """Draw the page for whoever opened the address that the command printed."""
    common.start_page(text.TITLE, text.LEAD)
    config = os.environ.get(CONFIG_ENV, "")
    if not config or not _is_local() or not _has_key(read_config(config).key):
        st.warning(text.CLOSED)
        return
    try:
        review = _open(config)
    except EmoError as error:
        st.error(common.escape_markdown(str(error)))
        return
    rater = st.session_state.get(_RATER, "")
    if not rater:
        _show_start(review)
    elif st.session_state.get(_SHOWS_RESULTS) or review.place(rater) == len(review.clips):
        _show_results(review, rater)
    else:
        _show_clip(review, rater)


def _is_local() -> bool:
    """Return whether this server is reached from its own computer alone."""
    try:
        return ipaddress.ip_address(streamlit_internals.server_address()).is_loopback
    except ValueError:
        return False


def _has_key(key: str) -> bool:
    """Return whether the address has the key, which another account of this computer lacks."""
    return bool(key) and secrets.compare_digest(str(st.query_params.get("key", "")), key)


# --- Who labels ----------------------------------------------------------------------------------


def _show_start(review: Review) -> None:
    st.info(text.NOTICE)
    st.text(
        text.about(
            len(review.clips), len(review.batch.clips), review.draw.choice, review.config.out
        )
    )
    with st.form("rater", border=False, width=420):
        name = st.text_input(
            text.RATER_LABEL, value=review.config.rater, help=text.RATER_HELP, key="rater-name"
        )
        is_sent = st.form_submit_button(text.START_LABEL, type="primary")
    if is_sent:
        if reason := check_rater(name):
            st.warning(reason)
        else:
            st.session_state[_RATER] = name.strip()
            st.rerun()


def _leave_rater() -> None:
    for name in (_RATER, _SHOWS_RESULTS):
        st.session_state.pop(name, None)


# --- A clip --------------------------------------------------------------------------------------


def _show_clip(review: Review, rater: str) -> None:
    place = review.place(rater)
    fault = st.session_state.pop(_FAULT, "")
    try:
        block = card.pack_card(review, rater, place, st.session_state.get(_STATE, 0))
    except AudioError as error:
        st.warning(common.escape_markdown(f"{review.clips[place].path}: {error}"))
        skip = (review, rater, place, SKIPPED)
        st.button(text.SKIP_LABEL, type="primary", on_click=_answer, args=skip)
        return
    component("review", "card", styles=("card",))(
        key=KEY,
        data=block,
        on_label_change=lambda: _take_label(review, rater),
        on_undo_change=lambda: _take_undo(review, rater),
        on_finish_change=_take_finish,
    )
    if fault:
        st.error(common.escape_markdown(fault))
    elif place and not st.session_state.get(_STATE):
        st.caption(common.escape_markdown(text.resumed(rater, place, len(review.clips))))
    if place + 1 < len(review.clips):
        _prepare(review, place + 1)


def _prepare(review: Review, place: int) -> None:
    """Decode the next clip while this one is played; its fault is shown when it is its turn."""
    try:
        card.read_sound(review, place)
    except AudioError:
        return


def _take(name: str) -> Any:
    """Return what the card sent just now under a name, if anything."""
    state = st.session_state.get(KEY)
    return state.get(name) if state else None


def _take_label(review: Review, rater: str) -> None:
    sent = _take("label")
    if isinstance(sent, list | tuple) and [type(value) for value in sent] == [int, str]:
        _answer(review, rater, sent[0], sent[1])


def _answer(review: Review, rater: str, place: int, value: str) -> None:
    """Store an answer; a place that does not wait for one changes nothing."""
    _change(lambda: review.answer(rater, place, value))


def _take_undo(review: Review, rater: str) -> None:
    place = _take("undo")
    if type(place) is int:
        _change(lambda: review.take_back(rater, place))


def _change(write: Any) -> None:
    """Write to the file; a fault is shown, and the card takes another answer."""
    st.session_state[_STATE] = st.session_state.get(_STATE, 0) + 1
    try:
        write()
    except (OSError, EmoError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        st.session_state[_FAULT] = text.NOT_WRITTEN.format(str(reason).rstrip("."))


def _take_finish() -> None:
    if _take("finish"):
        st.session_state[_SHOWS_RESULTS] = True


# --- The results ---------------------------------------------------------------------------------


def _show_results(review: Review, rater: str) -> None:
    place, total = review.place(rater), len(review.clips)
    st.header(text.RESULTS_TITLE, anchor=False)
    st.text(text.progress(rater, place, total))
    with st.container(horizontal=True):
        if place < total:
            st.button(text.CONTINUE_LABEL, type="primary", on_click=_go_on)
        st.button(text.OTHER_RATER_LABEL, on_click=_leave_rater)
    results = review.results()
    if not results.raters:
        st.text(report.NOTHING)
        return
    for one in results.raters:
        st.subheader(one.rater, anchor=False)
        st.text(f"{report.counts(one)}.")
        st.html(html.render("tables", "table", *_accuracy_table(one)))
    for line in (*report.raters_agree(results), *report.remarks(results)):
        st.text(line)
    _show_differing(results)
    st.caption(common.escape_markdown(f"The labels are in {review.config.out}."))


def _go_on() -> None:
    st.session_state.pop(_SHOWS_RESULTS, None)


Rows = list[list[str]]


def _accuracy_table(rater: RaterResult) -> tuple[list[str], Rows, list[bool], str]:
    """Return the header, the rows, which columns are numbers, and the caption of a table."""
    rows = [
        [report.NAMES[key], report.estimate(value), report.alpha(rater.alphas.get(key))]
        for key, value in rater.accuracy.items()
    ]
    header = ["Model", "Estimated accuracy in the batch", "Alpha with the labels"]
    return header, rows, [False, True, True], f"Answers beside the labels of {rater.rater}"


def _show_differing(results: Results) -> None:
    if not results.differing:
        return
    st.subheader("Clips with another label than the answer of the batch", anchor=False)
    shown = results.differing[:MAX_DIFFERING]
    rows = [
        [
            f"{clip.path}, window {clip.window}" if clip.window else clip.path,
            rater,
            text.said(label),
            text.answer(clip.answer),
        ]
        for rater, label, clip in shown
    ]
    header = ["Clip", "Rater", "Label", report.NAMES[ANSWER]]
    caption = "Clips with another label than the answer of the batch"
    st.html(html.render("tables", "table", header, rows, [False] * 4, caption))
    if len(shown) < len(results.differing):
        st.caption(f"{len(results.differing) - len(shown):,} more are in the file of the labels.")
