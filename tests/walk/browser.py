"""A random walk in a real browser, by mouse, keyboard and file chooser, each step of it checked."""

import base64
import contextlib
import json
import random
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, Response

from docs import screens
from emo import ui_analyse, ui_links, ui_words, whatif
from emo import ui_compare_words as compare_words
from emo.labels import LABELS
from emo.predict import MODEL_KEYS, VOTE
from tests import voices
from tests.browser.steps import Watch, stage
from tests.walk import oracle
from tests.walk.clips import clips, every_file, wrong_files
from tests.walk.oracle import Answers, Share, Shown

WAIT_MS = 60_000
SETTLE_MS = 150  # in which a page that is done may yet begin anew
SIZES = ((1280, 900), (390, 844), (820, 1180), (1600, 700))
MIC_RATE_HZ = 48_000
SLIDERS = ("what-if-noise", "what-if-speed", "what-if-pitch", "what-if-gain")
KEYS = ("ArrowRight", "ArrowLeft", "Home", "End", "PageUp")

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

_KEYS_OF_SETTINGS = {
    "what-if-speed": "speed",
    "what-if-pitch": "pitch_semitones",
    "what-if-gain": "gain_db",
    "what-if-noise": "noise_below_db",
    "what-if-telephone": "telephone",
}
_FOLLOW = ("cell-", "corpus-", "difference-", "model-of-", "run-", "comparison-order")
_BY_PATH = {"": "analyse", **{name: name for name in ui_words.PAGES}}


def samples() -> dict[str, tuple[str, bytes]]:
    """Name and bytes of every sample clip by the stem of its file."""
    rows = ui_analyse.list_samples(ui_analyse.SAMPLES_DIR)
    paths = [ui_analyse.SAMPLES_DIR / row["file"] for row in rows]
    return {path.stem: (path.name, path.read_bytes()) for path in paths}


@dataclass
class Window:
    """One tab of the browser, and what its person did in it.

    Attributes
    ----------
    clip
        Name, bytes and origin of the clip on the first page; None where there is none.
    is_known
        Whether it is known what the first page must show: not after a step back, say.
    given
        Bytes of the clips that were ever given, by name.
    """

    page: Page
    watch: Watch
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

    def take(self, name: str, data: bytes, origin: str) -> None:
        """Note the clip that the first page must now show, as it was recorded."""
        self.clip, self.is_known = (name, data, origin), True
        self.given[name] = data
        self.touch(*_KEYS_OF_SETTINGS)

    def drop(self) -> None:
        """Note that there is no clip now."""
        self.clip, self.is_known = None, True
        self.touch(*_KEYS_OF_SETTINGS)

    def touch(self, *keys: str) -> None:
        """Let controls move."""
        for key in keys:
            self.controls.pop(key, None)


