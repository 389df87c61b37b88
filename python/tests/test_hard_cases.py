"""What applications, clients and servers do at the edges of the protocol: bytes stay the same, counts are right.

Each case that goes over the wire is served twice by a real uvicorn, with us and without.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Host, Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from fieldmark import FieldmarkMiddleware, agent, bodies
from support import Collector, serving

JSON = {"content-type": "application/json"}
Call = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    pass


def watched(app: Any, collector: Collector, service: str, **settings: Any) -> Any:
    app.add_middleware(FieldmarkMiddleware, service=service, url=collector.url, version="v1", **settings)
    return app


def agent_of(service: str) -> agent.Agent:
    return next(each for (_, name), each in agent._agents.items() if name == service)


def edges() -> FastAPI:
    """Endpoints at the edges."""
    app = FastAPI()

    @app.get("/empty")
    async def empty() -> Response:
        return Response(status_code=204)

    @app.get("/unchanged")
    async def unchanged() -> Response:
        return Response(status_code=304, headers={"etag": '"1"'})

    @app.api_route("/json", methods=["GET", "HEAD"])
    async def answer() -> dict[str, int]:
        return {"a": 1}

    @app.post("/unread")
    async def unread() -> Response:
        return Response("too much", status_code=413)

    @app.post("/raw")
    async def raw(request: Request) -> Response:
        return Response(await request.body(), media_type="application/json")

    @app.get("/events")
    async def events() -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            for number in range(3):
                yield b'data: {"number": %d}\n\n' % number

        return StreamingResponse(lines(), media_type="text/event-stream")

    @app.get("/endless")
    async def endless() -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            while True:
                yield b'data: {"a": 1}\n\n'
                await asyncio.sleep(0.005)

        return StreamingResponse(lines(), media_type="text/event-stream")

    @app.get("/gone")
    async def gone() -> None:
        raise HTTPException(410, detail={"reason": "old"})

    @app.get("/handled")
    async def handled() -> None:
        raise Refused

    @app.get("/breaks-off")
    async def breaks_off() -> StreamingResponse:
        async def half() -> AsyncIterator[bytes]:
            yield b'{"a": 1, '
            raise ZeroDivisionError

        return StreamingResponse(half(), media_type="application/json")

    @app.post("/strict")
    async def strict(number: int = Body(embed=True)) -> int:
        return number

    @app.exception_handler(Refused)
    async def on_refused(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"handled": True}, status_code=409)

    return app


def talk(base: str, sent: bytes, then: bytes = b"") -> bytes:
    """All bytes that the server answers; ``then`` is sent once the first of them are here."""
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(sent)
        answer = b""
        while chunk := connection.recv(1 << 16):
            answer += chunk
            if then:
                connection.sendall(then)
                then = b""
        return answer


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: shop", "connection: close", *lines, "", ""]).encode()


def same_with_us(
    app: Callable[[], Any], collector: Collector, service: str, use: Callable[[str], Any], **how: Any
) -> Any:
    """What ``use`` finds at a server's address; the same with and without us."""
    with serving(app(), **how) as bare:
        expected = use(bare)
    with serving(watched(app(), collector, service), **how) as with_us:
        found = use(with_us)
    assert found == expected
    collector.wait_until(lambda c: bool(set(c.subjects()) - {""}))
    assert agent_of(service).faults == 0
    assert agent_of(service).held_bytes == 0
    return found


