"""The verdict beside the player: warnings, the ensemble, the models, and how often it is right."""

from typing import Any

import streamlit as st
from markupsafe import Markup

from emo import labels
from emo.app import accuracy_text, common, html, player
from emo.app.analyse import known_clip, recording, timeline, what_if
from emo.app.analyse import text as page_text
from emo.app.analyse.analysis import Analysis, player_key
from emo.app.analyse.verdict import markup, text
from emo.app.current_clip import ClipSource
from emo.app.own import served
from emo.app.own import text as own_text
from emo.classifiers.ensembles import ENSEMBLES
from emo.evaluation.figures.operating_points import ELSEWHERE, STUDIOS, operating_points
from emo.formatting import percent
from emo.inference import adaptation
from emo.inference.guest.model import GUEST, GuestAnswer
from emo.inference.predictor import Answer, Prediction


def show_panel(source: ClipSource, analysis: Analysis) -> Any:
    """Draw the warnings, the answer of the ensemble, a row a model, and how often it is right.

    Returns
    -------
    DeltaGenerator or None
        Place of the headline of a recording that is long enough for a timeline; None for others,
        and for a selected part, which the answer of the ensemble heads.
    """
    place = None
    with st.container(key="panel"):
        _show_notes(source, analysis)
        with answer_container(analysis, "verdict"), st.container(border=True, key="ensemble"):
            if analysis.before is not None:
                st.button(
                    text.RESET_LABEL,
                    on_click=reset,
                    args=(player_key(source),),
                    help=text.RESET_HELP,
                    icon=":material/restart_alt:",
                    key="reset",
                )
            models = _rows(analysis)
            if _is_long(analysis):
                place = st.empty()
                place.html(markup.headline(text.NO_HEADLINE))
            st.html(_verdict(analysis) + markup.rows(models) + _points(source, analysis.prediction))
            st.html(markup.strip(analysis.prediction.ensemble, models))
        if not analysis.prediction.speech_warnings:
            recording.show_warnings(analysis.prediction)
    return place


def _is_long(analysis: Analysis) -> bool:
    return analysis.part_s is None and analysis.clip.duration_s >= timeline.MIN_DURATION_S


def reset(key: str) -> None:
    """Select the whole of a clip, and show it as it was recorded."""
    player.select_share(key, None)
    what_if.reset()


def answer_container(analysis: Analysis, name: str) -> Any:
    """Return a container, which greys the answers if the clip may not be speech."""
    return st.container(key=f"doubtful-{name}" if analysis.prediction.speech_warnings else name)


def _show_notes(source: ClipSource, analysis: Analysis) -> None:
    """Draw what is to be known before the answers: faults, no speech, training, an alteration."""
    prediction = analysis.prediction
    faults = prediction.faults
    missing = tuple(key for key in common.missing_models(prediction) if key not in faults)
    if missing:
        st.warning(common.escape_markdown(page_text.missing_models(missing)))
    if faults:
        st.warning(common.escape_markdown(page_text.failed_models(tuple(faults))))
    for warning in prediction.speech_warnings:
        st.warning(common.escape_markdown(warning.sentence))
    if analysis.refusal:
        st.error(common.escape_markdown(analysis.refusal))
    known_clip.show_known(source)
    for sentence in prediction.warnings:
        if sentence != analysis.notice:
            st.warning(common.escape_markdown(sentence))
    if analysis.notice in prediction.warnings:
        what_if.show_notice(analysis.notice)


def _verdict(analysis: Analysis) -> Any:
    prediction, before = analysis.prediction, analysis.before
    is_altered = analysis.is_altered
    overline = text.overline(
        analysis.part_s,
        is_altered,
        is_doubtful=bool(prediction.speech_warnings),
        who=_who(),
    )
    is_strange = prediction.strange_share > 0.5
    return markup.verdict(
        prediction.ensemble,
        None if before is None else before.ensemble,
        overline,
        text.STRANGE if is_strange else "",
        "" if served.is_alone() else common.agreement_text(prediction),
        is_average=_is_long(analysis),
        is_alone=_all_models_unsure(prediction),
    )


