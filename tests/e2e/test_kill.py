"""The server is killed at random moments, hundreds of times, under load: nothing it acknowledged is lost or twice.

Every twenty-five kills it begins anew with a database of the first schema, so that kills meet migrations, the folding
of what lies there and retention, besides appends and folding of their own. FIELDMARK_KILLS says how many kills.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from binary import BINARY
from senders import ROUTES, STEPS, Sender, stored
from test_cli import closed_port

GOLDEN = Path(__file__).parent.parent / "golden" / "v1" / "fieldmark.db"
GOLDEN_DOCUMENTS = 1000
KILLS = int(os.environ.get("FIELDMARK_KILLS", "200"))
KILLS_OF_A_DATABASE = 25
SENDERS = 3
LIVES_S_MAX = 0.12


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is room: what a kill leaves is the same, and many more batches come between two."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < 512 << 20:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


def start(data: Path, port: int) -> subprocess.Popen[str]:
    command = [BINARY, "serve", "--data", str(data), "--port", str(port)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert " is ready at " in process.stdout.readline()


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it ended by itself"


def kill_often(data: Path, port: int, chosen: random.Random, senders: list[Sender]) -> None:
    for sender in senders:
        sender.start()
        sender.may_send.set()
    for number in range(KILLS_OF_A_DATABASE):
        process = start(data, port)
        if number % 4 == 0:  # while it opens its data, or soon after
            time.sleep(chosen.uniform(0, 0.03))
        else:
            until_ready(process)
            time.sleep(chosen.uniform(0, LIVES_S_MAX))
        kill(process)
    process = start(data, port)
    until_ready(process)
    for sender in senders:
        sender.finish()
    kill(process)


def test_nothing_acknowledged_is_lost_or_counted_twice(folder: Path) -> None:
    chosen = random.Random(20261128)
    answers: Counter[str] = Counter()
    for era in range(-(-KILLS // KILLS_OF_A_DATABASE)):
        data = folder / str(era)
        data.mkdir()
        shutil.copy(GOLDEN, data / "fieldmark.db")
        port = closed_port()
        senders = [Sender(port, 100 * era + number) for number in range(SENDERS)]
        kill_often(data, port, chosen, senders)
        acknowledged = sum((sender.acknowledged for sender in senders), Counter())
        for step in STEPS:
            counts = stored(data, step)
            assert {route: counts[route, "200"] for route in ROUTES} == acknowledged, f"era {era}, by {step}"
        assert counts["POST /orders request", "documents"] == GOLDEN_DOCUMENTS
        answers += sum((sender.answers for sender in senders), Counter())
    # The kills met what they were to meet.
    assert answers["applied"] > 2 * KILLS
    assert answers["duplicate"] > 0, "none came between an append and its answer"
