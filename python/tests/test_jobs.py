"""Jobs: what they take, give and raise goes through, and each run is recorded once."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

import fieldmark
from fieldmark import FieldmarkMiddleware, agent, jobs
from support import Collector, serving


class Refused(Exception):
    pass


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, collector: Collector, service: str) -> None:
    monkeypatch.setenv("FIELDMARK_URL", collector.url)
    monkeypatch.setenv("FIELDMARK_SERVICE", service)
    monkeypatch.setenv("FIELDMARK_VERSION", "v1")


def runs(collector: Collector, name: str) -> tuple[int, int]:
    """Succeeded and failed."""
    run = collector.subjects().get(f"job {name}", {}).get("run", {})
    return run.get("succeeded", 0), run.get("failed", 0)


def await_runs(collector: Collector, name: str, succeeded: int, failed: int) -> None:
    collector.wait_until(lambda c: sum(runs(c, name)) >= succeeded + failed)
    assert runs(collector, name) == (succeeded, failed)


# ------------------------------------------------------------------ the four kinds of function


@fieldmark.job("plain")
def plain(value: int, *, fails: bool = False) -> int:
    """Doubles."""
    if fails:
        raise Refused
    return 2 * value


@fieldmark.job("coroutine")
async def coroutine(value: int, *, fails: bool = False) -> int:
    await asyncio.sleep(0)
    if fails:
        raise Refused
    return 2 * value


@fieldmark.job("items")
def items(*values: int, fails: bool = False) -> Iterator[Any]:
    got: Any = None
    for value in values:
        got = yield (value, got)
    if fails:
        raise Refused
    return got


@fieldmark.job("items async")
async def items_async(*values: int, fails: bool = False) -> AsyncIterator[Any]:
    got: Any = None
    for value in values:
        try:
            got = yield (value, got)
        except ValueError as error:
            got = repr(error)
    if fails:
        raise Refused


async def collect(made: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in made]


KINDS: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = [
    ("plain", lambda: plain(2), lambda: plain(2, fails=True)),
    ("coroutine", lambda: asyncio.run(coroutine(2)), lambda: asyncio.run(coroutine(2, fails=True))),
    ("items", lambda: list(items(1, 2)), lambda: list(items(1, fails=True))),
    (
        "items async",
        lambda: asyncio.run(collect(items_async(1))),
        lambda: asyncio.run(collect(items_async(fails=True))),
    ),
]


@pytest.mark.parametrize(("name", "succeeds", "fails"), KINDS, ids=[kind[0] for kind in KINDS])
def test_each_kind_of_function_is_recorded_as_a_run(
    name: str, succeeds: Callable[[], Any], fails: Callable[[], Any], collector: Collector
) -> None:
    succeeds()
    succeeds()
    with pytest.raises(Refused):
        fails()
    await_runs(collector, name, 2, 1)


def test_arguments_results_and_documentation_go_through() -> None:
    assert (plain(3), plain.__doc__, plain.__name__) == (6, "Doubles.", "plain")
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(items)
    assert inspect.isasyncgenfunction(items_async)
    assert list(inspect.signature(plain).parameters) == ["value", "fails"]


def test_what_is_sent_into_a_generator_arrives_and_its_result_comes_back() -> None:
    made = items(1, 2)
    assert next(made) == (1, None)
    assert made.send("a") == (2, "a")  # type: ignore[attr-defined]
    with pytest.raises(StopIteration) as ended:
        made.send("b")  # type: ignore[attr-defined]
    assert ended.value.value == "b"


def test_what_is_sent_or_thrown_into_an_asynchronous_generator_arrives() -> None:
    async def use() -> list[Any]:
        made: Any = items_async(1, 2, 3)
        found = [await anext(made), await made.asend("a"), await made.athrow(ValueError("b"))]
        with pytest.raises(StopAsyncIteration):
            await made.asend(None)
        return found

    assert asyncio.run(use()) == [(1, None), (2, "a"), (3, "ValueError('b')")]


def test_a_consumer_that_stops_early_makes_no_failed_run(collector: Collector) -> None:
    for _ in items(1, 2, 3):
        break

    async def use() -> None:
        made: Any = items_async(1, 2, 3)
        await anext(made)
        await made.aclose()

    asyncio.run(use())
    await_runs(collector, "items", 1, 0)
    await_runs(collector, "items async", 1, 0)


def test_a_generator_that_is_never_begun_is_no_run(collector: Collector) -> None:
    items(1)
    plain(1)
    await_runs(collector, "plain", 1, 0)
    assert runs(collector, "items") == (0, 0)


@pytest.mark.parametrize(
    ("raised", "succeeded"),
    [
        (SystemExit(), 1),
        (SystemExit(0), 1),
        (SystemExit(2), 0),
        (KeyboardInterrupt(), 0),
        (asyncio.CancelledError(), 0),
    ],
)
def test_how_a_job_leaves_decides_whether_it_failed(
    raised: BaseException, succeeded: int, collector: Collector
) -> None:
    @fieldmark.job("leaves")
    def leaves() -> None:
        raise raised

    with pytest.raises(type(raised)) as caught:
        leaves()
    assert caught.value is raised
    await_runs(collector, "leaves", succeeded, 1 - succeeded)


@pytest.mark.parametrize(
    ("name", "error"),
    [(plain, TypeError), ("", ValueError), (" ", ValueError), ("a\nb", ValueError), ("x" * 201, ValueError)],
)
def test_a_name_that_is_none_is_said_when_the_module_is_read(name: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="naming a job"):
        fieldmark.job(name)


def test_runs_of_many_threads_are_all_counted(collector: Collector) -> None:
    threads = [threading.Thread(target=lambda: [plain(1) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    await_runs(collector, "plain", 200, 0)


SCRIPT = """
import sys
import fieldmark

