"""Workers as a server sees them: each sends a batch until it is answered, then the next one."""

from __future__ import annotations

import http.client
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fieldmark import _core

STORE_COUNTS = Path(__file__).parents[2] / "build" / "dev" / "tests" / "audit" / "store_counts"
BATCH_TYPE = {"Content-Type": "application/vnd.fieldmark.batch"}
ROUTES = ["GET /a", "GET /b", "GET /c"]
STEPS = ["minute", "five_minutes", "hour", "day"]


def batches(worker: int, seed: int, older_minutes_max: int) -> Iterator[tuple[bytes, Counter[str]]]:
    """Endless: what a worker sends next and how many requests by route are in it, some of hours that are over."""
    chosen = random.Random(seed)
    box = _core.Outbox("orders", "production", "v1", chosen.randbytes(16), pid=worker)
    recorder = _core.Recorder()
    while True:
        counts: Counter[str] = Counter()
        now = time.time_ns() // 1_000_000
        for _ in range(chosen.randint(1, 4)):
            route, times = chosen.choice(ROUTES), chosen.randint(1, 9)
            late = chosen.choice([0, 0, chosen.randrange(older_minutes_max)])
            recorder.record(route, 200, now - late * 60_000, last_byte_ms=3.0, times=times)
            counts[route] += times
        box.collect(recorder)
        frozen = box.freeze(now)
        assert frozen is not None
        yield frozen[1], counts
        box.answer(200)


class Sender(threading.Thread):
    """Sends to a port while ``may_send`` is set; a batch that got no answer, or 503, is sent again as it is."""

    def __init__(self, port: int, worker: int, older_minutes_max: int = 40 * 60) -> None:
        super().__init__(daemon=True)
        self.may_send = threading.Event()
        self.acknowledged: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()  # "applied", "duplicate", "503", "none"
        self.finishing = False
        self._port = port
        self._batches = batches(worker, worker, older_minutes_max)

    def run(self) -> None:
        while not self.finishing:
            body, counts = next(self._batches)
            while not self._is_taken(body):
                self.may_send.wait()
            self.acknowledged += counts

    def finish(self) -> None:
        """Returns when its last batch was taken."""
        self.finishing = True
        self.may_send.set()
        self.join(60)
        assert not self.is_alive()

    def _is_taken(self, body: bytes) -> bool:
        self.may_send.wait()
        outcome = post(self._port, body)
        self.answers[outcome] += 1
        return outcome in ("applied", "duplicate")


def post(port: int, body: bytes) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", "/api/v1/batches", body, BATCH_TYPE)
        response = connection.getresponse()
        text = response.read().decode()
    except (OSError, http.client.HTTPException):
        time.sleep(0.001)  # a port that refuses is asked again, but not all the time
        return "none"
    finally:
        connection.close()
    if response.status != 200:
        return str(response.status)
    return "duplicate" if "duplicate" in text else "applied"


def stored(data: Path, step: str) -> Counter[tuple[str, str]]:
    """By subject and status, or "documents"; of a folder without a server."""
    text = subprocess.run([STORE_COUNTS, data, step], stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = (line.split("\t") for line in text.splitlines())
    return Counter({(subject, what): int(count) for subject, what, count in rows})
