"""How often the check would have been wrong: asked by the real server in the background, kept, and told."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

from binary import port_of, run, serving
from traffic import SECONDS_MAX, history, now_ms, send

HOUR_MS = 3_600_000
HISTORY_MINUTES = 4 * 24 * 60
DEPLOYED_MINUTES_AGO = 100


def kept(folder: Path) -> list[tuple[int, int, float]]:
    with sqlite3.connect(f"file:{folder}/fieldmark.db?mode=ro", uri=True) as database:
        return database.execute("SELECT at_unix_ms, judged, q_value FROM moment").fetchall()


def test_moments_are_asked_in_the_background_and_told_once_there_are_twenty(tmp_path: Path) -> None:
    before = history("v1", range(HISTORY_MINUTES, DEPLOYED_MINUTES_AGO, -1), lambda _: 0.01)
    after = history("v2", range(DEPLOYED_MINUTES_AGO, 0, -1), lambda _: 0.01)
    with serving(tmp_path, "--watch-alarms-a-week", "0") as (_, url):
        for body in before + after:
            assert send(port_of(url), body) == 200
    deadline = time.monotonic() + SECONDS_MAX
    with serving(tmp_path):
        while not kept(tmp_path):
            assert time.monotonic() < deadline, "it never asked"
            time.sleep(0.2)
    ((at, judged, _),) = kept(tmp_path)
    assert judged > 0
    assert at <= now_ms() - DEPLOYED_MINUTES_AGO * 60_000 - HOUR_MS, "its hour was over before the deployment"

    # As if it had looked since: of 22 one would be flagged by the whole budget, and by no share of it.
    with sqlite3.connect(tmp_path / "fieldmark.db") as database:
        for i in range(22):
            row = ("production", "orders", at - (i + 1) * 2 * HOUR_MS, 3600, judged, 0.04 if i == 3 else 1)
            database.execute("INSERT INTO moment VALUES(?, ?, ?, ?, ?, ?)", row)
    with serving(tmp_path, "--watch-alarms-a-week", "0") as (_, url):
        told = run("verdict", "--look", "1h", "--url", url)
        assert "comparable hours of the last 14 days, without a change or an incident" in told.stdout
        assert "this check would have flagged 1." in told.stdout
        moments = json.loads(run("verdict", "--url", url, "--json").stdout)["moments"]
        assert (moments["asked"] >= 22, moments["flagged"]) == (True, 0)
