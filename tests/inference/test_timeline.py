"""Test the windows over speech, their answers, and the files that are written of them."""

import csv
import io
import json
import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.audio.clip import RATE_HZ, decode
from emo.classifiers.registry import CLASSIFIERS
from emo.cli.main import main
from emo.evaluation.sounds.generators import sound
from emo.evaluation.sounds.music import melody, organ
from emo.inference import export, timeline
from emo.inference.loading import ANSWER_KEYS, load_models
from emo.inference.outputs import compute_features
from emo.inference.predictor import answer, predict
from emo.inference.timeline import Timeline, iter_timeline, join_speech, place_windows
from emo.labels import INDEX, LABELS
from tests.support.signals import Samples, encoded, noise, silence, tone, voice

EXACT = 2e-5
GLIDE = voice((240.0, 120.0), 2.0)


@pytest.fixture(scope="module")
def models():
    return load_models()


def spoken(duration_s: float) -> Samples:
    """Return a voice whose pitch falls by an octave every two seconds."""
    return np.resize(GLIDE, round(duration_s * RATE_HZ))


def clip(samples):
    return decode(encoded(samples, subtype="FLOAT"))


def tolerance(key: str) -> float:
    """Return how far probabilities may differ for the same sound at another level.

    The encoder rounds its numbers to 8 bits, so that the least difference of its input can change
    the result of a rounding; the classifiers on it, and their ensembles, follow.
    """
    row = CLASSIFIERS.get(key)
    return EXACT if row is not None and row.takes != "embeddings" else 0.05


def last(samples, models) -> Timeline:
    *_, found = iter_timeline(clip(samples), models)
    return found


# --- where the windows lie -----------------------------------------------------------------------


@given(st.integers(0, 60_000), st.integers(1, 5_000))
def test_place_windows_covers_a_segment_with_disjoint_parts(start, length):
    placed = place_windows(start, start + length)
    heard, shown = [one for one, _ in placed], [one for _, one in placed]
    assert (heard[0][0], heard[-1][1]) == (start, start + length)
    assert {b - a for a, b in heard} == {min(length, 300)}
    assert all(0 < b[0] - a[0] <= 100 for a, b in pairwise(heard))
    assert (shown[0][0], shown[-1][1]) == (start, start + length)
    assert all(a[1] == b[0] for a, b in pairwise(shown))
    for i, (a, b) in enumerate(shown):
        nearest = [min(range(len(heard)), key=lambda j: abs(sum(heard[j]) / 2 - x)) for x in (a, b)]
        assert a < b
        assert nearest[0] in (i - 1, i)
        assert nearest[1] in (i, i + 1)


def test_place_windows_equals_windows_computed_by_hand():
    assert place_windows(50, 350) == [((50, 350), (50.0, 350.0))]
    assert place_windows(0, 400) == [((0, 300), (0.0, 200.0)), ((100, 400), (200.0, 400.0))]
    assert [heard for heard, _ in place_windows(0, 450)] == [(0, 300), (75, 375), (150, 450)]
    assert len(place_windows(0, 60_000)) == 598
    assert len(place_windows(0, 60_000, 2.0)) == 300
    assert [heard for heard, _ in place_windows(0, 650, 2.0)] == [(0, 300), (175, 475), (350, 650)]


def test_long_clips_have_half_as_many_windows(models, monkeypatch):
    monkeypatch.setattr(timeline, "LONG_S", 20.0)
    totals = [
        next(iter_timeline(clip(spoken(duration_s)), models)).total for duration_s in (20.0, 20.1)
    ]
    assert totals == [18, 10]


def test_join_speech_equals_segments_computed_by_hand():
    speech = np.zeros(1000, bool)
    for start, stop in ((5, 40), (119, 160), (240, 300), (600, 609), (800, 810), (900, 905)):
        speech[start:stop] = True
    speech[950:955] = True
    # 79 frames apart is no pause, 80 are one; nine voiced frames are no speech, ten are.
    assert join_speech(speech, 0, 1000) == [(0, 180), (220, 320), (780, 830), (880, 975)]
    assert join_speech(speech, 100, 1060) == [(85, 280), (320, 420), (880, 930), (980, 1060)]
    assert join_speech(np.zeros(9, bool), 0, 9) == []


