"""What every release has in common: a FastAPI app with one line for Fieldmark."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from fieldmark import FieldmarkMiddleware


def release(version: str, router: APIRouter) -> FastAPI:
    app = FastAPI(title="Shop", version=version)
    app.include_router(router)
    app.add_middleware(FieldmarkMiddleware, service="shop", environment="demo", version=version)
    return app
