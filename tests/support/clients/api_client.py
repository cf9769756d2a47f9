"""Send recordings to the HTTP API of a served app."""

import contextlib
import io
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emo.cli.main import main
from tests.support.clients import streamlit_client

PREDICT = "/api/v1/predict"


@dataclass(frozen=True)
class Reply:
    """A response of the API."""

    status: int
    headers: dict[str, str]
    content: Any

    @property
    def error(self) -> tuple[int, str]:
        """Status and code of a problem, which is checked for its form."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.content["status"] == self.status
        assert self.content["title"]
        assert self.content["detail"].endswith(".")
        return self.status, self.content["code"]


def form(
    files: Sequence[tuple[str, bytes]], fields: Mapping[str, str] | None = None
) -> tuple[bytes, str]:
    """Return the body and the content type of a form."""
    mark = uuid.uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in (fields or {}).items()
    ]
    for name, data in files:
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        parts.append(f"--{mark}\r\n{head}\r\n\r\n".encode() + data + b"\r\n")
    return b"".join(parts) + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"


def send(
    port: int,
    files: Sequence[tuple[str, bytes]] = (),
    fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Send recordings as a form."""
    body, kind = form(files, fields)
    return request(port, "POST", PREDICT, body, {"Content-Type": kind, **(headers or {})})


def send_raw(
    port: int, data: bytes, query: str = "", headers: Mapping[str, str] | None = None
) -> Reply:
    """Send the bytes of one recording."""
    own = {"Content-Type": "application/octet-stream", **(headers or {})}
    return request(port, "POST", PREDICT + query, data, own)


def request(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Send any request; JSON in the response is read."""
    status, fields, text = streamlit_client.request(port, method, path, body, headers)
    is_json = "json" in fields.get("content-type", "")
    return Reply(status, fields, json.loads(text) if is_json else text)


def command(*arguments: str) -> Any:
    """Return the JSON that a command of ``emo`` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        main([*arguments, "--format", "json"])
    return json.loads(out.getvalue())