@given(st.lists(st.tuples(st.integers(1, 120), st.booleans()), max_size=30), st.integers(-5, 300))
@pytest.mark.slow
def test_join_speech_returns_ordered_disjoint_segments_with_all_speech(runs, first):
    speech = np.repeat([flag for _, flag in runs], [n for n, _ in runs]).astype(bool)
    end = first + len(speech) + 20
    found = join_speech(speech, first, end)
    edges = [edge for segment in found for edge in segment]
    assert edges == sorted(set(edges))
    assert not edges or (edges[0] >= 0 and edges[-1] <= end)
    inside = np.zeros(len(speech), bool)
    for start, stop in found:
        inside[max(0, start - first) : max(0, stop - first)] = True
    outside = sum(speech & ~inside)
    assert outside < 10 * (1 + sum(flag for _, flag in runs))
    assert not any(stop - start < 30 for start, stop in found if start > 0 and stop < end)


# --- what is heard -------------------------------------------------------------------------------


def test_timeline_has_the_answers_of_predict_for_each_window(models):
    samples = np.concatenate(
        [silence(0.7), spoken(4.37), noise(1.6, level_db=-70.0), 0.1 * spoken(1.1), silence(0.503)]
    ).astype(np.float32)
    found = last(samples, models)
    assert found.total == found.done == len(found.answers()) >= 4
    for (start_s, stop_s), given_here in zip(found.windows_s, found.answers(), strict=True):
        stretch = samples[round(start_s * RATE_HZ) : round(stop_s * RATE_HZ)]
        alone = predict(clip(stretch), models).answers
        assert list(given_here) == list(alone) == list(ANSWER_KEYS)
        for key in ANSWER_KEYS:
            np.testing.assert_allclose(
                given_here[key].probabilities, alone[key].probabilities, atol=tolerance(key)
            )
            if tolerance(key) == EXACT:
                assert given_here[key].unsure == alone[key].unsure


def test_timeline_among_some_labels_answers_as_predict_does(models):
    samples, some = spoken(4.5), ("fearful", "happy", "neutral")
    *_, found = iter_timeline(clip(samples), models, among=some)
    assert found.among == some
    for (start_s, stop_s), given_here in zip(found.windows_s, found.answers(), strict=True):
        stretch = samples[round(start_s * RATE_HZ) : round(stop_s * RATE_HZ)]
        alone = predict(clip(stretch), models, some).answers
        for key in ANSWER_KEYS:
            np.testing.assert_allclose(
                given_here[key].probabilities, alone[key].probabilities, atol=tolerance(key)
            )
            if tolerance(key) == EXACT:
                assert given_here[key].unsure == alone[key].unsure
    chosen = timeline.choose_among(last(samples, models), some, models.calibration)
    assert chosen.to_dict() == found.to_dict()
    assert export.written(export.write_timeline_table, "a", found).startswith(
        f"a: 4.50 s, {found.total} windows, among fearful, happy and neutral\n"
    )


@pytest.mark.parametrize("lead_s", [0.0, 1.003])
def test_timeline_covers_speech_and_leaves_out_pauses(models, lead_s):
    pause = noise(3.5, level_db=-65.0)
    found = last(np.concatenate([silence(lead_s), spoken(5.0), pause, spoken(2.0)]), models)
    parts = [shown - lead_s for shown in found.segments_s]
    segments = [parts[0]] if len(parts) else []
    for part in parts[1:]:
        if part[0] == pytest.approx(segments[-1][1]):
            segments[-1] = np.array([segments[-1][0], part[1]])
        else:
            segments.append(part)
    np.testing.assert_allclose(segments, [[0.0, 5.0], [8.5, 10.5]], atol=0.26)
    assert all(b - a <= 3.0 + 1e-9 for a, b in found.windows_s)
    assert found.speech_warnings == ()  # a blank pause is no reason to be concerned


