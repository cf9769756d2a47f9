"""The actions of a walk in a browser, by mouse, keyboard and file chooser."""

import base64
import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator

from docs import screens
from emo.app import text
from emo.app.analyse import link as analyse_link
from emo.app.analyse import text as analyse_text
from emo.app.compare import text as compare_words
from emo.app.listen.rounds import draw_clips
from emo.app.samples import read_gallery, read_game
from emo.classifiers.label_subset import MIN_LABELS
from emo.labels import LABELS
from emo.system import paths
from tests.browser.steps import stage
from tests.walk.clips import clips, every_file, samples
from tests.walk.oracle import SETTINGS, expected
from tests.walk.window import READ, Window, settle, wait_for

SIZES = ((1280, 900), (390, 844), (820, 1180), (1600, 700))
SLIDERS = ("what-if-noise", "what-if-speed", "what-if-pitch", "what-if-gain")
_DEPENDENT = ("cell-", "corpus-", "difference-", "model-of-", "run-", "comparison-order")
"""Prefixes of the keys of controls that depend on another control."""

Arguments = dict[str, Any]
Action = Callable[[Window, Arguments], None]


def go(window: Window, name: str) -> None:
    """Open a page by its link, unless it is open."""
    if window.name != name:
        settle(window)
        screens.open_page(window.page, text.PAGES[name])
        close_drawer(window)
        settle(window)


def close_drawer(window: Window) -> None:
    """Close the drawer of pages, which covers the page in a narrow window."""
    page = window.page
    page.mouse.move(5, 5)
    drawer = page.locator("[data-testid=stSidebar][data-collapsed=false]")
    if drawer.count() and drawer.is_visible():
        drawer.hover()
        page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
        page.wait_for_timeout(400)


# --- Actions -------------------------------------------------------------------------------------


def choose_files(window: Window, uploader: Locator, paths: list[Path]) -> None:
    """Press the button of an uploader, and select files in the dialog."""
    button = uploader.get_by_role("button", name=re.compile("^(Add files|.*Upload)$", re.S)).last
    button.scroll_into_view_if_needed()
    with window.page.expect_file_chooser() as chooser:
        button.click()
    chooser.value.set_files(paths)


def upload_file(window: Window, path: Path, data: bytes) -> None:
    """Upload a clip on the page *Analyse* in place of the present one."""
    go(window, "analyse")
    choose_files(window, window.page.locator("[class*=st-key-up]").first, [path])
    window.set_clip(path.name, data, "upload")
    wait_for(window, lambda shown: shown["described"].startswith(path.name), path.name)


def upload(window: Window, arguments: Arguments) -> None:
    name = arguments["name"]
    upload_file(window, window.path(name), every_file()[name])


