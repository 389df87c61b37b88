"""One variant in a process of its own.

    worker.py drive VARIANT CORE          reads ``route requests`` lines, answers each with what it measured, as JSON
    worker.py serve VARIANT PORT          serves it through uvicorn until it is told to end

Driving, the clock is the CPU time of the serving thread. The driver never waits for I/O, so on an idle machine it is
the wall clock, and on a shared one it stays meaningful.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import application
import variants

SEED = 20261124


async def drive(app: variants.ASGIApp, route: str, requests: int, bodies: list[bytes]) -> list[int]:
    clock = time.thread_time_ns
    loop = asyncio.get_running_loop()
    spent = []
    for number in range(requests):
        body = bodies[number % len(bodies)]
        pending = [{"type": "http.request", "body": body, "more_body": False}]
        answered = []

        async def receive(pending: list[dict[str, object]] = pending) -> dict[str, object]:
            if pending:
                return pending.pop()
            return await asyncio.get_running_loop().create_future()  # as a client that stays connected

        async def send(message: dict[str, object], answered: list[dict[str, object]] = answered) -> None:
            answered.append(message)

        scope = application.scope(route, len(body))
        started = clock()
        await loop.create_task(app(scope, receive, send))  # a task a request, as servers do
        spent.append(clock() - started)
        if answered[0]["status"] != 200 or not any(message.get("body") for message in answered[1:]):
            raise RuntimeError(f"driving {route}: an answer other than 200 with a body")
    return spent


async def start_lifespan(app: variants.ASGIApp) -> asyncio.Task[None]:
    """As a server does before the first request; the application stays started until the process ends."""
    started = asyncio.Event()
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    inbox.put_nowait({"type": "lifespan.startup"})

    async def send(message: dict[str, str]) -> None:
        started.set()

    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    task = asyncio.get_running_loop().create_task(app(scope, inbox.get, send))
    await started.wait()
    return task


def resident_kb() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


async def answer(app: variants.ASGIApp, settle: Callable[[], None]) -> dict[str, int]:
    """Requests driven, by route. ``settle`` waits for what a variant does beside the thread that serves."""
    lifespan = await start_lifespan(app)
    loop = asyncio.get_running_loop()
    bodies = {route: application.payloads(route, SEED) for route in application.ROUTES}
    driven = dict.fromkeys(application.ROUTES, 0)
    # The loop goes on while waiting, so that what others do in the background costs them what it would in a service.
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        route, requests = line.split()
        gc.collect()
        process, thread = time.process_time_ns(), time.thread_time_ns()
        spent = await drive(app, route, int(requests), bodies[route])
        driven[route] += int(requests)
        thread = time.thread_time_ns() - thread
        settle()
        process = time.process_time_ns() - process
        row = {"ns": spent, "thread_ns": thread, "process_ns": process, "resident_kb": resident_kb()}
        print(json.dumps(row), flush=True)
    lifespan.cancel()
    return driven


def main() -> None:
    mode, name, number = sys.argv[1:4]
    variant = variants.load(name)
    app = variant.install(partial(application.build, SEED))
    if mode == "drive":
        os.sched_setaffinity(0, {int(number)})
        driven = asyncio.run(answer(app, getattr(variant, "settle", lambda: None)))
        if hasattr(variant, "check"):
            variant.check(driven)
        os._exit(0)  # whatever threads others left running
    import uvicorn

    uvicorn.run(
        app, host="127.0.0.1", port=int(number), loop="uvloop", http="httptools", log_level="error",
        access_log=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