@pytest.mark.parametrize(
    ("samples", "kind"),
    [
        (noise(4.0), "noise"),
        (tone(duration_s=4.0), "tone"),
        (sound(melody(organ, -12, 12), 12.0), "music"),
    ],
    ids=["noise", "tone", "music"],
)
def test_timeline_of_other_sounds_is_empty_with_a_warning(models, samples, kind):
    (found,) = iter_timeline(clip(samples), models)
    assert (found.total, found.done, found.answers(), found.cues()) == (0, 0, [], [])
    assert found.windows_s.shape == found.segments_s.shape == (0, 2)
    assert {key: rows.shape for key, rows in found.probabilities.items()} == dict.fromkeys(
        ANSWER_KEYS, (0, 7)
    )
    assert [concern.kind for concern in found.speech_warnings] == [kind]
    assert export.remarks(found)[0] == export.NO_SPEECH


def test_timeline_leaves_out_music_between_speech(models):
    music = sound(melody(organ, -12, 12), 12.0)
    found = last(np.concatenate([spoken(6.0), music, spoken(6.0)]), models)
    assert found.total > 0
    middle = [(a, b) for a, b in found.segments_s if b > 9.0 and a < 15.0]
    assert middle == []


def test_timeline_of_the_shortest_recording_is_one_window(models):
    found = last(spoken(0.3), models)
    assert found.windows_s.tolist() == found.segments_s.tolist()
    assert found.total == 1


# --- as it comes ---------------------------------------------------------------------------------


def test_iter_timeline_grows_until_all_windows_are_answered(models, monkeypatch):
    monkeypatch.setattr(timeline, "CHUNK", 2)
    grown = list(iter_timeline(clip(spoken(6.5)), models))
    assert [found.done for found in grown] == [0, 2, 4, 5]
    assert {found.total for found in grown} == {5}
    for found in grown:
        n = found.done
        np.testing.assert_array_equal(found.windows_s, grown[-1].windows_s[:n])
        np.testing.assert_array_equal(found.segments_s, grown[-1].segments_s[:n])
        for key, rows in grown[-1].probabilities.items():
            assert rows.dtype == np.float64
            np.testing.assert_array_equal(found.probabilities[key], rows[:n])


def test_iter_timeline_drops_windows_when_closed(models, monkeypatch):
    monkeypatch.setattr(timeline, "CHUNK", 1)
    heard: list[int] = []

    def counted(*arguments):
        heard.append(1)
        return compute_features(*arguments)

    monkeypatch.setattr(timeline, "compute_features", counted)
    threads = threading.active_count()
    growing = iter_timeline(clip(spoken(30.0)), models)
    next(growing)
    assert next(growing).done == 1
    growing.close()
    assert threading.active_count() == threads
    assert len(heard) < 20  # of 28; at most a few were under way


# --- runs of one answer --------------------------------------------------------------------------


def made(rows, shown_s, threshold=0.5, **facts) -> Timeline:
    """Return a timeline, from the two likeliest labels of each window and the first's probability.

    The second label has 0.3, or the rest if that is less.
    """
    shares = np.zeros((len(rows), len(LABELS)))
    for i, (first, second, p) in enumerate(rows):
        shares[i] = (1 - p - min(0.3, 1 - p)) / 5
        shares[i, [INDEX[first], INDEX[second]]] = p, min(0.3, 1 - p)
    spans_s = np.array(shown_s, float).reshape(-1, 2)
    return Timeline(
        duration_s=20.0,
        total=len(rows),
        windows_s=spans_s,
        segments_s=spans_s,
        probabilities=dict.fromkeys(ANSWER_KEYS, shares),
        thresholds=dict.fromkeys(ANSWER_KEYS, threshold),
        **facts,
    )


MADE = made(
    [
        ("happy", "sad", 0.6),
        ("happy", "angry", 0.9),
        ("happy", "sad", 0.4),
        ("sad", "happy", 0.8),
        ("sad", "happy", 0.8),
    ],
    [(0.5, 2.5), (2.5, 3.5), (3.5, 4.0), (4.0, 6.0), (7.0, 8.125)],
)


