"""The training loop of the networks, with a checkpoint after each epoch.

Keras is imported inside the functions that need it; any Keras backend works.
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
"""A row for each epoch: ``epoch``, ``loss`` and ``accuracy`` on its augmented training clips."""

Progress = Callable[[int, int, dict[str, float]], None]
"""Called with the number of epochs done, the number of all, and the last row of the curve."""


def compile_network(model: Any, optimizer: Any) -> None:
    """Compile a network to minimise the cross-entropy of soft targets."""
    import keras

    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )


def make_adamw(rate: float, decay: float, n_steps: int) -> Any:
    """Return AdamW (Loshchilov and Hutter 2019) with a short warm-up and a cosine to zero."""
    import keras

    return keras.optimizers.AdamW(_warm_cosine(rate, n_steps), weight_decay=decay, clipnorm=1.0)


def make_muon(rate: float, adam_rate: float, decay: float, n_steps: int, output_layer: str) -> Any:
    """Return Muon with a short warm-up and a cosine to zero, and AdamW for what is no kernel.

    Parameters
    ----------
    rate, adam_rate
        Learning rates of Muon, for kernels, and of AdamW, for biases, norms and the output layer.
    decay
        Weight decay of both.
    n_steps
        Number of batches of the whole fit.
    output_layer
        Name of the layer whose kernel AdamW updates.
    """
    return _kernel_muon()(
        _warm_cosine(rate, n_steps),
        weight_decay=decay,
        adam_weight_decay=decay,
        clipnorm=1.0,
        adam_lr_ratio=adam_rate / rate,
        exclude_layers=[output_layer],
    )


def _warm_cosine(rate: float, n_steps: int) -> Any:
    import keras

    warm = max(1, n_steps // 20)
    return keras.optimizers.schedules.CosineDecay(
        rate / 20, max(1, n_steps - warm), warmup_target=rate, warmup_steps=warm
    )


@cache
def _kernel_muon() -> Any:
    """Return a subclass of Keras's Muon (Jordan 2024) that also updates convolution kernels.

    The momentum of a kernel of any number of dimensions is reshaped to a matrix, inputs by
    outputs, and orthogonalised; steps are scaled as by Liu et al. 2025 (arXiv 2502.16982).
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
    report: Callable[[int, dict[str, float]], None],
) -> tuple[Any, Curve]:
    """Fit a compiled network epoch by epoch, from the last checkpoint where there is one.

    Parameters
    ----------
    model
        A compiled Keras network.
    batches
        From the number of an epoch, from 0, to its inputs and soft targets, batch by batch.  Each
        epoch has its own seed, so that an interrupted fit goes on as it would have.
    weights : float, (8,)
        Weight of each label in the loss.
    epochs
        Number of all epochs.
    checkpoint
        Beginning of the names of the checkpoint's files; None for no checkpoint.
    report
        Called after each epoch with the number of epochs done and its row of the curve.

    Returns
    -------
    model, curve
        The fitted network and its learning curve.
    """
    model, curve = _resume(model, checkpoint)
    for epoch in range(len(curve), epochs):
        n, totals = 0, Counter[str]()
        for inputs, targets in _prefetch(batches(epoch)):
            sample_weight = (targets @ weights).astype(np.float32)
            logs = model.train_on_batch(inputs, targets, sample_weight, return_dict=True)
            totals.update({name: float(value) * len(inputs) for name, value in logs.items()})
            n += len(inputs)
        row = {"epoch": epoch + 1, **{name: total / n for name, total in totals.items()}}
        curve.append(row)
        _save(model, curve, checkpoint)
        report(epoch + 1, curve[-1])
    return model, curve


def _prefetch(batches: Iterator[Any], depth: int = 4) -> Iterator[Any]:
    """Yield batches that a thread computes while the network is fitted to those before."""
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
    """Return the model and curve of the last complete epoch, or `model` and an empty curve."""
    record = None if checkpoint is None else checkpoint.with_suffix(".json")
    if checkpoint is None or record is None or not record.exists():
        return model, []
    import keras

    curve: Curve = json.loads(record.read_text())
    return keras.saving.load_model(_epoch_file(checkpoint, len(curve))), curve


def _save(model: Any, curve: Curve, checkpoint: Path | None) -> None:
    """Write the weights, then the record that names them: an interruption leaves the last epoch."""
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
