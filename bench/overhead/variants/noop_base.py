from starlette.middleware.base import BaseHTTPMiddleware

TITLE = "no-op BaseHTTPMiddleware"


class Noop(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):  # type: ignore[no-untyped-def]
        return await call_next(request)


def install(build):  # type: ignore[no-untyped-def]
    app = build()
    app.add_middleware(Noop)
    return app
