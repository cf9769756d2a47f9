"""Workloads that are timed against each other, each in a process with its own packages.

    python -m bench.competitors NAME [ARGUMENT ...]

Prints a line when it is ready, then runs the workload as often as each line that it reads asks for,
and prints the mean seconds.  Only what a workload needs is imported, so that it runs in a
Python without the rest.
"""

import json
import sys
import time
import wave
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

Workload = Callable[[], object]

RATE_HZ = 16_000
FRAME, HOP = 512, 160  # as Emo's: 32 ms and 10 ms
WARM_UPS = 2

# The front end and the size of wav2vec 2.0 base (Baevski et al. 2020, section 4.2).
CONV_KERNELS, CONV_STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
CONV_CHANNELS, WIDTH, LAYERS, HEADS, INNER = 512, 768, 12, 12, 3072
POSITION_KERNEL, POSITION_GROUPS = 128, 16


def emo_features(path: str) -> Workload:
    """Make Emo's decoding and the features of all classifiers."""
    from emo.audio.clip import load
    from emo.features.frames import analyse, log_mel_spectrogram
    from emo.features.functionals import compute_functionals

    def work() -> object:
        frames = analyse(load(path).samples)
        return compute_functionals(frames), log_mel_spectrogram(frames)

    return work


def emo_answers(path: str) -> Workload:
    """Make Emo's answers: from the file to all answers, quality and warnings."""
    from emo.audio.clip import load
    from emo.inference.loading import load_models
    from emo.inference.predictor import predict

    models = load_models()
    return lambda: predict(load(path), models)


def emo_answers_from_scratch(path: str) -> Workload:
    """Make the same answers by the classifiers alone that are trained from scratch."""
    from emo.audio.clip import load
    from emo.classifiers.calibration import reweight
    from emo.classifiers.registry import CLASSIFIERS
    from emo.inference.loading import Models, load_models
    from emo.inference.predictor import predict

    whole = load_models()
    kept = {k: v for k, v in whole.classifiers.items() if not CLASSIFIERS[k].is_pretrained}
    models = Models(kept, reweight(whole.calibration, tuple(kept)))
    return lambda: predict(load(path), models)


def librosa_alike(path: str) -> Workload:
    """Make librosa's mel spectrogram, MFCC and YIN with Emo's frames at 16 kHz."""
    import librosa

    def work() -> object:
        samples, _ = librosa.load(path, sr=RATE_HZ)
        given: dict[str, Any] = {"y": samples, "sr": RATE_HZ, "n_fft": FRAME, "hop_length": HOP}
        return (
            librosa.feature.melspectrogram(**given, n_mels=64),
            librosa.feature.mfcc(**given, n_mfcc=20, n_mels=64),
            librosa.yin(samples, fmin=65, fmax=700, sr=RATE_HZ, frame_length=1024, hop_length=HOP),
        )

    return work


def librosa_as_it_comes(path: str) -> Workload:
    """Make the same with librosa's defaults: 22 kHz, and a frame each 23 ms."""
    import librosa

    def work() -> object:
        samples, rate_hz = librosa.load(path)
        return (
            librosa.feature.melspectrogram(y=samples, sr=rate_hz),
            librosa.feature.mfcc(y=samples, sr=rate_hz),
            librosa.yin(samples, fmin=65, fmax=700, sr=rate_hz),
        )

    return work


def old_recipe(path: str) -> Workload:
    """Make the answer of the desktop script that Emo replaces: 60 mean MFCC into Keras."""
    import librosa

    network = _old_network()

    def work() -> object:
        samples, rate_hz = librosa.load(path)
        mfcc = librosa.feature.mfcc(y=samples, sr=rate_hz, n_mfcc=60).mean(axis=1)
        return network.predict(mfcc[None], verbose=0)

    return work


def _old_network() -> Any:
    import keras
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((60,)),
            layers.Dense(300, activation="relu"),
            layers.Dense(100, activation="relu"),
            layers.Dense(7, activation="softmax"),
        ]
    )


