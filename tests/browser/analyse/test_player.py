"""The player by mouse, keyboard and download: regions, playing, files and lanes."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from playwright.sync_api import Page, expect

from emo import formatting
from emo.app import text
from emo.app.analyse import text as analyse_text
from emo.audio import clip
from emo.inference import export, loading, predictor
from emo.inference.timeline import iter_timeline
from emo.labels import LABELS
from tests.browser.steps import (
    clip_line,
    drag,
    expect_answers,
    expect_idle,
    expect_lanes,
    expect_now,
    now_s,
    stage,
    upload,
)
from tests.support import signals

VOICE = signals.voice()  # two seconds
LANES_LEFT = 80  # of a player with lanes, in pixels
FOLLOW = """player => new Promise(done => {
  const places = [], start = performance.now();
  const follow = now => {
    places.push([now / 1000, Number(player.getAttribute('aria-valuenow'))]);
    if (now - start < 3000) requestAnimationFrame(follow); else done(places);
  };
  requestAnimationFrame(follow);
})"""
"""Seconds and place of the playhead in each picture of three seconds."""
FILE = signals.encoded(VOICE, subtype="PCM_16")


def chosen_s(page: Page) -> tuple[float, float]:
    """Return start and end of the part that the page says is analysed."""
    expect(clip_line(page)).to_contain_text("selected: ")
    found = re.search(r"selected: ([\d.]+) to ([\d.]+)", clip_line(page).inner_text())
    assert found
    return float(found[1]), float(found[2])


def share_of(page: Page, time_s: float) -> float:
    """Return the share of the player's width at a time of a clip that is in view as a whole."""
    box = stage(page).bounding_box()
    assert box
    left, right, duration_s = 46, 8, float(stage(page).get_attribute("aria-valuemax") or 0)
    return (left + time_s / duration_s * (box["width"] - left - right)) / box["width"]


def region(page: Page) -> tuple[float, float]:
    """Return the part that is selected as shares of the clip."""
    found = page.locator("[data-emo-region]").get_attribute("data-emo-region")
    start, stop = json.loads(found or "null")
    return start, stop


def grip(page: Page, time_s: float) -> str:
    """Return what the mouse would drag at a time."""
    stage(page).scroll_into_view_if_needed()
    box = stage(page).bounding_box()
    assert box
    page.mouse.move(box["x"] + share_of(page, time_s) * box["width"], box["y"] + box["height"] / 2)
    return str(page.locator("[data-part=overlay]").evaluate("e => getComputedStyle(e).cursor"))


def play_button(page: Page) -> str:
    return page.locator("[data-part=play]").get_attribute("data-playing") or ""


def expect_playing(page: Page, playing: bool) -> None:
    expect(page.locator("[data-part=play]")).to_have_attribute("data-playing", str(playing).lower())


def test_region_is_dragged_by_its_edges_and_as_a_whole(page: Page) -> None:
    upload(page, "clip.wav", FILE)
    expect_answers(page, "clip.wav")
    drag(page, share_of(page, 0.5), share_of(page, 1.0))
    assert chosen_s(page) == pytest.approx((0.5, 1.0), abs=0.01)
    assert [grip(page, time_s) for time_s in (0.5, 0.75, 1.0, 1.5)] == [
        "ew-resize",
        "grab",
        "ew-resize",
        "crosshair",
    ]
    drag(page, share_of(page, 1.0), share_of(page, 1.6))  # the right edge
    expect(clip_line(page)).to_contain_text(re.compile(r"to 1\.(59|60|61)"))
    assert chosen_s(page) == pytest.approx((0.5, 1.6), abs=0.01)
    drag(page, share_of(page, 1.0), share_of(page, 1.3))  # the region itself
    expect(clip_line(page)).to_contain_text(re.compile(r"to 1\.(89|9)"))
    assert chosen_s(page) == pytest.approx((0.8, 1.9), abs=0.01)
    drag(page, share_of(page, 1.3), share_of(page, 2.0))  # no further than the end of the clip
    expect(clip_line(page)).to_contain_text("to 2.00")
    first, last = chosen_s(page)
    assert (first, last) == pytest.approx((0.9, 2.0), abs=0.01)

    drag(page, share_of(page, 0.2), share_of(page, 0.35))  # too short: it says so, nothing changes
    refusal = page.locator("[data-part=chosen]")
    expect(refusal).to_have_text(re.compile(r"^0\.1\d s is too short\. Select at least 0\.3 s\.$"))
    assert chosen_s(page) == (first, last)

    whole = clip.decode(FILE, "clip.wav")
    part = clip.cut(whole, *(round(place * 2.0 * clip.RATE_HZ) for place in region(page)))
    ensemble = predictor.predict(part, loading.load_models()).ensemble
    shares = page.locator(".st-key-ensemble .emo-bars").first.locator(".emo-share")
    expected = [formatting.percent(p) for p in ensemble.probabilities.tolist()]
    expect(shares).to_have_text(expected)
    assert len(expected) == len(LABELS)


