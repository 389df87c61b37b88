"""The host application: nothing that passes is changed, and what passes is counted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.middleware.gzip import GZipMiddleware

from fieldmark import FieldmarkMiddleware, _core, agent
from support import Collector, serving

JSON = {"content-type": "application/json"}


class Customer(BaseModel):
    name: str
    phone: str | None = None


class Order(BaseModel):
    customer: Customer
    items: list[dict[str, Any]]


class Refused(Exception):
    pass


def shop() -> FastAPI:
    """An application of every kind of answer."""
    app = FastAPI()

    @app.post("/orders")
    async def create(order: Order) -> Order:
        return order

    @app.post("/raw")
    async def raw(request: Request) -> Response:
        return Response(await request.body(), media_type="application/json")

    @app.get("/blocking/{number}")
    def blocking(number: int) -> dict[str, int]:
        return {"number": number}

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield b'{"parts": ['
            yield b"1, 2"
            yield b"]}"

        return StreamingResponse(chunks(), media_type="application/json")

    @app.get("/text")
    async def text() -> Response:
        return Response("no json", media_type="text/plain")

    @app.get("/refused")
    async def refused() -> None:
        raise Refused("of a customer's secret")

    @app.get("/half")
    async def half() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield b'{"half": '
            raise Refused

        return StreamingResponse(chunks(), media_type="application/json")

    @app.get("/later")
    async def later(tasks: BackgroundTasks) -> dict[str, bool]:
        tasks.add_task(asyncio.sleep, 0)
        return {"ok": True}

    return app


def watched(app: Any, collector: Collector, service: str, **settings: Any) -> Any:
    app.add_middleware(FieldmarkMiddleware, service=service, url=collector.url, version="v1", **settings)
    return app


# What a client may send to /orders or /raw, and how it counts as a body of the request.
BODIES: list[tuple[str, bytes, str]] = [
    ("fine", b'{"customer": {"name": "Ada"}, "items": []}', "documents"),
    ("refused by the model", b'{"customer": 7}', "documents"),
    ("malformed", b'{"customer": }', "malformed"),
    ("truncated", b'{"customer": {"name": "A', "malformed"),
    ("not UTF-8", b'{"customer": {"name": "\xff\xfe"}, "items": []}', ""),
    ("empty object", b"{}", "documents"),
    ("only blanks", b"   ", "malformed"),
    ("NUL bytes", b"\x00\x00\x00", "malformed"),
    ("a scalar", b"17", "documents"),
    ("deeply nested", b"[" * 20_000 + b"]" * 20_000, ""),
    ("duplicate keys", b'{"a": 1, "a": 2}', "documents"),
    ("not finite", b'{"a": NaN, "b": Infinity}', ""),
    ("beyond 64 bits", b'{"a": ' + b"9" * 400 + b"}", "documents"),
    ("huge", json.dumps({"customer": {"name": "x" * (1 << 20)}, "items": []}).encode(), "not_captured"),
    ("lone surrogate", b'{"customer": {"name": "\\ud800"}, "items": []}', ""),
]


def fetch(base: str, method: str, path: str, body: bytes = b"") -> bytes:
    """All bytes of the response: status line, headers, body."""
    host, port = base.removeprefix("http://").split(":")
    head = f"{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode() + b"content-type: application/json\r\n\r\n" + body)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(1 << 16):
                answer += chunk
    return answer


def fetch_all(base: str) -> list[bytes]:
    posts = [fetch(base, "POST", path, body) for path in ("/orders", "/raw") for _, body, _ in BODIES]
    paths = ("/blocking/7", "/blocking/x", "/stream", "/text", "/refused", "/half", "/later", "/nowhere", "/docs")
    return posts + [fetch(base, method, path) for path in paths for method in ("GET", "HEAD", "DELETE")]


def test_responses_are_byte_for_byte_the_same_with_and_without(collector: Collector, service: str) -> None:
    with serving(shop()) as bare, serving(watched(shop(), collector, service)) as with_us:
        expected = fetch_all(bare)
        found = fetch_all(with_us)
    assert found == expected
    assert all(answer.startswith(b"HTTP/1.1 ") for answer in found)
    collector.wait_until(lambda c: sum(c.requests("POST /orders").values()) == len(BODIES))
    assert sum(sum(s["request"]["by_status"].values()) for s in collector.subjects().values() if "request" in s) == len(
        expected
    )


@pytest.mark.parametrize(("body", "counts_as"), [(body, kind) for _, body, kind in BODIES], ids=[b[0] for b in BODIES])
def test_a_strange_body_is_counted_once_and_the_request_goes_on(
    body: bytes, counts_as: str, collector: Collector, service: str
) -> None:
    with serving(watched(shop(), collector, service)) as base:
        response = httpx.post(f"{base}/raw", content=body, headers=JSON)
    assert response.content == body
    collector.wait_until(lambda c: c.requests("POST /raw") == {200: 1})
    counted = collector.body("POST /raw request")
    kinds = ("documents", "malformed", "not_json", "compressed", "not_captured")
    assert sum(counted[kind] for kind in kinds) == 1
    if counts_as:
        assert counted[counts_as] == 1
    assert agent_of(service).faults == 0


def agent_of(service: str) -> agent.Agent:
    return next(each for (_, name), each in agent._agents.items() if name == service)


def test_fields_of_both_bodies_are_counted(collector: Collector, service: str) -> None:
    with serving(watched(shop(), collector, service)) as base:
        for phone in ("+49 30 1234567", None, None):
            order = {"customer": {"name": "Ada", "phone": phone}, "items": [{"sku": "a"}, {"sku": "b"}]}
            assert httpx.post(f"{base}/orders", json=order).status_code == 200
    collector.wait_until(lambda c: c.requests("POST /orders") == {200: 3})
    for subject in ("POST /orders request", "POST /orders response 2xx"):
        fields = collector.body(subject)["fields"]
        assert fields["customer.phone"]["nulls"] == 2
        assert fields["customer.phone"]["seen"] == 3
        assert fields["items[].sku"]["seen"] == 6


def test_routes_statuses_and_exceptions_are_counted(collector: Collector, service: str) -> None:
    with serving(watched(shop(), collector, service)) as base:
        for path in ("/blocking/7", "/blocking/x", "/refused", "/nowhere/a", "/nowhere/b", "/later"):
            httpx.get(base + path)
    collector.wait_until(lambda c: c.requests("GET /later") == {200: 1})
    assert collector.requests("GET /blocking/{number}") == {200: 1, 422: 1}
    assert collector.requests("GET /refused") == {500: 1}
    assert collector.subjects()["GET /refused"]["request"]["by_exception"] == {"Refused": 1}
    assert collector.requests("(unmatched)") == {404: 2}
    assert not any("nowhere" in name for name in collector.subjects())
    assert not any(b"secret" in batch for batch in collector.attempts)


def test_a_streamed_body_is_profiled_and_a_cut_one_is_not(collector: Collector, service: str) -> None:
    with serving(watched(shop(), collector, service)) as base:
        assert httpx.get(f"{base}/stream").json() == {"parts": [1, 2]}
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{base}/half")
    collector.wait_until(lambda c: c.requests("GET /half") == {200: 1})
    assert collector.body("GET /stream response 2xx")["fields"]["parts[]"]["integers"] == 2
    assert collector.body("GET /half response 2xx")["not_captured"] == 1
    half = collector.subjects()["GET /half"]["request"]
    assert (half["first_byte"], half["last_byte"], half["app_return"]) == (1, 0, 1)
    assert half["by_exception"] == {"Refused": 1}


def test_only_json_is_profiled_and_compressed_json_is_said_to_be(collector: Collector, service: str) -> None:
    packed = b"bytes of a form that the standard library of Python does not know"
    with serving(watched(shop(), collector, service)) as base:
        httpx.get(f"{base}/text")
        httpx.post(f"{base}/raw", content=packed, headers={**JSON, "content-encoding": "br"})
        httpx.post(f"{base}/raw", content=b"a=1", headers={"content-type": "application/x-www-form-urlencoded"})
        httpx.post(f"{base}/raw", content=b'{"a":1}', headers={"content-type": "application/problem+JSON; q=1"})
        httpx.post(f"{base}/raw", content=b'{"a":1}')
    collector.wait_until(lambda c: c.requests("POST /raw") == {200: 4})
    body = collector.body("POST /raw request")
    assert (body["documents"], body["compressed"], body["not_json"]) == (1, 1, 2)
    assert collector.body("GET /text response 2xx")["not_json"] == 1


def test_a_layer_outside_that_compresses_does_not_hide_the_body(collector: Collector, service: str) -> None:
    app = watched(shop(), collector, service)
    app.add_middleware(GZipMiddleware, minimum_size=1)
    order = {"customer": {"name": "Ada" * 500}, "items": []}
    with serving(app) as base:
        response = httpx.post(f"{base}/orders", json=order)
    assert response.headers["content-encoding"] == "gzip"
    collector.wait_until(lambda c: c.requests("POST /orders") == {200: 1})
    assert collector.body("POST /orders response 2xx")["documents"] == 1


def test_values_leave_only_of_the_fields_that_are_revealed(
    collector: Collector, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "fieldmark")
    reveal = ["items[].sku", "POST /orders request customer.name"]
    app = watched(shop(), collector, service, reveal=reveal, hash_key="00112233445566778899aabbccddeeff")
    order = {"customer": {"name": "Ada", "phone": "+49 30 1234567"}, "items": [{"sku": "A-1", "note": "a secret"}]}
    with serving(app) as url:
        for _ in range(3):
            httpx.post(f"{url}/orders", json=order)
    collector.wait_until(lambda c: c.requests("POST /orders") == {200: 3})
    subjects = collector.subjects()
    revealed = {
        f"{subject} {path}": field["revealed"]
        for subject, summary in subjects.items()
        for path, field in summary.get("body", {}).get("fields", {}).items()
        if field["revealed"]
    }
    assert revealed == {
        "POST /orders request items[].sku": {"A-1": 3},
        "POST /orders request customer.name": {"Ada": 3},
        "POST /orders response 2xx items[].sku": {"A-1": 3},
    }
    for planted in ("1234567", "a secret", "Ada", "A-1"):
        assert planted not in caplog.text


def test_fields_that_are_dropped_are_not_recorded_nor_what_is_below_them(collector: Collector, service: str) -> None:
    drop = ["customer.name", "POST /orders request items"]
    app = watched(shop(), collector, service, drop=drop, reveal=["customer.name", "items[].sku"])
    order = {"customer": {"name": "Ada", "phone": None}, "items": [{"sku": "A-1"}]}
    with serving(app) as url:
        httpx.post(f"{url}/orders", json=order)
    collector.wait_until(lambda c: c.requests("POST /orders") == {200: 1})
    paths = {
        subject: set(summary["body"]["fields"])
        for subject, summary in collector.subjects().items()
        if "body" in summary
    }
    sent = {"", "customer", "customer.phone"}
    assert paths["POST /orders request"] == sent
    assert paths["POST /orders response 2xx"] >= {*sent, "items", "items[]", "items[].sku"}
    assert "customer.name" not in paths["POST /orders response 2xx"]
    assert not any(b"Ada" in batch for batch in collector.attempts)


def test_of_a_sample_all_requests_are_counted_and_the_share_of_their_bodies_profiled(
    collector: Collector, service: str
) -> None:
    requests = 400
    app = watched(shop(), collector, service, sample=0.25)
    with serving(app) as url, httpx.Client() as client:
        for _ in range(requests):
            client.post(f"{url}/orders", json={"customer": {"name": "Ada"}, "items": []})
    collector.wait_until(lambda c: c.requests("POST /orders") == {200: requests})
    received, sent = collector.body("POST /orders request"), collector.body("POST /orders response 2xx")
    assert received["documents"] + received["not_sampled"] == requests
    assert sent["documents"] == received["documents"]  # both bodies of a request, or none
    assert received["fields"]["customer.name"]["strings"] == received["documents"]
    assert 60 < received["documents"] < 140  # of 400, a quarter, within five standard deviations


@pytest.mark.parametrize(("sample", "profiled"), [(0, 0), (1, 1)])
def test_a_sample_may_be_none_or_all(sample: float, profiled: int, collector: Collector, service: str) -> None:
    app = watched(shop(), collector, service, sample=sample)
    with serving(app) as url:
        httpx.post(f"{url}/orders", json={"customer": {"name": "Ada"}, "items": []})
    collector.wait_until(lambda c: c.requests("POST /orders") == {200: 1})
    received = collector.body("POST /orders request")
    assert (received["documents"], received["not_sampled"]) == (profiled, 1 - profiled)


def test_a_client_that_leaves_is_counted_as_cancelled(collector: Collector, service: str) -> None:
    reached = asyncio.Event()
    app = FastAPI()

    @app.get("/slow")
    async def slow(request: Request) -> None:
        while not await request.is_disconnected():
            reached.set()
            await asyncio.sleep(0.005)

    async def leave() -> None:
        host, port = base.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        await writer.drain()
        while not reached.is_set():
            await asyncio.sleep(0.005)
        writer.close()

    with serving(watched(app, collector, service)) as base:
        asyncio.run(leave())
        collector.wait_until(lambda c: "GET /slow" in c.subjects())
    assert collector.subjects()["GET /slow"]["request"]["cancelled"] == 1


# ------------------------------------------------------------------ plain ASGI, message by message

Sent = list[dict[str, Any]]
HTTP = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def exchange(app: Any, incoming: list[dict[str, Any]], scope: dict[str, Any] = HTTP) -> Sent:
    sent: Sent = []
    waiting = iter(incoming)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app({**scope}, receive, send)
    return sent


def test_messages_pass_as_the_very_same_objects(collector: Collector, service: str) -> None:
    incoming = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": bytearray(b"b"), "more_body": False},
        {"type": "http.extension", "anything": object()},
    ]
    outgoing: Sent = [
        {"type": "http.response.start", "status": 200, "headers": ((b"Content-Type", b"application/json"),)},
        {"type": "http.response.debug", "info": {}},
        {"type": "http.response.body", "body": memoryview(b"{}"), "more_body": True},
        {"type": "http.response.body"},
        {"type": "http.response.trailers", "headers": []},
    ]
    received: Sent = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received.extend([await receive() for _ in incoming])
        for message in outgoing:
            await send(message)

    wrapped = FieldmarkMiddleware(app, service=service, url=collector.url)
    sent = asyncio.run(exchange(wrapped, incoming))
    assert list(map(id, received)) == list(map(id, incoming))
    assert list(map(id, sent)) == list(map(id, outgoing))
    collector.wait_until(lambda c: c.requests("(unmatched)") == {200: 1})
    assert collector.body("(unmatched) response 2xx")["documents"] == 1
    assert agent_of(service).faults == 0


def test_nothing_is_received_or_sent_that_the_application_did_not_ask_for(collector: Collector, service: str) -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        return None

    wrapped = FieldmarkMiddleware(silent, service=service, url=collector.url)
    assert asyncio.run(exchange(wrapped, [])) == []  # an unasked receive would raise StopIteration
    collector.wait_until(lambda c: c.requests("(unmatched)") == {0: 1})


def test_headers_that_can_be_read_only_once_reach_the_server(collector: Collector, service: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": iter([(b"a", b"b")])})
        await send({"type": "http.response.body", "body": b"x"})

    wrapped = FieldmarkMiddleware(app, service=service, url=collector.url)
    sent = asyncio.run(exchange(wrapped, []))
    assert list(sent[0]["headers"]) == [(b"a", b"b")]


@pytest.mark.parametrize("kind", ["websocket", "lifespan", "made-up"])
def test_what_is_not_http_passes_untouched(kind: str, collector: Collector, service: str) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive))
        await send({"type": f"{kind}.anything"})

    scope = {"type": kind}

    async def receive() -> dict[str, Any]:
        raise AssertionError("called on our own account")

    async def send(message: Any) -> None:
        seen.append(message)

    asyncio.run(FieldmarkMiddleware(app, service=service, url=collector.url)(scope, receive, send))
    assert seen[0][0] is scope
    assert seen[0][1] is receive
    assert seen[1] == {"type": f"{kind}.anything"}


@pytest.mark.parametrize("raised", [Refused("x"), KeyboardInterrupt(), asyncio.CancelledError(), SystemExit(3)])
def test_an_exception_is_the_very_same_one_outside(raised: BaseException, collector: Collector, service: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise raised

    wrapped = FieldmarkMiddleware(app, service=service, url=collector.url)

    async def call() -> BaseException | None:
        try:
            await exchange(wrapped, [])
        except BaseException as error:
            return error
        return None

    assert asyncio.run(call()) is raised
    collector.wait_until(lambda c: "(unmatched)" in c.subjects())
    request = collector.subjects()["(unmatched)"]["request"]
    if isinstance(raised, asyncio.CancelledError):
        assert (request["cancelled"], request["by_exception"]) == (1, {})
    else:
        assert request["by_exception"] == {type(raised).__name__: 1}
    assert request["by_status"] == {500 if isinstance(raised, Refused) else 0: 1}


class Group(Exception):
    """Stands in for ExceptionGroup, which Python has from 3.11 on."""

    def __init__(self, *exceptions: BaseException) -> None:
        super().__init__()
        self.exceptions = exceptions


@pytest.mark.parametrize(
    ("raised", "counted"),
    [
        (Group(Refused()), "Refused"),
        (Group(Group(Refused())), "Refused"),
        (Group(Refused(), ValueError()), "Group"),
        (Group(), "Group"),
    ],
)
def test_an_exception_that_a_task_group_wraps_alone_is_counted_by_its_own_type(
    raised: Exception, counted: str, collector: Collector, service: str
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise raised

    wrapped = FieldmarkMiddleware(app, service=service, url=collector.url)
    with pytest.raises(Group):
        asyncio.run(exchange(wrapped, []))
    collector.wait_until(lambda c: "(unmatched)" in c.subjects())
    assert collector.subjects()["(unmatched)"]["request"]["by_exception"] == {counted: 1}


def test_two_layers_count_a_request_once(collector: Collector, service: str) -> None:
    app = watched(watched(shop(), collector, service), collector, service)
    with serving(app) as base:
        httpx.get(f"{base}/blocking/1")
    collector.wait_until(lambda c: bool(c.requests("GET /blocking/{number}")))
    assert collector.requests("GET /blocking/{number}") == {200: 1}


def test_bodies_held_by_all_requests_together_are_limited(collector: Collector, service: str) -> None:
    whole = b"[" + b" " * (_core.BODY_BYTES_MAX - 2) + b"]"
    fitting = _core.HELD_BYTES_MAX // len(whole)
    all_arrived = asyncio.Event()
    held: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        held.append(agent_of(service).held_bytes)
        if len(held) > fitting:
            all_arrived.set()
        await all_arrived.wait()

    wrapped = FieldmarkMiddleware(app, service=service, url=collector.url)
    scope = {**HTTP, "headers": [(b"content-type", b"application/json")]}

    async def together() -> None:
        await asyncio.gather(
            *(exchange(wrapped, [{"type": "http.request", "body": whole}], scope) for _ in range(fitting + 1))
        )

    asyncio.run(together())
    collector.wait_until(lambda c: c.requests("(unmatched)") == {0: fitting + 1})
    body = collector.body("(unmatched) request")
    assert (body["not_captured"], body["documents"]) == (1, fitting)
    assert max(held) == fitting * len(whole)
    assert agent_of(service).held_bytes == 0


def test_routes_that_are_left_out_are_not_counted_at_all(collector: Collector, service: str) -> None:
    with serving(watched(shop(), collector, service, exclude=["/raw", "(unmatched)"])) as base:
        assert httpx.post(f"{base}/raw", content=b"{}", headers=JSON).content == b"{}"
        assert httpx.get(f"{base}/nowhere").status_code == 404
        assert httpx.get(f"{base}/blocking/1").json() == {"number": 1}
    collector.wait_until(lambda c: bool(c.requests("GET /blocking/{number}")))
    assert {name.partition(" response")[0] for name in collector.subjects()} == {"", "GET /blocking/{number}"}
    assert agent_of(service).held_bytes == 0


def test_with_bodies_off_only_their_sizes_are_counted(collector: Collector, service: str) -> None:
    with serving(watched(shop(), collector, service, bodies=False)) as base:
        assert httpx.post(f"{base}/raw", content=b'{"a": 1}', headers=JSON).content == b'{"a": 1}'
        held = agent_of(service).held_bytes
    collector.wait_until(lambda c: c.requests("POST /raw") == {200: 1})
    assert set(collector.subjects()) == {"", "POST /raw"}
    assert held == 0


def test_the_last_flush_does_not_hold_up_the_loop(
    collector: Collector, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    wrapped = FieldmarkMiddleware(app, service=service, url=collector.url)
    others_went_on = threading.Event()
    monkeypatch.setattr(agent.Agent, "flush", lambda _: others_went_on.wait(20))

    async def shut_down() -> Sent:
        asyncio.get_running_loop().call_later(0.01, others_went_on.set)
        return await exchange(wrapped, [], {"type": "lifespan"})

    assert [message["type"] for message in asyncio.run(shut_down())] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert others_went_on.is_set()


# ------------------------------------------------------------------ our own faults


class Broken:
    """An extension of which every call raises."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def fail(*_: Any, **__: Any) -> Any:
            raise RuntimeError("planted")

        return fail


