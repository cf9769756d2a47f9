"""Visit the app without a browser, by the protocol of Streamlit's pages over its websocket."""

import asyncio
import contextlib
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[3]
START_S = 60.0
XSRF = "_streamlit_xsrf"
HERE = "127.0.0.1"

Reply = tuple[int, dict[str, str], str]
"""Status, headers by lower-case name, and text of a response."""


def free_port() -> int:
    """Return a free port of this machine.

    It lies below the ports that the system gives to clients: a client that waits for a server
    could be given the very port that it connects to, and would then talk to itself.
    """
    for port in random.sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind((HERE, port))
            return port
    raise OSError("no port from 20000 to 32000 is free")


class Served:
    """A running app: its address, its process, and its output so far."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.port = port
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        """Return what the process wrote to its standard output and error."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def resident_mb(self) -> float:
        """Return the resident memory of the process, in megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        row = next(row for row in status.splitlines() if row.startswith("VmRSS"))
        return int(row.split()[1]) / 1024

    def get(self, path: str, **headers: str) -> Reply:
        """Return the response to a GET."""
        return request(self.port, "GET", path, headers=headers)


@contextlib.contextmanager
def serve(
    log: Path,
    environ: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    command: Sequence[str] = ("-m", "streamlit", "run"),
    cwd: Path = ROOT,
    base: Mapping[str, str] = os.environ,
) -> Iterator[Served]:
    """Serve the app by ``streamlit run`` on a free port, until the block ends.

    Parameters
    ----------
    log
        The file that its output goes to.
    prefix, command
        What is put before the interpreter, and what it is to run.
    cwd, base
        The folder that holds the app, and the environment that the other settings are added to.
    """
    port = free_port()
    options = {
        "server.address": "127.0.0.1",
        "server.port": port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
    }
    line = [*prefix, sys.executable, *command, "streamlit_app.py"]
    line += [f"--{name}={value}" for name, value in options.items()]
    usual = {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    env = {**base, **usual, **(environ or {})}
    with log.open("wb") as out:
        process = subprocess.Popen(line, cwd=cwd, env=env, stdout=out, stderr=out)
    served = Served(port, process, log)
    try:
        until_s = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError):
                if served.get("/_stcore/health")[0] == 200:
                    break
            if process.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError(f"The app did not start: {served.log}")
            time.sleep(0.1)
        yield served
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def request(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    source: str = HERE,
) -> Reply:
    """Return the response to a request from an address of this machine."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=60, source_address=(source, 0)
    )
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return response.status, fields, response.read().decode(errors="replace")
    finally:
        connection.close()


