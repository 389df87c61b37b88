"""Logs: counted by kind, and no value of theirs leaves."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import logging.handlers
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

import fieldmark
from fieldmark import FieldmarkMiddleware, agent, log_counter
from support import Collector, serving

HERE = __name__.rpartition(".")[2]
SECRET = "4111-1111"


@pytest.fixture
def log(collector: Collector, service: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    monkeypatch.setenv("FIELDMARK_URL", collector.url)
    monkeypatch.setenv("FIELDMARK_SERVICE", service)
    monkeypatch.setenv("FIELDMARK_VERSION", "v1")
    logger = logging.getLogger(f"billing.{service}")
    handler = fieldmark.LogCounter()
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def events(collector: Collector, logger: str) -> dict[str, int]:
    return dict(collector.subjects().get(f"log {logger}", {}).get("events", {}))


def await_events(collector: Collector, log: logging.Logger, count: int = 1) -> dict[str, int]:
    collector.wait_until(lambda c: sum(events(c, log.name).values()) >= count)
    assert not any(SECRET.encode() in batch for batch in collector.attempts)
    return events(collector, log.name)


def fail() -> None:
    raise ValueError(SECRET)


def fail_deeper() -> None:
    fail()


def report(log: logging.Logger, template: str, *values: object) -> None:
    """As many applications have one."""
    log.error(template, *values)


CASES: list[tuple[str, Callable[[logging.Logger], None], str]] = [
    ("a template", lambda log: log.error("charging %s failed", SECRET), "ERROR charging %s failed"),
    ("by name", lambda log: log.error("charging %(card)s", {"card": SECRET}), "ERROR charging %(card)s"),
    ("by a helper", lambda log: report(log, "refused %s", SECRET), "ERROR refused %s"),
    ("over two lines", lambda log: log.warning("one\n  two %s", 1), "WARNING one two %s"),
    ("of its own level", lambda log: log.log(35, "of %s", SECRET), "Level 35 of %s"),
    ("formatted before", lambda log: log.error(f"charging {SECRET} failed"), f"ERROR {HERE}:LINE"),
    ("half formatted before", lambda log: log.error(f"charging {SECRET} as %s", 1), f"ERROR {HERE}:LINE"),
    ("added up before", lambda log: log.error("charging " + SECRET[:3] + " as %s", 1), f"ERROR {HERE}:LINE"),
    ("without arguments", lambda log: log.error("the queue is full"), f"ERROR {HERE}:LINE"),
    ("no text", lambda log: log.error({"card": SECRET}, 1), f"ERROR {HERE}:LINE"),
    ("too few arguments", lambda log: log.error("%s and %s", SECRET), "ERROR %s and %s"),
]


@pytest.mark.parametrize(("write", "kind"), [each[1:] for each in CASES], ids=[each[0] for each in CASES])
def test_a_record_is_counted_by_level_and_template_or_place(
    write: Callable[[logging.Logger], None], kind: str, collector: Collector, log: logging.Logger
) -> None:
    logging.raiseExceptions = False
    write(log)
    write(log)
    line = write.__code__.co_firstlineno
    assert await_events(collector, log, 2) == {kind.replace("LINE", str(line)): 2}


def test_an_exception_is_counted_by_type_and_where_it_was_raised(collector: Collector, log: logging.Logger) -> None:
    for raising in (fail, fail_deeper):
        try:
            raising()
        except ValueError:
            log.exception("paying for %s", SECRET)
    log.error("unraised %s", 1, exc_info=KeyError(SECRET))
    assert await_events(collector, log, 3) == {
        f"ERROR paying for %s · ValueError in {__name__}.fail": 2,
        "ERROR unraised %s · KeyError": 1,
    }


def test_only_levels_from_the_one_chosen_on_count(collector: Collector, log: logging.Logger) -> None:
    log.setLevel(logging.DEBUG)
    log.info("info %s", 1)
    log.warning("warning %s", 1)
    assert await_events(collector, log) == {"WARNING warning %s": 1}


def test_a_record_that_crosses_a_queue_is_counted_by_its_place(collector: Collector, log: logging.Logger) -> None:
    (counter,) = log.handlers
    waiting: queue.Queue[Any] = queue.Queue()
    log.handlers[:] = [logging.handlers.QueueHandler(waiting)]
    listener = logging.handlers.QueueListener(waiting, counter)
    listener.start()
    log.error("charging %s", SECRET)
    listener.stop()
    (kind,) = await_events(collector, log)
    assert kind.startswith(f"ERROR {HERE}:")


def test_many_loggers_do_not_crowd_out_the_routes(
    collector: Collector, log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_counter, "LOGGERS_MAX", 3)
    for number in range(10):
        log.getChild(str(number)).error("of %s", SECRET)
    collector.wait_until(lambda c: sum(events(c, "(other)").values()) == 7)
    assert sum(name.startswith("log ") for name in collector.subjects()) == 4


def test_it_can_be_named_in_a_configuration(collector: Collector, log: logging.Logger) -> None:
    log.handlers.clear()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"counts": {"class": "fieldmark.LogCounter", "level": "ERROR"}},
            "loggers": {log.name: {"handlers": ["counts"]}},
        }
    )
    log.warning("warning %s", 1)
    log.error("error %s", 1)
    assert await_events(collector, log) == {"ERROR error %s": 1}


def test_records_of_an_application_belong_to_its_service(
    collector: Collector, log: logging.Logger, service: str
) -> None:
    app = FastAPI()

    @app.get("/fails/{value}")
    async def fails(value: str) -> None:
        await asyncio.sleep(0)
        log.error("could not find %s", value)

    app.add_middleware(FieldmarkMiddleware, service=f"{service}-served")
    with serving(app) as base:
        httpx.get(f"{base}/fails/{SECRET}")
    assert await_events(collector, log) == {"ERROR could not find %s": 1}
    assert {batch["service"] for batch in collector.applied.values()} == {f"{service}-served"}


def test_our_own_lines_do_not_count_and_a_fault_of_ours_reaches_nobody(
    log: logging.Logger, collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = logging.getLogger("fieldmark")
    own.addHandler(log.handlers[0])
    try:
        own.error("ours %s", 1)
        assert agent._agents == {}
        monkeypatch.setattr(log_counter, "innermost", lambda *_: 1 / 0)
        log.error("theirs %s", 1, exc_info=KeyError())
        log.error("theirs %s", 1, exc_info=KeyError())
    finally:
        own.removeHandler(log.handlers[0])
    (running,) = agent._agents.values()
    assert running.faults == 2
    assert sum("ZeroDivisionError" in record.getMessage() for record in caplog.records) == 1


def test_in_a_folder_that_is_gone_records_count(
    log: logging.Logger, collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("FIELDMARK_SERVICE")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    log.error("of %s", 1)
    assert await_events(collector, log) == {"ERROR of %s": 1}
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("variable", "value"), [("FIELDMARK_DISABLED", "1"), ("FIELDMARK_URL", "no address")])
def test_switched_off_or_set_wrongly_nothing_starts(
    variable: str, value: str, log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    log.error("of %s", 1)
    assert agent._agents == {}
