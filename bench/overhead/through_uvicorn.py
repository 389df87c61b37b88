"""The same variants behind uvicorn, driven by wrk: requests a second, and CPU a request, that of all threads.

wrk keeps to one core; the server goes where the system puts it, as in a service, so that what a variant does on
another thread shows in its CPU and not in its requests a second as long as a core has time for it.
"""

from __future__ import annotations

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
SEED = 20261124
Report = dict[str, dict[str, dict[str, float]]]  # route → variant → figures


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

    def cpu_s(self) -> float:
        times = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

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


def load(server: Server, route: str, seconds: int, core: int, orders: Path) -> tuple[float, float]:
    """Requests a second, and microseconds of CPU a request."""
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    if route == "order":
        command += ["-s", str(orders)]
    before = server.cpu_s()
    url = f"http://127.0.0.1:{server.port}{application.ROUTES[route][1]}"
    text = subprocess.run([*command, url], stdout=subprocess.PIPE, text=True, check=True).stdout
    if "Non-2xx" in text:
        raise SystemExit(f"measuring: wrk got errors:\n{text}")
    done = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", text)[1])  # type: ignore[index]
    return rate, (server.cpu_s() - before) * 1e6 / done


def measure(names: list[str], rounds: int, seconds: int) -> Report:
    cores = sorted(os.sched_getaffinity(0))
    servers: dict[str, Server] = {}
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            orders = script(Path(folder))
            for name in names:
                servers[name] = Server(name)
            for number in range(-1, rounds):  # the first warms up
                turn = number % len(names)
                for route in application.ROUTES:
                    for name in names[turn:] + names[:turn]:
                        row = load(servers[name], route, seconds if number >= 0 else 1, cores[0], orders)
                        if number >= 0:
                            found.setdefault((route, name), []).append(row)
                print(f"\rround {max(number + 1, 0)} of {rounds}", end="", file=sys.stderr)
        print(file=sys.stderr)
    finally:
        for server in servers.values():
            server.close()
    return {
        route: {name: figures(found[route, name], found[route, "bare"]) for name in names}
        for route in application.ROUTES
    }


def figures(rows: list[tuple[float, float]], bare: list[tuple[float, float]]) -> dict[str, float]:
    pairs = list(zip(rows, bare, strict=True))
    return {
        "requests_per_s": statistics.median(rate for rate, _ in rows),
        "of_bare_ratio": statistics.median(row[0] / other[0] for row, other in pairs),
        "cpu_us": statistics.median(cpu for _, cpu in rows),
        "cpu_over_bare_us": statistics.median(row[1] - other[1] for row, other in pairs),
    }


def goals(result: Report) -> list[dict[str, object]]:
    lost = {route: 1 - rows["ours"]["of_bare_ratio"] for route, rows in result.items()}
    return [
        {
            "of": f"of bare's requests a second lost, {application.TITLES[route]}",
            "reached": share,
            "goal": 0.03,
            "met": share <= 0.03,
        }
        for route, share in lost.items()
    ]


def show(result: Report) -> None:
    for route, rows in result.items():
        print(f"\n{application.TITLES[route]}, through uvicorn")
        print(f"  {'':<34}{'requests/s':>12}{'of bare':>9}{'µs of CPU':>11}{'+ bare':>9}")
        for name, row in rows.items():
            print(
                f"  {variants.load(name).TITLE:<34}{row['requests_per_s']:12.0f}{row['of_bare_ratio']:9.3f}"
                f"{row['cpu_us']:11.1f}{row['cpu_over_bare_us']:9.1f}"
            )
