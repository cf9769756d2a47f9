import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from emo.cli.main import main
from emo.corpora.catalogue import Recording
from emo.corpora.own.audit import audit_own, format_own_audit
from emo.corpora.own.checks import balance, check_clips, check_protocol
from emo.corpora.own.folds import leak_test, own_folds
from emo.corpora.own.pattern import compile_pattern
from emo.corpora.own.reading import OwnCorpora, read_own
from emo.errors import CorpusError
from tests.support.own import write_clips, write_manifest

NAMES = "{speaker}_{emotion}_*.wav"


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("own") / "clips")


@pytest.fixture
def copied(clips: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clips, tmp_path / "clips"))


def made(rows: Sequence[tuple[str, str]], corpus: str = "mine") -> list[Recording]:
    """Return recordings of no file, from speakers and labels."""
    return [
        Recording(Path(f"{i}.wav"), corpus, f"{i}.wav", f"{corpus}-{speaker}", label)
        for i, (speaker, label) in enumerate(rows)
    ]


def keys_of(recordings: Sequence[Recording]) -> list[str]:
    return [f"{recording.corpus}/{recording.stem}" for recording in recordings]


# --- patterns ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "path", "fields"),
    [
        (NAMES, "a/b/ann_sad_01.wav", {"speaker": "ann", "emotion": "sad"}),
        (NAMES, "ann_sad.wav", None),
        ("*-{emotion}.???", "x-y-sad.ogg", {"emotion": "y-sad"}),
        ("{emotion}/{speaker}/*", "top/Joy/7/clip.mp3", {"emotion": "Joy", "speaker": "7"}),
        ("{corpus}_{emotion}(?)*", "set_sad(1).wav", {"corpus": "set", "emotion": "sad"}),
    ],
)
def test_a_pattern_reads_the_fields_of_a_path(pattern, path, fields) -> None:
    assert compile_pattern(pattern).read(path) == fields


@pytest.mark.parametrize(
    "text", ["{speaker}_*.wav", "{emotion}_{mood}", "{emotion", "{emotion}{emotion}"]
)
def test_a_wrong_pattern_is_refused_with_a_sentence(text) -> None:
    with pytest.raises(CorpusError, match=r"^The pattern .*\.?"):
        compile_pattern(text)


# --- reading -------------------------------------------------------------------------------------


def test_manifest_folder_and_pattern_give_the_same_clips(clips, tmp_path) -> None:
    by_pattern = read_own([clips], NAMES)
    rows = [
        (str(clip.path), clip.emotion, clip.speaker.split("-")[1]) for clip in by_pattern.recordings
    ]
    manifest = write_manifest(tmp_path / "clips.csv", rows)
    for clip in by_pattern.recordings:
        target = tmp_path / "clips" / clip.emotion / clip.speaker.split("-")[1] / clip.path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip.path, target)

    def facts(own: OwnCorpora) -> list[tuple[str, str, str, str]]:
        return sorted((c.path.name, c.corpus, c.speaker, c.emotion) for c in own.recordings)

    expected = facts(by_pattern)
    assert len(expected) == 18
    assert expected[0] == ("ann_bored_1.wav", "clips", "clips-ann", "bored")
    assert facts(read_own([manifest])) == expected
    assert facts(read_own([tmp_path / "clips"])) == expected
    assert by_pattern.labels == ("happy", "sad", "bored")  # Emo's own first, in their order


def test_a_map_renames_joins_and_leaves_out_labels(clips, tmp_path) -> None:
    labels = tmp_path / "map.csv"
    labels.write_text("own,emo\nbored,low mood\nsad,low mood\n", encoding="utf-8")
    assert read_own([clips], NAMES, labels).labels == ("happy", "low-mood")
    labels.write_text("own,emo\nbored,\n", encoding="utf-8")
    own = read_own([clips], NAMES, labels)
    assert own.labels == ("happy", "sad")
    assert {skip.reason for skip in own.skipped} == {"its label 'bored' is left out by --labels"}


