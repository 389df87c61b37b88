"""Where the extension cannot be loaded the application runs all the same, and the doctor says why."""

from __future__ import annotations

import os
import subprocess
import sys

MISSING = "import sys; sys.modules['fieldmark._core'] = None\n"
APPLICATION = """
import asyncio, logging
import fieldmark
from fastapi import FastAPI
from fastapi.testclient import TestClient

app = FastAPI()
app.add_middleware(fieldmark.FieldmarkMiddleware, service="orders", colour="red")
logging.getLogger().addHandler(fieldmark.LogCounter())

@app.get("/")
@fieldmark.job("nightly")
async def root():
    return {"a": 1}

print(TestClient(app).get("/").json())
for use in (fieldmark.Profile, lambda: fieldmark.profile([]), lambda: fieldmark.Profile.decode(b"")):
    try:
        use()
    except ImportError as error:
        print(error)
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MISSING + program],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "FIELDMARK_URL": "http://127.0.0.1:1"},
    )


def test_an_application_is_served_without_the_extension() -> None:
    done = run(APPLICATION)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "{'a': 1}"
    assert len(lines) == 4
    assert all("loading fieldmark's extension" in line for line in lines[1:])
    assert done.stderr.count("this application runs without Fieldmark") == 1


def test_the_doctor_says_that_the_extension_is_missing() -> None:
    done = run("from fieldmark.__main__ import main\nsys.exit(main(['doctor']))")
    assert done.returncode == 2
    assert "loading fieldmark's extension" in done.stderr
    assert "install the package" in done.stderr
