"""The page *Listen*: the state of its rounds, its address, and the card that shows a clip."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from emo.app import common, samples
from emo.app import text as app_text
from emo.app.card.sound import label_signs, pack_sounds
from emo.app.components import component
from emo.app.listen import answers, rounds, text
from emo.app.listen.rounds import N_CLIPS, Round
from emo.app.samples import Sample
from emo.inference.loading import ANSWER_KEYS
from emo.inference.predictor import Answer
from emo.labels import ENSEMBLE, LABELS
from emo.system import paths

PARAM = "round"
"""Parameter of the address: the number of the round."""

KEY = "listen-card"
MAX_ROUNDS = 20
"""Rounds whose state is kept for the session."""

_ROUNDS = "listen-rounds"  # by seed, the current one last
_WRITTEN = "listen-address"  # parameter that was written last, and the round of then


# --- The round -----------------------------------------------------------------------------------


def current_round() -> Round:
    """Return the round that the page shows; a new one at the first visit."""
    kept: dict[int, Round] = st.session_state.setdefault(_ROUNDS, {})
    if not kept:
        _show(Round(_new_seed()))
    return next(reversed(kept.values()))


def _show(played: Round) -> None:
    """Make a round the current one, and forget the oldest if there are too many."""
    kept: dict[int, Round] = st.session_state.setdefault(_ROUNDS, {})
    kept.pop(played.seed, None)
    kept[played.seed] = played
    while len(kept) > MAX_ROUNDS:
        del kept[next(iter(kept))]


def _new_seed() -> int:
    smallest = (rounds.MAX_SEED + 1) // 10  # all numbers have the same length
    return smallest + secrets.randbelow(rounds.MAX_SEED + 1 - smallest)


def sync_with_address() -> None:
    """Show the round in the address if only the address changed; then write the round into it."""
    param = st.query_params.get(PARAM)
    written, before = st.session_state.get(_WRITTEN, (None, None))
    seed = rounds.read_seed(param)
    kept: dict[int, Round] = st.session_state.setdefault(_ROUNDS, {})
    is_same = before is None or before == current_round()
    if seed is not None and param != written and is_same:
        _show(kept.get(seed, Round(seed)))
    played = current_round()
    wanted = str(played.seed)
    st.session_state[_WRITTEN] = (wanted, played)
    if param != wanted:
        st.query_params[PARAM] = wanted


def _take(name: str) -> Any:
    """Return what the card sent just now under a name, if anything."""
    state = st.session_state.get(KEY)
    return state.get(name) if state else None


def _take_guess() -> None:
    """Store the guess that the card sent: place of the clip, and label."""
    sent = _take("guess")
    if isinstance(sent, list | tuple) and [type(value) for value in sent] == [int, str]:
        _show(current_round().guess(sent[0], sent[1]))


def _take_step() -> None:
    """Go on from the clip whose place the card sent."""
    place = _take("step")
    if type(place) is int:
        _show(current_round().go_on(place))


def _take_again() -> None:
    """Start a new round."""
    if _take("again"):
        _show(Round(_new_seed()))


# --- The page ------------------------------------------------------------------------------------


def show_game() -> None:
    """Draw the card of the current clip, or the result of the round.

    Raises
    ------
    BusyError
        The server has no capacity for it at present.
    """
    game = samples.read_game(paths.SAMPLES_DIR)
    if len(game) < N_CLIPS:
        st.info(text.NO_CLIPS)
        return
    played = current_round()
    clips = rounds.draw_clips(played.seed, game)
    block = pack_card(
        played, clips, [answers.predict_sample(clip) for clip in _named(played, clips)]
    )
    component("listen", "card", styles=("card",))(
        key=KEY,
        data=block,
        on_guess_change=_take_guess,
        on_step_change=_take_step,
        on_again_change=_take_again,
    )
    if played.guesses and not answers.predict_sample(clips[0]):
        st.warning(app_text.NO_MODELS)
    st.caption(common.escape_markdown(text.about(game, common.held_out_speakers())))
    st.caption(common.escape_markdown(f"{samples.credits_of(game)}."))


def _named(played: Round, clips: Sequence[Sample]) -> Sequence[Sample]:
    """Return the clips that the visitor has named; of the others nothing is computed or sent."""
    return clips[: len(played.guesses)]


def pack_card(
    played: Round, clips: Sequence[Sample], predictions: Sequence[Mapping[str, Answer]]
) -> bytes:
    """Return what the card shows as a block: header (JSON) and sounds, as the player's.

    Of a clip that waits for a guess the block holds the sound alone.

    Parameters
    ----------
    played
        The round.
    clips
        Its clips.
    predictions
        Answers of the models to the clips that were named, by key.
    """
    header: dict[str, Any] = {
        "seed": played.seed,
        "phase": played.phase,
        "place": played.place,
        "total": N_CLIPS,
        "labels": list(LABELS),
        "signs": label_signs(),
        "words": text.WORDS,
        "right": [
            clip.emotion == label for clip, label in zip(clips, played.guesses, strict=False)
        ],
        "scores": _scores(played, clips, predictions),
    }
    if played.phase == rounds.SUMMARY:
        header |= _summary(played, clips, predictions)
        shown = list(clips)
    else:
        shown = [clips[played.place]]
        if played.phase == rounds.ANSWER:
            header["answer"] = _answer(
                clips[played.place], played.guesses[played.place], predictions[played.place]
            ) | {"score": text.score_in_words(_count(played, clips, predictions))}
    return pack_sounds(header, [answers.read_sound(clip) for clip in shown])


def _count(
    played: Round, clips: Sequence[Sample], predictions: Sequence[Mapping[str, Answer]]
) -> list[rounds.Score]:
    named = _named(played, clips)
    labels = [{key: one[key].label for key in _ordered(one)} for one in predictions[: len(named)]]
    return rounds.count_scores(named, played.guesses, labels)


def _ordered(prediction: Mapping[str, Answer]) -> list[str]:
    """Return the keys of the answers, the ensemble's first."""
    return sorted(
        (key for key in ANSWER_KEYS if key in prediction), key=lambda key: key != ENSEMBLE
    )


