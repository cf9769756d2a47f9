"""Build an ONNX graph node by node."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 17
IR_VERSION = 8
"""Versions that runtimes of 2022 and later read."""

FLOAT, DOUBLE, INT64, BOOL = (
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.INT64,
    onnx.TensorProto.BOOL,
)


class Builder:
    """Nodes and constants of a graph.

    Parameters
    ----------
    parent
        Builder of the graph around this one, which holds the constants of both; None for the
        outermost.
    """

    def __init__(self, parent: "Builder | None" = None) -> None:
        self.root: Builder = parent.root if parent else self
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._names: dict[bytes, str] = {}
        self._count = 0

    def new_name(self, kind: str) -> str:
        """Return a name that no other value has."""
        self.root._count += 1
        return f"{kind.lower()}_{self.root._count}"

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, and return the output's name."""
        name = self.new_name(kind)
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def add_many(self, kind: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with several outputs, and return their names."""
        names = [self.new_name(kind) for _ in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def rename(self, value: str, name: str) -> None:
        """Give a value a second name, as that of an output."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Return the name of a constant; equal constants are stored once."""
        array = np.ascontiguousarray(np.asarray(values, dtype)).reshape(np.shape(values))
        key = repr((array.dtype.str, array.shape)).encode() + array.tobytes()
        root = self.root
        if key not in root._names:
            root._names[key] = self.new_name("constant")
            root.initializers.append(numpy_helper.from_array(array, root._names[key]))
        return root._names[key]

    def floats(self, values: Any) -> str:
        """Return the name of a constant of float32."""
        return self.constant(values, np.float32)

    def integers(self, values: Any) -> str:
        """Return the name of a constant of int64, as shapes and places have."""
        return self.constant(values, np.int64)

    def cast(self, value: str, to: int) -> str:
        """Return a value in another type."""
        return self.add("Cast", value, to=to)

    def slice(self, value: str, start: str, stop: str, axis: int = 0) -> str:
        """Return a part of a value along an axis; start and stop are of shape (1,)."""
        return self.add("Slice", value, start, stop, self.integers([axis]))

    def length(self, value: str, axis: int = 0) -> str:
        """Return the length of a value along an axis, int64 (1,)."""
        shape = self.add("Shape", value)
        return self.slice(shape, self.integers([axis]), self.integers([axis + 1]))

    def mean(self, value: str, axes: Sequence[int], keep: bool = False) -> str:
        """Return the mean of a value over axes."""
        return self.add("ReduceMean", value, axes=list(axes), keepdims=int(keep))


def value_info(name: str, kind: int, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    """Return the declaration of an input or output."""
    return helper.make_tensor_value_info(name, kind, list(shape))


def without_unused(nodes: Sequence[onnx.NodeProto], wanted: Sequence[str]) -> list[onnx.NodeProto]:
    """Return the nodes that the wanted values depend on, in their order."""
    needed = set(wanted)
    kept = []
    for node in reversed(nodes):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input)
            for attribute in node.attribute:
                for inner in attribute.g.node:
                    needed |= set(inner.input)
    return kept[::-1]


def make_model(
    builder: Builder,
    name: str,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    description: str,
    metadata: dict[str, str],
    producer_version: str,
) -> onnx.ModelProto:
    """Return a checked model of what the outputs depend on.

    Raises
    ------
    onnx.checker.ValidationError
        The graph is no valid ONNX.
    """
    nodes = without_unused(builder.nodes, [output.name for output in outputs])
    used = {value for node in nodes for value in node.input}
    used |= {
        value
        for node in nodes
        for attribute in node.attribute
        for inner in attribute.g.node
        for value in inner.input
    }
    constants = [constant for constant in builder.initializers if constant.name in used]
    graph = helper.make_graph(nodes, name, inputs, outputs, constants, doc_string=description)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="emo",
        producer_version=producer_version,
        doc_string=description,
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model
