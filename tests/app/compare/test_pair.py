"""Two clips side by side: the bars, and the block that each player gets."""

from emo.app.compare import pair
from emo.app.compare import text as words
from tests.support.pages import tone
from tests.support.player import unpack_player


def test_both_players_show_the_seconds_of_the_longer_clip():
    for duration_s in (1.0, 2.5):
        block = pair.pack(tone(duration_s), "a.wav", 2.5)
        header, _ = unpack_player(block)
        assert header["shown_s"] == 2.5
        assert header["duration_s"] == duration_s
        assert header["words"]["hint"] == words.PLAYER_HINT
