"""With its defaults; sees no fields."""

from prometheus_fastapi_instrumentator import Instrumentator

TITLE = "prometheus-fastapi-instrumentator"


def install(build):  # type: ignore[no-untyped-def]
    app = build()
    Instrumentator().instrument(app).expose(app)
    return app
