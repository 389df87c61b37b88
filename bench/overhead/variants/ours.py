"""All on: every field of both bodies, batches sent to a server that takes them."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from fieldmark import FieldmarkMiddleware
from fieldmark.agent import agent_of_process

TITLE = "ours"

_sink: list[str] = []


def install(build: Any) -> Any:
    app = build()
    _sink.append(_start_sink())
    app.add_middleware(FieldmarkMiddleware, service="bench", version="v1", url=_sink[0])
    return app


def settle() -> None:
    """Bodies are profiled beside; what that takes counts among all threads'."""
    agent = agent_of_process()
    if agent is not None:
        agent.recorder.settle(10.0)


def check(driven: dict[str, int]) -> None:
    """What was measured was at work: every request and every document arrived."""
    agent = agent_of_process()
    if agent is None or not agent.flush(10) or agent.faults:
        raise SystemExit("measuring: our agent had faults, or could not send what it recorded")
    with urllib.request.urlopen(_sink[0]) as answer:
        found = json.load(answer)
    documents = driven["get"] + 2 * driven["order"] + driven["list"]
    expected = {"requests": sum(driven.values()), "documents": documents}
    if found != expected:
        raise SystemExit(f"measuring: expected {expected} to be recorded, found {found}")


def _start_sink() -> str:
    """In a process of its own, so that its CPU time is not ours; it ends with the input that we hold."""
    program = Path(__file__).parent.parent / "sink.py"
    process = subprocess.Popen([sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process.stdout.readline().strip()
