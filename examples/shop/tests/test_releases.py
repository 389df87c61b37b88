"""What the releases answer, without Fieldmark in between."""

import asyncio
import json
from collections import Counter
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from shop import bad, decoy, extra
from shop.shop import Shop
from shop.traffic import Request, make_traffic

TRAFFIC = make_traffic(1)
Answers = dict[tuple[str, Request], tuple[int, bytes]]


def answers(router: Any) -> Answers:
    app = FastAPI()
    app.include_router(router)

    async def ask() -> Answers:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
            keys = [(group.route, request) for group in TRAFFIC.groups for request in group.requests]
            replies = await asyncio.gather(
                *(http.request(r.method, r.path, content=r.body or None, headers=r.headers) for _, r in keys)
            )
            return {key: (reply.status_code, reply.content) for key, reply in zip(keys, replies, strict=True)}

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def good() -> Answers:
    return answers(Shop().router())


@pytest.fixture(scope="module")
def bad_answers() -> Answers:
    return answers(bad.BadShop().router())


def changed(good: Answers, other: Answers) -> Counter[tuple[str, int]]:
    return Counter((key[0], other[key][0]) for key in good if good[key] != other[key])


def without_phones(order: dict[str, Any]) -> dict[str, Any]:
    return {**order, "customer": {**order["customer"], "phone": None}}


def test_the_pool_reaches_every_route_and_is_answered_or_found_invalid(good):
    routes = {key[0] for key in good}
    assert len(routes) == 9
    assert Counter(status for status, _ in good.values()).keys() == {200, 201, 422}


def test_one_in_a_hundred_good_orders_has_no_phone(good):
    orders = [
        json.loads(body) for (route, _), (status, body) in good.items() if (route, status) == ("POST /orders", 201)
    ]
    assert len(orders) == 200
    assert sum(order["customer"]["phone"] is None for order in orders) == 2


def test_a_release_answers_the_same_request_alike_twice(good):
    assert answers(Shop().router()) == good


def test_the_decoy_answers_byte_for_byte_as_the_good_release(good):
    assert answers(decoy.router) == good


def test_the_bad_release_breaks_what_it_says_and_nothing_else(good, bad_answers):
    differing = changed(good, bad_answers)
    assert set(differing) == {
        ("GET /orders", 500),
        ("POST /orders", 201),
        ("GET /products/{product_id}", 200),
        ("GET /orders/{order_id}", 200),
    }
    assert differing["GET /orders", 500] == 1  # of fifty customers
    orders = [
        (json.loads(good[key][1]), json.loads(bad_answers[key][1]))
        for key in good
        if key[0] == "POST /orders" and good[key][0] == 201
    ]
    assert all(without_phones(before) == without_phones(after) for before, after in orders)
    assert sum(after["customer"]["phone"] is None for _, after in orders) == 76


def test_the_bad_release_reads_orders_in_cents_and_renames_a_field(good, bad_answers):
    for key, (_, body) in good.items():
        before, after = (
            json.loads(body),
            json.loads(bad_answers[key][1]) if bad_answers[key][0] != 500 else None,
        )
        if key[0] == "GET /orders/{order_id}":
            for was, became in zip(before["items"], after["items"], strict=True):
                assert became["price"] == pytest.approx(was["price"] * 100)
        if key[0] == "GET /products/{product_id}":
            assert before.pop("in_stock") is after.pop("available")
            assert before == after


def test_the_extra_release_has_faults_of_other_kinds(good):
    assert set(changed(good, answers(extra.ExtraShop().router()))) == {
        ("GET /orders", 200),
        ("POST /orders", 201),
    }
