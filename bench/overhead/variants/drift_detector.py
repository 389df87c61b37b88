"""Compares bodies with the OpenAPI document; its dashboard off."""

import json
import os
import tempfile
from pathlib import Path

from api_sentinel import APISentinelMiddleware

TITLE = "api-drift-detector"


def install(build):  # type: ignore[no-untyped-def]
    app = build()
    folder = Path(tempfile.mkdtemp())
    os.chdir(folder)  # where it writes what it found
    specification = folder / "openapi.json"
    specification.write_text(json.dumps(app.openapi()))
    app.add_middleware(APISentinelMiddleware, openapi_path=str(specification), dashboard_url=None)
    return app
