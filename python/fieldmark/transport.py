"""The way to the server: one daemon thread a process, one request in flight, each batch applied exactly once.

The outbox decides what is sent and what an answer means; client.py talks HTTP; this module waits and tells.
"""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
from collections.abc import Callable

from fieldmark import _core, version
from fieldmark._about import SDK
from fieldmark.client import REQUEST_SECONDS_MAX, Client, Reply
from fieldmark.faults import Faults
from fieldmark.logs import Limited, logger
from fieldmark.settings import OTHER_KEY, Settings, is_other_key, working_folder

FORMATS = range(_core.FORMAT_MIN, _core.FORMAT_MAX + 1)  # of a batch, that this package writes
INTERVAL_S_DEFAULT = 5.0
INTERVAL_S_RANGE = (5.0, 60.0)  # that a server may ask for
FIRST_ROUND_S_MAX = 1.0  # by chance: workers that start together do not send together
BACKOFF_S_MAX = 60.0
BATCHES_A_ROUND_MAX = 8
ENDING_SECONDS_MAX = 0.1  # of a thread that has nothing left to do

HELLO = "/api/v1/hello"
BATCHES = "/api/v1/batches"


class Sender:
    """Collects from ``recorder`` and delivers, in a thread of its own from start() on.

    ``fork_lock`` is held while the outbox is at work, never while waiting for the network.
    """

    def __init__(
        self, settings: Settings, service: str, recorder: _core.Recorder, fork_lock: threading.Lock, faults: Faults
    ) -> None:
        self._settings = settings
        self._service = service
        self._recorder = recorder
        self._lock = fork_lock
        self._faults = faults
        self._client = Client(settings.url, settings.token)
        self._limited = Limited()
        self._wake = threading.Event()
        self._flushed = threading.Event()
        self._flush_until: float | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None

        self._started_unix_ms = _now_unix_ms()
        self._watched_until_s = time.monotonic()
        self._greeted = False
        self._paused = False
        self._away = False
        self._interval_s = INTERVAL_S_DEFAULT
        self._failures = 0
        self._retry_at_s = 0.0
        self._outbox: _core.Outbox | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="fieldmark", daemon=True)
        self._thread.start()

    def flush(self, seconds_max: float) -> bool:
        """Sends what there is now; False when that was not done within ``seconds_max``."""
        if self._thread is None or not self._thread.is_alive():
            return False
        self._flushed.clear()
        self._flush_until = time.monotonic() + seconds_max
        self._wake.set()
        return self._flushed.wait(seconds_max)

    def stop(self, seconds_max: float) -> None:
        """A last flush; the thread ends."""
        self._stopping = True
        if self.flush(seconds_max) and self._thread is not None:
            self._thread.join(ENDING_SECONDS_MAX)

    def _run(self) -> None:
        delay_s = random.uniform(0, FIRST_ROUND_S_MAX)
        while True:
            flush_until = None
            try:
                self._wake.wait(delay_s)
                self._wake.clear()
                flush_until, self._flush_until = self._flush_until, None
                delay_s = self.round(flush_until)
            except Exception as error:  # ours; the host must not notice
                self._faults.add(error)
                delay_s = self._interval_s
            if flush_until is not None:
                self._flushed.set()
            # Not before the flush that a stop asks for: it may have come while another round was under way.
            if self._stopping and flush_until is not None and self._flush_until is None:
                return

    # ------------------------------------------------------------------ one round

    def round(self, flush_until: float | None) -> float:
        """Collects, and sends if it is time. Returns the seconds until the next round."""
        outbox = self._outbox = self._outbox or self._make_outbox()
        self._collect(outbox, flush_until)
        if flush_until is None and time.monotonic() < self._retry_at_s:
            return self._retry_at_s - time.monotonic()
        if (self._greeted and not self._paused) or self._hello(flush_until):
            self._deliver(outbox, flush_until)
        if self._stopping:
            self._client.close()
        wait_s = self._retry_at_s - time.monotonic()
        return max(wait_s, 0.05) if self._failures else self._interval_s

    def _make_outbox(self) -> _core.Outbox:
        found = version.detect(self._settings.version, os.environ, working_folder())
        logger.info(
            "service %s, environment %s, version %s (by %s) reports to %s",
            self._service, self._settings.environment, found.name, found.rule, self._settings.url,
        )  # fmt: skip
        return _core.Outbox(
            self._service,
            self._settings.environment,
            found.name,
            os.urandom(16),
            host=socket.gethostname(),
            pid=os.getpid(),
            started_unix_ms=self._started_unix_ms,
            source="live",
            sdk=SDK,
        )

    def _collect(self, outbox: _core.Outbox, flush_until: float | None) -> None:
        if flush_until is not None:
            # Large bodies are still being profiled: they have half of the time, sending the other.
            wait = self._recorder.close if self._stopping else self._recorder.settle
            wait(max(flush_until - time.monotonic(), 0.0) / 2)
        now_s, now_unix_ms = time.monotonic(), _now_unix_ms()
        observed_ms = int((now_s - self._watched_until_s) * 1000)
        if observed_ms > 0:
            # The fraction of a millisecond goes to the next round: nothing is watched twice or never.
            self._watched_until_s += observed_ms / 1000
            self._recorder.watch(now_unix_ms - observed_ms, now_unix_ms)
        faults = self._faults.untold()
        if faults:
            self._recorder.count_dropped(now_unix_ms, faults)
            self._faults.told(faults)
        with self._lock:
            outbox.collect(self._recorder)

    def _hello(self, flush_until: float | None) -> bool:
        """Introduces the service; learns the hash key, the interval, and whether to send."""
        introduction = {"service": self._service, "environment": self._settings.environment}
        reply = self._post(HELLO, json.dumps(introduction).encode(), "application/json", flush_until)
        if not reply.ok:
            self._failed(reply)
            return False
        if newest_format(reply.body.get("formats")) is None:
            found, ours = reply.body.get("formats"), list(FORMATS)
            self._failed(Reply(0, f"a server that reads formats {found}, none of {ours}; upgrade the server", {}))
            return False
        key = reply.body.get("hash_key")
        if isinstance(key, str) and key:
            if self._settings.hash_key is None:
                with self._lock:
                    self._recorder.set_hash_key(key)
            elif is_other_key(key, self._settings.hash_key):
                self._limited.warning(f"sending to {self._settings.url}: {OTHER_KEY}")
        self._greeted = True
        self._heard(reply)
        return not self._paused

    def _deliver(self, outbox: _core.Outbox, flush_until: float | None) -> None:
        for _ in range(BATCHES_A_ROUND_MAX):
            with self._lock:
                frozen = outbox.freeze(_now_unix_ms())
            if frozen is None or (flush_until is not None and time.monotonic() >= flush_until):
                return
            reply = self._post(BATCHES, frozen[1], "application/vnd.fieldmark.batch", flush_until)
            if reply.ok and "outcome" not in reply.body:
                # Something on the way that says yes to everything, or half an answer: the batch may be anywhere.
                reply = Reply(0, "an answer that is not a Fieldmark server's; check FIELDMARK_URL", {})
            with self._lock:
                outbox.answer(reply.status)
            if reply.ok:
                self._heard(reply)
            elif reply.status != 413:  # the next batch is smaller, at once
                self._failed(reply)
                return

    def _post(self, path: str, body: bytes, content_type: str, flush_until: float | None) -> Reply:
        seconds_max = REQUEST_SECONDS_MAX
        if flush_until is not None:
            seconds_max = min(seconds_max, max(flush_until - time.monotonic(), 0.05))
        return self._client.post(path, body, content_type, seconds_max)

    # ------------------------------------------------------------------ what an answer means

    def _heard(self, reply: Reply) -> None:
        if self._away:
            logger.info("the server at %s answers again", self._settings.url)
        self._away = False
        self._failures = 0
        self._retry_at_s = 0.0
        format_version = newest_format(reply.body.get("formats"))
        if format_version is not None and self._outbox is not None:
            self._outbox.set_format(format_version)
        interval_s = reply.body.get("interval_s")
        if isinstance(interval_s, (int, float)) and interval_s > 0:
            self._interval_s = min(max(float(interval_s), INTERVAL_S_RANGE[0]), INTERVAL_S_RANGE[1])
        self._paused = reply.body.get("paused") is True

    def _failed(self, reply: Reply) -> None:
        self._failures += 1
        # It may be another server when it comes back: with another key, or none.
        self._greeted = self._greeted and reply.status != 0
        self._retry_at_s = time.monotonic() + backoff_s(
            self._failures, self._interval_s, reply.retry_after_s, random.random
        )
        self._away = True
        refused = self._outbox.refused_batches if self._outbox is not None else 0
        self._limited.warning(
            f"sending to {self._settings.url}: {reply.found}; the application goes on, counts are kept and sent later"
            + (f", but for {refused} batches that it refused again and again" if refused else "")
        )


def backoff_s(failures: int, interval_s: float, retry_after_s: float | None, uniform: Callable[[], float]) -> float:
    """Doubles from one interval on to a minute, half of it by chance; never sooner than the server asked for."""
    whole = min(interval_s * (1 << min(failures - 1, 10)), BACKOFF_S_MAX)
    wait_s = whole * (0.5 + 0.5 * uniform())
    return max(wait_s, retry_after_s or 0.0)


def newest_format(formats: object) -> int | None:
    """Of the formats that a server reads, the newest that this package writes."""
    read = [version for version in FORMATS if version in formats] if isinstance(formats, list) else []
    return max(read, default=None)


def _now_unix_ms() -> int:
    return time.time_ns() // 1_000_000
