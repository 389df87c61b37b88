"""What breaks between deployments, on the real server: found, told everywhere, and muted where that is asked for."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path

import pytest
from binary import port_of, run, serving
from traffic import SECONDS_MAX, history, now_ms, send

QUARTER_MS = 900_000
HISTORY_MINUTES = 26 * 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a server that did not watch, and had the data of a service that broke in the last whole quarter of an hour."""
    data = tmp_path_factory.mktemp("watch") / "data"
    broken_since_ms = (now_ms() // QUARTER_MS - 1) * QUARTER_MS
    with serving(data, "--watch-alarms-a-week", "0") as (_, url):
        for body in history("v1", range(HISTORY_MINUTES, 0, -1), lambda at: 0.4 if at >= broken_since_ms else 0.01):
            assert send(port_of(url), body) == 200
        time.sleep(6)  # longer than a server that watches takes to look
        assert json.loads(run("status", "--url", url, "--json").stdout)["incidents"] == []
    return data


def get(url: str, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(url), timeout=SECONDS_MAX)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    assert response.status == 200, body
    return body


def looks(url: str) -> int:
    (line,) = (line for line in get(url, "/metrics").splitlines() if line.startswith("fieldmark_watch_looks_total "))
    return int(line.split()[1])


def wait_for_looks(url: str) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while looks(url) == 0:
        assert time.monotonic() < deadline, "it never looked"
        time.sleep(0.2)


def test_what_is_muted_raises_nothing(folder: Path) -> None:
    with serving(folder, "--watch-mute", "POST /orders request customer.phone,POST /orders response") as (_, url):
        wait_for_looks(url)
        assert json.loads(run("status", "--url", url, "--json").stdout)["incidents"] == []


def test_what_breaks_between_deployments_is_told_everywhere(folder: Path) -> None:
    with serving(folder) as (_, url):
        wait_for_looks(url)
        told = run("status", "--url", url)
        assert told.returncode == 1, told.stdout
        assert "between changes" in told.stdout
        assert "customer.phone null 1 % → " in told.stdout
        status = json.loads(run("status", "--url", url, "--json").stdout)
        (incident,) = status["incidents"]
        assert (incident["state"], incident["direction"], incident["over_at"]) == ("lasts", "worse", None)
        listed = json.loads(get(url, "/api/v1/services/orders/production/incidents"))
        assert (listed["incidents"], listed["total"]) == ([incident], 1)
        service = json.loads(get(url, "/api/v1/services"))["services"][0]
        assert service["state"] == "bad"
        assert service["headline"].startswith("Moved: POST /orders request customer.phone null")
        assert 'fieldmark_incidents{service="orders",environment="production"} 1' in get(url, "/metrics")
    with serving(folder, "--watch-alarms-a-week", "0") as (_, url):  # one that begins anew knows of it
        assert len(json.loads(run("status", "--url", url, "--json").stdout)["incidents"]) == 1
