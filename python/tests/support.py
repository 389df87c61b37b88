"""A collector that stands in for the server, and uvicorn in a thread."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import uvicorn

from fieldmark import _core

HASH_KEY = "000102030405060708090a0b0c0d0e0f"
WAIT_SECONDS_MAX = 20.0


class Collector:
    """A real HTTP server that speaks the worker's side of the API and keeps every batch it was sent.

    ``answers`` is a queue of (status, headers) for the next batches; an empty queue means 200, and status 0 that the
    connection ends without an answer. A batch that ``refuses`` is true of is answered 422. Batches answered 2xx are
    in ``applied``, by (instance, sequence).
    """

    def __init__(self, port: int = 0, interval_s: float = 0.2) -> None:
        self.interval_s = interval_s
        self.paused = False
        self.clock_ahead_s = 0.0  # of the true time
        self.formats = [2, 1]
        self.hellos: list[dict[str, Any]] = []
        self.attempts: list[bytes] = []
        self.tokens: list[str | None] = []
        self.applied: dict[tuple[bytes, int], dict[str, Any]] = {}
        self.refuses: Callable[[dict[str, Any]], bool] = lambda _: False
        self.answers: list[tuple[int, dict[str, str]]] = []
        self._connections: list[socket.socket] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Gone, kept connections too."""
        self._server.shutdown()
        self._server.server_close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def wait_until(self, holds: Callable[[Collector], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self), WAIT_SECONDS_MAX), self.summary()

    def subjects(self) -> dict[str, dict[str, Any]]:
        """All that was applied, added up over batches and minutes."""
        total: dict[str, dict[str, Any]] = {}
        for batch in list(self.applied.values()):
            for by_subject in batch["minutes"].values():
                for name, subject in by_subject.items():
                    total[name] = add(total.get(name, {}), subject)
        return total

    def requests(self, route: str) -> dict[int, int]:
        return self.subjects().get(route, {}).get("request", {}).get("by_status", {})

    def body(self, subject: str) -> dict[str, Any]:
        return self.subjects().get(subject, {}).get("body", {})

    def summary(self) -> str:
        return json.dumps({name: subject.get("request") for name, subject in self.subjects().items()})

    def _reply(self, path: str, body: bytes, token: str | None) -> tuple[int, dict[str, str], dict[str, Any]]:
        common = {"formats": self.formats, "interval_s": self.interval_s, "paused": self.paused}
        with self._changed:
            self.tokens.append(token)
            if path == "/api/v1/hello":
                self.hellos.append(json.loads(body))
                self._changed.notify_all()
                now = datetime.now(timezone.utc) + timedelta(seconds=self.clock_ahead_s)
                return 200, {}, {**common, "hash_key": HASH_KEY, "server_time": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
            self.attempts.append(body)
            status, headers = self.answers.pop(0) if self.answers else (200, {})
            if 200 <= status < 300 and self.refuses(_core.read_batch(body)):
                status = 422
            outcome = "applied"
            if 200 <= status < 300:
                batch = _core.read_batch(body)
                key = (batch["instance"], batch["sequence"])
                outcome = "duplicate" if key in self.applied else "applied"
                self.applied.setdefault(key, batch)
            self._changed.notify_all()
            return status, headers, {**common, "outcome": outcome}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                collector._connections.append(self.connection)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, reply = collector._reply(self.path, body, self.headers["Authorization"])
                if status == 0:
                    self.close_connection = True
                    return
                content = json.dumps(reply).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def add(left: Any, right: Any) -> Any:
    """Sums numbers and unites lists, key by key."""
    if isinstance(right, dict):
        return {key: add(left.get(key, {}) if left else {}, right[key]) if key in right else left[key]
                for key in {**(left or {}), **right}}  # fmt: skip
    if isinstance(right, tuple):
        return tuple(add(mine, its) for mine, its in zip(left or (None,) * len(right), right, strict=True))
    if isinstance(right, list):
        return sorted({*(left or ()), *right})
    return (left or 0) + right


@contextmanager
def serving(app: Any, **options: Any) -> Iterator[str]:
    """The application under a real uvicorn, in a thread. Gives its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", date_header=False, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    pause = Pause()
    while not server.started:
        assert thread.is_alive(), "uvicorn did not start"
        pause.until_next("uvicorn did not start")
    try:
        yield "http://{}:{}".format(*server.servers[0].sockets[0].getsockname())
    finally:
        server.should_exit = True
        thread.join(WAIT_SECONDS_MAX)
        assert not thread.is_alive()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until ``process`` listens."""
    pause = Pause()
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, "the process ended instead of listening"
            pause.until_next("the process did not listen")


class Pause:
    """Between two looks at something that comes in its own time; gives up when it does not come."""

    def __init__(self, seconds_max: float = WAIT_SECONDS_MAX) -> None:
        self._until_s = time.monotonic() + seconds_max
        self._event = threading.Event()

    def until_next(self, otherwise: str) -> None:
        assert time.monotonic() < self._until_s, otherwise
        self._event.wait(0.02)
