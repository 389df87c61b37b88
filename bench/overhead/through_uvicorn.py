"""The same variants behind uvicorn, driven by wrk: requests a second, and CPU a request, that of all threads.

The thread that serves has a processor of its own, wrk another. Measured twice in each round: with the server's other
threads on the processor that serves, as on a machine that is busy to the last, and with them on wrk's.
"""

from __future__ import annotations

import itertools
import math
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import application
import variants

HERE = Path(__file__).parent
CONNECTIONS = 16
WARM_S = 1  # of each variant and route
START_S = 2  # of a server, about
SEED = 20261124
PLACES = {"one core": "one core for all of the server's threads", "two cores": "threads beside on wrk's core"}
Row = tuple[float, float]  # requests a second, µs of CPU a request
Report = dict[str, dict[str, dict[str, dict[str, float]]]]  # place → route → variant → figures


class Server:
    def __init__(self, name: str) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), "serve", name, str(self.port)],
            stdout=subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("measuring: a server did not start; its error stands above")

    def place(self, serving: int, beside: set[int]) -> None:
        """The thread that serves is the process's first; what others it has started by now goes beside."""
        for thread in self._threads():
            os.sched_setaffinity(thread, {serving} if thread == self._process.pid else beside)

    def cpu_us(self) -> float:
        """Of all its threads, none of which ends while it serves."""
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1000

    def _threads(self) -> list[int]:
        return [int(task.name) for task in Path(f"/proc/{self._process.pid}/task").iterdir()]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def script(folder: Path) -> Path:
    """What wrk sends to the route of orders: the bodies in turn."""
    bodies = ",\n".join(f"[==[{body.decode()}]==]" for body in application.payloads("order", SEED))
    path = folder / "orders.lua"
    path.write_text(
        f"local bodies = {{{bodies}}}\n"
        "local i = 0\n"
        "local headers = {['Content-Type'] = 'application/json'}\n"
        "request = function()\n"
        "  i = i % #bodies + 1\n"
        "  return wrk.format('POST', '/orders', headers, bodies[i])\n"
        "end\n"
    )
    return path


def load(server: Server, route: str, seconds: int, orders: Path) -> Row:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    if route == "order":
        command += ["-s", str(orders)]
    before_us = server.cpu_us()
    url = f"http://127.0.0.1:{server.port}{application.ROUTES[route][1]}"
    text = subprocess.run([*command, url], stdout=subprocess.PIPE, text=True, check=True).stdout
    if "Non-2xx" in text:
        raise SystemExit(f"measuring: wrk got errors:\n{text}")
    done = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", text)[1])  # type: ignore[index]
    return rate, (server.cpu_us() - before_us) / done


class Progress:
    """A line that says how much of the time is over."""

    def __init__(self, names: list[str], rounds: int, seconds: int) -> None:
        loads = len(names) * len(application.ROUTES)
        self._expected_s = len(names) * START_S + loads * (WARM_S + len(PLACES) * rounds * seconds)
        self._started_s = time.monotonic()
        print(f"takes about {self._expected_s} s", file=sys.stderr)

    def tell(self, what: str, end: str = "") -> None:
        spent_s = time.monotonic() - self._started_s
        print(f"\r{what}, {spent_s:.0f} of about {self._expected_s} s ", end=end, file=sys.stderr, flush=True)


def measure(names: list[str], rounds: int, seconds: int) -> Report:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("measuring through uvicorn: it takes two processors, one of them for what drives the server")
    client, serving = cores[0], cores[-1]
    beside = {"one core": {serving}, "two cores": {client}}
    os.sched_setaffinity(0, {client})  # what is started from here is there too
    servers: dict[str, Server] = {}
    found: dict[tuple[str, str, str], list[Row]] = {}
    progress = Progress(names, rounds, seconds)
    try:
        with tempfile.TemporaryDirectory() as folder:
            orders = script(Path(folder))
            for name in names:
                servers[name] = Server(name)
                for route in application.ROUTES:
                    load(servers[name], route, WARM_S, orders)
                progress.tell("warm")
            for number in range(rounds):
                turn = number % len(names)
                for place in PLACES:
                    for name in names:
                        servers[name].place(serving, beside[place])
                    for route in application.ROUTES:
                        for name in names[turn:] + names[:turn]:
                            row = load(servers[name], route, seconds, orders)
                            found.setdefault((place, route, name), []).append(row)
                        progress.tell(f"round {number + 1} of {rounds}")
        progress.tell("done", end="\n")
    finally:
        for server in servers.values():
            server.close()
    return {
        place: {
            route: {name: figures(found[place, route, name], found[place, route, "bare"]) for name in names}
            for route in application.ROUTES
        }
        for place in PLACES
    }


def figures(rows: list[Row], bare: list[Row]) -> dict[str, float]:
    lost = sorted(1 - row[0] / other[0] for row, other in zip(rows, bare, strict=True))
    low, high = interval(lost)
    return {
        "requests_per_s": statistics.median(rate for rate, _ in rows),
        "lost_ratio": statistics.median(lost),
        "lost_ratio_low": low,
        "lost_ratio_high": high,
        "cpu_us": statistics.median(cpu for _, cpu in rows),
        "cpu_over_bare_us": statistics.median(row[1] - other[1] for row, other in zip(rows, bare, strict=True)),
    }


def interval(ordered: list[float]) -> tuple[float, float]:
    """Of the median, at 95 %; of few values, from the least to the largest. That so many lie to one side of it is as
    likely as that a fair coin falls so, whatever they are spread like."""
    count = len(ordered)
    tails = list(itertools.accumulate(math.comb(count, number) for number in range(count)))
    left_out = max((number for number in range(count // 2) if 2 * tails[number] <= 0.05 * 2**count), default=0)
    return ordered[left_out], ordered[-1 - left_out]


def goals(result: Report) -> list[dict[str, object]]:
    lost = {(place, route): rows["ours"]["lost_ratio"] for place in result for route, rows in result[place].items()}
    return [
        {
            "of": f"of bare's requests a second lost, {application.TITLES[route]}, {PLACES[place]}",
            "reached": share,
            "goal": 0.03,
            "met": share <= 0.03,
        }
        for (place, route), share in lost.items()
    ]


def show(result: Report) -> None:
    for place, routes in result.items():
        for route, rows in routes.items():
            print(f"\n{application.TITLES[route]}, through uvicorn, {PLACES[place]}")
            print(f"  {'':<34}{'requests/s':>12}{'lost, %':>9}{'interval':>16}{'µs of CPU':>11}{'+ bare':>9}")
            for name, row in rows.items():
                between = f"{100 * row['lost_ratio_low']:.1f} to {100 * row['lost_ratio_high']:.1f}"
                print(
                    f"  {variants.load(name).TITLE:<34}{row['requests_per_s']:12.0f}{100 * row['lost_ratio']:9.1f}"
                    f"{between:>16}{row['cpu_us']:11.1f}{row['cpu_over_bare_us']:9.1f}"
                )
    print("\nlost: of the requests a second of bare in the same round, median over rounds and its interval at 95 %")
