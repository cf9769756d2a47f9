"""The content security policy and the other security headers."""

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


def test_policy_allows_own_scripts_inline_digests_and_blobs():
    page = "<p>a</p><script>let a = 1</script><script type='module' src='x.js'></script>"
    digest = base64.b64encode(hashlib.sha256(b"let a = 1").digest()).decode()
    assert rules(content_security_policy(page))["script-src"] == {
        "'self'",
        "blob:",
        f"'sha256-{digest}'",
    }


def test_policy_lists_every_inline_script_of_streamlit():
    inline = [
        body
        for head, body in re.findall(r"<script([^>]*)>(.*?)</script>", INDEX, re.DOTALL)
        if "src=" not in head
    ]
    named = rules(content_security_policy(INDEX))["script-src"]
    assert len([source for source in named if source.startswith("'sha256-")]) == len(set(inline))


def test_policy_allows_no_other_server_and_no_inline_code():
    policy = rules(content_security_policy(INDEX))
    assert policy["default-src"] == {"'self'"}
    assert policy["object-src"] == {"'none'"}
    for name, sources in policy.items():
        assert not sources & {"*", "https:", "http:", "ws:", "wss:", "'unsafe-eval'"}, name
    assert "'unsafe-inline'" not in policy["script-src"]
    assert "data:" not in policy["script-src"]


def test_permissions_allow_the_microphone_only():
    headers = dict(security_headers(content_security_policy(INDEX)))
    allowed = headers[b"permissions-policy"].decode()
    assert "microphone=(self)" in allowed
    assert "camera=()" in allowed
    assert "geolocation=()" in allowed
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"same-origin"
