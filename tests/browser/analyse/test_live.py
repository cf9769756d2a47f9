"""Live, by mouse and keyboard: the answers that come are those of `predict` for the same sound."""

import json
import re
from typing import Any

import numpy as np
import pytest
import soxr
from playwright.sync_api import Browser, Page, WebSocket, expect

import emo
from emo.app import text as app_text
from emo.app.live import text
from emo.formatting import percent
from emo.inference.loading import MODEL_KEYS
from emo.labels import ENSEMBLE, LABELS
from tests.browser import steps
from tests.support import signals

RATE_HZ = 16_000
OFF, ON = text.WORDS["state_off"], text.WORDS["state_on"]

RESAMPLE = """async ([rate, samples]) => {
  const context = new OfflineAudioContext(1, samples.length, rate);
  await context.audioWorklet.addModule("/live/worklet.js");
  const node = new AudioWorkletNode(context, "emo-live");
  const pieces = [];
  node.port.onmessage = ({ data }) => pieces.push(...data);
  const source = context.createBufferSource();
  source.buffer = context.createBuffer(1, samples.length, rate);
  source.buffer.copyToChannel(new Float32Array(samples), 0);
  source.connect(node).connect(context.destination);
  source.start();
  await context.startRendering();
  await new Promise((done) => setTimeout(done, 300));
  return pieces;
}"""


LEAVE = """() => {
  history.pushState({}, "", "/about");
  dispatchEvent(new Event("popstate"));
}"""


class Traffic:
    """The sound that a page sent live, and the messages that it got."""

    def __init__(self, page: Page) -> None:
        self.sound = b""
        self.messages: list[dict[str, Any]] = []
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        if socket.url.endswith("/live/stream"):
            socket.on("framesent", self._record_sent)
            socket.on("framereceived", self._record_received)

    def _record_sent(self, payload: str | bytes) -> None:
        if isinstance(payload, bytes):
            self.sound += payload

    def _record_received(self, payload: str | bytes) -> None:
        self.messages.append(json.loads(payload))

    @property
    def samples(self) -> "np.ndarray[Any, np.dtype[np.int16]]":
        return np.frombuffer(self.sound, "<i2")

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == "answer"]


def start(page: Page) -> None:
    page.get_by_role("button", name=text.LIVE_LABEL, exact=True).click()
    expect(page.get_by_role("heading", name=ON)).to_be_visible()


def test_live_answers_as_predict_does_and_becomes_a_clip(page: Page) -> None:
    traffic = Traffic(page)
    start(page)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_have_accessible_name(ON)
    expect(dialog.locator(".verdict .sign").first).to_be_visible()
    expect(dialog.locator(".models li")).to_have_count(len(MODEL_KEYS))
    expect(dialog.locator(".over")).to_have_text(text.WORDS["pause"])  # the voice has ended
    expect(dialog.locator(".lane").first.locator("div").first).to_be_attached()
    page.get_by_role("button", name=text.WORDS["stop"], exact=True).click()
    expect(page.get_by_role("heading", name=OFF)).to_be_visible()
    n_sent = len(traffic.sound)

    assert len(traffic.answers) >= 2
    for message in traffic.answers:
        first, last = message["window"]
        expected = emo.predict(traffic.samples[first:last], RATE_HZ)
        for key, answer in expected.answers.items():
            said = message["answers"][key]
            assert (said["named"], said["unsure"]) == (list(answer.named), answer.unsure)
            assert said["percent"] == percent(answer.confidence)
    said = traffic.answers[-1]["answers"]
    expect(dialog.locator(".verdict b")).to_have_text(said[ENSEMBLE]["title"])
    expect(dialog.locator(".models .label")).to_have_text([said[k]["title"] for k in MODEL_KEYS])
    expect(dialog.locator(".models .percent")).to_have_text(
        [said[k]["percent"] for k in MODEL_KEYS]
    )
    expect(dialog.locator("[aria-live=polite]")).to_have_text(re.compile("|".join(LABELS)))

    page.get_by_role("button", name=text.WORDS["keep"], exact=True).click()
    steps.expect_answers(page, text.CLIP_NAME)
    assert len(traffic.sound) == n_sent  # the microphone is off
    expected = emo.predict(traffic.samples, RATE_HZ)
    for key in MODEL_KEYS:
        shares = [percent(share) for share in expected.answers[key].probabilities]
        expect(page.locator(f".st-key-model-{key} .emo-share")).to_have_text(shares)
    expect(page.get_by_role("button", name=text.LIVE_LABEL, exact=True)).to_be_visible()


def test_live_by_keyboard_and_without_a_microphone(page: Page) -> None:
    traffic = Traffic(page)
    button = page.get_by_role("button", name=text.LIVE_LABEL, exact=True)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=text.WORDS["stop"], exact=True)).to_be_focused()
    expect(page.get_by_role("heading", name=ON)).to_be_visible()
    page.keyboard.press("Escape")  # stops the microphone
    expect(page.get_by_role("heading", name=OFF)).to_be_visible()
    page.keyboard.press("Escape")  # closes
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()
    assert traffic.messages[0]["type"] == "ready"
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () =>"
        " Promise.reject(new DOMException('no', 'NotAllowedError')); }"
    )
    page.keyboard.press("Space")
    expect(page.get_by_role("status").filter(has_text=text.WORDS["denied"])).to_be_visible()
    expect(page.get_by_role("button", name=text.WORDS["again"], exact=True)).to_be_focused()
    expect(page.get_by_role("button", name=text.WORDS["keep"], exact=True)).to_have_count(0)
    page.get_by_role("button", name=text.WORDS["close"], exact=True).click()
    page.reload()  # with the browser's own microphone


def test_the_microphone_is_off_after_another_page_was_opened(page: Page) -> None:
    traffic = Traffic(page)
    start(page)
    page.wait_for_timeout(700)
    # The dialog covers the navigation; the Back button of a browser does not care.
    page.evaluate(
        "() => { history.pushState({}, '', '/about'); dispatchEvent(new Event('popstate')); }"
    )
    expect(page.get_by_role("heading", level=1, name=app_text.PAGES["about"])).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.wait_for_timeout(300)
    n_sent = len(traffic.sound)
    assert n_sent
    page.wait_for_timeout(500)
    assert len(traffic.sound) == n_sent


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_worklet_resamples_as_the_server_would(
    browser: Browser, address: str, rate_hz: int
) -> None:
    rng = np.random.default_rng(3)
    voice = signals.voice((180.0, 120.0), 1.0, rate_hz)
    sound = 0.5 * voice / np.abs(voice).max() + 0.01 * rng.standard_normal(len(voice))
    high = 0.5 * np.sin(2 * np.pi * 0.45 * np.arange(rate_hz))  # above 8 kHz, where there is any
    with steps.lend_tab(browser, address) as page:
        page.goto(f"{address}/_stcore/health")
        pieces = page.evaluate(RESAMPLE, [rate_hz, sound.tolist()])
        aliased = page.evaluate(RESAMPLE, [rate_hz, high.tolist()]) if rate_hz > 40_000 else [0]
    resampled = np.array(pieces) / 32768
    expected = soxr.resample(sound, rate_hz, RATE_HZ)
    n = 8 * len(resampled) // 10
    assert n > 0.7 * RATE_HZ
    # The first sample of the output may be up to a sample away from that of the other.
    errors = [float(np.std(resampled[800 + lag : n + lag] - expected[800:n])) for lag in (-1, 0, 1)]
    assert min(errors) < 0.01 * float(np.std(expected[800:n]))
    assert np.abs(aliased[1600:]).max(initial=0) <= 1  # of 32,768
