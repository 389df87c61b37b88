"""The package against the server it brings along: what is counted here is counted there, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fieldmark import FieldmarkMiddleware, agent
from support import Pause, free_port, serving, wait_for_port

BINARY = Path(sys.executable).with_name("fieldmark")

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason="this build of the package has no server")


@contextmanager
def server(folder: Path, port: int) -> Iterator[str]:
    process = subprocess.Popen(
        [str(BINARY), "serve", "--data", str(folder), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def health(url: str) -> dict[str, Any]:
    return dict(httpx.get(f"{url}/health").json())


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b'{"customer": {"phone": null}}'})


def test_the_server_takes_our_batches_and_refuses_none(tmp_path: Path, service: str) -> None:
    with server(tmp_path / "data", free_port()) as url:
        with serving(FieldmarkMiddleware(app, service=service, url=url, version="v1"), lifespan="off") as base:
            for _ in range(25):
                httpx.get(base)
            assert agent_of(service).flush(10.0)
        report = health(url)
        assert report["batches_applied"] >= 1
        assert (report["batches_rejected"], report["batches_duplicate"]) == (0, 0)
        services = httpx.get(f"{url}/api/v1/services").json()["services"]
        assert [(row["service"], row["environment"], row["version"]) for row in services] == [
            (service, "production", "v1")
        ]


def test_what_was_counted_while_the_server_was_away_arrives_when_it_comes(tmp_path: Path, service: str) -> None:
    port = free_port()
    watching = FieldmarkMiddleware(app, service=service, url=f"http://127.0.0.1:{port}", version="v1")
    with serving(watching, lifespan="off") as base:
        for _ in range(10):
            assert httpx.get(base).status_code == 200
        assert agent_of(service).flush(10.0)
        with server(tmp_path / "data", port) as url:
            pause = Pause()
            while health(url)["batches_applied"] == 0:
                pause.until_next("the worker did not come back")
                agent_of(service).flush(10.0)
            report = health(url)
    assert (report["batches_rejected"], report["batches_duplicate"]) == (0, 0)


JOB = """
import fieldmark

@fieldmark.job("nightly-export")
def export(day):
    if day == 1:
        raise RuntimeError("no such table")

for day in range(3):
    try:
        export(day)
    except RuntimeError:
        pass
"""


def test_the_server_answers_whether_jobs_fail(tmp_path: Path, service: str) -> None:
    with server(tmp_path / "data", free_port()) as url:
        environment = {"FIELDMARK_URL": url, "FIELDMARK_SERVICE": service, "FIELDMARK_VERSION": "v1"}
        subprocess.run([sys.executable, "-c", JOB], env={**os.environ, **environment}, timeout=30, check=True)
        status = httpx.get(f"{url}/api/v1/services/{service}/production/status").json()
        (answer,) = [each for each in status["answers"] if each["question"] == "Are jobs failing?"]
        said = subprocess.run([str(BINARY), "status", "--url", url], capture_output=True, text=True, timeout=30)
    assert (answer["state"], answer["word"]) == ("bad", "Failing")
    assert answer["detail"] == "1 run of 3 failed in 24 h"
    assert "1 run of 3 failed in 24 h" in said.stdout
    assert said.returncode == 1


def agent_of(service: str) -> agent.Agent:
    return next(each for (_, name), each in agent._agents.items() if name == service)


def test_the_binary_is_on_the_path_of_the_environment() -> None:
    found = subprocess.run(
        ["fieldmark", "--version"],
        env={**os.environ, "PATH": f"{BINARY.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "0.1.0" in found.stdout
