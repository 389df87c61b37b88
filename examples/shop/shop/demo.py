"""Fieldmark on a real service that gets a harmless deployment and then a bad one.

`python -m shop.demo` shows it and stays up until Ctrl-C. `--once` ends by itself and prints the verdicts as
JSON on its last lines; the exit status is 0 only if both hold (faults.json says what holds), 1 if not, 2 if
something could not run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from random import Random
from typing import Any

from shop.faults import problems_of
from shop.processes import Process, StartError, free_port
from shop.replay import DAY_S, History, ReplayError, make_pool, slots
from shop.traffic import Client, Traffic, make_traffic

HISTORY_DAYS = 14
MINUTES_DAYS = 2
PORT = 3435
WORKERS = 2
GOOD_S = 45
GOOD_S_MIN = 20
REPLAY_S = 30  # what a replay takes; a slower one shortens the good release's time
LOOK_S = 60
ARRIVAL_S = 5  # a worker reports so often
VERDICT_TRIES = 15
SETTLED = {"changed", "no_change", "suspected"}


def say(text: str) -> None:
    print(text, flush=True)


class Demo:
    def __init__(self, seed: int, folder: Path, stack: AsyncExitStack) -> None:
        self.traffic: Traffic = make_traffic(seed)
        self.url = ""
        self._folder = folder
        self._stack = stack
        self._random = Random(f"live/{seed}")
        self._service: Process | None = None
        self._client: Client | None = None
        self._sending: asyncio.Task[Any] | None = None

    async def serve(self) -> None:
        port = free_port(PORT)
        self.url = f"http://127.0.0.1:{port}"
        command = ["fieldmark", "serve", "--data", str(self._folder / "data"), "--port", str(port)]
        server = await Process.start("serve", [*command, "--looks", f"{LOOK_S}s"], self._folder, self._environment())
        self._stack.push_async_callback(server.stop)
        await server.until(lambda: _listens(port), 20)

    @property
    def page(self) -> str:
        return f"{self.url}/s/shop/demo"

    async def replay(self) -> History:
        """Two weeks up to this minute."""
        history = History(self.traffic, await make_pool(self.traffic), self.url)
        self._stack.callback(history.close)
        minute = int(time.time()) // 60 * 60
        now = minute // 300 * 300
        planned = list(slots(now - HISTORY_DAYS * DAY_S, minute, now - MINUTES_DAYS * DAY_S))
        await asyncio.to_thread(history.replay, planned, _progress)
        return history

    async def release(self, version: str, history: History | None = None) -> None:
        """Starts a release, moves the traffic to it, stops the one before. History is brought up to then."""
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", f"shop.{version}:app", "--port", str(port)]
        command += ["--workers", str(WORKERS), "--no-access-log"]
        service = await Process.start(f"shop-{version}", command, self._folder, self._environment())
        self._stack.push_async_callback(service.stop)
        await service.until(lambda: service.log.read_text().count("Application startup complete") >= WORKERS, 30)
        if history:
            await asyncio.to_thread(history.catch_up, time.time())
        if self._client is None:
            self._client = Client(self.traffic, f"http://127.0.0.1:{port}", self._random)
            self._sending = asyncio.create_task(self._client.run())
            self._stack.push_async_callback(_cancel, self._sending)
        self._client.url = f"http://127.0.0.1:{port}"
        if self._service:
            await self._service.stop()
        self._service = service

    async def live(self, seconds: float | None) -> None:
        """Lets the traffic run for so long, or for ever."""
        assert self._sending and self._client
        before = self._client.sent.answered
        done, _ = await asyncio.wait([self._sending], timeout=seconds)
        if done:
            await self._sending
        if self._client.sent.answered == before:
            raise StartError(f"no request was answered in {seconds:.0f} s: {self._client.sent.last_failure}")

    async def verdict(self, version: str) -> dict[str, Any]:
        """Asked about a minute after the release, and again while there is too little to tell."""
        await self.live(LOOK_S + ARRIVAL_S)
        for _ in range(VERDICT_TRIES):
            verdict = await self._ask(version)
            if verdict["state"] in SETTLED:
                break
            await self.live(2)
        return verdict

    async def _ask(self, version: str) -> dict[str, Any]:
        command = ["fieldmark", "verdict", "--url", self.url, "--service", "shop", "--environment", "demo"]
        command += ["--change", version, "--look", f"{LOOK_S}s", "--json"]
        child = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=self._environment()
        )
        output, errors = await child.communicate()
        if child.returncode not in (0, 1, 3):
            raise StartError(f"{shlex.join(command)}: {errors.decode(errors='replace').strip()}")
        return dict(json.loads(output))

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FIELDMARK_")}
        here = str(Path(__file__).parent.parent)
        path = os.pathsep.join(filter(None, [here, kept.get("PYTHONPATH")]))
        return {**kept, "FIELDMARK_URL": self.url, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _progress(share: float) -> None:
    if sys.stdout.isatty():
        print(f"\r  {share:4.0%}", end="\n" if share >= 1 else "", flush=True)


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task


def _show(verdict: dict[str, Any]) -> None:
    """As the page words it."""
    say(f"\n  {verdict['title']}  {verdict['sentence']}")
    for finding in verdict["findings"]:
        mark = "●" if finding["state"] == "changed" else "○"
        say(f"  {mark} {finding['sentence']}")
    say("")


def _summary(version: str, verdict: dict[str, Any]) -> str:
    wanted = ("signal", "state", "direction", "qualifier", "from", "to", "sentence")
    findings = [{name: finding[name] for name in wanted} for finding in verdict["findings"]]
    errors = [f"{error['subject']} {error['kind']}" for error in verdict["new_errors"]]
    summary = {"version": version, "state": verdict["state"], "findings": findings, "new_errors": errors}
    return json.dumps(summary, ensure_ascii=False, separators=(",", ":"))


async def _run(options: argparse.Namespace, folder: Path) -> int:
    async with AsyncExitStack() as stack:
        demo = Demo(options.seed, folder, stack)
        await demo.serve()
        say(f"▸ fieldmark serve: {demo.url} (data and logs in {folder})")
        say(f"▸ history: {HISTORY_DAYS} days of the shop's requests, through recorder, batches and ingest")
        began = time.monotonic()
        history = await demo.replay()
        replay_s = time.monotonic() - began
        good_s = max(GOOD_S - max(replay_s - REPLAY_S, 0), GOOD_S_MIN)
        say(f"  {history.requests:,} requests in {replay_s:.0f} s")
        say(f"▸ release good: uvicorn with {WORKERS} workers under live traffic for {good_s:.0f} s")
        await demo.release("good", history)
        await demo.live(good_s)
        verdicts = {}
        for version, what in (("decoy", "other code, same data"), (options.release, "see shop/faults.json")):
            say(f"▸ release {version} ({what}): looking after {LOOK_S} s")
            await demo.release(version)
            verdicts[version] = await demo.verdict(version)
            _show(verdicts[version])
        say(f"▸ the page: {demo.page}")
        problems = [problem for version in verdicts for problem in problems_of(version, verdicts[version])]
        if options.then and (status := await _then(options.then, demo)):
            problems.append(f"`{options.then}` ended with {status}")
        for problem in problems:
            print(f"✗ {problem}", file=sys.stderr)
        if not options.once:
            say("  up, with live traffic, until Ctrl-C")
            await demo.live(None)
    for version, verdict in verdicts.items():
        say(_summary(version, verdict))
    return 1 if problems else 0


async def _then(command: str, demo: Demo) -> int:
    environment = {**os.environ, "FIELDMARK_URL": demo.url, "FIELDMARK_PAGE": demo.page}
    child = await asyncio.create_subprocess_shell(command, env=environment)
    return await child.wait()


async def _main(options: argparse.Namespace) -> int:
    """Runs the demo; SIGINT and SIGTERM end it in good order."""
    folder = Path(tempfile.mkdtemp(prefix="fieldmark-demo-"))
    running = asyncio.create_task(_run(options, folder))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    status = 2
    try:
        status = await running
    except (StartError, ReplayError) as failure:
        print(f"✗ {failure}", file=sys.stderr)
    except asyncio.CancelledError:
        say("\nstopped")
        status = 2 if options.once else 0
    except Exception:
        traceback.print_exc()
    finally:
        if status:
            print(f"✗ logs are in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return status


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev demo", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--once", action="store_true", help="end by itself; verdicts as JSON on the last lines")
    parser.add_argument("--seed", type=int, default=1, help="of the traffic (default 1)")
    parser.add_argument("--release", default="bad", choices=["bad", "extra"], help="what follows the decoy")
    parser.add_argument(
        "--then",
        metavar="COMMAND",
        help="run this when the verdicts are there; it finds FIELDMARK_URL and FIELDMARK_PAGE",
    )
    sys.exit(asyncio.run(_main(parser.parse_args())))


if __name__ == "__main__":
    main()
