"""Colours and signs of the emotions."""

from urllib.parse import unquote

from emo.app import theme
from emo.labels import LABELS


def test_styles_have_a_colour_and_a_sign_for_each_emotion() -> None:
    css = theme.styles()
    assert len(set(theme.SIGNS.values())) == len(LABELS)
    assert set(theme.SIGNS) == set(LABELS) == set(theme.EMOTION_COLOURS)
    for label, (light, dark) in theme.EMOTION_COLOURS.items():
        assert f".emo-{label}{{background:{light};background:light-dark({light},{dark});" in css
        assert f".emo-sign-{label},.st-key-sample-{label}{{--emo-sign:url(" in css
    assert "http" not in unquote(css).replace("http://www.w3.org/2000/svg", "")
