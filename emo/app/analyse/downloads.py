"""The answers of the page *Analyse* as files, and the deletion of the clip."""

import streamlit as st

from emo.app import current_clip, player
from emo.app.analyse import analysis as analyse_analysis
from emo.app.analyse import channels, inputs, text, timeline, what_if
from emo.app.analyse.analysis import Analysis
from emo.app.analyse.why import explanation
from emo.app.compare import collection
from emo.app.current_clip import ClipSource
from emo.app.serving import uploads
from emo.audio.channels import MIX, name_with_channel
from emo.inference import export, predictor
from emo.system import filenames


def show_downloads(source: ClipSource, analysis: Analysis) -> None:
    """Draw the buttons that save the answers.

    The files are small and made at once: Streamlit forgets how to make a file at the next run of
    the page, and a click that comes meanwhile is lost.
    """
    stem = file_stem(source, analysis.channel, analysis.is_altered, analysis.part_s)
    with st.container(horizontal=True, vertical_alignment="center", key="downloads"):
        for label, write, ending, mime in (
            (text.JSON_LABEL, to_json, "json", "application/json"),
            (text.CSV_LABEL, to_csv, "csv", "text/csv"),
        ):
            st.download_button(
                label,
                write(name_of(source, analysis), analysis.prediction),
                f"{stem}.{ending}",
                mime,
                key=f"download-{ending}",
                on_click="ignore",
                icon=":material/download:",
            )


def file_stem(
    source: ClipSource,
    channel: str,
    is_altered: bool,
    part_s: tuple[float, float] | None = None,
) -> str:
    """Return the name of files without their ending: page, clip, channel, alteration and part."""
    return filenames.download_stem(
        "analyse",
        filenames.without_ending(source.name),
        "" if channel == MIX else text.channel_alone(channel),
        text.CHANGED if is_altered else "",
        "" if part_s is None else f"{part_s[0]:.2f}-{part_s[1]:.2f}s",
    )


def name_of(source: ClipSource, analysis: Analysis) -> str:
    """Return the name of a file, with channel and part as a media fragment (W3C, 2012)."""
    name = name_with_channel(source.name, analysis.channel)
    if analysis.part_s is None:
        return name
    start_s, stop_s = analysis.part_s
    return f"{name}{'#' if analysis.channel == MIX else '&'}t={start_s:.3f},{stop_s:.3f}"


def to_json(name: str, prediction: predictor.Prediction) -> str:
    """Return the answers as ``emo predict --format json`` prints them."""
    return export.written(export.write_json, [(name, prediction)])


def to_csv(name: str, prediction: predictor.Prediction) -> str:
    """Return the answers as ``emo predict --format csv`` prints them: one row for each model."""
    return export.written(export.write_csv, [(name, prediction)])


def delete_clip() -> None:
    """Delete the clip, and all that the session derived from clips."""
    source = current_clip.get_source()
    if source is not None:
        collection.session_clips().remove(analyse_analysis.digest_of(source))
        uploads.release_uploads([source.data])
    current_clip.set_source(None)
    inputs.reset_widgets()
    analyse_analysis.clear_caches()
    explanation.clear_cache()
    timeline.clear_cache()
    player.clear_shares()
    what_if.reset()
    channels.reset()
