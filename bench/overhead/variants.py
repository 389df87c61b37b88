"""What is compared: each takes the FastAPI application and returns what a server would serve."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ASGIApp = Callable[[Any, Any, Any], Any]


class Noop:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def bare(app: Any) -> ASGIApp:
    return app


def noop(app: Any) -> ASGIApp:
    """An ASGI middleware that does nothing."""
    app.add_middleware(Noop)
    return app


def fieldmark(app: Any) -> ASGIApp:
    """All on: every field of both bodies, batches sent to a server that takes them."""
    from fieldmark import FieldmarkMiddleware

    app.add_middleware(FieldmarkMiddleware, service="bench", version="v1", url=_start_sink())
    return app


def prometheus(app: Any) -> ASGIApp:
    """prometheus-fastapi-instrumentator with its defaults; sees no fields."""
    from prometheus_fastapi_instrumentator import Instrumentator

    Instrumentator().instrument(app).expose(app)
    return app


VARIANTS = {"bare": bare, "noop": noop, "fieldmark": fieldmark, "prometheus": prometheus}


def importable() -> list[str]:
    import importlib.util

    needs = {"fieldmark": "fieldmark", "prometheus": "prometheus_fastapi_instrumentator"}
    return [name for name in VARIANTS if name not in needs or importlib.util.find_spec(needs[name])]


class _Sink(BaseHTTPRequestHandler):
    """Answers as the server does, and forgets."""

    protocol_version = "HTTP/1.1"
    reply = (
        b'{"formats":[1],"hash_key":"000102030405060708090a0b0c0d0e0f",'
        b'"interval_s":5,"paused":false,"outcome":"applied"}'
    )

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.reply)))
        self.end_headers()
        self.wfile.write(self.reply)

    def log_message(self, *_: Any) -> None:
        pass


def _start_sink() -> str:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"
