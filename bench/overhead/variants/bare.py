TITLE = "bare FastAPI"


def install(build):  # type: ignore[no-untyped-def]
    return build()
