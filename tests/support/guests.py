"""Small models in ONNX that stand in for those of others."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SAMPLES = {
    "name": "Loud is angry",
    "rate_hz": 16_000,
    "input": "samples",
    "labels": ["anger", "neutral", "bored"],
    "meaning": {"anger": "angry", "bored": None},
    "about": "It measures loudness.",
}
"""Description of ``save_guest``, with the scores of two outputs and of one without a meaning."""


def save_guest(
    path: Path,
    about: dict[str, Any] | None = None,
    shape: Sequence[int | str] = (1, "n"),
    weights: Sequence[float] = (20.0, 1.0, 2.0),
    bias: Sequence[float] = (0.0, 0.0, 0.0),
) -> Path:
    """Write a guest whose outputs are weights times the mean size of its input, plus a bias."""
    axes = list(range(len(shape)))
    nodes = [
        helper.make_node("Abs", ["x"], ["sizes"]),
        helper.make_node("ReduceMean", ["sizes"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("Mul", ["mean", "weights"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["y"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([values], np.float32), name)
        for name, values in (("weights", weights), ("bias", bias))
    ]
    graph = helper.make_graph(
        nodes,
        "guest",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, len(weights)])],
        constants,
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    path.with_suffix(".json").write_text(json.dumps(SAMPLES if about is None else about))
    return path
