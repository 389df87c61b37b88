"""What the application awaits in place of the server's own: no one can tell the difference."""

from __future__ import annotations

import asyncio
import gc
import gzip
import inspect
import types
import weakref
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from fieldmark import FieldmarkMiddleware, _core
from fieldmark.agent import Agent
from fieldmark.settings import Settings

BODY: dict[str, Any] = {"type": "http.response.body", "body": b"{}"}
REQUEST: dict[str, Any] = {"type": "http.request", "body": b'{"a": 1}'}


class Mapping(dict):  # type: ignore[type-arg]
    """A dict to which there are weak references."""


def scope(**more: Any) -> Mapping:
    return Mapping(type="http", method="GET", path="/", headers=[(b"content-type", b"application/json")], **more)


@pytest.fixture
def agent() -> Agent:
    return Agent(Settings(), "orders")


async def nothing(*_: Any) -> None:
    return None


def begun(agent: Agent, receive: Any = nothing, send: Any = nothing) -> Any:
    return _core.Exchange(agent, scope(), receive, send)


def counted(agent: Agent) -> dict[str, Any]:
    outbox = _core.Outbox("orders", "production", "v1", bytes(16))
    outbox.collect(agent.recorder)
    frozen = outbox.freeze(1)
    assert frozen is not None
    (minute,) = _core.read_batch(frozen[1])["minutes"].values()  # type: ignore[attr-defined]
    return minute  # type: ignore[no-any-return]


# ------------------------------------------------------------------ as a server may answer


