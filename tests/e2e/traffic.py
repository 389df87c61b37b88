"""What a worker of a small service sends, without the service."""

from __future__ import annotations

import http.client
import os
import random
import time
from collections.abc import Callable

from fieldmark import _core

SECONDS_MAX = 60
MINUTE_MS = 60_000
CAPTURED = 1  # the state of a body that is there


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def batch(service: str, environment: str, version: str, *, minutes_ago: int = 2, minutes: int = 2) -> bytes:
    """Of that many minutes, 20 orders in each, some of them without a phone number."""
    recorder = _core.Recorder("00" * 16)
    for minute in range(minutes):
        at = now_ms() - (minutes_ago - minute) * 60_000
        recorder.watch(at, at + 60_000)
        for order in range(20):
            phone = b"null" if order % 7 == 0 else b'"+49 30 901820"'
            body = b'{"id": %d, "customer": {"phone": %s}}' % (order, phone)
            recorder.record("POST /orders", 201, at + order * 1000, 2.0, 3.0 + order, 4.0, False, "", CAPTURED, body)
    outbox = _core.Outbox(service, environment, version, os.urandom(16))
    outbox.collect(recorder)
    frozen = outbox.freeze(now_ms())
    assert frozen is not None
    return bytes(frozen[1])


def history(version: str, minutes_ago: range, null_share: Callable[[int], float]) -> list[bytes]:
    """Batches of two hours each: sixty orders a minute, of which a share has no phone number, by the time in ms."""
    draw = random.Random(7)
    outbox = _core.Outbox("orders", "production", version, os.urandom(16))
    now = now_ms() // MINUTE_MS * MINUTE_MS
    bodies = []
    for start in range(0, len(minutes_ago), 120):
        recorder = _core.Recorder("00" * 16)
        for ago in minutes_ago[start : start + 120]:
            at = now - ago * MINUTE_MS
            recorder.watch(at, at + MINUTE_MS)
            nulls = sum(draw.random() < null_share(at) for _ in range(60))
            for phone, times in ((b'"+49 30 901820"', 60 - nulls), (b"null", nulls)):
                if times:
                    body = b'{"customer": {"phone": %s}}' % phone
                    what = (at + 1000, 2.0, 3.0, 4.0, False, "", CAPTURED, body)
                    recorder.record("POST /orders", 201, *what, times=times)
        outbox.collect(recorder)
        frozen = outbox.freeze(now_ms())
        assert frozen is not None
        bodies.append(bytes(frozen[1]))
        outbox.answer(200)
    return bodies


def send(port: int, body: bytes, headers: dict[str, str] | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
    kind = {"Content-Type": "application/vnd.fieldmark.batch"}
    connection.request("POST", "/api/v1/batches", body, kind | (headers or {}))
    status = connection.getresponse().status
    connection.close()
    return status
