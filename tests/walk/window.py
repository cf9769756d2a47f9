"""A tab of a browser: the actions in it, and the checks of its pages."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Page

from emo.app import text as app_text
from emo.app.analyse import link as analyse_link
from emo.app.analyse.tabs import WHY
from emo.app.analyse.text import TABS
from emo.audio import alteration
from emo.inference.loading import ANSWER_KEYS, MODEL_KEYS
from emo.labels import ENSEMBLE
from tests.browser.steps import Watch
from tests.walk import oracle
from tests.walk.clips import every_file, samples
from tests.walk.oracle import SETTINGS, Answers, PageState, Share

SETTLE_MS = 150  # time in which a finished page may start another run

# Keeps the files that are sent to the server, so that a test knows their bytes.
KEEP_FILES = """(() => {
  window.emoSent = [];
  const send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.send = function (body) {
    if (body instanceof FormData)
      for (const value of body.values())
        if (value instanceof File) {
          const sent = { name: value.name, data: null };
          window.emoSent.push(sent);
          const reader = new FileReader();
          reader.onload = () => (sent.data = reader.result.split(",")[1]);
          reader.readAsDataURL(value);
        }
    return send.call(this, body);
  };
})()"""

# Reads everything that a page displays of a clip and of its controls at once.
READ = """() => {
  const one = (place, root = document) => root.querySelector(place);
  const all = (place, root = document) => [...root.querySelectorAll(place)];
  const text = (element) => element?.textContent.trim() ?? "";
  const bars = (root) => all(".emo-bars tbody tr", root).map((row) => [
    text(one("th", row)), text(one(".emo-share", row))]);
  const ensemble = one(".st-key-ensemble");
  const shown = {
    heading: text(one("h1")),
    described: text(one(".st-key-ways-in [data-testid=stText]")),
    head: text(one(".st-key-ensemble .emo-verdict:not(.emo-over-time)")),
    bars: {},
    cards: {},
    isWhy: text(one("[role=tab][aria-selected=true]")) === WHY,
    notice: text(one(".st-key-altered [data-testid=stAlert]")),
    errors: all("[data-testid=stAlertContentError]").map(text),
    exceptions: all("[data-testid=stException]").map(text),
    region: JSON.parse(one("[data-emo-region]")?.dataset.emoRegion ?? "null"),
    controls: {},
    rows: [],
  };
  if (ensemble) for (const key of ANSWER_KEYS) {
    const row = one(`[data-emo-keep=${key}]`, ensemble), card = one(`.st-key-model-${key}`);
    if (row) shown.bars[key] = bars(row);
    if (card) shown.cards[key] = bars(card);
  }
  for (const element of all("[class*=st-key-][data-testid=stElementContainer]")) {
    const key = [...element.classList].find((name) => name.startsWith("st-key-")).slice(7);
    const kind = one("[data-testid]", element)?.dataset.testid;
    const range = one("input[type=range]", element), box = one("input[type=checkbox]", element);
    if (kind === "stSlider") shown.controls[key] = range.getAttribute("aria-valuetext");
    else if (kind === "stCheckbox") shown.controls[key] = box.checked;
    else if (kind === "stButtonGroup")
      shown.controls[key] = all(
        "[role=radio][aria-checked=true], [aria-pressed=true]", element).map(text);
    else if (kind === "stSelectbox" || kind === "stTextInput")
      shown.controls[key] = one("input", element).value;
  }
  const isolated = "[data-testid=stBidiComponentIsolated]";
  const hosts = all(`${isolated}, ${isolated} *`).filter((e) => e.shadowRoot);
  for (const root of [document, ...hosts.map((host) => host.shadowRoot)])
    for (const row of all("tbody tr[data-id]", root))
      shown.rows.push({
        id: row.dataset.id, name: text(one(".name button, .name b", row)),
        error: row.classList.contains("unread"), notes: all("small", row).map(text),
        answers: Object.fromEntries(all("td.answer", row).map((cell) =>
          [cell.dataset.key, cell.textContent])),
      });
  return shown;
}""".replace("ANSWER_KEYS", json.dumps(ANSWER_KEYS)).replace("WHY", json.dumps(TABS[WHY]))

_BY_PATH = {"": "analyse", **{name: name for name in app_text.PAGES}}


@dataclass
class Window:
    """One tab of the browser, and the state that its pages must have.

    Attributes
    ----------
    folder
        Folder of the files to upload.
    clip
        Name, bytes and origin of the clip on the page *Analyse*; None without one.
    is_known
        Whether the expected clip is known, which it is not after a step back.
    files
        Bytes of all uploaded clips by name.
    controls
        Value of each control that must not change.
    refused
        Requests that the server rejected.
    """

    page: Page
    watch: Watch
    folder: Path
    clip: tuple[str, bytes, str] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    is_known: bool = True
    files: dict[str, bytes] = field(default_factory=dict)
    controls: dict[str, Any] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the open page."""
        return _BY_PATH.get(urlsplit(self.page.url).path.strip("/"), "")

    @property
    def query(self) -> dict[str, str]:
        """Query parameters of the address."""
        return dict(parse_qsl(urlsplit(self.page.url).query))

    def path(self, name: str) -> Path:
        """Return a file on disk with the bytes of a clip."""
        path = self.folder / name
        if not path.exists():
            path.write_bytes(every_file()[name])
        return path

    def set_clip(self, name: str, data: bytes, origin: str) -> None:
        """Set the clip that the page *Analyse* must display, as it was recorded."""
        self.clip, self.is_known = (name, data, origin), True
        self.files[name] = data
        self.allow_changes(*SETTINGS)

    def remove_clip(self) -> None:
        """Set that the page *Analyse* has no clip."""
        self.clip, self.is_known = None, True
        self.allow_changes(*SETTINGS)

    def allow_changes(self, *keys: str) -> None:
        """Accept any value of controls at the next check."""
        for key in keys:
            self.controls.pop(key, None)