class Future:
    """Awaited by an iterator that takes neither exceptions nor values."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Any:
        return Iterator(self._value)


class Iterator:
    def __init__(self, value: Any) -> None:
        self._value = value
        self._steps = 2

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> None:
        self._steps -= 1
        if self._steps == 0:
            raise StopIteration(self._value)


async def soon(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


@types.coroutine
def by_generator(value: Any) -> Generator[None, None, Any]:
    yield
    return value


def done(value: Any) -> Awaitable[Any]:
    future = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


WAYS: list[Callable[[Any], Any]] = [soon, by_generator, done, Future]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("message", [REQUEST, None, (1, 2), KeyError("x"), "text", {}], ids=repr)
def test_whatever_a_server_answers_and_however_is_what_the_application_gets(
    way: Callable[[Any], Any], message: Any, agent: Agent
) -> None:
    async def use() -> None:
        exchange = begun(agent, lambda: way(message), lambda _: way(message))
        assert await exchange.receive() is message
        assert await exchange.send(BODY) is message
        assert await asyncio.wait_for(exchange.receive(), 5) is message
        assert await asyncio.ensure_future(exchange.send(BODY)) is message
        exchange.finish(None)

    asyncio.run(use())
    assert agent.faults == (0 if message is REQUEST else 2)  # received what is no message


@pytest.mark.parametrize("call", ["receive", "send"])
def test_an_exception_of_the_server_is_the_very_same_one_inside(call: str, agent: Agent) -> None:
    error = OSError("gone")

    async def fails(*_: Any) -> None:
        await asyncio.sleep(0)
        raise error

    async def use() -> None:
        exchange = begun(agent, fails, fails)
        with pytest.raises(OSError) as found:
            await (exchange.receive() if call == "receive" else exchange.send(BODY))
        assert found.value is error
        exchange.finish(None)

    asyncio.run(use())
    assert counted(agent)["(unmatched)"]["request"]["last_byte"] == 0
    assert agent.faults == 0


def test_a_call_that_fails_at_once_fails_at_once(agent: Agent) -> None:
    def fails(*_: Any) -> None:
        raise OSError

    exchange = begun(agent, fails, fails)
    with pytest.raises(OSError):
        exchange.receive()
    with pytest.raises(OSError):
        exchange.send(BODY)
    with pytest.raises(OSError):
        exchange.send(BODY, BODY)


@pytest.mark.parametrize("way", ["await", "throw"])
def test_a_server_that_swallows_a_cancellation_has_the_last_word(way: str, agent: Agent) -> None:
    async def stubborn() -> Any:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return REQUEST

    async def use() -> None:
        exchange = begun(agent, stubborn)
        if way == "throw":
            receiving = exchange.receive()
            receiving.send(None)
            with pytest.raises(StopIteration) as stop:
                receiving.throw(asyncio.CancelledError())
            assert stop.value.value is REQUEST
        else:
            task = asyncio.ensure_future(exchange.receive())
            await asyncio.sleep(0)
            task.cancel()
            assert await task is REQUEST
        exchange.finish(None)

    asyncio.run(use())
    assert counted(agent)["(unmatched) request"]["body"]["documents"] == 1


def test_a_cancellation_reaches_the_server_and_comes_back(agent: Agent) -> None:
    seen: list[str] = []

    async def waits(*_: Any) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append("cancelled")

    async def use() -> None:
        exchange = begun(agent, waits, waits)
        for awaitable in (exchange.receive(), exchange.send(BODY)):
            task = asyncio.ensure_future(awaitable)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(use())
    assert seen == ["cancelled"] * 2


def test_an_iterator_that_takes_no_exceptions_raises_them_where_it_waits(agent: Agent) -> None:
    receiving = begun(agent, lambda: Future(None)).receive()
    receiving.send(None)
    with pytest.raises(KeyError, match="planted"):
        receiving.throw(KeyError("planted"))
    receiving.close()


def test_closing_closes_the_server_s(agent: Agent) -> None:
    coroutines = []

    def send(_: Any) -> Any:
        coroutines.append(soon(None))
        return coroutines[-1]

    sending = begun(agent, send=send).send(BODY)
    sending.send(None)
    assert (sending.cr_frame, sending.cr_running) == (coroutines[0].cr_frame, False)
    assert inspect.getcoroutinestate(sending) == inspect.CORO_SUSPENDED
    assert asyncio.iscoroutine(sending) and sending.__qualname__ == "soon"
    sending.close()
    assert inspect.getcoroutinestate(coroutines[0]) == inspect.CORO_CLOSED


def test_messages_pass_by_name_too(agent: Agent) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def use() -> None:
        exchange = begun(agent, send=send)
        await exchange.send(message={"type": "http.response.start", "status": 201})
        await exchange.send(message=BODY)
        exchange.finish(None)
        await exchange.send(BODY)  # after the end: the server's affair

    asyncio.run(use())
    assert sent[1:] == [BODY, BODY]
    request = counted(agent)["(unmatched)"]["request"]
    assert (request["by_status"], request["last_byte"]) == ({201: 1}, 1)


# ------------------------------------------------------------------ garbage


@pytest.mark.parametrize(
    "message",
    [
        {"type": "http.response.start", "status": "two hundred"},
        {"type": "http.response.start", "status": -1},
        {"type": "http.response.start", "status": 1 << 70},
        {"type": "http.response.start"},
        {"type": "http.response.body", "body": 7},
        {"type": "http.response.body", "body": "text", "more_body": True},
        {},
        [],
        None,
    ],
    ids=repr,
)
def test_a_message_that_is_none_passes_and_is_a_fault(message: Any, agent: Agent) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def use() -> None:
        exchange = begun(agent, send=send)
        await exchange.send({"type": "http.response.start", "status": 200, "headers": scope()["headers"]})
        await exchange.send(message)
        exchange.finish(None)

    asyncio.run(use())
    assert sent[1] is message
    assert agent.faults == 1
    assert counted(agent)["(unmatched)"]["request"]["by_status"] == {200: 1}


HEADERS: list[Any] = [
    None, 7, [7], [()], [(b"content-type",)], [(b"content-type", None)], [("content-type", "application/json")],
    [(b"content-type", b"application/json", b"")], {b"content-type": b"application/json"},
]  # fmt: skip


@pytest.mark.parametrize("headers", HEADERS, ids=repr)
def test_headers_that_are_none_say_nothing(headers: Any, agent: Agent) -> None:
    async def use() -> None:
        exchange = begun(agent)
        await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})
        await exchange.send(BODY)
        exchange.finish(None)

    asyncio.run(use())
    assert agent.faults == 0
    assert counted(agent)["(unmatched) response 2xx"]["body"]["not_json"] == 1


def test_an_interrupt_in_our_own_code_is_the_application_s_to_handle(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("fieldmark.routes.route_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        begun(agent).finish(None)


# ------------------------------------------------------------------ large bodies

LARGE = b'{"items": [' + b",".join([b'{"sku": "a", "price": 1.5}'] * 4_000) + b"]}"  # 108 kB


async def pass_both_ways(exchange: Any, parts: list[Any]) -> None:
    for _ in parts:
        await exchange.receive()
    await exchange.send({"type": "http.response.start", "status": 200, "headers": scope()["headers"]})
    for number, part in enumerate(parts, 1):
        await exchange.send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})
    exchange.finish(None)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("size", [len(LARGE), 16_384, 1_000])
def test_a_large_body_counts_field_by_field_as_a_small_one_does(size: int, kind: Any, agent: Agent) -> None:
    parts = [kind(LARGE[start : start + size]) for start in range(0, len(LARGE), size)]
    incoming = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    incoming[-1]["more_body"] = False
    waiting = iter(incoming)
    asyncio.run(pass_both_ways(begun(agent, lambda: soon(next(waiting))), parts))
    agent.recorder.settle(20.0)
    bodies = counted(agent)
    for subject in ("(unmatched) request", "(unmatched) response 2xx"):
        assert bodies[subject]["body"]["documents"] == 1
        assert bodies[subject]["body"]["fields"]["items[].price"]["floats"] == 4_000
    assert agent.held_bytes == 0


def test_a_body_that_is_large_when_unpacked_is_profiled(agent: Agent) -> None:
    packed = {**REQUEST, "body": gzip.compress(LARGE)}
    packed_scope = scope()
    packed_scope["headers"] = [*packed_scope["headers"], (b"content-encoding", b"gzip")]

    async def use() -> None:
        exchange = _core.Exchange(agent, packed_scope, lambda: soon(packed), nothing)
        await exchange.receive()
        exchange.finish(None)

    asyncio.run(use())
    agent.recorder.settle(20.0)
    body = counted(agent)["(unmatched) request"]["body"]
    assert body["fields"]["items[].price"]["floats"] == 4_000
    assert agent.held_bytes == 0


def test_large_bodies_after_the_end_and_what_was_left_then_count_as_not_captured(agent: Agent) -> None:
    async def use(times: int) -> None:
        for _ in range(times):
            exchange = begun(agent, lambda: soon({"type": "http.request", "body": LARGE}))
            await exchange.receive()
            exchange.finish(None)

    asyncio.run(use(20))
    agent.recorder.close(0.0)
    asyncio.run(use(1))
    body = counted(agent)["(unmatched) request"]["body"]
    assert body["documents"] + body["not_captured"] == 21
    assert body["not_captured"] >= 1
    assert agent.held_bytes == 0


# ------------------------------------------------------------------ nothing stays


def test_a_finished_exchange_keeps_neither_scope_nor_bodies(agent: Agent) -> None:
    async def use() -> None:
        watched = scope()
        gone = weakref.ref(watched)
        exchange = _core.Exchange(agent, watched, lambda: soon(REQUEST), nothing)
        watched["ours"] = exchange  # a cycle, as applications make
        await exchange.receive()
        assert agent.held_bytes == len(REQUEST["body"])
        exchange.finish(None)
        assert agent.held_bytes == 0
        del watched, exchange
        assert gone() is None  # without the collector

    gc.disable()
    try:
        asyncio.run(use())
    finally:
        gc.enable()


def test_an_exchange_that_never_ends_is_collected(agent: Agent) -> None:
    async def use() -> weakref.ref[Any]:
        watched = scope()
        exchange = _core.Exchange(agent, watched, lambda: soon(REQUEST), nothing)
        watched["ours"] = exchange
        await exchange.receive()
        return weakref.ref(watched)

    gone = asyncio.run(use())
    gc.collect()
    assert gone() is None
    assert agent.held_bytes == 0


def test_the_middleware_is_a_coroutine_function_and_gives_coroutines() -> None:
    wrapped = FieldmarkMiddleware(nothing, disabled=True)
    assert inspect.iscoroutinefunction(wrapped.__call__)
    coroutine = wrapped(scope(), nothing, nothing)
    assert inspect.iscoroutine(coroutine)
    coroutine.close()


def test_an_application_that_is_gone_takes_the_names_of_its_routes_along(agent: Agent) -> None:
    class Route:
        path_format = "/orders/{id}"

    def record(route: Route) -> None:
        exchange = _core.Exchange(agent, scope(route=route), nothing, nothing)
        exchange.finish(None)

    first = Route()
    gone = weakref.ref(first)
    record(first)
    record(first)
    del first
    assert gone() is None
    for number in range(200):  # of which some take the place of others in memory
        route = Route()
        route.path_format = f"/{number}"
        record(route)
        del route
    names = {f"GET /{number}" for number in range(200)} | {"GET /orders/{id}"}
    assert {name for name in counted(agent) if name} == names
