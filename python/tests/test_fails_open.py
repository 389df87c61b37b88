"""Whatever of ours breaks, the application answers byte for byte as without us, in its own time, and says so once.

Each seam (see seams.py) is broken in turn under a real application: it raises, or returns what nobody can use; what
runs on the sending thread also hangs. No call into the extension that the serving thread makes may wait for anything:
a hang inside it could not be ended, so that is measured instead.
"""

from __future__ import annotations

import gzip
import logging
import resource
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from functools import cache, partial
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse

import fieldmark
from fieldmark import FieldmarkMiddleware, _core, agent, transport
from seams import Seam, replaced, seams
from support import HASH_KEY, WAIT_SECONDS_MAX, Collector, Pause, serving

EXCHANGE_SECONDS_MAX = 1.0
ORDER = b'{"customer":{"phone":null},"items":[{"price":1.5}]}'
SEAMS = seams()
# Of the first batches, so that all of the transport is in use; one connection that was lost is no trouble yet.
TROUBLE = [(503, {"Retry-After": "Mon, 02 Feb 2026 12:00:00 GMT"}), (0, {}), (0, {})]
log = logging.getLogger("shop.fails_open")


# ------------------------------------------------------------------ the application


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/small")
    async def small() -> dict[str, int]:
        log.error("small %s", 1)
        return {"a": 1}

    @app.post("/orders")
    async def orders(request: Request, background: BackgroundTasks) -> dict[str, Any]:
        size = len(await request.body())
        background.add_task(counted)
        return {"size": size}

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for part in (b'{"a":', b"[1,2", b"]}"):
                yield part

        return StreamingResponse(parts(), media_type="application/json")

    @app.get("/fails")
    async def fails() -> None:
        raise KeyError("of the application")

    @app.websocket("/feed")
    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    return app


@fieldmark.job("fails-open")
def counted() -> int:
    return 1


def watched(collector: Collector, name: str) -> FastAPI:
    app = application()
    app.add_middleware(FieldmarkMiddleware, service=name, url=collector.url, version="v1", exclude=["/left-out"])
    return app


# ------------------------------------------------------------------ requests, in process and through uvicorn


def scope_of(method: str, path: str, headers: list[tuple[bytes, bytes]] | None = None) -> dict[str, Any]:
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http", "headers": headers or [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip


JSON = [(b"content-type", b"application/json")]
PACKED = [*JSON, (b"content-encoding", b"gzip")]
HALVES = [
    {"type": "http.request", "body": ORDER[:9], "more_body": True},
    {"type": "http.request", "body": ORDER[9:], "more_body": False},
]
EXCHANGES: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    (scope_of("GET", "/small"), []),
    (scope_of("HEAD", "/small"), []),
    (scope_of("POST", "/orders", JSON), HALVES),
    (scope_of("POST", "/orders", PACKED), [{"type": "http.request", "body": gzip.compress(ORDER, mtime=0)}]),
    (scope_of("GET", "/stream"), []),
    (scope_of("GET", "/nowhere"), []),
    (scope_of("GET", "/fails"), []),
    ({**scope_of("GET", "/feed"), "type": "websocket", "scheme": "ws", "subprotocols": []},
     [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}]),
    ({"type": "lifespan", "asgi": {"version": "3.0"}}, [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]),
]  # fmt: skip


