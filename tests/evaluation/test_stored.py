"""The schema of the stored figures, and their reader and writer."""

import json
from pathlib import Path
from typing import Any

import pytest

from emo.errors import ModelError
from emo.evaluation.stored import (
    METRICS,
    SCHEMA,
    problem,
    read_metrics,
    write_metrics,
)
from emo.inference.loading import ANSWER_KEYS

SHIPPED = Path(__file__).resolve().parents[2] / "models"


def figures() -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "key": "cnn",
        "protocols": {
            "speakers": {
                "n": 2,
                "accuracy": 0.5,
                "confusion": [[1, 0], [1, 0]],
                "per_class": {"sad": {"n": 0, "precision": None, "recall": None, "f1": None}},
            }
        },
    }


def written(models: Path, content: dict[str, Any]) -> Path:
    path = models / "cnn" / METRICS
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("key", ANSWER_KEYS)
def test_the_shipped_figures_are_written_as_they_were_read(key: str, tmp_path: Path) -> None:
    write_metrics(tmp_path, read_metrics(SHIPPED, key))
    expected = (SHIPPED / key / METRICS).read_bytes()
    assert (tmp_path / key / METRICS).read_bytes() == expected


def test_figures_that_follow_the_schema_have_no_problem(tmp_path: Path) -> None:
    assert problem(figures()) == ""
    written(tmp_path, figures())
    assert read_metrics(tmp_path, "cnn") == figures()


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        ("n", 1.5, "protocols.speakers.n is 1.5 and not a whole number"),
        ("n", True, "protocols.speakers.n is true and not a whole number"),
        ("accuracy", "high", 'protocols.speakers.accuracy is "high" and not a number'),
        ("accuracy", None, "protocols.speakers.accuracy is null and not a number"),
        ("confusion", [[1], 0], "protocols.speakers.confusion.1 is 0 and not a list"),
        ("unsure", 1, "protocols.speakers has the unknown field 'unsure'"),
        (
            "per_class",
            {"sad": {"n": 1, "precision": 1, "recall": 1}},
            "protocols.speakers.per_class.sad lacks the field 'f1'",
        ),
    ],
)
def test_a_problem_names_the_place_the_value_and_what_is_expected(
    place: str, value: object, sentence: str, tmp_path: Path
) -> None:
    content = figures()
    content["protocols"]["speakers"][place] = value
    path = written(tmp_path, content)
    with pytest.raises(ModelError) as caught:
        read_metrics(tmp_path, "cnn")
    assert str(caught.value) == (
        f"{path} cannot be read: {sentence}. Remove it and evaluate again."
    )
    with pytest.raises(ModelError, match="cannot be written"):
        write_metrics(tmp_path, content)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", [0, SCHEMA + 1, None])
def test_figures_of_another_version_are_refused(version: int | None, tmp_path: Path) -> None:
    written(tmp_path, figures() | {"schema": version})
    with pytest.raises(
        ModelError, match=f"its schema is {version}, and this program reads {SCHEMA}"
    ):
        read_metrics(tmp_path, "cnn")


def test_a_folder_without_figures_has_no_protocols(tmp_path: Path) -> None:
    assert read_metrics(tmp_path, "mlp") == {"schema": SCHEMA, "key": "mlp", "protocols": {}}