def settle(window: Window) -> None:
    """Wait until the page is complete and nothing on it is stale."""
    page = window.page
    for _ in range(2):
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        page.wait_for_function(
            "() => !document.querySelector('[data-stale=true], [data-testid=stSkeleton]')"
        )
        page.wait_for_timeout(SETTLE_MS)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def wait_for(window: Window, is_so: Callable[[dict[str, Any]], bool], what: str) -> None:
    """Wait until the page satisfies a condition.

    Parameters
    ----------
    is_so
        Condition on the content of the page.
    what
        Description of it for the error message.
    """
    for _ in range(200):
        settle(window)
        if is_so(window.page.evaluate(READ)):
            return
        window.page.wait_for_timeout(100)
    raise AssertionError(f"the page never showed {what}: {window.page.evaluate(READ)}")


# --- Checks --------------------------------------------------------------------------------------


def check(window: Window) -> None:
    """Fail unless the page has the expected content."""
    settle(window)
    shown = window.page.evaluate(READ)
    assert not shown["exceptions"], shown["exceptions"]
    assert not window.watch.faults, window.watch.faults
    assert not window.refused, window.refused
    controls = shown["controls"]
    for key, value in controls.items():
        known = window.controls.get(key, value)
        assert known == value, f"{key} moved from {known} to {value} by itself"
    window.controls |= controls
    if window.name == "analyse":
        check_analyse(window, shown)
    else:
        assert not shown["errors"], shown["errors"]
    if window.name == "compare":
        check_compare(window, shown)


def check_analyse(window: Window, shown: dict[str, Any]) -> None:
    if not window.is_known:
        adopt_clip(window, shown)
    if window.clip is None:
        assert not shown["bars"], shown["described"]
        assert not shown["errors"], shown["errors"]
        return
    name, data, origin = window.clip
    state = page_state(shown)
    assert state.name == name, (state.name, name)
    expected = oracle.expected(data, name)
    if expected.refusal:
        assert shown["errors"] == [expected.refusal], (shown["errors"], expected.refusal)
        return
    settings = settings_of(shown["controls"])
    refusal = oracle.refusal_of(data, name, settings, state.channel)
    assert shown["errors"] == ([refusal] if refusal else []), (shown["errors"], refusal)
    assert state.settings == (alteration.NEUTRAL if refusal else settings), (
        state.settings,
        settings,
    )
    assert list(state.among) == shown["controls"]["among-analyse"], state.among
    oracle.check(state, data)
    for key, rows in shown["cards"].items():
        assert rows == shown["bars"][key], key
    if origin == "sample":
        link = analyse_link.Link(
            Path(name).stem, state.share, shown["isWhy"], settings, state.among
        )
        assert window.query == analyse_link.write_link(link), (window.query, link)
    else:
        assert "sample" not in window.query, window.query


def adopt_clip(window: Window, shown: dict[str, Any]) -> None:
    """Set the clip to the one that the page names, after a step back."""
    name = shown["described"].split(" · ")[0]
    known = dict(samples().values()) | window.files
    origins = dict.fromkeys(dict(samples().values()), "sample")
    if not name:
        window.clip = None
    elif window.clip is None or window.clip[0] != name:
        is_sample = window.query.get("sample", "") == Path(name).stem
        window.clip = (name, known[name], origins.get(name, "") if is_sample else "")
    window.is_known = True


def settings_of(controls: dict[str, Any]) -> alteration.Alteration:
    """Return the settings of the controls of *What if*."""
    settings: dict[str, Any] = {}
    for key, setting in SETTINGS.items():
        value = controls[key]
        if isinstance(value, str):
            number = re.search(r"-?\d+(\.\d+)?", value.replace("−", "-").replace("+", ""))
            value = None if number is None else float(number[0])
        settings[setting] = value
    return alteration.Alteration(**settings)


def page_state(shown: dict[str, Any]) -> PageState:
    bars = {
        key: tuple((label, share) for label, share in rows) for key, rows in shown["bars"].items()
    }
    share: Share | None = tuple(shown["region"]) if shown["region"] else None
    return PageState(
        shown["described"].split(" · ")[0],
        Answers(bars),
        oracle.settings_in(shown["notice"]),
        share,
        oracle.labels_in(shown["head"]),
        oracle.channel_in(shown["described"]),
        oracle.among_in(shown["described"]),
    )


def check_compare(window: Window, shown: dict[str, Any]) -> None:
    for row in shown["rows"]:
        among = tuple(shown["controls"]["among-compare"])
        expected = oracle.expected(window.files[row["name"]], row["name"], among=among)
        assert row["error"] == bool(expected.refusal), row
        if expected.refusal:
            assert expected.refusal in row["notes"], row
            continue
        for key in (ENSEMBLE, *MODEL_KEYS):
            text = row["answers"][key]
            label, shown_share = oracle.labels_in(text)[0], re.search(r"<?\d+\s%", text)
            assert shown_share is not None, row
            assert shown_share[0] == dict(expected.bars[key])[label], (
                row,
                dict(expected.bars[key]),
            )
