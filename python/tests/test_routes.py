from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from fieldmark.routes import UNMATCHED, route_of


async def answer(value: str = "", number: int = 0) -> str:
    return "ok"


async def plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


class Names:
    """Writes down the name of every request's route, from where the middleware stands."""

    def __init__(self, app: ASGIApp, names: list[str]) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
        self.names.append(route_of(scope))


def fastapi_app(files: Path) -> FastAPI:
    app = FastAPI()
    inner = APIRouter(prefix="/inner")
    inner.get("/deep/{value}")(answer)
    orders = APIRouter(prefix="/orders")
    orders.get("/{value}")(answer)
    orders.post("/")(answer)
    orders.include_router(inner, prefix="/v1")
    orders.routes.append(Route("/star", plain))
    app.include_router(orders, prefix="/api")
    app.get("/direct/{number:int}")(answer)
    app.get("/files/{value:path}")(answer)

    mounted = FastAPI()
    mounted.get("/in/{value}")(answer)
    mounted.include_router(orders, prefix="/again")
    app.mount("/sub", mounted)
    app.mount("/tenants/{tenant}", mounted)
    app.mount("/numbers/{n:int}", mounted)
    app.mount("/static", StaticFiles(directory=files))
    app.router.routes.append(Route("/starlette/{value}", plain))
    return app


def starlette_app(files: Path) -> Starlette:
    inner = Starlette(routes=[Route("/in/{value}", plain)])
    return Starlette(
        routes=[
            Route("/direct/{number:int}", plain),
            Mount("/sub", inner),
            Mount("/static", StaticFiles(directory=files)),
        ]
    )


HERE = __name__

FASTAPI = [
    ("GET", "/direct/7", "GET /direct/{number}"),
    ("HEAD", "/direct/7", "HEAD /direct/{number}"),
    ("POST", "/direct/7", "POST /direct/{number}"),  # 405: the path is known
    ("GET", "/files/a/b/c.txt", "GET /files/{value}"),
    ("GET", "/api/orders/9", "GET /api/orders/{value}"),
    ("POST", "/api/orders/", "POST /api/orders/"),
    ("GET", "/api/orders/v1/inner/deep/7", "GET /api/orders/v1/inner/deep/{value}"),
    ("GET", "/sub/in/7", "GET /sub/in/{value}"),
    ("GET", "/sub/again/orders/7", "GET /sub/again/orders/{value}"),
    ("GET", "/tenants/acme/in/7", "GET /tenants/{tenant}/in/{value}"),
    ("GET", "/numbers/007/in/7", "GET /{mount}/in/{value}"),
    ("GET", "/static/page.txt", "GET /static/{path}"),
    ("GET", "/starlette/7", f"GET {HERE}.plain"),
    ("GET", "/nowhere/7", UNMATCHED),
    ("GET", "/sub/nowhere", UNMATCHED),
    ("GET", "/api/orders", UNMATCHED),  # redirected to the path with a slash
    ("MADEUP", "/direct/7", "(other) /direct/{number}"),
]

STARLETTE = [
    ("GET", "/direct/7", "GET /direct/{number}"),
    ("GET", "/sub/in/7", "GET /sub/in/{value}"),
    ("GET", "/static/page.txt", "GET /static/{path}"),
    ("GET", "/nowhere", UNMATCHED),
]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "page.txt").write_text("page")
    return tmp_path


async def names_of(app: ASGIApp, requests: list[tuple[str, str]], root_path: str = "") -> list[str]:
    names: list[str] = []
    transport = httpx.ASGITransport(Names(app, names), root_path=root_path)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for method, path in requests:
            await client.request(method, path)
    return names


@pytest.mark.parametrize(("method", "path", "expected"), FASTAPI)
def test_a_route_of_fastapi_is_named_by_its_template(method: str, path: str, expected: str, files: Path) -> None:
    assert run(names_of(fastapi_app(files), [(method, path)])) == [expected]


@pytest.mark.parametrize(("method", "path", "expected"), STARLETTE)
def test_a_route_of_starlette_is_named_by_its_template(method: str, path: str, expected: str, files: Path) -> None:
    assert run(names_of(starlette_app(files), [(method, path)])) == [expected]


def test_a_proxy_s_prefix_is_not_part_of_the_name(files: Path) -> None:
    requests = [("GET", "/proxy/direct/7"), ("GET", "/proxy/sub/in/7"), ("GET", "/proxy/api/orders/7")]
    names = run(names_of(fastapi_app(files), requests, root_path="/proxy"))
    assert names == ["GET /direct/{number}", "GET /sub/in/{value}", "GET /api/orders/{value}"]


def test_an_application_without_routes_is_unmatched() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("ok")(scope, receive, send)

    assert run(names_of(app, [("GET", "/secret/of/a/customer")])) == [UNMATCHED]


def run(coroutine):  # type: ignore[no-untyped-def]
    import asyncio

    return asyncio.run(coroutine)
