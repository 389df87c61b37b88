#!/usr/bin/env python3
"""Microseconds that a middleware adds to a request, against a no-op ASGI middleware and against none.

    ./dev bench overhead [--rounds N] [--requests N] [--only NAME,…] [--json]     in process
    ./dev bench overhead --http [--rounds N] [--seconds N] …                      through uvicorn, driven by wrk
    ./dev bench overhead --memory                                                 memory that ours adds

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
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import application  # noqa: E402
import memory  # noqa: E402
import through_uvicorn  # noqa: E402
import variants  # noqa: E402

Report = dict[str, dict[str, dict[str, float]]]  # route → variant → figures


@dataclass
class Samples:
    """Of one variant on one route."""

    medians_us: list[float] = field(default_factory=list)  # by round
    p99s_us: list[float] = field(default_factory=list)  # by round
    threads_us: list[float] = field(default_factory=list)  # CPU of the serving thread a request, mean, by round
    processes_us: list[float] = field(default_factory=list)  # CPU of all threads a request, mean, by round
    max_us: float = 0
    resident_mb: float = 0


class Worker:
    def __init__(self, variant: str, core: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), "drive", variant, str(core)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def measure(self, route: str, requests: int) -> dict:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{route} {requests}\n")
        self._process.stdin.flush()
        while answer := self._process.stdout.readline():
            if answer.startswith('{"ns"'):  # some peers print
                return json.loads(answer)
        raise SystemExit("measuring: a worker ended; its error stands above")

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        if self._process.wait(60) != 0:
            raise SystemExit("measuring: a worker ended with an error; it stands above")


def measure(names: list[str], rounds: int, requests: int) -> dict[str, dict[str, Samples]]:
    """Samples by route and variant."""
    core = max(os.sched_getaffinity(0))
    workers = {name: Worker(name, core) for name in names}
    samples = {route: {name: Samples() for name in names} for route in application.ROUTES}
    for number in range(-2, rounds):  # the first two warm up
        order = names[number % len(names) :] + names[: number % len(names)]
        for route in application.ROUTES:
            for name in order:
                row = workers[name].measure(route, requests)
                if number >= 0:
                    add(samples[route][name], row)
        print(f"\rround {max(number + 1, 0)} of {rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    for worker in workers.values():
        worker.close()
    return samples


def add(samples: Samples, row: dict) -> None:
    every = [nanoseconds / 1000 for nanoseconds in row["ns"]]
    samples.medians_us.append(statistics.median(every))
    samples.p99s_us.append(statistics.quantiles(every, n=100)[98])
    samples.threads_us.append(row["thread_ns"] / 1000 / len(every))
    samples.processes_us.append(row["process_ns"] / 1000 / len(every))
    samples.max_us = max(samples.max_us, *every)
    samples.resident_mb = row["resident_kb"] / 1024


def over(one: list[float], other: list[float]) -> float:
    return statistics.median(a - b for a, b in zip(one, other, strict=True))


def report(samples: dict[str, dict[str, Samples]]) -> Report:
    out: Report = {}
    for route, rows in samples.items():
        bare, noop = rows["bare"], rows["noop"]
        out[route] = {}
        for name, row in rows.items():
            out[route][name] = {
                "us": statistics.median(row.medians_us),
                "over_bare_us": over(row.medians_us, bare.medians_us),
                "over_noop_us": over(row.medians_us, noop.medians_us),
                "mean_over_bare_us": over(row.threads_us, bare.threads_us),
                "all_threads_over_bare_us": over(row.processes_us, bare.processes_us),
                "p99_over_noop_us": over(row.p99s_us, noop.p99s_us),
                "max_us": row.max_us,
                "resident_mb": row.resident_mb,
            }
    return out


def goals(result: Report) -> list[dict[str, object]]:
    """What ours promises. Ratios with peers only where they were measured."""
    found: list[dict[str, object]] = []

    def goal(what: str, reached: float, most: float) -> None:
        found.append({"of": what, "reached": reached, "goal": most, "met": reached <= most})

    for route, most in (("get", 3.0), ("order", 7.0), ("list", 30.0)):
        ours = result[route]["ours"]
        goal(f"µs over bare, {application.TITLES[route]}", ours["over_bare_us"], most)
        goal(f"µs of p99 over the no-op's, {application.TITLES[route]}", ours["p99_over_noop_us"], 10.0)
        title = f"µs over bare of all threads together, {application.TITLES[route]}"
        goal(title, ours["all_threads_over_bare_us"], 1.5 * most)
    for peer, route, most in (("prometheus", "order", 1 / 7), ("field_counter", "list", 1 / 8)):
        if peer in result[route] and result[route][peer]["over_bare_us"] > 0:
            share = result[route]["ours"]["over_bare_us"] / result[route][peer]["over_bare_us"]
            goal(f"of what {variants.load(peer).TITLE} adds, {application.TITLES[route]}", share, most)
    return found


def show(result: Report) -> None:
    for route, rows in result.items():
        print(f"\n{application.TITLES[route]}, µs of CPU a request")
        heads = (
            f"{'median':>8}{'+ bare':>9}{'+ no-op':>9}{'mean+':>9}{'all threads+':>14}{'p99+':>9}{'max':>9}{'MB':>7}"
        )
        print(f"  {'':<34}{heads}")
        for name, row in rows.items():
            print(
                f"  {variants.load(name).TITLE:<34}{row['us']:8.1f}{row['over_bare_us']:9.2f}{row['over_noop_us']:9.2f}"
                f"{row['mean_over_bare_us']:9.2f}{row['all_threads_over_bare_us']:14.2f}{row['p99_over_noop_us']:9.1f}"
                f"{row['max_us']:9.0f}{row['resident_mb']:7.1f}"
            )
    print("\n+ bare, + no-op: medians less theirs · mean+, all threads+: means less bare's")
    print("p99+: of a round, less the no-op's of the same round")


def show_goals(found: list[dict[str, object]]) -> None:
    print()
    for goal in found:
        mark = "met   " if goal["met"] else "MISSED"
        print(f"  {mark} {goal['reached']:.3g} {goal['of']}, goal ≤ {goal['goal']:.3g}")


def chosen(only: str | None) -> list[str]:
    names = variants.names()
    if only is None:
        return names
    wanted = ["bare", "noop", "ours", *only.split(",")]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise SystemExit(f"measuring: no variant {', '.join(unknown)}; there are: {', '.join(names)}")
    return [name for name in names if name in wanted]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, help="15 in process, 9 through uvicorn")
    parser.add_argument("--requests", type=int, default=400, help="a round, of each route and variant, in process")
    parser.add_argument("--seconds", type=int, default=1, help="a round, of each route and variant, through uvicorn")
    parser.add_argument("--only", help="these, and what they are compared with")
    parser.add_argument("--http", action="store_true", help="through uvicorn")
    parser.add_argument("--memory", action="store_true", help="memory that ours adds")
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    names = [] if arguments.memory else chosen(arguments.only)
    if arguments.memory:
        result = memory.measure()
        found = memory.goals(result)
    elif arguments.http:
        result = through_uvicorn.measure(names, arguments.rounds or 9, arguments.seconds)
        found = through_uvicorn.goals(result)
    else:
        result = report(measure(names, arguments.rounds or 15, arguments.requests))
        found = goals(result)
    if arguments.json:
        print(json.dumps({"routes": result, "goals": found}))
        return 0
    (memory.show if arguments.memory else through_uvicorn.show if arguments.http else show)(result)
    show_goals(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