def _scores(
    played: Round, clips: Sequence[Sample], predictions: Sequence[Mapping[str, Answer]]
) -> list[dict[str, Any]]:
    return [
        {
            "key": score.key,
            "name": text.NAMES[score.key],
            "text": text.score(score),
            "share": score.n_right / score.n_clips if score.n_clips else 0.0,
        }
        for score in _count(played, clips, predictions)
    ]


def _answer(sample: Sample, guess: str, prediction: Mapping[str, Answer]) -> dict[str, Any]:
    """Return the answers to a clip, and who gave which."""
    said: dict[str, list[dict[str, Any]]] = {label: [] for label in LABELS}
    said[guess].append({"key": rounds.YOU, "name": text.NAMES[rounds.YOU], "share": ""})
    for key in _ordered(prediction):
        answer = prediction[key]
        said[answer.label].append(
            {"key": key, "name": text.NAMES[key], "share": text.share(answer)}
        )
    spoken = [text.verdict(sample, guess), text.votes(sample)]
    if ENSEMBLE in prediction:
        spoken.append(text.ensemble_says(prediction[ENSEMBLE]))
    return {
        "acted": sample.emotion,
        "guess": guess,
        "verdict": spoken[0],
        "spoken": text.spoken(sample),
        "votes": dict(sample.votes) or None,
        "remark": f"{spoken[1]} {text.credit(sample)}",
        "said": said,
        "status": " ".join(spoken),
    }


def _summary(
    played: Round, clips: Sequence[Sample], predictions: Sequence[Mapping[str, Answer]]
) -> dict[str, Any]:
    """Return the result of a round: matrices, and the clips with all answers."""
    acted = [clip.emotion for clip in clips]
    by_key = {rounds.YOU: dict(enumerate(played.guesses))}
    by_key[rounds.CROWD] = {
        i: rounds.crowd_labels(clip)[0]
        for i, clip in enumerate(clips)
        if len(rounds.crowd_labels(clip)) == 1
    }
    for key in _ordered(predictions[0]):
        by_key[key] = {
            i: prediction[key].label
            for i, prediction in enumerate(predictions)
            if key in prediction
        }
    return {
        "result": text.result(_count(played, clips, predictions)[0]),
        "matrices": {
            key: _matrix([acted[i] for i in labels], list(labels.values()))
            for key, labels in by_key.items()
        },
        "names": text.NAMES,
        "clips": [
            {
                "acted": clip.emotion,
                "spoken": text.spoken(clip),
                "answers": _clip_answers(clip, guess, prediction),
            }
            for clip, guess, prediction in zip(clips, played.guesses, predictions, strict=True)
        ],
    }


def _matrix(acted: Sequence[str], answered: Sequence[str]) -> dict[str, Any]:
    counts = rounds.confusion(acted, answered).tolist()
    sentences = [
        [text.cell(row, column, counts[i][j]) for j, column in enumerate(LABELS)]
        for i, row in enumerate(LABELS)
    ]
    return {"counts": counts, "sentences": sentences}


def _clip_answers(
    sample: Sample, guess: str, prediction: Mapping[str, Answer]
) -> list[dict[str, Any]]:
    """Return the answers to a clip in a row: who, label, text, and whether it is right."""
    rows = [(rounds.YOU, guess, guess)]
    if sample.votes:
        rows.append((rounds.CROWD, rounds.crowd_labels(sample)[0], text.crowd(sample)))
    rows += [
        (key, prediction[key].label, text.short(prediction[key])) for key in _ordered(prediction)
    ]
    return [
        {
            "name": text.NAMES[key],
            "label": label,
            "text": shown,
            "is_right": rounds.crowd_is_right(sample)
            if key == rounds.CROWD
            else label == sample.emotion,
        }
        for key, label, shown in rows
    ]