def opensmile_egemaps(path: str) -> Workload:
    """Make openSMILE's 88 functionals of eGeMAPS."""
    import opensmile

    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
        num_workers=1,
    )
    return lambda: smile.process_file(path)


def wav2vec2_size(path: str, threads: str) -> Workload:
    """Make a forward pass through an encoder as large as wav2vec 2.0 base, with random weights.

    Decoding and resampling are left out, and all that would come after the encoder.
    """
    import torch

    if int(threads):
        torch.set_num_threads(int(threads))
    encoder = make_encoder()
    with wave.open(path) as file:  # 16-bit, 48 kHz
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
    samples = pcm[: len(pcm) // 3 * 3].reshape(-1, 3).mean(axis=1) / 32768
    given = torch.from_numpy((samples - samples.mean()) / samples.std())[None]

    def work() -> object:
        with torch.inference_mode():
            return encoder(given)

    return work


def make_encoder() -> Any:
    """Return a torch module from samples (n, time) at 16 kHz to (n, frames, 768), 20 ms each.

    Seven convolutions, a projection, a convolution for position, twelve transformer layers.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    front: list[Any] = []
    for i, (size, stride) in enumerate(zip(CONV_KERNELS, CONV_STRIDES, strict=True)):
        channels = 1 if i == 0 else CONV_CHANNELS
        front.append(nn.Conv1d(channels, CONV_CHANNELS, size, stride, bias=False))
        front += [nn.GroupNorm(CONV_CHANNELS, CONV_CHANNELS)] if i == 0 else []
        front.append(nn.GELU())

    class Encoder(nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.front = nn.Sequential(*front)
            self.project = nn.Sequential(nn.LayerNorm(CONV_CHANNELS), nn.Linear(512, WIDTH))
            half = POSITION_KERNEL // 2
            self.place = nn.Conv1d(
                WIDTH, WIDTH, POSITION_KERNEL, padding=half, groups=POSITION_GROUPS
            )
            layer = nn.TransformerEncoderLayer(
                WIDTH, HEADS, INNER, activation="gelu", batch_first=True
            )
            self.layers = nn.TransformerEncoder(layer, LAYERS)
            self.norm = nn.LayerNorm(WIDTH)

        def forward(self, samples: Any) -> Any:
            x = self.project(self.front(samples[:, None]).transpose(1, 2))
            placed = nn.functional.gelu(self.place(x.transpose(1, 2))[..., :-1])
            return self.layers(self.norm(x + placed.transpose(1, 2)))

    return Encoder().eval()


WORKLOADS: dict[str, tuple[Callable[..., Workload], tuple[str, ...]]] = {
    "emo-features": (emo_features, ()),
    "emo-answers": (emo_answers, ()),
    "emo-from-scratch": (emo_answers_from_scratch, ()),
    "librosa-alike": (librosa_alike, ("librosa",)),
    "librosa": (librosa_as_it_comes, ("librosa",)),
    "old": (old_recipe, ("librosa", "keras", "tensorflow")),
    "opensmile": (opensmile_egemaps, ("opensmile",)),
    "wav2vec2": (wav2vec2_size, ("torch",)),
}
"""The function that makes each workload, and the packages that it measures."""


def main(name: str, *arguments: str) -> int:
    """Serve a workload; return 1 after naming a missing package, else 0."""
    make, packages = WORKLOADS[name]
    try:
        work = make(*arguments)
    except ImportError as error:
        print(json.dumps({"missing": error.name or packages[0]}), flush=True)
        return 1
    for _ in range(WARM_UPS):
        work()
    print(json.dumps({"versions": {one: _version(one) for one in packages}}), flush=True)
    for line in sys.stdin:
        start_s = time.perf_counter()
        for _ in range(int(line)):
            work()
        print(json.dumps({"took_s": (time.perf_counter() - start_s) / int(line)}), flush=True)
    return 0


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # the CPU build of tensorflow has another name
        return metadata.version(f"{name}-cpu")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
