#!/usr/bin/env python3
"""Microseconds that a middleware adds to a request, against a no-op ASGI middleware and against none.

    python bench/overhead/run.py [--rounds N] [--requests N] [--json]

Every variant runs in its own process on the same core. Rounds are interleaved, their order rotates, and what is shown
is the median over rounds of the difference within a round, so that a machine that slows down does so for all. Only
ratios of one run compare.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import application  # noqa: E402
import variants  # noqa: E402

Medians = dict[str, dict[str, list[float]]]  # variant → route → µs a request, by round


class Worker:
    def __init__(self, variant: str, core: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), variant, str(core)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def microseconds(self, route: str, requests: int) -> list[float]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{route} {requests}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("measuring: a worker ended; its error stands above")
        return [nanoseconds / 1000 for nanoseconds in json.loads(answer)]

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)


def measure(names: list[str], rounds: int, requests: int) -> tuple[Medians, Medians]:
    """Medians by round, and all single requests, by variant and route."""
    core = max(os.sched_getaffinity(0))
    workers = {name: Worker(name, core) for name in names}
    medians: Medians = {name: {route: [] for route in application.ROUTES} for name in names}
    every: Medians = {name: {route: [] for route in application.ROUTES} for name in names}
    for number in range(-2, rounds):  # the first two warm up
        order = names[number % len(names) :] + names[: number % len(names)]
        for route in application.ROUTES:
            for name in order:
                spent = workers[name].microseconds(route, requests)
                if number >= 0:
                    medians[name][route].append(statistics.median(spent))
                    every[name][route] += spent
        print(f"\rround {max(number + 1, 0)} of {rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    for worker in workers.values():
        worker.close()
    return medians, every


def added(medians: Medians, name: str, route: str, over: str) -> float:
    return statistics.median(a - b for a, b in zip(medians[name][route], medians[over][route], strict=True))


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


def report(medians: Medians, every: Medians) -> dict[str, dict[str, dict[str, float]]]:
    out: dict[str, dict[str, dict[str, float]]] = {}
    for route in application.ROUTES:
        out[route] = {}
        for name in medians:
            out[route][name] = {
                "us": statistics.median(medians[name][route]),
                "over_bare_us": added(medians, name, route, "bare"),
                "over_noop_us": added(medians, name, route, "noop"),
                "p99_us": percentile(every[name][route], 0.99),
                "mean_us": statistics.fmean(every[name][route]),
            }
    return out


def show(result: dict[str, dict[str, dict[str, float]]]) -> None:
    titles = {"get": "small GET", "order": "844-byte order both ways", "list": "20 kB list"}
    for route, rows in result.items():
        print(f"\n{titles[route]}")
        print(f"  {'':<12}{'µs':>9}{'over bare':>11}{'over no-op':>11}{'mean':>9}{'p99':>9}")
        for name, row in rows.items():
            over = f"{row['over_bare_us']:11.2f}{row['over_noop_us']:11.2f}"
            print(f"  {name:<12}{row['us']:9.1f}{over}{row['mean_us']:9.1f}{row['p99_us']:9.1f}")
        ours = rows["fieldmark"]
        print(f"  ratio: a request takes {ours['us'] / rows['noop']['us']:.3f} of one with the no-op", end="")
        if "prometheus" in rows and rows["prometheus"]["over_bare_us"] > 0:
            share = ours["over_bare_us"] / rows["prometheus"]["over_bare_us"]
            print(f"; adds {share:.2f} of what prometheus adds", end="")
        print()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=400, help="a round, of each route and variant")
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    names = variants.importable()
    if "fieldmark" not in names:
        print("measuring: fieldmark is not installed here; run ./dev build", file=sys.stderr)
        return 2
    result = report(*measure(names, arguments.rounds, arguments.requests))
    if arguments.json:
        print(json.dumps(result))
    else:
        show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
