import asyncio
import itertools
import math
from collections import Counter
from random import Random

import pytest

from shop.traffic import DAILY_SWING, REQUESTS_PER_S, Client, make_traffic

NOON = 1_800_014_400  # 12:00 UTC
DAY_S = 86_400
TRAFFIC = make_traffic(7)


def test_a_seed_decides_all_traffic():
    assert make_traffic(7) == TRAFFIC
    assert make_traffic(8) != TRAFFIC


def test_a_day_has_the_stated_mean_rate_and_a_rhythm():
    per_hour = [sum(TRAFFIC.expected(NOON + 3600 * hour, NOON + 3600 * (hour + 1))) for hour in range(24)]
    assert sum(per_hour) / DAY_S == pytest.approx(REQUESTS_PER_S, rel=0.02)
    assert per_hour.index(max(per_hour)) in range(7)  # about 15:00
    assert max(per_hour) / min(per_hour) == pytest.approx((1 + DAILY_SWING) / (1 - DAILY_SWING), rel=0.1)


def test_what_is_expected_of_a_stretch_is_what_is_expected_of_its_parts():
    whole = sum(TRAFFIC.expected(NOON, NOON + 300))
    parts = sum(sum(TRAFFIC.expected(NOON + second, NOON + second + 1)) for second in range(300))
    assert whole == pytest.approx(parts, rel=1e-3)


def test_the_mix_of_routes_changes_with_the_time_of_day_and_that_of_a_route_does_not():
    morning, evening = TRAFFIC.mix(NOON - 3 * 3600), TRAFFIC.mix(NOON + 8 * 3600)
    ratios = [after / before for before, after in zip(morning, evening, strict=True)]
    assert max(ratios) / min(ratios) > 1.1
    by_route: dict[str, set[float]] = {}
    for group, ratio in zip(TRAFFIC.groups, ratios, strict=True):
        by_route.setdefault(group.route, set()).add(round(ratio, 9))
    assert all(len(seen) == 1 for seen in by_route.values())


def test_one_customer_in_fifty_makes_at_least_eight_requests_a_minute_at_any_hour():
    orders = next(group for group in TRAFFIC.groups if group.route == "GET /orders")
    assert len(orders.requests) == 50
    index = TRAFFIC.groups.index(orders)
    least = min(TRAFFIC.expected(NOON + 3600 * hour, NOON + 3600 * (hour + 1))[index] for hour in range(24))
    assert least / 60 / 50 >= 8


def test_live_arrivals_come_at_the_expected_rate_and_in_the_expected_mix():
    now = [float(NOON)]
    seen: Counter[str] = Counter()
    for gap, request in TRAFFIC.arrivals(Random(1), lambda: now[0]):
        now[0] += gap
        if now[0] > NOON + 1800:
            break
        seen[request.method + " " + request.path.split("?")[0].split("/")[1]] += 1
    expected: Counter[str] = Counter()
    for group, mean in zip(TRAFFIC.groups, TRAFFIC.expected(NOON, NOON + 1800), strict=True):
        expected[group.route.split("{")[0].rstrip("/").replace(" /", " ")] += mean
    # Six standard deviations: a false alarm once in 10^8.
    for route, mean in expected.items():
        assert abs(seen[route] - mean) < 6 * math.sqrt(mean) + 1, route


def test_every_entry_of_a_group_is_drawn_equally_often():
    entries: Counter[bytes] = Counter()
    for _, request in itertools.islice(TRAFFIC.arrivals(Random(3), lambda: NOON), 100_000):
        if request.path == "/orders" and request.body:
            entries[request.body] += 1
    valid = next(group for group in TRAFFIC.groups if group.route == "POST /orders")
    counts = [entries[request.body] for request in valid.requests]
    mean = sum(counts) / len(counts)
    chi_square = sum((count - mean) ** 2 / mean for count in counts)
    assert abs(chi_square - 199) < 6 * math.sqrt(2 * 199)


async def _serve_until(client_of) -> Client:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        return await client_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


def test_the_client_stops_after_so_many_requests_and_counts_the_answers():
    async def run(url: str) -> Client:
        client = Client(TRAFFIC, url, Random(1))
        await client.run(requests_max=20, seconds_max=30)
        return client

    sent = asyncio.run(_serve_until(run)).sent
    assert (sent.by_status, sent.failed, sent.skipped) == ({200: 20}, 0, 0)


def test_a_service_that_is_away_is_counted_and_ends_nothing():
    async def run() -> Client:
        client = Client(TRAFFIC, "http://127.0.0.1:1", Random(1))
        await client.run(requests_max=5, seconds_max=30)
        return client

    sent = asyncio.run(run()).sent
    assert (sent.answered, sent.failed, sent.last_failure) == (0, 5, "ConnectError")
