"""The HTTP API of a running server, called by other programs."""

import itertools
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

import emo
from emo.api import schema
from emo.api.gate import MAX_BODY
from emo.api.tokens import add_token
from emo.app import streamlit_internals
from emo.app.serving import access
from emo.errors import EmoError
from emo.server.middleware import REJECTION_MESSAGES
from emo.system.paths import MODELS_DIR, SAMPLES_DIR, sample_path
from tests.support import signals
from tests.support.clients import api_client, streamlit_client
from tests.support.clients.api_client import PREDICT, command, request, send, send_raw
from tests.support.clients.serving import clip, tone_file, with_quotas
from tests.support.clients.streamlit_client import Served
from tests.support.guests import save_guest
from tests.support.own import save_own_models, with_figures

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parents[2]
ANGRY = sample_path("angry")
SPEAKER = sorted((SAMPLES_DIR / "game").glob("1009_*"))[:6]
DOCS = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")

PREDICTIONS = TypeAdapter(list[schema.Prediction])
"""The documented schema of the answers, which allows no other field."""


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_guest(tmp_path_factory.mktemp("guest") / "guest.onnx")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, guest: Path) -> Iterator[Served]:
    environ = {"EMO_ADDRESS_FILES_PER_MIN": "100000", "EMO_GUEST": str(guest)}
    with streamlit_client.serve(tmp_path_factory.mktemp("api") / "log.txt", environ) as served:
        yield served


def close_to(expected: Any) -> Any:
    """Return what compares equal to the same values, with room for other processors' roundings."""
    if isinstance(expected, float):
        return pytest.approx(expected, rel=1e-6, abs=1e-9)
    if isinstance(expected, dict):
        return {key: close_to(value) for key, value in expected.items()}
    return [close_to(value) for value in expected] if isinstance(expected, list) else expected


# --- Answers -------------------------------------------------------------------------------------


def test_the_answer_is_that_of_the_command(served):
    expected = command("predict", str(ANGRY))
    reply = send(served.port, [(str(ANGRY), ANGRY.read_bytes())])
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    assert reply.content == close_to(expected)
    raw = send_raw(served.port, ANGRY.read_bytes(), "?name=angry.opus")
    assert raw.content == close_to([expected[0] | {"path": "angry.opus"}])


def test_several_recordings_of_one_speaker_are_answered_as_by_the_command(served):
    paths = [str(path) for path in SPEAKER]
    files = [(path, Path(path).read_bytes()) for path in paths]
    reply = send(served.port, files, {"same_speaker": "true", "among": "angry,happy,sad,neutral"})
    expected = command("predict", "--same-speaker", "--among", "angry,happy,sad,neutral", *paths)
    assert reply.content == close_to(expected)
    assert "voice" in reply.content[0]["models"]
    PREDICTIONS.validate_python(reply.content, strict=True)


def test_timeline_reasons_and_embeddings_are_those_of_their_own_commands(served):
    options = {"timeline": "1", "explain": "yes", "embeddings": "true"}
    (entry,) = send(served.port, [(str(ANGRY), ANGRY.read_bytes())], options).content
    PREDICTIONS.validate_python([entry], strict=True)
    timeline, embeddings = entry.pop("timeline"), entry.pop("embeddings")
    assert [entry] == close_to(command("explain", str(ANGRY)))
    assert {"path": str(ANGRY)} | timeline == close_to(command("timeline", str(ANGRY)))
    expected = emo.embed(ANGRY)
    assert embeddings == close_to({key: own.tolist() for key, own in expected.items()})


def test_the_guest_answers_beside_the_models_where_it_is_asked_for(served, guest):
    files = [(str(ANGRY), ANGRY.read_bytes())]
    reply = send(served.port, files, {"guest": "true", "among": "angry,neutral"})
    PREDICTIONS.validate_python(reply.content)
    among = ("--among", "angry,neutral")
    assert reply.content == close_to(command("predict", "--guest", str(guest), *among, str(ANGRY)))
    assert "guest" in reply.content[0]["models"]


def test_a_channel_is_answered_as_by_the_command(served, tmp_path):
    path = tmp_path / "stereo.wav"
    voice = signals.voice((180.0, 140.0), 2.0, 16_000)
    path.write_bytes(signals.encoded(np.stack([voice, 0.5 * voice[::-1]], 1), 16_000))
    reply = send(served.port, [(f"{path}#channel=right", path.read_bytes())], {"channel": "right"})
    assert reply.content == close_to(command("predict", "--channel", "right", str(path)))


def test_one_unreadable_recording_of_several_has_its_error_in_place_of_answers(served):
    text = ROOT / "README.md"
    files = [(str(path), path.read_bytes()) for path in (ANGRY, text)]
    assert send(served.port, files).content == close_to(command("predict", str(ANGRY), str(text)))


