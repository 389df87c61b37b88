"""Processes: a child is a worker of its own, and what its parent recorded is the parent's to send."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from fieldmark import FieldmarkMiddleware
from support import Collector, free_port, wait_for_port

APPLICATION = """
from fastapi import FastAPI
from fieldmark import FieldmarkMiddleware

app = FastAPI()
app.add_middleware(FieldmarkMiddleware)

@app.get("/")
async def root():
    return {"a": 1}
"""


LARGE = b'{"numbers": [' + b",".join([b"1234"] * 10_000) + b"]}"  # 50 kB: profiled on a thread of the extension's


async def bare(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": LARGE})


def call(app: Any, times: int) -> None:
    import asyncio

    async def send(message: Any) -> None:
        pass

    async def calls() -> None:
        for _ in range(times):
            await app({"type": "http", "method": "GET", "path": "/", "headers": []}, None, send)

    asyncio.run(calls())


def test_a_forked_child_counts_for_itself_and_nothing_is_counted_twice(collector: Collector, service: str) -> None:
    app = FieldmarkMiddleware(bare, service=service, url=collector.url, version="v1")
    call(app, 3)
    child = multiprocessing.get_context("fork").Process(target=call, args=(app, 5))
    child.start()
    call(app, 2)
    child.join(20)
    assert child.exitcode == 0
    collector.wait_until(lambda c: c.body("(unmatched) response 2xx").get("documents") == 10)
    assert collector.requests("(unmatched)") == {200: 10}
    by_instance: dict[tuple[bytes, int], int] = {}
    for batch in collector.applied.values():
        for subjects in batch["minutes"].values():
            request = subjects.get("(unmatched)", {}).get("request", {"by_status": {200: 0}})
            key = (batch["instance"], batch["pid"])
            by_instance[key] = by_instance.get(key, 0) + request["by_status"][200]
    assert sorted(by_instance.values()) == [5, 5]
    assert {pid for _, pid in by_instance} == {os.getpid(), child.pid}


def test_a_fork_while_a_batch_is_on_its_way_counts_for_both_once(collector: Collector, service: str) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hold(batch: Any) -> bool:
        arrived.set()
        return not go_on.wait(20)

    collector.refuses = hold
    app = FieldmarkMiddleware(bare, service=service, url=collector.url, version="v1")
    call(app, 3)
    assert arrived.wait(20)
    child = multiprocessing.get_context("fork").Process(target=call, args=(app, 5))
    child.start()
    call(app, 2)
    go_on.set()
    child.join(20)
    assert child.exitcode == 0
    collector.wait_until(lambda c: c.requests("(unmatched)") == {200: 10})
    assert {batch["pid"] for batch in collector.applied.values()} == {os.getpid(), child.pid}


def test_a_child_that_serves_nothing_sends_nothing(collector: Collector, service: str) -> None:
    app = FieldmarkMiddleware(bare, service=service, url=collector.url, version="v1")
    call(app, 3)
    collector.wait_until(lambda c: c.requests("(unmatched)") == {200: 3})
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert {batch["pid"] for batch in collector.applied.values()} == {os.getpid()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "orders.py").write_text(APPLICATION)
    return tmp_path


def start(project: Path, url: str, port: int, workers: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "orders:app", "--port", str(port), "--workers", str(workers)],
        cwd=project,
        env={**os.environ, "FIELDMARK_URL": url, "FIELDMARK_SERVICE": "orders", "FIELDMARK_ENVIRONMENT": "test"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_uvicorn_s_workers_report_all_requests_once_also_at_the_end(
    workers: int, collector: Collector, project: Path
) -> None:
    collector.interval_s = 60.0  # what arrives after the first round arrives at the end
    port = free_port()
    process = start(project, collector.url, port, workers)
    try:
        wait_for_port(port, process)
        collector.wait_until(lambda c: len({batch["pid"] for batch in c.applied.values()}) == workers)
        for _ in range(40):  # a connection each, so that both workers get some
            assert httpx.get(f"http://127.0.0.1:{port}/").json() == {"a": 1}
    finally:
        process.send_signal(signal.SIGTERM)
        stderr = process.communicate(timeout=20)[1].decode()
    assert collector.requests("GET /") == {200: 40}, stderr
    assert {batch["version"][:5] for batch in collector.applied.values()} == {"code:"}
    assert len({batch["version"] for batch in collector.applied.values()}) == 1
    assert {(batch["service"], batch["environment"]) for batch in collector.applied.values()} == {("orders", "test")}


def test_a_worker_that_is_killed_loses_what_it_had_not_sent_and_no_more(collector: Collector, project: Path) -> None:
    port = free_port()
    process = start(project, collector.url, port, 1)
    try:
        wait_for_port(port, process)
        for _ in range(10):
            httpx.get(f"http://127.0.0.1:{port}/")
        collector.wait_until(lambda c: c.requests("GET /") == {200: 10})
        for _ in range(7):
            httpx.get(f"http://127.0.0.1:{port}/")
    finally:
        process.kill()
        process.communicate(timeout=20)
    assert collector.requests("GET /")[200] in range(10, 18)


def test_an_idle_worker_reports_without_any_request(collector: Collector, project: Path) -> None:
    port = free_port()
    process = start(project, collector.url, port, 1)
    try:
        collector.wait_until(lambda c: c.subjects().get("", {}).get("watch", {}).get("observed_ms", 0) > 0)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert "GET /" not in collector.subjects()


ONE_REQUEST = """
import orders
from starlette.testclient import TestClient
TestClient(orders.app).get("/")
"""


@pytest.mark.parametrize("server", ["up", "down"])
def test_nothing_of_the_extension_stays_at_the_end_of_a_process(
    server: str, collector: Collector, project: Path
) -> None:
    url = collector.url if server == "up" else f"http://127.0.0.1:{free_port()}"
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore", "-c", ONE_REQUEST],
        cwd=project,
        env={**os.environ, "FIELDMARK_URL": url, "FIELDMARK_SERVICE": "orders"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0
    assert "leaked" not in ended.stderr
    assert (server == "down") == ("nothing listens" in ended.stderr)