def _who() -> str:
    """Return whose answer the verdict is: that of all models together, or of the only one."""
    return own_text.ALONE if served.is_alone() else text.TOGETHER


def _all_models_unsure(prediction: Prediction) -> bool:
    members = ENSEMBLES[labels.ENSEMBLE].members
    own = [prediction.answers[key].unsure for key in members if key in prediction.answers]
    return bool(own) and all(own)


def _rows(analysis: Analysis) -> list[markup.Row]:
    """Return a row for each model and *Yours*, then for each ensemble beside, and for the guest."""
    now, before = analysis.prediction, analysis.before
    models = [key for key in now.answers if key not in (labels.ENSEMBLE, GUEST)]
    if served.is_alone():  # its answer is that of the ensemble
        models = []
    then = {} if before is None else {**before.answers, **before.ensembles}
    rows = [_row(key, now.answers[key], then.get(key)) for key in models]
    rows += [
        _row(key, answer, then.get(key), is_aside=True) for key, answer in now.ensembles.items()
    ]
    guest = now.answers.get(GUEST)
    return rows if guest is None else [*rows, _row(GUEST, guest, then.get(GUEST), is_aside=True)]


def _row(key: str, now: Answer, then: Answer | None, is_aside: bool = False) -> markup.Row:
    if isinstance(now, GuestAnswer):
        return markup.Row(key, now.name, now, then, is_aside, text.GUEST)
    name = text.YOURS if key == adaptation.YOURS else text.ROW_NAMES[key]
    return markup.Row(key, name, now, then, is_aside)


def _points(source: ClipSource, prediction: Prediction) -> Any:
    """Return how often the ensemble is right; empty where it was not measured."""
    if prediction.speech_warnings or common.missing_models(prediction):
        return ""
    blocks = common.metrics_among(prediction.among).get(labels.ENSEMBLE, {})
    # Own models: no clip is known to be of the recordings that they came from.
    is_elsewhere = (
        served.is_own()
        or source.is_own
        or (source.sample is not None and source.sample.source is None)
    )
    figures = _figures(blocks, is_elsewhere, source.is_own, len(prediction.among))
    return markup.points(text.POINTS_TITLE, figures) if figures else ""


def expectation() -> Markup:
    """Return how often the ensemble is right, for a visitor without a clip; empty if unknown."""
    blocks = common.metrics_or_notice().get(labels.ENSEMBLE, {})
    figures = _figures(blocks, True, True, len(served.labels()))
    if not figures:
        return html.NO_HTML
    note = own_text.EXPECTATION_NOTE if served.is_own() else accuracy_text.EXPECTATION_NOTE
    title = own_text.EXPECTATION if served.is_alone() else accuracy_text.EXPECTATION
    return markup.points(title, figures, 2, note)


def _figures(
    blocks: accuracy_text.Blocks, is_elsewhere: bool, is_own: bool, n_labels: int
) -> list[markup.Point]:
    """Return how often the ensemble is right, by kind of recording and by guessing.

    Parameters
    ----------
    blocks
        Its figures by protocol.
    is_elsewhere
        Whether the clip was recorded elsewhere than the training clips, whose figure is marked.
    is_own
        Whether it is a visitor's own.
    n_labels
        Number of emotions that can occur, of which one is guessed.
    """
    measured = operating_points(blocks)
    here = ELSEWHERE if is_elsewhere else STUDIOS
    figures = [
        markup.Point(
            accuracy_text.kind_name(key),
            percent(measured[key]["accuracy"]),
            text.PROBABLY_YOU if key == ELSEWHERE and is_own else "",
            key == here,
        )
        for key in (STUDIOS, ELSEWHERE)
        if key in measured
    ]
    guess = markup.Point(accuracy_text.GUESSING, percent(1 / n_labels))
    return [*figures, guess] if figures else []


def announcement(analysis: Analysis) -> str:
    """Return the verdict as a screen reader announces it."""
    before = None if analysis.before is None else analysis.before.ensemble
    place = text.overline(analysis.part_s, analysis.is_altered, who=_who())
    return text.announcement(analysis.prediction.ensemble, before, place)
