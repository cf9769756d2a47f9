"""The page *Analyse*: three ways in, the answers, the sound, and the downloads."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import soundfile
import streamlit as st

from emo import audio, features, figures, predict, reports, ui, ui_html, ui_words
from emo.errors import AudioError, ModelError
from emo.labels import INDEX

SAMPLES_DIR = Path(__file__).parent.parent / "samples"

_CHOICE = "choice"
_ROUND = "round"  # counts how often everything was forgotten; new keys empty the widgets


@dataclass(frozen=True)
class Choice:
    """A clip that a person gave: its name, its bytes, and the way it came in."""

    name: str
    data: bytes
    origin: str
    text: str = ""


@dataclass(frozen=True)
class Analysis:
    """All that the page shows of one clip."""

    prediction: predict.Prediction
    duration_s: float
    wav: bytes
    waveform: go.Figure
    spectrogram: go.Figure
    is_trimmed: bool


# --- Ways in -------------------------------------------------------------------------------------


def show_ways_in() -> None:
    """Upload, record and samples, side by side; whichever was used last is the clip."""
    with st.container(border=True, key="ways-in"):
        left, right = st.columns(2, gap="medium")
        key = _widget_key("up")
        left.file_uploader(
            ui_words.UPLOAD_LABEL,
            key=key,
            on_change=_take_file,
            args=(key, "upload"),
            help=ui_words.UPLOAD_HELP,
        )
        key = _widget_key("mic")
        right.audio_input(
            ui_words.RECORD_LABEL, key=key, on_change=_take_file, args=(key, "recording")
        )
        _show_samples()


def _widget_key(name: str) -> str:
    n_rounds = st.session_state.get(_ROUND, 0)
    return f"{name}-{n_rounds}" if n_rounds else name


def _take_file(key: str, origin: str) -> None:
    """Make the widget's file the clip; where it was taken away, forget the clip it gave."""
    file = st.session_state.get(key)
    if file is not None:
        name = ui_words.RECORDING if origin == "recording" else file.name
        st.session_state[_CHOICE] = Choice(name, file.getvalue(), origin)
        return
    choice = chosen()
    if choice is not None and choice.origin == origin:
        del st.session_state[_CHOICE]


def _take_sample(sample: Mapping[str, Any]) -> None:
    path = SAMPLES_DIR / sample["file"]
    st.session_state[_CHOICE] = Choice(
        path.name, path.read_bytes(), "sample", str(sample.get("text", ""))
    )


def _forget() -> None:
    st.session_state.pop(_CHOICE, None)
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    analyse.clear()


def list_samples(directory: Path) -> list[dict[str, Any]]:
    """The samples whose file is there, in the order of the emotions; none if no list is there."""
    try:
        listed = json.loads((directory / "samples.json").read_text(encoding="utf-8"))
        there = [row for row in listed if (directory / row["file"]).is_file()]
        return sorted(there, key=lambda row: INDEX[row["emotion"]])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _show_samples() -> None:
    samples = list_samples(SAMPLES_DIR)
    if not samples:
        st.caption(ui_words.NO_SAMPLES)
        return
    st.html(
        f'<p class="emo-label">{ui_words.SAMPLES_LABEL}<span>{ui_words.SAMPLES_NOTE}</span></p>'
    )
    choice = chosen()
    heard = choice.name if choice is not None and choice.origin == "sample" else None
    with st.container(horizontal=True, gap="small", key="samples"):
        for sample in samples:
            st.button(
                sample["emotion"],
                key=f"sample-{sample['emotion']}",
                on_click=_take_sample,
                args=(sample,),
                type="primary" if sample["file"] == heard else "secondary",
            )


def chosen() -> Choice | None:
    """The clip that was given last in this session, if any."""
    choice: Choice | None = st.session_state.get(_CHOICE)
    return choice


def show_invitation() -> None:
    """Before the first clip: how often each model is right, so that nobody expects too much."""
    metrics = ui.metrics_or_sentence()
    shown = {
        ui_words.MODEL_NAMES[key]: ui_words.percent(scores["accuracy"])
        for key in metrics
        if (scores := ui.unseen_voices(metrics, key))
    }
    if shown:
        st.html(ui_html.expectation(ui_words.EXPECTATION, shown, ui_words.EXPECTATION_NOTE))
    st.caption(ui_words.COURTESY)


# --- Analysis ------------------------------------------------------------------------------------


@st.cache_data(scope="session", max_entries=4, show_spinner=ui_words.LISTENING)
def analyse(sha256: str, name: str, _data: bytes) -> Analysis:
    """What the models and the charts make of a recording, kept for this session only.

    Parameters
    ----------
    sha256, name
        Digest and name of the file: the key under which the result is kept.
    _data
        The file itself.
    """
    clip = audio.decode(_data, name)
    span = features.active_span(clip.samples)
    return Analysis(
        prediction=predict.predict(clip, ui.models()),
        duration_s=clip.duration_s,
        wav=_as_wav(clip.samples),
        waveform=figures.waveform(clip.samples, audio.RATE_HZ, span),
        spectrogram=figures.spectrogram(
            features.log_mel_db(clip.samples), features.mel_centres_hz(), features.FRAME_S
        ),
        is_trimmed=span != (0, len(clip.samples)),
    )


