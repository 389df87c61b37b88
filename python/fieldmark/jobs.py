"""Runs of jobs: ``@fieldmark.job("nightly-export")``, and the background tasks of Starlette and FastAPI.

A run is recorded when it ends: how long it took, and whether it failed. What a job is given, returns or raises goes
through untouched, and none of it is recorded.
"""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from types import TracebackType
from typing import Any, TypeVar, cast

from fieldmark.agent import agent_of_process, orphaned
from fieldmark.logs import Limited
from fieldmark.settings import SettingsError

NAME_CHARACTERS_MAX = 200

Job = TypeVar("Job", bound=Callable[..., Any])

_limited = Limited()
_IS_JOB = "__fieldmark_job__"


def job(name: str) -> Callable[[Job], Job]:
    """Records each call of a function as a run of ``job <name>``.

    For functions, coroutine functions, generators and asynchronous generators; those run from their first item to
    their end. A run fails when it raises or is cancelled; one that its consumer stops, or that exits with 0, does not.
    Works without the middleware too: settings are those of ``FIELDMARK_*``.

    Raises TypeError for what is no name, and ValueError for one that is empty or too long, when the module is read.
    """
    if not isinstance(name, str):
        raise TypeError('naming a job: found no name; write @fieldmark.job("nightly-export")')
    if not name.strip() or not name.isprintable() or len(name) > NAME_CHARACTERS_MAX:
        raise ValueError(
            f"naming a job: found {len(name)} characters; write 1 to {NAME_CHARACTERS_MAX} that can be printed"
        )

    def watched(function: Job) -> Job:
        wrapper = _wrapper(function, name)
        setattr(wrapper, _IS_JOB, name)
        return cast(Job, wrapper)

    return watched


def _wrapper(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def items_async(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            with Run(name):
                inner = function(*args, **kwargs)
                try:
                    item = await inner.asend(None)
                    while True:
                        try:
                            sent = yield item
                        except GeneratorExit:
                            raise
                        except BaseException as error:  # thrown in by the consumer
                            item = await inner.athrow(error)
                        else:
                            item = await inner.asend(sent)
                except StopAsyncIteration:
                    return
                finally:
                    await inner.aclose()

        return items_async
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def items(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with Run(name):
                return (yield from function(*args, **kwargs))

        return items
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            with Run(name):
                return await function(*args, **kwargs)

        return run_async

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with Run(name):
            return function(*args, **kwargs)

    return run


class Run:
    """One run, from entering to leaving. Never raises, and lets every exception through."""

    __slots__ = ("_name", "_started_s")

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        try:
            agent = agent_of_process()
            if agent is not None and not agent.started:
                agent.start()
        except Exception as fault:
            _say(fault)
        self._started_s = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        duration_ms = (time.perf_counter() - self._started_s) * 1000
        try:
            agent = agent_of_process()
        except Exception as fault:
            _say(fault)
            return
        if agent is None:
            return
        try:
            agent.recorder.run(self._name, time.time_ns() // 1_000_000, duration_ms, _succeeded(error))
        except Exception as fault:
            agent.fault(fault)


def _succeeded(error: BaseException | None) -> bool:
    if isinstance(error, SystemExit):
        return error.code in (None, 0)
    return error is None or isinstance(error, GeneratorExit)


def _say(fault: Exception) -> None:
    if isinstance(fault, SettingsError):  # which says itself what cannot be meant
        _limited.warning(f"recording a run: {fault}; the job is not affected")
    else:
        orphaned.add(fault)


# ------------------------------------------------------------------ background tasks


def watch_background_tasks() -> None:
    """Records each of Starlette's background tasks in this process as a run of its function. Cheap to call again.

    A task runs inside the response, where no middleware sees it: its class is the one place to stand.
    """
    kind: Any = getattr(sys.modules.get("starlette.background"), "BackgroundTask", None)
    original: Any = vars(kind).get("__call__") if isinstance(kind, type) else None
    if not inspect.iscoroutinefunction(original) or hasattr(original, _IS_JOB):
        return

    @functools.wraps(original)
    async def call(task: Any) -> None:
        function = getattr(task, "func", task)
        if hasattr(function, _IS_JOB):  # it records itself
            await original(task)
            return
        with Run(_name_of(function)):
            await original(task)

    setattr(call, _IS_JOB, "")
    kind.__call__ = call


def _name_of(function: Any) -> str:
    """``shop.mail.send_receipt``: as it was defined, never what it is called with."""
    for _ in range(8):  # no more than anyone nests
        if not isinstance(function, functools.partial):
            break
        function = function.func
    if not isinstance(getattr(function, "__qualname__", None), str):
        function = type(function)  # an object that can be called
    return f"{function.__module__}.{function.__qualname__}"[:NAME_CHARACTERS_MAX]
