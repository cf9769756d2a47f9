"""The answers on the page *Analyse*: the vote, the models, and how far to trust each."""

import math
from typing import Any

import streamlit as st

from emo import (
    predict,
    teach,
    ui,
    ui_analyse,
    ui_html,
    ui_quality,
    ui_rates_words,
    ui_sound_words,
    ui_teach,
    ui_what_if,
    ui_words,
)
from emo import ui_vote_words as vote_words
from emo.channels import MIX
from emo.ui_analyse import Analysis, Choice


def show_verdict(choice: Choice, analysis: Analysis) -> None:
    """What to be wary of, and what the vote says."""
    with st.container(key="notes"):  # always there: a player that moved down would begin anew
        _show_notes(analysis)
    with _marked(analysis, "verdict"):
        _show_vote(choice, analysis, ui.measured())
        for warning in analysis.prediction.warnings:
            if warning != analysis.notice:
                st.warning(ui.plain(warning))
        if not analysis.prediction.concerns:
            ui_quality.show_doubts(analysis.prediction)


def _show_notes(analysis: Analysis) -> None:
    """Show what to know before the answers: models that are missing, no speech, an alteration."""
    faults = analysis.prediction.faults
    gone = tuple(key for key in ui.missing(analysis.prediction) if key not in faults)
    if gone:
        st.warning(ui.plain(ui_words.missing(gone)))
    if faults:
        st.warning(ui.plain(ui_words.faulty(tuple(faults))))
    for concern in analysis.prediction.concerns:
        st.warning(ui.plain(concern.sentence))
    if analysis.notice in analysis.prediction.warnings:
        ui_what_if.show_notice(analysis.notice)


def show_models(analysis: Analysis, is_own: bool) -> None:
    """The three models side by side, and how far their percentages can be believed."""
    metrics = ui.measured()
    with _marked(analysis, "models"):
        _show_cards(analysis.prediction, metrics, is_own)
    if not analysis.prediction.concerns:
        st.caption(ui_rates_words.believability(metrics))


def _marked(analysis: Analysis, name: str) -> Any:
    """A container; where the clip is out of place, one in which the answers are greyed."""
    return st.container(key=f"doubtful-{name}" if analysis.prediction.concerns else name)


def _show_vote(choice: Choice, analysis: Analysis, metrics: ui.Metrics) -> None:
    prediction = analysis.prediction
    vote = prediction.answers[predict.VOTE]
    with st.container(border=True, key="vote"):
        left, right = st.columns([6, 5], gap="medium")
        with left:
            st.html(ui_html.vote(vote, _overline(analysis), ui.agreement(prediction)))
            st.text(_described(choice, analysis))
            trust = _trust(predict.VOTE, prediction, metrics, ui_analyse.is_own(choice))
            st.html(ui_html.trust(trust))
        with right:
            shares = vote.probabilities.tolist()
            st.html(
                ui_html.bars(shares, ui_words.VOTE_BARS, len(vote.named)) + _working(prediction)
            )


def _overline(analysis: Analysis) -> str:
    if analysis.prediction.concerns:
        return vote_words.OUT_OF_PLACE_OVERLINE
    weights = ui.models().calibration.weights
    return vote_words.overline(weights, analysis.region_s is not None)


def _working(prediction: predict.Prediction) -> str:
    """How the vote comes about: each model's weight, and what it adds, on demand."""
    calibration = ui.models().calibration
    vote = prediction.answers[predict.VOTE]
    factors = predict.vote_factors(prediction.answers, calibration)
    if not factors:
        return ""
    ratio = math.prod(factors.values())
    table = ui_html.rates(
        vote_words.CAPTION,
        vote_words.heads(vote.label, vote.second),
        vote_words.rows(calibration.weights, factors, ratio),
    )
    told = vote_words.sentences(vote.label, vote.second)
    return ui_html.working(vote_words.SUMMARY, told, table)


def _described(choice: Choice, analysis: Analysis) -> str:
    """Name and length of the clip; of a sample, that it is synthetic and what it says."""
    parts = [choice.name, ui_words.seconds(analysis.clip.duration_s)]
    if analysis.channel != MIX:
        parts.append(ui_sound_words.channel_alone(analysis.channel))
    if analysis.region_s is not None:
        parts.append(ui_words.region(*analysis.region_s))
    if choice.origin == "sample":
        parts.append(ui_words.SYNTHETIC)
        if choice.text:
            parts.append(ui_words.quoted(choice.text))
    return " · ".join(parts)


def _show_cards(prediction: predict.Prediction, metrics: ui.Metrics, is_own: bool) -> None:
    keys = [key for key in prediction.answers if key != predict.VOTE]
    for key, column in zip(keys, st.columns(len(keys), gap="small"), strict=True):
        with column.container(border=True, height="stretch", key=f"model-{key}"):
            if key == teach.YOURS:
                ui_teach.show_card(prediction)
                continue
            st.html(
                ui_html.card(
                    ui_words.MODEL_NAMES[key],
                    ui_words.MODEL_KINDS[key],
                    prediction.answers[key],
                    _trust(key, prediction, metrics, is_own),
                )
            )


def _trust(
    key: str, prediction: predict.Prediction, metrics: ui.Metrics, is_own: bool
) -> ui_html.Trust:
    """How far to trust an answer: what was measured, or that nothing was measured on such a clip.

    The answers stand without figures if there are none.
    """
    answer = prediction.answers[key]
    if prediction.concerns:
        return ui_html.Trust([ui_words.NOT_TO_BE_RELIED_ON])
    told = []
    if answer.unsure and (len(answer.named) > 1 or not ui_words.still_needed(answer)):
        told.append(ui_words.why_unsure(answer))
    if answer.calm >= ui_words.CALM_TOLD:
        told.append(ui_words.calm_left_out(answer.calm))
    # Of the vote of fewer than three nothing was measured.
    is_measured = key != predict.VOTE or not ui.missing(prediction)
    blocks = metrics.get(key, {}) if is_measured else {}
    rows = ui_rates_words.for_answer(blocks, answer.label, answer.unsure, is_own)
    if not rows:
        told.append(ui_words.UNMEASURED)
    return ui_html.Trust(told, ui_rates_words.heads(answer.label, answer.unsure), rows)