class Walker:
    """A browser in which deeds are done one after another.

    Parameters
    ----------
    seed
        Of the deeds; the same one does the same.
    """

    def __init__(self, browser: Browser, address: str, seed: int, folder: Path) -> None:
        self._rng = random.Random(seed)
        self._address = address
        self._folder = folder
        self._context: BrowserContext = screens.new_context(browser, "light")
        self._context.add_init_script(KEEP_FILES)
        self.windows: list[Window] = []
        self.steps: list[tuple[str, dict[str, Any]]] = []
        self.open_window()

    def close(self) -> None:
        """Close all tabs."""
        self._context.close()

    # --- Steps ---------------------------------------------------------------------------------

    def walk(self, n_steps: int) -> None:
        """Do so many deeds, each drawn by lot, and check the page after each."""
        for _ in range(n_steps):
            name, arguments = self.draw()
            self.do(name, arguments)

    def draw(self) -> tuple[str, dict[str, Any]]:
        """Return the next deed and what it is done with."""
        rng = self._rng
        name = rng.choices(list(DEEDS), [weight for _, weight in DEEDS.values()])[0]
        arguments = {
            "window": rng.randrange(2),
            "name": rng.choice(sorted(clips())),
            "wrong": rng.choice(sorted(wrong_files())),
            "place": rng.randrange(1000),
            "ends": [round(rng.uniform(0.02, 0.98), 3), round(rng.uniform(0.02, 0.98), 3)],
            "key": rng.choice(KEYS),
            "times": rng.randrange(1, 4),
        }
        return name, arguments

    def do(self, name: str, arguments: dict[str, Any]) -> None:
        """Do a deed in one of two tabs, and check what the page then shows."""
        self.steps.append((name, arguments))
        number = arguments["window"]
        while len(self.windows) <= number:
            self.open_window()
        window = self.windows[number]
        window.page.bring_to_front()
        deed, _ = DEEDS[name]
        deed(self, window, arguments)
        check(window)

    def open_window(self) -> Window:
        """Open the first page in a new tab."""
        page = self._context.new_page()
        page.set_default_timeout(WAIT_MS)
        window = Window(page, Watch(page, self._address))

        def note(response: Response) -> None:
            # A page that is opened by its address first looks for the server beside itself.
            looks = re.search(r"/[a-z_]+/_stcore/(health|host-config)$", response.url)
            if response.status >= 400 and not looks:
                window.refused.append(f"{response.status} {response.url}")

        page.on("response", note)
        page.goto(self._address)
        page.get_by_test_id("stFileUploader").wait_for()
        self.windows.append(window)
        return window

    def path(self, name: str) -> Path:
        """A file on disk with the bytes of a clip."""
        path = self._folder / name
        if not path.exists():
            path.write_bytes(every_file()[name])
        return path


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


def go(window: Window, name: str) -> None:
    """Go to a page by its link, if another one is open."""
    if window.name != name:
        settle(window)
        screens.open_page(window.page, ui_words.PAGES[name])
        close_drawer(window)
        settle(window)


def close_drawer(window: Window) -> None:
    """In a narrow window, put the drawer of pages away, which lies over the page."""
    page = window.page
    page.mouse.move(5, 5)
    drawer = page.locator("[data-testid=stSidebar][data-collapsed=false]")
    if drawer.count() and drawer.is_visible():
        drawer.hover()
        page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
        page.wait_for_timeout(400)


# --- Deeds ---------------------------------------------------------------------------------------

Arguments = dict[str, Any]


def choose_files(window: Window, uploader: Locator, paths: list[Path]) -> None:
    """Press the button of an uploader, and choose files in the window that opens."""
    button = uploader.get_by_role("button", name=re.compile("^(Add files|.*Upload)$", re.S)).last
    button.scroll_into_view_if_needed()
    with window.page.expect_file_chooser() as chooser:
        button.click()
    chooser.value.set_files(paths)


def _upload(window: Window, path: Path, data: bytes) -> None:
    go(window, "analyse")
    choose_files(window, window.page.locator("[class*=st-key-up]").first, [path])
    window.take(path.name, data, "upload")
    wait_for(window, lambda shown: shown["described"].startswith(path.name), path.name)


def upload(walker: Walker, window: Window, arguments: Arguments) -> None:
    name = arguments["name"]
    _upload(window, walker.path(name), every_file()[name])