def test_simultaneous_requests_get_their_own_answers(served):
    names = ("angry", "happy", "sad", "neutral")
    paths = [sample_path(name) for name in names]
    expected = dict(zip(names, command("predict", *map(str, paths)), strict=True))
    with ThreadPoolExecutor(8) as pool:
        calls = [
            (name, pool.submit(send_raw, served.port, sample_path(name).read_bytes()))
            for name in itertools.islice(itertools.cycle(names), 16)
        ]
    for name, call in calls:
        assert call.result().content == close_to([expected[name] | {"path": "recording"}])


# --- Descriptions --------------------------------------------------------------------------------


def test_models_have_labels_versions_figures_and_cards(served):
    described = request(served.port, "GET", "/api/v1/models").content
    schema.ModelList.model_validate(described)
    assert (described["version"], tuple(described["labels"])) == (emo.__version__, emo.LABELS)
    rows = {row["key"]: row for row in described["models"]}
    answered = send_raw(served.port, ANGRY.read_bytes()).content[0]
    assert rows.keys() == {*answered["models"], *answered["ensembles"], "voice", "guest"}
    stored = json.loads((MODELS_DIR / "ensemble" / "metrics.json").read_text())["protocols"]
    figures = rows["ensemble"]["figures"]["cross-corpus"]
    assert figures["accuracy"] == stored["cross-corpus"]["accuracy"]
    info = json.loads((MODELS_DIR / "cnn" / "model.json").read_text())
    assert rows["cnn"]["sha256"] == info["files"]["network.tflite"]["sha256"]
    assert rows["guest"]["title"] == "Loud is angry"
    assert rows.pop("guest")["card"] is None
    for key, row in rows.items():
        card = request(served.port, "GET", row["card"])
        assert card.headers["content-type"].startswith("text/markdown")
        assert card.content == (MODELS_DIR / key / "CARD.md").read_text(encoding="utf-8")
    widths = {layer["name"]: layer["width"] for layer in described["embeddings"]}
    assert widths == {name: len(own) for name, own in emo.embed(ANGRY).items()}


def test_health_says_that_the_server_is_there(served):
    reply = request(served.port, "GET", "/api/v1/health")
    assert reply.status == 200
    schema.Health.model_validate(reply.content)
    assert reply.content["status"] == "ok"
    assert reply.content["sandbox"] == reply.content["sandbox"].strip() != ""


def test_the_document_and_its_page_are_served_without_another_server(served):
    document = request(served.port, "GET", "/api/openapi.json").content
    assert document["openapi"].startswith("3.")
    assert {"/v1/predict", "/v1/models", "/v1/health"} <= document["paths"].keys()
    responses = document["paths"]["/v1/predict"]["post"]["responses"]
    assert {"200", "401", "413", "415", "422", "429", "503"} <= responses.keys()
    reply = request(served.port, "GET", "/api/docs")
    assert "<script" not in reply.content
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', reply.content)
    assert "'self'" in reply.headers["content-security-policy"]
    named = set(re.findall(r"/components/schemas/(\w+)", json.dumps(document)))
    assert named <= document["components"]["schemas"].keys()
    assert all(f'id="schema-{name}"' in reply.content for name in named)


# --- Errors --------------------------------------------------------------------------------------


def test_an_unreadable_recording_has_the_sentence_of_the_command(served, tmp_path):
    silence = signals.encoded(np.zeros(16_000), 16_000, subtype="PCM_16")
    bad = {
        b"not a recording": (415, "not_audio"),
        b"": (415, "not_audio"),
        tone_file(0.1): (422, "too_short"),
        silence: (422, "silent"),
    }
    for data, expected in bad.items():
        path = tmp_path / "clip.wav"
        path.write_bytes(data)
        with pytest.raises(EmoError) as error:
            emo.predict(data)
        for reply in (send_raw(served.port, data), send(served.port, [("clip.wav", data)])):
            assert reply.error == expected
            assert reply.content["detail"] == str(error.value)
            assert command("predict", str(path))[0]["error"] == reply.content["detail"]


def test_recordings_of_which_none_can_be_used_are_one_problem(served):
    reply = send(served.port, [("a.wav", b"text"), ("b.wav", tone_file(0.1))])
    assert reply.error == (422, "none_usable")
    schema.Problem.model_validate(reply.content)
    assert [one["path"] for one in reply.content["errors"]] == ["a.wav", "b.wav"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"timelin": "true"}, "There is no option 'timelin'."),
        ({"timeline": "maybe"}, "timeline is 'maybe'. Please give true or false."),
        ({"among": "angry"}, "At least 2 emotions must remain"),
        ({"among": "angry,glad"}, "'glad' is none of the emotions"),
        ({"channel": "each"}, "channel is 'each'."),
        ({"channel": "2"}, "There is no channel '2'"),
    ],
)
def test_a_wrong_option_is_rejected_in_a_sentence(served, fields, sentence):
    reply = send(served.port, [("a.opus", ANGRY.read_bytes())], fields)
    assert reply.status == 422
    assert reply.content["detail"].startswith(sentence)
    query = "?" + "&".join(f"{name}={value}" for name, value in fields.items())
    assert send_raw(served.port, ANGRY.read_bytes(), query).content == reply.content


