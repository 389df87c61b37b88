"""Seeded traffic: what is sent, how often, and a client that sends it.

History and live traffic come from here alike: requests arrive as a Poisson process whose rate and mix of
routes are functions of the time of day, and every request is drawn from one pool. So neither volume nor
content changes where history ends and live traffic begins.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random
from urllib.parse import urlencode

import httpx

from shop.catalogue import BUYERS, COUPONS, ORDERS, ORDERS_OF, PRODUCTS, address_of, email_of, name_of
from shop.models import Category, Channel

POOL_ORDERS = 200
ORDERS_WITHOUT_PHONE = 2  # 1 %
ORDERS_WITH_NATIONAL_PHONE = 74  # with those without one: 38 %

REQUESTS_PER_S = 30.0
DAILY_SWING = 0.25  # at 15:00 UTC so much above the mean, at 03:00 below
BLOCK_S = 10  # a burst lasts one block
BURST_SHARE = 0.125
BURST_FACTOR = 1.5
INVALID_SHARE = 0.02  # of what has a body or a query to get wrong

IN_FLIGHT_MAX = 200

Query = Mapping[str, object]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes = b""

    @property
    def headers(self) -> dict[str, str]:
        return {"content-type": "application/json"} if self.body else {}


@dataclass(frozen=True)
class Group:
    """Requests that are equally likely. A route's share of all requests swings with the time of day."""

    route: str
    share: float
    swing: float
    peak_hour: float
    requests: tuple[Request, ...]