def metrics(port: int) -> dict[str, float]:
    """Return the value of each metric, by its name with its labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        rows = [row for row in reply.read().decode().splitlines() if not row.startswith("#")]
    return {name: float(value) for name, value in (row.rsplit(" ", 1) for row in rows)}


class Visitor:
    """An open page of the app."""

    def __init__(self, port: int, socket: ClientConnection, token: str, source: str = HERE) -> None:
        self.port = port
        self._source = source
        self.session = ""
        self.query = ""
        self._socket = socket
        self.token = token
        self._widgets: dict[str, dict[str, Any]] = {}
        self._page = ""
        self._pages: dict[str, str] = {}
        self.uploader = ""
        self.buttons: dict[str, str] = {}
        self.html: list[str] = []
        self.texts: list[str] = []
        self.received_bytes = 0

    async def run(self, patience_s: float = 60.0, pressed: str = "") -> None:
        """Run the page again, with a button pressed or none, and read it to its end."""
        await self._socket.send(self.message(pressed))
        await self.watch(patience_s)

    async def send(self, data: bytes) -> None:
        """Send a message that is not read to its end."""
        await self._socket.send(data)

    def message(self, pressed: str = "") -> bytes:
        """Return the message that runs the page again, with a button pressed or none."""
        message = BackMsg()
        state = message.rerun_script
        state.page_script_hash = self._page
        state.query_string = self.query
        for name, value in self._widgets.items():
            widget = state.widget_states.widgets.add(id=name)
            for info in value["files"]:
                one = widget.file_uploader_state_value.uploaded_file_info.add(
                    file_id=info["id"], name=info["name"], size=info["size"]
                )
                one.file_urls.file_id = info["id"]
                one.file_urls.upload_url = one.file_urls.delete_url = info["path"]
        if pressed:
            state.widget_states.widgets.add(id=pressed).trigger_value = True
        return bytes(message.SerializeToString())

    async def watch(self, patience_s: float = 60.0) -> None:
        """Read the page that is running to its end, whoever requested it."""
        self.html, self.texts, self.uploader, self.buttons = [], [], "", {}
        async with asyncio.timeout(patience_s):
            await self._read_until(lambda one: one.WhichOneof("type") == "script_finished")
        self._widgets = {key: one for key, one in self._widgets.items() if key == self.uploader}

    async def press(self, label: str) -> None:
        """Press the button with a label."""
        await self.run(pressed=self.buttons[label])

    async def open(self, path: str) -> None:
        """Go to another page."""
        self._page = self._pages[path]
        await self.run()

    async def _read_until(self, is_it: Callable[[ForwardMsg], bool]) -> None:
        while True:
            data = await self._socket.recv()
            assert isinstance(data, bytes)
            self.received_bytes += len(data)
            message = ForwardMsg.FromString(data)
            if message.WhichOneof("type") == "new_session":
                self.session = message.new_session.initialize.session_id
                self._page = message.new_session.page_script_hash
            elif message.WhichOneof("type") == "navigation":
                pages = message.navigation.app_pages
                self._pages = {one.url_pathname: one.page_script_hash for one in pages}
            elif message.WhichOneof("type") == "delta":
                self._note(message.delta)
            if is_it(message):
                return

    def _note(self, delta: Any) -> None:
        element = getattr(delta, "new_element", None)
        kind = element.WhichOneof("type") if element is not None else None
        if element is None or kind is None:
            return
        if kind == "html":
            self.html.append(element.html.body)
        elif kind == "file_uploader" and not self.uploader:
            self.uploader = element.file_uploader.id
        elif kind == "button":
            self.buttons[element.button.label] = element.button.id
        elif kind in ("alert", "text", "markdown", "exception"):
            self.texts.append(str(getattr(element, kind)))

    async def upload(self, name: str, data: bytes) -> Reply:
        """Upload a file as the page's widget does, and return the response."""
        file_id = str(uuid.uuid4())
        return await asyncio.to_thread(self.put, file_id, name, data)

    def put(self, file_id: str, name: str, data: bytes, **headers: str) -> Reply:
        """Upload under an id and return the response; given headers replace the usual ones."""
        mark = uuid.uuid4().hex
        body = (
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: audio/wav\r\n\r\n"
        ).encode() + data
        usual = {
            "Content-Type": f"multipart/form-data; boundary={mark}",
            "Cookie": f"{XSRF}={self.token}",
            "X-Xsrftoken": self.token,
        }
        path = f"/_stcore/upload_file/{self.session}/{file_id}"
        body += f"\r\n--{mark}--\r\n".encode()
        return request(self.port, "PUT", path, body, usual | headers, self._source)

    def upload_head(self, size: int) -> bytes:
        """Return the head of an upload that announces a number of bytes."""
        rows = [
            f"PUT /_stcore/upload_file/{self.session}/{uuid.uuid4()} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Cookie: {XSRF}={self.token}",
            f"X-Xsrftoken: {self.token}",
            "Content-Type: multipart/form-data; boundary=m",
            f"Content-Length: {size}",
        ]
        return "\r\n".join([*rows, "", ""]).encode()

    async def drop(self, file_id: str) -> None:
        """Take an uploaded file away again."""
        path = f"/_stcore/upload_file/{self.session}/{file_id}"
        headers = {"Cookie": f"{XSRF}={self.token}", "X-Xsrftoken": self.token}
        await asyncio.to_thread(request, self.port, "DELETE", path, None, headers, self._source)

    async def give(self, name: str, data: bytes) -> str:
        """Replace the clip of the page's first uploader, and return the verdict."""
        before = [info["id"] for info in self._widgets.get(self.uploader, {"files": []})["files"]]
        file_id = str(uuid.uuid4())
        status, _, text = await asyncio.to_thread(self.put, file_id, name, data)
        assert status == 204, (status, text)
        info = {"id": file_id, "name": name, "size": len(data)}
        info["path"] = f"/_stcore/upload_file/{self.session}/{file_id}"
        self._widgets[self.uploader] = {"files": [info]}
        await self.run()
        for one in before:
            await self.drop(one)
        return self.verdict

    @property
    def verdict(self) -> str:
        """Return the part of the page with the ensemble; empty where there is none."""
        return next((part for part in self.html if 'class="emo-verdict' in part), "")

    @property
    def page(self) -> str:
        """Return all HTML and text of the page's last run."""
        return json.dumps([*self.html, *self.texts])


@contextlib.asynccontextmanager
async def visit(
    port: int, headers: Mapping[str, str] | None = None, source: str = HERE
) -> AsyncIterator[Visitor]:
    """Open a page and wait until it is complete; close it when the block ends."""
    async with knock(port, headers, source) as visitor:
        await visitor.run()
        yield visitor


@contextlib.asynccontextmanager
async def knock(
    port: int, headers: Mapping[str, str] | None = None, source: str = HERE
) -> AsyncIterator[Visitor]:
    """Connect a visitor who requests nothing yet."""
    status, fields, _ = await asyncio.to_thread(
        request, port, "GET", "/_stcore/health", None, None, source
    )
    assert status == 200
    token = fields["set-cookie"].split(";")[0].partition("=")[2]
    async with connect(
        f"ws://127.0.0.1:{port}/_stcore/stream",
        subprotocols=["streamlit", token],  # type: ignore[list-item]
        additional_headers={"Cookie": f"{XSRF}={token}", **(headers or {})},
        max_size=None,
        open_timeout=60,
        close_timeout=10,
        local_addr=(source, 0),
    ) as socket:
        yield Visitor(port, socket, token, source)
