"""With its defaults; sees no fields."""

from starlette_exporter import PrometheusMiddleware, handle_metrics

TITLE = "starlette_exporter"


def install(build):  # type: ignore[no-untyped-def]
    app = build()
    app.add_middleware(PrometheusMiddleware)
    app.add_route("/metrics", handle_metrics)
    return app
