"""Where the package touches its extension and its transport, found by looking: every seam can be broken."""

from __future__ import annotations

import http.client
import inspect
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from fieldmark import _core, agent, client, transport, version

# Not of the service: profiles of documents, and what tests read batches, recorders and outboxes with.
ELSEWHERE = (
    "_core.Profile",
    "_core.read_batch",
    "_core.check_reveal",
    "_core.Recorder.hash_key_id",
    "_core.Recorder.held_bytes",
    "_core.Outbox.empty",
    "_core.Outbox.pending_minutes",
    "_core.Outbox.rejected_batches",
    "_core.Outbox.uncertain_batches",
    "client.Client.get",
)
# What has nobody around it who could catch: the tee itself, which holds the application's calls, and our thread.
OUTERMOST = {"_core.Exchange.receive", "_core.Exchange.send", "transport.Sender._run"}


@dataclass(frozen=True)
class Seam:
    """One function, method, property or constructor, as its owner holds it."""

    owner: Any
    attribute: str
    name: str

    @property
    def original(self) -> Any:
        return inspect.getattr_static(self.owner, self.attribute)

    @property
    def is_extension(self) -> bool:
        return self.name.startswith("_core.")


def seams() -> list[Seam]:
    outside = [
        Seam(http.client.HTTPConnection, "request", "http.request"),
        Seam(http.client.HTTPConnection, "getresponse", "http.getresponse"),
        Seam(socket, "getaddrinfo", "socket.getaddrinfo"),
        Seam(threading.Thread, "start", "threading.Thread.start"),
        Seam(version, "detect", "version.detect"),
        Seam(agent, "Sender", "agent.Sender"),  # the transport, as the agent knows it
    ]
    found = [*_of_module(_core, "_core"), *_of_module(client, "client"), *_of_module(transport, "transport"), *outside]
    return [seam for seam in found if seam.name not in OUTERMOST and not seam.name.startswith(ELSEWHERE)]


def _of_module(module: ModuleType, prefix: str) -> Iterator[Seam]:
    for name, value in vars(module).items():
        if name.startswith("__") or getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, type):
            if module is _core:
                yield Seam(module, name, f"{prefix}.{name}")  # its constructor
            yield from _of_class(value, f"{prefix}.{name}")
        elif callable(value):
            yield Seam(module, name, f"{prefix}.{name}")


def _of_class(kind: type, prefix: str) -> Iterator[Seam]:
    for name, value in vars(kind).items():
        if name.startswith("__") or isinstance(value, type):
            continue
        if callable(value) or isinstance(value, property):
            yield Seam(kind, name, f"{prefix}.{name}")


def replaced(seam: Seam, instead: Callable[[Callable[[], Any]], Any]) -> Any:
    """What stands at the seam so that each use of it is ``instead(the real use)``."""
    original = seam.original
    if isinstance(original, property):
        assert original.fget is not None
        getter = original.fget
        return property(lambda self: instead(lambda: getter(self)))

    def use(*arguments: Any, **options: Any) -> Any:
        return instead(lambda: original(*arguments, **options))

    return use
