"""Play the game of the page *Listen*: by keyboard alone, by thumb, and from a link."""

import re
from collections.abc import Mapping

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocket, expect

from docs import screens
from emo.app.listen import rounds, text
from emo.app.samples import Sample, read_game
from emo.audio import clip as audio_clip
from emo.formatting import percent
from emo.inference.loading import MODEL_KEYS, load_models
from emo.inference.predictor import Answer, predict
from emo.labels import LABELS
from emo.system import paths
from tests.browser.steps import expect_idle, expect_in_order, open_app

GAME = read_game(paths.SAMPLES_DIR)
CLIPS = rounds.draw_clips(screens.ROUND, GAME)
ALL_HTML = """() => {
  const found = [document.documentElement.outerHTML, location.href, document.title];
  for (const element of document.querySelectorAll('*'))
    if (element.shadowRoot) found.push(element.shadowRoot.innerHTML);
  return found.join('\\n');
}"""


@pytest.fixture(scope="module")
def expected() -> list[Mapping[str, Answer]]:
    """Return what `emo predict` says of the clips of the round."""
    models = load_models()
    return [predict(audio_clip.load(paths.SAMPLES_DIR / c.file), models).answers for c in CLIPS]


def in_phase(page: Page, phase: str, place: int) -> Locator:
    """Return the card once it shows a clip in a phase."""
    card = page.locator(f".card[data-phase={phase}]")
    card.wait_for()
    expect(card.locator("[data-part=number]")).to_have_text(str(place + 1))
    return card


def hear(page: Page) -> None:
    """Play the clip by the space bar."""
    page.keyboard.press("Space")
    expect(page.locator(".card")).to_have_attribute("data-heard", "true")


READ_BOARD = """rows => rows.map(row => [
  row.querySelector('.count').textContent,
  ...[...row.querySelectorAll('.chip')].map(chip => chip.textContent)])"""


def expect_answer(card: Locator, clip: Sample, guess: str, answers: Mapping[str, Answer]) -> None:
    """Check the board: the acted emotion, the votes, and who said what."""
    expect(card.locator("tr.acted th")).to_contain_text(clip.emotion)
    votes, rows = dict(clip.votes), []
    for label in LABELS:
        row = [str(votes.get(label, 0)) if votes else "–"] + ["You"] * (label == guess)
        for key in ("ensemble", *MODEL_KEYS):
            if answers[key].label == label:
                share = f"{percent(answers[key].confidence)}{' ?' * answers[key].unsure}"
                row.append(f"{text.NAMES[key]} {share}")
        rows.append(row)
    assert card.locator("[data-part=rows] tr").evaluate_all(READ_BOARD) == rows, clip.file


def test_a_round_by_keyboard_shows_what_emo_predict_says(
    page: Page, address: str, expected: list[Mapping[str, Answer]]
) -> None:
    frames: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on(
            "framereceived",
            lambda data: frames.append(bytes(data, "utf-8") if isinstance(data, str) else data),
        )

    page.on("websocket", listen)
    page.goto(f"{address}/listen?round={screens.ROUND}")
    guesses = []
    for place, clip in enumerate(CLIPS):
        in_phase(page, "guess", place)
        expect_idle(page)
        secrets = [c.stem for c in GAME] + [clip.text, f"actor {clip.actor}"]
        shown = page.evaluate(ALL_HTML)
        if place == 0:
            assert [s for s in secrets if s in shown or s.encode() in b"".join(frames)] == []
            page.keyboard.press("3")  # before the clip was played
            expect(page.locator("[data-part=note]")).to_have_text(text.WORDS["listen_first"])
        hear(page)
        guesses.append(LABELS[place % len(LABELS)])
        page.keyboard.press(str(place % len(LABELS) + 1))
        card = in_phase(page, "answer", place)
        expect_answer(card, clip, guesses[-1], expected[place])
        n_right = sum(c.emotion == g for c, g in zip(CLIPS, guesses, strict=False))
        expect(card.locator(".scores .you dd")).to_have_text(f"{n_right} of {place + 1}")
        expect(card.locator("[data-part=status]")).to_contain_text(text.verdict(clip, guesses[-1]))
        page.keyboard.press("Enter")
    card = in_phase(page, "summary", rounds.N_CLIPS - 1)
    expect(card.locator("[data-part=result]")).to_have_text(
        f"You named {n_right} of 10 clips as they were acted."
    )
    labels = [{key: answer.label for key, answer in answers.items()} for answers in expected]
    for score in rounds.count_scores(CLIPS, guesses, labels):
        row = card.locator(f".ranking tr.{score.key} .count")
        expect(row).to_have_text(f"{score.n_right} of {score.n_clips}")
    cells = card.locator(".matrix").first.locator(".cell").all_inner_texts()
    counts = rounds.confusion([clip.emotion for clip in CLIPS], guesses)
    assert [int(cell or 0) for cell in cells] == counts.ravel().tolist()
    second = card.get_by_role("button", name=text.WORDS["hear_clip"].format(2))
    second.click()
    expect(card.get_by_role("button", name=text.WORDS["pause_clip"].format(2))).to_be_visible()

    card.get_by_role("button", name=text.WORDS["another"]).click()
    in_phase(page, "guess", 0)
    expect(page).not_to_have_url(re.compile(f"round={screens.ROUND}"))
    page.go_back()  # to the round before, as it was left
    in_phase(page, "summary", rounds.N_CLIPS - 1)
    page.remove_listener("websocket", listen)


def test_a_link_opens_the_same_round_by_thumb_and_other_pages_keep_it(
    browser: Browser, address: str
) -> None:
    with open_app(browser, address, "phone") as page:
        screens.open_page(page, "Listen")
        page.locator(".choice").last.wait_for()
        sizes = [choice.bounding_box() for choice in page.locator(".choice").all()]
        assert all(size and min(size["width"], size["height"]) >= 44 for size in sizes)
        expect_in_order(page)
        page.context.grant_permissions(["clipboard-read", "clipboard-write", "microphone"])
        page.get_by_role("button", name=text.WORDS["copy"]).tap()
        expect(page.locator("[data-part=note]")).to_have_text(text.WORDS["copied"])
        link = page.evaluate("navigator.clipboard.readText()")
        seed = rounds.read_seed(link.partition("/listen?round=")[2])
        assert seed is not None
        wave = page.locator(".wave .all path").get_attribute("d")
        clip = rounds.draw_clips(seed, GAME)[0]
        page.locator(".hear .play").tap()
        expect(page.locator(".card")).to_have_attribute("data-heard", "true")
        page.locator(f".choice[data-label={clip.emotion}]").tap()
        card = in_phase(page, "answer", 0)
        expect(card.locator("[data-part=verdict]")).to_have_text(text.verdict(clip, clip.emotion))
        next_clip = card.get_by_role("button", name=text.WORDS["next"])
        expect(next_clip).to_be_in_viewport()
        next_clip.tap()
        in_phase(page, "guess", 1)
        screens.open_page(page, "About")
        screens.open_page(page, "Listen")
        in_phase(page, "guess", 1)
        expect(page).to_have_url(link)
        page.goto(link)  # a new session
        in_phase(page, "guess", 0)
        assert page.locator(".wave .all path").get_attribute("d") == wave
