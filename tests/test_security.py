"""What `docs/security.md` promises where no other test proves it; its tests are there."""

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

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_test_that_the_page_names_is_there() -> None:
    named = NAMED.findall((ROOT / "docs" / "security.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name


def test_every_requirement_of_the_chapter_has_a_row() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    numbers = ["5.1.1", *(f"5.2.{i}" for i in range(1, 7))]
    numbers += [f"5.{part}.{i}" for part in (3, 4) for i in range(1, 4)]
    rows = [row for row in page.splitlines() if re.match(r"\| 5\.\d\.\d ", row)]
    assert [row.split()[1] for row in rows] == numbers
    for row in rows:
        assert NAMED.search(row) or "does not apply" in row, row


def downloads() -> Iterator[ast.expr]:
    """The argument that names the file of every download that a page offers."""
    for path in sorted((ROOT / "emo" / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "download_button":
                named = {one.arg: one.value for one in node.keywords}
                yield named["file_name"] if "file_name" in named else node.args[2]


def test_names_of_downloads_are_the_servers_own() -> None:
    """They are written in the code, but for parts that come from tables in it."""
    found = list(downloads())
    assert len(found) >= 4
    for name in found:
        used = {node.id for node in ast.walk(name) if isinstance(node, ast.Name)}
        used |= {node.attr for node in ast.walk(name) if isinstance(node, ast.Attribute)}
        assert not used & {"choice", "given", "upload", "names", "entry", "clip"}, ast.unparse(name)


def config() -> Any:
    return tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def test_the_browser_is_told_no_details_of_errors() -> None:
    assert config()["client"]["showErrorDetails"] == "none"


def test_no_other_way_of_writing_errors_is_on() -> None:
    assert config()["logger"]["enableRich"] is False


def test_requests_from_other_sites_are_refused_and_messages_are_bounded() -> None:
    server = config()["server"]
    assert server["enableXsrfProtection"] is True
    assert server["enableCORS"] is True  # that is: Streamlit's protection against other origins
    assert server["maxMessageSize"] <= 64
    assert server["maxWidgetStateSize"] <= 4
    assert 0 < server["disconnectedSessionTTL"] <= 60


# --- The audit -----------------------------------------------------------------------------------


class Osv(http.server.BaseHTTPRequestHandler):
    """Answers as OSV does, and knows something against one package."""

    bad = ""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        assert all(query["package"]["ecosystem"] == "PyPI" for query in asked)
        known = {"vulns": [{"id": "GHSA-test-0001", "modified": "2026-01-01T00:00:00Z"}]}
        results = [known if query["package"]["name"] == self.bad else {} for query in asked]
        body = json.dumps({"results": results}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def osv() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Osv)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def audit(address: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / ".ci" / "audit", *options],
        capture_output=True,
        text=True,
        env=os.environ | {"EMO_OSV": address, "no_proxy": "127.0.0.1"},
        timeout=60,
    )


@pytest.mark.parametrize(("bad", "code"), [("", 0), ("streamlit", 1)])
def test_the_audit_names_what_is_known_to_be_vulnerable(osv, monkeypatch, bad, code) -> None:
    monkeypatch.setattr(Osv, "bad", bad)
    ran = audit(osv)
    assert ran.returncode == code, ran.stderr
    assert ("streamlit 1.67.0: GHSA-test-0001" in ran.stdout) is bool(bad)
    assert re.search(r"^\d{3} packages audited", ran.stdout, re.MULTILINE)


def test_an_audit_that_reached_nobody_says_so(osv) -> None:
    nowhere = "http://127.0.0.1:1"
    assert "Nothing was audited" in audit(nowhere).stderr
    assert [audit(nowhere).returncode, audit(nowhere, "--require").returncode] == [0, 2]
