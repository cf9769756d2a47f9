"""Classify the acted emotion in a WAV file by the ONNX files of Emo, without Emo itself.

It needs numpy and onnxruntime alone, and lies beside the files that ``emo export --onnx`` writes:

    python example.py voice.wav
"""

import json
import sys
import wave
from pathlib import Path

import numpy as np
import onnxruntime as ort

FOLDER = Path(__file__).parent


def read_wav(path: str) -> tuple[np.ndarray, int]:
    """Return the samples of a WAV file, float32 (n,) with full scale at 1, and their rate in Hz."""
    with wave.open(path) as file:
        width, channels, rate_hz = file.getsampwidth(), file.getnchannels(), file.getframerate()
        data = np.frombuffer(file.readframes(file.getnframes()), np.uint8)
    if width == 1:
        values = data.astype(np.float64) * 2**24 - 2.0**31
    else:  # whole numbers of 16, 24 or 32 bits, the lowest byte first
        padded = np.zeros((len(data) // width, 4), np.uint8)
        padded[:, 4 - width :] = data.reshape(-1, width)
        values = padded.view("<i4")[:, 0].astype(np.float64)
    mono = values.reshape(-1, channels).mean(axis=1) / 2.0**31
    return mono.astype(np.float32), rate_hz


def resample(samples: np.ndarray, rate_hz: int, target_hz: int = 16_000) -> np.ndarray:
    """Return samples at another rate, without the frequencies that it cannot hold."""
    if rate_hz == target_hz:
        return samples
    n_target = round(len(samples) * target_hz / rate_hz)
    spectrum = np.fft.rfft(samples)[: n_target // 2 + 1]
    return (np.fft.irfft(spectrum, n_target) * n_target / len(samples)).astype(np.float32)


def run(name: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return the outputs of a file by their names."""
    session = ort.InferenceSession(FOLDER / f"{name}.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def main() -> None:
    """Print the probabilities of each label by the CNN and the pre-trained classifier as JSON."""
    if len(sys.argv) != 2:
        sys.exit("Usage: python example.py voice.wav")
    samples = resample(*read_wav(sys.argv[1]))
    encoded = run("encoder", samples=samples)
    pretrained = run("pretrained", embedding=encoded["embedding"])
    # How unlike the training clips the clip is makes the answers of the CNN less confident too.
    cnn = run("cnn", samples=samples, strangeness=pretrained["strangeness"])
    session = ort.InferenceSession(FOLDER / "cnn.onnx", providers=["CPUExecutionProvider"])
    labels = json.loads(session.get_modelmeta().custom_metadata_map["labels"])
    answers = {"cnn": cnn, "pretrained": pretrained}
    print(
        json.dumps(
            {
                key: dict(zip(labels, map(float, answer["probabilities"][0]), strict=True))
                for key, answer in answers.items()
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