def upload_two_quickly(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    uploader = window.page.locator("[class*=st-key-up]").first
    choose_files(window, uploader, [walker.path(arguments["name"])])
    uploader.get_by_role("button", name="Add files").wait_for()
    other = sorted(clips())[arguments["place"] % len(clips())]
    _upload(window, walker.path(other), every_file()[other])


def upload_wrong(walker: Walker, window: Window, arguments: Arguments) -> None:
    name = arguments["wrong"]
    _upload(window, walker.path(name), every_file()[name])


def take_away(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    button = window.page.locator("[class*=st-key-up]").first.get_by_role(
        "button", name=re.compile("^Remove")
    )
    if button.count() == 0:
        return
    button.first.click()
    if window.clip is not None and window.clip[2] == "upload":
        window.drop()
        wait_for(window, lambda shown: not shown["described"], "no clip")


def sample(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    rows = ui_analyse.list_samples(ui_analyse.SAMPLES_DIR)
    row = rows[arguments["place"] % len(rows)]
    button = window.page.locator(f".st-key-sample-{row['emotion']} button")
    if arguments["times"] % 2:
        button.click()
    else:
        button.focus()
        button.press("Enter")
    name, data = samples()[Path(row["file"]).stem]
    window.take(name, data, "sample")
    wait_for(window, lambda shown: shown["described"].startswith(name), name)


def record(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    page = window.page
    mic = page.locator("[class*=st-key-mic]").first
    n_sent = page.evaluate("() => window.emoSent.length")
    mic.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(1200 + 300 * arguments["times"])
    mic.get_by_role("button", name="Stop recording").click()
    page.wait_for_function(
        "n => window.emoSent.length > n && window.emoSent.at(-1).data", arg=n_sent
    )
    data = base64.b64decode(page.evaluate("() => window.emoSent.at(-1).data"))
    window.take(ui_words.RECORDING, data, "recording")
    wait_for(window, lambda shown: shown["described"].startswith(ui_words.RECORDING), "recording")


def drag(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    if not has_player(window):
        return
    player = stage(window.page)
    player.scroll_into_view_if_needed()
    box = player.bounding_box()
    assert box
    y, (first, last) = box["y"] + box["height"] / 2, arguments["ends"]
    mouse = window.page.mouse
    mouse.move(box["x"] + first * box["width"], y)
    mouse.down()
    mouse.move(box["x"] + last * box["width"], y, steps=4)
    mouse.up()


def select_by_keys(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    if not has_player(window):
        return
    player = stage(window.page)
    for key in ["Home", *["ArrowRight"] * arguments["times"], "s", "End", "e"]:
        player.press(key)
    if arguments["place"] % 3 == 0:
        player.press("Escape")


def zoom(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    if has_player(window):
        stage(window.page).press("+-0"[arguments["place"] % 3])


def play(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    if has_player(window):
        stage(window.page).press(" ")


def open_what_if(window: Window) -> bool:
    """Whether the settings are in sight now."""
    panel = window.page.locator(".st-key-what-if")
    if panel.count() == 0:
        return False
    slider = panel.locator("[type=range]").first
    if not slider.is_visible():
        panel.locator("summary").first.click()
        slider.wait_for(state="visible")
    return True


def alter(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    if not open_what_if(window):
        return
    page, place = window.page, arguments["place"]
    key = (*SLIDERS, "what-if-telephone")[place % 5]
    control = page.locator(f".st-key-{key}")
    if key == "what-if-telephone":
        control.locator("label").first.click()
    elif arguments["times"] == 3:  # by mouse, somewhere on the rail
        box = control.locator("[role=group]").first.bounding_box()
        assert box
        slider = control.locator("[type=range]").bounding_box() or box
        page.mouse.click(
            box["x"] + arguments["ends"][0] * box["width"], slider["y"] + slider["height"] / 2
        )
    else:
        for _ in range(arguments["times"]):
            control.get_by_role("slider").press(arguments["key"])
    window.touch(key)
    page.wait_for_timeout(400)  # the page waits a moment for more of the same
    settle(window)


def reset(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    key = ("altered-reset", "what-if-reset")[arguments["place"] % 2]
    button = window.page.locator(f".st-key-{key} button")
    if key == "what-if-reset" and not open_what_if(window):
        return
    if button.count() == 0 or not button.is_enabled():
        return
    button.click()
    window.touch(*_KEYS_OF_SETTINGS)
    wait_for(window, lambda shown: not shown["notice"], "no notice")


def ask_why(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    switch = window.page.locator(".st-key-why label").first
    if switch.count():
        switch.click()
        window.touch("why")


def forget(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    button = window.page.locator(".st-key-downloads").get_by_role("button").last
    if button.count():
        button.click()
        window.drop()
        wait_for(window, lambda shown: not shown["described"], "no clip")


def open_page(walker: Walker, window: Window, arguments: Arguments) -> None:
    names = list(ui_words.PAGES)
    go(window, names[arguments["place"] % len(names)])


def hurry(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    others = [name for name in ui_words.PAGES if name != "analyse"]
    other = others[arguments["place"] % len(others)]
    for name in (other, "analyse"):
        link = window.page.get_by_test_id("stTopNavLink").get_by_text(
            ui_words.PAGES[name], exact=True
        )
        if not link.is_visible():
            return
        link.click()
    window.page.wait_for_function("() => location.pathname === '/'")


def step_back(walker: Walker, window: Window, arguments: Arguments) -> None:
    _step(window, lambda: window.page.go_back(wait_until="commit", timeout=5000))


def step_forward(walker: Walker, window: Window, arguments: Arguments) -> None:
    _step(window, lambda: window.page.go_forward(wait_until="commit", timeout=5000))


def _step(window: Window, move: Callable[[], Any]) -> None:
    before = window.page.url
    if window.page.evaluate("() => history.length") < 3:
        return
    with contextlib.suppress(Exception):  # within a page there is nothing to wait for
        move()
    if window.page.url == "about:blank":
        window.page.goto(before)
    window.is_known = False
    window.controls.clear()
    window.page.get_by_role("heading", level=1).wait_for()
    window.page.wait_for_timeout(300)


def reload(walker: Walker, window: Window, arguments: Arguments) -> None:
    link = ui_links.read_link(window.query, samples())
    window.page.reload()
    window.page.get_by_role("heading", level=1).wait_for()
    window.controls.clear()
    window.drop()
    if window.name == "analyse" and link.sample:
        window.clip, window.is_known = (*samples()[link.sample], "sample"), False
        wait_for(window, lambda shown: bool(shown["described"]), "the sample of the address")


def resize(walker: Walker, window: Window, arguments: Arguments) -> None:
    width, height = SIZES[arguments["place"] % len(SIZES)]
    window.page.set_viewport_size({"width": width, "height": height})
    window.page.wait_for_timeout(300)
    close_drawer(window)


def compare_files(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "compare")
    listed = sorted(every_file())
    names = {listed[(arguments["place"] + i * 5) % len(listed)] for i in range(arguments["times"])}
    names -= {"empty.wav"}  # the framework itself passes over a file of no bytes
    uploader = window.page.locator("[class*=st-key-comparison-up]").first
    choose_files(window, uploader, [walker.path(name) for name in sorted(names)])
    window.given |= {name: every_file()[name] for name in names}
    wait_answered(window)


def compare_samples(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "compare")
    window.page.get_by_role("button", name=compare_words.SAMPLES_LABEL).click()
    window.given |= dict(samples().values())
    wait_answered(window)


def wait_answered(window: Window) -> None:
    window.page.wait_for_timeout(500)
    wait_for(window, lambda _: window.page.get_by_test_id("stProgress").count() == 0, "all")


def tick(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "compare")
    boxes = window.page.locator("tbody tr[data-id] input[type=checkbox]")
    if boxes.count():
        boxes.nth(arguments["place"] % boxes.count()).click()


def open_in_full(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "compare")
    buttons = window.page.locator("tbody tr[data-id] .name button")
    if not buttons.count():
        return
    button = buttons.nth(arguments["place"] % buttons.count())
    name = button.inner_text()
    button.click()
    window.take(name, window.given[name], "comparison")
    wait_for(window, lambda shown: shown["described"].startswith(name), name)


def set_control(walker: Walker, window: Window, arguments: Arguments) -> None:
    pages = ("compare", "confusion_matrices", "teach")
    go(window, pages[arguments["place"] % 3])
    settle(window)
    controls = window.page.evaluate(READ)["controls"]
    if not controls:
        return
    key = sorted(controls)[arguments["place"] // 3 % len(controls)]
    control = window.page.locator(f".st-key-{key}")
    radios = control.get_by_role("radio")
    if radios.count():
        radios.nth(arguments["place"] % radios.count()).click()
    elif control.get_by_role("slider").count():
        control.get_by_role("slider").press(arguments["key"])
        window.page.wait_for_timeout(400)
    elif control.get_by_role("combobox").count():
        control.get_by_role("combobox").click()
        options = window.page.get_by_role("option")
        options.first.wait_for()
        options.nth(arguments["place"] % options.count()).click()
    else:
        control.get_by_role("textbox").fill(("voice", "", "nobody")[arguments["place"] % 3])
        control.get_by_role("textbox").press("Enter")
    window.touch(key, *[one for one in window.controls if one.startswith(_FOLLOW)])


def teach(walker: Walker, window: Window, arguments: Arguments) -> None:
    go(window, "teach")
    uploader = window.page.locator("[class*=st-key-lessons-up]").first
    n_before = window.page.locator("[class*=st-key-lesson-]").count()
    choose_files(window, uploader, [walker.path(arguments["name"])])
    window.page.wait_for_timeout(500)
    settle(window)
    assert window.page.locator("[class*=st-key-lesson-]").count() >= n_before


def has_player(window: Window) -> bool:
    return stage(window.page).count() > 0


DEEDS: dict[str, tuple[Callable[[Walker, Window, Arguments], None], float]] = {
    "upload": (upload, 6),
    "upload_two_quickly": (upload_two_quickly, 2),
    "upload_wrong": (upload_wrong, 2),
    "take_away": (take_away, 2),
    "sample": (sample, 4),
    "record": (record, 1),
    "drag": (drag, 4),
    "select_by_keys": (select_by_keys, 3),
    "zoom": (zoom, 1),
    "play": (play, 1),
    "alter": (alter, 8),
    "reset": (reset, 2),
    "ask_why": (ask_why, 2),
    "forget": (forget, 1),
    "open_page": (open_page, 3),
    "hurry": (hurry, 2),
    "step_back": (step_back, 2),
    "step_forward": (step_forward, 1),
    "reload": (reload, 1),
    "resize": (resize, 1),
    "compare_files": (compare_files, 2),
    "compare_samples": (compare_samples, 1),
    "tick": (tick, 2),
    "open_in_full": (open_in_full, 2),
    "set_control": (set_control, 3),
    "teach": (teach, 1),
}
"""What a person may do, and how often beside the others."""


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
    refusal = oracle.refused(data, name, named)
    assert shown["errors"] == ([refusal] if refusal else []), (shown["errors"], refusal)
    assert found.settings == (whatif.NEUTRAL if refusal else named), (found.settings, named)
    oracle.check(found, data)
    if origin == "sample":
        link = ui_links.Link(Path(name).stem, found.share, bool(shown["controls"]["why"]), named)
        assert window.query == ui_links.write_link(link), (window.query, link)
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


def settings_of(controls: dict[str, Any]) -> whatif.Settings:
    """The settings that the controls of *What if* show."""
    found: dict[str, Any] = {}
    for key, setting in _KEYS_OF_SETTINGS.items():
        value = controls[key]
        if isinstance(value, str):
            number = re.search(r"-?\d+(\.\d+)?", value.replace("−", "-").replace("+", ""))
            value = None if number is None else float(number[0])
        found[setting] = value
    return whatif.Settings(**found)


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
            label = oracle.labels_in(text)[0]
            share = dict(right.bars[key])[label]
            assert text.replace(" ", "").endswith(share.replace(" ", "")) or share in text, row
            assert label in LABELS


# --- A browser and a server ----------------------------------------------------------------------


@contextlib.contextmanager
def walking(playwright: Playwright, address: str, seed: int) -> Iterator[Walker]:
    """A walker with a browser of its own, whose microphone hears a voice."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        voice = voices.padded(voices.voice((180.0, 120.0), 2.0, MIC_RATE_HZ), 0.3, 2.0, MIC_RATE_HZ)
        microphone = folder / "microphone.wav"
        microphone.write_bytes(voices.encoded(voice, MIC_RATE_HZ, subtype="PCM_16"))
        browser = screens.launch(
            playwright,
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}",
        )
        walker = Walker(browser, address, seed, folder)
        try:
            yield walker
        except BaseException:
            print(f"The walk of seed {seed} failed at step {len(walker.steps)} of:")
            print(json.dumps(walker.steps))
            raise
        finally:
            walker.close()
            browser.close()


def upload_in_a_row(walker: Walker, named: dict[str, bytes]) -> int:
    """Upload clips one after another by the file chooser; return how many were checked."""
    window = walker.windows[0]
    for name, data in named.items():
        path = walker._folder / name
        path.write_bytes(data)
        _upload(window, path, data)
        check(window)
        shown = shown_in(window.page.evaluate(READ))
        assert shown.settings == whatif.NEUTRAL
    return len(named)
