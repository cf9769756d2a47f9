"""Test how the file of the pre-trained encoder is built from published weights."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from emo.errors import ModelError
from emo.features.encoder import ENCODER_FILE, ENCODER_SHA256, WIDTH
from emo.system.paths import MODELS_DIR
from emo.training import encoder_build
from tests.support.encoder_oracle import WEIGHTS, needs_reference

PARTS = {
    "attention_out": "self_attn.out_proj",
    "mlp_in": "fc1",
    "mlp_out": "fc2",
    "attention_norm": "self_attn_layer_norm",
    "mlp_norm": "final_layer_norm",
}
ENDINGS = {"weight": "weight", "bias": "bias", "scale": "weight", "offset": "bias"}


def published_arrays(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays under the names of the published checkpoint, as float32."""
    published = {}
    for name in encoder_build.array_names():
        *place, part = name.split("/")
        array = arrays[name].astype(np.float32)
        if place[0].startswith("conv"):
            published[f"{place[0]}.{part}"] = array
            continue
        layer = f"layers.{place[0].removeprefix('block_')}"
        if place[1] != "attention_qkv":
            published[f"{layer}.{PARTS[place[1]]}.{ENDINGS[part]}"] = array
            continue
        for letter, own in zip("qkv", np.split(array, 3), strict=True):
            if (letter, part) != ("k", "bias"):  # the keys have none
                published[f"{layer}.self_attn.{letter}_proj.{part}"] = own
    return {f"model.encoder.{name}": array for name, array in published.items()}


def write_safetensors(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a file of the format: length of the header, header in JSON, numbers."""
    header, parts, place = {}, [], 0
    for name, array in arrays.items():
        data = array.astype("<f4").tobytes()
        end = place + len(data)
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [place, end]}
        parts.append(data)
        place = end
    head = json.dumps({"__metadata__": {"format": "pt"}} | header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + b"".join(parts))


@needs_reference
@pytest.mark.slow
def test_both_formats_hold_the_same_weights(tmp_path: Path) -> None:
    with np.load(WEIGHTS) as archive:
        arrays = dict(archive)
    write_safetensors(tmp_path / "model.safetensors", published_arrays(arrays))
    expected = encoder_build.read_weights(WEIGHTS)
    found = encoder_build.read_weights(tmp_path / "model.safetensors")
    assert list(found) == list(expected) == encoder_build.array_names()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    # One value that is off by the least step of 16 bits makes them other weights.
    arrays["block_1/mlp_in/bias"][7] = np.nextafter(
        arrays["block_1/mlp_in/bias"][7], np.float16(9), dtype=np.float16
    )
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(ModelError, match="holds other weights than those of Whisper base"):
        encoder_build.read_weights(tmp_path / "other.npz")


@needs_reference
@pytest.mark.train
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_build_gives_the_bytes_that_ship() -> None:
    pytest.importorskip("tensorflow")
    weights = encoder_build.read_weights(WEIGHTS)
    content = encoder_build.build_encoder(weights)
    assert content == encoder_build.build_encoder(weights)
    assert hashlib.sha256(content).hexdigest() == ENCODER_SHA256
    assert content == (MODELS_DIR / ENCODER_FILE).read_bytes()


def test_missing_weights_are_reported(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"There are no weights at .*model\.safetensors of"):
        encoder_build.read_weights(tmp_path / "model.safetensors")


@pytest.mark.parametrize("name", ["model.safetensors", "weights.npz"])
@pytest.mark.parametrize("content", [b"", b"\x10\0\0\0\0\0\0\0not a header", b"PK\x03\x04broken"])
def test_other_files_are_rejected(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match="is not a checkpoint of Whisper base"):
        encoder_build.read_weights(tmp_path / name)


def test_checkpoint_of_another_network_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    arrays = {"model.encoder.conv1.weight": np.zeros((WIDTH, 80, 3), np.float32)}
    write_safetensors(path, arrays)
    with pytest.raises(ModelError, match=r"not a checkpoint of Whisper base \(KeyError"):
        encoder_build.read_weights(path)
