"""Promises of `docs/security.md` that no other test proves, and the tests that it names."""

import ast
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_named_tests_exist() -> None:
    named = NAMED.findall((ROOT / "docs" / "security.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    missing = []
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        missing += [] if name in names else [f"{path}::{name}"]
    assert missing == []


def test_every_requirement_of_the_chapter_has_a_row() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    numbers = ["5.1.1", *(f"5.2.{i}" for i in range(1, 7))]
    numbers += [f"5.{part}.{i}" for part in (3, 4) for i in range(1, 4)]
    rows = [row for row in page.splitlines() if re.match(r"\| 5\.\d\.\d ", row)]
    assert [row.split()[1] for row in rows] == numbers
    for row in rows:
        assert NAMED.search(row) or "does not apply" in row, row


def download_names() -> Iterator[ast.expr]:
    """Yield the file name argument of every download button."""
    for path in sorted((ROOT / "emo" / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "download_button":
                named = {one.arg: one.value for one in node.keywords}
                yield named["file_name"] if "file_name" in named else node.args[2]


def test_download_names_contain_no_user_input() -> None:
    """The names are constants or come from tables in the code."""
    names = list(download_names())
    assert len(names) >= 4
    for name in names:
        used = {node.id for node in ast.walk(name) if isinstance(node, ast.Name)}
        used |= {node.attr for node in ast.walk(name) if isinstance(node, ast.Attribute)}
        assert not used & {"source", "given", "upload", "names", "entry", "clip"}, ast.unparse(name)


def config() -> Any:
    return tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def test_streamlit_shows_and_writes_no_details_of_errors() -> None:
    assert config()["client"]["showErrorDetails"] == "none"
    assert config()["logger"]["enableRich"] is False


def test_streamlit_rejects_foreign_requests_and_large_messages() -> None:
    server = config()["server"]
    assert server["enableXsrfProtection"] is True
    assert server["enableCORS"] is True  # Streamlit's name for its check of origins
    assert server["maxMessageSize"] <= 64
    assert server["maxWidgetStateSize"] <= 4
    assert 0 < server["disconnectedSessionTTL"] <= 60


# --- The audit -----------------------------------------------------------------------------------


class Osv(http.server.BaseHTTPRequestHandler):
    """A stand-in for osv.dev that knows a vulnerability of at most one package."""

    vulnerable = ""

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = query["package"]["name"]
        vulnerability = {"id": "GHSA-test-0001", "summary": "", "affected": [], "aliases": []}
        body = json.dumps({"vulns": [vulnerability]} if name == self.vulnerable else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def osv() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()


def audit(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / ".ci" / "audit", *options],
        capture_output=True,
        text=True,
        env=os.environ | {"EMO_OSV_URL": url, "no_proxy": "127.0.0.1"},
        timeout=120,
    )


@pytest.mark.parametrize(("vulnerable", "status"), [("", 0), ("streamlit", 1)])
@pytest.mark.slow
def test_audit_reports_known_vulnerabilities(osv, monkeypatch, vulnerable, status) -> None:
    monkeypatch.setattr(Osv, "vulnerable", vulnerable)
    process = audit(osv)
    assert process.returncode == status, process.stderr
    assert (f"streamlit {st.__version__}: GHSA-test-0001" in process.stdout) is bool(vulnerable)
    assert re.search(r"^\d{3} packages audited", process.stdout, re.MULTILINE)


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--require",), 2)])
@pytest.mark.slow
def test_audit_warns_if_the_service_cannot_be_reached(options, status) -> None:
    process = audit("http://127.0.0.1:1/v1/query", *options)
    assert process.returncode == status
    assert "The packages were not audited" in process.stderr