# ------------------------------------------------------------------ HTTP


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_a_client_that_waits_is_told_to_continue_when_the_application_reads(
    http: str, collector: Collector, service: str
) -> None:
    ask = head("POST", "/raw", "content-type: application/json", "expect: 100-continue", "content-length: 8")
    answer = same_with_us(edges, collector, service, lambda base: talk(base, ask, b'{"a": 1}'), http=http)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n")
    assert answer.endswith(b'{"a": 1}')
    assert collector.body("POST /raw request")["documents"] == 1


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_a_client_that_waits_is_not_asked_for_a_body_that_the_application_does_not_read(
    http: str, collector: Collector, service: str
) -> None:
    ask = head("POST", "/unread", "content-type: application/json", "expect: 100-continue", "content-length: 8")
    answer = same_with_us(edges, collector, service, lambda base: talk(base, ask), http=http)
    assert b"100 Continue" not in answer
    assert collector.requests("POST /unread") == {413: 1}
    assert "POST /unread request" not in collector.subjects()


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_a_body_in_chunks_is_one_document(http: str, collector: Collector, service: str) -> None:
    ask = head("POST", "/raw", "content-type: application/json", "transfer-encoding: chunked")
    chunks = b'3\r\n{"a\r\n1\r\n"\r\n4\r\n: 1}\r\n0\r\n\r\n'
    answer = same_with_us(edges, collector, service, lambda base: talk(base, ask + chunks), http=http)
    assert answer.endswith(b'{"a": 1}')
    assert collector.body("POST /raw request")["fields"]["a"]["integers"] == 1


@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/json", 200),
        ("HEAD", "/nowhere", 404),
        ("HEAD", "/empty", 405),
        ("GET", "/empty", 204),
        ("GET", "/unchanged", 304),
    ],
)
def test_a_response_without_a_body_has_none(
    http: str, method: str, path: str, status: int, collector: Collector, service: str
) -> None:
    answer = same_with_us(edges, collector, service, lambda base: talk(base, head(method, path)), http=http)
    assert answer.endswith(b"\r\n\r\n")
    (name,) = set(collector.subjects()) - {""}
    request = collector.subjects()[name]["request"]
    assert request["by_status"] == {status: 1}
    assert (request["first_byte"], request["last_byte"]) == (1, 1)


def test_an_exception_that_is_handled_is_an_answer(collector: Collector, service: str) -> None:
    def use(base: str) -> list[tuple[int, bytes]]:
        return [(r.status_code, r.content) for r in (httpx.get(base + path) for path in ("/gone", "/handled"))]

    assert [status for status, _ in same_with_us(edges, collector, service, use)] == [410, 409]
    collector.wait_until(lambda c: c.requests("GET /handled") == {409: 1})
    assert collector.subjects()["GET /gone"]["request"]["by_exception"] == {}
    assert collector.subjects()["GET /handled"]["request"]["by_exception"] == {}
    assert collector.body("GET /gone response 4xx")["fields"]["detail.reason"]["seen"] == 1


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_an_exception_after_the_response_has_started_cuts_it_off(http: str, collector: Collector, service: str) -> None:
    answer = same_with_us(edges, collector, service, lambda base: talk(base, head("GET", "/breaks-off")), http=http)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert not answer.endswith(b"0\r\n\r\n")
    request = collector.subjects()["GET /breaks-off"]["request"]
    assert (request["by_status"], request["by_exception"]) == ({200: 1}, {"ZeroDivisionError": 1})
    assert (request["first_byte"], request["last_byte"], request["cancelled"]) == (1, 0, 0)
    body = collector.body("GET /breaks-off response 2xx")
    assert (body["not_captured"], body["malformed"]) == (1, 0)


def test_an_exception_that_a_handler_of_all_answers_is_still_one(collector: Collector, service: str) -> None:
    def app() -> FastAPI:
        made = FastAPI()

        @made.get("/fails")
        async def fails() -> None:
            raise Refused

        @made.exception_handler(Exception)
        async def on_any(request: Request, error: Exception) -> JSONResponse:
            return JSONResponse({"sorry": True}, status_code=503)

        return made

    answer = same_with_us(app, collector, service, lambda base: talk(base, head("GET", "/fails")))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(b'{"sorry":true}')
    request = collector.subjects()["GET /fails"]["request"]
    # The handler of all answers outside of every middleware: what it makes of the failure is not seen.
    assert (request["by_status"], request["by_exception"]) == ({500: 1}, {"Refused": 1})


