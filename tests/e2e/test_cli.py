"""The binary as people use it: what it says, and how it exits, when something is wrong and when nothing is."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from binary import BINARY, SECONDS_MAX, port_of, run, serving

from fieldmark import _core


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "data") as (_, url):
        yield url


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def assert_error(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert result.returncode == 2, (result.stdout, result.stderr)
    assert result.stdout == ""
    assert result.stderr.startswith("fieldmark: ")
    for part in parts:
        assert part in result.stderr


def test_prints_its_version() -> None:
    result = run("--version")
    assert (result.returncode, result.stdout.strip().count(".")) == (0, 2)


def test_helps() -> None:
    for arguments in [["--help"], ["serve", "--help"], ["status", "--help"], ["verdict", "--help"]]:
        result = run(*arguments)
        assert result.returncode == 0
        assert "fieldmark" in result.stdout or "--url" in result.stdout or "--data" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["serve", "--no-such-option"], "--no-such-option"),
        (["no-such-command"], "no-such-command"),
        (["serve", "--port", "many"], "--port"),
        (["serve", "--port", "70000"], "--port"),
        (["serve", "--looks", "soon"], "like 60s, 15m, 1h or 1d"),
        (["serve", "--looks", "1s"], "between 30 s and 24 h"),
        (["serve", "--looks", "1h,15m"], "order them"),
        (["serve", "--listen", "0.0.0.0"], "there are no tokens"),
        (["verdict", "--look", "soon"], "like 60s, 15m, 1h or 1d"),
        (["status", "--url", "ftp://x"], "http://host:port"),
        (["status", "--url", "nonsense"], "http://host:port"),
    ],
)
def test_says_what_is_wrong_with_its_arguments(arguments: list[str], part: str, tmp_path: Path) -> None:
    assert_error(run(*arguments, folder=tmp_path), part)


def test_without_a_command_it_helps_and_does_nothing(tmp_path: Path) -> None:
    result = run(folder=tmp_path)
    assert result.returncode == 2
    assert "serve" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["status", "verdict"])
def test_says_that_no_server_runs(command: str) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    assert_error(run(command, "--url", url), url, "fieldmark serve", "--url")


@pytest.mark.parametrize("command", ["status", "verdict"])
def test_says_that_something_else_answers(command: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [BINARY, command, "--url", f"http://127.0.0.1:{port}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        output, errors = process.communicate(timeout=SECONDS_MAX)
    assert (process.returncode, output) == (2, "")
    assert "not as Fieldmark does" in errors


def test_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    for end in (signal.SIGTERM, signal.SIGINT):
        with serving(tmp_path / "data") as (process, url):
            connection = http.client.HTTPConnection("127.0.0.1", port_of(url), timeout=SECONDS_MAX)
            connection.request("GET", "/health")
            health = json.load(connection.getresponse())
            assert health["status"] == "ready"
            process.send_signal(end)
            assert process.wait(SECONDS_MAX) == 0
            connection.close()


def test_ends_at_once_while_it_still_opens_its_data(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with serving(folder):
        pass
    # As long as another program holds the file, opening it waits.
    holder = sqlite3.connect(folder / "fieldmark.db", isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    process = subprocess.Popen(
        [BINARY, "serve", "--data", str(folder), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    lock = folder / "fieldmark.lock"
    deadline = time.monotonic() + SECONDS_MAX
    while lock.read_text().strip() != str(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.poll() is None
    # Not SIGINT: where the tests run in the background of a shell it is ignored, by whatever they start too.
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS_MAX) == -signal.SIGTERM
    process.communicate()
    holder.close()


def test_a_taken_port_is_an_error(server: str, tmp_path: Path) -> None:
    result = run("serve", "--data", str(tmp_path / "other"), "--port", str(port_of(server)))
    assert_error(result, str(port_of(server)), "--port")


def test_a_second_server_on_the_same_data_is_an_error(tmp_path: Path) -> None:
    with serving(tmp_path / "data"):
        assert_error(run("serve", "--data", str(tmp_path / "data"), "--port", "0"), str(tmp_path / "data"), "another")


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine")
    assert_error(run("serve", "--data", str(tmp_path / "data"), "--port", "0"), str(tmp_path / "data"))
    assert (tmp_path / "data").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_an_error() -> None:
    assert_error(run("serve", "--data", "/proc/no/such", "--port", "0"), "/proc/no/such")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert_error(run("serve", "--data", str(folder), "--port", "0"), str(folder))
    finally:
        folder.chmod(stat.S_IRWXU)


def test_a_damaged_database_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    damaged = b"this is no database" * 1000
    (folder / "fieldmark.db").write_bytes(damaged)
    assert_error(run("serve", "--data", str(folder), "--port", "0"), str(folder))
    assert (folder / "fieldmark.db").read_bytes() == damaged


def test_no_service_is_not_green(server: str) -> None:
    status = run("status", "--url", server)
    assert status.returncode == 3
    assert "no service has reported" in status.stdout
    listed = run("status", "--url", server, "--json")
    assert listed.returncode == 3
    assert json.loads(listed.stdout)["services"] == []
    assert run("verdict", "--url", server).returncode == 3


def test_an_unknown_service_is_an_error(server: str) -> None:
    for command in ["status", "verdict"]:
        assert run(command, "--url", server, "--service", "nobody").returncode == 3, "nobody has reported at all"
    introduce(server, "orders", "production")
    introduce(server, "payments", "staging")
    for command in ["status", "verdict"]:
        assert_error(run(command, "--url", server, "--service", "ordres"), "ordres", "did you mean orders")
        assert_error(run(command, "--url", server, "--service", "nothing"), "there are orders, payments")
        assert_error(run(command, "--url", server, "--environment", "prod"), "there are production, staging")
        assert_error(
            run(command, "--url", server, "--service", "orders", "--environment", "produktion"),
            "did you mean production",
        )
        assert_error(run(command, "--url", server, "--service", "no body/x", "--environment", "y"), "no body/x")


def introduce(url: str, service: str, environment: str) -> None:
    """A worker that was watching for a minute, and nothing else."""
    recorder = _core.Recorder("00" * 16)
    now = time.time_ns() // 1_000_000
    recorder.watch(now - 60_000, now)
    outbox = _core.Outbox(service, environment, "v1", os.urandom(16))
    outbox.collect(recorder)
    frozen = outbox.freeze(now)
    assert frozen is not None
    connection = http.client.HTTPConnection("127.0.0.1", port_of(url), timeout=SECONDS_MAX)
    connection.request("POST", "/api/v1/batches", frozen[1], {"Content-Type": "application/vnd.fieldmark.batch"})
    assert connection.getresponse().status == 200
    connection.close()
