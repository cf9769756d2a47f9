"""Two clips side by side: their votes, their players on one scale, and the bars of each model."""

from functools import partial

import streamlit as st

from emo import formatting
from emo.app import clip_cache, common, html, player, player_data
from emo.app import text as app_text
from emo.app.compare import text
from emo.app.compare.collection import Entry
from emo.audio import activity, isolated
from emo.classifiers.voice import VOICE
from emo.inference.loading import MODEL_KEYS
from emo.inference.predictor import Prediction
from emo.labels import ENSEMBLE
from emo.server import memory
from emo.system.filenames import download_stem, without_ending

Pair = tuple[tuple[Entry, Prediction], tuple[Entry, Prediction]]


@clip_cache.cached(app_text.LISTENING)
def draw(digest: str, name: str, shown_s: float, _data: bytes) -> bytes:
    """Return :func:`pack` of a file, cached for this session under its digest and name."""
    with common.task_slot("draw", memory.draw_bytes(shown_s)):
        return pack(_data, name, shown_s)


def pack(data: bytes, name: str, shown_s: float) -> bytes:
    """Return what the player draws and plays of a clip, with ``shown_s`` seconds across."""
    samples = isolated.shared_decoder().decode(data, name).samples
    texts = app_text.PLAYER | {"hint": text.PLAYER_HINT}
    span, stem = activity.active_span(samples), download_stem("compare", without_ending(name))
    return player_data.pack_player(samples, span, texts, shown_s=shown_s, name=name, stem=stem)


def show_pair(pair: Pair) -> None:
    """Show two clips that were answered, side by side."""
    st.header(text.PAIR_TITLE, anchor=False)
    with st.container(key="pair"):
        for letter, (entry, result), column in zip(
            text.LETTERS, pair, st.columns(2, gap="small"), strict=True
        ):
            prefix = "doubtful-" if result.speech_warnings else ""
            with column.container(border=True, height="stretch", key=f"{prefix}pair-{letter}"):
                _show_ensemble(letter, entry, result)
        shown_s = max(result.duration_s for _, result in pair)
        for letter, (entry, _), column in zip(
            text.LETTERS, pair, st.columns(2, gap="small"), strict=True
        ):
            pack_clip = partial(draw, entry.digest, entry.name, shown_s, entry.clip.data)
            with column.container(border=True, height="stretch", key=f"pair-sound-{letter}"):
                player.show_player(pack_clip, f"pair-{letter}-{entry.digest[:16]}")
        st.caption(text.PAIR_NOTE)
        first, second = (result.answers for _, result in pair)
        names = app_text.MODEL_NAMES | {VOICE: text.VOICE_NAME}
        cards = [
            html.paired_bars(
                names[key],
                (first[key].probabilities.tolist(), second[key].probabilities.tolist()),
                text.pair_caption(names[key]),
                text.LETTERS,
                text.KEY,
                first[key].labels,
            )
            for key in (VOICE, ENSEMBLE, *MODEL_KEYS)
            if key in first and key in second
        ]
        st.html(html.side_by_side(cards))


def _show_ensemble(letter: str, entry: Entry, result: Prediction) -> None:
    whose = text.clip(letter, VOICE in result.answers)
    st.html(html.ensemble(result.served, whose, common.agreement_text(result)))
    st.text(" · ".join([entry.name, formatting.seconds(result.duration_s)]))
    for warning in (*(one.sentence for one in result.speech_warnings), *result.warnings):
        st.warning(common.escape_markdown(warning))
