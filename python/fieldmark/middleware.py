"""The ASGI middleware: a tee. It forwards every message as it is, keeps no request waiting, and never calls receive or
send on its own account.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from fieldmark import _core
from fieldmark.agent import Agent, agent_for, orphaned, switch_off
from fieldmark.connection import Connection
from fieldmark.jobs import watch_background_tasks
from fieldmark.logs import logger
from fieldmark.settings import Arguments, SettingsError, misspelt, resolve, service_name, working_folder

if TYPE_CHECKING:
    from typing_extensions import Unpack

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_MARK = "fieldmark.agent"  # in the scope of what is watched: two layers count nothing twice


class FieldmarkMiddleware:
    """Watches an application: ``app.add_middleware(FieldmarkMiddleware)``.

    Arguments win over ``FIELDMARK_URL``, ``_TOKEN``, ``_SERVICE``, ``_ENVIRONMENT``, ``_VERSION``, ``_HASH_KEY``,
    ``_DISABLED``, ``_BODIES``, ``_INCLUDE``, ``_EXCLUDE``, ``_REVEAL``, ``_DROP`` and ``_SAMPLE``. Settings that
    cannot be meant are logged and switch Fieldmark off; they never stop the application.

    bodies: False counts the sizes of bodies alone. include, exclude: routes like ``/health`` or ``GET /internal/*``;
    what is left out is not counted at all. reveal: fields whose values may be sent and shown as they are, written as
    findings name them, ``customer.country`` in every body or ``POST /orders request customer.country`` in one; of all
    others no value leaves the process. drop: fields, written likewise, that are not recorded at all, nor what is below
    them. sample: the share of requests whose bodies are profiled, 0 to 1; all requests are counted.
    """

    def __init__(self, app: ASGIApp, **settings: Unpack[Arguments]) -> None:
        self.app = app
        self._agent: Agent | None = None
        try:
            self._settings = resolve(os.environ, **settings)
            for text in misspelt(os.environ):
                logger.warning("%s", text)
            self._disabled = self._settings.disabled
        except SettingsError as error:
            logger.error("%s; this application runs without Fieldmark", error)
            self._disabled = True
        except Exception as error:
            orphaned.add(error)
            self._disabled = True
        if self._disabled:
            switch_off()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        agent = self._agent
        if agent is None or not agent.started or scope["type"] != "http" or _MARK in scope:
            if scope["type"] != "http":
                await self._call_other(scope, receive, send)
                return
            agent = self._agent_for(scope)
            if agent is None:
                await self.app(scope, receive, send)
                return
        scope[_MARK] = agent
        exchange = None
        try:
            exchange = _core.Exchange(agent, scope, receive, send)
            receive, send = exchange.receive, exchange.send
        except Exception as error:
            agent.fault(error)
        try:
            await self.app(scope, receive, send)
        except BaseException as error:
            _finish(agent, exchange, error)
            raise
        _finish(agent, exchange, None)

    async def _call_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """All that is no request of HTTP."""
        kind = scope["type"]
        if kind == "lifespan" and not self._disabled:
            send = self._flushing(scope, send)
        agent = self._agent_for(scope) if kind == "websocket" else None
        if agent is None:
            await self.app(scope, receive, send)
            return
        scope[_MARK] = agent
        connection = Connection(agent, scope, send)
        try:
            await self.app(scope, receive, connection.send)
        except BaseException as error:
            connection.finish(error)
            raise
        connection.finish(None)

    def _agent_for(self, scope: Scope) -> Agent | None:
        """None when the scope is not ours to watch: we are switched off, or a layer outside of us does it already."""
        if self._disabled:
            return None
        agent = self._agent
        if agent is None or not agent.started:
            agent = self._begin(scope)
        other = scope.get(_MARK)
        if agent is None or (other is not None and agent.is_same_service(other)):
            return None
        return agent

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


def _finish(agent: Agent, exchange: _core.Exchange | None, error: BaseException | None) -> None:
    if exchange is not None:
        try:
            exchange.finish(error)
        except Exception as fault:
            agent.fault(fault)
