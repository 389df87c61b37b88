"""Forgetting while batches come in: nothing that was acknowledged before it comes back."""

from __future__ import annotations

import http.client
import json
import signal
import time
from collections import Counter
from pathlib import Path

from binary import port_of, serving
from senders import ROUTES, Sender, batches, post, stored

SECONDS_MAX = 60
WORKERS = 4
BATCH_MAX = 4 * 9  # requests of a route in a batch


def forget(port: int, query: str = "") -> dict[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
    connection.request("DELETE", f"/api/v1/services/orders{query}")
    answer = connection.getresponse()
    body = json.load(answer)
    assert answer.status == 200, body
    return body


def until_each_sent(senders: list[Sender], more: int) -> None:
    wanted = [sender.answers["applied"] + more for sender in senders]
    until = time.monotonic() + SECONDS_MAX
    while any(sender.answers["applied"] < least for sender, least in zip(senders, wanted, strict=True)):
        assert time.monotonic() < until, "the senders came to a halt"
        time.sleep(0.01)


def test_nothing_acknowledged_before_comes_back_while_batches_come_in(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as (process, url):
        port = port_of(url)
        senders = [Sender(port, worker) for worker in range(WORKERS)]
        for sender in senders:
            sender.start()
            sender.may_send.set()
        for _ in range(5):
            until_each_sent(senders, 20)
            before = [Counter(sender.acknowledged) for sender in senders]
            forget(port)
            # What was under way when it was asked for may be among these.
            after = [Counter(sender.acknowledged) for sender in senders]
        until_each_sent(senders, 40)
        for sender in senders:
            sender.finish()
        total = [Counter(sender.acknowledged) for sender in senders]
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS_MAX) == 0
    found = stored(tmp_path / "data", "minute")
    for route in ROUTES:
        least = sum(of[route] - until[route] for of, until in zip(total, after, strict=True))
        most = sum(of[route] - until[route] for of, until in zip(total, before, strict=True))
        # A sender notes a batch a moment after the answer: one of each may have gone and count as after it.
        assert least - BATCH_MAX * WORKERS <= found[route, "200"] <= most, route
        assert least > BATCH_MAX * WORKERS, "too little came after the last one to tell"


def test_what_was_applied_stays_a_duplicate(tmp_path: Path) -> None:
    """A worker that had no answer sends its batch again, after the service was forgotten."""
    with serving(tmp_path / "data") as (process, url):
        port = port_of(url)
        sent = batches(1, 1, 60)
        bodies = [next(sent)[0] for _ in range(3)]
        assert [post(port, body) for body in bodies] == ["applied"] * 3
        assert forget(port)["streams"] == 1
        assert [post(port, body) for body in bodies] == ["duplicate"] * 3
        body, counts = next(sent)
        assert post(port, body) == "applied"
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS_MAX) == 0
    found = stored(tmp_path / "data", "minute")
    assert {route: found[route, "200"] for route in ROUTES} == {route: counts[route] for route in ROUTES}
