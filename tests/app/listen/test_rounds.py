"""The rounds of the page *Listen*: the lot, the steps, and the scores."""

from collections import Counter

import numpy as np
import pytest

from emo.app.listen import rounds, text
from emo.app.listen.rounds import CROWD, N_CLIPS, YOU, Round, Score
from emo.app.samples import Sample, Source, read_game
from emo.labels import LABELS
from emo.system import paths

GAME = read_game(paths.SAMPLES_DIR)


def sample(emotion: str, **votes: int) -> Sample:
    return Sample("game/x.opus", emotion, votes=tuple(votes.items()))


def test_lot_depends_on_the_seed_alone() -> None:
    first = rounds.draw_clips(48210, GAME)
    assert rounds.draw_clips(48210, GAME[::-1]) == first
    assert rounds.draw_clips(48211, GAME) != first


def test_lot_has_each_emotion_once_or_twice() -> None:
    for seed in range(1, 200):
        drawn = rounds.draw_clips(seed, GAME)
        assert len({clip.file for clip in drawn}) == N_CLIPS
        assert set(Counter(clip.emotion for clip in drawn).values()) == {1, 2}
        assert {clip.emotion for clip in drawn} == set(LABELS)


def test_lot_is_fair() -> None:
    n_rounds = 3000
    drawn = [rounds.draw_clips(seed, GAME) for seed in range(1, n_rounds + 1)]
    count = Counter(clip.file for clips in drawn for clip in clips)
    by_emotion = Counter(clip.emotion for clip in GAME)
    for clip in GAME:  # 10/7 clips of an emotion are drawn, among those that there are
        expected = n_rounds * N_CLIPS / len(LABELS) / by_emotion[clip.emotion]
        assert count[clip.file] == pytest.approx(expected, rel=0.2), clip.file
    places = Counter(clips[0].emotion for clips in drawn)
    for label in LABELS:
        assert places[label] == pytest.approx(n_rounds / len(LABELS), rel=0.2)


def test_game_has_no_clip_of_the_gallery_and_actors_that_no_model_knows() -> None:
    assert len(GAME) == 60
    assert {clip.speaker for clip in GAME} == {
        *(f"cremad-{actor}" for actor in (1009, 1020, 1038, 1039)),
        "ravdess-02",
        "ravdess-03",
    }


@pytest.mark.parametrize("param", [None, "", "0", "-1", "007", "100000", "1e3", "²", "12a", " 1"])
def test_wrong_number_of_a_round_is_none(param: str | None) -> None:
    assert rounds.read_seed(param) is None


@pytest.mark.parametrize("param", ["1", "48210", "99999"])
def test_number_of_a_round_is_read(param: str) -> None:
    assert rounds.read_seed(param) == int(param)


def test_round_takes_one_guess_a_clip_and_steps_after_it() -> None:
    start = Round(7)
    assert start.phase == rounds.GUESS
    assert start.go_on(0) == start
    assert start.guess(1, "sad") == start
    assert start.guess(0, "calm") == start
    named = start.guess(0, "sad")
    assert (named.guesses, named.phase) == (("sad",), rounds.ANSWER)
    assert named.guess(0, "angry") == named
    assert named.go_on(1) == named
    played = named.go_on(0)
    assert (played.place, played.phase) == (1, rounds.GUESS)
    for place in range(1, N_CLIPS):
        played = played.guess(place, "happy").go_on(place)
    assert played.phase == rounds.SUMMARY
    assert played.guess(N_CLIPS, "sad") == played == played.go_on(N_CLIPS)


def test_crowd_answers_with_most_votes_and_not_after_a_tie() -> None:
    assert rounds.crowd_labels(sample("sad", sad=5, angry=3)) == ("sad",)
    assert rounds.crowd_is_right(sample("sad", sad=5, angry=3))
    assert not rounds.crowd_is_right(sample("angry", sad=5, angry=3))
    tie = sample("sad", sad=4, neutral=4, angry=0)
    assert rounds.crowd_labels(tie) == ("sad", "neutral")
    assert not rounds.crowd_is_right(tie)
    assert rounds.crowd_labels(sample("sad")) == ()


def test_scores_count_only_who_answered() -> None:
    clips = [sample("sad", sad=4), sample("happy"), sample("angry", sad=2, angry=1)]
    answers = [{"ensemble": "sad", "cnn": "sad"}, {"ensemble": "sad"}, {"ensemble": "angry"}]
    assert rounds.count_scores(clips, ("sad", "happy", "fearful"), answers) == [
        Score(YOU, 2, 3),
        Score(CROWD, 1, 2),
        Score("ensemble", 2, 3),
        Score("cnn", 1, 1),
    ]


def test_confusion_counts_acted_by_row() -> None:
    counts = rounds.confusion(["sad", "sad", "angry"], ["sad", "happy", "angry"])
    expected = np.zeros((7, 7), int)
    expected[5, 5] = expected[5, 3] = expected[0, 0] = 1
    assert counts.tolist() == expected.tolist()


def test_votes_are_told_with_ties_and_without_any() -> None:
    assert text.votes(sample("sad", sad=5, angry=3)) == "5 of 8 listeners chose sad."
    assert "4 of 8 each chose sad and neutral" in text.votes(sample("sad", sad=4, neutral=4))
    assert "not scored" in text.votes(sample("sad"))


def test_about_says_whether_the_models_know_the_actors() -> None:
    source = Source("cremad", "CREMA-D", "Cao", "", "", "ODbL", "", True, "")
    clips = [
        Sample("a", "sad", source=source, actor="1"),
        Sample("b", "sad", source=source, actor="2"),
    ]
    assert "No model was trained on these actors." in text.about(
        clips, frozenset({"cremad-1", "cremad-2"})
    )
    assert text.SOME_TRAINED_ON in text.about(clips, frozenset({"cremad-1"}))