def _as_wav(samples: audio.Samples) -> bytes:
    """What the models hear, for the player: every browser plays it, quiet clips are raised."""
    peak = float(np.max(np.abs(samples))) or 1.0
    file = io.BytesIO()
    soundfile.write(file, samples * (0.9 / peak), audio.RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


def analysis_of(choice: Choice) -> Analysis | None:
    """The analysis of a clip; if there is none, the page says why and gets None."""
    try:
        return analyse(hashlib.sha256(choice.data).hexdigest(), choice.name, choice.data)
    except ModelError as error:
        ui.LOG.error("%s", error)  # it names folders of the server, which are not for the page
        st.warning(ui_words.NO_MODELS)
    except AudioError as error:
        _show_failure(choice, str(error))
    except Exception:
        ui.LOG.exception("analysis failed")
        _show_failure(choice, ui_words.UNEXPECTED)
    return None


def _show_failure(choice: Choice, sentence: str) -> None:
    with st.container(border=True):
        st.text(choice.name)
        st.error(ui.plain(sentence))


# --- Answers -------------------------------------------------------------------------------------


def show_answers(choice: Choice, analysis: Analysis) -> None:
    """The vote first, then the three models side by side, then what to be wary of."""
    prediction = analysis.prediction
    metrics = ui.measured()
    concerns = prediction.concerns
    for concern in concerns:
        st.warning(ui.plain(concern.sentence))
    with st.container(key="doubtful" if concerns else "answers"):
        _show_vote(choice, analysis, metrics)
        for warning in prediction.warnings:
            st.warning(ui.plain(warning))
        _show_cards(prediction, metrics)
    if not concerns:
        st.caption(ui_words.believability(_calibration_errors(metrics)))


def _show_vote(choice: Choice, analysis: Analysis, metrics: ui.Metrics) -> None:
    prediction = analysis.prediction
    given = {key: None if a.unsure else a.label for key, a in prediction.answers.items()}
    models = {key: given[key] for key in predict.MODEL_KEYS}
    vote = prediction.answers[predict.VOTE]
    shares = vote.probabilities.tolist()
    is_doubtful = bool(prediction.concerns)
    with st.container(border=True, key="vote"):
        left, right = st.columns([6, 5], gap="medium", vertical_alignment="center")
        with left:
            st.html(
                ui_html.vote(
                    *ui_html.likeliest(shares),
                    vote.unsure,
                    ui_words.OUT_OF_PLACE_OVERLINE if is_doubtful else ui_words.RESULT_OVERLINE,
                    ui_words.agreement(models, given[predict.VOTE]),
                )
            )
            st.audio(analysis.wav, format="audio/wav", alt=ui_words.PLAYER_ALT)
            st.text(_described(choice, analysis))
        with right:
            trust = _trust(predict.VOTE, prediction, metrics)
            st.html(ui_html.bars(shares, ui_words.VOTE_BARS, 1 + vote.unsure) + ui_html.note(trust))


def _described(choice: Choice, analysis: Analysis) -> str:
    """Name and length of the clip; of a sample, that it is synthetic and what it says."""
    parts = [choice.name, ui_words.seconds(analysis.duration_s)]
    if choice.origin == "sample":
        parts.append(ui_words.SYNTHETIC)
        if choice.text:
            parts.append(f"“{choice.text}”")
    return " · ".join(parts)


def _show_cards(prediction: predict.Prediction, metrics: ui.Metrics) -> None:
    for key, column in zip(
        predict.MODEL_KEYS, st.columns(len(predict.MODEL_KEYS), gap="small"), strict=True
    ):
        answer = prediction.answers[key]
        with column.container(border=True, height="stretch", key=f"model-{key}"):
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
    if answer.unsure:
        return ui_words.unsureness(scores.get("unsure") if scores else None)
    return ui_words.reliability(scores, answer.label) if scores else ui_words.UNMEASURED


def _calibration_errors(metrics: ui.Metrics) -> dict[str, float]:
    """Calibration error on unseen voices of every model that has one, by key."""
    found = {key: ui.unseen_voices(metrics, key) for key in metrics}
    return {key: scores["ece"] for key, scores in found.items() if scores and "ece" in scores}


# --- Sound ---------------------------------------------------------------------------------------


def show_sound(analysis: Analysis) -> None:
    """Waveform and spectrogram, one above the other, over the same time."""
    st.header(ui_words.SOUND_TITLE, anchor=False)
    with st.container(gap=None):
        st.plotly_chart(
            analysis.waveform, key="waveform", config=ui.CHART, alt=ui_words.WAVEFORM_ALT
        )
        st.plotly_chart(
            analysis.spectrogram, key="spectrogram", config=ui.CHART, alt=ui_words.SPECTROGRAM_ALT
        )
    note = ui_words.SPECTROGRAM_NOTE
    st.caption(f"{note} {ui_words.SHADED_NOTE}" if analysis.is_trimmed else note)


# --- Downloads -----------------------------------------------------------------------------------


def show_downloads(choice: Choice, analysis: Analysis) -> None:
    """The answers as files, and a way to forget the clip."""
    with st.container(horizontal=True, vertical_alignment="center", key="downloads"):
        st.download_button(
            ui_words.JSON_LABEL,
            as_json(choice.name, analysis.prediction),
            "emo.json",
            "application/json",
            on_click="ignore",
            icon=":material/download:",
        )
        st.download_button(
            ui_words.CSV_LABEL,
            as_csv(choice.name, analysis.prediction),
            "emo.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
        )
        st.button(
            ui_words.FORGET_LABEL,
            on_click=_forget,
            type="tertiary",
            help=ui_words.FORGET_HELP,
        )


def as_json(name: str, prediction: predict.Prediction) -> str:
    """The answers as `python -m emo predict --format json` prints them."""
    file = io.StringIO()
    reports.write_json([(name, prediction)], file)
    return file.getvalue()


def as_csv(name: str, prediction: predict.Prediction) -> str:
    """The answers as `python -m emo predict --format csv` prints them: one line for each model."""
    # A spreadsheet would run a name that begins with one of these as a formula.
    path = f"'{name}" if name[:1] in ("=", "+", "-", "@") else name
    file = io.StringIO()
    reports.write_csv([(path, prediction)], file)
    return file.getvalue()
