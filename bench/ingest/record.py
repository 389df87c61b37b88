#!/usr/bin/env python3
"""Batches as workers send them: two shops in one service behind the real middleware, recorded.

    python bench/ingest/record.py FILE [--batches N] [--requests N]

Each batch is what one worker sends after an interval of the shop's usual mix of requests, with every kind of request in
it at least once, so that it has all fifty subjects; no two have the same orders and customers. FILE holds one after the
other: four bytes of length, lowest first, then the batch.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import httpx
from fastapi import FastAPI

from shop.replay import poisson_table
from shop.shop import Shop
from shop.traffic import Request, make_traffic

SHOPS = ("/eu", "/us")
HASH_KEY = "000102030405060708090a0b0c0d0e0f"
SEED = 20261128


class Sink(BaseHTTPRequestHandler):
    """Takes every batch and keeps it."""

    protocol_version = "HTTP/1.1"
    batches: list[bytes] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body.startswith(b"FMBT"):
            self.batches.append(body)
        reply = {"formats": [2, 1], "hash_key": HASH_KEY, "interval_s": 60, "paused": False, "outcome": "applied"}
        text = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


def requests_of_interval(number: int, count: int) -> list[Request]:
    """About `count`, of all shops together, in an order of their own."""
    random = Random(f"record/{SEED}/{number}")
    requests = []
    for shop in SHOPS:
        traffic = make_traffic(random.randrange(2**32))
        for group, share in zip(traffic.groups, traffic.mix(12 * 3600), strict=True):
            draws = poisson_table(share * count / len(SHOPS))
            chance = random.random()
            times = max(1, sum(chance > bound for bound in draws))
            for request in random.choices(group.requests, k=times):
                requests.append(Request(request.method, shop + request.path, request.body))
    random.shuffle(requests)
    return requests


async def record(count: int, requests: int) -> list[bytes]:
    from fieldmark import FieldmarkMiddleware, agent

    app = FastAPI()
    for shop in SHOPS:
        app.include_router(Shop().router(), prefix=shop)
    app.add_middleware(FieldmarkMiddleware, service="shop", environment="bench", version="good")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http:
        # The first request begins the sending, and the first round comes by itself; after it all waits for us.
        await http.get(f"{SHOPS[0]}/health")
        while not Sink.batches:
            await asyncio.sleep(0.05)
        Sink.batches.clear()
        [watching] = agent._agents.values()
        for number in range(count):
            for request in requests_of_interval(number, requests):
                await http.request(request.method, request.path, content=request.body or None, headers=request.headers)
            await asyncio.to_thread(watching.flush, 60.0)
            print(f"\rrecorded {number + 1} of {count} batches", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return Sink.batches


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--batches", type=int, default=96)
    parser.add_argument("--requests", type=int, default=40, help="in each, about")
    arguments = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["FIELDMARK_URL"] = f"http://127.0.0.1:{server.server_address[1]}"
    batches = asyncio.run(record(arguments.batches, arguments.requests))
    arguments.file.write_bytes(b"".join(struct.pack("<I", len(batch)) + batch for batch in batches))
    return 0


if __name__ == "__main__":
    sys.exit(main())
