"""Test the files of the deployment: their promises, and that what they copy can serve."""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from emo.audio import limits
from emo.server.bodies import MAX_UPLOAD_S
from emo.server.settings import Settings
from tests.support import signals
from tests.support.clients import streamlit_client

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
KNOWN = {"FROM", "COPY", "RUN", "WORKDIR", "ENV", "USER", "EXPOSE", "STOPSIGNAL"}
KNOWN |= {"HEALTHCHECK", "CMD"}


def instructions() -> list[tuple[str, str]]:
    """Return instruction and arguments of each step of the Dockerfile."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    rows = [row for row in text.splitlines() if row and not row.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(rows))
    return [(row.split(" ", 1)[0], row.split(" ", 1)[1]) for row in joined.splitlines()]


def last_stage() -> list[tuple[str, str]]:
    steps = instructions()
    first = max(i for i, (name, _) in enumerate(steps) if name == "FROM")
    return steps[first:]


def copy_steps() -> list[tuple[list[str], str]]:
    """Return sources and target of each copy from the checkout into the image."""
    rows = [args.split() for name, args in last_stage() if name == "COPY" and "--from" not in args]
    return [(sources, target) for *sources, target in rows]


def environment() -> dict[str, str]:
    """Return the variables that the image sets."""
    found: dict[str, str] = {}
    for name, args in last_stage():
        if name == "ENV":
            found |= dict(pair.split("=", 1) for pair in shlex.split(args))
    return found


# --- The image -----------------------------------------------------------------------------------


def test_dockerfile_has_known_instructions_only() -> None:
    assert {name for name, _ in instructions()} <= KNOWN


def test_dockerfile_pins_its_image_and_packages() -> None:
    images = [args.split()[0] for name, args in instructions() if name == "FROM"]
    assert len(set(images)) == 1
    assert re.fullmatch(r"python:3\.1[123]-slim-\w+", images[0])
    runs = " ".join(args for name, args in instructions() if name == "RUN")
    assert "--require-hashes -r requirements-app.txt" in runs
    assert not re.search(r"\b(curl|wget|sudo|apt-get)\b", runs)


def test_container_runs_without_root_and_gets_the_signal() -> None:
    steps = last_stage()
    users = [args for name, args in steps if name == "USER"]
    assert users
    assert all(re.fullmatch(r"[1-9]\d+", user) for user in users)
    order = [name for name, _ in steps]
    assert order.index("USER") > max(i for i, name in enumerate(order) if name == "RUN")
    command = dict(steps)["CMD"]
    assert command.startswith("[")  # without a shell, which would not pass SIGTERM on
    assert dict(steps)["STOPSIGNAL"] == "SIGTERM"
    assert "/_stcore/health" in dict(steps)["HEALTHCHECK"]


def test_copied_files_exist_and_are_in_the_build_context() -> None:
    in_context = [
        row[1:]
        for row in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if row.startswith("!")
    ]
    for sources, _ in [*copy_steps(), (["requirements-app.txt"], ".")]:
        for source in sources:
            assert (ROOT / source).exists()
            assert source in in_context


def test_the_image_holds_the_terms_of_what_is_in_it() -> None:
    copied = {source for sources, _ in copy_steps() for source in sources}
    assert {"LICENSE", "NOTICE", "samples", "models"} <= copied


def test_copied_files_suffice_to_serve_an_answer(tmp_path) -> None:
    """Do the steps of the image by hand: its files in a clean folder, its settings, its check."""
    for sources, target in copy_steps():
        for source in sources:
            place = tmp_path / "app" / target
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, place)
    port = streamlit_client.free_port()
    own = environment() | {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "EMO_METRICS_PORT": "",
    }

    async def answer(port: int) -> str:
        async with streamlit_client.visit(port) as one:
            return await one.give(
                "a.wav", signals.encoded(signals.voice((150.0, 120.0), 2.0, 16000))
            )

    with streamlit_client.serve(tmp_path / "log.txt", own, cwd=tmp_path / "app", base={}) as served:
        assert asyncio.run(answer(served.port))
        check = dict(last_stage())["HEALTHCHECK"].partition("CMD ")[2]
        argv: list[str] = yaml.safe_load(check.replace("8501", str(served.port)))
        assert subprocess.run([sys.executable, *argv[1:]], timeout=30).returncode == 0
        wrong = [arg.replace(str(served.port), str(port)) for arg in argv[1:]]
        assert subprocess.run([sys.executable, *wrong], capture_output=True).returncode != 0


# --- Compose and the proxy -----------------------------------------------------------------------


def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["app", "proxy"])
def test_compose_services_are_restricted(name) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    for limit in ("mem_limit", "pids_limit", "cpus"):
        assert service[limit], limit
    assert all("noexec" in mount for mount in service["tmpfs"])
    assert "privileged" not in service


def test_compose_exposes_the_proxy_only() -> None:
    services, networks = compose()["services"], compose()["networks"]
    assert "ports" not in services["app"]
    assert services["app"]["networks"] == ["inside"]
    assert networks["inside"]["internal"] is True
    assert services["proxy"]["depends_on"]["app"]["condition"] == "service_healthy"
    assert services["app"]["memswap_limit"] == services["app"]["mem_limit"]
    grace_s = int(services["app"]["stop_grace_period"].removesuffix("s"))
    assert grace_s > Settings().shutdown_grace_s
    for volume in services["proxy"]["volumes"]:
        source = volume.split(":")[0]
        assert (
            (ROOT / source).is_file() if source.startswith(".") else source in compose()["volumes"]
        )


def test_proxy_has_the_limits_of_the_app() -> None:
    text = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    assert text.count("{") == text.count("}")
    assert f"max_size {limits.MAX_BYTES // 2**20 + 1}MB" in text
    body_s = re.search(r"read_body (\d+)s", text)
    assert body_s
    assert int(body_s[1]) > MAX_UPLOAD_S
    assert "trusted_proxies" not in text  # a header of a visitor must not set the address


def test_caddyfile_is_valid(tmp_path) -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("Caddy is not installed here")
    command = [caddy, "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
    ran = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"HOME": str(tmp_path)}
    )
    assert ran.returncode == 0, ran.stderr


# --- The service ---------------------------------------------------------------------------------


def test_systemd_accepts_the_service(tmp_path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed here")
    text = (DEPLOY / "emo.service").read_text(encoding="utf-8")
    unit = tmp_path / "emo.service"
    unit.write_text(text.replace("/srv/emo/.venv/bin/python", sys.executable), encoding="utf-8")
    ran = subprocess.run([tool, "verify", unit], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "ProtectSystem=strict" in text
    assert "DynamicUser=yes" in text
    stop_s = re.search(r"TimeoutStopSec=(\d+)", text)
    assert stop_s
    assert int(stop_s[1]) > Settings().shutdown_grace_s


def test_guide_lists_every_setting_with_its_default() -> None:
    guide = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    for name, value in vars(Settings()).items():
        assert re.search(rf"`EMO_{name.upper()}` \| {value:g} \|", guide), name
