"""What a worker of a small service sends, without the service."""

from __future__ import annotations

import http.client
import os
import time

from fieldmark import _core

SECONDS_MAX = 60
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


def send(port: int, body: bytes, headers: dict[str, str] | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
    kind = {"Content-Type": "application/vnd.fieldmark.batch"}
    connection.request("POST", "/api/v1/batches", body, kind | (headers or {}))
    status = connection.getresponse().status
    connection.close()
    return status
