"""The way to the server: exactly once, patient, quiet."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from fastapi import FastAPI

from fieldmark import FieldmarkMiddleware, _core, client, logs, transport
from fieldmark.client import Reply
from fieldmark.faults import Faults
from fieldmark.settings import Settings
from fieldmark.transport import INTERVAL_S_RANGE, Sender, backoff_s
from strangers import Talk, drips, drips_the_body, is_deaf, says, stranger
from support import HASH_KEY, WAIT_SECONDS_MAX, Collector, Pause, serving

NOW = time.time_ns() // 1_000_000


class Hand:
    """A sender whose rounds are turned by hand; no thread runs."""

    def __init__(self, url: str, **settings: str) -> None:
        self.recorder = _core.Recorder(settings.get("hash_key"))
        chosen = Settings(url=url, version="v1", **settings)  # type: ignore[arg-type]
        self.sender = Sender(chosen, "orders", self.recorder, threading.Lock(), Faults())
        self.recorded = 0

    def record(self, times: int = 1) -> None:
        self.recorder.record("GET /", 200, NOW, times=times)
        self.recorded += times

    def turn(self) -> float:
        """One round, now: as if the time of the next one had come."""
        self.sender._retry_at_s = 0.0
        return self.sender.round(None)


def received(collector: Collector) -> int:
    return sum(collector.requests("GET /").values())


def test_a_sender_says_hello_then_sends_and_then_is_silent_about_the_same(collector: Collector) -> None:
    hand = Hand(collector.url)
    hand.record(3)
    hand.turn()
    assert collector.hellos == [{"service": "orders", "environment": "production"}]
    assert received(collector) == 3
    hand.turn()
    hand.turn()
    assert len(collector.hellos) == 1
    assert received(collector) == 3
    assert [sequence for _, sequence in collector.applied] == list(range(1, len(collector.applied) + 1))


def test_an_idle_worker_reports_that_it_was_watching(collector: Collector) -> None:
    hand = Hand(collector.url)
    hand.sender._watched_until_s -= 10.0
    hand.turn()
    watched_ms = collector.subjects()[""]["watch"]["observed_ms"]
    assert 10_000 <= watched_ms < 20_000


def test_a_key_that_is_not_the_server_s_is_said_and_costs_the_hashes_alone(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    same = Hand(collector.url, hash_key=HASH_KEY.upper())
    same.turn()
    assert caplog.messages == []
    other = Hand(collector.url, hash_key="f" * 32)
    other.record()
    other.turn()
    assert received(collector) == 1
    (line,) = caplog.messages
    assert "FIELDMARK_HASH_KEY" in line
    assert "unset it" in line
    assert "f" * 32 not in line
    assert HASH_KEY not in line


def test_the_hash_key_is_the_server_s_unless_one_is_set(collector: Collector) -> None:
    expected = _core.Recorder(HASH_KEY).hash_key_id
    hand = Hand(collector.url)
    assert hand.recorder.hash_key_id == 0
    hand.turn()
    assert hand.recorder.hash_key_id == expected

    own = Hand(collector.url, hash_key="f" * 32)
    own.turn()
    assert own.recorder.hash_key_id == _core.Recorder("f" * 32).hash_key_id != expected


def test_a_token_is_sent_as_a_bearer(collector: Collector) -> None:
    hand = Hand(collector.url, token="secret")
    hand.turn()
    assert set(collector.tokens) == {"Bearer secret"}


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503, 504, 302])
def test_what_is_no_definitive_answer_is_sent_again_byte_for_byte(status: int, collector: Collector) -> None:
    hand = Hand(collector.url)
    collector.answers = [(status, {})] * 2
    for _ in range(3):
        hand.record()
        hand.turn()
    hand.turn()
    assert collector.attempts[0] == collector.attempts[1] == collector.attempts[2]
    assert received(collector) == hand.recorded


@pytest.mark.parametrize("status", [400, 415, 422])
def test_what_was_refused_is_not_lost_but_merged(status: int, collector: Collector) -> None:
    hand = Hand(collector.url)
    collector.answers = [(status, {})]
    hand.record()
    hand.turn()
    hand.record()
    hand.turn()
    assert received(collector) == 2


def test_what_is_too_large_is_sent_in_smaller_batches_in_the_same_round(collector: Collector) -> None:
    hand = Hand(collector.url)
    collector.answers = [(413, {})]
    for minute in range(4):
        hand.recorder.record("GET /", 200, NOW - minute * 60_000)
    hand.turn()
    hand.turn()
    assert received(collector) == 4
    assert len(collector.applied) >= 2


def test_an_answer_that_is_lost_makes_a_duplicate_not_a_second_count(collector: Collector) -> None:
    hand = Hand(collector.url)
    hand.turn()
    hand.record(5)
    post = hand.sender._client.post

    def lose_the_answer(*arguments: object) -> Reply:
        post(*arguments)  # type: ignore[arg-type]
        return Reply(0, "no answer", {})

    hand.sender._client.post = lose_the_answer  # type: ignore[method-assign]
    hand.turn()
    hand.sender._client.post = post  # type: ignore[method-assign]
    hand.record(7)
    hand.turn()
    hand.turn()
    assert len(collector.attempts) > len(collector.applied)
    assert received(collector) == 12


def test_while_the_server_is_away_counts_are_kept_and_arrive_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fieldmark")
    with closing(Collector()) as first:
        port = first.port
    hand = Hand(f"http://127.0.0.1:{port}")
    for _ in range(20):
        hand.record()
        hand.turn()
    with closing(Collector(port)) as collector:
        hand.record()
        hand.turn()
        hand.turn()
        assert received(collector) == 21
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert "fieldmark serve" in lines[0]
    assert "answers again" in caplog.text


def test_a_server_that_goes_and_comes_back_gets_everything_once() -> None:
    with closing(Collector()) as collector:
        hand = Hand(collector.url)
        hand.record(2)
        hand.turn()
        applied, port = dict(collector.applied), collector.port
    hand.record(3)
    hand.turn()
    hand.turn()
    with closing(Collector(port)) as collector:
        collector.applied.update(applied)
        hand.record(4)
        hand.turn()
        hand.turn()
        assert received(collector) == 9
        assert len(collector.hellos) == 1  # it may have been another server


def test_a_paused_server_gets_no_batches_until_it_says_so(collector: Collector) -> None:
    collector.paused = True
    hand = Hand(collector.url)
    for _ in range(3):
        hand.record()
        hand.turn()
    assert collector.attempts == []
    assert len(collector.hellos) == 3
    collector.paused = False
    hand.turn()
    assert received(collector) == 3


def test_a_server_that_reads_only_other_formats_gets_no_batches(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transport, "FORMATS", range(99, 100))
    hand = Hand(collector.url)
    hand.record()
    hand.turn()
    assert collector.attempts == []
    assert "upgrade the server" in caplog.text


def test_batches_are_of_the_newest_format_that_the_server_reads(collector: Collector) -> None:
    hand = Hand(collector.url)
    for formats, expected in [([1], 1), ([2, 1], 1), ([3, 2, 1], 2), ([9, 1], 2), ([1], 1)]:
        collector.formats = formats
        hand.record()
        hand.turn()
        assert collector.attempts[-1][4] == expected, formats  # of what its last reply but one listed
    assert received(collector) == 5


def test_the_interval_is_the_server_s_within_limits(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Hand(collector.url)
    monkeypatch.setattr(transport, "INTERVAL_S_RANGE", INTERVAL_S_RANGE)
    for told, expected in [
        (7.0, 7.0),
        (0.0, 7.0),
        (1e9, 60.0),
        (1e-9, 5.0),
        (float("inf"), 60.0),
        (float("nan"), 60.0),
    ]:
        collector.interval_s = told
        hand.record()
        assert hand.turn() == expected


def test_the_server_s_retry_after_is_kept(collector: Collector) -> None:
    hand = Hand(collector.url)
    collector.answers = [(503, {"Retry-After": "42"})]
    hand.record()
    assert 41 < hand.turn() <= 42
    assert 41 < hand.sender.round(None) <= 42  # not yet time
    assert len(collector.attempts) == 1


@pytest.mark.parametrize(
    ("failures", "retry_after_s", "chance", "expected"),
    [
        (1, None, 0.0, 2.5),
        (1, None, 1.0, 5.0),
        (2, None, 1.0, 10.0),
        (4, None, 0.0, 20.0),
        (50, None, 1.0, 60.0),
        (1, 30.0, 1.0, 30.0),
        (1, 1.0, 1.0, 5.0),
    ],
)
def test_waiting_doubles_with_jitter_up_to_a_minute(
    failures: int, retry_after_s: float | None, chance: float, expected: float
) -> None:
    assert backoff_s(failures, 5.0, retry_after_s, lambda: chance) == expected


def test_what_says_yes_to_everything_takes_nothing(collector: Collector) -> None:
    hand = Hand(collector.url)
    hand.turn()
    hand.record(3)
    post = hand.sender._client.post
    hand.sender._client.post = lambda *_: Reply(200, "", {"status": "ok"})  # type: ignore[method-assign]
    hand.turn()
    hand.sender._client.post = post  # type: ignore[method-assign]
    hand.turn()
    assert received(collector) == 3


def test_a_token_that_becomes_right_lets_everything_through(collector: Collector) -> None:
    hand = Hand(collector.url, token="secret")
    collector.answers = [(401, {}), (401, {}), (403, {})]
    for _ in range(4):
        hand.record(2)
        hand.turn()
    hand.turn()
    assert received(collector) == 8
    assert len(set(collector.attempts[:4])) == 1  # the same bytes until they were taken


def test_what_is_refused_again_and_again_is_set_aside_and_said(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logs, "SECONDS_BETWEEN_LINES", 0.0)
    collector.refuses = lambda batch: any("GET /poison" in subjects for subjects in batch["minutes"].values())
    hand = Hand(collector.url)
    hand.recorder.record("GET /poison", 200, NOW, times=3)
    for _ in range(30):
        hand.record()
        hand.turn()
    assert received(collector) == 30
    assert collector.subjects()[""]["events"] == {"refused batch": 1, "refused record": 3}
    collector.answers = [(422, {})]
    hand.record()
    hand.turn()
    assert "1 batches that it refused again and again" in caplog.messages[-1]


# ------------------------------------------------------------------ what stands in the way


def nobody_knows_the_name(*_: object) -> NoReturn:
    raise socket.gaierror(socket.EAI_AGAIN, "temporary failure in name resolution")


IN_THE_WAY: dict[str, Talk] = {
    "deaf": is_deaf,
    "headers drip": drips,
    "body drips": drips_the_body,
    "hangs up": says(b""),
    "another protocol": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a page that says yes": says(b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html></html>"),
    "half an answer": says(b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"outcome":'),
    "an endless answer": says(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * (1 << 20)),
}


@pytest.mark.parametrize("what", ["the name", *IN_THE_WAY])
def test_what_stands_in_the_way_costs_a_bounded_time_and_no_count(
    what: str, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transport, "REQUEST_SECONDS_MAX", 0.2)
    hand = Hand(collector.url)
    hand.turn()  # greeted: what follows is batches
    hand.record(3)
    talk = IN_THE_WAY.get(what, is_deaf)
    with stranger(*[talk] * 4) as url, monkeypatch.context() as patch:
        hand.sender._client.close()
        if what == "the name":
            patch.setattr(socket, "getaddrinfo", nobody_knows_the_name)
        else:
            hand.sender._client = client.Client(url, None)
        for _ in range(2):
            started_s = time.monotonic()
            hand.turn()
            assert time.monotonic() - started_s < 0.2 + 1.0
            hand.record(2)
        hand.sender._client.close()
    hand.sender._client = client.Client(collector.url, None)
    hand.turn()
    hand.turn()
    assert received(collector) == hand.recorded
    assert len([line for line in caplog.messages if line.startswith("sending to")]) == 1


# ------------------------------------------------------------------ clocks that are moved


class Clocks:
    """The wall clock and the steady one, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall_s = float(NOW // 1000)
        self.steady_s = 1000.0
        monkeypatch.setattr(transport, "time", self)

    def time_ns(self) -> int:
        return int(self.wall_s * 1e9)

    def monotonic(self) -> float:
        return self.steady_s

    def pass_by(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds


def observed_ms(collector: Collector) -> int:
    return int(collector.subjects()[""]["watch"]["observed_ms"])


def test_a_server_that_is_away_for_a_day_gets_every_count_and_only_the_time_is_coarser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = Clocks(monkeypatch)
    hand = Hand("http://127.0.0.1:1", hash_key=HASH_KEY)
    attempts = 0

    def away(*_: object) -> Reply:
        nonlocal attempts
        attempts += 1
        return Reply(0, "nothing listens there", {})

    post, hand.sender._client.post = hand.sender._client.post, away  # type: ignore[method-assign]
    wait_s = 0.0
    for minute in range(24 * 60):
        for route in range(30):
            hand.recorder.record(
                f"GET /{route}", 200, int(clocks.wall_s * 1000), request_state=_core.BODY_CAPTURED,
                request=b'{"number": %d, "text": "%d"}' % (minute, minute),
            )  # fmt: skip
        left_s = 60.0
        while wait_s < left_s:
            left_s -= wait_s
            clocks.pass_by(wait_s)
            wait_s = hand.sender.round(None)
        clocks.pass_by(left_s)
        wait_s -= left_s
    assert attempts < 24 * 60 * 2  # patient: two a minute at the most
    with closing(Collector()) as collector:
        hand.sender._client = client.Client(collector.url, None)
        assert post is not None
        while not hand.sender._outbox.empty:  # type: ignore[union-attr]
            clocks.pass_by(60.0)
            hand.sender.round(None)
        subjects = collector.subjects()
        for route in range(30):
            assert subjects[f"GET /{route}"]["request"]["by_status"] == {200: 24 * 60}
            assert subjects[f"GET /{route} request"]["body"]["documents"] == 24 * 60
        watched_s = clocks.steady_s - 1000.0 - 60.0
        assert observed_ms(collector) == pytest.approx(watched_s * 1000, abs=61_000)
        assert all(len(bytes_) <= (1 << 20) for bytes_ in collector.attempts)


@pytest.mark.parametrize("step_s", [-86_400.0, -90.0, 90.0, 86_400.0, 4e8])
def test_a_clock_that_is_set_loses_no_count_and_no_time(
    step_s: float, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = Clocks(monkeypatch)
    hand = Hand(collector.url)
    for turn in range(6):
        hand.recorder.record("GET /", 200, int(clocks.wall_s * 1000))
        clocks.pass_by(5.0)
        if turn == 2:
            clocks.wall_s += step_s
        hand.sender.round(None)
    assert received(collector) == 6
    assert observed_ms(collector) == 30_000


def test_a_log_line_a_minute_says_how_many_were_kept_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = [1000.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: now_s[0])
    limited = logs.Limited()
    for _ in range(10):
        limited.warning("away")
    now_s[0] += 61
    limited.warning("away")
    assert [record.getMessage() for record in caplog.records] == ["away", "away (9 more since the last such line)"]


# ------------------------------------------------------------------ with its thread


def one_route() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def root() -> dict[str, int]:
        return {"a": 1}

    return app


def test_what_is_left_is_sent_when_the_server_process_shuts_down(service: str) -> None:
    with closing(Collector(interval_s=60.0)) as collector:
        app = one_route()
        app.add_middleware(FieldmarkMiddleware, service=service, url=collector.url, version="v1")
        with serving(app) as base:
            collector.wait_until(lambda c: bool(c.applied))  # the first round; the next one is a minute away
            for _ in range(10):
                httpx.get(base)
        assert received(collector) == 10


def test_shutting_down_takes_a_second_at_most_when_the_server_does_not_answer(
    service: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # accepts, and never says a word
        app = one_route()
        url = "http://127.0.0.1:{1}".format(*deaf.getsockname())
        app.add_middleware(FieldmarkMiddleware, service=service, url=url, version="v1")
        with serving(app) as base:
            for _ in range(10):
                assert httpx.get(base).json() == {"a": 1}
            started_s = time.monotonic()
        assert time.monotonic() - started_s < 4.0  # uvicorn's own share included


def test_a_stop_during_a_round_still_sends_what_came_since(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand(collector.url)
    rounds = hand.sender.round
    first, go_on = threading.Event(), threading.Event()

    def slow(flush_until: float | None) -> float:
        delay_s = rounds(flush_until)
        if not first.is_set():
            first.set()
            assert go_on.wait(WAIT_SECONDS_MAX)
        return delay_s

    monkeypatch.setattr(hand.sender, "round", slow)
    hand.sender.start()
    assert first.wait(WAIT_SECONDS_MAX)
    hand.record(3)
    stopping = threading.Thread(target=hand.sender.stop, args=(WAIT_SECONDS_MAX,))
    stopping.start()
    pause = Pause()
    while hand.sender._flush_until is None:
        pause.until_next("the stop did not ask for a flush")
    go_on.set()
    stopping.join(WAIT_SECONDS_MAX)
    assert received(collector) == 3


def test_a_sender_in_a_deleted_folder_sends(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hand = Hand(collector.url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    hand.record(3)
    hand.turn()
    monkeypatch.chdir(tmp_path)
    assert received(collector) == 3


def test_an_application_is_served_while_nothing_listens(
    service: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "INTERVAL_S_DEFAULT", 0.05)
    with closing(Collector()) as gone:
        port = gone.port
    app = one_route()
    app.add_middleware(FieldmarkMiddleware, service=service, url=f"http://127.0.0.1:{port}", version="v1")
    with serving(app) as base:
        until(lambda: "nothing listens there" in caplog.text)
        for _ in range(10):
            assert httpx.get(base).json() == {"a": 1}
        with closing(Collector(port)) as collector:
            collector.wait_until(lambda c: received(c) == 10)
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING and f":{port}:" in r.getMessage()]
    assert len(warnings) == 1


def until(holds: Callable[[], bool]) -> None:
    pause = Pause()
    while not holds():
        pause.until_next("it did not come to hold")