def test_known_spellings_are_read_as_labels_and_told(tmp_path, clips) -> None:
    folder = tmp_path / "clips"
    for old, new in (("happy", "HAP"), ("sad", "Sadness"), ("bored", "Bored")):
        for path in clips.glob(f"*_{old}_*"):
            folder.mkdir(exist_ok=True)
            shutil.copy(path, folder / path.name.replace(old, new))
    own = read_own([folder], NAMES)
    assert own.labels == ("happy", "sad", "bored")
    notes = check_clips(own).notes
    assert "Labels are read so: Bored as bored, HAP as happy, Sadness as sad." in notes


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [("ann_sad_1.wav", "sad", "a"), ("ann_sad_1.wav", "happy", "a")],
            "is listed twice, as sad",
        ),
        ([("ann_sad_1.wav", "sad", "a")], "All clips have the label sad"),
        ([("ann_sad_1.wav", "sad!", "a")], "cannot be a label"),
        ([("gone.wav", "sad", "a")], r"1 files, the first .*gone.wav: there is no such file"),
        ([("ann_sad_1.wav", f"l{i}", "a") for i in range(1)], "All clips have the label l0"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(copied, rows, sentence) -> None:
    manifest = write_manifest(copied / "list.csv", rows)
    with pytest.raises(CorpusError, match=sentence):
        read_own([manifest])


def test_more_than_twelve_labels_are_refused(tmp_path) -> None:
    rows = []
    for i in range(13):
        (tmp_path / f"{i}.wav").write_bytes(b"x" * 2000)
        rows.append((f"{i}.wav", f"label{i}", "a"))
    with pytest.raises(CorpusError, match=r"have 13 labels .* 12 at most"):
        read_own([write_manifest(tmp_path / "list.csv", rows)])


def test_a_folder_without_emotions_says_how_to_state_them(clips) -> None:
    with pytest.raises(CorpusError, match=r"18 audio files .* in no folder .*--pattern"):
        read_own([clips])
    with pytest.raises(CorpusError, match=r"follows the pattern '\{emotion\}\.mp3'"):
        read_own([clips], "{emotion}.mp3")


# --- checks before the work ----------------------------------------------------------------------


def test_missing_and_doubled_files_are_told_before_the_work(copied) -> None:
    rows = [
        (path.name, path.stem.split("_")[1], path.stem.split("_")[0]) for path in copied.iterdir()
    ]
    shutil.copy(copied / "ann_sad_1.wav", copied / "again.wav")
    shutil.copy(copied / "ben_sad_1.wav", copied / "stolen.wav")
    shutil.copy(copied / "cas_sad_1.wav", copied / "merry.wav")
    rows += [
        ("again.wav", "sad", "ann"),
        ("stolen.wav", "sad", "ann"),
        ("merry.wav", "happy", "cas"),
    ]
    rows += [("gone.wav", "sad", "ann"), rows[0]]
    own = read_own([write_manifest(copied / "list.csv", rows)])
    checked = check_clips(own)
    text = "\n".join(checked.notes)
    assert "1 file is not used (gone.wav): there is no such file." in text
    assert "): it is listed twice." in text
    assert "1 file repeats the sound of another and count once" in text
    assert "4 files are not used, for instance one sound" in text
    stems = {clip.stem for clip in checked.own.recordings}
    assert stems & {"again.wav", "ann_sad_1.wav"} != set()
    assert not stems & {"stolen.wav", "ben_sad_1.wav", "merry.wav", "cas_sad_1.wav"}
    assert len(stems) == 16
    assert len(set(checked.keys)) == 16


def test_class_balance_is_told() -> None:
    rows = [("a", "sad")] * 8 + [("b", "happy")] * 2
    assert balance(made(rows)).startswith(
        "10 clips of 2 speakers: sad 8 (80\xa0%, 1 speaker), happy 2 (20\xa0%, 1 speaker). "
        "The labels are unbalanced: 4.0 times as many clips of sad as of happy."
    )
    assert "unbalanced" not in balance(made([("a", "sad"), ("a", "happy")]))
    assert balance(made([("a", "sad"), ("", "happy")])).startswith("2 clips: sad 1 (50\xa0%), ")


@pytest.mark.parametrize(
    ("rows", "protocol", "sentence"),
    [
        ([("a", "sad"), ("a", "happy")], "speakers", "all clips are of one speaker"),
        (
            [("a", "sad"), ("b", "sad"), ("b", "happy")],
            "speakers",
            "All clips of happy are of one speaker, b",
        ),
        (
            [("", "sad"), ("b", "happy")],
            "speakers",
            r"the speaker of 1 clips is not stated \(0.wav\)",
        ),
        ([("a", "sad"), ("b", "happy")], "cross-corpus", "all clips are of one, mine"),
    ],
)
def test_clips_that_a_protocol_cannot_test_are_refused(rows, protocol, sentence) -> None:
    with pytest.raises(CorpusError, match=sentence):
        check_protocol(protocol, made(rows))


# --- folds ---------------------------------------------------------------------------------------


def test_folds_by_speaker_test_each_clip_once_and_share_no_speaker() -> None:
    rng = np.random.default_rng(1)
    rows = [
        (f"s{i}", label) for i in range(11) for label in rng.choice(["sad", "happy", "calm"], 9)
    ]
    recordings = made(rows)
    folds = own_folds("speakers", recordings, keys_of(recordings))
    assert len(folds) == 5
    assert Counter(np.concatenate([fold.test for fold in folds]).tolist()) == Counter(range(99))
    sizes = [len(fold.test) for fold in folds]
    assert max(sizes) - min(sizes) <= 9  # whole speakers, one more at most
    for fold in folds:
        trained = {recordings[i].speaker for i in fold.train}
        assert not trained & {recordings[i].speaker for i in fold.test}
        assert {recordings[i].emotion for i in fold.train} == {"sad", "happy", "calm"}
    assert "no speaker and no sound of a test is in training" in leak_test(folds)


def test_every_label_stays_in_training_though_few_speakers_have_it() -> None:
    rows = [(f"s{i}", label) for i in range(10) for label in ("sad", "happy")]
    rows += [("s0", "rare"), ("s5", "rare")]
    recordings = made(rows)
    for fold in own_folds("speakers", recordings, keys_of(recordings)):
        assert {recordings[i].emotion for i in fold.train} == {"sad", "happy", "rare"}


def test_folds_do_not_depend_on_the_order_of_clips() -> None:
    recordings = made([(f"s{i % 7}", ("sad", "happy")[i % 2]) for i in range(70)])
    back = recordings[::-1]
    sets = [
        {
            frozenset(given[i].stem for i in fold.test)
            for fold in own_folds("speakers", given, keys_of(given))
        }
        for given in (recordings, back)
    ]
    assert sets[0] == sets[1]


def test_random_folds_hold_each_label_alike() -> None:
    recordings = made([("a", "sad")] * 20 + [("a", "happy")] * 10)
    for fold in own_folds("random", recordings, keys_of(recordings)):
        assert Counter(recordings[i].emotion for i in fold.test) == {"sad": 4, "happy": 2}


def test_cross_corpus_tests_each_corpus() -> None:
    recordings = made([("a", "sad"), ("b", "happy")], "one") + made(
        [("a", "sad"), ("b", "happy")], "two"
    )
    folds = own_folds("cross-corpus", recordings, keys_of(recordings))
    assert [sorted({recordings[i].corpus for i in fold.test}) for fold in folds] == [
        ["one"],
        ["two"],
    ]
    with pytest.raises(CorpusError, match="label sad is in the corpus one alone"):
        own_folds("cross-corpus", recordings[:2] + recordings[3:], list("abc"))


def test_a_sound_in_training_and_test_is_a_leak() -> None:
    recordings = made([("a", "sad"), ("b", "happy"), ("a", "happy"), ("b", "sad")])
    with pytest.raises(CorpusError, match="whose audio is also in training"):
        own_folds("speakers", recordings, ["same", "same", "x", "y"])


# --- audit ---------------------------------------------------------------------------------------


def test_audit_lists_counts_and_faults(copied) -> None:
    shutil.copy(copied / "ann_sad_1.wav", copied / "ben_happy_9.wav")
    shutil.copy(copied / "ann_sad_2.wav", copied / "ben_sad_9.wav")
    (copied / "ann_sad_8.wav").write_bytes(b"no sound in here")
    found = audit_own(read_own([copied], NAMES))
    (count,) = found.corpora
    assert count.emotions == {"happy": 7, "sad": 8, "bored": 6}
    assert count.speakers == {"ann": 7, "ben": 8, "cas": 6}
    assert [file.path for file in found.unreadable] == ["ann_sad_8.wav"]
    assert found.same_audio_two_labels[0].paths == ("ann_sad_1.wav", "ben_happy_9.wav")
    assert found.same_audio_two_speakers[0].paths == ("ann_sad_2.wav", "ben_sad_9.wav")
    text = format_own_audit(found)
    assert "ann_sad_1.wav (sad) = ben_happy_9.wav (happy)" in text
    assert "clips: ann 7, ben 8, cas 6" in text


def test_the_command_audits_own_clips(copied, capsys, tmp_path) -> None:
    out = tmp_path / "audit.json"
    assert main(["audit", "--corpus", str(copied), "--pattern", NAMES, "--json", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "18 clips of 3 speakers: bored 6 (33 %, 3 speakers)" in shown
    assert '"labels"' in out.read_text()
    for wrong in ([], [str(copied), "--pattern", NAMES]):
        with pytest.raises(SystemExit, match="2"):
            main(["audit", *wrong])
    assert "--pattern goes with --corpus" in capsys.readouterr().err