def test_cues_end_at_another_label_at_unsureness_and_at_a_pause():
    found = MADE.cues()
    spans = [(cue.start_s, cue.stop_s, cue.answer.label, cue.answer.unsure) for cue in found]
    assert spans == [
        (0.5, 3.5, "happy", False),
        (3.5, 4.0, "happy", True),
        (4.0, 6.0, "sad", False),
        (7.0, 8.125, "sad", False),
    ]
    assert found[0].answer.confidence == pytest.approx((2 * 0.6 + 0.9) / 3)


@given(st.data())
def test_cues_hold_every_window_once(data):
    n = data.draw(st.integers(0, 12))
    rows = np.random.default_rng(data.draw(st.integers(0, 99))).dirichlet(np.full(7, 0.5), n)
    lasting = data.draw(st.lists(st.integers(1, 200), min_size=2 * n, max_size=2 * n))
    pauses = [0 if i % 3 else pause for i, pause in enumerate(lasting[n:])]
    starts = np.cumsum([a + b for a, b in zip(pauses, [0, *lasting], strict=False)])
    shown_s = np.stack([starts, starts + lasting[:n]], axis=1) / 100 if n else np.empty((0, 2))
    one = made([("sad", "happy", 0.9)] * n, shown_s)
    found = Timeline(
        20.0, n, shown_s, shown_s, dict.fromkeys(ANSWER_KEYS, rows), one.thresholds
    ).cues()
    assert all(a.stop_s <= b.start_s for a, b in pairwise(found))
    held = [[(a, b) for a, b in shown_s if cue.start_s <= a and b <= cue.stop_s] for cue in found]
    assert sum(map(len, held)) == n
    at = 0
    for cue, spans in zip(found, held, strict=True):
        assert cue.stop_s - cue.start_s == pytest.approx(sum(b - a for a, b in spans))
        for row in rows[at : at + len(spans)]:
            alone = answer(row, 0.5)
            assert (alone.label, alone.unsure) == (cue.answer.label, cue.answer.unsure)
        at += len(spans)


# --- written out ---------------------------------------------------------------------------------


def written(write, found, path="a.wav") -> str:
    out = io.StringIO()
    write(path, found, out)
    return out.getvalue()


def test_write_srt_and_vtt_follow_their_formats():
    assert written(export.write_srt, MADE) == (
        "1\n00:00:00,500 --> 00:00:03,500\nhappy 70%\n\n"
        "2\n00:00:03,500 --> 00:00:04,000\nunsure: happy 40%\n\n"
        "3\n00:00:04,000 --> 00:00:06,000\nsad 80%\n\n"
        "4\n00:00:07,000 --> 00:00:08,125\nsad 80%\n\n"
    )
    vtt = written(export.write_vtt, MADE)
    assert vtt.startswith("WEBVTT\n\n00:00:00.500 --> 00:00:03.500\nhappy 70%\n\n00:00:03.500")
    late = made([("sad", "happy", 0.8)], [(3599.9996, 3661.5)])
    assert "01:00:00.000 --> 01:01:01.500" in written(export.write_vtt, late)
    blank = made([], [])
    assert written(export.write_srt, blank) == ""
    assert written(export.write_vtt, blank) == "WEBVTT\n\n"


def test_timeline_csv_has_a_line_for_each_window_and_model_and_no_formula():
    rows = list(csv.DictReader(io.StringIO(written(export.write_timeline_csv, MADE, "=1+1.wav"))))
    assert [row["model"] for row in rows] == [*ANSWER_KEYS] * 5
    n = len(ANSWER_KEYS)
    assert {row["path"] for row in rows} == {"'=1+1.wav"}
    spans = [rows[-1][name] for name in ("start_s", "stop_s", "segment_start_s", "segment_end_s")]
    assert spans == ["7.000", "8.125", "7.000", "8.125"]
    assert [
        (row["label"], row["runner_up"], row["unsure"]) for row in rows[2 * n : 3 * n + 1 : n]
    ] == [
        ("happy", "sad", "yes"),
        ("sad", "happy", "no"),
    ]
    for row in rows:
        assert sum(float(row[f"p_{label}"]) for label in LABELS) == pytest.approx(1.0, abs=1e-5)


