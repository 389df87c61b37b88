import asyncio
import json
import math
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from fieldmark import _core
from shop.replay import History, ReplayError, make_pool, poisson_table, slots
from shop.traffic import make_traffic


def test_slots_cover_the_time_without_gaps_five_minutes_then_minutes_then_the_rest():
    start, minutes_from, end = 1_800_000_000, 1_800_000_900, 1_800_001_095
    planned = list(slots(start, end, minutes_from))
    assert [slot.end_unix_s - slot.start_unix_s for slot in planned] == [300, 300, 300, 60, 60, 60, 15]
    assert planned[0].start_unix_s == start and planned[-1].end_unix_s == end
    assert all(a.end_unix_s == b.start_unix_s for a, b in pairwise(planned))


@pytest.mark.parametrize("mean", [0.01, 1.0, 7.5, 90.0])
def test_draws_from_the_table_have_the_mean_and_variance_of_a_poisson(mean):
    random, table, n = Random(5), poisson_table(mean), 40_000
    draws = [bisect_left(table, random.random()) for _ in range(n)]
    average = sum(draws) / n
    variance = sum((draw - average) ** 2 for draw in draws) / n
    assert abs(average - mean) < 6 * math.sqrt(mean / n)
    assert variance == pytest.approx(mean, rel=0.1, abs=0.003)


def test_the_pool_holds_the_good_release_s_answer_to_every_request():
    traffic = make_traffic(2)
    pool = asyncio.run(make_pool(traffic))
    for group, exchanges in zip(traffic.groups, pool, strict=True):
        assert [exchange.request for exchange in exchanges] == list(group.requests)
        assert len({exchange.status for exchange in exchanges}) == 1


class Server(ThreadingHTTPServer):
    """Stands in for Fieldmark's: keeps the batches, or refuses them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.batches: list[dict[str, Any]] = []
        self.refuses = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status = 200
        if self.path == "/api/v1/batches":
            if self.server.refuses:
                self.server.refuses -= 1
                status = 429
            else:
                self.server.batches.append(_core.read_batch(body))
        reply = json.dumps({"hash_key": "00112233445566778899aabbccddeeff"}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def history(server) -> Iterator[History]:
    traffic = make_traffic(3)
    history = History(traffic, asyncio.run(make_pool(traffic)), server.url)
    yield history
    history.close()


START = 1_800_000_000


def subjects_by_minute(batches: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    for batch in batches:
        yield from batch["minutes"].items()


def requests_by_minute(batches: list[dict[str, Any]]) -> Counter[int]:
    counts: Counter[int] = Counter()
    for minute, subjects in subjects_by_minute(batches):
        counts[minute] += sum(sum(s["request"]["by_status"].values()) for s in subjects.values() if "request" in s)
    return counts


def test_every_request_of_the_history_arrives_in_its_own_minute(server, history):
    history.replay(list(slots(START, START + 30 * 60, START)), lambda _: None)
    history.catch_up(START + 30 * 60 + 20)
    counts = requests_by_minute(server.batches)
    assert sorted(counts) == [START // 60 + minute for minute in range(31)]
    assert sum(counts.values()) == history.requests
    # A minute holds 20 to 60 requests a second; the last one is a third of a minute.
    assert all(20 * 60 * 0.8 < counts[START // 60 + minute] < 60 * 60 for minute in range(30))
    assert counts[START // 60 + 30] < 60 * 25


def test_history_is_sent_as_replay_of_the_good_release_watched_by_two_workers(server, history):
    history.replay(list(slots(START, START + 600, START + 600)), lambda _: None)
    sent_as = {(b["service"], b["environment"], b["version"], b["source"]) for b in server.batches}
    assert sent_as == {("shop", "demo", "good", "replay")}
    watches = [s["watch"] for _, m in subjects_by_minute(server.batches) for s in m.values() if "watch" in s]
    assert sum(watch["observed_ms"] for watch in watches) == 2 * 600 * 1000


def test_one_in_a_hundred_orders_of_the_history_has_no_phone(server, history):
    history.replay(list(slots(START, START + 3600, START)), lambda _: None)
    phones = [
        subjects["POST /orders response 2xx"]["body"]["fields"]["customer.phone"]
        for _, subjects in subjects_by_minute(server.batches)
    ]
    expected = 0.01 * sum(phone["seen"] for phone in phones)
    # Six standard deviations: a false alarm once in 10^8.
    assert abs(sum(phone["nulls"] for phone in phones) - expected) < 6 * math.sqrt(expected)


def test_a_server_that_asks_to_wait_gets_the_history_all_the_same(server, history):
    server.refuses = 2
    history.replay(list(slots(START, START + 300, START)), lambda _: None)
    assert sum(requests_by_minute(server.batches).values()) == history.requests


def test_a_server_that_refuses_for_good_ends_the_replay(server, history, monkeypatch):
    monkeypatch.setattr("shop.replay.ATTEMPTS_MAX", 1)
    server.refuses = 1
    with pytest.raises(ReplayError, match="asked to wait 1 times"):
        history.replay(list(slots(START, START + 300, START)), lambda _: None)
