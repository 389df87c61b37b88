"""JSON such as an orders API carries: seeded, of an exact size in bytes."""

from __future__ import annotations

import json
import random
from typing import Any

CITIES = ["Berlin", "Porto", "Gdańsk", "Lyon", "Turku", "Graz"]
NOTE_LETTERS = "abcdefghijklmnopqrstuvwxyz     "
STATUSES = ["open", "paid", "shipped", "returned"]


def event(rng: random.Random) -> dict[str, Any]:
    return {
        "id": rng.randrange(10**6, 10**7),
        "user": f"u{rng.randrange(10**4)}",
        "kind": rng.choice(["view", "click", "buy"]),
        "value": round(rng.uniform(1, 100), 2),
        "ok": rng.random() < 0.9,
        "coupon": None if rng.random() < 0.5 else rng.randrange(100),
        "at": f"2026-11-{rng.randint(1, 28):02}T{rng.randrange(24):02}:{rng.randrange(60):02}:00Z",
    }


def event_of(size: int, rng: random.Random) -> bytes:
    """An event of exactly ``size`` bytes."""
    return _filled(event(rng), size, rng)


def order(rng: random.Random, line_count: int = 3) -> dict[str, Any]:
    lines = [
        {
            "sku": f"SKU-{rng.randrange(10**5):05}",
            "title": rng.choice(["mug", "lamp", "chair", "desk"]),
            "quantity": rng.randint(1, 9),
            "price": round(rng.uniform(1, 400), 2),
            "gift": rng.random() < 0.1,
        }
        for _ in range(line_count)
    ]
    return {
        "number": f"{rng.getrandbits(64):016x}",
        "placed_at": f"2026-11-{rng.randint(1, 28):02}T{rng.randrange(24):02}:{rng.randrange(60):02}:00Z",
        "status": rng.choice(STATUSES),
        "customer": {
            "id": rng.randrange(10**6),
            "name": f"Customer {rng.randrange(10**4)}",
            "email": f"c{rng.randrange(10**5)}@example.org",
            "phone": None if rng.random() < 0.1 else f"+49 30 {rng.randrange(10**7):07}",
            "newsletter": rng.random() < 0.5,
        },
        "delivery": {"street": f"Main street {rng.randint(1, 99)}", "city": rng.choice(CITIES), "country": "DE"},
        "lines": lines,
        "total": round(sum(line["price"] * line["quantity"] for line in lines), 2),
        "coupon": None if rng.random() < 0.8 else "WELCOME",
    }


def order_of(size: int, rng: random.Random, line_count: int = 3) -> bytes:
    """An order of exactly ``size`` bytes."""
    return _filled(order(rng, line_count), size, rng)


def listing_of(size: int, rng: random.Random) -> dict[str, Any]:
    """A page of orders of exactly ``size`` bytes."""
    page: dict[str, Any] = {"orders": [], "next": ""}
    while True:
        longer = {**page, "orders": [*page["orders"], summary(rng)]}
        if len(encoded(longer)) > size:
            return {**page, "next": "x" * (size - len(encoded(page)))}
        page = longer


def summary(rng: random.Random) -> dict[str, Any]:
    whole = order(rng)
    return {key: whole[key] for key in ("number", "placed_at", "status", "total", "coupon")} | {
        "customer_id": whole["customer"]["id"],
        "city": whole["delivery"]["city"],
        "gift": rng.random() < 0.5,
    }


def encoded(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def leaves(document: Any) -> int:
    """Values that are no containers."""
    if isinstance(document, dict):
        return sum(map(leaves, document.values()))
    return sum(map(leaves, document)) if isinstance(document, list) else 1


def _filled(document: dict[str, Any], size: int, rng: random.Random) -> bytes:
    document = {**document, "note": ""}
    missing = size - len(encoded(document))
    if missing < 0:
        raise ValueError(f"a body has {size - missing} bytes, more than {size}")
    return encoded({**document, "note": "".join(rng.choices(NOTE_LETTERS, k=missing))})
