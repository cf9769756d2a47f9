"""Host names under which the page is served, and origins that may send requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emo.server.hosts import AllowedHosts, parse_hosts

PUBLIC = parse_hosts(["emo.example.org", "https://voice.example.com:444", "*.class.example", "::2"])


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8501", "a.localhost", "127.0.0.1:80", "127.9.9.9", "[::1]:8501", None],
)
def test_local_names_are_allowed(host):
    assert AllowedHosts().allows(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8501",
        "localhost@evil.example",
        "localhost/evil",
        "localhost:port",
        "[::1",
        "8.8.8.8",
        "0.0.0.0",
    ],
)
def test_other_names_are_rejected(host):
    assert not AllowedHosts().allows(host)
    assert not AllowedHosts().allows(host, "192.0.2.7")


def test_the_address_of_the_connection_is_allowed():
    assert AllowedHosts().allows("192.0.2.7:8501", "192.0.2.7")
    assert AllowedHosts().allows("192.0.2.7", "::ffff:192.0.2.7")
    assert AllowedHosts().allows("[2001:db8::1]:80", "2001:db8:0::1")
    assert not AllowedHosts().allows("192.0.2.8", "192.0.2.7")


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("emo.example.org", True),
        ("EMO.example.org.:443", True),
        ("voice.example.com", True),
        ("a.class.example", True),
        ("class.example", False),
        ("xclass.example", False),
        ("[::2]", True),
        ("example.org", False),
    ],
)
def test_configured_names_are_allowed(host, is_allowed):
    assert PUBLIC.allows(host) is is_allowed
    assert parse_hosts(["*"]).allows(host)


@pytest.mark.parametrize(
    ("origin", "host", "is_allowed"),
    [
        (None, "localhost:8501", True),
        ("http://localhost:8501", "localhost:8501", True),
        ("https://emo.example.org", "emo.example.org", True),
        ("https://emo.example.org", "emo.example.org:443", True),
        ("http://localhost", "localhost:80", True),
        ("http://localhost:3000", "localhost:8501", False),
        ("http://127.0.0.1:8501", "localhost:8501", False),
        ("http://evil.example", "localhost:8501", False),
        ("null", "localhost:8501", False),
        ("", "localhost:8501", False),
        ("file://", "localhost:8501", False),
        ("http://localhost:8501.evil.example", "localhost:8501", False),
        ("http://localhost:8501@evil.example", "localhost:8501", False),
        ("http://localhost:8501", None, False),
    ],
)
def test_only_the_own_origin_is_allowed(origin, host, is_allowed):
    assert AllowedHosts().allows_origin(origin, host) is is_allowed


def test_a_configured_origin_is_allowed_behind_a_proxy_that_changes_the_host():
    assert PUBLIC.allows_origin("https://emo.example.org", "app:8501")
    assert not PUBLIC.allows_origin("https://evil.example", "app:8501")


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_handled(host, origin):
    assert AllowedHosts().allows(host) in (True, False)
    assert AllowedHosts().allows_origin(origin, host) in (True, False)
