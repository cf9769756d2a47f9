"""The commands of deploy/cluster.yaml, run as processes here; one of the workers is killed."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from emo.audio.clip import load
from emo.batch.embedding import Cluster, embed_into_file
from emo.batch.labelling import make_run_config
from emo.batch.run import CLUSTER_GROUP_SIZE, run_batch
from emo.inference.embeddings import describe_layers
from emo.inference.loading import load_models
from emo.inference.predictor import predict
from tests.support import own, signals
from tests.support.clients import streamlit_client

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
N_GROUPS = 5
WAIT_S = 120.0

pytestmark = pytest.mark.slow


def compose_commands() -> dict[str, list[str]]:
    """Return the command of each service."""
    services = yaml.safe_load((DEPLOY / "cluster.yaml").read_text())["services"]
    return {name: shlex.split(service["command"]) for name, service in services.items()}


class Commands:
    """Processes that run the commands of the services, with addresses and folders of this test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{streamlit_client.free_port()}"
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, service: str) -> "subprocess.Popen[bytes]":
        command = [self._here(word) for word in compose_commands()[service]]
        program = {"emo": [sys.executable, "-m", "emo"], "dask": [sys.executable, "-m", "dask"]}
        process = subprocess.Popen(
            [*program[command[0]], *command[1:]],
            cwd=ROOT,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if service == "batch" else subprocess.DEVNULL,
        )
        self.running.append(process)
        return process

    def _here(self, word: str) -> str:
        """Return a word of a command with what it means in this test."""
        host, port = self.address.split(":")
        words = {"tcp://scheduler:8786": f"tcp://{self.address}", "8786": port, "0.0.0.0": host}
        folder = re.match(r"/(clips|out|tmp)(?=/|$)", word)
        return f"{self.folder}{word}" if folder else words.get(word, word)

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """End a process and its children at once, as a machine does that loses its power."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.running:
            if process.poll() is None:
                self.kill(process)
            if process.stderr:
                process.stderr.close()


@pytest.fixture
def commands(tmp_path):
    for name in ("clips", "out", "tmp"):
        (tmp_path / name).mkdir()
    started = Commands(tmp_path)
    yield started
    started.stop()


def n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_batch_embeddings_and_own_models_on_a_cluster_that_loses_a_worker(commands, tmp_path):
    pytest.importorskip("distributed")
    sound = signals.encoded(signals.voice((180.0, 120.0), 0.6))
    names = [f"{i:03}.wav" for i in range(N_GROUPS * CLUSTER_GROUP_SIZE)]
    for name in names:
        (tmp_path / "clips" / name).write_bytes(sound)
    commands.start("scheduler")
    first, _ = commands.start("worker"), commands.start("worker")
    batch = commands.start("batch")
    rows = tmp_path / "out" / "answers.parquet.rows.jsonl"
    until_s = time.monotonic() + WAIT_S
    while not n_lines(rows):
        assert batch.poll() is None, batch.stderr.read() if batch.stderr else ""
        assert time.monotonic() < until_s
        time.sleep(0.02)
    assert n_lines(rows) < len(names)  # or there is nothing left to lose
    commands.kill(first)
    assert batch.wait(WAIT_S) == 0

    from pyarrow import parquet

    table = parquet.read_table(tmp_path / "out" / "answers.parquet").to_pylist()
    assert sorted(Path(row["path"]).name for row in table) == names
    expected = predict(load(tmp_path / "clips" / names[0]), load_models()).ensemble
    assert {row["label"] for row in table} == {expected.label}
    assert {row["error"] for row in table} == {None}
    assert {row["run"] for row in table} == {make_run_config().run}

    address = f"tcp://{commands.address}"
    few = [str(tmp_path / "clips" / name) for name in names[:3]]
    models = own.save_own_models(tmp_path / "models")
    config = make_run_config(models)
    out = tmp_path / "own.jsonl"
    assert run_batch(few, out, config, 1, address).failed == 0
    own_rows = [json.loads(line) for line in out.read_text().splitlines()]
    local = predict(load(few[0]), load_models(models)).ensemble
    assert {row["label"] for row in own_rows} == {local.label} <= set(own.LABELS)
    assert {row["run"] for row in own_rows} == {config.run}

    shipped = load_models()
    layers = describe_layers(shipped, ["cnn", "encoder"])
    embed = partial(embed_into_file, few, models=shipped, layers=layers)
    embed(out=tmp_path / "here.npz")
    embed(out=tmp_path / "there.npz", cluster=Cluster(address, make_run_config(), 1))
    here, there = (np.load(tmp_path / f"{name}.npz") for name in ("here", "there"))
    assert sorted(there["path"]) == few
    for layer in ("cnn", "encoder"):
        np.testing.assert_allclose(here[layer], there[layer], atol=1e-6)


def test_other_deployments_have_the_same_commands():
    compose = compose_commands()
    documents = list(yaml.safe_load_all((DEPLOY / "cluster-kubernetes.yaml").read_text()))
    pods = [item["spec"]["template"]["spec"] for item in documents if "template" in item["spec"]]
    args = {one["name"]: one["args"] for pod in pods for one in pod["containers"]}
    plain = {
        name: [word.replace("emo-scheduler", "scheduler") for word in words]
        for name, words in args.items()
    }
    assert plain == compose
    script = (DEPLOY / "cluster.slurm").read_text()
    assert subprocess.run(["bash", "-n", DEPLOY / "cluster.slurm"], check=False).returncode == 0
    for service in ("scheduler", "worker"):
        flags = [word for word in compose[service] if word.startswith("--") and word != "--host"]
        assert all(flag in script for flag in flags), service
    volumes = yaml.safe_load((DEPLOY / "cluster.yaml").read_text())["networks"]
    assert volumes == {"inside": {"internal": True}}


def test_builder_of_the_image_gets_all_that_the_package_is_made_of():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    needed |= {*wheel["only-include"], *wheel["force-include"]}
    lines = (DEPLOY / "cluster.Dockerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in lines if line.startswith("!")} == needed
