"""Pieces of HTML: all seven bars in their order, and nothing that a name could smuggle in."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.app import html as app_html
from emo.formatting import NBSP
from emo.inference.predictor import answer
from emo.labels import LABELS

SHARES = [0.02, 0.0, 0.004, 0.7, 0.176, 0.09, 0.01]
ANSWER = answer(np.array(SHARES))
UNSURE = answer(np.array(SHARES), 0.8)
EVIL = '<img src=x onerror=alert(1)> & "quoted" \''


class Tags(HTMLParser):
    """Names of the tags that open, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_bars_stand_in_the_order_of_the_labels() -> None:
    html = app_html.bars(SHARES, "whose")
    assert re.findall(r'scope="row"><span[^>]*></span>(\w+)<', html) == list(LABELS)
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", html)]
    assert widths == pytest.approx([100 * share for share in SHARES], abs=0.05)
    shown = re.findall(r'emo-share">([^/]*)</td', html)
    assert [text.replace(NBSP, " ") for text in shown] == [
        "2 %", "0 %", "<1 %", "70 %", "18 %", "9 %", "1 %"
    ]  # fmt: skip


def marked(html: str) -> list[str]:
    """Labels of the rows that stand out."""
    return re.findall(r'emo-top"?><th scope="row"><span[^>]*></span>(\w+)', html)


def test_only_the_likeliest_bar_is_marked() -> None:
    assert marked(app_html.bars(SHARES, "")) == ["happy"]


def test_two_bars_are_marked_where_two_are_the_answer() -> None:
    html = app_html.bars(SHARES, "", n_marked=2)
    assert marked(html) == ["happy", "neutral"]


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7))
def test_no_bar_leaves_its_track(shares: list[float]) -> None:
    widths = re.findall(r"width:([\d.]+)%", app_html.bars(shares, ""))
    assert all(0 <= float(width) <= 100 for width in widths)


@pytest.mark.parametrize(
    "html",
    [
        app_html.bars(SHARES, EVIL),
        app_html.vote(ANSWER, EVIL, EVIL),
        app_html.card(EVIL, EVIL, ANSWER, app_html.Trust([EVIL], [EVIL], [(EVIL, [EVIL])])),
        app_html.working(EVIL, [EVIL], app_html.rates(EVIL, [EVIL], [(EVIL, [EVIL])])),
        app_html.scores({EVIL: EVIL}, {EVIL: EVIL}),
        app_html.ranking([app_html.RankingRow(EVIL, 0.5, EVIL, EVIL)], EVIL),
        app_html.table([EVIL, EVIL], [[EVIL, EVIL]], EVIL),
        app_html.colour_scale(["#fff"], ["#000"], EVIL, EVIL),
        app_html.expectation(EVIL, [EVIL], [(EVIL, [EVIL])], EVIL),
    ],
)
def test_text_stays_text(html: str) -> None:
    tags = Tags(html)
    assert "img" not in tags.opened
    assert EVIL in tags.text


def test_a_card_says_label_confidence_second_and_note() -> None:
    text = Tags(app_html.card("MLP", "kind", ANSWER, app_html.Trust(["note"]))).text
    assert text.startswith(f"MLPkindhappy 70{NBSP}%then neutral 18{NBSP}%")
    assert text.endswith("note")


def test_a_heading_is_a_heading() -> None:
    assert Tags(app_html.verdict(ANSWER, 2)).opened[0] == "h2"
    assert Tags(app_html.verdict(UNSURE, 2)).opened[0] == "h2"
    assert Tags(app_html.verdict(UNSURE, 3)).opened[0] == "p"


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7))
def test_the_two_likeliest_come_first(shares: list[float]) -> None:
    (first, high), (second, low) = app_html.likeliest(shares)
    assert first != second
    assert [high, low] == sorted(shares)[:-3:-1]
    assert shares[LABELS.index(first)] == high


def test_intervals_stand_under_the_figures_that_have_one() -> None:
    html = app_html.scores({"UAR": "71 %", "F1": "70 %"}, {"UAR": "69 to 73", "F1": ""})
    assert html.count("emo-interval") == 1
    assert '<dd>71 %</dd><dd class="emo-interval">69 to 73</dd></div><div><dt>F1</dt>' in html


def test_a_ranking_keeps_its_order_and_marks_ours() -> None:
    rows = [app_html.RankingRow("a", 0.9, "90 %"), app_html.RankingRow("b", 0.5, "50 %", "1 to 2", True)]
    html = app_html.ranking(rows, "caption")
    assert re.findall(r'<tr( class=emo-top)?><th scope="row">(\w)', html) == [
        ("", "a"), (" class=emo-top", "b")
    ]  # fmt: skip
    assert re.findall(r"width:([\d.]+)%", html) == ["90.0", "50.0"]


