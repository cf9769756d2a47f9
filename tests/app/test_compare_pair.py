"""Two clips side by side: the bars, and the block that each player gets."""

from html.parser import HTMLParser

from emo.app import player_data
from emo.app.compare import pair
from emo.app.compare import text as words
from emo.labels import LABELS
from tests.support import pages
from tests.support.pages import tone


class Cells(HTMLParser):
    """Text of the cells and widths of the bars of a table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.widths: list[float] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        style = dict(attrs).get("style")
        if style:
            self.widths.append(float(style.removeprefix("width:").removesuffix("%")))

    def handle_data(self, data):
        self.cells.append(data)


def test_bars_of_both_clips_stand_in_the_row_of_their_label():
    first, second = (pages.answer(label).probabilities.tolist() for label in ("sad", "angry"))
    found = Cells(pair.paired_bars("CNN", first, second))
    assert found.cells[:5] == ["CNN", words.pair_caption("CNN"), words.KEY, "A", "B"]
    rows = [found.cells[5 + 3 * i : 8 + 3 * i] for i in range(len(LABELS))]
    assert [row[0] for row in rows] == list(LABELS)
    assert rows[0][1:] == ["4\u00a0%", "58\u00a0%"]
    assert found.widths[:2] == [round(100 * first[0], 1), 58.0]
    assert len(found.widths) == 14


def test_both_players_show_the_seconds_of_the_longer_clip():
    for duration_s in (1.0, 2.5):
        block = pair.pack(tone(duration_s), "a.wav", 2.5)
        header, _ = player_data.unpack_player(block)
        assert header["shown_s"] == 2.5
        assert header["duration_s"] == duration_s
        assert header["words"]["hint"] == words.PLAYER_HINT