def test_part_plays_alone_in_a_loop_and_at_half_speed(page: Page) -> None:
    upload(page, "clip.wav", FILE)
    expect_answers(page, "clip.wav")
    drag(page, share_of(page, 0.4), share_of(page, 0.8))
    _, last = chosen_s(page)
    expect_idle(page)
    page.get_by_role("button", name=text.PLAYER["play_part"]).click()
    expect_now(page, last, 0.06)  # a little late, as a picture is drawn every 16 ms
    expect_playing(page, False)
    assert now_s(page) == pytest.approx(last, abs=0.06)

    loop = page.get_by_role("button", name=text.PLAYER["loop"])
    loop.click()
    expect(loop).to_have_attribute("aria-pressed", "true")
    slow = page.get_by_role("button", name=text.PLAYER["slow"])
    slow.click()
    page.get_by_role("button", name=text.PLAYER["play_part"]).click()
    times, places = np.array(page.evaluate(FOLLOW, stage(page).element_handle())).T
    expect_playing(page, True)
    assert places.min() >= 0.39
    assert places.max() <= last + 0.1
    assert (np.diff(places) < -0.2).any()  # it began again
    goes_on = (np.diff(places) > 0) & (np.diff(places) < 0.1)
    speed = np.diff(places)[goes_on].sum() / np.diff(times)[goes_on].sum()
    assert speed == pytest.approx(0.5, abs=0.2)
    loop.click()
    expect_playing(page, False)
    assert now_s(page) == pytest.approx(last, abs=0.06)


def test_space_plays_from_anywhere_but_where_it_is_typed(page: Page) -> None:
    upload(page, "clip.wav", FILE)
    expect_answers(page, "clip.wav")
    expect_idle(page)
    page.mouse.click(8, 400)  # beside all that the page shows
    page.keyboard.press("Space")
    expect_playing(page, True)
    page.keyboard.press("Space")
    expect_playing(page, False)
    page.get_by_role("slider", name=text.PLAYER["position"]).focus()
    page.keyboard.press("Space")
    expect_playing(page, True)
    page.keyboard.press("Space")
    expect_playing(page, False)
    view = page.locator(".player summary").first
    view.focus()
    page.keyboard.press("Space")  # opens the menu
    scale = page.locator("[data-part=scale]")
    expect(scale).to_be_visible()
    assert play_button(page) == "false"
    page.keyboard.press("Escape")
    expect(scale).not_to_be_visible()


def test_files_of_the_player(page: Page, tmp_path: Path) -> None:
    upload(page, "my clip.wav", FILE)
    expect_answers(page, "my clip.wav")
    drag(page, share_of(page, 0.5), share_of(page, 1.5))
    first, last = chosen_s(page)
    expect_idle(page)
    page.get_by_text(text.PLAYER["save"], exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=text.PLAYER["part_wav"]).click()
    assert waiting.value.suggested_filename == f"analyse-my-clip-{first:.2f}-{last:.2f}s.wav"
    waiting.value.save_as(tmp_path / "part.wav")
    samples, rate_hz = soundfile.read(tmp_path / "part.wav", dtype="float32")
    assert rate_hz == clip.RATE_HZ
    assert soundfile.info(tmp_path / "part.wav").subtype == "PCM_16"
    start, stop = (round(place * 2.0 * rate_hz) for place in region(page))
    assert len(samples) == pytest.approx(stop - start, abs=2)  # shares have five decimals
    whole = clip.decode(FILE, "clip.wav").samples
    whole = whole * (0.9 / np.abs(whole).max())
    differences = [
        np.abs(samples - whole[place : place + len(samples)]).max()
        for place in range(start - 1, start + 2)
    ]
    assert min(differences) <= 2 / 2**15
    with page.expect_download() as waiting:
        page.get_by_role("button", name=text.PLAYER["png"]).click()
    assert waiting.value.suggested_filename == "analyse-my-clip-spectrogram.png"
    waiting.value.save_as(tmp_path / "spectrogram.png")
    image = Image.open(io.BytesIO((tmp_path / "spectrogram.png").read_bytes())).convert("RGB")
    pixels = np.asarray(image)
    assert image.width > 2 * image.height > 800
    assert (pixels[0, 0] == 255).all()  # on white
    assert (pixels[:70, 148:900] < 128).any()  # a title
    assert len(np.unique(pixels[90:700, 160:2100].reshape(-1, 3), axis=0)) > 100  # a picture
    expect_now(page, first, 0.01)


# --- Lanes ---------------------------------------------------------------------------------------


