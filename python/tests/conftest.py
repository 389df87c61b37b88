"""What every test gets: no other test's agents, a collector, a service name of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing

import pytest

from fieldmark import agent, logs, transport
from support import Collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    with closing(Collector()) as running:
        yield running


@pytest.fixture(autouse=True)
def agents(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees another's agents, nor settings of the shell that runs the tests."""
    for name in ("URL", "TOKEN", "SERVICE", "ENVIRONMENT", "VERSION", "HASH_KEY", "DISABLED"):
        monkeypatch.delenv(f"FIELDMARK_{name}", raising=False)
    monkeypatch.setattr(transport, "FIRST_ROUND_S_MAX", 0.02)
    monkeypatch.setattr(transport, "INTERVAL_S_RANGE", (0.01, 60.0))
    monkeypatch.setattr(agent.orphaned, "total", 0)
    monkeypatch.setattr(agent.orphaned, "_limited", logs.Limited())
    agent._agents.clear()
    agent._off.clear()
    yield
    for each in list(agent._agents.values()):
        each.stop(0.0)
    agent._agents.clear()


_numbers = itertools.count()


@pytest.fixture
def service() -> str:
    return f"service-{next(_numbers)}"
