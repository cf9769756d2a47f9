"""Load a guest with onnxruntime, and answer with it."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from emo.audio.activity import Floats
from emo.audio.clip import RATE_HZ, Clip
from emo.classifiers.numerics import softmax
from emo.errors import GuestError
from emo.inference.guest.description import Description, read_description
from emo.inference.guest.spectrogram import log_mel
from emo.inference.predictor import Answer, Prediction, answer
from emo.labels import INDEX, LABELS
from emo.system.packages import missing

GUEST = "guest"
"""Key of the answer of a guest, beside the keys of the classifiers."""

MAX_BYTES = 2**30
TIMEOUT_S = 20.0
"""Time after which the answer to a clip is given up."""

PROBE_S = 1.0
"""Length of the clip with which a guest is tried when it is loaded."""


@dataclass(frozen=True)
class GuestAnswer(Answer):
    """The answer of a guest, which is never unsure, since it has no threshold.

    Attributes
    ----------
    name : str
        Of the guest.
    """

    name: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as values for JSON, with the name of the guest."""
        return {"name": self.name} | super().to_dict()


@dataclass(frozen=True)
class Guest:
    """A model by others, in memory; it can be shared between threads."""

    about: Description
    session: Any

    def answer(self, clip: Clip) -> GuestAnswer:
        """Return the answer to a clip.

        Parameters
        ----------
        clip : Clip

        Returns
        -------
        GuestAnswer
            The probabilities of outputs with the same meaning are added; those of outputs without
            a meaning are left out, and the rest add up to 1.

        Raises
        ------
        GuestError
            The guest fails, takes too long, or returns values that are not finite or do not match
            its description.
        """
        return self._named(self._shares(clip.samples))

    def _named(self, shares: np.ndarray) -> GuestAnswer:
        plain = answer(shares)
        fields = {name: getattr(plain, name) for name in Answer.__dataclass_fields__}
        return GuestAnswer(**fields, name=self.about.name)

    def _shares(self, samples: Floats) -> np.ndarray:
        """Return the probabilities of ``LABELS``, float64 (7,)."""
        outputs = self._run(prepare_input(samples, self.about, self._input))
        values = np.asarray(outputs, np.float64).reshape(-1)
        about = self.about
        if len(values) != len(about.labels):
            raise GuestError(
                f"{about.name} returns {len(values)} numbers for a clip, and {about.path} names "
                f"{len(about.labels)} labels."
            )
        if not np.isfinite(values).all():
            raise GuestError(f"{about.name} returns values that are not finite.")
        shares = softmax(values) if about.output == "logits" else values
        if about.output == "probabilities" and ((values < 0).any() or not values.sum() > 0):
            raise GuestError(
                f"{about.name} returns numbers below 0, which are no probabilities; if they are "
                f"logits, say so by 'output' in {about.path}."
            )
        return join_shares(shares, about)

    @property
    def _input(self) -> Any:
        return self.session.get_inputs()[0]

    def _run(self, values: np.ndarray) -> Any:
        import onnxruntime as ort

        options = ort.RunOptions()
        timer = threading.Timer(TIMEOUT_S, setattr, (options, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            name = self.session.get_outputs()[0].name
            return self.session.run([name], {self._input.name: values}, options)[0]
        except Exception as error:  # onnxruntime's own classes
            if options.terminate:
                raise GuestError(
                    f"{self.about.name} took longer than {TIMEOUT_S:g} seconds for a clip."
                ) from error
            raise GuestError(f"{self.about.name} failed: {_first_line(error)}") from error
        finally:
            timer.cancel()


def join_shares(shares: np.ndarray, about: Description) -> np.ndarray:
    """Return the probabilities of ``LABELS`` from those of a guest's labels, float64 (7,)."""
    joined = np.zeros(len(LABELS))
    for label, share in zip(about.labels, shares, strict=True):
        if (emotion := about.meaning[label]) is not None:
            joined[INDEX[emotion]] += share
    answered = [INDEX[label] for label in about.answered]
    total = joined.sum()
    if total > 0:
        return np.asarray(joined / total)
    joined[answered] = 1 / len(answered)  # all of it is on labels without a meaning
    return joined


def prepare_input(samples: Floats, about: Description, expected: Any) -> np.ndarray:
    """Return what a guest takes for samples at 16 kHz: samples or a spectrogram, float32.

    Axes of length 1 are added in front, as many as the input of the model has more.  Where its
    length is fixed, the middle of what is longer is taken, and what is shorter ends with zeros.

    Parameters
    ----------
    samples : float32, (n,), mono at 16 kHz
    about : Description
    expected
        Input of the session, with its ``shape``.
    """
    if about.rate_hz != RATE_HZ:
        samples = np.asarray(soxr.resample(samples, RATE_HZ, about.rate_hz, "HQ"), np.float32)
    if about.normalise == "peak":
        samples = samples / np.maximum(np.abs(samples).max(), np.float32(1e-9))
    elif about.normalise == "variance":
        samples = (samples - samples.mean()) / np.sqrt(samples.var() + np.float32(1e-7))
    values, time_axis = np.asarray(samples, np.float32), 0
    if about.frames is not None:
        values = log_mel(values, about.rate_hz, about.frames)
        time_axis = 1 if about.frames.layout == "bands-time" else 0
    length = expected.shape[len(expected.shape) - values.ndim + time_axis]
    if isinstance(length, int):
        values = _of_length(values, length, time_axis)
    return values.reshape((1,) * (len(expected.shape) - values.ndim) + values.shape)


def _of_length(values: np.ndarray, length: int, axis: int) -> np.ndarray:
    surplus = values.shape[axis] - length
    if surplus >= 0:
        return np.take(values, range(surplus // 2, surplus // 2 + length), axis)
    pads = [(0, 0)] * values.ndim
    pads[axis] = (0, -surplus)
    return np.pad(values, pads)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


# --- loading -------------------------------------------------------------------------------------


def load_guest(path: Path) -> Guest:
    """Return a guest that answered a clip of noise when it was tried.

    Parameters
    ----------
    path : Path
        Of the ONNX file; its description is beside it, with the extension ``.json``.

    Raises
    ------
    GuestError
        onnxruntime is missing; a file is missing or cannot be read; or the model does not do what
        its description says.
    """
    if missing(["onnxruntime"]):
        raise GuestError(
            "A guest needs the package onnxruntime: run 'pip install onnxruntime', or leave the "
            "guest out."
        )
    if not path.is_file():
        raise GuestError(f"There is no ONNX file at {path}.")
    if path.stat().st_size > MAX_BYTES:
        raise GuestError(f"{path} has more than {MAX_BYTES // 2**20} MB.")
    about = read_description(path)
    guest = Guest(about, _open(path))
    _check_input(guest)
    noise = np.random.default_rng(0).standard_normal(int(PROBE_S * RATE_HZ)) * 0.1
    guest._shares(noise.astype(np.float32))
    return guest


def _open(path: Path) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # pages share the processors
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes
        raise GuestError(f"{path} cannot be loaded by onnxruntime: {_first_line(error)}") from error


def _check_input(guest: Guest) -> None:
    """Raise a GuestError unless the model has one input of floats with the axes described."""
    inputs, about = guest.session.get_inputs(), guest.about
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        kinds = ", ".join(f"{value.name} of {value.type}" for value in inputs)
        raise GuestError(f"{about.name} must take one tensor(float); it takes {kinds}.")
    shape = inputs[0].shape
    least = 1 if about.frames is None else 2
    front = [n for n in shape[:-least] if isinstance(n, int) and n != 1]
    if front or not least <= len(shape) <= least + 2:
        raise GuestError(
            f"{about.name} takes the shape {shape}, which does not fit the input "
            f"'{about.input}' of {about.path}: axes of length 1, then the "
            f"{'samples' if about.frames is None else 'two of the spectrogram'}."
        )
    if about.frames is not None:
        bands = shape[-2 if about.frames.layout == "bands-time" else -1]
        if isinstance(bands, int) and bands != about.frames.bands:
            raise GuestError(
                f"{about.name} takes {bands} bands, and {about.path} says {about.frames.bands}; "
                "check 'bands' and 'layout'."
            )


# --- beside the other answers --------------------------------------------------------------------


def with_guest(
    prediction: Prediction, guest_answer: GuestAnswer | None, among: Sequence[str] = LABELS
) -> Prediction:
    """Return a prediction with the answer of a guest beside the others.

    It has no part in the ensemble.  It has no answer where it has a share for none of the labels
    that can occur, and beside own models with other labels.

    Parameters
    ----------
    prediction : Prediction
    guest_answer : GuestAnswer or None
        Among all labels.
    among : sequence of str
        The labels that can occur.
    """
    if prediction.labels != LABELS:  # own models with other labels
        return prediction
    chosen = None if guest_answer is None else choose_guest_among(guest_answer, among)
    if chosen is None:
        return prediction
    answers: Mapping[str, Answer] = {**prediction.answers, GUEST: chosen}
    return replace(prediction, answers=dict(answers))


def choose_guest_among(guest_answer: GuestAnswer, among: Sequence[str]) -> GuestAnswer | None:
    """Return an answer among some labels; None where it has a share for none of them."""
    shares = np.zeros(len(LABELS))
    columns = [INDEX[label] for label in among]
    shares[columns] = guest_answer.probabilities[columns]
    if not shares.sum() > 0:
        return None
    chosen = answer(shares / shares.sum())
    return replace(
        guest_answer,
        label=chosen.label,
        confidence=chosen.confidence,
        runner_up=chosen.runner_up,
        probabilities=chosen.probabilities,
    )