def test_a_form_needs_recordings_and_not_too_many(served):
    assert send(served.port).error == (422, "no_recording")
    assert send(served.port, [], {"file": "a.wav"}).status == 422
    assert send(served.port, [("a.wav", b"x")] * 101).error == (413, "many_recordings")
    body, _ = api_client.form([("a.wav", b"x")])
    kind = {"Content-Type": "multipart/form-data"}  # without its boundary
    assert request(served.port, "POST", PREDICT, body, kind).error == (400, "request")


def test_a_body_that_is_too_large_or_of_unknown_length_is_rejected(served):
    assert send_raw(served.port, bytes(MAX_BODY + 1)).error == (413, "too_large")
    large = send_raw(served.port, bytes(50 * 2**20 + 1))
    assert large.error == (413, "limit")
    assert large.content["detail"].startswith("The file has 50 MB; at most 50 MB are read.")
    parts: Any = iter([b"abc"])  # sent in chunks
    reply = request(served.port, "POST", PREDICT, parts, {"Content-Type": "audio/wav"})
    assert reply.error == (411, "no_length")


def test_a_body_of_another_type_is_rejected(served):
    for kind in ("text/plain", "application/json", "application/x-www-form-urlencoded"):
        reply = send_raw(served.port, b"abc", headers={"Content-Type": kind})
        assert reply.error == (415, "wrong_type")
        assert kind in reply.content["detail"]


def test_other_sites_hosts_addresses_and_methods_are_rejected(served):
    data = ANGRY.read_bytes()
    assert send_raw(served.port, data, headers={"Origin": "http://evil.org"}).error == (
        403,
        "origin",
    )
    assert send_raw(served.port, data, headers={"Host": "evil.org"}).error == (403, "host")
    assert request(served.port, "GET", PREDICT).error == (405, "method")
    assert request(served.port, "GET", "/api/v1/nothing").error == (404, "not_found")
    assert request(served.port, "GET", "/api/v1/models/none/card").error == (404, "no_card")


# --- Tokens and quotas ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "names", "is_public"),
    [
        ("127.0.0.1", "", False),
        ("::1", "localhost,127.0.0.1:8501", False),
        ("localhost", "", False),
        ("", "", True),
        ("0.0.0.0", "", True),
        ("192.168.1.7", "", True),
        ("127.0.0.1", "emo.example.org", True),
        ("127.0.0.1", "*", True),
    ],
)
def test_an_address_or_name_that_others_can_reach_is_public(monkeypatch, address, names, is_public):
    monkeypatch.setattr(streamlit_internals, "server_address", lambda: address)
    monkeypatch.setenv("EMO_HOST", names)
    assert access.is_public() == is_public


def check_own_models(port: int, models: Path, clip_: Path, headers: dict[str, str]) -> None:
    """Check that own models answer and are described."""
    files = [(str(clip_), clip_.read_bytes())]
    reply = send(port, files, {"embeddings": "true", "among": "bored,sad"}, headers)
    (entry,) = reply.content
    assert entry.pop("embeddings").keys() == {"encoder"}
    PREDICTIONS.validate_python([entry])
    among = ("--models", str(models), "--among", "bored,sad")
    assert [entry] == close_to(command("predict", *among, str(clip_)))
    described = request(port, "GET", "/api/v1/models", headers=headers).content
    schema.ModelList.model_validate(described)
    assert described["labels"] == ["happy", "sad", "bored"]
    assert [row["key"] for row in described["models"]] == ["pretrained", "ensemble"]
    assert described["models"][0]["figures"]["speakers"]["n"] == 60


