"""A server that takes every batch and keeps what it counts. Prints where it is; ends when its standard input does."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fieldmark import _core

REPLY = json.dumps(
    {
        "formats": [1],
        "hash_key": "000102030405060708090a0b0c0d0e0f",
        "interval_s": 5,
        "paused": False,
        "outcome": "applied",
    }
).encode()


class Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    found = {"requests": 0, "documents": 0}  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body.startswith(b"FMBT"):
            count(body, self.found)
        self._answer(REPLY)

    def do_GET(self) -> None:
        self._answer(json.dumps(self.found).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def count(batch: bytes, found: dict[str, int]) -> None:
    for subjects in _core.read_batch(batch)["minutes"].values():  # type: ignore[attr-defined]
        for subject in subjects.values():
            found["requests"] += sum(subject.get("request", {}).get("by_status", {}).values())
            found["documents"] += subject.get("body", {}).get("documents", 0)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()