def test_lanes_of_a_longer_clip_are_in_the_player(page: Page, tmp_path: Path) -> None:
    """They have the answers of `emo timeline`, on hover, in a table and in a file."""
    part = np.concatenate([signals.voice((180.0, 120.0), 3.0), signals.silence(2.0)])
    data = signals.encoded(np.tile(part, 4), subtype="PCM_16")
    upload(page, "talk.wav", data)
    expect_lanes(page)
    expect_idle(page)
    models = loading.load_models()
    *_, expected = iter_timeline(clip.decode(data, "talk.wav"), models)
    sent = json.loads(page.locator("[data-emo-lanes]").get_attribute("data-emo-lanes") or "")
    assert sent["spans"] == expected.segments_s.tolist()
    assert len(sent["spans"]) == sent["total"] > 4

    stage(page).scroll_into_view_if_needed()
    box = stage(page).bounding_box()
    assert box
    assert box["height"] > 400  # waveform, spectrogram, and a lane a model
    start_s, stop_s = sent["spans"][0]
    x = LANES_LEFT + (start_s + stop_s) / 2 / 20.0 * (box["width"] - LANES_LEFT - 8)
    page.mouse.move(box["x"] + x, box["y"] + box["height"] - 34)  # on the lowest lane
    tip = page.locator("[data-part=tip]")
    expect(tip).to_be_visible()
    said = expected.answers()[0]
    for key in loading.ANSWER_KEYS:
        answer = said[key]
        label = f"{answer.label}, unsure" if answer.unsure else answer.label
        expect(tip).to_contain_text(
            f"{text.SHORT_NAMES[key]}{label}{formatting.percent(answer.confidence)}"
        )
    expect(tip.locator(".here").first).to_have_text(sent["names"][-1])
    page.mouse.click(box["x"] + x, box["y"] + box["height"] - 34)
    expect_now(page, (start_s + stop_s) / 2, 0.1)

    page.get_by_text(analyse_text.TIMELINE_TABLE, exact=True).click()
    cue = expected.cues()[1]
    page.locator("[data-emo-go]").nth(1).click()
    expect_now(page, cue.start_s, 0.02)
    page.get_by_role("button", name=analyse_text.TIMELINE_SAVE).click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=analyse_text.TIMELINE_FILES["textgrid"]).click()
    assert waiting.value.suggested_filename == "analyse-talk-timeline.TextGrid"
    waiting.value.save_as(tmp_path / "talk.TextGrid")
    written = export.written(export.TIMELINE_WRITERS["textgrid"], "talk.wav", expected)
    assert (tmp_path / "talk.TextGrid").read_text() == written

    page.keyboard.press("Escape")
    page.get_by_text(analyse_text.ONE_SPEAKER_LABEL, exact=True).click()
    *_, known = iter_timeline(clip.decode(data, "talk.wav"), models, same_speaker=True)
    expect(page.get_by_text(known.voice_note, exact=True)).to_be_visible()


COUNT_PICTURES = """() => {
  const canvas = CanvasRenderingContext2D.prototype;
  const draw = (canvas.drawImageBefore ??= canvas.drawImage);
  window.emoPictures = 0;
  canvas.drawImage = function (...given) {
    window.emoPictures += 1;
    return draw.apply(this, given);
  };
}"""


def test_new_lanes_leave_the_pictures_above_as_they_are(page: Page) -> None:
    part = np.concatenate([signals.voice((180.0, 120.0), 3.0), signals.silence(2.0)])
    upload(page, "again.wav", signals.encoded(np.tile(part, 4), subtype="PCM_16"))
    expect_lanes(page)
    expect_idle(page)
    lanes, canvas = page.locator("[data-emo-lanes]"), stage(page).locator("canvas").first
    sent = lanes.get_attribute("data-emo-lanes") or ""
    whole = canvas.evaluate("canvas => canvas.toDataURL()")
    other = json.loads(sent)
    other["answers"][0][0][0] = (other["answers"][0][0][0] + 1) % len(LABELS)
    page.evaluate(COUNT_PICTURES)

    def send(text: str) -> None:
        lanes.evaluate(
            """(lanes, text) => {
              const next = lanes.cloneNode(true);
              next.dataset.emoLanes = text;
              lanes.replaceWith(next);
            }""",
            text,
        )

    send(json.dumps(other))
    page.wait_for_function(
        "([canvas, whole]) => canvas.toDataURL() !== whole", arg=[canvas.element_handle(), whole]
    )
    send(sent)
    page.wait_for_function(
        "([canvas, whole]) => canvas.toDataURL() === whole", arg=[canvas.element_handle(), whole]
    )
    assert page.evaluate("window.emoPictures") == 0


def test_pitch_of_a_longer_clip_is_drawn_over_the_spectrogram(page: Page) -> None:
    """Several frames share a pixel, so the line has their least and largest values."""
    upload(page, "tone.wav", signals.encoded(signals.tone(220.0, 12.0), subtype="PCM_16"))
    expect_idle(page)
    canvas, pitch = stage(page).locator("canvas").first, page.locator("[data-part=pitch]")
    shown = {canvas.evaluate("canvas => canvas.toDataURL()")}
    for _ in range(2):
        pitch.evaluate("box => box.click()")  # it is in a closed menu
        shown.add(canvas.evaluate("canvas => canvas.toDataURL()"))
    assert len(shown) == 2  # without the line, and with it
