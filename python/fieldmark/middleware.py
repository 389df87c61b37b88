"""The ASGI middleware: a tee. It forwards every message as it is, keeps no request waiting, and never calls receive or
send on its own account.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from time import perf_counter, time_ns
from typing import Any

from fieldmark import _core
from fieldmark.agent import Agent, agent_for, orphaned, switch_off
from fieldmark.bodies import Body
from fieldmark.connection import Connection
from fieldmark.errors import type_name
from fieldmark.jobs import watch_background_tasks
from fieldmark.logs import logger
from fieldmark.routes import route_of
from fieldmark.settings import SettingsError, resolve, service_name, working_folder

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_NONE = _core.BODY_NONE


class FieldmarkMiddleware:
    """Watches an application: ``app.add_middleware(FieldmarkMiddleware)``.

    Arguments win over ``FIELDMARK_URL``, ``_TOKEN``, ``_SERVICE``, ``_ENVIRONMENT``, ``_VERSION``, ``_HASH_KEY``,
    ``_DISABLED``, ``_BODIES``, ``_INCLUDE`` and ``_EXCLUDE``. Settings that cannot be meant are logged and switch
    Fieldmark off; they never stop the application.

    bodies: False counts the sizes of bodies alone. include, exclude: routes like ``/health`` or ``GET /internal/*``;
    what is left out is not counted at all.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: str | None = None,
        environment: str | None = None,
        version: str | None = None,
        url: str | None = None,
        token: str | None = None,
        hash_key: str | None = None,
        disabled: bool | None = None,
        bodies: bool | None = None,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
    ) -> None:
        self.app = app
        self._agent: Agent | None = None
        try:
            self._settings = resolve(
                os.environ,
                service=service,
                environment=environment,
                version=version,
                url=url,
                token=token,
                hash_key=hash_key,
                disabled=disabled,
                bodies=bodies,
                include=include,
                exclude=exclude,
            )
            self._disabled = self._settings.disabled
        except SettingsError as error:
            logger.error("%s; this application runs without Fieldmark", error)
            self._disabled = True
        if self._disabled:
            switch_off()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, send if self._disabled else self._flushing(scope, send))
            return
        if self._disabled or (kind != "http" and kind != "websocket"):
            await self.app(scope, receive, send)
            return
        agent = self._agent
        if agent is None or not agent.started:
            agent = self._begin(scope)
        other = scope.get("fieldmark.agent")
        if agent is None or (other is not None and agent.is_same_service(other)):  # two layers count nothing twice
            await self.app(scope, receive, send)
            return
        scope["fieldmark.agent"] = agent
        if kind == "websocket":
            await self._connect(agent, scope, receive, send)
            return
        exchange = _Exchange(agent, scope, receive, send)
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            exchange.finish(error)
            raise
        exchange.finish(None)

    async def _connect(self, agent: Agent, scope: Scope, receive: Receive, send: Send) -> None:
        connection = Connection(agent, scope, send)
        try:
            await self.app(scope, receive, connection.send)
        except BaseException as error:
            connection.finish(error)
            raise
        connection.finish(None)

    def _begin(self, scope: Scope) -> Agent | None:
        """Starts watching in this process. None when that cannot be."""
        try:
            if self._agent is None:
                title = getattr(scope.get("app"), "title", None)
                service = self._settings.service or service_name(title, working_folder().name)
                self._agent = agent_for(self._settings, service)
                self._agent.serves = True
                watch_background_tasks()
            self._agent.start()
        except Exception as error:
            orphaned.add(error)
            self._disabled = True
        return self._agent

    def _flushing(self, scope: Scope, send: Send) -> Send:
        """Watches from start-up on, also without traffic, and sends the rest before the server ends the process: some
        servers leave by a signal, which no exit handler survives."""
        agent = self._begin(scope)
        if agent is None:
            return send

        async def flush_at_shutdown(message: Message) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                await _flush(agent)
            await send(message)

        return flush_at_shutdown


async def _flush(agent: Agent) -> None:
    """Beside the loop: others may still be at work on it."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a loop that is not asyncio's
        agent.flush()
        return
    try:
        await loop.run_in_executor(None, agent.flush)
    except Exception as error:  # no thread to be had
        agent.fault(error)


class _Exchange:
    """One request and its response, as they pass."""

    __slots__ = (
        "_agent",
        "_cancelled",
        "_first_byte_s",
        "_last_byte_s",
        "_receive",
        "_request",
        "_request_complete",
        "_response",
        "_response_complete",
        "_response_headers",
        "_scope",
        "_send",
        "_started_s",
        "_status",
    )

    def __init__(self, agent: Agent, scope: Scope, receive: Receive, send: Send) -> None:
        self._started_s = perf_counter()
        self._agent = agent
        self._scope = scope
        self._receive = receive
        self._send = send
        self._status = 0
        self._first_byte_s = 0.0
        self._last_byte_s = 0.0
        self._cancelled = False
        self._request: Body | None = None
        self._request_complete = False
        self._response: Body | None = None
        self._response_complete = False
        self._response_headers: Any = ()

    async def receive(self) -> Message:
        message = await self._receive()
        try:
            if message["type"] == "http.request":
                chunk = message.get("body")
                if chunk:
                    if self._request is None:
                        self._request = Body(self._agent, self._scope["headers"])
                    self._request.add(chunk)
                self._request_complete = not message.get("more_body", False)
            elif message["type"] == "http.disconnect" and not self._response_complete:
                self._cancelled = True
        except Exception as error:
            self._agent.fault(error)
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """What the server's own send returns, except for the end of the response, whose time is taken afterwards."""
        try:
            kind = message["type"]
            if kind == "http.response.body":
                # Read before it is passed on: a layer outside of us may compress it in place.
                chunk = message.get("body")
                if chunk and self._scope["method"] != "HEAD":  # of which the server sends no body on
                    if self._response is None:
                        self._response = Body(self._agent, self._response_headers)
                    self._response.add(chunk)
                if not message.get("more_body", False):
                    return self._send_last(message)
            elif kind == "http.response.start":
                self._status = message["status"]
                self._response_headers = message.get("headers", ())
                self._first_byte_s = perf_counter()
            elif kind == "http.response.pathsend":
                self._response = Body(self._agent, self._response_headers)
                self._response.skip()
                return self._send_last(message)
        except Exception as error:
            self._agent.fault(error)
        return self._send(message)

    async def _send_last(self, message: Message) -> None:
        await self._send(message)
        if not self._cancelled:  # else a layer ends the response for a client that is gone
            self._last_byte_s = perf_counter()
            self._response_complete = True

    def finish(self, error: BaseException | None) -> None:
        """After the application returned or raised. Never raises."""
        agent = self._agent
        try:
            exception = ""
            if error is not None:
                if isinstance(error, asyncio.CancelledError):
                    self._cancelled = True
                else:
                    exception = type_name(error)
                    if self._status == 0 and isinstance(error, Exception):
                        self._status = 500  # what every server answers for an application that raised
            route = route_of(self._scope)
            if agent.filter is not None and agent.filter.leaves_out(route):
                return
            started_s = self._started_s
            request, response = self._request, self._response
            agent.recorder.record(
                route,
                self._status,
                time_ns() // 1_000_000,
                (self._first_byte_s - started_s) * 1000 if self._first_byte_s else -1.0,
                (self._last_byte_s - started_s) * 1000 if self._last_byte_s else -1.0,
                (perf_counter() - started_s) * 1000,
                self._cancelled,
                exception,
                request.state_at_end(self._request_complete) if request is not None else _NONE,
                request.content() if request is not None else b"",
                request.size if request is not None else 0,
                response.state_at_end(self._response_complete) if response is not None else _NONE,
                response.content() if response is not None else b"",
                response.size if response is not None else 0,
            )
        except Exception as fault:
            agent.fault(fault)
        finally:
            if self._request is not None:
                self._request.release()
            if self._response is not None:
                self._response.release()
