"""Read the graph in a LiteRT file: its operators with their options, and its constants.

The file is a FlatBuffer of the schema of TensorFlow Lite (``schema.fbs``, version 3); the numbers
of its fields are named here.  The interpreter of LiteRT runs such a file, but does not tell the
options of its operators.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emo.errors import ModelError

DTYPES: Mapping[int, Any] = {0: np.float32, 2: np.int32, 4: np.int64, 9: np.int8}
ACTIVATIONS = {0: "", 1: "Relu", 4: "Tanh"}
PADDINGS = {0: "SAME", 1: "VALID"}

_OPTIONS: dict[int, tuple[str, dict[str, tuple[int, str]]]] = {
    0: ("ADD", {"activation": (0, "b")}),
    1: (
        "AVERAGE_POOL_2D",
        {
            "padding": (0, "b"),
            "stride_w": (1, "i"),
            "stride_h": (2, "i"),
            "width": (3, "i"),
            "height": (4, "i"),
            "activation": (5, "b"),
        },
    ),
    2: ("CONCATENATION", {"axis": (0, "i"), "activation": (1, "b")}),
    3: (
        "CONV_2D",
        {
            "padding": (0, "b"),
            "stride_w": (1, "i"),
            "stride_h": (2, "i"),
            "activation": (3, "b"),
        },
    ),
    9: ("FULLY_CONNECTED", {"activation": (0, "b")}),
    14: ("LOGISTIC", {}),
    18: ("MUL", {"activation": (0, "b")}),
    22: ("RESHAPE", {}),
    25: ("SOFTMAX", {}),
    28: ("TANH", {}),
    34: ("PAD", {}),
    36: ("GATHER", {"axis": (0, "i")}),
    39: ("TRANSPOSE", {}),
    40: ("MEAN", {"keep": (0, "b")}),
    41: ("SUB", {"activation": (0, "b")}),
    43: ("SQUEEZE", {"axes": (0, "v")}),
    45: ("STRIDED_SLICE", {}),
    49: ("SPLIT", {}),
    53: ("CAST", {}),
    55: ("MAXIMUM", {}),
    66: ("SIN", {}),
    70: ("EXPAND_DIMS", {}),
    74: ("SUM", {"keep": (0, "b")}),
    75: ("SQRT", {}),
    76: ("RSQRT", {}),
    77: ("SHAPE", {}),
    81: ("REDUCE_PROD", {"keep": (0, "b")}),
    83: ("PACK", {"axis": (1, "i")}),
    92: ("SQUARE", {}),
    96: ("RANGE", {}),
    99: ("SQUARED_DIFFERENCE", {}),
    108: ("COS", {}),
    126: ("BATCH_MATMUL", {"adj_x": (0, "b"), "adj_y": (1, "b")}),
    150: ("GELU", {"approximate": (0, "b")}),
}
"""Operators by their number in the schema: name, and number and type of each option."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of a graph.

    Attributes
    ----------
    shape : tuple of int
        -1 for a length that the input decides.
    values : ndarray or None
        Of a constant.
    scales : ndarray of float32, shape (n,) or (0,)
        Of the rows of a constant of 8 bits; its zero point is 0.
    """

    shape: tuple[int, ...]
    values: np.ndarray | None
    scales: np.ndarray


@dataclass(frozen=True)
class Operator:
    """An operator: its name, options, and the numbers of its tensors, -1 for one left out."""

    name: str
    options: Mapping[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """The graph of a LiteRT file, its operators in the order in which they run."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class _Table:
    """A table of a FlatBuffer."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - struct.unpack_from("<i", data, at)[0]

    def _place(self, field: int) -> int:
        """Return the place of a field; 0 for one that is left out."""
        size = struct.unpack_from("<H", self._data, self._fields)[0]
        if 4 + 2 * field >= size:
            return 0
        offset: int = struct.unpack_from("<H", self._data, self._fields + 4 + 2 * field)[0]
        return self._at + offset if offset else 0

    def number(self, field: int, kind: str, default: int = 0) -> int:
        place = self._place(field)
        return int(struct.unpack_from(f"<{kind}", self._data, place)[0]) if place else default

    def _target(self, place: int) -> int:
        return place + int(struct.unpack_from("<I", self._data, place)[0])

    def table(self, field: int) -> "_Table | None":
        place = self._place(field)
        return _Table(self._data, self._target(place)) if place else None

    def array(self, field: int, dtype: Any) -> np.ndarray:
        place = self._place(field)
        if not place:
            return np.zeros(0, dtype)
        start = self._target(place)
        count = struct.unpack_from("<I", self._data, start)[0]
        return np.frombuffer(self._data, dtype, count, start + 4)

    def tables(self, field: int) -> "list[_Table]":
        place = self._place(field)
        if not place:
            return []
        start = self._target(place)
        count = struct.unpack_from("<I", self._data, start)[0]
        return [_Table(self._data, self._target(start + 4 + 4 * i)) for i in range(count)]


def read_graph(content: bytes) -> Graph:
    """Return the graph in a LiteRT file.

    Raises
    ------
    ModelError
        The file is damaged, or has an operator that is not among ``_OPTIONS``.
    """
    try:
        model = _Table(content, struct.unpack_from("<I", content)[0])
        (graph,) = model.tables(2)
        codes = [max(row.number(0, "b"), row.number(3, "i")) for row in model.tables(1)]
        buffers = [row.array(0, np.uint8) for row in model.tables(4)]
        tensors = tuple(_read_tensor(row, buffers) for row in graph.tables(0))
        operators = tuple(_read_operator(row, codes) for row in graph.tables(3))
        inputs, outputs = (tuple(graph.array(field, np.int32).tolist()) for field in (1, 2))
    except (struct.error, ValueError, IndexError) as error:
        raise ModelError(f"The graph of the network cannot be read ({error}).") from error
    return Graph(tensors, operators, inputs, outputs)


def _read_tensor(row: _Table, buffers: list[np.ndarray]) -> Tensor:
    shape = row.array(0, np.int32)
    signature = row.array(7, np.int32)
    data = buffers[row.number(2, "I")]
    quantization = row.table(4)
    scales = np.zeros(0, np.float32) if quantization is None else quantization.array(2, np.float32)
    values = None
    if len(data):
        values = data.view(DTYPES[row.number(1, "b")]).reshape(shape)
    return Tensor(tuple((signature if len(signature) else shape).tolist()), values, scales)


def _read_operator(row: _Table, codes: list[int]) -> Operator:
    code = codes[row.number(0, "I")]
    if code not in _OPTIONS:
        raise ValueError(f"it has an unknown operator, number {code}")
    name, fields = _OPTIONS[code]
    table = row.table(4)
    options: dict[str, Any] = {}
    for field, (number, kind) in fields.items():
        if kind == "v":
            options[field] = () if table is None else tuple(table.array(number, np.int32).tolist())
        else:
            options[field] = 0 if table is None else table.number(number, kind)
    inputs, outputs = (tuple(row.array(field, np.int32).tolist()) for field in (1, 2))
    return Operator(name, options, inputs, outputs)
