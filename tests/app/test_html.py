"""Pieces of HTML: their figures, their order, and the escaping of every text in them."""

import re
from html import unescape
from html.parser import HTMLParser

import jinja2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.app import html as app_html
from emo.app.analyse.verdict import markup
from emo.formatting import NBSP
from emo.inference.predictor import answer
from emo.labels import LABELS

SHARES = [0.02, 0.0, 0.004, 0.7, 0.176, 0.09, 0.01]
ANSWER = answer(np.array(SHARES))
UNSURE = answer(np.array(SHARES), 0.8)
EVIL = '<img src=x onerror=alert(1)> & "quoted" \' {{ 7 * 7 }} {% raw %}'
RATES = app_html.rates(EVIL, [EVIL], [(EVIL, [EVIL])])


class Tags(HTMLParser):
    """Names of the tags that open, their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def widths(self) -> list[float]:
        """Widths of the bars, in percent."""
        styles = " ".join(value or "" for name, value in self.attributes if name == "style")
        return [float(width) for width in re.findall(r"width:([\d.]+)%", styles)]


def test_bars_keep_the_order_of_the_labels() -> None:
    html = app_html.bars(SHARES, "whose")
    assert re.findall(r'scope="row"><span[^>]*></span>(\w+)<', html) == list(LABELS)
    assert Tags(html).widths == pytest.approx([100 * share for share in SHARES], abs=0.05)
    shown = [unescape(text) for text in re.findall(r'emo-share">([^/]*)</td', html)]
    assert [text.replace(NBSP, " ") for text in shown] == [
        "2 %", "0 %", "<1 %", "70 %", "18 %", "9 %", "1 %"
    ]  # fmt: skip


@pytest.mark.parametrize(("n_marked", "labels"), [(1, ["happy"]), (2, ["happy", "neutral"])])
def test_bars_mark_the_likeliest(n_marked: int, labels: list[str]) -> None:
    html = app_html.bars(SHARES, "", n_marked)
    marked = re.findall(r'emo-top"?><th scope="row"><span[^>]*></span>(\w+)', html)
    assert marked == labels


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7))
@pytest.mark.slow
def test_bars_stay_within_their_track(shares: list[float]) -> None:
    assert all(0 <= width <= 100 for width in Tags(app_html.bars(shares, "")).widths)


PIECES = {
    "bars": app_html.bars(SHARES, EVIL),
    "ensemble": app_html.ensemble(ANSWER, EVIL, EVIL),
    "card": app_html.card(EVIL, EVIL, ANSWER, app_html.Trust([EVIL], [EVIL], [(EVIL, [EVIL])])),
    "unsure card": app_html.card(EVIL, EVIL, UNSURE, app_html.Trust([EVIL])),
    "working": app_html.working(EVIL, [(EVIL, 1.0)], EVIL, EVIL, [EVIL], RATES),
    "working of plain text": app_html.working("", [], "", "", [], EVIL),  # type: ignore[arg-type]
    "note": app_html.note(EVIL),
    "summary": app_html.summary(EVIL),
    "strip of figures": markup.points(EVIL, [markup.Point(EVIL, EVIL, EVIL)], 2, EVIL),
    "emotion line": app_html.emotion_line(EVIL, EVIL),
    "answers to a clip": app_html.clip_answers(
        EVIL, [app_html.ClipAnswer(EVIL, EVIL, 0.5, True)], EVIL
    ),
    "paired bars": app_html.paired_bars(EVIL, (SHARES, SHARES), EVIL, [EVIL, EVIL], EVIL),
    "side by side": app_html.side_by_side([app_html.note(EVIL)]),
    "reasons": app_html.reasons(EVIL, [EVIL], more=[(EVIL, [EVIL])]),
    "details": app_html.details([(EVIL, [EVIL])]),
    "chips": app_html.chips([app_html.Chip(EVIL, 0.1, EVIL, True)], EVIL),
    "shifts": app_html.shifts({EVIL: 1.0}, EVIL),
    "chosen part": app_html.chosen_part(EVIL),
    "lanes": app_html.lanes(EVIL, EVIL),
    "table of a timeline": app_html.timeline_table(EVIL, [EVIL], [(0.0, [EVIL, EVIL])]),
    "scores": app_html.scores({EVIL: EVIL}, {EVIL: EVIL}),
    "ranking": app_html.ranking([app_html.RankingRow(EVIL, 0.5, EVIL, EVIL)], EVIL),
    "table": app_html.table([EVIL, EVIL], [[EVIL, EVIL]], EVIL),
    "keyed table": app_html.keyed_table([EVIL], [app_html.KeyedRow(EVIL, EVIL, [EVIL])], EVIL),
    "colour scale": app_html.colour_scale([EVIL], [EVIL], EVIL, EVIL),
    "lead": app_html.render("page", "lead", EVIL),
    "notice": app_html.render("page", "notice", EVIL, EVIL),
    "label": app_html.render("page", "label", EVIL, EVIL),
    "guide": app_html.render(
        "page",
        "guide",
        EVIL,
        EVIL,
        [{"name": EVIL, "is_done": done, "is_current": not done} for done in (True, False)],
        EVIL,
        EVIL,
        EVIL,
    ),
}


@pytest.mark.parametrize("piece", PIECES)
def test_text_is_escaped(piece: str) -> None:
    tags = Tags(PIECES[piece])
    assert "img" not in tags.opened
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert EVIL in tags.text or EVIL in [value for _, value in tags.attributes]


def test_render_rejects_a_missing_value() -> None:
    with pytest.raises(jinja2.UndefinedError, match="remark"):
        app_html.render("page", "label", "text")


def test_card_shows_label_confidence_second_label_and_note() -> None:
    text = Tags(app_html.card("MLP", "kind", ANSWER, app_html.Trust(["note"]))).text
    assert text.startswith(f"MLPkindhappy 70{NBSP}%then neutral 18{NBSP}%")
    assert text.endswith("note")


@pytest.mark.parametrize(("unsure", "level", "tag"), [(0, 2, "h2"), (1, 2, "h2"), (1, 3, "p")])
def test_verdict_is_a_heading_at_level_2(unsure: int, level: int, tag: str) -> None:
    assert Tags(app_html.verdict((ANSWER, UNSURE)[unsure], level)).opened[0] == tag


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7))
def test_likeliest_returns_the_two_highest_shares(shares: list[float]) -> None:
    (first, high), (second, low) = app_html.likeliest(shares)
    assert first != second
    assert [high, low] == sorted(shares)[:-3:-1]
    assert shares[LABELS.index(first)] == high


def test_scores_show_an_interval_where_there_is_one() -> None:
    html = app_html.scores({"UAR": "71 %", "F1": "70 %"}, {"UAR": "69 to 73", "F1": ""})
    assert html.count("emo-interval") == 1
    assert '<dd>71 %</dd><dd class="emo-interval">69 to 73</dd></div><div><dt>F1</dt>' in html


def test_ranking_keeps_its_order_and_marks_ours() -> None:
    rows = [
        app_html.RankingRow("a", 0.9, "90 %"),
        app_html.RankingRow("b", 0.5, "50 %", "1 to 2", True),
    ]
    html = app_html.ranking(rows, "caption")
    assert re.findall(r'<tr( class=emo-top)?><th scope="row">(\w)', html) == [
        ("", "a"), (" class=emo-top", "b")
    ]  # fmt: skip
    assert Tags(html).widths == [90.0, 50.0]


def test_table_sets_figures_flush_right() -> None:
    html = app_html.table(["Name", "Clips"], [["one", "1,234"], ["two", "–"]], "caption")
    assert html.count('class="emo-number"') == 3
    assert '<th scope="row">one</th>' in html
    folds = app_html.table(["Fold", "Clips"], [["1", "20"], ["2", "10"]], "caption")
    assert '<th scope="col">Fold</th>' in folds  # stands over names, also where these are numbers
    assert folds.count('class="emo-number"') == 3


def test_paired_bars_put_both_clips_in_the_row_of_a_label() -> None:
    first, second = [0.58, *[0.07] * 6], [*[0.07] * 6, 0.58]
    tags = Tags(app_html.paired_bars("CNN", (first, second), "caption", ("A", "B"), "key"))
    assert tags.texts[:5] == ["CNN", "caption", "key", "A", "B"]
    rows = [tags.texts[5 + 3 * i : 8 + 3 * i] for i in range(len(LABELS))]
    assert [row[0] for row in rows] == list(LABELS)
    assert rows[0][1:] == [f"58{NBSP}%", f"7{NBSP}%"]
    assert tags.widths == [58.0, 7.0, *[7.0] * 10, 7.0, 58.0]


# --- Timeline ------------------------------------------------------------------------------------


def test_lanes_are_data_for_the_player_with_a_key_of_signs() -> None:
    html = app_html.lanes('{"key": "<b>"}', "description")
    assert ("data-emo-lanes", '{"key": "<b>"}') in Tags(html).attributes
    legend = html.split('<ul class="emo-legend"')[1]
    assert re.findall(r"</span>(\w+)</li>", legend) == list(LABELS)


def test_rows_of_a_timeline_move_the_player() -> None:
    rows = [(1.5, ("0:01.5", "0:03.0", "sad")), (4.0, ("0:04.0", "0:05.0", "happy"))]
    html = app_html.timeline_table("As a table", ("From", "To", "Answer"), rows)
    assert re.findall(r'data-emo-go="([^"]*)">([^<]*)<', html) == [
        ("1.5", "0:01.5"),
        ("4.0", "0:04.0"),
    ]
    assert re.findall(r"<td>(\w+)</td>", html) == ["sad", "happy"]


# --- Explanations --------------------------------------------------------------------------------


def test_shifts_point_to_their_side_of_the_middle() -> None:
    html = app_html.shifts({"pitch": 20.0, "timing": -10.0, "level": 0.0}, "Points")
    assert 'style="left:50%;width:50.0%"></div></td><td class="emo-share">+20</td>' in html
    assert 'style="right:50%;width:25.0%"></div></td><td class="emo-share">−10</td>' in html
    assert 'width:0.0%"></div></td><td class="emo-share">0</td>' in html


def test_chip_with_the_largest_rise_has_a_frame() -> None:
    chips = [app_html.Chip("at first", 0.14), app_html.Chip("darker", 0.4, "Question 1", True)]
    html = app_html.chips([*chips, app_html.Chip("faster", 0.23)], "caption")
    assert re.findall(r"<li(.*?)>", html) == ["", ' class="emo-most" title="Question 1"', ""]
    assert re.findall(r"<b>(.*?)</b>", html) == [f"{n}{NBSP}%" for n in (14, 40, 23)]
    falling = app_html.chips([chips[1], app_html.Chip("slower", 0.3, "", True)], "caption")
    assert re.findall(r"<li class=\"(.*?)\"", falling) == ["emo-calm-chip"] * 2


def test_reasons_hold_more_on_demand() -> None:
    html = app_html.reasons("Tree", ["One."], more=[("More", ["Two."]), ("Rest", [])])
    opened = ["h3", "div", "p", "div", "details", "summary", "p", "details", "summary"]
    assert Tags(html).opened == opened
    assert Tags(app_html.reasons("CNN", ["One.", "Two."])).opened == ["h3", "div", "p", "p"]
