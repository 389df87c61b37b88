"""WebSockets: counted when they end, with the status that answered the handshake. What passes over them is never
looked at, and how long they stay open is no latency.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter, time_ns
from typing import Any

from fieldmark.agent import Agent
from fieldmark.errors import type_name
from fieldmark.routes import route_of

_ACCEPTED = 101
_REFUSED = 403  # what servers answer for a close before an accept
_FAILED = 500


class Connection:
    """One WebSocket, from its handshake on. Only what the application sends is seen."""

    __slots__ = ("_agent", "_answered_s", "_scope", "_send", "_started_s", "_status")

    def __init__(
        self,
        agent: Agent,
        scope: MutableMapping[str, Any],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        self._agent = agent
        self._scope = scope
        self._send = send
        self._status = 0
        self._started_s = perf_counter()
        self._answered_s = 0.0

    def send(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        if self._status == 0:
            try:
                self._status = _status_of(message)
                self._answered_s = perf_counter()
            except Exception as error:
                self._agent.fault(error)
        return self._send(message)

    def finish(self, error: BaseException | None) -> None:
        """After the application returned or raised. Never raises."""
        agent = self._agent
        try:
            route = route_of(self._scope)
            if agent.filter is not None and agent.filter.leaves_out(route):
                return
            cancelled = isinstance(error, asyncio.CancelledError)
            exception = "" if error is None or cancelled else type_name(error)
            if self._status == 0 and exception:
                self._status = _FAILED
            agent.recorder.record(
                route,
                self._status,
                time_ns() // 1_000_000,
                (self._answered_s - self._started_s) * 1000 if self._answered_s else -1.0,
                cancelled=cancelled,
                exception=exception,
                traceparent=_traceparent(self._scope) if exception else "",
            )
        except Exception as fault:
            agent.fault(fault)


def _traceparent(scope: MutableMapping[str, Any]) -> str:
    for name, value in scope.get("headers", ()):
        if name.lower() == b"traceparent":
            return str(value, "latin-1")
    return ""


def _status_of(message: MutableMapping[str, Any]) -> int:
    """0 for a message that answers no handshake."""
    kind = message["type"]
    if kind == "websocket.accept":
        return _ACCEPTED
    if kind == "websocket.close":
        return _REFUSED
    return int(message["status"]) if kind == "websocket.http.response.start" else 0