def test_timeline_json_has_every_window():
    found = json.loads(written(export.write_timeline_json, MADE))
    names = ["path", "duration_s", "warnings", "speech_warnings", "among", "windows"]
    assert list(found) == names
    assert len(found["windows"]) == 5
    window = found["windows"][2]
    assert [window[name] for name in ("start_s", "stop_s", "segment_start_s", "segment_end_s")] == [
        3.5,
        4.0,
        3.5,
        4.0,
    ]
    assert list(window["models"]) == list(ANSWER_KEYS)
    said = window["models"]["ensemble"]
    assert (said["label"], said["runner_up"], said["unsure"]) == ("happy", "sad", True)


def test_timeline_table_is_aligned_and_escapes_control_characters():
    found = made([("happy", "sad", 0.4)] * 2, [(0, 1), (1, 12)], warnings=("Quiet.",))
    assert written(export.write_timeline_table, found, "a\x1b[2Jb.wav").splitlines() == [
        "a\\x1b[2Jb.wav: 20.00 s, 2 windows",
        "Quiet.",
        "Unsure throughout (12 s).",
        "   from      to  " + "  ".join(f"{key:14}" for key in ANSWER_KEYS).rstrip(),
        "   0.00    1.00  " + "  ".join(["happy/sad? 40%"] * len(ANSWER_KEYS)),
        "   1.00   12.00  " + "  ".join(["happy/sad? 40%"] * len(ANSWER_KEYS)),
    ]


# --- command line --------------------------------------------------------------------------------


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "talk.wav"
    path.write_bytes(encoded(np.concatenate([spoken(3.6), silence(1.5), spoken(1.0)])))
    return path


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("text", "{path}: 6.10 s, 3 windows\n"),
        ("csv", "path,start_s,"),
        ("json", '{{\n "path": "{path}",'),
        ("srt", "1\n00:00:00,000 --> "),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> "),
        ("audacity", "0.000000\t"),
        ("textgrid", 'File type = "ooTextFile"\nObject class = "TextGrid"\n'),
        ("eaf", '<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT '),
    ],
)
def test_timeline_command_prints_what_it_writes_to_a_file(
    capsys, recording, tmp_path, form, begins
):
    assert main(["timeline", str(recording), "--format", form]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(begins.format(path=recording))
    out = tmp_path / f"out.{'txt' if form == 'text' else form.upper()}"
    assert main(["timeline", "--out", str(out), str(recording)]) == 0
    assert capsys.readouterr().out == ""
    assert out.read_bytes().decode() == printed


def test_timeline_command_reports_an_empty_timeline(capsys, tmp_path):
    path = tmp_path / "hiss.wav"
    path.write_bytes(encoded(noise(2.0)))
    assert main(["timeline", str(path), "--format", "srt"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert export.NO_SPEECH in captured.err
    assert "This sounds like noise" in captured.err
    assert main(["timeline", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1] == export.NO_SPEECH
    assert "emo:" not in captured.err


def test_timeline_command_reports_errors_in_a_sentence(capsys, recording, tmp_path):
    for arguments, told in [
        (["gone.wav"], "There is no file at this path"),
        ([str(recording), "--models", str(tmp_path)], "There is no model in"),
        ([str(recording), "--out", str(recording)], "names the recording itself"),
        ([str(recording), "--out", str(tmp_path / "gone" / "a.srt")], "cannot be written"),
    ]:
        assert main(["timeline", *arguments]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert told in captured.err
    assert recording.read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize("arguments", [[], ["a.wav", "--format", "ass"], ["a.wav", "b.wav"]])
def test_wrong_usage_exits_with_two(capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["timeline", *arguments])
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err
