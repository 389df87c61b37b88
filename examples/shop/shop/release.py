"""What every release has in common: a FastAPI app with one line for Fieldmark, and one for its log."""

from __future__ import annotations

import logging

from fastapi import APIRouter, FastAPI

from fieldmark import FieldmarkMiddleware, LogCounter


def release(version: str, router: APIRouter) -> FastAPI:
    app = FastAPI(title="Shop", version=version)
    app.include_router(router)
    app.add_middleware(FieldmarkMiddleware, service="shop", environment="demo", version=version)
    log = logging.getLogger("shop")
    log.addHandler(LogCounter())
    return app
