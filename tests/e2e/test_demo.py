"""The demo from end to end: real service, server, judge, command line and page, as `./dev demo --once` runs them."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
SECONDS_MAX = 240
PAGE_CHECK = 'node "{check}" "$FIELDMARK_PAGE" Changed customer.phone'


@dataclass(frozen=True)
class Run:
    status: int
    output: str
    errors: str
    seconds: float

    @property
    def verdicts(self) -> list[str]:
        return self.output.splitlines()[-2:]


def demo(*arguments: str) -> Run:
    path = os.pathsep.join(filter(None, [str(ROOT / "examples" / "shop"), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "shop.demo", "--once", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * SECONDS_MAX,
        check=False,
    )
    return Run(run.returncode, run.stdout, run.stderr, time.monotonic() - began)


@pytest.fixture(scope="module")
def bad() -> Run:
    if not shutil.which("node"):
        pytest.fail("looking for node: it is not on the PATH; ./dev setup installs one")
    return demo("--then", PAGE_CHECK.format(check=ROOT / "web" / "browser" / "page_check.mjs"))


def finding(verdict: dict[str, Any], signal: str) -> dict[str, Any]:
    return next(found for found in verdict["findings"] if found["signal"] == signal)


def test_the_demo_holds_what_it_promises_within_four_minutes(bad):
    assert bad.status == 0, bad.output + bad.errors
    assert bad.seconds < SECONDS_MAX


def test_the_decoy_shows_no_change(bad):
    assert bad.verdicts[0] == '{"version":"decoy","state":"no_change","findings":[],"new_errors":[]}'


def test_the_bad_release_shows_the_field_that_broke_with_its_numbers(bad):
    verdict = json.loads(bad.verdicts[1])
    assert (verdict["version"], verdict["state"]) == ("bad", "changed")
    phone = finding(verdict, "POST /orders response 2xx customer.phone null")
    assert phone["direction"] == "worse"
    assert phone["from"] == pytest.approx(0.01, abs=0.005)
    assert phone["to"] == pytest.approx(0.38, abs=0.12)


def test_the_page_shows_the_field_that_broke(bad):
    assert "✓ seen: customer.phone" in bad.output


def test_nothing_of_the_demo_is_left_running(bad):
    port = int(re.search(r"http://127\.0\.0\.1:(\d+)/s/shop/demo", bad.output)[1])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_other_traffic_and_faults_of_other_kinds_are_found_too():
    run = demo("--release", "extra", "--seed", "2")
    assert run.status == 0, run.output + run.errors
    decoy, extra = map(json.loads, run.verdicts)
    assert (decoy["state"], extra["state"]) == ("no_change", "changed")
    assert decoy["new_errors"] == []
    assert extra["new_errors"] == ["log shop.payments ERROR no payment came for %s"]
