"""A tab of a real browser: what its person did in it, and what its pages must show."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Page

from emo.app import current_clip
from emo.app import text as app_text
from emo.app.analyse import link as analyse_link
from emo.audio import alteration
from emo.inference.predictor import MODEL_KEYS
from emo.labels import VOTE
from emo.system import paths
from tests.browser.steps import Watch
from tests.walk import oracle
from tests.walk.clips import every_file
from tests.walk.oracle import Answers, Share, Shown

SETTLE_MS = 150  # in which a page that is done may yet begin anew

# What is sent to the server as a file stays in the page, so that its bytes are known.
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

# All that a page shows of a clip and of its controls, read at one moment.
READ = """() => {
  const one = (place, root = document) => root.querySelector(place);
  const all = (place, root = document) => [...root.querySelectorAll(place)];
  const text = (element) => element?.textContent.trim() ?? "";
  const bars = (root) => all(".emo-bars tbody tr", root).map((row) => [
    text(one("th", row)), text(one(".emo-share", row))]);
  const vote = one(".st-key-vote");
  const shown = {
    heading: text(one("h1")),
    described: vote ? text(one("[data-testid=stText]", vote)) : text(one("[data-testid=stText]")),
    head: text(one("h2.emo-verdict")),
    bars: vote ? { vote: bars(vote) } : {},
    notice: text(one(".st-key-altered [data-testid=stAlert]")),
    errors: all("[data-testid=stAlertContentError]").map(text),
    exceptions: all("[data-testid=stException]").map(text),
    region: JSON.parse(one("[data-emo-region]")?.dataset.emoRegion ?? "null"),
    controls: {},
    rows: [],
  };
  if (vote) for (const key of ["tree", "cnn", "mlp"]) {
    const card = one(`.st-key-model-${key}`);
    if (card) shown.bars[key] = bars(card);
  }
  for (const element of all("[class*=st-key-][data-testid=stElementContainer]")) {
    const key = [...element.classList].find((name) => name.startsWith("st-key-")).slice(7);
    const kind = one("[data-testid]", element)?.dataset.testid;
    const range = one("input[type=range]", element), box = one("input[type=checkbox]", element);
    if (kind === "stSlider") shown.controls[key] = range.getAttribute("aria-valuetext");
    else if (kind === "stCheckbox") shown.controls[key] = box.checked;
    else if (kind === "stButtonGroup")
      shown.controls[key] = all("[role=radio][aria-checked=true]", element).map(text);
    else if (kind === "stSelectbox" || kind === "stTextInput")
      shown.controls[key] = one("input", element).value;
  }
  const hosts = all("[data-testid=stBidiComponentIsolated] *").filter((e) => e.shadowRoot);
  for (const root of [document, ...hosts.map((host) => host.shadowRoot)])
    for (const row of all("tbody tr[data-id]", root))
      shown.rows.push({
        id: row.dataset.id, name: text(one(".name button, .name b", row)),
        error: row.classList.contains("unread"), notes: all("small", row).map(text),
        answers: Object.fromEntries(all("td.answer", row).map((cell) =>
          [[...cell.classList][1], cell.textContent])),
      });
  return shown;
}"""

SETTINGS = {
    "what-if-speed": "speed",
    "what-if-pitch": "pitch_semitones",
    "what-if-gain": "gain_db",
    "what-if-noise": "snr_db",
    "what-if-telephone": "telephone",
}
_BY_PATH = {"": "analyse", **{name: name for name in app_text.PAGES}}


def samples() -> dict[str, tuple[str, bytes]]:
    """Name and bytes of every sample clip by the stem of its file."""
    rows = current_clip.list_samples(paths.SAMPLES_DIR)
    files = [paths.SAMPLES_DIR / row["file"] for row in rows]
    return {path.stem: (path.name, path.read_bytes()) for path in files}


@dataclass
class Window:
    """One tab of the browser, and what its person did in it.

    Attributes
    ----------
    clip
        Name, bytes and origin of the clip on the first page; None where there is none.
    folder
        Where files lie that can be chosen.
    is_known
        Whether it is known what the first page must show: not after a step back, say.
    given
        Bytes of the clips that were ever given, by name.
    """

    page: Page
    watch: Watch
    folder: Path
    clip: tuple[str, bytes, str] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    is_known: bool = True
    given: dict[str, bytes] = field(default_factory=dict)
    controls: dict[str, Any] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Which page is open."""
        return _BY_PATH.get(urlsplit(self.page.url).path.strip("/"), "")

    @property
    def query(self) -> dict[str, str]:
        """What stands behind it in the address."""
        return dict(parse_qsl(urlsplit(self.page.url).query))

    def path(self, name: str) -> Path:
        """A file on disk with the bytes of a clip."""
        path = self.folder / name
        if not path.exists():
            path.write_bytes(every_file()[name])
        return path

    def take(self, name: str, data: bytes, origin: str) -> None:
        """Note the clip that the first page must now show, as it was recorded."""
        self.clip, self.is_known = (name, data, origin), True
        self.given[name] = data
        self.touch(*SETTINGS)

    def drop(self) -> None:
        """Note that there is no clip now."""
        self.clip, self.is_known = None, True
        self.touch(*SETTINGS)

    def touch(self, *keys: str) -> None:
        """Let controls move."""
        for key in keys:
            self.controls.pop(key, None)


