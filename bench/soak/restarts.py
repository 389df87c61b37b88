#!/usr/bin/env python3
"""Does everything arrive, once, however often things are restarted?

    ./dev bench soak [MINUTES] [--seed N]

Workers of the example shop serve seeded requests. Meanwhile the server is told to end or killed, and workers are told
to end, at random; each comes back. In the end the server's store must have counted exactly the answers that the load
generator got: by route and status, and the JSON documents of both bodies.

A worker is told to end only while the server has been up for some seconds: what a worker holds when it ends while the
server is away is lost, and we say so. Workers are not killed here for the same reason.

Exit: 0 all counts equal · 1 some differ · 2 could not run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx

from shop.traffic import Group, Request, make_traffic

WORKERS = 2
CLIENTS = 6
CATCH_UP_S = 12.0  # two intervals of five seconds, and some
GAP_S = (2.0, 7.0)  # between one restart and the next
DOWN_S = (0.0, 8.0)  # of the server
START_S_MAX = 60.0


class Child:
    """One process, started again under the same port."""

    def __init__(self, command: list[str], port: int, log: Path, environment: dict[str, str]) -> None:
        self.port = port
        self.ready = False
        self.up_since_s = 0.0
        self._command, self._log, self._environment = command, log, environment
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)
        deadline = time.monotonic() + START_S_MAX
        while not listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"soaking: a process did not start:\n{self._log.read_text()[-2000:]}")
            await asyncio.sleep(0.05)
        self.up_since_s = time.monotonic()
        self.ready = True

    async def stop(self, how: signal.Signals) -> None:
        assert self._process
        self.ready = False
        self._process.send_signal(how)
        await asyncio.to_thread(self._process.wait, 30)

    def end(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Soak:
    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.groups = make_traffic(seed).groups
        self.answered: Counter[tuple[str, str]] = Counter()  # as store_counts names them
        self.unanswered = 0
        self.stopping = False
        self.restarts: Counter[str] = Counter()
        self.data = folder / "data"
        port = free_port()
        environment = {**os.environ, "FIELDMARK_URL": f"http://127.0.0.1:{port}"}
        serve = ["fieldmark", "serve", "--data", str(self.data), "--port", str(port)]
        self.server = Child(serve, port, folder / "server.log", environment)
        self.workers = []
        for number in range(WORKERS):
            port = free_port()
            command = [sys.executable, "-m", "uvicorn", "shop.good:app", "--port", str(port), "--no-access-log"]
            self.workers.append(Child(command, port, folder / f"worker-{number}.log", environment))

    async def run(self, seconds: float) -> None:
        try:
            await self.server.start()
            await asyncio.gather(*(worker.start() for worker in self.workers))
            clients = [asyncio.create_task(self.send(number)) for number in range(CLIENTS)]
            await self.disturb(seconds)
            self.stopping = True
            await asyncio.gather(*clients)
            await self.until_caught_up()
            for worker in self.workers:
                await worker.stop(signal.SIGTERM)
            await self.server.stop(signal.SIGTERM)
        finally:
            for child in (*self.workers, self.server):
                child.end()

    async def disturb(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(self.random.uniform(*GAP_S))
            what = self.random.choice(["server ended", "server killed", "worker ended", "worker ended"])
            if what == "worker ended":
                await self.until_caught_up()
                worker = self.random.choice(self.workers)
                await worker.stop(signal.SIGTERM)
                await worker.start()
            else:
                await self.server.stop(signal.SIGTERM if what == "server ended" else signal.SIGKILL)
                await asyncio.sleep(self.random.uniform(*DOWN_S))
                await self.server.start()
            self.restarts[what] += 1
            total = sum(self.answered.values())
            print(f"\r{total} counts, {dict(self.restarts)} ", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)

    async def until_caught_up(self) -> None:
        await asyncio.sleep(max(0.0, self.server.up_since_s + CATCH_UP_S - time.monotonic()))

    async def send(self, number: int) -> None:
        chosen = random.Random(f"{self.random.random()}/{number}")
        shares = [group.share for group in self.groups]
        async with httpx.AsyncClient(timeout=60) as client:
            while not self.stopping:
                ready = [worker for worker in self.workers if worker.ready]
                if not ready:
                    await asyncio.sleep(0.02)
                    continue
                group = chosen.choices(self.groups, shares)[0]
                await self.ask(client, chosen.choice(ready), group, chosen.choice(group.requests))

    async def ask(self, client: httpx.AsyncClient, worker: Child, group: Group, request: Request) -> None:
        url = f"http://127.0.0.1:{worker.port}{request.path}"
        try:
            response = await client.request(request.method, url, content=request.body, headers=request.headers)
        except httpx.TransportError:
            self.unanswered += 1
            return
        self.count(group.route, request, response)

    def count(self, route: str, request: Request, response: httpx.Response) -> None:
        self.answered[route, str(response.status_code)] += 1
        if request.body:
            self.answered[f"{route} request", "documents"] += 1
        if response.headers.get("content-type") == "application/json":
            self.answered[f"{route} response {response.status_code // 100}xx", "documents"] += 1


def stored(program: str, data: Path) -> Counter[tuple[str, str]]:
    text = subprocess.run([program, str(data)], stdout=subprocess.PIPE, text=True, check=True).stdout
    counts: Counter[tuple[str, str]] = Counter()
    for line in text.splitlines():
        subject, what, count = line.split("\t")
        counts[subject, what] = int(count)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", nargs="?", type=float, default=5)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--store-counts", required=True, help="the program that reads the store")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), arguments.seed)
        asyncio.run(soak.run(60 * arguments.minutes))
        found = +stored(arguments.store_counts, soak.data)
    requests = sum(count for (_, what), count in soak.answered.items() if what.isdigit())
    documents = sum(count for (_, what), count in soak.answered.items() if what == "documents")
    happened = ", ".join(f"{count} × {what}" for what, count in sorted(soak.restarts.items()))
    print(f"{requests} requests answered, {documents} JSON documents in them; {happened or 'nothing restarted'}")
    print(f"{soak.unanswered} requests met a worker that was ending")
    differing = sorted(key for key in found.keys() | soak.answered.keys() if found[key] != soak.answered[key])
    for subject, what in differing:
        print(f"  ✗ {subject} {what}: {soak.answered[subject, what]} answered, {found[subject, what]} stored")
    print(
        "every count in the store equals the load generator's" if not differing else f"{len(differing)} counts differ"
    )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
