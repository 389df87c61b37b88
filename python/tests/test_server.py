"""The package against the server it brings along: what is counted here is counted there, once."""

from __future__ import annotations

import os
import re
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
def server(folder: Path, port: int, *options: str) -> Iterator[str]:
    process = subprocess.Popen(
        [str(BINARY), "serve", "--data", str(folder), "--port", str(port), *options],
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


def token(folder: Path, *arguments: str) -> str:
    command = [str(BINARY), "token", "create", "--data", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


@pytest.mark.parametrize("name_of_token", ["FIELDMARK_TOKEN", "token="])
def test_a_worker_with_its_token_is_taken_by_a_server_that_asks_for_one(
    name_of_token: str, tmp_path: Path, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = token(tmp_path / "data", "--service", service, "--environment", "production")
    reading = token(tmp_path / "data", "--name", "ada")
    settings: dict[str, Any] = {"service": service, "version": "v1"}
    if name_of_token == "token=":
        settings["token"] = writing
    else:
        monkeypatch.setenv(name_of_token, writing)
    with server(tmp_path / "data", free_port(), "--listen", "0.0.0.0") as url:
        with serving(FieldmarkMiddleware(app, url=url, **settings), lifespan="off") as base:
            for _ in range(3):
                httpx.get(base)
            assert agent_of(service).flush(10.0)
        answer = httpx.get(f"{url}/api/v1/services", headers={"Authorization": f"Bearer {reading}"})
    assert [row["service"] for row in answer.json()["services"]] == [service]


def test_without_the_right_token_counts_are_kept_and_the_log_says_what_is_missing(
    tmp_path: Path, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data"
    others = token(folder, "--service", "others", "--environment", "production")
    with server(folder, free_port(), "--listen", "0.0.0.0") as url:
        watching = FieldmarkMiddleware(app, service=service, url=url, version="v1", token=others)
        with serving(watching, lifespan="off") as base:
            assert httpx.get(base).status_code == 200
            running = agent_of(service)
            running.flush(10.0)
            said = [record.getMessage() for record in caplog.records if "sending to" in record.getMessage()]
            assert "403" in said[0], said
            assert others not in caplog.text
            # Set right, as after a restart of the sender, everything arrives.
            own = token(folder, "--service", service, "--environment", "production")
            assert running._sender is not None
            running._sender._client._headers["Authorization"] = f"Bearer {own}"
            assert running.flush(10.0)
        reading = token(folder, "--name", "ada")
        answer = httpx.get(f"{url}/api/v1/services", headers={"Authorization": f"Bearer {reading}"})
    assert [row["service"] for row in answer.json()["services"]] == [service]


def test_what_was_not_profiled_is_said_by_the_server_and_by_the_command_line(tmp_path: Path, service: str) -> None:
    async def packed(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-encoding", b"br")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"\x0b\x02\x80{}\x03"})

    with server(tmp_path / "data", free_port()) as url:
        watching = FieldmarkMiddleware(packed, service=service, url=url, version="v1")
        with serving(watching, lifespan="off") as base:
            httpx.get(base, headers={"accept-encoding": "br"})
            assert agent_of(service).flush(10.0)
        notices = httpx.get(f"{url}/api/v1/services/{service}/production/status").json()["notices"]
        said = subprocess.run([str(BINARY), "status", "--url", url], capture_output=True, text=True, timeout=30)
        examined = doctor(url, service)
    assert notices == ["JSON bodies of the last 24 hours not profiled: 1 compressed; 0 were."]
    assert notices[0] in said.stdout
    assert f"not recorded {notices[0]}" in examined.splitlines()
    assert re.search(r"^arrived +last at \d{4}-\d\d-\d\dT[\d:]+Z, of version v1$", examined, re.MULTILINE), examined


def doctor(url: str, service: str, **environ: str) -> str:
    """What it prints where nothing is wrong."""
    own = {"FIELDMARK_URL": url, "FIELDMARK_SERVICE": service, "FIELDMARK_VERSION": "v1"}
    command = [sys.executable, "-m", "fieldmark", "doctor"]
    ended = subprocess.run(command, env={**os.environ, **own, **environ}, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_doctor_says_why_it_cannot_say_what_arrived(tmp_path: Path, service: str) -> None:
    with server(tmp_path / "open", free_port()) as url:
        assert "arrived      nothing of this service yet" in doctor(url, service).splitlines()
    writing = token(tmp_path / "closed", "--service", service, "--environment", "production")
    with server(tmp_path / "closed", free_port()) as url:
        said = doctor(url, service, FIELDMARK_TOKEN=writing)
    assert "arrived      told to tokens for reading alone: ask with one by fieldmark status" in said.splitlines()


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
