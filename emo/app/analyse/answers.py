"""The answers on the page *Analyse*: the ensemble, each model, and their measured accuracy."""

import math
from typing import Any

import streamlit as st

from emo import formatting, labels
from emo.app import accuracy_text, common, html, samples
from emo.app import text as app_text
from emo.app.analyse import ensemble_text, recording, text, what_if
from emo.app.analyse.analysis import Analysis
from emo.app.current_clip import ClipSource
from emo.app.teach import session
from emo.audio.channels import MIX
from emo.classifiers import label_subset
from emo.classifiers.ensembles import ENSEMBLES
from emo.inference import adaptation, loading, predictor


def show_ensemble(source: ClipSource, analysis: Analysis) -> None:
    """Draw the warnings and the answer of the ensemble."""
    with st.container(key="notes"):  # always drawn: a player that changes its place restarts
        _show_notes(analysis)
    with _answer_container(analysis, "verdict"):
        _show_ensemble_card(source, analysis, _metrics(analysis))
        for warning in analysis.prediction.warnings:
            if warning != analysis.notice:
                st.warning(common.escape_markdown(warning))
        if not analysis.prediction.speech_warnings:
            recording.show_warnings(analysis.prediction)


def _show_notes(analysis: Analysis) -> None:
    """Draw the warnings that concern all answers: missing models, no speech, an alteration."""
    faults = analysis.prediction.faults
    missing = tuple(key for key in common.missing_models(analysis.prediction) if key not in faults)
    if missing:
        st.warning(common.escape_markdown(text.missing_models(missing)))
    if faults:
        st.warning(common.escape_markdown(text.failed_models(tuple(faults))))
    for warning in analysis.prediction.speech_warnings:
        st.warning(common.escape_markdown(warning.sentence))
    if analysis.notice in analysis.prediction.warnings:
        what_if.show_notice(analysis.notice)


def show_models(analysis: Analysis, is_own: bool) -> None:
    """Draw the models side by side, and how well their percentages are calibrated."""
    metrics = _metrics(analysis)
    with _answer_container(analysis, "models"):
        _show_cards(analysis.prediction, metrics, is_own)
    if not analysis.prediction.speech_warnings:
        shown = {key: metrics[key] for key in metrics if key in loading.ANSWER_KEYS}
        st.caption(accuracy_text.calibration_text(shown))


def _metrics(analysis: Analysis) -> common.Metrics:
    return common.metrics_among(analysis.prediction.among)


def _answer_container(analysis: Analysis, name: str) -> Any:
    """Return a container, which greys the answers if the clip may not be speech."""
    return st.container(key=f"doubtful-{name}" if analysis.prediction.speech_warnings else name)


def _show_ensemble_card(source: ClipSource, analysis: Analysis, metrics: common.Metrics) -> None:
    prediction = analysis.prediction
    ensemble = prediction.answers[labels.ENSEMBLE]
    with st.container(border=True, key="ensemble"):
        left, right = st.columns([6, 5], gap="medium")
        with left:
            st.html(html.ensemble(ensemble, _overline(analysis), common.agreement_text(prediction)))
            for key, beside in prediction.ensembles.items():
                st.text(ensemble_text.beside(ENSEMBLES[key].name_in_text, beside))
            st.text(_described(source, analysis))
            if source.sample is not None:
                evidence = samples.evidence(source.sample, common.held_out_speakers())
                st.caption(common.escape_markdown(evidence))
            trust = _trust(labels.ENSEMBLE, prediction, metrics, source.is_own)
            st.html(html.trust(trust))
        with right:
            shares = ensemble.probabilities.tolist()
            st.html(
                html.bars(shares, text.ENSEMBLE_BARS, len(ensemble.named)) + _working(prediction)
            )


def _overline(analysis: Analysis) -> str:
    if analysis.prediction.speech_warnings:
        return ensemble_text.OUT_OF_PLACE_OVERLINE
    weights = common.models().calibration.weights
    return ensemble_text.overline(weights, analysis.part_s is not None)


def _working(prediction: predictor.Prediction) -> str:
    """Return the weight of each model and its factor in the ensemble, as HTML; shown on demand."""
    calibration = common.models().calibration
    ensemble = prediction.answers[labels.ENSEMBLE]
    factors = predictor.ensemble_factors(prediction.answers, calibration, prediction.strangeness)
    if not factors:
        return ""
    ratio = math.prod(factors.values())
    table = html.rates(
        ensemble_text.CAPTION,
        ensemble_text.heads(ensemble.label, ensemble.runner_up),
        ensemble_text.rows(calibration.weights, factors, ratio),
    )
    sentences = ensemble_text.sentences(ensemble.label, ensemble.runner_up)
    return html.working(ensemble_text.SUMMARY, sentences, table)


def _described(source: ClipSource, analysis: Analysis) -> str:
    """Return name and length of the clip, and what else describes it."""
    parts = [source.name, formatting.seconds(analysis.clip.duration_s)]
    if analysis.channel != MIX:
        parts.append(text.channel_alone(analysis.channel))
    if analysis.part_s is not None:
        parts.append(text.selected_part(*analysis.part_s))
    if analysis.prediction.among != labels.LABELS:
        parts.append(label_subset.in_words(analysis.prediction.among))
    if source.sample is not None:
        parts.append(samples.acted_by(source.sample))
        if source.sample.text:
            parts.append(text.quoted(source.sample.text))
    return " · ".join(parts)


def _show_cards(prediction: predictor.Prediction, metrics: common.Metrics, is_own: bool) -> None:
    keys = [key for key in prediction.answers if key != labels.ENSEMBLE]
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
    """Return the measured accuracy of an answer, and the notes on it."""
    answer = prediction.answers[key]
    if prediction.speech_warnings:
        return html.Trust([app_text.NOT_TO_BE_RELIED_ON])
    notes = []
    if answer.unsure and (len(answer.named) > 1 or not app_text.still_needed(answer)):
        notes.append(app_text.why_unsure(answer))
    if answer.calm >= text.MIN_CALM:
        notes.append(text.calm_left_out(answer.calm))
    # The accuracy of an ensemble was only measured with all models.
    is_measured = key != labels.ENSEMBLE or not common.missing_models(prediction)
    blocks = metrics.get(key, {}) if is_measured else {}
    n_labels = len(prediction.among)
    rows = accuracy_text.for_answer(blocks, answer.label, answer.unsure, is_own, n_labels)
    if not rows:
        notes.append(text.UNMEASURED)
    heads = accuracy_text.heads(answer.label, answer.unsure)[: len(rows[0][1]) if rows else 0]
    return html.Trust(notes, heads, rows)
