#!/usr/bin/env python3
"""Does the server's memory stay flat at its limits?

    ./dev bench soak --server [MINUTES]

Two hundred connections send batches of fifty subjects without a pause, from more workers the longer it lasts; all other
connections that it allows stay idle or send their request a byte at a time; some bodies are too large or no
batches; people look at the page all the while. Its resident memory is sampled every five seconds.

Exit: 0 flat: in the last third of the time at most a tenth above the middle one · 1 it grew, or ended · 2 not run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from fieldmark import _core

BUSY = 200
CONNECTIONS_MAX = 512  # that it is told to allow: as many as a process may have open without asking for more
SLOW = 40
SUBJECTS = 50
SERVICES = 20
BATCHES_OF_AN_INSTANCE = 500  # then another worker takes its place
SAMPLE_S = 5.0
GROWTH_MAX = 1.1
PAGES = ["/", "/api/v1/services", "/metrics", "/health"]
QUESTIONS = ["status", "changes", "verdict?look=1h", "series?subject=GET%20%2Froute%2F1&statistic=latency"]

Sample = tuple[float, int]


def batches(seed: int) -> Iterator[bytes]:
    chosen = random.Random(seed)
    while True:
        version = f"v{chosen.randrange(3)}"
        box = _core.Outbox(f"service-{chosen.randrange(SERVICES)}", "production", version, chosen.randbytes(16))
        recorder = _core.Recorder()
        for _ in range(BATCHES_OF_AN_INSTANCE):
            now = time.time_ns() // 1_000_000
            for number in range(SUBJECTS):
                body = json.dumps(
                    {"id": chosen.randrange(1000), "total": chosen.random(), "city": "Turin", "items": [1]}
                )
                recorder.record(
                    f"GET /route/{number}", chosen.choice([200, 200, 404]), now, last_byte_ms=chosen.random() * 100,
                    response_state=_core.BODY_CAPTURED, response=body.encode(), times=chosen.randint(1, 9),
                )  # fmt: skip
            box.collect(recorder)
            frozen = box.freeze(now)
            assert frozen is not None
            yield frozen[1]
            box.answer(200)


def request(method: str, path: str, body: bytes = b"") -> bytes:
    kind = "application/vnd.fieldmark.batch"
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Status, and whether the connection goes on."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.split("content-length: ")[1].split("\r\n")[0]) if "content-length: " in head else 0
    await reader.readexactly(length)
    return int(head.split(" ")[1]), "connection: close" not in head


class Soak:
    def __init__(self, port: int, seed: int) -> None:
        self.port = port
        self.random = random.Random(seed)
        self.answers: Counter[str] = Counter()

    async def ask_for_ever(self, what: str, requests: Iterator[bytes], pause_s: float = 0.0) -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                goes_on = True
                while goes_on:
                    writer.write(next(requests))
                    await writer.drain()
                    status, goes_on = await answer(reader)
                    self.answers[f"{what} {status}"] += 1
                    await asyncio.sleep(pause_s)
                writer.close()
            await asyncio.sleep(0.05)

    async def hold_for_ever(self, slowly: bytes) -> None:
        """Sends a byte a second, or nothing, until it is sent away."""
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                for byte in slowly:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(1.0)
                await reader.read()
                writer.close()
            self.answers["sent away"] += 1
            await asyncio.sleep(0.5)

    def all(self) -> list[asyncio.Task[None]]:
        def strange() -> Iterator[bytes]:
            while True:
                yield request(
                    "POST", "/api/v1/batches", self.random.randbytes(self.random.choice([10, 5_000, 900_000]))
                )
                yield request("POST", "/api/v1/batches", bytes(3 << 20))

        def looks() -> Iterator[bytes]:
            while True:
                service = f"/api/v1/services/service-{self.random.randrange(SERVICES)}/production/"
                yield request("GET", self.random.choice([*PAGES, *(service + question for question in QUESTIONS)]))

        def sends(number: int) -> Iterator[bytes]:
            return (request("POST", "/api/v1/batches", batch) for batch in batches(number))

        tasks = [self.ask_for_ever("batch", sends(number)) for number in range(BUSY)]
        tasks += [self.ask_for_ever("strange", strange(), 0.2), self.ask_for_ever("look", looks(), 0.1)]
        tasks += [self.hold_for_ever(request("POST", "/api/v1/batches", bytes(1000))) for _ in range(SLOW)]
        tasks += [self.hold_for_ever(b"") for _ in range(CONNECTIONS_MAX - len(tasks) + 20)]
        return [asyncio.create_task(task) for task in tasks]


def resident_bytes(process: subprocess.Popen[str]) -> int:
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096


async def soak(
    process: subprocess.Popen[str], port: int, seconds: float, seed: int
) -> tuple[list[Sample], Counter[str]]:
    """Samples of the seconds since it began and the bytes, and how many answers there were of what kind."""
    load = Soak(port, seed)
    tasks = load.all()
    samples: list[Sample] = []
    began = time.monotonic()
    while time.monotonic() < began + seconds and process.poll() is None:
        await asyncio.sleep(SAMPLE_S)
        samples.append((time.monotonic() - began, resident_bytes(process)))
        line = f"{samples[-1][1] / 1e6:.0f} MB, {load.answers['batch 200']} batches"
        print(f"\r{line} ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return samples, load.answers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", nargs="?", type=float, default=15)
    parser.add_argument("--seed", type=int, default=20261128)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = ["fieldmark", "serve", "--data", folder, "--port", "0", "--connections-max", str(CONNECTIONS_MAX)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().split("127.0.0.1:")[1].split(",")[0])
            samples, answers = asyncio.run(soak(process, port, 60 * arguments.minutes, arguments.seed))
            ended = process.poll()
            data_bytes = sum(file.stat().st_size for file in Path(folder).iterdir())
        finally:
            process.kill()
            process.wait()
    minutes = sorted({int(at_s / 60) for at_s, _ in samples})
    print("MB by minute:", *(round(max(size for at_s, size in samples if int(at_s / 60) == m) / 1e6) for m in minutes))
    middle, last = (
        statistics.median(size for at_s, size in samples if part <= at_s / samples[-1][0] * 3 <= part + 1)
        for part in (1, 2)
    )
    print(", ".join(f"{count} × {what}" for what, count in sorted(answers.items())))
    print(f"{data_bytes / 1e6:.0f} MB on disk")
    if ended is not None:
        print(f"the server ended by itself: {ended}")
        return 1
    print(f"median {middle / 1e6:.0f} MB in the middle third, {last / 1e6:.0f} MB in the last")
    return 0 if last <= GROWTH_MAX * middle else 1


if __name__ == "__main__":
    sys.exit(main())