def test_a_public_server_wants_tokens_and_holds_its_quotas(tmp_path):
    """One server, which other machines may reach, with tokens, small quotas, and own models."""
    models = with_figures(save_own_models(tmp_path / "my-models"))
    tokens = tmp_path / "tokens"
    bearer = {"Authorization": f"Bearer {add_token(tokens, 'anna')}"}
    environ = {
        "EMO_HOST": "emo.example.org",
        "EMO_API": "on",
        "EMO_API_TOKENS": str(tokens),
        "EMO_MODELS": str(models),
        "EMO_ADDRESS_FILES_PER_MIN": "1",
        "EMO_SESSION_MB": "20",
    }
    data = clip(180.0)
    command_ = with_quotas(ADDRESS_FILES=6)
    with streamlit_client.serve(tmp_path / "log.txt", environ, command=command_) as served:
        port = served.port
        missing = send_raw(port, data)
        assert missing.error == (401, "no_token")
        assert missing.headers["www-authenticate"].startswith("Bearer")
        wrong = send_raw(port, data, headers={"Authorization": "Bearer emo_wrong"})
        assert wrong.error == (401, "wrong_token")
        assert request(port, "GET", "/api/v1/models").error == (401, "no_token")
        for path in ("/api/v1/health", "/api/docs", "/api/openapi.json"):
            assert request(port, "GET", path).status == 200
        secret = tmp_path / "secret name.wav"
        secret.write_bytes(data)
        check_own_models(port, models, secret, bearer)
        assert send_raw(port, data, "?guest=true", bearer).error == (422, "no_guest")
        several = send(port, [("a.wav", data)] * 4, headers=bearer)
        assert several.status == 200
        many = send_raw(port, data, headers=bearer)
        assert many.error == (429, "address_files_per_min")
        assert many.content["detail"].startswith(REJECTION_MESSAGES["address_files_per_min"])
        assert 0 < int(many.headers["retry-after"]) <= 60
        tokens.write_text("# nobody\n")
        assert send_raw(port, data, headers=bearer).error == (401, "wrong_token")
        log = served.log
    assert '"event": "started"' in log
    assert bearer["Authorization"].split()[1] not in log
    assert "secret name" not in log


def test_a_busy_or_stopping_server_says_when_to_try_again(tmp_path):
    metrics_port = streamlit_client.free_port()
    environ = {
        "EMO_MAX_CONCURRENT": "1",
        "EMO_QUEUE_SIZE": "0",
        "EMO_SHUTDOWN_GRACE_S": "120",
        "EMO_METRICS_PORT": str(metrics_port),
    }
    data = clip(180.0, 8.0)

    with (
        streamlit_client.serve(tmp_path / "log.txt", environ) as served,
        ThreadPoolExecutor(4) as pool,
    ):
        explain = partial(send_raw, served.port, data, "?explain=true")
        replies = [call.result() for call in [pool.submit(explain) for _ in range(4)]]
        busy = [reply for reply in replies if reply.status != 200]
        assert 0 < len(busy) < 4
        for reply in busy:
            assert reply.error == (503, "busy")
            assert reply.content["detail"].startswith("Emo is busy.")
            assert int(reply.headers["retry-after"]) > 0
        running = pool.submit(explain)
        while not streamlit_client.metrics(metrics_port)["emo_running_tasks"]:
            time.sleep(0.01)
        served.process.send_signal(signal.SIGTERM)
        while request(served.port, "GET", "/api/v1/health").status != 503:
            time.sleep(0.01)
        late = send_raw(served.port, data)
        assert late.error == (503, "stopping")
        assert late.headers["retry-after"] == "30"
        assert running.result().status == 200


# --- Clients of the documentation ----------------------------------------------------------------


def client(language: str) -> str:
    """Return the code of the client in a language, as docs/http.md has it."""
    (code,) = re.findall(rf"```{language}\n(?:#|//) client\n(.*?)```", DOCS, re.DOTALL)
    return str(code)


@pytest.mark.parametrize(
    ("language", "program"), [("python", sys.executable), ("javascript", "node"), ("sh", "bash")]
)
def test_clients_of_the_documentation_print_the_answers(served, tmp_path, language, program):
    needed = ("bash", "curl") if language == "sh" else (program,)
    if not all(shutil.which(name) for name in needed):
        pytest.skip(f"{' or '.join(needed)} is not installed")
    for name in ("angry", "sad"):
        shutil.copy(sample_path(name), tmp_path / f"{name}.opus")
    code = client(language)
    assert len(code.strip().splitlines()) <= 10
    file = tmp_path / "client.mjs"  # the others need no extension
    file.write_text(code.replace("127.0.0.1:8501", f"127.0.0.1:{served.port}"))
    line = [program, str(file), "angry.opus", "sad.opus"]
    ran = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    answers = {path.name: emo.predict(path).ensemble for path in tmp_path.glob("*.opus")}
    if language == "sh":
        entries = {entry["path"]: entry["models"]["ensemble"] for entry in json.loads(ran.stdout)}
        assert entries == {name: close_to(own.to_dict()) for name, own in answers.items()}
    else:
        lines = [line.split()[:3] for line in ran.stdout.splitlines()]
        assert lines == [
            [name, answers[name].label, f"{answers[name].confidence:.3f}"]
            for name in ("angry.opus", "sad.opus")
        ]
