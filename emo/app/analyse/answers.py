"""The answers on the page *Analyse*: the ensemble, each model, and their measured accuracy."""

import math

import streamlit as st

from emo import labels
from emo.app import accuracy_text, common, html, samples
from emo.app import text as app_text
from emo.app.analyse import ensemble_text, text
from emo.app.analyse.analysis import Analysis
from emo.app.analyse.verdict import panel
from emo.app.current_clip import ClipSource
from emo.app.own import served
from emo.app.serving.guest import server_guest
from emo.app.teach import session
from emo.inference import adaptation, loading, predictor
from emo.inference.guest.model import GuestAnswer


def show_details(source: ClipSource, analysis: Analysis) -> None:
    """Draw the models side by side, how the ensemble comes about, and who acted a sample."""
    show_models(analysis, source.is_own)
    working = _working(analysis.prediction)
    if working:
        st.html(working)
    if not served.is_alone():  # the card of the model has the figures
        trust = _trust(labels.ENSEMBLE, analysis.prediction, _metrics(analysis), source.is_own)
        st.html(html.trust(trust))
    if source.sample is not None:
        evidence = samples.evidence(source.sample, common.held_out_speakers())
        st.caption(common.escape_markdown(evidence))


def show_models(analysis: Analysis, is_own: bool) -> None:
    """Draw the models side by side, and how well their percentages are calibrated."""
    metrics = _metrics(analysis)
    with panel.answer_container(analysis, "models"):
        _show_cards(analysis.prediction, metrics, is_own)
    if not analysis.prediction.speech_warnings:
        left_out = {labels.ENSEMBLE} if served.is_alone() else set()
        keys = [key for key in loading.ANSWER_KEYS if key in metrics and key not in left_out]
        shown = {key: metrics[key] for key in keys}
        st.caption(accuracy_text.calibration_text(shown))


def _metrics(analysis: Analysis) -> common.Metrics:
    return common.metrics_among(analysis.prediction.among)


def _working(prediction: predictor.Prediction) -> str:
    """Return the weights of the models, and on demand their factors in the ensemble, as HTML."""
    if served.is_alone():
        return ""
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
    weights = sorted(calibration.weights.items(), key=lambda row: -row[1])
    return html.working(
        ensemble_text.TITLE,
        [(app_text.SHORT_NAMES[key], weight) for key, weight in weights if key in factors],
        ensemble_text.SENTENCE,
        ensemble_text.SUMMARY,
        sentences,
        table,
    )


def _show_cards(prediction: predictor.Prediction, metrics: common.Metrics, is_own: bool) -> None:
    keys = [key for key in prediction.answers if key != labels.ENSEMBLE]
    for key, column in zip(keys, st.columns(len(keys), gap="small"), strict=True):
        with column.container(border=True, height="stretch", key=f"model-{key}"):
            if key == adaptation.YOURS:
                session.show_card(prediction)
                continue
            answer = prediction.answers[key]
            if isinstance(answer, GuestAnswer):
                trust = html.Trust([text.GUEST_UNMEASURED])
                st.html(html.card(answer.name, _guest_kind(), answer, trust))
                continue
            st.html(
                html.card(
                    app_text.MODEL_NAMES[key],
                    app_text.MODEL_KINDS[key],
                    prediction.answers[key],
                    _trust(key, prediction, metrics, is_own),
                )
            )


def _guest_kind() -> str:
    guest = server_guest()
    about = "" if guest is None else guest.about.about
    return f"{text.GUEST_KIND} {about}".strip()


def _trust(
    key: str, prediction: predictor.Prediction, metrics: common.Metrics, is_own: bool
) -> html.Trust:
    """Return the measured accuracy of an answer, and the notes on it."""
    answer = prediction.answers[key]
    if prediction.speech_warnings:
        return html.Trust([app_text.NOT_TO_BE_RELIED_ON])
    notes = []
    is_below = bool(app_text.still_needed(answer))
    if answer.unsure and not is_below:
        notes.append(app_text.why_unsure(answer))
    if answer.calm >= text.MIN_CALM:
        notes.append(text.calm_left_out(answer.calm))
    # The accuracy of an ensemble was only measured with all models.
    is_measured = key != labels.ENSEMBLE or not common.missing_models(prediction)
    blocks = metrics.get(key, {}) if is_measured else {}
    if is_below:
        notes.append(accuracy_text.commitment(blocks, answer.threshold))
    n_labels = len(prediction.among)
    rows = accuracy_text.for_answer(blocks, answer.label, answer.unsure, is_own, n_labels)
    if not rows:
        notes.append(text.UNMEASURED)
    heads = accuracy_text.heads(answer.label, answer.unsure)[: len(rows[0][1]) if rows else 0]
    return html.Trust(notes, heads, rows)
