import asyncio
import math
from bisect import bisect_left
from itertools import pairwise
from random import Random

import pytest

from shop.replay import make_pool, poisson_table, slots
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
