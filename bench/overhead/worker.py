"""One variant in a process of its own: reads ``route requests`` lines, answers each with the nanoseconds a request.

The clock is the CPU time of the serving thread. The driver never waits for I/O, so on an idle machine it is the wall
clock, and on a shared one it stays meaningful.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
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
        if answered[0]["status"] != 200 or not answered[1]["body"]:
            raise RuntimeError(f"driving {route}: an answer other than 200 with a body")
    return spent


async def serve(app: variants.ASGIApp) -> None:
    bodies = {route: application.payloads(route, SEED) for route in application.ROUTES}
    for line in sys.stdin:
        route, requests = line.split()
        gc.collect()
        print(json.dumps(await drive(app, route, int(requests), bodies[route])), flush=True)


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[2])})
    asyncio.run(serve(variants.VARIANTS[sys.argv[1]](application.build(SEED))))
