"""Stands between the workers and a real server: passes everything on as it is, and keeps each batch that the server
applied. With a certificate it speaks TLS, as a proxy before the server does."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fieldmark import _core
from support import WAIT_SECONDS_MAX, add

FORWARDED = ("Authorization", "Content-Type", "User-Agent", "Fieldmark-Clock")


class Relay:
    """``applied`` has the batches by service, in order of their application."""

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        self.applied: dict[str, list[dict[str, Any]]] = {}
        self._server_port = port
        self._changed = threading.Condition()
        self._listener = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._listener.daemon_threads = True
        self._scheme = "http" if certificate is None else "https"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._listener.socket = context.wrap_socket(self._listener.socket, server_side=True)
        threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._listener.server_address[1]}"

    def close(self) -> None:
        self._listener.shutdown()
        self._listener.server_close()

    def wait_until(self, service: str, holds: Callable[[list[dict[str, Any]]], bool], otherwise: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self.applied.get(service, [])), WAIT_SECONDS_MAX), otherwise

    def _pass_on(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._server_port, timeout=WAIT_SECONDS_MAX)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if path.endswith("/batches") and json.loads(answer).get("outcome") == "applied":
            batch = _core.read_batch(body)
            with self._changed:
                self.applied.setdefault(batch["service"], []).append(batch)
                self._changed.notify_all()
        return response.status, answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name: self.headers[name] for name in FORWARDED if name in self.headers}
                status, answer = relay._pass_on(self.command, self.path, body, headers)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def subjects(batches: list[dict[str, Any]]) -> dict[str, Any]:
    """Added up over workers and minutes."""
    total: dict[str, Any] = {}
    for batch in batches:
        for of_minute in batch["minutes"].values():
            for name, subject in of_minute.items():
                total[name] = add(total.get(name, {}), subject)
    return total
