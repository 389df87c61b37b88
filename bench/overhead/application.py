"""The application that every variant wraps, and the requests that drive it: a small GET, an order of 844 bytes sent
and answered, a list of 20 kB."""

from __future__ import annotations

import random
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

import bodies

ORDER_BYTES = 844
LISTING_BYTES = 20_480
ROUTES = {"get": ("GET", "/health"), "order": ("POST", "/orders"), "list": ("GET", "/orders")}

TITLES = {"get": "small GET", "order": "844-byte order both ways", "list": "20 kB list"}


class Line(BaseModel):
    sku: str
    title: str
    quantity: int
    price: float
    gift: bool


class Customer(BaseModel):
    id: int
    name: str
    email: str
    phone: str | None
    newsletter: bool


class Delivery(BaseModel):
    street: str
    city: str
    country: str


class Order(BaseModel):
    number: str
    placed_at: str
    status: str
    customer: Customer
    delivery: Delivery
    lines: list[Line]
    total: float
    coupon: str | None
    note: str


class Summary(BaseModel):
    number: str
    placed_at: str
    status: str
    total: float
    coupon: str | None
    customer_id: int
    city: str
    gift: bool


class Listing(BaseModel):
    orders: list[Summary]
    next: str


def build(seed: int) -> FastAPI:
    app = FastAPI()
    listing = bodies.listing_of(LISTING_BYTES, random.Random(seed))

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "uptime_s": 1234.5}

    @app.post("/orders")
    async def create(order: Order) -> Order:
        return order

    @app.get("/orders")
    async def orders() -> Listing:
        return listing  # type: ignore[return-value]

    return app


def payloads(route: str, seed: int, count: int = 64) -> list[bytes]:
    """Bodies to send in turn."""
    rng = random.Random(seed)
    return [bodies.order_of(ORDER_BYTES, rng) if route == "order" else b"" for _ in range(count)]


def scope(route: str, body_bytes: int) -> dict[str, Any]:
    method, path = ROUTES[route]
    headers = [(b"host", b"127.0.0.1:8000"), (b"user-agent", b"bench"), (b"accept", b"*/*")]
    if body_bytes:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(body_bytes).encode())]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "method": method,
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "state": {},
    }
