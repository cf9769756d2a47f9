"""The answers on the page *Analyse*: the vote, the models, and how far to trust each."""

from typing import Any

import streamlit as st

from emo import (
    predict,
    teach,
    ui,
    ui_html,
    ui_quality,
    ui_sound_words,
    ui_teach,
    ui_what_if,
    ui_words,
)
from emo.channels import MIX
from emo.ui_analyse import Analysis, Choice


def show_verdict(choice: Choice, analysis: Analysis) -> None:
    """What to be wary of, and what the vote says."""
    faults = analysis.prediction.faults
    gone = tuple(key for key in ui.missing(analysis.prediction) if key not in faults)
    if gone:
        st.warning(ui.plain(ui_words.missing(gone)))
    if faults:
        st.warning(ui.plain(ui_words.faulty(tuple(faults))))
    for concern in analysis.prediction.concerns:
        st.warning(ui.plain(concern.sentence))
    with _marked(analysis, "verdict"):
        _show_vote(choice, analysis, ui.measured())
        for warning in analysis.prediction.warnings:
            if warning == analysis.notice:
                ui_what_if.show_notice(warning)
            else:
                st.warning(ui.plain(warning))
        if not analysis.prediction.concerns:
            ui_quality.show_doubts(analysis.prediction)


def show_models(analysis: Analysis) -> None:
    """The three models side by side, and how far their percentages can be believed."""
    metrics = ui.measured()
    with _marked(analysis, "models"):
        _show_cards(analysis.prediction, metrics)
    if not analysis.prediction.concerns:
        st.caption(ui_words.believability(_calibration_errors(metrics)))


def _marked(analysis: Analysis, name: str) -> Any:
    """A container; where the clip is out of place, one in which the answers are greyed."""
    return st.container(key=f"doubtful-{name}" if analysis.prediction.concerns else name)


def _show_vote(choice: Choice, analysis: Analysis, metrics: ui.Metrics) -> None:
    prediction = analysis.prediction
    vote = prediction.answers[predict.VOTE]
    shares = vote.probabilities.tolist()
    with st.container(border=True, key="vote"):
        left, right = st.columns([6, 5], gap="medium", vertical_alignment="center")
        with left:
            st.html(
                ui_html.vote(
                    *ui_html.likeliest(shares),
                    vote.unsure,
                    _overline(analysis),
                    ui.agreement(prediction),
                )
            )
            st.text(_described(choice, analysis))
        with right:
            trust = _trust(predict.VOTE, prediction, metrics)
            st.html(ui_html.bars(shares, ui_words.VOTE_BARS, 1 + vote.unsure) + ui_html.note(trust))


def _overline(analysis: Analysis) -> str:
    if analysis.prediction.concerns:
        return ui_words.OUT_OF_PLACE_OVERLINE
    return ui_words.RESULT_OVERLINE if analysis.region_s is None else ui_words.REGION_OVERLINE


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


def _show_cards(prediction: predict.Prediction, metrics: ui.Metrics) -> None:
    keys = [key for key in prediction.answers if key != predict.VOTE]
    for key, column in zip(keys, st.columns(len(keys), gap="small"), strict=True):
        answer = prediction.answers[key]
        with column.container(border=True, height="stretch", key=f"model-{key}"):
            if key == teach.YOURS:
                ui_teach.show_card(prediction)
                continue
            st.html(
                ui_html.card(
                    ui_words.MODEL_NAMES[key],
                    ui_words.MODEL_KINDS[key],
                    answer.probabilities.tolist(),
                    answer.unsure,
                    _trust(key, prediction, metrics),
                )
            )


def _trust(key: str, prediction: predict.Prediction, metrics: ui.Metrics) -> str:
    """How far to trust an answer: what was measured, or that nothing was measured on such a clip.

    The answers stand without figures if there are none.
    """
    answer = prediction.answers[key]
    if prediction.concerns:
        return ui_words.NOT_TO_BE_RELIED_ON
    scores = ui.unseen_voices(metrics, key)
    if key == predict.VOTE and ui.missing(prediction):
        scores = None  # they are of the vote of all three
    if answer.unsure:
        return ui_words.unsureness(scores.get("unsure") if scores else None)
    return ui_words.reliability(scores, answer.label) if scores else ui_words.UNMEASURED


def _calibration_errors(metrics: ui.Metrics) -> dict[str, float]:
    """Calibration error on unseen voices of every model that has one, by key."""
    found = {key: ui.unseen_voices(metrics, key) for key in metrics}
    return {key: scores["ece"] for key, scores in found.items() if scores and "ece" in scores}
