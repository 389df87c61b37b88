#!/usr/bin/env python3
"""How long the serving thread waits for Fieldmark's sending thread: wall time of requests while batches leave.

    python bench/overhead/stalls.py [--seconds N]

50 routes whose answers have 20 fields each, 1 000 in all, under a plain ASGI application that does nothing else.
Variants in processes of their own, in turns: without the middleware; without it beside a thread that sends as many
bytes every 0.2 s, which shows what any second thread costs on this machine; with batches every 5 s, and every 0.2 s.
The receiving end is another process.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ROUTES, FIELDS = 50, 20
TURNS = 3
BODIES = 8  # of each route
HEADERS = [(b"content-type", b"application/json")]
VARIANTS = ("without", "sending alone", "5", "0.2")  # or the seconds between batches
BATCH_BYTES = 100_000  # about what such a batch has


class Route:
    def __init__(self, number: int) -> None:
        self.path_format = f"/things/{number}"


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def application() -> Any:
    rng = random.Random(1)
    answers = [
        [encoded({f"field_{n}": rng.choice([rng.random(), f"text {rng.random()}", n]) for n in range(FIELDS)})
         for _ in range(BODIES)]
        for _ in range(ROUTES)
    ]  # fmt: skip
    routes = [Route(number) for number in range(ROUTES)]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        number = scope["number"]
        scope["route"] = routes[number % ROUTES]
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": answers[number % ROUTES][number // ROUTES % BODIES]})

    return app


async def drive(app: Any, seconds: float) -> list[int]:
    """Nanoseconds of each request."""
    spent = []

    async def send(message: Any) -> None:
        pass

    clock = time.perf_counter_ns
    until = clock() + int(seconds * 1e9)
    number = 0
    now = clock()
    while now < until:
        for _ in range(20):
            number += 1
            scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "number": number}
            started = clock()
            await app(scope, send, send)
            now = clock()
            spent.append(now - started)
        await asyncio.sleep(0.001)  # about a fifth of a core: a busy worker, not a benchmark
    return spent


def work(variant: str, seconds: float) -> None:
    app = application()
    if variant != "without":
        command = [sys.executable, __file__, "--sink", "5" if variant == "sending alone" else variant]
        sink = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert sink.stdout is not None
        url = sink.stdout.readline().strip()
        if variant == "sending alone":
            threading.Thread(target=send_bytes, args=(url,), daemon=True).start()
        else:
            app = watched(app, url)
    asyncio.run(drive(app, 1.0))
    print(json.dumps(asyncio.run(drive(app, seconds))))
    sys.stdout.flush()
    os._exit(0)  # the sink ends with its standard input


def watched(app: Any, url: str) -> Any:
    from fieldmark import FieldmarkMiddleware, transport

    transport.INTERVAL_S_RANGE = (0.1, 60.0)
    return FieldmarkMiddleware(app, service="stalls", version="v1", url=url)


def send_bytes(url: str) -> None:
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    while True:
        time.sleep(0.2)
        connection.request("POST", "/", bytes(BATCH_BYTES))
        connection.getresponse().read()


def receive_batches(interval_s: float) -> None:
    reply = json.dumps(
        {"formats": [1], "hash_key": "00" * 16, "interval_s": interval_s, "paused": False, "outcome": "applied"}
    ).encode()

    class Sink(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()


def at(values: list[int], share: float) -> float:
    return values[int(share * (len(values) - 1))] / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=12.0, help="of each variant and turn")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--sink", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sink is not None:
        receive_batches(arguments.sink)
    elif arguments.work is not None:
        work(arguments.work, arguments.seconds)
    else:
        spent: dict[str, list[int]] = {name: [] for name in VARIANTS}
        for _ in range(TURNS):
            for name in VARIANTS:
                command = [sys.executable, __file__, "--work", name, "--seconds", str(arguments.seconds)]
                spent[name] += json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        print(f"{'wall µs a request':<20}{'n':>9}{'p50':>9}{'p99':>9}{'p99.9':>9}{'p99.99':>9}{'max':>10}")
        for variant, values in spent.items():
            name = variant if variant in ("without", "sending alone") else f"a batch every {variant} s"
            values.sort()
            shown = "".join(f"{at(values, share):9.1f}" for share in (0.5, 0.99, 0.999, 0.9999))
            print(f"{name:<20}{len(values):9}{shown}{values[-1] / 1000:10.1f}")


if __name__ == "__main__":
    main()
