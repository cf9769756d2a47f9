"""Translate the graph of a LiteRT file to ONNX.

LiteRT multiplies weights of 8 bits with inputs that it rounds to 8 bits too, by a scale for each
row.  The ONNX nodes do the same, since answers would differ by up to five per cent otherwise.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from emo.errors import ModelError
from emo.inference.portable.builder import FLOAT, Builder
from emo.inference.portable.litert import ACTIVATIONS, PADDINGS, Graph, Operator

_SIMPLE = {
    "LOGISTIC": "Sigmoid",
    "TANH": "Tanh",
    "MAXIMUM": "Max",
    "SIN": "Sin",
    "COS": "Cos",
    "SQRT": "Sqrt",
    "SHAPE": "Shape",
}
_BINARY = {"ADD": "Add", "MUL": "Mul", "SUB": "Sub"}
_REDUCE = {"MEAN": "ReduceMean", "SUM": "ReduceSum", "REDUCE_PROD": "ReduceProd"}


class Translator:
    """Translates the operators of one graph.

    Parameters
    ----------
    builder
        Where the nodes are added.
    graph
        Of a LiteRT file with one input.
    """

    def __init__(self, builder: Builder, graph: Graph) -> None:
        self._to = builder
        self._graph = graph
        self._values: dict[int, str] = {}
        self._maker = {output: op for op in graph.operators for output in op.outputs}

    def run(self, value: str) -> list[str]:
        """Add the nodes, with a value as the input, and return the names of the outputs.

        Raises
        ------
        ModelError
            An operator is used in a way that is not translated.
        """
        (self._values[self._graph.inputs[0]],) = [value]
        for op in self._graph.operators:
            self._add(op)
        return [self._values[output] for output in self._graph.outputs]

    def _add(self, op: Operator) -> None:
        if op.name in _SIMPLE:
            result = self._to.add(_SIMPLE[op.name], *map(self._value, op.inputs))
            if op.name == "SHAPE":
                self._set(op, result)
                return
        elif op.name in _BINARY:
            result = self._to.add(_BINARY[op.name], *map(self._value, op.inputs))
        elif op.name in _REDUCE:
            result = self._reduce(op)
        elif op.name == "SPLIT":
            self._split(op)
            return
        else:
            method: Callable[[Operator], str] | None = getattr(self, f"_{op.name.lower()}", None)
            if method is None:
                raise ModelError(f"The operator {op.name} of the network has no form in ONNX here.")
            result = method(op)
        self._set(op, self._activated(op, result))

    def _set(self, op: Operator, value: str) -> None:
        self._values[op.outputs[0]] = value

    def _activated(self, op: Operator, value: str) -> str:
        code = op.options.get("activation", 0)
        if code not in ACTIVATIONS:
            raise ModelError(f"The activation {code} of {op.name} has no form in ONNX here.")
        return self._to.add(ACTIVATIONS[code], value) if ACTIVATIONS[code] else value

    def _value(self, number: int) -> str:
        if number not in self._values:
            self._values[number] = self._to.constant(self._constant(number))
        return self._values[number]

    def _constant(self, number: int) -> np.ndarray:
        """Return the values of a constant; integers as int64, as ONNX has them in shapes."""
        values = self._graph.tensors[number].values
        if values is None:
            raise ModelError("A tensor of the network is used before it is computed.")
        return values.astype(np.int64) if values.dtype == np.int32 else values

    def _axes(self, number: int) -> list[int]:
        return [int(axis) for axis in np.atleast_1d(self._constant(number))]

    # --- shapes ----------------------------------------------------------------------------------

    def _as_vector(self, number: int) -> str:
        """Return a whole number, or a vector of them, as int64 of shape (n,)."""
        return self._to.add("Reshape", self._value(number), self._to.integers([-1]))

    def _reshape(self, op: Operator) -> str:
        """Return a reshaped value; without it where it surrounds a product of matrices.

        Keras flattens all axes but the last before a product, and restores them after it.  ONNX
        multiplies along the last axis of any value.
        """
        product, shape = self._maker.get(op.inputs[0]), self._shape(op.outputs[0])
        if product and product.name == "FULLY_CONNECTED":
            before = self._maker.get(product.inputs[0])
            units = len(self._constant(product.inputs[1]))
            source = before.inputs[0] if before and before.name == "RESHAPE" else op.outputs[0]
            is_around = len(self._shape(source)) == len(shape) and shape[-1] == units
            if is_around and source in self._values:  # not this reshape's own output
                return self._product(source, product)
        return self._to.add("Reshape", self._value(op.inputs[0]), self._as_vector(op.inputs[1]))

    def _shape(self, number: int) -> tuple[int, ...]:
        return self._graph.tensors[number].shape

    def _expand_dims(self, op: Operator) -> str:
        axes = self._to.integers(self._axes(op.inputs[1]))
        return self._to.add("Unsqueeze", self._value(op.inputs[0]), axes)

    def _squeeze(self, op: Operator) -> str:
        axes = self._to.integers(list(op.options["axes"]))
        return self._to.add("Squeeze", self._value(op.inputs[0]), axes)

    def _transpose(self, op: Operator) -> str:
        return self._to.add("Transpose", self._value(op.inputs[0]), perm=self._axes(op.inputs[1]))

    def _pad(self, op: Operator) -> str:
        widths = self._constant(op.inputs[1])
        pads = self._to.integers(widths.T.ravel())
        return self._to.add("Pad", self._value(op.inputs[0]), pads)

    def _pack(self, op: Operator) -> str:
        axis = self._to.integers([op.options["axis"]])
        parts = [self._to.add("Unsqueeze", self._value(number), axis) for number in op.inputs]
        return self._to.add("Concat", *parts, axis=op.options["axis"])

    def _concatenation(self, op: Operator) -> str:
        return self._to.add("Concat", *map(self._value, op.inputs), axis=op.options["axis"])

    def _gather(self, op: Operator) -> str:
        inputs = map(self._value, op.inputs)
        return self._to.add("Gather", *inputs, axis=op.options["axis"])

    def _strided_slice(self, op: Operator) -> str:
        """Return one element of a shape, or a value as it is.

        Other uses do not occur in the networks of Keras and of the encoder.
        """
        begin, end = (self._constant(number) for number in op.inputs[1:3])
        if len(self._shape(op.inputs[0])) == 1 and self._shape(op.outputs[0]) == ():
            return self._to.add("Gather", self._value(op.inputs[0]), self._to.integers(begin[0]))
        if not begin.any() and not end.any():
            return self._value(op.inputs[0])
        raise ModelError("A slice of the network has no form in ONNX here.")

    def _range(self, op: Operator) -> str:
        return self._to.add("Range", *map(self._value, op.inputs))

    def _cast(self, op: Operator) -> str:
        return self._to.cast(self._value(op.inputs[0]), FLOAT)

    def _split(self, op: Operator) -> None:
        (axis,) = self._axes(op.inputs[0])
        parts = self._to.add_many("Split", len(op.outputs), self._value(op.inputs[1]), axis=axis)
        self._values |= dict(zip(op.outputs, parts, strict=True))

    # --- numbers ---------------------------------------------------------------------------------

    def _reduce(self, op: Operator) -> str:
        axes, keep = self._axes(op.inputs[1]), int(op.options["keep"])
        value = self._value(op.inputs[0])
        if op.name == "SUM":  # takes its axes as an input, unlike the others
            return self._to.add("ReduceSum", value, self._to.integers(axes), keepdims=keep)
        return self._to.add(_REDUCE[op.name], value, axes=axes, keepdims=keep)

    def _square(self, op: Operator) -> str:
        return self._to.add("Mul", *[self._value(op.inputs[0])] * 2)

    def _squared_difference(self, op: Operator) -> str:
        difference = self._to.add("Sub", *map(self._value, op.inputs))
        return self._to.add("Mul", difference, difference)

    def _rsqrt(self, op: Operator) -> str:
        return self._to.add("Reciprocal", self._to.add("Sqrt", self._value(op.inputs[0])))

    def _softmax(self, op: Operator) -> str:
        return self._to.add("Softmax", self._value(op.inputs[0]), axis=-1)

    def _gelu(self, op: Operator) -> str:
        to, value = self._to, self._value(op.inputs[0])
        if op.options["approximate"]:
            raise ModelError("An approximate GELU has no form in ONNX here.")
        share = to.add(
            "Add", to.add("Erf", to.add("Mul", value, to.floats(0.5**0.5))), to.floats(1)
        )
        return to.add("Mul", to.add("Mul", value, to.floats(0.5)), share)

    def _batch_matmul(self, op: Operator) -> str:
        values = [self._value(number) for number in op.inputs]
        for place, key in enumerate(("adj_x", "adj_y")):
            if op.options[key]:
                values[place] = self._to.add("Transpose", values[place], perm=[0, 1, 3, 2])
        return self._to.add("MatMul", *values)

    def _fully_connected(self, op: Operator) -> str:
        return self._product(op.inputs[0], op)

    def _product(self, number: int, op: Operator) -> str:
        """Return the product of a value with the weights of an operator, plus its bias."""
        value, scale = self._value(number), ""
        weights = self._graph.tensors[op.inputs[1]]
        if weights.scales.size:
            value, scale = self._rounded(value, [-1])
            matrix = self._dequantised(op.inputs[1])
            matrix = self._to.root.add("Transpose", matrix, perm=[1, 0])
        else:
            matrix = self._to.constant(self._constant(op.inputs[1]).T)
        result = self._to.add("MatMul", value, matrix)
        if scale:
            result = self._to.add("Mul", result, scale)
        has_bias = len(op.inputs) > 2 and op.inputs[2] >= 0
        return self._to.add("Add", result, self._value(op.inputs[2])) if has_bias else result

    def _dequantised(self, number: int) -> str:
        """Return weights that are stored with 8 bits, times the scale of each row.

        A runtime computes them once, while it loads the file.  onnxruntime would merge
        ``DequantizeLinear`` with the product that follows, and round its inputs in its own way.
        """
        to, values = self._to.root, self._constant(number)
        scales = self._graph.tensors[number].scales
        stored = to.cast(to.constant(values), FLOAT)
        shape = (-1, *[1] * (values.ndim - 1))
        return to.add("Mul", stored, to.floats(scales.reshape(shape)))

    def _rounded(self, value: str, axes: list[int]) -> tuple[str, str]:
        """Return a value in whole steps, of which 255 span its range, and the size of a step.

        As LiteRT's dynamic quantisation does: the range includes 0, which is a whole step.
        """
        to = self._to
        zero, one = to.floats(0), to.floats(1)
        low = to.add("Min", to.add("ReduceMin", value, axes=axes, keepdims=1), zero)
        high = to.add("Max", to.add("ReduceMax", value, axes=axes, keepdims=1), zero)
        width = to.add("Sub", high, low)
        is_flat = to.add("Equal", width, zero)
        scale = to.add("Where", is_flat, one, to.add("Div", to.floats(255), width))
        lowest, highest = to.floats(-128), to.floats(127)
        below, above = to.add("Mul", low, scale), to.add("Mul", high, scale)
        error = to.add("Add", to.add("Add", lowest, below), to.add("Add", highest, above))
        from_low, from_high = to.add("Sub", lowest, below), to.add("Sub", highest, above)
        place = to.add("Where", to.add("Greater", error, zero), from_low, from_high)
        place = to.add("Round", to.add("Clip", place, lowest, highest))
        steps = to.add("Add", to.add("Round", to.add("Mul", value, scale)), place)
        steps = to.add("Clip", steps, lowest, highest)
        return to.add("Sub", steps, place), to.add("Reciprocal", scale)

    # --- filters ---------------------------------------------------------------------------------

    def _conv_2d(self, op: Operator) -> str:
        """Return a convolution of a value (n, height, width, channels)."""
        to, tensor = self._to, self._graph.tensors[op.inputs[1]]
        value, scale = self._value(op.inputs[0]), ""
        if tensor.scales.size:
            value, scale = self._rounded(value, [1, 2, 3])
            filters = self._dequantised(op.inputs[1])
            filters = to.root.add("Transpose", filters, perm=[0, 3, 1, 2])
        else:
            filters = to.constant(self._constant(op.inputs[1]).transpose(0, 3, 1, 2))
        moved = to.add("Transpose", value, perm=[0, 3, 1, 2])
        height, width = tensor.values.shape[1:3] if tensor.values is not None else (0, 0)
        options = self._window(op.options, int(height), int(width))
        if scale:
            convolved = to.add("Mul", to.add("Conv", moved, filters, **options), scale)
            bias = to.constant(self._constant(op.inputs[2])[:, None, None])
            convolved = to.add("Add", convolved, bias)
        else:
            convolved = to.add("Conv", moved, filters, self._value(op.inputs[2]), **options)
        return to.add("Transpose", convolved, perm=[0, 2, 3, 1])

    def _average_pool_2d(self, op: Operator) -> str:
        options = self._window(op.options, op.options["height"], op.options["width"])
        moved = self._to.add("Transpose", self._value(op.inputs[0]), perm=[0, 3, 1, 2])
        pooled = self._to.add("AveragePool", moved, **options)  # leaves padding out, like LiteRT
        return self._to.add("Transpose", pooled, perm=[0, 2, 3, 1])

    @staticmethod
    def _window(options: Mapping[str, Any], height: int, width: int) -> dict[str, Any]:
        """Return kernel, strides and padding."""
        padding = {"SAME": "SAME_UPPER", "VALID": "VALID"}[PADDINGS[options["padding"]]]
        strides = [options["stride_h"], options["stride_w"]]
        return {"kernel_shape": [height, width], "strides": strides, "auto_pad": padding}


def translate(builder: Builder, graph: Graph, value: str) -> list[str]:
    """Add the nodes of a LiteRT graph, with a value as its input, and return its outputs.

    Parameters
    ----------
    builder : Builder
    graph : Graph
        With one input.
    value : str
        Name of the value that the input becomes.

    Raises
    ------
    ModelError
        An operator has no form in ONNX here.
    """
    return Translator(builder, graph).run(value)
