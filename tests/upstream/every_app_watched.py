"""A pytest plugin for the suites of others: every application that they build or call runs inside our middleware."""

from __future__ import annotations

import functools
import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fieldmark import FieldmarkMiddleware, agent


def pytest_configure() -> None:
    from starlette import applications, testclient

    build = applications.Starlette.build_middleware_stack
    applications.Starlette.build_middleware_stack = lambda app: FieldmarkMiddleware(build(app))  # type: ignore[method-assign, return-value]
    _watch_first_argument(testclient._TestClientTransport)
    for name in ("httpx", "httpx2"):
        try:
            _watch_first_argument(importlib.import_module(name).ASGITransport)
        except ModuleNotFoundError:
            continue


def pytest_unconfigure() -> None:
    """Of each worker a line, that the workers write one after the other."""
    with Path(os.environ["FIELDMARK_TEST_FAULTS"]).open("a") as report:
        report.write(json.dumps(sum(each.faults for each in agent._agents.values())) + "\n")


def _watch_first_argument(transport: Any) -> None:
    """Also of those applications that no framework built."""
    made: Callable[..., None] = transport.__init__

    @functools.wraps(made)
    def make(self: Any, app: Any, *arguments: Any, **options: Any) -> None:
        made(self, FieldmarkMiddleware(app), *arguments, **options)

    transport.__init__ = make
