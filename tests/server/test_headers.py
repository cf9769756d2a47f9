"""The policy names the scripts of the framework's page, and lets nothing in from elsewhere."""

import base64
import hashlib
import re
from pathlib import Path

import streamlit

from emo.server.headers import content_security_policy, security_headers

INDEX = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")


def rules(policy: str) -> dict[str, set[str]]:
    return {
        name: set(sources)
        for name, *sources in (rule.split() for rule in policy.split(";") if rule.strip())
    }


def test_scripts_are_the_servers_own_those_named_by_digest_and_the_players_blob():
    page = "<p>a</p><script>let a = 1</script><script type='module' src='x.js'></script>"
    digest = base64.b64encode(hashlib.sha256(b"let a = 1").digest()).decode()
    assert rules(content_security_policy(page))["script-src"] == {
        "'self'",
        "blob:",
        f"'sha256-{digest}'",
    }


def test_every_inline_script_of_the_framework_is_named():
    inline = [
        body
        for head, body in re.findall(r"<script([^>]*)>(.*?)</script>", INDEX, re.DOTALL)
        if "src=" not in head
    ]
    named = rules(content_security_policy(INDEX))["script-src"]
    assert len([source for source in named if source.startswith("'sha256-")]) == len(set(inline))


def test_nothing_comes_from_elsewhere_and_no_text_becomes_code():
    found = rules(content_security_policy(INDEX))
    assert found["default-src"] == {"'self'"}
    assert found["object-src"] == {"'none'"}
    for name, sources in found.items():
        assert not sources & {"*", "https:", "http:", "ws:", "wss:", "'unsafe-eval'"}, name
    assert "'unsafe-inline'" not in found["script-src"]
    assert "data:" not in found["script-src"]


def test_the_microphone_is_for_this_page_alone_and_the_camera_for_nobody():
    found = dict(security_headers(content_security_policy(INDEX)))
    allowed = found[b"permissions-policy"].decode()
    assert "microphone=(self)" in allowed
    assert "camera=()" in allowed
    assert "geolocation=()" in allowed
    assert found[b"x-content-type-options"] == b"nosniff"
    assert found[b"referrer-policy"] == b"same-origin"
