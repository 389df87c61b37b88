#!/usr/bin/env python3
"""Does memory stay flat, whatever comes? A time-lapse of hostile variety, in process.

    ./dev bench variety [REQUESTS]     default 10 000 000, a few minutes

Every request has a route that was never there before, and bodies both ways with keys and values that never repeat: the
cardinality that breaks what keeps a counter a value. All of it goes through the middleware and out to a server that
takes every batch. Printed: memory over time, and the same without the middleware, for the rest of the process.

Exit: 0 flat, within the 64 MiB that limits allow · 1 not · 2 could not run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

OVERHEAD = Path(__file__).parent.parent / "overhead"
SAMPLES = 20
WARM_SAMPLES = 4  # until every limit is reached
GROWTH_MIB_MAX = 4.0  # from then on
ADDED_MIB_MAX = 64.0
BARS = "▁▂▃▄▅▆▇█"


class Route:
    def __init__(self, path: str) -> None:
        self.path = path


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """An application whose routes never end; it answers with what it was sent."""
    scope["route"] = Route(scope["path"])
    message = await receive()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": message["body"]})


def body_of(chance: random.Random, number: int) -> bytes:
    """Keys and values of this request alone, beside some that all have."""
    fresh = f"{chance.getrandbits(64):016x}"
    return (
        f'{{"id":"{fresh}","at":{number},"amount":{chance.random() * 1e9!r},"word_{fresh[:6]}":"{fresh[::-1]}",'
        f'"tags":["{fresh[3:9]}",{number % 977}],"nested":{{"z{fresh[9:]}":{{"v":{-number}}},"same":null}}}}'
    ).encode()


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def drive(app: Any, count: int) -> list[float]:
    """Memory at SAMPLES moments, evenly spread."""
    chance = random.Random(20261124)
    samples = []
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop()

    async def send(message: dict[str, Any]) -> None:
        pass

    for number in range(1, count + 1):
        body = body_of(chance, number)
        messages[:] = [{"type": "http.request", "body": body, "more_body": False}]
        path = f"/things-{number}"
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        }
        await app(scope, receive, send)
        if number % (count // SAMPLES) == 0:
            samples.append(resident_mib())
            print(f"\r{number} requests", end="", file=sys.stderr, flush=True)
            await asyncio.sleep(0)
    print(file=sys.stderr)
    return samples


def start_sink() -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, str(OVERHEAD / "sink.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, process.stdout.readline().strip()


def watched(count: int) -> dict[str, Any]:
    from fieldmark import FieldmarkMiddleware
    from fieldmark.agent import agent_of_process

    sink, url = start_sink()
    app = FieldmarkMiddleware(answer, service="variety", version="v1", url=url)
    before = resident_mib()
    began = time.process_time()
    samples = asyncio.run(drive(app, count))
    spent = time.process_time() - began
    agent = agent_of_process()
    if agent is None or agent.faults or not agent.flush(10):
        raise SystemExit("watching variety: our agent had faults, or could not send what it recorded")
    with urllib.request.urlopen(url) as answered:
        found = json.load(answered)
    if found != {"requests": count, "documents": 2 * count}:
        raise SystemExit(f"watching variety: sent {count} requests and twice as many documents, counted {found}")
    assert sink.stdin
    sink.stdin.close()
    return {"before_mib": before, "samples_mib": samples, "cpu_us": spent / count * 1e6}


def bare(count: int) -> dict[str, Any]:
    before = resident_mib()
    began = time.process_time()
    samples = asyncio.run(drive(answer, count))
    return {"before_mib": before, "samples_mib": samples, "cpu_us": (time.process_time() - began) / count * 1e6}


def in_a_process(mode: str, count: int) -> dict[str, Any]:
    command = [sys.executable, __file__, str(count), "--mode", mode]
    return dict(json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))


def picture(samples: list[float]) -> str:
    """From nothing to the largest, so that flat looks flat."""
    return "".join(BARS[min(len(BARS) - 1, int(sample / max(samples) * len(BARS)))] for sample in samples)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("requests", nargs="?", type=int, default=10_000_000)
    parser.add_argument("--mode", choices=["watched", "bare"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.mode:
        print(json.dumps((watched if arguments.mode == "watched" else bare)(arguments.requests)))
        return 0
    ours, without = (in_a_process(mode, arguments.requests) for mode in ("watched", "bare"))
    print(f"{arguments.requests} requests, each of a route, keys and values of its own; memory in MiB over time")
    for title, row in (("ours", ours), ("without", without)):
        samples = row["samples_mib"]
        figures = " ".join(f"{sample:.0f}" for sample in samples[:: SAMPLES // 10])
        print(
            f"  {title:<8}{row['before_mib']:5.0f} │ {picture(samples)} │ {figures} · {row['cpu_us']:.1f} µs a request"
        )
    warm = ours["samples_mib"][WARM_SAMPLES:]
    growth = max(warm) - warm[0]
    added = max(ours["samples_mib"]) - max(without["samples_mib"])
    for what, reached, most in (("grown once warm", growth, GROWTH_MIB_MAX), ("added in all", added, ADDED_MIB_MAX)):
        print(f"  {'met   ' if reached <= most else 'MISSED'} {reached:.1f} MiB {what}, goal ≤ {most:.0f}")
    return 0 if growth <= GROWTH_MIB_MAX and added <= ADDED_MIB_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
