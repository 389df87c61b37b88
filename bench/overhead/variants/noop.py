TITLE = "no-op ASGI"


class Noop:
    def __init__(self, app):  # type: ignore[no-untyped-def]
        self.app = app

    async def __call__(self, scope, receive, send):  # type: ignore[no-untyped-def]
        await self.app(scope, receive, send)


def install(build):  # type: ignore[no-untyped-def]
    app = build()
    app.add_middleware(Noop)
    return app
