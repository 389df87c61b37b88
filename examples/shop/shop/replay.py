"""Two weeks of history in about half a minute: the shop's own answers, through recorder, batch and ingest.

Every request of the pool is put to the good release once, in this process; its bodies are then recorded as
often, and at the times, as the traffic would have sent it. A Poisson process split by independent draws is
again one for each part, so a count per pool entry and time slot is the same as drawing every single request.
"""

from __future__ import annotations

import asyncio
import math
import os
import platform
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from random import Random

import httpx
from fastapi import FastAPI

from fieldmark import _core
from shop.shop import Shop
from shop.traffic import Group, Request, Traffic

DAY_S = 86_400
WORKERS = 2
LATENCY_MS = {"GET /search": 3.0}  # medians; history's clocks are never compared with live ones
LATENCY_MS_DEFAULT = 2.0
LATENCIES = 4099  # a prime: the pool does not fall into step with it
TASK_MS = 21.0  # what the background task of an answered POST adds until the application returns
BATCH_SLOTS = 6  # from about twelve on an outbox would merge minutes
ATTEMPTS_MAX = 20
BATCH_TYPE = "application/vnd.fieldmark.batch"


class ReplayError(Exception):
    """The server did not take the history."""


@dataclass(frozen=True)
class Exchange:
    request: Request
    status: int
    reply: bytes


@dataclass(frozen=True)
class Slot:
    """A stretch of time whose requests are recorded at its first minute."""

    start_unix_s: int
    end_unix_s: int


async def make_pool(traffic: Traffic) -> list[list[Exchange]]:
    """The good release's answer to every request, by group."""
    app = FastAPI(title="Shop", version="good")
    app.include_router(Shop().router())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http:
        answers = [
            asyncio.gather(*(_exchange(http, request) for request in group.requests)) for group in traffic.groups
        ]
        return [await group for group in answers]


async def _exchange(http: httpx.AsyncClient, request: Request) -> Exchange:
    reply = await http.request(request.method, request.path, content=request.body or None, headers=request.headers)
    return Exchange(request, reply.status_code, reply.content)


def slots(from_unix_s: int, to_unix_s: int, minutes_from_unix_s: int) -> Iterator[Slot]:
    """Five-minute slots up to `minutes_from_unix_s`, then minutes; the last one may be cut short."""
    start = from_unix_s
    while start < to_unix_s:
        step = 60 if start >= minutes_from_unix_s else 300
        end = min((start // step + 1) * step, to_unix_s)
        yield Slot(start, end)
        start = end


class History:
    """Records history and sends it as batches of the good release."""

    def __init__(self, traffic: Traffic, pool: list[list[Exchange]], url: str) -> None:
        self.requests = 0
        self._until_unix_s = 0
        self._closed = False
        self._traffic = traffic
        self._pool = pool
        self._random = Random(f"replay/{traffic.seed}")
        # Drawing a latency for each of three million records would cost seconds; no two neighbours share one.
        self._spread = cycle([self._random.lognormvariate(0, 0.25) for _ in range(LATENCIES)])
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=60)
        reply = self._http.post("/api/v1/hello", json={"service": "shop", "environment": "demo"})
        reply.raise_for_status()
        self._recorder = _core.Recorder(reply.json()["hash_key"])
        self._outbox = _core.Outbox(
            "shop", "demo", "good", os.urandom(16), host=platform.node(), pid=os.getpid(), source="replay"
        )

    def replay(self, planned: list[Slot], progress: Callable[[float], None]) -> None:
        """Returns when the server has all of it. Sending a batch overlaps with recording the next."""
        with ThreadPoolExecutor(max_workers=1) as sender:
            sending: Future[None] | None = None
            for index, slot in enumerate(planned, start=1):
                if self._closed:
                    return
                self._record(slot)
                if index % BATCH_SLOTS and index < len(planned):
                    continue
                if sending:
                    sending.result()
                self._outbox.collect(self._recorder)
                sending = sender.submit(self._send_all)
                progress(index / len(planned))
            if sending:
                sending.result()
        self._until_unix_s = planned[-1].end_unix_s if planned else self._until_unix_s

    def catch_up(self, to_unix_s: float) -> None:
        """Replays what passed since the last replay ended, by minutes."""
        start = self._until_unix_s
        self.replay(list(slots(start, int(to_unix_s), start)), lambda _: None)

    def close(self) -> None:
        """Also ends a replay that another thread is at."""
        self._closed = True
        self._http.close()

    def _record(self, slot: Slot) -> None:
        start_ms, end_ms = int(slot.start_unix_s * 1000), int(slot.end_unix_s * 1000)
        for _ in range(WORKERS):
            self._recorder.watch(start_ms, end_ms)
        expected = self._traffic.expected(slot.start_unix_s, slot.end_unix_s)
        ended_ms = min(start_ms + 30_000, end_ms - 1)
        for group, exchanges, mean in zip(self._traffic.groups, self._pool, expected, strict=True):
            draws = poisson_table(mean / len(exchanges))
            for exchange in exchanges:
                times = bisect_left(draws, self._random.random())
                if times:
                    self._record_exchange(group, exchange, ended_ms, times)
                    self.requests += times

    def _record_exchange(self, group: Group, exchange: Exchange, ended_ms: int, times: int) -> None:
        took_ms = LATENCY_MS.get(group.route, LATENCY_MS_DEFAULT) * next(self._spread)
        task_ms = TASK_MS if exchange.status == 201 else 0.1
        request, reply = exchange.request.body, exchange.reply
        self._recorder.record(
            group.route,
            exchange.status,
            ended_ms,
            took_ms,
            took_ms + 0.05,
            took_ms + task_ms,
            request_state=_core.BODY_CAPTURED if request else _core.BODY_NONE,
            request=request,
            request_wire_bytes=len(request),
            response_state=_core.BODY_CAPTURED,
            response=reply,
            response_wire_bytes=len(reply),
            times=times,
        )

    def _send_all(self) -> None:
        while frozen := self._outbox.freeze(int(time.time() * 1000)):
            self._outbox.answer(self._send(frozen[1]))

    def _send(self, batch: bytes) -> int:
        """The server's answer to a batch, which comes again as long as the server asks for it."""
        for attempt in range(ATTEMPTS_MAX):
            try:
                reply = self._http.post("/api/v1/batches", content=batch, headers={"content-type": BATCH_TYPE})
            except httpx.HTTPError as error:
                raise ReplayError(f"sending history: {type(error).__name__} from {self._http.base_url}") from error
            if reply.is_success:
                return reply.status_code
            if reply.status_code not in (429, 503):
                raise ReplayError(f"sending history: the server answered {reply.status_code}: {reply.text[:300]}")
            time.sleep(0.2 * (attempt + 1))
        raise ReplayError(f"sending history: the server asked to wait {ATTEMPTS_MAX} times")


def poisson_table(mean: float) -> list[float]:
    """Cumulative probabilities of 0, 1, 2 …: where a uniform number falls is a draw."""
    probability = cumulative = math.exp(-mean)
    table = [cumulative]
    while cumulative < 1 - 1e-12 and len(table) < mean + 100:
        probability *= mean / len(table)
        cumulative += probability
        table.append(cumulative)
    return table
