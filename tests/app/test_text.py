"""Sentences that several pages share, compared with counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo import formatting
from emo.app import text as app_text
from emo.app.analyse import text as analyse_text
from emo.labels import LABELS

label = st.sampled_from(LABELS)
perhaps = st.one_of(st.none(), label)


@given(perhaps, perhaps, perhaps, perhaps)
def test_agreement_matches_the_counts(
    tree: str | None, cnn: str | None, mlp: str | None, ensemble: str | None
) -> None:
    sentence = app_text.agreement({"tree": tree, "cnn": cnn, "mlp": mlp}, ensemble)
    said = {name for name in (tree, cnn, mlp) if name}
    assert sentence.endswith(".")
    assert all(name in sentence for name in said)
    assert ("unsure" in sentence) == (None in (tree, cnn, mlp))
    assert ("is likeliest" in sentence) <= (ensemble is not None)
    if None not in (tree, cnn, mlp):
        start = {1: "All three say", 2: "Two of three say", 3: "All three differ:"}
        assert sentence.startswith(start[len(said)])


def test_agreement_of_sure_models() -> None:
    two: dict[str, str | None] = {"tree": "sad", "cnn": "angry", "mlp": "sad"}
    assert app_text.agreement(two, "sad") == "Two of three say sad; the CNN says angry."
    assert app_text.agreement(two, None) == "Two of three say sad; the CNN says angry."
    assert app_text.agreement(two, "angry") == (
        "Two of three say sad; the CNN says angry. Together, angry is likeliest."
    )
    three: dict[str, str | None] = {"tree": "sad", "cnn": "angry", "mlp": "happy"}
    assert app_text.agreement(three, "sad") == (
        "All three differ: the decision tree says sad, the CNN says angry and the MLP says happy."
    )
    assert app_text.agreement(three, "fearful").endswith("fearful is likeliest.")


@pytest.mark.parametrize(
    ("tree", "cnn", "mlp", "sentence"),
    [
        (None, None, None, "All three are unsure."),
        (None, "sad", "sad", "The CNN and the MLP say sad; the decision tree is unsure."),
        (
            "sad",
            "happy",
            None,
            "The decision tree says sad, the CNN says happy; the MLP is unsure.",
        ),
        (None, "sad", None, "The CNN says sad; the decision tree and the MLP are unsure."),
    ],
)
def test_agreement_of_unsure_models(
    tree: str | None, cnn: str | None, mlp: str | None, sentence: str
) -> None:
    assert app_text.agreement({"tree": tree, "cnn": cnn, "mlp": mlp}, None) == sentence


def test_an_ensemble_can_be_sure_where_no_model_is() -> None:
    models: dict[str, str | None] = {"tree": None, "cnn": None, "mlp": None}
    assert app_text.agreement(models, "sad") == "By themselves, all three are unsure."


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1e-9, "<1 %"),
        (0.0049, "<1 %"),
        (0.0051, "1 %"),
        (0.716, "72 %"),
        (1, "100 %"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert formatting.percent(share).replace(formatting.NBSP, " ") == text


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(2.43, "2.4 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (600, "10 min 00 s")],
)
def test_seconds(duration_s: float, text: str) -> None:
    assert formatting.seconds(duration_s).replace(formatting.NBSP, " ") == text


@pytest.mark.parametrize(
    ("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_listed(names: list[str], text: str) -> None:
    assert formatting.listed(names) == text


def test_quoted_text_is_cut_between_words() -> None:
    assert analyse_text.quoted("Oh!") == "“Oh!”"
    long = "word " * 40
    found = analyse_text.quoted(long)
    assert found.endswith("word …”")
    assert len(found) <= analyse_text.MAX_QUOTED + 4
    assert long.startswith(found[1:-3])


def test_sample_name_is_its_emotion() -> None:
    assert [analyse_text.sample_name(label) for label in LABELS] == list(LABELS)
    assert analyse_text.sample_name("all") == analyse_text.SAMPLE_OF_ALL


def test_interval_and_tenths() -> None:
    assert formatting.tenths(0.7126) == f"71.3{formatting.NBSP}%"
    assert formatting.interval([0.698, 0.7291]) == "69.8 to 72.9"
    assert formatting.interval(None) == ""