def upload_two_quickly(window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    uploader = window.page.locator("[class*=st-key-up]").first
    choose_files(window, uploader, [window.path(arguments["name"])])
    settle(window)
    second = sorted(clips())[arguments["place"] % len(clips())]
    upload_file(window, window.path(second), every_file()[second])


def upload_wrong(window: Window, arguments: Arguments) -> None:
    name = arguments["wrong"]
    upload_file(window, window.path(name), every_file()[name])


def sample(window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    gallery = read_gallery(paths.SAMPLES_DIR)
    chosen = gallery[arguments["place"] % len(gallery)]
    button = window.page.locator(f".st-key-sample-{chosen.emotion} button")
    if not button.is_visible():
        window.page.locator(".st-key-samples-menu button").first.click()
    if arguments["times"] % 2:
        button.click()
    else:
        button.focus()
        button.press("Enter")
    name, data = samples()[chosen.stem]
    window.set_clip(name, data, "sample")
    wait_for(window, lambda shown: shown["described"].startswith(name), name)


def record(window: Window, arguments: Arguments) -> None:
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
    window.set_clip(analyse_text.RECORDING, data, "recording")
    wait_for(
        window, lambda shown: shown["described"].startswith(analyse_text.RECORDING), "recording"
    )


def drag(window: Window, arguments: Arguments) -> None:
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


def select_by_keys(window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    if not has_player(window):
        return
    player = stage(window.page)
    for key in ["Home", *["ArrowRight"] * arguments["times"], "s", "End", "e"]:
        player.press(key)
    if arguments["place"] % 3 == 0:
        player.press("Escape")


def zoom(window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    if has_player(window):
        stage(window.page).press("+-0"[arguments["place"] % 3])


def play(window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    if has_player(window):
        stage(window.page).press(" ")


def open_what_if(window: Window) -> bool:
    """Return True after the settings were opened, False if there are none."""
    panel = window.page.locator(".st-key-what-if")
    if window.page.get_by_role("tab").count() == 0:
        return False
    if not panel.is_visible():
        screens.open_tab(window.page, "what-if")
        panel.wait_for(state="visible")
    return True


def alter(window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    if not open_what_if(window):
        return
    page, place = window.page, arguments["place"]
    key = (*SLIDERS, "what-if-telephone")[place % 5]
    control = page.locator(f".st-key-{key}")
    if key == "what-if-telephone":
        control.locator("label").first.click()
    elif arguments["times"] == 3:  # by mouse, somewhere on the track
        box = control.locator("[role=group]").first.bounding_box()
        assert box
        slider = control.locator("[type=range]").bounding_box() or box
        page.mouse.click(
            box["x"] + arguments["ends"][0] * box["width"], slider["y"] + slider["height"] / 2
        )
    else:
        for _ in range(arguments["times"]):
            control.get_by_role("slider").press(arguments["key"])
    window.allow_changes(key)
    page.wait_for_timeout(400)  # a slider waits for further steps before it sends its value
    settle(window)


def reset(window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    key = ("reset", "what-if-reset")[arguments["place"] % 2]
    button = window.page.locator(f".st-key-{key} button")
    if key == "what-if-reset" and not open_what_if(window):
        return
    if button.count() == 0 or not button.is_enabled():
        return
    button.click()
    window.allow_changes(*SETTINGS)
    wait_for(window, lambda shown: not shown["notice"], "no notice")


def toggle_emotion(window: Window, arguments: Arguments) -> None:
    """Tick or untick one of the emotions that can occur, by mouse, on one of two pages."""
    name = ("analyse", "compare")[arguments["times"] % 2]
    go(window, name)
    settle(window)
    buttons = window.page.locator(f".st-key-among-{name} [aria-pressed]")
    if not buttons.count():
        return
    button = buttons.nth(arguments["place"] % len(LABELS))
    n_before = window.page.locator(f".st-key-among-{name} [aria-pressed=true]").count()
    is_ticked = button.get_attribute("aria-pressed") == "true"
    button.click()
    if is_ticked and n_before == MIN_LABELS:
        refusal = window.page.get_by_text("At least two emotions must stay")
        refusal.wait_for()
        assert button.get_attribute("aria-pressed") == "true"
        return
    window.allow_changes("among-analyse", "among-compare")
    expected = "false" if is_ticked else "true"
    wait_for(window, lambda _: button.get_attribute("aria-pressed") == expected, expected)


def ask_why(window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    if window.page.get_by_role("tab").count():
        screens.open_tab(window.page, ("why", "details")[arguments["place"] % 2])


def forget(window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    button = window.page.locator(".st-key-remove-clip button")
    if button.count():
        button.click()
        window.remove_clip()
        wait_for(window, lambda shown: not shown["described"], "no clip")


def open_page(window: Window, arguments: Arguments) -> None:
    names = list(text.PAGES)
    go(window, names[arguments["place"] % len(names)])


def hurry(window: Window, arguments: Arguments) -> None:
    go(window, "analyse")
    names = [name for name in text.PAGES if name != "analyse"]
    for name in (names[arguments["place"] % len(names)], "analyse"):
        link = window.page.get_by_test_id("stTopNavLink").get_by_text(text.PAGES[name], exact=True)
        if not link.is_visible():
            return
        link.click()
    window.page.wait_for_function("() => location.pathname === '/'")


def step_back(window: Window, arguments: Arguments) -> None:
    _step(window, lambda: window.page.go_back(wait_until="commit", timeout=5000))


def step_forward(window: Window, arguments: Arguments) -> None:
    _step(window, lambda: window.page.go_forward(wait_until="commit", timeout=5000))


def _step(window: Window, move: Callable[[], Any]) -> None:
    before = window.page.url
    if window.page.evaluate("() => history.length") < 3:
        return
    with contextlib.suppress(Exception):  # a step within a page loads nothing
        move()
    if window.page.url == "about:blank":
        window.page.goto(before)
    window.is_known = False
    window.controls.clear()
    window.page.get_by_role("heading", level=1).wait_for()
    window.page.wait_for_timeout(300)


def reload(window: Window, arguments: Arguments) -> None:
    link = analyse_link.read_link(window.query, samples())
    window.page.reload()
    window.page.get_by_role("heading", level=1).wait_for()
    window.controls.clear()
    window.remove_clip()
    if window.name == "analyse" and link.sample:
        window.clip, window.is_known = (*samples()[link.sample], "sample"), False
        wait_for(window, lambda shown: bool(shown["described"]), "the sample of the address")


def resize(window: Window, arguments: Arguments) -> None:
    width, height = SIZES[arguments["place"] % len(SIZES)]
    window.page.set_viewport_size({"width": width, "height": height})
    window.page.wait_for_timeout(300)
    close_drawer(window)


def compare_files(window: Window, arguments: Arguments) -> None:
    go(window, "compare")
    listed = sorted(every_file())
    names = {listed[(arguments["place"] + i * 5) % len(listed)] for i in range(arguments["times"])}
    names -= {"empty.wav"}  # Streamlit ignores a file without bytes
    uploader = window.page.locator("[class*=st-key-comparison-up]").first
    choose_files(window, uploader, [window.path(name) for name in sorted(names)])
    window.files |= {name: every_file()[name] for name in names}
    wait_answered(window)


def compare_samples(window: Window, arguments: Arguments) -> None:
    go(window, "compare")
    window.page.get_by_role("button", name=compare_words.SAMPLES_LABEL).click()
    window.files |= dict(samples().values())
    wait_answered(window)


def wait_answered(window: Window) -> None:
    window.page.wait_for_timeout(500)
    wait_for(window, lambda _: window.page.get_by_test_id("stProgress").count() == 0, "all")


def tick(window: Window, arguments: Arguments) -> None:
    go(window, "compare")
    boxes = window.page.locator("tbody tr[data-id] input[type=checkbox]")
    if boxes.count():
        boxes.nth(arguments["place"] % boxes.count()).click()


def open_in_full(window: Window, arguments: Arguments) -> None:
    go(window, "compare")
    buttons = window.page.locator("tbody tr[data-id] .name button")
    if not buttons.count():
        return
    button = buttons.nth(arguments["place"] % buttons.count())
    name = button.inner_text()
    button.click()
    window.set_clip(name, window.files[name], "comparison")
    wait_for(window, lambda shown: shown["described"].startswith(name), name)


def set_control(window: Window, arguments: Arguments) -> None:
    pages = ("compare", "confusion_matrices", "teach")
    go(window, pages[arguments["place"] % 3])
    settle(window)
    controls = window.page.evaluate(READ)["controls"]
    if not controls.keys() - {"among-compare"}:
        return
    keys = [key for key in sorted(controls) if not key.startswith("among-")]
    key = keys[arguments["place"] // 3 % len(keys)]
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
    elif control.get_by_role("checkbox").count():
        control.locator("label").click()
    else:
        control.get_by_role("textbox").fill(("voice", "", "nobody")[arguments["place"] % 3])
        control.get_by_role("textbox").press("Enter")
    window.allow_changes(key, *[name for name in window.controls if name.startswith(_DEPENDENT)])


def teach(window: Window, arguments: Arguments) -> None:
    go(window, "teach")
    uploader = window.page.locator("[class*=st-key-examples-up]").first
    n_before = window.page.locator("[class*=st-key-example-]").count()
    choose_files(window, uploader, [window.path(arguments["name"])])
    window.page.wait_for_timeout(500)
    settle(window)
    assert window.page.locator("[class*=st-key-example-]").count() >= n_before


def play_round(window: Window, arguments: Arguments) -> None:
    """Take the next step of a round of *Listen*; an answer is that of `emo predict`."""
    go(window, "listen")
    page = window.page
    card = page.locator(".card[data-ready=true]")
    card.wait_for()
    phase = card.get_attribute("data-phase")
    if phase == "answer":
        card.locator("[data-part=next]").click()
        page.locator(".card:is([data-phase=guess], [data-phase=summary])").wait_for()
    elif phase == "summary":
        card.locator("[data-part=another]").click()
        page.locator(".card[data-phase=guess]").wait_for()
    else:
        place = int(card.locator("[data-part=number]").inner_text()) - 1
        card.locator(".hear .play").click()
        page.locator(".card[data-heard=true]").wait_for()
        card.locator(".choice").nth(arguments["place"] % len(LABELS)).click()
        page.locator(".card[data-phase=answer]").wait_for()
        clip = draw_clips(int(window.query["round"]), read_game(paths.SAMPLES_DIR))[place]
        data = (paths.SAMPLES_DIR / clip.file).read_bytes()
        right = expected(data, clip.file).bars
        chips = page.locator("[data-part=rows] .chip").evaluate_all(
            "chips => chips.map(chip => [chip.className.split(' ')[1], "
            "chip.closest('tr').querySelector('th').textContent, chip.textContent])"
        )
        shown = {key: (label, said) for key, label, said in chips if key != "you"}
        assert shown.keys() == right.keys()
        for key, (label, said) in shown.items():
            assert f" {dict(right[key])[label.removesuffix('acted')]}" in said, (clip.file, key)
        assert clip.emotion in card.locator("[data-part=verdict]").inner_text()


def has_player(window: Window) -> bool:
    return stage(window.page).count() > 0


ACTIONS: dict[str, tuple[Action, float]] = {
    "upload": (upload, 6),
    "upload_two_quickly": (upload_two_quickly, 2),
    "upload_wrong": (upload_wrong, 2),
    "sample": (sample, 4),
    "record": (record, 1),
    "drag": (drag, 4),
    "select_by_keys": (select_by_keys, 3),
    "zoom": (zoom, 1),
    "play": (play, 1),
    "alter": (alter, 8),
    "reset": (reset, 2),
    "ask_why": (ask_why, 2),
    "toggle_emotion": (toggle_emotion, 4),
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
    "play_round": (play_round, 2),
}
"""Actions by name, each with its relative frequency."""
