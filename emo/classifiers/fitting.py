"""The training loop of the networks: epochs with seeds of their own, kept on disk as they end.

Keras is imported inside the functions that need it; any Keras backend will do.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import numpy as np

from emo.system.files import naming

Curve = list[dict[str, float]]
"""A row an epoch: ``epoch``, ``loss`` and ``accuracy`` on the altered clips it was fitted to."""

Progress = Callable[[int, int, dict[str, float]], None]
"""Called with how many epochs are done, of how many, and the last row of the curve."""


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities from logits along the last axis, float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def compile_network(model: Any, optimizer: Any) -> None:
    """Cross-entropy on soft targets, lowered by the optimizer."""
    import keras

    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )


def make_adamw(rate: float, decay: float, n_steps: int) -> Any:
    """AdamW with a short warm-up and a cosine to zero."""
    import keras

    return keras.optimizers.AdamW(_warm_cosine(rate, n_steps), weight_decay=decay, clipnorm=1.0)


def make_muon(rate: float, adam_rate: float, decay: float, n_steps: int, but: str) -> Any:
    """Muon with a short warm-up and a cosine to zero, and AdamW for what it is not made for.

    Parameters
    ----------
    rate, adam_rate
        Of Muon, for all kernels, and of AdamW.
    but
        The layer that gives the answer, whose kernel AdamW has; it has biases and norms as well.
    """
    return _kernel_muon()(
        _warm_cosine(rate, n_steps),
        weight_decay=decay,
        adam_weight_decay=decay,
        clipnorm=1.0,
        adam_lr_ratio=adam_rate / rate,
        exclude_layers=[but],
    )


def _warm_cosine(rate: float, n_steps: int) -> Any:
    import keras

    warm = max(1, n_steps // 20)
    return keras.optimizers.schedules.CosineDecay(
        rate / 20, max(1, n_steps - warm), warmup_target=rate, warmup_steps=warm
    )


@cache
def _kernel_muon() -> Any:
    """Keras's Muon (Jordan 2024), which leaves all kernels but matrices to AdamW, made whole.

    The momentum of a kernel of any number of dimensions is laid out as a matrix, inputs by
    outputs, and made orthogonal; its size is that of Liu et al. 2025 (arXiv 2502.16982).
    """
    import keras
    from keras import ops

    @keras.saving.register_keras_serializable("emo")
    class KernelMuon(keras.optimizers.Muon):  # type: ignore[misc] # Keras has no types
        def _should_use_adamw(self, variable: Any) -> bool:
            names = self.exclude_layers
            return len(variable.shape) < 2 or any(name in variable.path for name in names)

        def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
            self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
            ahead = ops.add(gradient, self.momentum * m)  # Nesterov
            n_inputs, n_outputs = math.prod(variable.shape[:-1]), variable.shape[-1]
            matrix = ops.reshape(ahead, (n_inputs, n_outputs))
            step = self.zeropower_via_newtonschulz5(matrix, self.ns_steps)
            size = self.rms_rate * math.sqrt(max(n_inputs, n_outputs))
            self.assign_sub(variable, ops.reshape(step, variable.shape) * (lr * size))

    return KernelMuon


def fit_epochs(
    model: Any,
    batches: Callable[[int], Iterator[tuple[Any, Any]]],
    weights: np.ndarray,
    epochs: int,
    checkpoint: Path | None,
    note: Callable[[int, dict[str, float]], None],
) -> tuple[Any, Curve]:
    """Train epoch by epoch, each from its own seed, going on from a checkpoint if there is one."""
    model, curve = _resume(model, checkpoint)
    for epoch in range(len(curve), epochs):
        n, totals = 0, Counter[str]()
        for inputs, targets in _ahead(batches(epoch)):
            sample_weight = (targets @ weights).astype(np.float32)
            logs = model.train_on_batch(inputs, targets, sample_weight, return_dict=True)
            totals.update({name: float(value) * len(inputs) for name, value in logs.items()})
            n += len(inputs)
        row = {"epoch": epoch + 1, **{name: total / n for name, total in totals.items()}}
        curve.append(row)
        _save(model, curve, checkpoint)
        note(epoch + 1, curve[-1])
    return model, curve


def _ahead(batches: Iterator[Any], depth: int = 4) -> Iterator[Any]:
    """The same batches, made in a thread while the network works on the one before."""
    ready: Queue[Any] = Queue(depth)

    def fill() -> None:
        try:
            for batch in batches:
                ready.put(batch)
            ready.put(None)
        except Exception as error:
            ready.put(error)

    Thread(target=fill, daemon=True).start()
    while (batch := ready.get()) is not None:
        if isinstance(batch, Exception):
            raise batch
        yield batch


def _resume(model: Any, checkpoint: Path | None) -> tuple[Any, Curve]:
    """The model and curve of the last complete epoch, or the new model and an empty curve."""
    record = None if checkpoint is None else checkpoint.with_suffix(".json")
    if checkpoint is None or record is None or not record.exists():
        return model, []
    import keras

    curve: Curve = json.loads(record.read_text())
    return keras.saving.load_model(_epoch_file(checkpoint, len(curve))), curve


def _save(model: Any, curve: Curve, checkpoint: Path | None) -> None:
    """Weights first, then the record that names them: an interruption leaves the epoch before."""
    if checkpoint is None:
        return
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    with naming(_epoch_file(checkpoint, len(curve))):
        model.save(_epoch_file(checkpoint, len(curve)))
    record = checkpoint.with_suffix(".json")
    partial = record.with_suffix(".partial")
    with naming(partial):
        partial.write_text(json.dumps(curve))
    partial.replace(record)
    _epoch_file(checkpoint, len(curve) - 1).unlink(missing_ok=True)


def _epoch_file(checkpoint: Path, epoch: int) -> Path:
    return checkpoint.with_name(f"{checkpoint.name}-{epoch}.keras")
