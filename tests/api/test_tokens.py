"""Bearer tokens and their file."""

import hashlib
import os
import stat

import pytest

from emo.api.settings import read_api_settings
from emo.api.tokens import PREFIX, Tokens, add_token, make_token, token_line
from emo.cli.main import main
from emo.errors import SettingError


def test_a_token_has_256_random_bits_and_is_stored_by_its_digest():
    tokens = {make_token() for _ in range(50)}
    assert len(tokens) == 50
    assert all(token.startswith(PREFIX) and len(token) == len(PREFIX) + 43 for token in tokens)
    token = tokens.pop()
    assert token_line("anna", token) == f"anna sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def test_only_the_tokens_of_the_file_have_a_holder(tmp_path):
    path = tmp_path / "tokens"
    anna, bob = add_token(path, "anna"), add_token(path, "bob")
    assert anna not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    tokens = Tokens(path)
    assert len(tokens) == 2
    assert tokens.holder(f"Bearer {anna}") == "anna"
    assert tokens.holder(f"bearer  {bob} ") == "bob"
    digest = path.read_text().split("sha256:")[1].split()[0]
    for wrong in ("", anna, f"Basic {anna}", f"Bearer {anna}x", "Bearer ", f"Bearer {digest}"):
        assert tokens.holder(wrong) == ""
    assert tokens.holder("Bearer " + "x" * 10_000) == ""


def test_tokens_are_compared_in_constant_time(tmp_path, monkeypatch):
    """Every digest of the file is compared, also after the right one."""
    path = tmp_path / "tokens"
    names = ("anna", "bob", "carl")
    first, *_ = [add_token(path, name) for name in names]
    compared: list[bytes] = []

    def compare(own: bytes, other: bytes) -> bool:
        compared.append(own)
        return own == other

    monkeypatch.setattr("hmac.compare_digest", compare)
    assert Tokens(path).holder(f"Bearer {first}") == "anna"
    assert len(compared) == 3


def test_the_file_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "tokens"
    anna = add_token(path, "anna")
    tokens = Tokens(path)
    bob = add_token(path, "bob")
    assert tokens.holder(f"Bearer {bob}") == "bob"
    path.write_text(path.read_text().splitlines(keepends=True)[1])
    assert tokens.holder(f"Bearer {anna}") == ""


@pytest.mark.parametrize("content", ["anna sha256:12\n", None])
def test_no_token_is_accepted_while_the_file_cannot_be_used(tmp_path, content):
    path = tmp_path / "tokens"
    anna = add_token(path, "anna")
    good = path.read_text()
    tokens = Tokens(path)
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    assert tokens.holder(f"Bearer {anna}") == ""
    path.write_text(good + "# and a remark\n")
    os.utime(path, ns=(1, 1))
    assert tokens.holder(f"Bearer {anna}") == "anna"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "has no token"),
        ("# none\n\n", "has no token"),
        ("anna\n", "Line 1 of"),
        ("anna sha256:00\n", "Line 1 of"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_file_without_valid_tokens_stops_the_start(tmp_path, content, reason):
    path = tmp_path / "tokens"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingError, match=reason):
        read_api_settings(False, {"EMO_API_TOKENS": str(path)})


def test_a_missing_file_of_tokens_stops_the_start(tmp_path):
    with pytest.raises(SettingError, match="No such file"):
        read_api_settings(True, {"EMO_API": "on", "EMO_API_TOKENS": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("switch", "is_public", "is_on"),
    [
        (None, False, True),
        (None, True, False),
        ("on", True, True),
        ("ON", True, True),
        ("off", False, False),
        ("", True, False),
    ],
)
def test_the_api_is_off_on_a_public_address_unless_it_is_turned_on(switch, is_public, is_on):
    environ = {} if switch is None else {"EMO_API": switch}
    settings = read_api_settings(is_public, environ)
    assert (settings.is_on, settings.tokens) == (is_on, None)


def test_a_switch_that_is_neither_on_nor_off_is_rejected():
    with pytest.raises(SettingError, match="EMO_API is 'yes'"):
        read_api_settings(False, {"EMO_API": "yes"})


def test_command_adds_a_token_to_a_file(tmp_path, capsys):
    path = tmp_path / "tokens"
    assert main(["token", "anna", "--add", str(path)]) == 0
    token = capsys.readouterr().out.strip()
    assert Tokens(path).holder(f"Bearer {token}") == "anna"
    assert main(["token", "anna", "--add", str(path)]) == 1
    assert "has a token of anna already" in capsys.readouterr().err


def test_command_prints_a_token_and_its_line(tmp_path, capsys):
    assert main(["token", "bob"]) == 0
    token, line = capsys.readouterr().out.splitlines()
    assert line == token_line("bob", token)
    assert main(["token", "no name"]) == 1