def test_a_body_that_is_not_valid_for_the_application_is_profiled_all_the_same(
    collector: Collector, service: str
) -> None:
    def use(base: str) -> tuple[int, bytes]:
        answer = httpx.post(f"{base}/strict", json={"number": "seven"})
        return answer.status_code, answer.content

    assert same_with_us(edges, collector, service, use)[0] == 422
    assert collector.requests("POST /strict") == {422: 1}
    assert collector.body("POST /strict request")["fields"]["number"]["strings"] == 1
    assert collector.body("POST /strict response 4xx")["fields"]["detail[].type"]["strings"] == 1


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_requests_on_one_connection_are_counted_each(http: str, collector: Collector, service: str) -> None:
    """The second is sent before the first is answered, and the body of the first is never read."""
    first = b"POST /unread HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n"
    pipelined = first + b'{"a": 1}' + head("GET", "/json")
    answer = same_with_us(edges, collector, service, lambda base: talk(base, pipelined), http=http)
    assert answer.count(b"HTTP/1.1 ") == 2
    collector.wait_until(lambda c: c.requests("GET /json") == {200: 1})
    assert collector.requests("POST /unread") == {413: 1}


def test_a_part_of_a_document_is_not_taken_for_a_damaged_one(
    collector: Collector, service: str, tmp_path: Path
) -> None:
    (tmp_path / "prices.json").write_bytes(DOCUMENT)

    def app() -> Starlette:
        return Starlette(routes=[Mount("/files", StaticFiles(directory=tmp_path))])

    def use(base: str) -> list[tuple[int, bytes]]:
        whole = httpx.get(f"{base}/files/prices.json")
        part = httpx.get(f"{base}/files/prices.json", headers={"range": "bytes=2-9"})
        again = httpx.get(f"{base}/files/prices.json", headers={"if-none-match": whole.headers["etag"]})
        return [(answer.status_code, answer.content) for answer in (whole, part, again)]

    assert same_with_us(app, collector, service, use) == [(200, DOCUMENT), (206, DOCUMENT[2:10]), (304, b"")]
    collector.wait_until(lambda c: sum(c.requests("GET /files/{path}").values()) == 3)
    assert collector.requests("GET /files/{path}") == {200: 1, 206: 1, 304: 1}
    body = collector.body("GET /files/{path} response 2xx")
    assert (body["documents"], body["not_captured"], body["malformed"]) == (1, 1, 0)


def test_server_sent_events_pass_as_they_come_and_are_not_profiled(collector: Collector, service: str) -> None:
    answer = same_with_us(edges, collector, service, lambda base: talk(base, head("GET", "/events")))
    assert answer.count(b"data: ") == 3
    assert collector.body("GET /events response 2xx")["not_json"] == 1


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_a_client_that_leaves_an_endless_stream_is_counted_as_cancelled(
    http: str, collector: Collector, service: str
) -> None:
    with serving(watched(edges(), collector, service), http=http) as base:
        with httpx.stream("GET", f"{base}/endless") as response:
            next(response.iter_bytes())
        collector.wait_until(lambda c: "GET /endless" in c.subjects())
    request = collector.subjects()["GET /endless"]["request"]
    assert (request["by_status"], request["cancelled"], request["last_byte"]) == ({200: 1}, 1, 0)


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_a_client_that_stops_in_the_middle_of_its_body_is_counted_as_cancelled(
    http: str, collector: Collector, service: str
) -> None:
    with serving(watched(edges(), collector, service), http=http) as base:
        host, port = base.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(head("POST", "/raw", "content-type: application/json", "content-length: 99") + b'{"a":')
        collector.wait_until(lambda c: "POST /raw" in c.subjects())
    assert collector.subjects()["POST /raw"]["request"]["cancelled"] == 1
    body = collector.body("POST /raw request")
    assert (body["not_captured"], body["documents"]) == (1, 0)
    assert agent_of(service).held_bytes == 0
    assert agent_of(service).faults == 0


