"""Who gets in: nobody from outside without a token, and with one only to what it is for."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from binary import BINARY, SECONDS_MAX, run

from fieldmark import _core


@contextmanager
def reachable(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server that other machines can reach, and its port."""
    command = [BINARY, "serve", "--data", str(folder), "--port", "0", "--listen", "0.0.0.0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert " is ready at http://0.0.0.0:" in ready, process.stderr and process.stderr.read()
        yield process, int(ready.split("http://0.0.0.0:")[1].split(",")[0])
    finally:
        process.kill()
        process.communicate()


def token(folder: Path, *arguments: str) -> str:
    made = run("token", "create", "--data", str(folder), *arguments)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def ask(port: int, method: str, path: str, token: str = "", body: bytes = b"", kind: str = "application/json") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
    headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
    connection.request(method, path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def batch(service: str) -> bytes:
    now = time.time_ns() // 1_000_000
    recorder = _core.Recorder("00" * 16)
    recorder.watch(now - 60_000, now)
    outbox = _core.Outbox(service, "production", "v1", os.urandom(16))
    outbox.collect(recorder)
    frozen = outbox.freeze(now)
    assert frozen is not None
    return bytes(frozen[1])


def command_line(port: int, token: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BINARY, "status", "--url", f"http://127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        env={**os.environ, "FIELDMARK_TOKEN": token},
    )


def test_refuses_to_be_reached_without_tokens(tmp_path: Path) -> None:
    result = run("serve", "--data", str(tmp_path / "data"), "--port", "0", "--listen", "0.0.0.0")
    assert result.returncode == 2
    assert "there are no tokens" in result.stderr
    assert "fieldmark token create" in result.stderr


def test_lets_in_who_shows_the_right_token(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    reading = token(folder, "--name", "ada")
    writing = token(folder, "--service", "orders", "--environment", "production")
    kind = "application/vnd.fieldmark.batch"
    with reachable(folder) as (process, port):
        assert ask(port, "GET", "/api/v1/services") == 401
        assert ask(port, "GET", "/api/v1/services", "fm_00000000_guess") == 401
        assert ask(port, "GET", "/api/v1/services", writing) == 403
        assert ask(port, "GET", "/api/v1/services", reading) == 200
        assert ask(port, "POST", "/api/v1/batches", "", batch("orders"), kind) == 401
        assert ask(port, "POST", "/api/v1/batches", reading, batch("orders"), kind) == 403
        assert ask(port, "POST", "/api/v1/batches", writing, batch("payments"), kind) == 403
        assert ask(port, "POST", "/api/v1/batches", writing, batch("orders"), kind) == 200
        said = command_line(port, reading)
        assert "orders in production" in said.stdout, said.stderr
        assert command_line(port, "").returncode == 2
        assert "FIELDMARK_TOKEN" in command_line(port, "").stderr

        listed = json.loads(run("token", "list", "--data", str(folder), "--json").stdout)["tokens"]
        assert [(each["kind"], each["name"], each["service"]) for each in listed] == [
            ("read", "ada", ""),
            ("ingest", "", "orders"),
        ]
        assert run("token", "revoke", "--data", str(folder), listed[0]["id"]).returncode == 0
        assert ask(port, "GET", "/api/v1/services", reading) == 401, "at the next request"
        missing = run("token", "revoke", "--data", str(folder), listed[0]["id"])
        assert (missing.returncode, "fieldmark token list" in missing.stderr) == (2, True)
        process.terminate()
        _, log = process.communicate(timeout=SECONDS_MAX)
    for secret in (reading, writing):
        assert secret[12:] not in log
        for file in folder.iterdir():
            assert secret[12:].encode() not in file.read_bytes(), file.name
            assert file.stat().st_mode & 0o077 == 0, file.name
    actions = [json.loads(line)["action"] for line in (folder / "audit.log").read_text().splitlines()]
    assert actions == ["token created", "token created", "token revoked"]
