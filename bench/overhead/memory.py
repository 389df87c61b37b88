"""What a worker's memory grows by: on the example shop under its own traffic, and with every limit reached.

A process each with and without the middleware, the package's own code included; the same requests, in process.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
VARIETY = HERE.parent / "soak" / "variety.py"
SHOP_REQUESTS = 8_000
VARIETY_REQUESTS = 300_000  # limits are reached after some ten thousand
SEED = 20261128


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def exchange(app: Any, method: str, path: str, body: bytes) -> None:
    plain, _, query = path.partition("?")
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, Any]) -> None:
        pass

    headers = [(b"content-type", b"application/json")] if body else []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": plain, "raw_path": plain.encode(), "query_string": query.encode(), "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    await app(scope, receive, send)


def work(mode: str) -> None:
    """Prints the memory after all requests of the shop."""
    sys.path.insert(0, str(ROOT / "examples" / "shop"))
    if mode == "ours":
        from shop.good import app  # type: ignore[import-not-found]
    else:
        from fastapi import FastAPI

        from shop.shop import Shop  # type: ignore[import-not-found]

        app = FastAPI(title="Shop")
        app.include_router(Shop().router())
    from shop.traffic import make_traffic  # type: ignore[import-not-found]

    async def drive() -> None:
        arrivals = make_traffic(1).arrivals(Random(SEED), time.time)
        for _, request in itertools.islice(arrivals, SHOP_REQUESTS):
            await exchange(app, request.method, request.path, request.body)

    asyncio.run(drive())
    print(resident_mb(), flush=True)
    os._exit(0)


def shop_mb(mode: str) -> float:
    with subprocess.Popen(
        [sys.executable, str(HERE / "sink.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as sink:
        assert sink.stdin and sink.stdout
        environment = {**os.environ, "FIELDMARK_URL": sink.stdout.readline().strip()}
        command = [sys.executable, __file__, mode]
        found = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
        sink.stdin.close()
    return float(found)


def variety_mb(mode: str) -> float:
    command = [sys.executable, str(VARIETY), str(VARIETY_REQUESTS), "--mode", mode]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return float(max(found["samples_mib"])) * 1.048576


def measure() -> dict[str, dict[str, float]]:
    return {
        "shop": {mode: shop_mb(mode) for mode in ("bare", "ours")},
        "every limit reached": {mode: variety_mb({"ours": "watched"}.get(mode, mode)) for mode in ("bare", "ours")},
    }


def goals(result: dict[str, dict[str, float]]) -> list[dict[str, object]]:
    most = {"shop": 15.0, "every limit reached": 64 * 1.048576}
    added = {what: row["ours"] - row["bare"] for what, row in result.items()}
    return [
        {"of": f"MB of memory added, {what}", "reached": mb, "goal": most[what], "met": mb <= most[what]}
        for what, mb in added.items()
    ]


def show(result: dict[str, dict[str, float]]) -> None:
    print("\nresident memory of a process, MB")
    for what, row in result.items():
        print(f"  {what:<34}{row['bare']:8.1f} bare{row['ours']:8.1f} ours{row['ours'] - row['bare']:+8.1f}")


if __name__ == "__main__":
    work(sys.argv[1])