# ------------------------------------------------------------------ compressed bodies


DOCUMENT = b'{"customer": {"phone": null}}'


def raw_deflate(content: bytes) -> bytes:
    """RFC 1951 without the header of RFC 1950."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


def zstd(content: bytes, says_its_size: bool = True) -> bytes:
    """One frame of RFC 8878, by hand: blocks as they are, or one byte many times."""
    head = b"\xa0" + len(content).to_bytes(4, "little") if says_its_size else b"\x00\x70"  # else a window of 16 MiB
    pieces = [content[at : at + (128 << 10)] for at in range(0, len(content), 128 << 10)]
    blocks = []
    for number, piece in enumerate(pieces, 1):
        repeated = len(piece) > 1 and piece.count(piece[:1]) == len(piece)
        header = len(piece) << 3 | repeated << 1 | (number == len(pieces))
        blocks.append(header.to_bytes(3, "little") + (piece[:1] if repeated else piece))
    return b"\x28\xb5\x2f\xfd" + head + b"".join(blocks)


PACKED = [
    ("gzip", gzip.compress(DOCUMENT), "documents"),
    ("GZip", gzip.compress(DOCUMENT), "documents"),
    ("x-gzip", gzip.compress(DOCUMENT), "documents"),
    ("deflate", zlib.compress(DOCUMENT), "documents"),
    ("deflate", raw_deflate(DOCUMENT), "documents"),
    ("deflate", raw_deflate(DOCUMENT)[:-3], "compressed"),
    ("deflate", raw_deflate(DOCUMENT) + b"x", "compressed"),
    ("deflate", raw_deflate(b"[" + b" " * (100 << 20) + b"]"), "compressed"),
    ("deflate", b"no deflate at all", "compressed"),
    ("gzip", gzip.compress(b"not json"), "malformed"),
    ("gzip", gzip.compress(DOCUMENT)[:-9], "compressed"),
    ("gzip", gzip.compress(DOCUMENT) + gzip.compress(DOCUMENT), "compressed"),
    ("gzip", b"no gzip at all", "compressed"),
    ("gzip", gzip.compress(b"[" + b" " * (100 << 20) + b"]"), "compressed"),
    ("gzip, gzip", gzip.compress(gzip.compress(DOCUMENT)), "compressed"),
    ("br", b"\x0b\x02\x80{}\x03", "compressed"),
    ("zstd", zstd(DOCUMENT), "documents"),
    ("ZSTD", zstd(DOCUMENT, says_its_size=False), "documents"),
    ("zstd", zstd(b"not json"), "malformed"),
    ("zstd", zstd(DOCUMENT)[:-1], "compressed"),
    ("zstd", zstd(DOCUMENT) + b"x", "compressed"),
    ("zstd", zstd(b" " * (100 << 20)), "compressed"),
    ("zstd", zstd(b" " * bodies.UNPACKED_BYTES_MAX + b" "), "compressed"),
    ("zstd", b"no zstd at all", "compressed"),
]


@pytest.mark.parametrize(("encoding", "packed", "counts_as"), PACKED)
def test_a_compressed_body_is_unpacked_within_limits_or_said_to_be_compressed(
    encoding: str, packed: bytes, counts_as: str, collector: Collector, service: str
) -> None:
    def use(base: str) -> bytes:
        return httpx.post(f"{base}/raw", content=packed, headers={**JSON, "content-encoding": encoding}).content

    assert same_with_us(edges, collector, service, use) == packed
    counted = collector.body("POST /raw request")
    kinds = ("documents", "malformed", "not_json", "compressed", "not_captured")
    assert {kind: counted[kind] for kind in kinds if counted[kind]} == {counts_as: 1}
    if counts_as == "documents":
        assert counted["fields"]["customer.phone"]["nulls"] == 1


def test_a_layer_inside_that_compresses_does_not_hide_the_body(collector: Collector, service: str) -> None:
    def packing() -> FastAPI:
        app = edges()
        app.add_middleware(GZipMiddleware, minimum_size=1)
        return app

    ask = head("GET", "/json", "accept-encoding: gzip")
    answer = same_with_us(packing, collector, service, lambda base: len(talk(base, ask)))
    assert answer > 0
    assert collector.body("GET /json response 2xx")["fields"]["a"]["integers"] == 1


def test_no_more_is_unpacked_than_the_limit() -> None:
    at_limit = b"x" * bodies.UNPACKED_BYTES_MAX
    assert bodies.unpacked(gzip.compress(at_limit)) == at_limit
    assert bodies.unpacked(gzip.compress(at_limit + b"x")) is None


# ------------------------------------------------------------------ WebSockets


def sockets() -> FastAPI:
    app = FastAPI()
    router = APIRouter(prefix="/feeds")

    @app.websocket("/echo/{name}")
    @router.websocket("/{name}")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except WebSocketDisconnect:
            pass

    @app.websocket("/refused")
    async def refused(socket: WebSocket) -> None:
        await socket.close(4001)

    @app.websocket("/denied")
    async def denied(socket: WebSocket) -> None:
        await socket.send_denial_response(JSONResponse({"secret": "payload"}, status_code=429))

    @app.websocket("/broken")
    async def broken(socket: WebSocket) -> None:
        raise Refused

    @app.websocket("/breaks")
    async def breaks(socket: WebSocket) -> None:
        await socket.accept()
        raise Refused

    app.include_router(router, prefix="/api")
    return app


def converse(base: str, path: str) -> list[Any]:
    """What a client sees: the status of the handshake, echoes, the code of the end."""
    try:
        with connect(base.replace("http", "ws") + path) as client:
            try:
                client.send('{"secret": 1}')
                echoed = client.recv(timeout=20)
            except Exception as error:
                return [101, type(error).__name__]
        return [101, echoed, client.close_code]
    except InvalidStatus as refused:
        return [refused.response.status_code, refused.response.body]


@pytest.mark.parametrize("websockets", ["websockets", "websockets-sansio"])
@pytest.mark.parametrize(
    ("path", "name", "status", "exceptions"),
    [
        ("/echo/7", "WEBSOCKET /echo/{name}", 101, {}),
        ("/api/feeds/7", "WEBSOCKET /api/feeds/{name}", 101, {}),
        ("/refused", "WEBSOCKET /refused", 403, {}),
        ("/denied", "WEBSOCKET /denied", 429, {}),
        ("/broken", "WEBSOCKET /broken", 500, {"Refused": 1}),
        ("/breaks", "WEBSOCKET /breaks", 101, {"Refused": 1}),
        ("/nowhere", "(unmatched)", 403, {}),
    ],
)
def test_a_websocket_is_counted_and_never_profiled(
    websockets: str, path: str, name: str, status: int, exceptions: dict[str, int], collector: Collector, service: str
) -> None:
    seen = same_with_us(sockets, collector, service, lambda base: converse(base, path), ws=websockets)
    assert seen[0] == status
    (only,) = set(collector.subjects()) - {""}
    request = collector.subjects()[only]["request"]
    assert (only, request["by_status"], request["by_exception"]) == (name, {status: 1}, exceptions)
    assert (request["last_byte"], request["app_return"]) == (0, 0)
    assert not any(b"secret" in batch for batch in collector.attempts)


# ------------------------------------------------------------------ routes


UUID = "6f1c1b1e-6d0a-4c57-9a53-0c9f6f0f7d11"


async def answer(request: Request) -> Response:
    return JSONResponse({"a": 1})


class Day(Convertor[date]):
    """A converter of the application's own."""

    regex = "[0-9]{8}"

    def convert(self, value: str) -> date:
        return date.fromisoformat(f"{value[:4]}-{value[4:6]}-{value[6:]}")

    def to_string(self, value: date) -> str:
        return f"{value:%Y%m%d}"