def test_when_every_call_of_the_extension_raises_responses_are_the_same(
    collector: Collector, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "fieldmark")
    app = watched(shop(), collector, service)
    with serving(shop()) as bare, serving(app) as with_us:
        agent_of(service).recorder = Broken()  # type: ignore[assignment]
        expected = fetch_all(bare)
        found = fetch_all(with_us)
    assert found == expected
    background_tasks = 2  # of both applications: tasks belong to the process
    assert agent_of(service).faults == len(expected) + background_tasks
    lines = [record for record in caplog.records if "fault of Fieldmark's own" in record.getMessage()]
    assert len(lines) == 1


def test_when_nothing_can_be_made_the_application_runs_alone(
    collector: Collector, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "_core", Broken())
    with serving(watched(shop(), collector, service)) as base:
        assert httpx.get(f"{base}/blocking/1").json() == {"number": 1}
        assert httpx.get(f"{base}/blocking/2").json() == {"number": 2}
    assert collector.hellos == []


def test_settings_that_cannot_be_meant_switch_us_off_and_say_so(
    service: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FIELDMARK_URL", "not an address")
    app = shop()
    app.add_middleware(FieldmarkMiddleware, service=service)
    with serving(app) as base:
        assert httpx.get(f"{base}/blocking/1").json() == {"number": 1}
    assert "FIELDMARK_URL" in caplog.text
    assert "not an address" not in caplog.text
    assert agent._agents == {}


def test_disabled_means_that_nothing_starts(collector: Collector, service: str) -> None:
    with serving(watched(shop(), collector, service, disabled=True)) as base:
        assert httpx.get(f"{base}/blocking/1").json() == {"number": 1}
    assert agent._agents == {}
    assert collector.hellos == []


def test_a_service_is_named_after_the_application_s_title(collector: Collector) -> None:
    app = FastAPI(title="Orders API")
    app.add_middleware(FieldmarkMiddleware, url=collector.url, version="v1")
    with serving(app):
        collector.wait_until(lambda c: bool(c.hellos))
    assert collector.hellos[0] == {"service": "orders-api", "environment": "production"}
