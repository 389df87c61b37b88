"""A database near its limit of size: the oldest history makes room for what comes, and everybody is told."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from binary import port_of, serving
from senders import ROUTES, batches, post, stored
from test_disk import get

GIB = 1 << 30
SECONDS_MAX = 60
FORGOTTEN = re.compile(r"^fieldmark_chunks_forgotten_early_total (\d+)$", re.MULTILINE)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is room: it holds a gigabyte."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < 3 * GIB:
        yield tmp_path / "data"
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name) / "data"


def stop(process) -> str:
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 0, log
    return log


def fill(data: Path, left: int) -> None:
    """With what no retention knows of, until so many bytes are left of a gibibyte."""
    with closing(sqlite3.connect(data / "fieldmark.db")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS ballast(bytes)")
        (page_bytes,) = database.execute("PRAGMA page_size").fetchone()
        pages = (GIB - left) // page_bytes

        def pages_left() -> int:
            return int(pages - database.execute("PRAGMA page_count").fetchone()[0])

        while pages_left() > 0:
            size = 1 << 20 if pages_left() > 300 else page_bytes // 2
            database.execute("INSERT INTO ballast VALUES(zeroblob(?))", [size])
        database.commit()


def send_hours(port: int, hours: int) -> Counter[str]:
    """A full batch for each, so that they are worth folding, and what is in them."""
    sent = batches(1, 1, hours * 60)
    total: Counter[str] = Counter()
    for _ in range(130):
        body, counts = next(sent)
        assert post(port, body) == "applied"
        total += counts
    return total


def test_the_oldest_history_makes_room_and_everybody_is_told(data: Path) -> None:
    with serving(data) as (process, url):
        stop(process)
    fill(data, GIB // 16 - (1 << 20))  # below what is to be kept free
    with serving(data, "--database-gib-max", "1") as (process, url):
        total = send_hours(port_of(url), 40)
        until = time.monotonic() + SECONDS_MAX
        while not int(FORGOTTEN.search(get(url, "/metrics")[1])[1]):
            assert time.monotonic() < until, "nothing was forgotten"
            time.sleep(0.1)
        assert "forgotten before its time" in json.loads(get(url, "/api/v1/services")[1])["notices"][0]
        assert get(url, "/health/ready")[0] == 200
        assert post(port_of(url), next(batches(2, 2, 1))[0]) == "applied"
        log = stop(process)
    assert "the oldest for their step, were forgotten before their time" in log
    assert "batches are refused" not in log
    # Days that are not over never go: nothing is lost but when it was.
    found = stored(data, "day")
    assert all(found[route, "200"] >= total[route] for route in ROUTES)
    minutes = stored(data, "minute")
    assert sum(minutes[route, "200"] for route in ROUTES) < sum(total.values())


def test_when_nothing_is_left_to_forget_batches_are_refused_until_there_is_room(data: Path) -> None:
    with serving(data) as (process, url):
        stop(process)
    fill(data, 0)
    with serving(data, "--database-gib-max", "1") as (process, url):
        sent = batches(1, 1, 1)
        body = next(sent)[0]
        for _ in range(2_000):
            outcome = post(port_of(url), body)
            if outcome != "applied":
                break
            body = next(sent)[0]
        assert outcome == "503"
        assert "Nothing new can be stored" in json.loads(get(url, "/api/v1/services")[1])["notices"][0]
        stop(process)
    with serving(data, "--database-gib-max", "2") as (_, url):
        assert post(port_of(url), body) == "applied"
