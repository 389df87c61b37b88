"""Disks that are full, that may not be written, or that hold a damaged page, under the real server."""

from __future__ import annotations

import http.client
import json
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from binary import port_of, run, serving
from senders import BATCH_TYPE, ROUTES, batches, post, stored
from test_kill import GOLDEN

MIB = 1 << 20
LEFT_FREE = 64 * MIB  # by the server, of its disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, 96 MiB large."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"only root can mount a small disk: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def get(url: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(url), timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode()


def answer_to(url: str, body: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(url), timeout=20)
    connection.request("POST", "/api/v1/batches", body, BATCH_TYPE)
    response = connection.getresponse()
    return response.status, {name.lower(): value for name, value in response.headers.items()}, json.load(response)


def assert_read_only(url: str, body: bytes, *parts: str) -> None:
    """It refuses for now, says so everywhere, and answers everything else."""
    status, headers, problem = answer_to(url, body)
    assert (status, headers["content-type"]) == (503, "application/problem+json")
    assert int(headers["retry-after"]) >= 1
    for part in parts:
        assert part in problem["detail"]
    assert get(url, "/health/live")[0] == 200
    assert get(url, "/health/ready")[0] == 503
    assert json.loads(get(url, "/health")[1])["status"] == "read_only"
    assert "\nfieldmark_writable 0\n" in get(url, "/metrics")[1]
    services = json.loads(get(url, "/api/v1/services")[1])
    assert "Nothing new can be stored" in services["notices"][0]
    assert services["services"][0]["service"] == "orders"
    assert get(url, "/api/v1/services/orders/production/status")[0] == 200
    assert get(url, "/")[0] == 200


def assert_writable_again(url: str, body: bytes) -> None:
    assert post(port_of(url), body) == "applied"
    assert get(url, "/health/ready")[0] == 200
    assert "\nfieldmark_writable 1\n" in get(url, "/metrics")[1]
    assert json.loads(get(url, "/api/v1/services")[1])["notices"] == []


def fill(file: Path, bytes_left: int) -> None:
    """Until no more than so many bytes are left on its disk."""
    with file.open("ab", buffering=0) as ballast, suppress(OSError):
        while shutil.disk_usage(file.parent).free > bytes_left:
            ballast.write(bytes(min(MIB, max(1, shutil.disk_usage(file.parent).free - bytes_left))))


def test_with_little_room_left_it_refuses_and_goes_on_when_there_is_more(disk: Path) -> None:
    sent = batches(1, 1, 60)
    total = dict.fromkeys(ROUTES, 0)
    with serving(disk / "data") as (process, url):
        for _ in range(5):
            body, counts = next(sent)
            assert post(port_of(url), body) == "applied"
            total = {route: total[route] + counts[route] for route in ROUTES}
        body, counts = next(sent)
        total = {route: total[route] + counts[route] for route in ROUTES}
        fill(disk / "ballast", LEFT_FREE - MIB)
        assert_read_only(url, body, "MiB are free on its disk", "free space")
        (disk / "ballast").unlink()
        assert_writable_again(url, body)
        assert post(port_of(url), body) == "duplicate"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    found = stored(disk / "data", "minute")
    assert {route: found[route, "200"] for route in ROUTES} == total


def test_a_full_disk_tears_nothing(disk: Path) -> None:
    """Other programs took the very last byte: nothing can be written or folded; it waits, and goes on by itself."""
    sent = batches(1, 1, 60)
    with serving(disk / "data") as (process, url):
        body, counts = next(sent)
        assert post(port_of(url), body) == "applied"
        fill(disk / "ballast", 0)
        body, more = next(sent)
        assert_read_only(url, body, "free space")
        process.kill()
    with serving(disk / "data") as (process, url):
        assert_read_only(url, body, "free space")
        (disk / "ballast").unlink()
        assert_writable_again(url, body)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    found = stored(disk / "data", "minute")
    assert {route: found[route, "200"] for route in ROUTES} == {route: counts[route] + more[route] for route in ROUTES}
    fill(disk / "ballast", 0)
    refused = run("serve", "--data", str(disk / "data"), "--port", "0")
    assert refused.returncode == 2
    assert "No space left on device" in refused.stderr
    assert "free space" in refused.stderr


def test_a_disk_that_may_not_be_written_is_refused_and_left_alone(disk: Path) -> None:
    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)

    with serving(disk / "data") as (process, url):
        assert post(port_of(url), next(batches(1, 1, 60))[0]) == "applied"
        process.kill()
    remount("ro")
    refused = run("serve", "--data", str(disk / "data"), "--port", "0")
    assert refused.returncode == 2
    assert "let this user write" in refused.stderr
    remount("rw")
    with serving(disk / "data") as (_, url):
        assert json.loads(get(url, "/api/v1/services")[1])["services"][0]["service"] == "orders"


def test_a_damaged_page_is_named_and_kept_and_a_backup_takes_its_place(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    database = data / "fieldmark.db"
    shutil.copy(GOLDEN, database)
    backup = tmp_path / "backup.db"
    assert run("backup", str(backup), "--data", str(data)).returncode == 0
    whole = database.read_bytes()
    chosen = random.Random(20261128)
    refused = 0
    for page in range(len(whole) // 4096):
        damaged = bytearray(whole)
        for _ in range(40):
            damaged[page * 4096 + chosen.randrange(4096)] ^= chosen.randrange(1, 256)
        database.write_bytes(damaged)
        for left in data.glob("fieldmark.db-*"):
            left.unlink()
        refused += refuses_or_answers(data, bytes(damaged))
    assert refused > 3, "the check at the start found next to nothing"
    for left in data.glob("fieldmark.db*"):
        left.unlink()
    assert run("restore", str(backup), "--data", str(data)).returncode == 0
    with serving(data) as (_, url):
        assert get(url, "/api/v1/services/orders/production/status")[0] == 200


def refuses_or_answers(data: Path, damaged: bytes) -> bool:
    """True when it will not start; it then says why, and has changed nothing."""
    try:
        with serving(data) as (process, url):
            for path in ("/api/v1/services", "/api/v1/services/orders/production/status", "/health", "/metrics"):
                assert get(url, path)[0] in (200, 404, 500, 503), path
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    except AssertionError as ended:
        assert "damaged" in str(ended) or "malformed" in str(ended) or "not a database" in str(ended), ended
        assert "backup" in str(ended) or "another program" in str(ended), ended
        assert (data / "fieldmark.db").read_bytes() == damaged
        return True
    return False
