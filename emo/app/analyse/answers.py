"""The answers on the page *Analyse*: the vote, the models, and how far to trust each."""

import math
from typing import Any

import streamlit as st

from emo import formatting, labels
from emo.app import accuracy_text, common, html
from emo.app import text as app_text
from emo.app.analyse import recording, text, what_if
from emo.app.analyse import vote_text as vote_words
from emo.app.analyse.analysis import Analysis
from emo.app.current_clip import SAMPLE, ClipSource
from emo.app.teach import session
from emo.audio.channels import MIX
from emo.inference import adaptation, predictor


def show_vote(source: ClipSource, analysis: Analysis) -> None:
    """What to be wary of, and what the vote says."""
    with st.container(key="notes"):  # always there: a player that moved down would begin anew
        _show_notes(analysis)
    with _marked(analysis, "verdict"):
        _show_vote_card(source, analysis, common.available_metrics())
        for warning in analysis.prediction.warnings:
            if warning != analysis.notice:
                st.warning(common.escape_markdown(warning))
        if not analysis.prediction.speech_warnings:
            recording.show_warnings(analysis.prediction)


def _show_notes(analysis: Analysis) -> None:
    """Show what to know before the answers: models that are missing, no speech, an alteration."""
    faults = analysis.prediction.faults
    gone = tuple(key for key in common.missing_models(analysis.prediction) if key not in faults)
    if gone:
        st.warning(common.escape_markdown(text.missing(gone)))
    if faults:
        st.warning(common.escape_markdown(text.faulty(tuple(faults))))
    for concern in analysis.prediction.speech_warnings:
        st.warning(common.escape_markdown(concern.sentence))
    if analysis.notice in analysis.prediction.warnings:
        what_if.show_notice(analysis.notice)


def show_models(analysis: Analysis, is_own: bool) -> None:
    """The three models side by side, and how far their percentages can be believed."""
    metrics = common.available_metrics()
    with _marked(analysis, "models"):
        _show_cards(analysis.prediction, metrics, is_own)
    if not analysis.prediction.speech_warnings:
        st.caption(accuracy_text.believability(metrics))


def _marked(analysis: Analysis, name: str) -> Any:
    """A container; where the clip is out of place, one in which the answers are greyed."""
    return st.container(key=f"doubtful-{name}" if analysis.prediction.speech_warnings else name)


def _show_vote_card(source: ClipSource, analysis: Analysis, metrics: common.Metrics) -> None:
    prediction = analysis.prediction
    vote = prediction.answers[labels.VOTE]
    with st.container(border=True, key="vote"):
        left, right = st.columns([6, 5], gap="medium")
        with left:
            st.html(html.vote(vote, _overline(analysis), common.agreement_text(prediction)))
            st.text(_described(source, analysis))
            trust = _trust(labels.VOTE, prediction, metrics, source.is_own)
            st.html(html.trust(trust))
        with right:
            shares = vote.probabilities.tolist()
            st.html(html.bars(shares, text.VOTE_BARS, len(vote.named)) + _working(prediction))


def _overline(analysis: Analysis) -> str:
    if analysis.prediction.speech_warnings:
        return vote_words.OUT_OF_PLACE_OVERLINE
    weights = common.models().calibration.weights
    return vote_words.overline(weights, analysis.part_s is not None)


def _working(prediction: predictor.Prediction) -> str:
    """How the vote comes about: each model's weight, and what it adds, on demand."""
    calibration = common.models().calibration
    vote = prediction.answers[labels.VOTE]
    factors = predictor.vote_factors(prediction.answers, calibration)
    if not factors:
        return ""
    ratio = math.prod(factors.values())
    table = html.rates(
        vote_words.CAPTION,
        vote_words.heads(vote.label, vote.runner_up),
        vote_words.rows(calibration.weights, factors, ratio),
    )
    told = vote_words.sentences(vote.label, vote.runner_up)
    return html.working(vote_words.SUMMARY, told, table)


def _described(source: ClipSource, analysis: Analysis) -> str:
    """Name and length of the clip; of a sample, that it is synthetic and what it says."""
    parts = [source.name, formatting.seconds(analysis.clip.duration_s)]
    if analysis.channel != MIX:
        parts.append(text.channel_alone(analysis.channel))
    if analysis.part_s is not None:
        parts.append(text.region(*analysis.part_s))
    if source.origin == SAMPLE:
        parts.append(text.SYNTHETIC)
        if source.transcript:
            parts.append(text.quoted(source.transcript))
    return " · ".join(parts)


def _show_cards(prediction: predictor.Prediction, metrics: common.Metrics, is_own: bool) -> None:
    keys = [key for key in prediction.answers if key != labels.VOTE]
    for key, column in zip(keys, st.columns(len(keys), gap="small"), strict=True):
        with column.container(border=True, height="stretch", key=f"model-{key}"):
            if key == adaptation.YOURS:
                session.show_card(prediction)
                continue
            st.html(
                html.card(
                    app_text.MODEL_NAMES[key],
                    app_text.MODEL_KINDS[key],
                    prediction.answers[key],
                    _trust(key, prediction, metrics, is_own),
                )
            )


def _trust(
    key: str, prediction: predictor.Prediction, metrics: common.Metrics, is_own: bool
) -> html.Trust:
    """How far to trust an answer: what was measured, or that nothing was measured on such a clip.

    The answers stand without figures if there are none.
    """
    answer = prediction.answers[key]
    if prediction.speech_warnings:
        return html.Trust([app_text.NOT_TO_BE_RELIED_ON])
    told = []
    if answer.unsure and (len(answer.named) > 1 or not app_text.still_needed(answer)):
        told.append(app_text.why_unsure(answer))
    if answer.calm >= text.CALM_TOLD:
        told.append(text.calm_left_out(answer.calm))
    # Of the vote of fewer than three nothing was measured.
    is_measured = key != labels.VOTE or not common.missing_models(prediction)
    blocks = metrics.get(key, {}) if is_measured else {}
    rows = accuracy_text.for_answer(blocks, answer.label, answer.unsure, is_own)
    if not rows:
        told.append(text.UNMEASURED)
    return html.Trust(told, accuracy_text.heads(answer.label, answer.unsure), rows)