@dataclass(frozen=True)
class Traffic:
    seed: int
    groups: tuple[Group, ...]

    def rate(self, unix_s: float) -> float:
        """Requests per second, all routes together."""
        return _daily(unix_s, DAILY_SWING, 15) * REQUESTS_PER_S * self._burst(int(unix_s // BLOCK_S))

    def expected(self, from_unix_s: float, to_unix_s: float) -> list[float]:
        """The number of requests to expect of each group: the rate's integral times the mix half way."""
        blocks = range(int(from_unix_s // BLOCK_S), math.ceil(to_unix_s / BLOCK_S))
        total = 0.0
        for block in blocks:
            start, end = max(from_unix_s, block * BLOCK_S), min(to_unix_s, (block + 1) * BLOCK_S)
            total += self.rate((start + end) / 2) * (end - start)
        return [total * share for share in self.mix((from_unix_s + to_unix_s) / 2)]

    def mix(self, unix_s: float) -> list[float]:
        """Each group's share of all requests."""
        weights = [group.share * _daily(unix_s, group.swing, group.peak_hour) for group in self.groups]
        total = sum(weights)
        return [weight / total for weight in weights]

    def arrivals(self, random: Random, clock: Callable[[], float]) -> Iterator[tuple[float, Request]]:
        """Endless (gap in seconds, request): the gap that follows the time that `clock` tells."""
        while True:
            now = clock()
            gap = random.expovariate(self.rate(now))
            group = random.choices(self.groups, self.mix(now))[0]
            yield gap, random.choice(group.requests)

    def _burst(self, block: int) -> float:
        digest = blake2b(f"{self.seed}/{block}".encode(), digest_size=8).digest()
        bursts = int.from_bytes(digest) < BURST_SHARE * 2**64
        return (BURST_FACTOR if bursts else 1.0) / (1 + BURST_SHARE * (BURST_FACTOR - 1))


def _daily(unix_s: float, swing: float, peak_hour: float) -> float:
    return 1 + swing * math.cos(2 * math.pi * (unix_s / 86_400 - peak_hour / 24))


def make_traffic(seed: int) -> Traffic:
    random = Random(f"traffic/{seed}")
    orders = _post("/orders", _orders(random))
    wrong_orders = _post("/orders", [_spoilt(random, json.loads(order.body)) for order in orders[:9]])
    customers = _post("/customers", [_customer(random, number) for number in range(24)])
    wrong_customers = _post("/customers", [{**_customer(random, n), "email": "nobody"} for n in range(24, 28)])
    some_orders = [customer_orders[0].id for customer_orders in ORDERS_OF.values()][::2]
    products = random.sample(list(PRODUCTS), 24)
    shelves: list[Query] = [{"category": category.value} for category in Category] + [
        {"page": page} for page in (1, 2, 3)
    ]
    valid = 1 - INVALID_SHARE
    return Traffic(
        seed,
        (
            Group("GET /orders", 0.40, 0.05, 18, _get("/orders", [{"customer_id": buyer} for buyer in BUYERS])),
            Group("POST /orders", 0.22 * valid, 0.10, 20, orders),
            Group("POST /orders", 0.22 * INVALID_SHARE, 0.10, 20, wrong_orders),
            Group(
                "GET /search",
                0.12 * valid,
                0.08,
                12,
                _get("/search", [{"q": words} for words in _searches(random)]),
            ),
            Group("GET /search", 0.12 * INVALID_SHARE, 0.08, 12, _get("/search", [{"q": "x"}, {}])),
            Group("GET /products/{product_id}", 0.09, 0.08, 13, _each("GET", "/products/", products)),
            Group("GET /orders/{order_id}", 0.08, 0.08, 9, _each("GET", "/orders/", some_orders)),
            Group("GET /products", 0.04, 0.08, 13, _get("/products", shelves)),
            Group("PATCH /orders/{order_id}", 0.02, 0.10, 10, _patches(random)),
            Group("POST /customers", 0.02 * valid, 0.10, 20, customers),
            Group("POST /customers", 0.02 * INVALID_SHARE, 0.10, 20, wrong_customers),
            Group("GET /health", 0.01, 0.0, 0, (Request("GET", "/health"),)),
        ),
    )


def _get(path: str, queries: Sequence[Query]) -> tuple[Request, ...]:
    return tuple(Request("GET", f"{path}?{urlencode(query)}" if query else path) for query in queries)


def _each(method: str, prefix: str, identifiers: list[str]) -> tuple[Request, ...]:
    return tuple(Request(method, prefix + identifier) for identifier in identifiers)


def _post(path: str, bodies: list[dict[str, object]]) -> tuple[Request, ...]:
    return tuple(Request("POST", path, json.dumps(body, ensure_ascii=False).encode()) for body in bodies)


def _orders(random: Random) -> list[dict[str, object]]:
    """POOL_ORDERS bodies of which exactly so many have no telephone, and so many one in the national form."""
    phones = [_phone(random, international=True) for _ in range(POOL_ORDERS)]
    phones[:ORDERS_WITHOUT_PHONE] = [None] * ORDERS_WITHOUT_PHONE
    for index in range(ORDERS_WITHOUT_PHONE, ORDERS_WITHOUT_PHONE + ORDERS_WITH_NATIONAL_PHONE):
        phones[index] = _phone(random, international=False)
    random.shuffle(phones)
    start = datetime(2026, 11, 1, 6, tzinfo=UTC)
    return [
        {
            "customer": {
                "name": name_of(number),
                "email": email_of(number),
                "phone": phone,
                "address": address_of(random).model_dump(),
            },
            "items": [
                {"product_id": product, "quantity": random.choice([1, 1, 1, 2, 2, 3, 6])}
                | (
                    {"gift_note": random.choice(["happy birthday", "with love", "get well soon"])}
                    if _chance(random, 0.1)
                    else {}
                )
                for product in random.sample(list(PRODUCTS), random.randint(1, 6))
            ],
            "channel": random.choices([channel.value for channel in Channel], [5, 4, 1])[0],
            "coupon": random.choice(list(COUPONS)) if _chance(random, 0.3) else None,
            "ordered_at": (start + timedelta(seconds=random.randint(0, 1_000_000))).isoformat(),
        }
        for number, phone in enumerate(phones)
    ]


def _phone(random: Random, international: bool) -> str | None:
    subscriber = f"23125{random.randint(0, 999):03}"  # a range reserved for fiction
    return f"+4930{subscriber}" if international else f"030 {subscriber[:5]} {subscriber[5:]}"


def _spoilt(random: Random, order: dict[str, object]) -> dict[str, object]:
    """What real clients send: a field left out, an empty basket, an unknown channel."""
    fault = random.randrange(3)
    if fault == 0:
        return {name: value for name, value in order.items() if name != "customer"}
    return {**order, "items": []} if fault == 1 else {**order, "channel": "fax"}


def _customer(random: Random, number: int) -> dict[str, object]:
    return {
        "name": name_of(number),
        "email": email_of(number),
        "address": address_of(random).model_dump(),
        "birthday": f"{random.randint(1950, 2004)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
        if _chance(random, 0.6)
        else None,
        "interests": random.sample([category.value for category in Category], random.randint(0, 4)),
        "newsletter": _chance(random, 0.4),
    }


def _patches(random: Random) -> tuple[Request, ...]:
    patches: list[dict[str, object]] = [
        {"status": "paid"},
        {"status": "shipped"},
        {"status": "delivered"},
        {"status": "cancelled"},
        {"note": "leave with the neighbours"},
        {"note": "ring twice"},
        {"address": address_of(random).model_dump()},
    ]
    return tuple(
        Request("PATCH", f"/orders/{order}", json.dumps(random.choice(patches)).encode())
        for order in random.sample(list(ORDERS), 16)
    )


def _searches(random: Random) -> list[str]:
    words = [
        "roast",
        "kettle",
        "harbour",
        "organic",
        "tea",
        "cup",
        "limited",
        "tin",
        "mint",
        "refill",
        "scale",
        "hand",
    ]
    return sorted({" ".join(random.sample(words, random.randint(1, 2))) for _ in range(40)})[:24]


def _chance(random: Random, probability: float) -> bool:
    return random.random() < probability


@dataclass
class Sent:
    """What became of the live requests."""

    by_status: dict[int, int] = field(default_factory=dict)
    failed: int = 0  # no answer
    skipped: int = 0  # IN_FLIGHT_MAX were under way
    last_failure: str = ""

    @property
    def answered(self) -> int:
        return sum(self.by_status.values())


class Client:
    """Sends requests when they are due, whether or not earlier ones were answered (open loop), to `url`,
    which may change at any time. A connection a request, so that the kernel spreads them over the workers."""

    def __init__(self, traffic: Traffic, url: str, random: Random) -> None:
        self.url = url
        self.sent = Sent()
        self._traffic = traffic
        self._random = random

    async def run(self, seconds_max: float = math.inf, requests_max: float = math.inf) -> Sent:
        """Until so much time has passed or so many requests were sent, or until cancelled."""
        limits = httpx.Limits(max_connections=IN_FLIGHT_MAX, max_keepalive_connections=0)
        async with (
            httpx.AsyncClient(limits=limits, timeout=10, trust_env=False) as http,
            asyncio.TaskGroup() as tasks,
        ):
            under_way: set[asyncio.Task[None]] = set()
            started = due = time.monotonic()
            begun = 0
            for gap, request in self._traffic.arrivals(self._random, time.time):
                due += gap
                if due - started > seconds_max or begun >= requests_max:
                    break
                await asyncio.sleep(due - time.monotonic())
                if len(under_way) >= IN_FLIGHT_MAX:
                    self.sent.skipped += 1
                    continue
                begun += 1
                task = tasks.create_task(self._send(http, request))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
        return self.sent

    async def _send(self, http: httpx.AsyncClient, request: Request) -> None:
        try:
            reply = await http.request(
                request.method, self.url + request.path, content=request.body or None, headers=request.headers
            )
        except httpx.HTTPError as error:
            self.sent.failed += 1
            self.sent.last_failure = type(error).__name__
        else:
            self.sent.by_status[reply.status_code] = self.sent.by_status.get(reply.status_code, 0) + 1
