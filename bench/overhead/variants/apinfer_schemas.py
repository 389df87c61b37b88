"""Infers a schema of each route from its bodies, into a database."""

import tempfile
from pathlib import Path

from apinfer import ApinferMiddleware

TITLE = "apinfer"


def install(build):  # type: ignore[no-untyped-def]
    app = build()
    app.add_middleware(ApinferMiddleware, db_path=Path(tempfile.mkdtemp()) / "apinfer.db")
    return app
