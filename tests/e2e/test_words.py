"""What the command line says of a real deployment: words for people, JSON for machines, an exit code for scripts."""

from __future__ import annotations

import http.client
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from binary import port_of, run, serving

from fieldmark import _core

MINUTE_MS = 60_000
HISTORY_MINUTES = 240
GOOD = b'{"customer":{"phone":"+49 30 1234567"}}'
BAD = b'{"customer":{"phone":null}}'


class Shop:
    """Minutes of a service that takes 200 orders in each of them."""

    def __init__(self, url: str, service: str = "shop") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port_of(url), timeout=60)
        self._service = service
        self._random = random.Random(3)
        greeting = json.dumps({"service": service, "environment": "demo"}).encode()
        self._key = self._post("/api/v1/hello", greeting, "application/json")["hash_key"]

    def run(self, version: str, from_ms: int, to_ms: int, null_share: float, source: str) -> None:
        outbox = _core.Outbox(self._service, "demo", version, os.urandom(16), source=source)
        for start in range(from_ms, to_ms, MINUTE_MS):
            recorder = _core.Recorder(self._key)
            recorder.watch(start, start + MINUTE_MS)
            nulls = sum(self._random.random() < null_share for _ in range(200))
            for body, times in ((GOOD, 200 - nulls), (BAD, nulls)):
                if times:
                    recorder.record(
                        "POST /orders",
                        201,
                        start + 30_000,
                        last_byte_ms=20 * self._random.lognormvariate(0, 0.2),
                        request_state=_core.BODY_CAPTURED,
                        request=body,
                        times=times,
                    )
            outbox.collect(recorder)
            self._send(outbox)

    def _send(self, outbox: _core.Outbox) -> None:
        while frozen := outbox.freeze(time.time_ns() // 1_000_000):
            assert self._post("/api/v1/batches", frozen[1], "application/vnd.fieldmark.batch")["outcome"] == "applied"
            outbox.answer(200)

    def _post(self, path: str, body: bytes, content_type: str) -> dict[str, str]:
        self._connection.request("POST", path, body, {"Content-Type": content_type})
        response = self._connection.getresponse()
        content = response.read()
        assert response.status == 200, content
        return dict(json.loads(content))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has seen four hours of version `good` and two minutes of `bad`."""
    folder: Path = tmp_path_factory.mktemp("server") / "data"
    with serving(folder, "--looks", "30s") as (_, address):
        shop = Shop(address)
        now = time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS
        changed = now - 2 * MINUTE_MS
        shop.run("good", changed - HISTORY_MINUTES * MINUTE_MS, changed, 0.01, "replay")
        shop.run("bad", changed, now, 0.38, "live")
        yield address


def test_a_verdict_in_words(url: str) -> None:
    result = run("verdict", "--url", url)
    assert result.returncode == 1, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Changed  bad after good, seen since 20")
    assert any("worse" in line and "customer.phone null" in line for line in lines)
    assert "rollback: go back to good" in result.stdout
    assert "\x1b" not in result.stdout  # colour is for terminals


def test_a_verdict_as_the_api_gives_it(url: str) -> None:
    result = run(
        "verdict",
        "--url",
        url,
        "--service",
        "shop",
        "--environment",
        "demo",
        "--change",
        "bad",
        "--look",
        "30s",
        "--json",
    )
    verdict = json.loads(result.stdout)
    assert (result.returncode, verdict["state"], verdict["look_s"]) == (1, "changed", 30)
    assert verdict["change"]["from_version"] == "good"
    assert "POST /orders request customer.phone null" in [finding["signal"] for finding in verdict["findings"]]


def test_a_look_that_is_not_over_is_not_green(url: str) -> None:
    result = run("verdict", "--url", url, "--look", "4h")
    assert result.returncode == 3
    assert result.stdout.startswith("Not enough traffic yet  bad after good")
    assert "4 h after the deployment" in result.stdout


def test_the_first_version_cannot_be_compared(url: str) -> None:
    result = run("verdict", "--url", url, "--change", "good")
    assert result.returncode == 3
    assert result.stdout.startswith("Cannot compare")


def test_an_unknown_change_is_an_error(url: str) -> None:
    result = run("verdict", "--url", url, "--change", "nothing")
    assert result.returncode == 2
    assert "nothing" in result.stderr


def test_status_in_words_and_as_json(url: str) -> None:
    words = run("status", "--url", url)
    assert words.returncode == 1
    assert words.stdout.startswith("shop in demo, version bad, data up to 20")
    for question in ("Is it up?", "Is it slow?", "Are jobs failing?", "Did the last deployment change anything?"):
        assert question in words.stdout
    status = json.loads(run("status", "--url", url, "--json").stdout)
    assert status["answers"][0]["state"] == "good"
    assert status["verdict"]["state"] == "changed"


def test_several_services_must_be_told_apart(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as (_, url):
        now = time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS
        for service in ("billing", "orders"):
            Shop(url, service).run("v1", now - MINUTE_MS, now, 0.01, "live")
        listed = run("status", "--url", url)
        assert [line.split()[1] for line in listed.stdout.splitlines()] == ["billing", "orders"]
        one = run("status", "--url", url, "--service", "orders")
        assert one.stdout.startswith("orders in demo")
        unclear = run("verdict", "--url", url)
        assert unclear.returncode == 2
        assert "--service billing --environment demo" in unclear.stderr