@fieldmark.job("nightly-export")
def export():
    if sys.argv[1] == "fails":
        raise RuntimeError("a customer's secret")

export()
"""


@pytest.mark.parametrize(("how", "succeeded", "code"), [("works", 1, 0), ("fails", 0, 1)])
def test_a_script_that_ends_at_once_is_heard_of(how: str, succeeded: int, code: int, collector: Collector) -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT, how], env=os.environ, capture_output=True, timeout=30)
    assert ended.returncode == code, ended.stderr
    await_runs(collector, "nightly-export", succeeded, 1 - succeeded)
    assert not any(b"secret" in batch for batch in collector.attempts)


# ------------------------------------------------------------------ when we are off, or broken


@pytest.mark.parametrize(("variable", "value"), [("FIELDMARK_DISABLED", "1"), ("FIELDMARK_URL", "no address")])
def test_switched_off_or_set_wrongly_a_job_runs_and_nothing_starts(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(jobs, "_limited", jobs.Limited())
    assert (plain(2), plain(3)) == (4, 6)
    assert agent._agents == {}
    assert len(caplog.records) == (1 if variable == "FIELDMARK_URL" else 0)
    assert value not in caplog.text.replace("FIELDMARK_URL", "") or value == "1"


def test_an_application_that_is_switched_off_switches_jobs_off(collector: Collector) -> None:
    FieldmarkMiddleware(FastAPI(), disabled=True)
    assert plain(2) == 4
    assert agent._agents == {}


def test_a_fault_of_ours_does_not_reach_the_job(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(jobs, "agent_of_process", broken)
    monkeypatch.setattr(jobs, "_limited", jobs.Limited())
    assert (plain(2), plain(3)) == (4, 6)
    assert [record.getMessage().count("RuntimeError") for record in caplog.records] == [1]


# ------------------------------------------------------------------ background tasks


class Callback:
    async def __call__(self, value: str) -> None:
        if value == "fails":
            raise Refused


def send_receipt(value: str) -> None:
    if value == "fails":
        raise Refused


async def notify(released: threading.Event, value: str) -> None:
    await asyncio.to_thread(released.wait, 20)


def application(released: threading.Event) -> FastAPI:
    app = FastAPI()

    @app.get("/receipt/{value}")
    async def receipt(value: str, tasks: BackgroundTasks) -> dict[str, str]:
        tasks.add_task(send_receipt, value)
        tasks.add_task(functools.partial(functools.partial(Callback()), value))
        tasks.add_task(plain, 2)
        return {"value": value}

    @app.get("/slow")
    async def slow() -> JSONResponse:
        return JSONResponse({"a": 1}, background=BackgroundTask(notify, released, value="a secret"))

    return app


def test_background_tasks_are_runs_and_their_time_is_no_latency(collector: Collector, service: str) -> None:
    released = threading.Event()
    app = application(released)
    app.add_middleware(FieldmarkMiddleware)
    with serving(app) as base:
        assert httpx.get(f"{base}/receipt/fine").json() == {"value": "fine"}
        assert httpx.get(f"{base}/receipt/fails").json() == {"value": "fails"}
        assert httpx.get(f"{base}/slow").json() == {"a": 1}
        released.set()
        await_runs(collector, f"{__name__}.send_receipt", 1, 1)
        await_runs(collector, f"{__name__}.Callback", 1, 0)  # a failed task ends those after it
        await_runs(collector, "plain", 1, 0)  # by its own name alone
        await_runs(collector, f"{__name__}.notify", 1, 0)
    assert collector.requests("GET /receipt/{value}") == {200: 2}
    assert {name for name in collector.subjects() if name.startswith("job ")} == {
        "job plain",
        *(f"job {__name__}.{name}" for name in ("send_receipt", "Callback", "notify")),
    }
    assert not any(b"secret" in batch for batch in collector.attempts)


def test_the_last_byte_s_clock_stops_before_background_tasks(collector: Collector) -> None:
    released = threading.Event()
    app = application(released)
    app.add_middleware(FieldmarkMiddleware)
    with serving(app) as base:
        with httpx.Client() as client:
            elapsed = client.get(f"{base}/slow").elapsed
            threading.Event().wait(0.05)  # the task's own time
            released.set()
        collector.wait_until(lambda c: c.requests("GET /slow") == {200: 1})
    request = collector.subjects()["GET /slow"]["request"]
    assert 0 <= request["first_byte_ms"] <= request["last_byte_ms"] <= elapsed.total_seconds() * 1000
    assert request["app_return_ms"] >= request["last_byte_ms"] + 45


def test_watching_again_counts_no_task_twice(collector: Collector) -> None:
    jobs.watch_background_tasks()
    jobs.watch_background_tasks()
    asyncio.run(BackgroundTask(send_receipt, "fine")())
    await_runs(collector, f"{__name__}.send_receipt", 1, 0)