register_url_convertor("day", Day())


def many_routes() -> Starlette:
    deep = FastAPI()
    inner, outer = APIRouter(prefix="/inner"), APIRouter(prefix="/outer")
    inner.get("/{number:int}")(lambda number: number)
    inner.get("/files/{rest:path}")(lambda rest: rest)
    inner.get("/prices/{price:float}")(lambda price: price)
    inner.get("/keys/{key:uuid}")(lambda key: key)
    inner.get("/days/{day:day}")(lambda day: day.isoformat())
    outer.include_router(inner, prefix="/v1")
    deep.include_router(outer, prefix="/api")
    return Starlette(
        routes=[
            Host("{tenant}.example.org", app=Router([Route("/in/{value}", answer)])),
            Host("api.test", app=Starlette(routes=[Route("/only/here", answer)])),
            Mount("/sub", app=deep),
            Mount("/group", routes=[Mount("/{kind}", routes=[Route("/item/{number}", answer)])]),
            Route("/slash/", answer, methods=["GET", "POST"]),
        ]
    )


@pytest.mark.parametrize(
    ("method", "host", "path", "name", "status"),
    [
        ("GET", "acme.example.org", "/in/7", "GET /in/{value}", 200),
        ("GET", "acme.example.org", "/secret", "(unmatched)", 404),
        ("GET", "api.test", "/only/here", "GET /only/here", 200),
        ("GET", "other", "/only/here", "(unmatched)", 404),
        ("GET", "other", "/sub/api/outer/v1/inner/7", "GET /sub/api/outer/v1/inner/{number}", 200),
        ("GET", "other", "/sub/api/outer/v1/inner/files/a/b/c", "GET /sub/api/outer/v1/inner/files/{rest}", 200),
        ("GET", "other", "/sub/api/outer/v1/inner/prices/2.5", "GET /sub/api/outer/v1/inner/prices/{price}", 200),
        ("GET", "other", f"/sub/api/outer/v1/inner/keys/{UUID}", "GET /sub/api/outer/v1/inner/keys/{key}", 200),
        ("GET", "other", "/sub/api/outer/v1/inner/days/20261124", "GET /sub/api/outer/v1/inner/days/{day}", 200),
        ("GET", "other", "/sub/api/outer/v1/inner/7/", "GET /sub/{path}", 307),
        ("GET", "other", "/sub/api/outer/v1/inner/seven", "GET /sub/{path}", 404),
        ("POST", "other", "/sub/api/outer/v1/inner/7", "POST /sub/api/outer/v1/inner/{number}", 405),
        ("GET", "other", "/group/red/item/7", "GET /group/{kind}/item/{number}", 200),
        ("GET", "other", "/slash/", "GET /slash/", 200),
        ("GET", "other", "/slash", "(unmatched)", 307),
    ],
)
def test_a_route_is_named_by_its_whole_template(
    method: str, host: str, path: str, name: str, status: int, collector: Collector, service: str
) -> None:
    def use(base: str) -> tuple[int, bytes, str | None, str | None]:
        answer = httpx.request(method, base + path, headers={"host": host})
        # Where a slash redirects to, and what a 405 allows.
        return answer.status_code, answer.content, answer.headers.get("location"), answer.headers.get("allow")

    assert same_with_us(many_routes, collector, service, use)[0] == status
    assert collector.requests(name) == {status: 1}, collector.summary()


