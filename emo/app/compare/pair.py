"""Two clips side by side: their votes, their players on one scale, and the bars of each model."""

import streamlit as st

from emo import formatting
from emo.app import clip_cache, common, html, player, player_data, text
from emo.app.compare import text as words
from emo.app.compare.collection import Entry
from emo.audio import activity, isolated
from emo.inference.predictor import MODEL_KEYS, Prediction
from emo.labels import VOTE
from emo.server import memory

Pair = tuple[tuple[Entry, Prediction], tuple[Entry, Prediction]]


@clip_cache.cached(text.LISTENING)
def draw(digest: str, name: str, shown_s: float, _data: bytes) -> bytes:
    """:func:`pack`, kept for this session only, under the digest and name of the file."""
    with common.task_slot("draw", memory.draw_bytes(shown_s)):
        return pack(_data, name, shown_s)


def pack(data: bytes, name: str, shown_s: float) -> bytes:
    """What the player draws and plays of the clip in a file, with so many seconds across."""
    samples = isolated.shared_decoder().decode(data, name).samples
    said = text.PLAYER | {"hint": words.PLAYER_HINT}
    return player_data.pack_player(samples, activity.active_span(samples), said, shown_s=shown_s)


def show_pair(pair: Pair) -> None:
    """Nothing; shows two clips that were answered."""
    st.header(words.PAIR_TITLE, anchor=False)
    with st.container(key="pair"):
        for letter, (entry, found), column in zip(
            words.LETTERS, pair, st.columns(2, gap="small"), strict=True
        ):
            doubt = "doubtful-" if found.speech_warnings else ""
            with column.container(border=True, height="stretch", key=f"{doubt}pair-{letter}"):
                _show_vote(letter, entry, found)
        shown_s = max(found.duration_s for _, found in pair)
        for letter, (entry, _), column in zip(
            words.LETTERS, pair, st.columns(2, gap="small"), strict=True
        ):
            block = draw(entry.digest, entry.name, shown_s, entry.given.data)
            with column.container(border=True, height="stretch", key=f"pair-sound-{letter}"):
                player.show_player(block, f"pair-{letter}-{entry.digest[:16]}")
        st.caption(words.PAIR_NOTE)
        first, second = (found.answers for _, found in pair)
        cards = [
            html.paired_bars(
                text.MODEL_NAMES[key],
                (first[key].probabilities.tolist(), second[key].probabilities.tolist()),
                words.pair_caption(text.MODEL_NAMES[key]),
                words.LETTERS,
                words.KEY,
            )
            for key in (VOTE, *MODEL_KEYS)
            if all(key in found.answers for _, found in pair)
        ]
        st.html(html.side_by_side(cards))


def _show_vote(letter: str, entry: Entry, found: Prediction) -> None:
    vote = found.answers[VOTE]
    st.html(html.vote(vote, words.clip(letter), common.agreement_text(found)))
    st.text(" · ".join([entry.name, formatting.seconds(found.duration_s)]))
    for concern in found.speech_warnings:
        st.warning(common.escape_markdown(concern.sentence))
    for warning in found.warnings:
        st.warning(common.escape_markdown(warning))