def settle(window: Window) -> None:
    """Return once the page has been made and nothing on it is of the time before."""
    page = window.page
    for _ in range(2):
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        page.wait_for_function(
            "() => !document.querySelector('[data-stale=true], [data-testid=stSkeleton]')"
        )
        page.wait_for_timeout(SETTLE_MS)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def wait_for(window: Window, is_so: Callable[[dict[str, Any]], bool], what: str) -> None:
    """Return once the page shows what it should; what it shows is checked later."""
    for _ in range(200):
        settle(window)
        if is_so(window.page.evaluate(READ)):
            return
        window.page.wait_for_timeout(100)
    raise AssertionError(f"the page never showed {what}: {window.page.evaluate(READ)}")


# --- What must be so -----------------------------------------------------------------------------


def check(window: Window) -> None:
    """Fail where the page shows anything but what it must."""
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
        learn(window, shown)
    if window.clip is None:
        assert not shown["bars"], shown["described"]
        assert not shown["errors"], shown["errors"]
        return
    name, data, origin = window.clip
    found = shown_in(shown)
    assert found.name == name, (found.name, name)
    right = oracle.expected(data, name)
    if right.refusal:
        assert shown["errors"] == [right.refusal], (shown["errors"], right.refusal)
        return
    named = settings_of(shown["controls"])
    refusal = oracle.refused(data, name, named, found.channel)
    assert shown["errors"] == ([refusal] if refusal else []), (shown["errors"], refusal)
    assert found.settings == (alteration.NEUTRAL if refusal else named), (found.settings, named)
    oracle.check(found, data)
    if origin == "sample":
        link = analyse_link.Link(
            Path(name).stem, found.share, bool(shown["controls"]["why"]), named
        )
        assert window.query == analyse_link.write_link(link), (window.query, link)
    else:
        assert "sample" not in window.query, window.query


def learn(window: Window, shown: dict[str, Any]) -> None:
    """Take for the clip what the page names, where nobody can know what a step back brought."""
    name = shown["described"].split(" · ")[0]
    known = dict(samples().values()) | window.given
    origins = dict.fromkeys(dict(samples().values()), "sample")
    if not name:
        window.clip = None
    elif window.clip is None or window.clip[0] != name:
        is_sample = window.query.get("sample", "") == Path(name).stem
        window.clip = (name, known[name], origins.get(name, "") if is_sample else "")
    window.is_known = True


def settings_of(controls: dict[str, Any]) -> alteration.Alteration:
    """The settings that the controls of *What if* show."""
    found: dict[str, Any] = {}
    for key, setting in SETTINGS.items():
        value = controls[key]
        if isinstance(value, str):
            number = re.search(r"-?\d+(\.\d+)?", value.replace("−", "-").replace("+", ""))
            value = None if number is None else float(number[0])
        found[setting] = value
    return alteration.Alteration(**found)


def shown_in(shown: dict[str, Any]) -> Shown:
    bars = {
        key: tuple((label, share) for label, share in rows) for key, rows in shown["bars"].items()
    }
    share: Share | None = tuple(shown["region"]) if shown["region"] else None
    return Shown(
        shown["described"].split(" · ")[0],
        Answers(bars),
        oracle.settings_in(shown["notice"]),
        share,
        oracle.labels_in(shown["head"]),
        oracle.channel_in(shown["described"]),
    )


def check_compare(window: Window, shown: dict[str, Any]) -> None:
    for row in shown["rows"]:
        right = oracle.expected(window.given[row["name"]], row["name"])
        assert row["error"] == bool(right.refusal), row
        if right.refusal:
            assert right.refusal in row["notes"], row
            continue
        for key in (VOTE, *MODEL_KEYS):
            text = row["answers"][key]
            label, shown_share = oracle.labels_in(text)[0], re.search(r"<?\d+\s%", text)
            assert shown_share is not None, row
            assert shown_share[0] == dict(right.bars[key])[label], (row, dict(right.bars[key]))