def test_columns_of_figures_are_flush_right() -> None:
    html = app_html.table(["Name", "Clips"], [["one", "1,234"], ["two", "–"]], "caption")
    assert html.count('class="emo-number"') == 3
    assert '<th scope="row">one</th>' in html


# --- Timeline ------------------------------------------------------------------------------------


def corners(text: str) -> list[tuple[float, ...]]:
    """Of a CSS polygon, in percent across and down."""
    return [tuple(float(one.rstrip("%")) for one in pair.split()) for pair in text.split(",")]


def test_the_areas_of_a_timeline_are_its_shares_and_leave_gaps_out() -> None:
    shown_s = [[0.0, 2.0], [2.0, 3.0], [5.0, 10.0]]
    rows = [[0.5, 0.5, *[0.0] * 5], [0.0, 1.0, *[0.0] * 5], [*[0.0] * 6, 1.0]]
    found = app_html._areas(10.0, shown_s, rows)
    assert [label for label, _ in found] == [*LABELS, *LABELS]
    assert corners(found[0][1]) == [
        *[(0, 50), (10, 50), (25, 100), (30, 100)],
        *[(30, 100), (25, 100), (10, 100), (0, 100)],
    ]
    assert corners(found[1][1]) == [
        *[(0, 0), (10, 0), (25, 0), (30, 0)],
        *[(30, 100), (25, 100), (10, 50), (0, 50)],
    ]
    assert corners(found[-1][1]) == [(50, 0), (75, 0), (100, 0), (100, 100), (75, 100), (50, 100)]


def test_a_timeline_places_its_stretches_and_escapes_its_names() -> None:
    lane = [
        app_html.LaneSegment(1.0, 3.0, "sad", 0.8, False),
        app_html.LaneSegment(3.0, 4.0, "happy", 0.4, True),
    ]
    text = app_html.timeline(4.0, [], [], {"<b>Vote": lane, "CNN": []}, 'said "so"')
    assert '<div class="emo-sad" style="left:25.000%;width:50.000%"><span' in text
    assert '<div class="emo-happy emo-faint" style="left:75.000%;width:25.000%"><span' in text
    assert '<b style="left:75.000%;width:25.000%"><span>happy?</span></b>' in text
    assert "&lt;b&gt;Vote" in text
    assert 'aria-label="said &quot;so&quot;"' in text
    assert text.count('class="emo-lane"') == 2
    legend = text.split('<ul class="emo-legend"')[1]
    assert re.findall(r"</span>(\w+)</li>", legend) == list(LABELS)


def test_shifts_go_to_their_side_of_the_middle() -> None:
    text = app_html.shifts({"pitch": 2.0, "timing": -1.0, "<x>": 0.0}, "sad")
    assert 'style="left:50%;width:50.0%"></div></td><td class="emo-share">+2.00</td>' in text
    assert 'style="right:50%;width:25.0%"></div></td><td class="emo-share">−1.00</td>' in text
    assert 'width:0.0%"></div></td><td class="emo-share">0.00</td>' in text
    assert "&lt;x&gt;" in text
    assert "log-odds of sad" in text


def test_steps_are_as_high_as_their_shares() -> None:
    text = app_html.steps([0.14, 0.4, 0.23], EVIL)
    assert re.findall(r"height:([\d.]+)%", text) == ["35.0", "100.0", "57.5"]
    assert f"<span>14{NBSP}%</span><span>23{NBSP}%</span>" in text
    assert "<img" not in text


def test_more_is_given_on_demand() -> None:
    html = app_html.reasons("Tree", ["One."], more=[(EVIL, [EVIL]), ("Two", [])])
    opened = ["h3", "div", "p", "details", "summary", "p", "details", "summary"]
    assert Tags(html).opened == opened
    assert EVIL not in html
    region = app_html.chosen_part('["a"]')
    assert region == '<div hidden data-emo-region="[&quot;a&quot;]">&nbsp;</div>'


def test_reasons_and_overlays_are_escaped() -> None:
    assert EVIL not in app_html.reasons(EVIL, [EVIL])
    assert Tags(app_html.reasons("CNN", ["One.", "Two."])).opened == ["h3", "div", "p", "p"]
    assert app_html.overlay('[["a"]]').startswith(
        '<div hidden data-emo-patches="[[&quot;a&quot;]]">'
    )
