"""What validation found wrong: counted by location and rule, whoever says it, and never what was there."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.middleware.gzip import GZipMiddleware

from fieldmark import FieldmarkMiddleware, errors
from support import Collector, serving
from test_middleware import JSON, agent_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACED = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    price: float


class Order(BaseModel):
    phone: str
    items: list[Item] = []
    notes: dict[int, str] = {}


def shop(collector: Collector, service: str, **settings: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(FieldmarkMiddleware, service=service, url=collector.url, version="v1", **settings)

    @app.post("/orders")
    async def create(order: Order, limit: int = Query(10)) -> dict[str, int]:
        return {"limit": limit}

    @app.get("/wrong", response_model=list[Item])
    async def wrong() -> Any:
        return [{"price": 1}, {"price": "of a customer's secret"}, {}]

    @app.get("/failing")
    async def failing() -> None:
        raise KeyError("of a customer's secret")

    @app.get("/down")
    async def down() -> JSONResponse:
        return JSONResponse({"detail": "later"}, 503)

    return app


def violations(collector: Collector, route: str) -> dict[tuple[str, str], tuple[int, list[str]]]:
    """How often, and the traces."""
    return collector.subjects().get(route, {}).get("violations", {})


def test_what_validation_refused_is_counted_by_location_and_rule(collector: Collector, service: str) -> None:
    invalid = {
        "items": [{"price": 1}, {"price": "twelve"}, {"price": 2, "hunter2": 1}, {}],
        "notes": {"someone@example.org": "x", "7": 7},
    }
    with serving(shop(collector, service)) as base:
        for _ in range(2):
            assert httpx.post(f"{base}/orders?limit=many", json=invalid, headers=TRACED).status_code == 422
        assert httpx.post(f"{base}/orders", content=b'{"phone": hunter2}', headers=JSON).status_code == 422
        assert httpx.post(f"{base}/orders", json={"phone": "1"}).status_code == 200
    collector.wait_until(lambda c: c.requests("POST /orders") == {200: 1, 422: 3})
    assert violations(collector, "POST /orders") == {
        ("body.phone", "missing"): (2, [TRACE]),
        ("body.items[].price", "float_parsing"): (2, [TRACE]),
        ("body.items[].price", "missing"): (2, [TRACE]),
        ("body.items[].{}", "extra_forbidden"): (2, [TRACE]),
        ("body.notes.{}", "int_parsing"): (2, [TRACE]),
        ("body.notes.{}", "string_type"): (2, [TRACE]),
        ("query.limit", "int_parsing"): (2, [TRACE]),
        ("body[]", "json_invalid"): (1, []),
    }
    assert not any(planted in batch for batch in collector.attempts for planted in (b"hunter2", b"twelve", b"someone"))
    assert agent_of(service).faults == 0


def test_a_response_that_is_not_what_was_declared_is_counted(collector: Collector, service: str) -> None:
    with serving(shop(collector, service)) as base:
        assert httpx.get(f"{base}/wrong", headers=TRACED).status_code == 500
    collector.wait_until(lambda c: c.requests("GET /wrong") == {500: 1})
    assert violations(collector, "GET /wrong") == {
        ("response[].price", "float_parsing"): (1, [TRACE]),
        ("response[].price", "missing"): (1, [TRACE]),
    }
    assert collector.subjects()["GET /wrong"]["request"]["by_exception"] == {"ResponseValidationError": 1}
    assert agent_of(service).faults == 0


def test_what_an_application_answers_in_its_own_words_is_counted_where_it_says_where(
    collector: Collector, service: str
) -> None:
    app = shop(collector, service)

    @app.exception_handler(RequestValidationError)
    async def answer(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": [{"loc": each["loc"], "type": each["type"]} for each in error.errors()]}, 400)

    with serving(app) as base:
        httpx.post(f"{base}/orders", json={})
    collector.wait_until(lambda c: c.requests("POST /orders") == {400: 1})
    assert violations(collector, "POST /orders") == {("body.phone", "missing"): (1, [])}


def test_an_answer_is_read_where_it_is_compressed_or_large(collector: Collector, service: str) -> None:
    app = FastAPI()
    app.add_middleware(GZipMiddleware, minimum_size=1)
    app.add_middleware(FieldmarkMiddleware, service=service, url=collector.url, version="v1")

    @app.post("/orders")
    async def create(order: Order) -> None: ...

    with serving(app) as base:
        httpx.post(f"{base}/orders", json={"items": [{}] * 1000}, headers=TRACED)
        httpx.post(f"{base}/orders", json={}, headers=TRACED)
    collector.wait_until(lambda c: ("body.items[].price", "missing") in violations(c, "POST /orders"))
    assert violations(collector, "POST /orders") == {
        ("body.items[].price", "missing"): (1, [TRACE]),
        ("body.phone", "missing"): (2, [TRACE]),
    }


def test_without_bodies_nothing_of_an_answer_is_read(collector: Collector, service: str) -> None:
    with serving(shop(collector, service, bodies=False)) as base:
        httpx.post(f"{base}/orders", json={})
    collector.wait_until(lambda c: c.requests("POST /orders") == {422: 1})
    assert violations(collector, "POST /orders") == {}


def test_traces_are_kept_of_what_failed(collector: Collector, service: str) -> None:
    with serving(shop(collector, service)) as base:
        for path in ("/failing", "/down"):
            httpx.get(base + path, headers=TRACED)
            httpx.get(base + path)
            httpx.get(base + path, headers={"traceparent": "of a customer's secret"})
        httpx.post(f"{base}/orders", json={"phone": "1"}, headers=TRACED)
    collector.wait_until(lambda c: c.requests("POST /orders") == {200: 1})
    kept = {
        route: (subject["request"]["failed_traces"], subject["request"]["exception_traces"])
        for route, subject in collector.subjects().items()
        if "request" in subject
    }
    assert kept == {
        "GET /failing": ([TRACE], {"KeyError": [TRACE]}),
        "GET /down": ([TRACE], {}),
        "POST /orders": ([], {}),
    }
    assert not any(b"secret" in batch for batch in collector.attempts)


@pytest.mark.parametrize(
    "broken",
    [
        lambda _: None,
        lambda _: [{"loc": ("body",)}],
        lambda _: [{"loc": object(), "type": "missing"}],
        lambda _: 1 / 0,
    ],
)
def test_an_exception_that_says_nonsense_is_a_fault_and_nothing_more(
    broken: Any, collector: Collector, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastapi.exceptions.ValidationException.errors", broken)
    with serving(shop(collector, service)) as base:
        assert httpx.get(f"{base}/wrong").status_code == 500
        httpx.post(f"{base}/orders", json={"phone": "1"})
    collector.wait_until(lambda c: c.requests("POST /orders") == {200: 1})
    assert collector.requests("GET /wrong") == {500: 1}
    assert agent_of(service).faults == 1


def test_other_exceptions_say_nothing_of_data() -> None:
    assert errors.validation_errors(ValueError("secret")) is None
    many = RequestValidationError([{"loc": ("body", i), "type": "missing"} for i in range(5000)])
    found = errors.validation_errors(many)
    assert found is not None
    assert found.count(b"missing") == errors._ERRORS_MAX