async def messages_of(app: Any, scope: dict[str, Any], received: list[dict[str, Any]]) -> list[Any]:
    """All that the application sends, and what it raises in the end."""
    waiting = [dict(message) for message in received] or [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    try:
        await app(dict(scope), receive, send)
    except Exception as error:
        sent.append(type(error))
    return sent


def in_process(app: Any) -> list[Any]:
    """On a loop of its own, in this thread."""
    import asyncio

    async def all_of_them() -> list[Any]:
        seen = []
        for scope, received in EXCHANGES:
            started_s = time.perf_counter()
            seen.append(await messages_of(app, scope, received))
            if scope["type"] != "lifespan":  # which may take a second to send the rest
                assert time.perf_counter() - started_s < EXCHANGE_SECONDS_MAX, scope["path"]
        return seen

    return asyncio.run(all_of_them())


REQUESTS = [
    b"GET /small HTTP/1.1\r\n",
    b"HEAD /small HTTP/1.1\r\n",
    b"POST /orders HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ORDER), ORDER),
    b"GET /stream HTTP/1.1\r\n",
    b"GET /nowhere HTTP/1.1\r\n",
    b"GET /fails HTTP/1.1\r\n",
]


class Switch:
    """One uvicorn for many applications, one after the other."""

    def __init__(self) -> None:
        self.app: Any = None
        self.address = ("", 0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    def answers(self, app: Any) -> list[bytes]:
        """The very bytes of each answer."""
        self.app = app
        return [self._answer(request) for request in REQUESTS]

    def _answer(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        head = head.removesuffix(b"\r\n") + b"\r\nhost: a\r\nconnection: close\r\n\r\n"
        answer = b""
        started_s = time.perf_counter()
        with socket.create_connection(self.address, timeout=WAIT_SECONDS_MAX) as connection:
            connection.sendall(head + body)
            while part := connection.recv(1 << 16):
                answer += part
        assert time.perf_counter() - started_s < EXCHANGE_SECONDS_MAX, head
        return answer


@pytest.fixture(scope="module")
def switch() -> Iterator[Switch]:
    switch = Switch()
    with serving(switch, lifespan="off") as base:
        host, _, port = base.removeprefix("http://").partition(":")
        switch.address = (host, int(port))
        yield switch


@cache
def expected_in_process() -> list[Any]:
    return in_process(application())


_expected_answers: list[bytes] = []


def expected_answers(switch: Switch) -> list[bytes]:
    if not _expected_answers:
        _expected_answers.extend(switch.answers(application()))
        assert b"200 OK" in _expected_answers[0]
        assert b"500 Internal" in _expected_answers[-1]
    return _expected_answers


# ------------------------------------------------------------------ breaking


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> Iterator[None]:
    """Rounds follow each other at once."""
    monkeypatch.setattr(transport, "INTERVAL_S_DEFAULT", 0.01)
    monkeypatch.setenv("FIELDMARK_URL", collector.url)
    collector.interval_s = 0.01
    collector.answers = list(TROUBLE)
    handler = fieldmark.LogCounter()
    log.addHandler(handler)
    log.propagate = False
    yield
    log.removeHandler(handler)


class Uses:
    """Of one seam: on which threads, and what becomes of them."""

    def __init__(self) -> None:
        self.threads: set[str] = set()
        self.seen = threading.Event()
        self.go_on = threading.Event()

    def note(self) -> None:
        self.threads.add("sending" if threading.current_thread().name == "fieldmark" else "serving")
        self.seen.set()

    def wait(self) -> None:
        assert self.seen.wait(WAIT_SECONDS_MAX), "nothing used the seam that was broken"


class Unusable:
    """Answers nothing that anybody could ask of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("garbage")

    def __bool__(self) -> bool:
        raise RuntimeError("garbage")


def broken(seam: Seam, how: str, uses: Uses) -> Any:
    def instead(real: Callable[[], Any]) -> Any:
        if seam.name.startswith(("threading.", "socket.")) and not _is_ours():
            return real()
        uses.note()
        if how == "raises":
            raise RuntimeError("broken")
        if how == "hangs":
            uses.go_on.wait(WAIT_SECONDS_MAX)
            return real()
        return None if how == "returns nothing" else Unusable()

    return replaced(seam, instead)


def _is_ours() -> bool:
    """Whether it is Fieldmark's code that asks."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == transport.__file__:
            return True
        frame = frame.f_back
    return False


@cache
def threads_of_seams() -> dict[str, set[str]]:
    """Where each seam is used when nothing is broken."""
    with closing(Collector(interval_s=0.01)) as collector, pytest.MonkeyPatch.context() as patch:
        collector.answers = list(TROUBLE)
        uses = {seam.name: Uses() for seam in SEAMS}

        def noted(seam: Seam) -> Any:
            def instead(real: Callable[[], Any]) -> Any:
                uses[seam.name].note()
                return real()

            return replaced(seam, instead)

        for seam in SEAMS:
            patch.setattr(seam.owner, seam.attribute, noted(seam))
        patch.setattr(transport, "INTERVAL_S_DEFAULT", 0.01)
        in_process(watched(collector, "all-seams"))
        fail_of_our_own()
        collector.wait_until(lambda c: len(c.applied) > 1)
        agent.stop_all()
        agent._agents.clear()
    return {name: each.threads for name, each in uses.items()}


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("fieldmark") and record.levelno >= logging.WARNING
    ]


def fail_of_our_own() -> None:
    for each in agent._agents.values():
        each.fault(RuntimeError())


def faults() -> int:
    return agent.orphaned.total + sum(each.faults for each in agent._agents.values())


# ------------------------------------------------------------------ what must hold


@pytest.fixture
def ask(switch: Switch, collector: Collector, service: str) -> Callable[[], None]:
    """Asks a watched application for everything, in process and through uvicorn: each answer must be that of the
    unwatched one, which was asked before anything is broken."""
    expected = expected_in_process(), expected_answers(switch)

    def ask() -> None:
        app = watched(collector, service)
        assert in_process(app) == expected[0]
        assert switch.answers(app) == expected[1]

    return ask


def test_the_exchanges_use_every_seam_there_is() -> None:
    """One that is new must be used by them too: what is not used is not shown to fail open."""
    unused = {name for name, threads in threads_of_seams().items() if not threads}
    assert unused == set(), "add an exchange above that uses them, or say in seams.py why none can"


@pytest.mark.parametrize("how", ["raises", "returns nothing", "returns garbage"])
@pytest.mark.parametrize("seam", SEAMS, ids=[seam.name for seam in SEAMS])
def test_a_broken_seam_changes_no_answer(
    seam: Seam, how: str, ask: Callable[[], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    uses = Uses()
    with monkeypatch.context() as patch:
        patch.setattr(seam.owner, seam.attribute, broken(seam, how, uses))
        ask()
        if seam.attribute == "count_dropped":
            fail_of_our_own()
        if seam.attribute in ("stop", "close"):
            agent.stop_all()
        uses.wait()
        if how == "raises":
            pause = Pause()
            while not faults() and not warnings_of(caplog):
                pause.until_next("nothing was counted or said")
        agent.stop_all()
    lines = warnings_of(caplog)
    assert len(lines) - len([line for line in lines if line.startswith("sending to")][:1]) <= 1, lines
    assert all("broken" not in line and "garbage" not in line for line in lines)


@pytest.mark.parametrize("how", ["raises", "returns nothing", "returns garbage"])
def test_with_everything_broken_no_answer_changes(
    how: str, ask: Callable[[], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        for seam in SEAMS:
            patch.setattr(seam.owner, seam.attribute, broken(seam, how, Uses()))
        ask()
        agent.stop_all()
    assert faults() > 0
    assert len(warnings_of(caplog)) == 1


@pytest.mark.parametrize("seam", SEAMS, ids=[seam.name for seam in SEAMS])
def test_what_hangs_on_the_way_to_the_server_keeps_nobody_waiting(
    seam: Seam,
    switch: Switch,
    collector: Collector,
    service: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if threads_of_seams()[seam.name] != {"sending"}:
        pytest.skip("also used where requests are served: see the next test")
    expected = expected_in_process(), expected_answers(switch)
    uses = Uses()
    with monkeypatch.context() as patch:
        patch.setattr(agent, "FLUSH_SECONDS_MAX", 0.4)
        patch.setattr(seam.owner, seam.attribute, broken(seam, "hangs", uses))
        app = watched(collector, service)
        assert in_process(app) == expected[0]
        if seam.attribute == "count_dropped":
            fail_of_our_own()
        uses.wait()
        assert switch.answers(app) == expected[1]
        started_s = time.monotonic()
        agent.stop_all()
        assert time.monotonic() - started_s < agent.FLUSH_SECONDS_MAX + 0.5
        uses.go_on.set()
    assert len(warnings_of(caplog)) <= 2


WORK: dict[str, Callable[[Any], None]] = {
    "empties it": lambda recorder: _core.Outbox("a", "b", "c", bytes(16)).collect(recorder),
    "changes its key": lambda recorder: recorder.set_hash_key(HASH_KEY),
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_nothing_on_the_serving_thread_waits_for_anything(
    work: Callable[[Any], None], collector: Collector, service: str
) -> None:
    """A thread that waits gives up its processor of its own accord, and the system counts how often it does.

    Meanwhile another thread is at work on the same recorder and a large backlog, without the interpreter's lock. Both
    have their memory from one system, where on a busy machine one may meet the other by chance; what waits for the
    other's work does so each time.
    """
    app = watched(collector, service)
    in_process(app)
    (running,) = agent._agents.values()
    running.stop(WAIT_SECONDS_MAX)
    assert 0 in (waits_beside(work, app, running) for _ in range(5))


def waits_beside(work: Callable[[Any], None], app: Any, running: agent.Agent) -> int:
    """Of this thread, until the other has done its work."""
    running.recorder = _core.Recorder()  # whose bodies are profiled beside, which ended with the stop
    fill(running.recorder)
    worked_s: list[float] = []

    def other_work() -> None:
        work(running.recorder)
        worked_s.append(time.thread_time())

    other = threading.Thread(target=other_work)
    seen: list[tuple[int, float]] = []  # waits, and how long the other had worked by its own clock
    switch_interval_s = sys.getswitchinterval()
    sys.setswitchinterval(60.0)  # nobody takes the interpreter from a thread that does not wait
    try:
        other.start()
        clock = time.pthread_getcpuclockid(other.ident or 0)
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        for serve in served_alone(app) * 50:
            serve()
            waits = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before
            seen.append((waits, time.clock_gettime(clock)))
    finally:
        sys.setswitchinterval(switch_interval_s)
        other.join()
    meanwhile = [waits for waits, other_s in seen if other_s < worked_s[0]]
    assert len(meanwhile) > 20, "the other was done too soon for this to say anything"
    return seen[-1][0]


def served_alone(app: Any) -> list[Callable[[], Any]]:
    """What waits for nobody of itself. Python's zlib gives up the interpreter, and would wait for the other thread."""
    alone = [each for each in EXCHANGES if each[0]["type"] != "lifespan" and each[0]["headers"] != PACKED]
    return [*(partial(run_without_a_loop, app, scope, received) for scope, received in alone), counted]


def fill(recorder: Any) -> None:
    for minute in range(400):
        for route in range(40):
            recorder.record(f"GET /{route}", 200, minute * 60_000, request_state=_core.BODY_CAPTURED, request=ORDER)


def run_without_a_loop(app: Any, scope: dict[str, Any], received: list[dict[str, Any]]) -> None:
    """Which would wait between two events; nothing here does."""
    with pytest.raises(StopIteration):
        messages_of(app, scope, received).send(None)