# ------------------------------------------------------------------ lifespan


@asynccontextmanager
async def fails_to_start(app: Any) -> AsyncIterator[dict[str, Any]]:
    raise Refused
    yield {}


@asynccontextmanager
async def fails_to_stop(app: Any) -> AsyncIterator[dict[str, Any]]:
    yield {"pool": "of connections"}
    raise Refused


async def knows_no_lifespan(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"


LIFESPANS = {
    "starts and stops": lambda: Starlette(),
    "fails to start": lambda: Starlette(lifespan=fails_to_start),
    "fails to stop": lambda: Starlette(lifespan=fails_to_stop),
    "knows none": lambda: knows_no_lifespan,
}


async def live(app: Any) -> list[Any]:
    """What a server sees of an application that starts and stops: messages, the state, how it ended."""
    sent: list[Any] = []
    state: dict[str, Any] = {}
    incoming = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    try:
        await app({"type": "lifespan", "state": state}, receive, send)
    except BaseException as error:
        return [*sent, state, type(error)]
    return [*sent, state]


@pytest.mark.parametrize("how", LIFESPANS)
def test_an_application_starts_stops_and_fails_as_without_us(how: str, collector: Collector, service: str) -> None:
    expected = asyncio.run(live(LIFESPANS[how]()))
    watching = FieldmarkMiddleware(LIFESPANS[how](), service=service, url=collector.url, version="v1")
    assert asyncio.run(live(watching)) == expected
    assert agent_of(service).faults == 0


# ------------------------------------------------------------------ beside other middleware


async def onward(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    return await call_next(request)


async def reads_first(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    await request.body()
    return await call_next(request)


@pytest.mark.parametrize("dispatch", [onward, reads_first])
@pytest.mark.parametrize("where", ["above", "below", "both"])
def test_a_base_http_middleware_above_or_below_changes_no_count(
    where: str, dispatch: Any, collector: Collector, service: str
) -> None:
    app = edges()

    @app.get("/fails")
    async def fails() -> None:
        raise ZeroDivisionError

    if where != "above":
        app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    watched(app, collector, service)
    if where != "below":
        app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    with serving(app) as base:
        assert httpx.post(f"{base}/raw", content=DOCUMENT, headers=JSON).content == DOCUMENT
        assert httpx.get(f"{base}/fails").status_code == 500
        with httpx.stream("GET", f"{base}/endless") as response:
            next(response.iter_bytes())
        collector.wait_until(lambda c: len(set(c.subjects()) & {"POST /raw", "GET /fails", "GET /endless"}) == 3)
    assert collector.body("POST /raw request")["fields"]["customer.phone"]["nulls"] == 1
    assert collector.body("POST /raw response 2xx")["documents"] == 1
    assert collector.subjects()["GET /fails"]["request"]["by_exception"] == {"ZeroDivisionError": 1}
    assert collector.requests("GET /fails") == {500: 1}
    endless = collector.subjects()["GET /endless"]["request"]
    assert (endless["by_status"], endless["cancelled"], endless["last_byte"]) == ({200: 1}, 1, 0)
    assert (agent_of(service).faults, agent_of(service).held_bytes) == (0, 0)


def test_two_layers_of_other_settings_still_count_once(collector: Collector, service: str) -> None:
    app = FastAPI(title=service)
    app.get("/a")(lambda: {"a": 1})
    sub = FastAPI(title=service)
    sub.get("/b")(lambda: {"b": 1})
    app.mount("/sub", sub)
    for each in (app, sub):
        each.add_middleware(FieldmarkMiddleware, url=collector.url, version="v1")
    app.add_middleware(FieldmarkMiddleware, service=service, url=collector.url, version="v2")
    with serving(app) as base:
        httpx.get(f"{base}/a")
        httpx.get(f"{base}/sub/b")
    collector.wait_until(lambda c: len(set(c.subjects()) & {"GET /a", "GET /sub/b"}) == 2)
    assert (collector.requests("GET /a"), collector.requests("GET /sub/b")) == ({200: 1}, {200: 1})


def test_two_services_in_one_process_each_count_their_own(collector: Collector, service: str) -> None:
    app, sub = edges(), edges()
    app.mount("/sub", sub)
    watched(app, collector, service)
    watched(sub, collector, f"{service}-inner")
    with serving(app) as base:
        httpx.get(f"{base}/json")
        httpx.get(f"{base}/sub/json")
        collector.wait_until(lambda c: "GET /sub/json" in by_service(c).get(f"{service}-inner", {}))
    collector.wait_until(lambda c: len(by_service(c).get(service, {})) == 2)
    assert set(by_service(collector)[service]) == {"GET /json", "GET /sub/json"}


def by_service(collector: Collector) -> dict[str, dict[str, Any]]:
    """Requests by service and route."""
    found: dict[str, dict[str, Any]] = {}
    for batch in list(collector.applied.values()):
        for subjects in batch["minutes"].values():
            for name, subject in subjects.items():
                if "request" in subject:
                    found.setdefault(batch["service"], {})[name] = subject["request"]
    return found


# ------------------------------------------------------------------ without a server


def test_starlette_s_test_client_sees_no_difference(collector: Collector, service: str) -> None:
    with TestClient(watched(edges(), collector, service)) as client:
        assert client.get("/json").json() == {"a": 1}
        assert client.head("/json").content == b""
        assert client.post("/raw", content=DOCUMENT, headers=JSON).content == DOCUMENT
    with TestClient(watched(sockets(), collector, service)) as client, client.websocket_connect("/echo/7") as ws:
        ws.send_text("a")
        assert ws.receive_text() == "a"
    broken = FastAPI()

    @broken.get("/refused")
    async def refused() -> None:
        raise Refused

    with TestClient(watched(broken, collector, service)) as client, pytest.raises(Refused):
        client.get("/refused")
    collector.wait_until(lambda c: c.requests("GET /refused") == {500: 1})
    assert collector.requests("GET /json") == {200: 1}
    assert collector.requests("WEBSOCKET /echo/{name}") == {101: 1}


def test_httpx_s_transport_sees_no_difference(collector: Collector, service: str) -> None:
    async def use(app: Any) -> list[tuple[int, bytes]]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            answers = [
                await client.get("/json"),
                await client.get("/events"),
                await client.post("/raw", content=DOCUMENT, headers=JSON),
                await client.post("/raw", content=chunks(), headers=JSON),
            ]
        return [(answer.status_code, answer.content) for answer in answers]

    async def chunks() -> AsyncIterator[bytes]:
        yield DOCUMENT[:5]
        yield DOCUMENT[5:]

    assert asyncio.run(use(edges())) == asyncio.run(use(watched(edges(), collector, service)))
    collector.wait_until(lambda c: c.requests("POST /raw") == {200: 2})
    assert collector.body("POST /raw request")["documents"] == 2


def test_a_request_that_its_task_cancels_is_counted_as_cancelled(collector: Collector, service: str) -> None:
    entered = asyncio.Event()

    async def waits(request: Request) -> Response:
        entered.set()
        await asyncio.Event().wait()
        return Response()

    app = watched(Starlette(routes=[Route("/waits", waits)]), collector, service)

    async def cancel() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            task = asyncio.create_task(client.get("/waits"))
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancel())
    collector.wait_until(lambda c: "GET /waits" in c.subjects())
    request = collector.subjects()["GET /waits"]["request"]
    assert (request["by_status"], request["cancelled"], request["by_exception"]) == ({0: 1}, 1, {})


def test_a_dependency_that_fails_after_the_response_does_not_change_it(collector: Collector, service: str) -> None:
    def app() -> FastAPI:
        made = FastAPI()

        async def resource() -> AsyncIterator[int]:
            yield 1
            raise Refused

        @made.get("/late")
        async def late(value: int = Depends(resource)) -> dict[str, int]:
            return {"value": value}

        return made

    answer = same_with_us(app, collector, service, lambda base: talk(base, head("GET", "/late")))
    status = int(answer[9:12])
    assert collector.requests("GET /late") == {status: 1}
    assert collector.subjects()["GET /late"]["request"]["by_exception"] == {"Refused": 1}
