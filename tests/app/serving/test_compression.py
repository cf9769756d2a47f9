"""Test the compression of the framework's files, and the page that is sent first."""

import asyncio
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import StreamingResponse
from starlette.routing import Mount, Route, Router
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_handler

from emo.app import streamlit_internals
from emo.app.serving import shell
from emo.app.serving.compression import CompressionMiddleware, Message
from emo.server.headers import content_security_policy

PAGE = b"<html><head></head><body>the framework's page</body></html>"
OWN_PAGE = PAGE.replace(b"the framework's", b"our")
SCRIPT = b"export const answer = 42;\n" * 4000
SECRET = b"RIFF" + bytes(5000)
SCRIPTS = streamlit_internals.element_scripts(shell.ELEMENTS)


async def recording(request: Any) -> StreamingResponse:
    async def parts() -> Any:
        yield SECRET

    return StreamingResponse(parts(), media_type="application/json")


class Case:
    """The middleware around the framework's own handler of files."""

    def __init__(self, folder: Path, **options: Any) -> None:
        (folder / "static" / "js").mkdir(parents=True)
        (folder / "index.html").write_bytes(PAGE)
        (folder / "favicon.png").write_bytes(b"\x89PNG" + bytes(3000))
        self.script = folder / "static" / "js" / "app.js"
        self.script.write_bytes(SCRIPT)
        (folder / "static" / "js" / "small.js").write_bytes(b"1;")
        (folder / "static" / "font.woff2").write_bytes(bytes(3000))
        handler = create_streamlit_static_handler(str(folder), None)
        self.n_read = 0
        inner = Router(
            [
                Route("/media/voice.wav", recording),
                Route("/_stcore/health", recording),
                Mount("/", handler),
            ]
        )
        compressing = GZipMiddleware(inner, minimum_size=1)  # as Streamlit has one

        async def app(scope: Message, receive: Any, send: Any) -> None:
            self.n_read += scope["method"] == "GET"
            await compressing(scope, receive, send)

        self.middleware = CompressionMiddleware(app, PAGE, OWN_PAGE, **options)

    def get(
        self, path: str, accept: str = "gzip, deflate, br", method: str = "GET", **more: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the response to a request."""
        return asyncio.run(self.fetch(path, accept, method, **more))

    async def fetch(
        self, path: str, accept: str = "gzip, deflate, br", method: str = "GET", **more: str
    ) -> tuple[int, dict[str, str], bytes]:
        headers = {"host": "localhost", "accept-encoding": accept} | {
            name.replace("_", "-"): value for name, value in more.items()
        }
        sent: list[Message] = []

        async def receive() -> Message:
            await asyncio.sleep(5)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "scheme": "http",
            "server": ("localhost", 80),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await self.middleware(scope, receive, send)
        fields = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], fields, b"".join(part.get("body", b"") for part in sent[1:])


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_script_is_compressed_once_and_decompresses_to_itself(case: Case) -> None:
    for _ in range(3):
        status, headers, body = case.get("/static/js/app.js")
        assert (status, headers["content-encoding"], headers["vary"]) == (
            200,
            "gzip",
            "Accept-Encoding",
        )
        assert headers["content-length"] == str(len(body))
        assert headers["content-type"].startswith(("text/javascript", "application/javascript"))
        assert "immutable" in headers["cache-control"]
        assert len(body) < len(SCRIPT) / 50
        assert gzip.decompress(body) == SCRIPT
    assert case.n_read == 1


def test_visitors_at_the_same_time_wait_for_one_compression(case: Case) -> None:
    async def all_at_once() -> Sequence[tuple[int, Mapping[str, str], bytes]]:
        return await asyncio.gather(*(case.fetch("/static/js/app.js") for _ in range(8)))

    answers = asyncio.run(all_at_once())
    assert {gzip.decompress(body) for _, _, body in answers} == {SCRIPT}
    assert case.n_read == 1


def test_a_file_that_was_changed_is_compressed_anew(case: Case) -> None:
    case.get("/static/js/app.js")
    case.script.write_bytes(SCRIPT[::-1] + b"\n")
    assert gzip.decompress(case.get("/static/js/app.js")[2]) == SCRIPT[::-1] + b"\n"


def test_many_addresses_of_a_file_fill_the_cache_once(case: Case) -> None:
    for path in ("/static/js/app.js", "/static//js/app.js", "/static/./js/./app.js"):
        assert gzip.decompress(case.get(path)[2]) == SCRIPT
    assert case.n_read == 1


@pytest.mark.parametrize("accept", ["", "identity", "gzip;q=0", "gzip;q=0.0", "br", "xgzip"])
def test_script_is_sent_as_it_is_to_those_who_do_not_take_gzip(case: Case, accept: str) -> None:
    status, headers, body = case.get("/static/js/app.js", accept)
    assert (status, body) == (200, SCRIPT)
    assert "content-encoding" not in headers


@pytest.mark.parametrize("accept", ["gzip", "GZIP", "gzip;q=1.0", "gzip; q=0.05", "br,gzip"])
def test_gzip_is_accepted_in_every_spelling(case: Case, accept: str) -> None:
    assert gzip.decompress(case.get("/static/js/app.js", accept)[2]) == SCRIPT


def test_part_of_a_script_is_not_compressed(case: Case) -> None:
    status, headers, body = case.get("/static/js/app.js", range="bytes=7-11")
    assert (status, body) == (206, SCRIPT[7:12])
    assert "content-encoding" not in headers


def test_known_script_is_not_sent_again(case: Case) -> None:
    etag = case.get("/static/js/app.js")[1]["etag"]
    assert etag.startswith('W/"')
    assert case.get("/static/js/app.js", if_none_match=etag)[0] == 304
    assert case.get("/static/js/app.js", if_none_match='W/"other"')[0] == 200


@pytest.mark.parametrize(
    "path", ["/static/font.woff2", "/static/js/small.js", "/media/voice.wav", "/_stcore/health"]
)
def test_small_files_fonts_and_what_visitors_sent_are_passed_on(case: Case, path: str) -> None:
    _, headers, _ = case.get(path)
    assert "content-encoding" not in headers
    assert case.n_read == 1  # and not read for nothing


def test_full_cache_sends_files_as_they_are(tmp_path: Path) -> None:
    case = Case(tmp_path, max_cache_bytes=0)
    status, headers, body = case.get("/static/js/app.js")
    assert (status, body) == (200, SCRIPT)
    assert "content-encoding" not in headers


@pytest.mark.parametrize("path", ["/", "/about", "/index.html", "/any/other"])
def test_own_page_takes_the_place_of_the_framework_s(case: Case, path: str) -> None:
    status, headers, body = case.get(path)
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == OWN_PAGE
    assert headers["content-length"] == str(len(body))
    assert headers["cache-control"] == "no-cache"
    status, headers, body = case.get(path, "identity")
    assert (status, body) == (200, OWN_PAGE)
    assert "content-encoding" not in headers
    assert case.get(path, method="HEAD", accept="")[1:] == (headers, b"")
    status, headers, body = case.get(path, if_none_match=headers["etag"])
    assert (status, body) == (304, b"")
    assert case.get(path, if_none_match='"old"')[0] == 200


def test_other_files_beside_the_page_are_passed_on(case: Case) -> None:
    assert case.get("/favicon.png")[2].startswith(b"\x89PNG")


def test_cancelled_request_leaves_the_file_to_the_others(case: Case) -> None:
    async def cancel_first() -> tuple[int, Mapping[str, str], bytes]:
        first = asyncio.create_task(case.fetch("/static/js/app.js"))
        while not case.middleware._running:
            await asyncio.sleep(0)
        second = asyncio.create_task(case.fetch("/static/js/app.js"))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert gzip.decompress(asyncio.run(cancel_first())[2]) == SCRIPT
    assert case.n_read == 1
    assert case.middleware._running == {}


# --- The page ------------------------------------------------------------------------------------


def test_first_page_has_all_files_of_streamlit_s_but_the_font() -> None:
    original = streamlit_internals.index_html()
    page = shell.first_page(original, SCRIPTS)
    assert page.count("<script") == original.count("<script") + 4
    assert page.count('rel="modulepreload"') == original.count('rel="modulepreload"') > 20
    assert 'as="font"' in original
    assert 'as="font"' not in page
    assert f"<title>{shell.TITLE}</title>" in page
    assert shell.LOADING in page


def test_policy_allows_the_script_of_the_first_page() -> None:
    original = streamlit_internals.index_html()
    before, after = (
        content_security_policy(html).count("sha256-")
        for html in (original, shell.first_page(original, SCRIPTS))
    )
    assert after == before + 4


def test_element_scripts_come_with_all_that_they_import() -> None:
    static = Path(st.__file__).parent / "static"
    sources = {name: (static / name).read_text(encoding="utf-8") for name in SCRIPTS}
    named = " ".join(sources) + streamlit_internals.index_html()
    for name, source in sources.items():
        imported = re.findall(r'(?:\bfrom|\bimport)"\./([\w.-]+\.js)"', source)
        assert [other for other in imported if other not in named] == [], name


def test_element_scripts_are_each_found_with_the_charts_last() -> None:
    names = [Path(name).name.partition(".")[0] for name in SCRIPTS]
    assert [name for name in names if name in shell.ELEMENTS] == list(shell.ELEMENTS)
    assert shell.ELEMENTS[-1] == "PlotlyChart"
    assert len(set(SCRIPTS)) == len(SCRIPTS)
    assert json.dumps(SCRIPTS) in shell.first_page(streamlit_internals.index_html(), SCRIPTS)
    assert streamlit_internals.element_scripts(["NoSuchElement"]) == []


def test_page_without_a_place_for_the_content_is_refused() -> None:
    with pytest.raises(ValueError, match="Streamlit has not one"):
        shell.first_page("<html><head></head><body></body></html>")
