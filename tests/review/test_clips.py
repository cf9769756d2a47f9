"""The clips that a file of rows names, and which of their files are opened."""

import json

import pytest

from emo.batch.rows import columns, read_rows
from emo.errors import AudioError, EmoError
from emo.review.clips import (
    IN_ARCHIVE,
    NO_ANSWER,
    NOT_THERE,
    OUTSIDE,
    locate,
    read_batch,
)
from tests.support.batches import RUN, WRITERS, spread, write_batch


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batch")
    for name in ("rows.csv", "rows.parquet", "rows.jsonl"):
        write_batch(folder, spread(9), name=name)
    return folder


def test_formats_give_equal_clips(folder):
    read = [read_batch(folder / f"rows.{kind}", folder) for kind in ("jsonl", "csv", "parquet")]
    assert read[0] == read[1] == read[2]
    assert read[0].run == RUN
    assert read[0].left_out == {NO_ANSWER: 1}
    assert [one.path for one in read[0].clips] == [f"clips/{i:03}.wav" for i in range(9)]
    assert read[0].clips[3].answer.label == "happy"
    assert set(read[0].clips[0].answers) == {"tree", "cnn", "mlp", "pretrained", "ensemble"}
    assert 0 < read[0].clips[0].disagreement < 1


def with_paths(folder, *paths):
    """Write rows like the first one of the batch, with other paths."""
    row = json.loads((folder / "rows.jsonl").read_text().splitlines()[0])
    lines = [json.dumps(row | {"path": str(path)}) for path in ("clips/000.wav", *paths)]
    out = folder / "other.jsonl"
    out.write_text("".join(f"{line}\n" for line in lines))
    return out


def test_files_outside_the_folder_are_not_opened(folder, tmp_path):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"RIFF")
    (folder / "link.wav").symlink_to(secret)
    (folder / "inside.wav").symlink_to(folder / "clips" / "001.wav")
    up = f"../{tmp_path.name}/secret.wav"
    paths = (secret, up, "link.wav", "inside.wav", "gone.wav", "a.tar!/b.wav", "s3://a/b.wav")
    batch = read_batch(with_paths(folder, *paths), folder)
    assert [one.path for one in batch.clips] == ["clips/000.wav", "inside.wav"]
    assert batch.left_out == {OUTSIDE: 3, NOT_THERE: 1, IN_ARCHIVE: 2}
    for path in (str(secret), "link.wav", "nul\0.wav", "clips"):
        with pytest.raises(AudioError, match="cannot be played"):
            locate(folder, path)
    assert locate(folder, "inside.wav") == folder / "clips" / "001.wav"


def test_errors_say_what_would_work(folder, tmp_path):
    rows = folder / "rows.jsonl"
    with pytest.raises(EmoError, match=r"None of the 10 rows.*not in the folder.*--clips"):
        read_batch(rows, tmp_path)
    with pytest.raises(EmoError, match=r"no folder .*--clips"):
        read_batch(rows, tmp_path / "no")
    with pytest.raises(EmoError, match="no rows of the run beef"):
        read_batch(rows, folder, "beef")
    with pytest.raises(EmoError, match="There is no file"):
        read_batch(folder / "no.csv", folder)
    with pytest.raises(EmoError, match=r"does not end in \.jsonl, \.csv, \.parquet"):
        read_batch(folder / "clips" / "000.wav", folder)
    for name, text in {"a.csv": "x,y\n1,2\n", "b.jsonl": "{}\n", "c.parquet": "PAR1"}.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(EmoError, match="holds no rows of emo batch"):
            read_batch(tmp_path / name, folder)


def test_rows_of_several_runs_need_a_choice(folder, tmp_path):
    other = write_batch(tmp_path, spread(4), run="ba9876543210")
    both = folder / "both.jsonl"
    both.write_bytes((folder / "rows.jsonl").read_bytes() + other.read_bytes())
    with pytest.raises(EmoError, match=r"rows of 2 runs.*--run 0123456789ab"):
        read_batch(both, folder)
    assert len(read_batch(both, folder, "ba9876543210").clips) == 4


def test_labels_are_those_of_own_models(folder, tmp_path):
    shares = {"bored": 0.7, "calm": 0.3}
    answer = {"label": "bored", "confidence": 0.7, "runner_up": "calm", "unsure": False}
    models = {key: answer | {"probabilities": shares} for key in ("mlp", "ensemble")}
    row = {"path": "clips/000.wav", "run": "r", "format": 4, "sha256": "a"} | answer
    (tmp_path / "own.jsonl").write_text(json.dumps(row | {"models": models}) + "\n")
    named = columns(("bored", "calm"), ("mlp", "ensemble"))
    for suffix, write in WRITERS.items():
        write(read_rows(tmp_path / "own.jsonl"), tmp_path / f"own{suffix}", named)
    batches = [read_batch(tmp_path / f"own{one}", folder) for one in (".jsonl", *WRITERS)]
    assert batches[0] == batches[1] == batches[2]
    assert batches[0].labels == ("bored", "calm")
    assert list(batches[0].clips[0].answers) == ["mlp", "ensemble"]
