#!/usr/bin/env python3
"""Nanoseconds a leaf — a value that is no container — to profile a JSON body, bytes in, beside what else reads bodies.

    ./dev bench profile [--rounds N] [--json]

All variants run on one core in interleaved rounds; the clock is the CPU time of the thread; shown are medians over
rounds, and ratios are medians of the ratio within a round. Only figures of one run compare. *Cold*: 64 subjects in
turn, 2 MiB of other memory touched before each body, less what reading the clock costs. *As a worker does it*: small
bodies wait and are profiled together; *the engine* and *from Python* profile each at once.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import bodies  # noqa: E402
import rivals  # noqa: E402

SEED = 20261124
MAKERS: dict[int, Callable[[random.Random], bytes]] = {
    156: lambda rng: bodies.event_of(156, rng),
    844: lambda rng: bodies.order_of(844, rng),
    4096: lambda rng: bodies.order_of(4096, rng, line_count=47),
    20480: lambda rng: bodies.encoded(bodies.listing_of(20480, rng)),
}
BODY_COUNT_MAX = 1023
BODIES_BYTES = 2 << 20  # of one size together, so that they take a share of the caches like a service's own
CHUNK_NS = 20_000_000  # a variant a round
SUBJECTS = 64
OTHERS = bytearray(2 << 20)
ONES = b"\1" * (len(OTHERS) // 64)
COLD = ", cold"
FLOOR, ENGINE, PYTHON = "simdjson, parsing alone", "ours, the engine", "ours, from Python"
WORKER = "ours, as a worker does it"
ENGINE_VARIANTS = {
    FLOOR: "parse",
    ENGINE: "profile",
    FLOOR + COLD: "parse-cold",
    ENGINE + COLD: "profile-cold",
    WORKER + COLD: "worker-cold",
}

Measure = Callable[[int], int]  # how many bodies → nanoseconds


@dataclass
class Variant:
    title: str
    measure: Measure
    chunk: int = 1  # bodies a round
    ns_a_body: list[float] = field(default_factory=list)  # by round


class Engine:
    """The C++ program that measures without Python."""

    def __init__(self, program: str, file: Path) -> None:
        self._process = subprocess.Popen([program, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, variant: str, count: int) -> int:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{variant} {count}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("measuring: the engine ended; its error stands above")
        return int(answer)

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)


def load_rivals() -> list[object]:
    found = []
    for module in pkgutil.iter_modules(rivals.__path__):
        try:
            found.append(importlib.import_module(f"rivals.{module.name}"))
        except ImportError as error:
            print(f"left out {module.name}: {error}", file=sys.stderr)
    return found


def endless(documents: list[bytes]) -> Iterator[bytes]:
    while True:
        yield from documents


def hot(observe: Callable[[bytes], object], documents: list[bytes]) -> Measure:
    source = endless(documents)

    def measure(count: int) -> int:
        chunk = [next(source) for _ in range(count)]
        began = time.thread_time_ns()
        for body in chunk:
            observe(body)
        return time.thread_time_ns() - began

    return measure


def cold(observers: list[Callable[[bytes], object]], documents: list[bytes]) -> Measure:
    for observe in observers:
        for body in documents:
            observe(body)
    source = endless(documents)
    turn = endless(observers)  # type: ignore[arg-type]
    clock = time.thread_time_ns

    def measure(count: int) -> int:
        spent = 0
        for _ in range(count):
            body, observe = next(source), next(turn)
            OTHERS[::64] = ONES
            began = clock()
            spent -= clock() - began
            OTHERS[::64] = ONES
            began = clock()
            observe(body)  # type: ignore[operator]
            spent += clock() - began
        return spent

    return measure


def calibrate(variant: Variant) -> None:
    """Warms up, and finds how many bodies fill a chunk."""
    while True:
        began = time.perf_counter_ns()
        variant.measure(variant.chunk)
        spent = time.perf_counter_ns() - began
        if spent >= CHUNK_NS / 2:
            return
        variant.chunk = max(variant.chunk + 1, min(8 * variant.chunk, int(variant.chunk * CHUNK_NS / max(spent, 1))))


def measure_size(size: int, rounds: int, program: str, peers: list[object]) -> tuple[float, list[Variant]]:
    """Leaves a body, and every variant's figures."""
    rng = random.Random(SEED)
    count = min(BODY_COUNT_MAX, BODIES_BYTES // size) | 1  # odd, so that every subject meets every body
    documents = [MAKERS[size](rng) for _ in range(count)]
    leaves = statistics.fmean(bodies.leaves(json.loads(body)) for body in documents)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bodies"
        file.write_bytes(b"".join(body + b"\n" for body in documents))
        engine = Engine(program, file)
        variants = [
            Variant(title, lambda count, name=name: engine.measure(name, count))  # type: ignore[misc]
            for title, name in ENGINE_VARIANTS.items()
        ]
        for peer in peers:
            variants.append(Variant(peer.TITLE, hot(peer.observer(), documents)))  # type: ignore[attr-defined]
            if peer.COLD:  # type: ignore[attr-defined]
                observers = [peer.observer() for _ in range(SUBJECTS)]  # type: ignore[attr-defined]
                variants.append(Variant(peer.TITLE + COLD, cold(observers, documents)))  # type: ignore[attr-defined]
        for variant in variants:
            calibrate(variant)
        for number in range(rounds):
            turn = number % len(variants)
            for variant in variants[turn:] + variants[:turn]:
                variant.ns_a_body.append(variant.measure(variant.chunk) / variant.chunk)
            print(f"\r{size} bytes, round {number + 1} of {rounds} ", end="", file=sys.stderr)
        print(file=sys.stderr)
        engine.close()
    return leaves, variants


def ratio(one: Variant, other: Variant) -> float:
    return statistics.median(a / b for a, b in zip(one.ns_a_body, other.ns_a_body, strict=True))


# Ours, in what, against whom (None: nanoseconds a leaf), at most.
GOALS = [
    (ENGINE, None, 28.0),
    (PYTHON, None, 28.0),
    (WORKER + COLD, None, 45.0),
    (ENGINE + COLD, None, 45.0),
    (PYTHON + COLD, None, 45.0),
    (PYTHON, "orjson.loads", 1.0),
    (PYTHON, "json.loads", 1 / 3),
    (PYTHON, "tally in Python on orjson", 1 / 8),
]


def report(leaves: float, variants: list[Variant]) -> dict[str, object]:
    by_title = {variant.title: variant for variant in variants}
    figures = {}
    for variant in variants:
        quarters = statistics.quantiles(variant.ns_a_body, n=4)
        figures[variant.title] = {
            "leaf_ns": statistics.median(variant.ns_a_body) / leaves,
            "leaf_ns_quartiles": [quarters[0] / leaves, quarters[2] / leaves],
            "of_orjson_ratio": ratio(variant, by_title["orjson.loads"]),
        }
    goals = []
    for title, against, most in GOALS:
        if against is None:
            reached = statistics.median(by_title[title].ns_a_body) / leaves
        else:
            reached = ratio(by_title[title], by_title[against])
        goals.append({"of": title, "against": against, "goal": most, "reached": reached, "met": reached <= most})
    return {"leaves": leaves, "variants": figures, "goals": goals}


# Benchmark, its counter (None: CPU time in µs), what it is, at most.
SUMMARY_GOALS = [
    ("BM_MergeProfiles/1000", None, "merging two profiles of 500 fields, 1 000 documents each", 500.0),
    ("BM_EncodeProfile/1000", None, "encoding one", 1000.0),
    ("BM_EncodeBatch/20", "bytes", "a batch of 50 subjects, 1 000 fields, 20 documents each", 100_000.0),
]


def measure_summaries(program: str) -> dict[str, object]:
    """What merging and encoding cost: by documents a profile or subject, the last part of a benchmark's name."""
    command = [program, "--benchmark_filter=Profiles?/|EncodeBatch", "--benchmark_format=json",
               "--benchmark_repetitions=5", "--benchmark_report_aggregates_only=true"]  # fmt: skip
    answer = json.loads(subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)
    rows = {row["run_name"]: row for row in answer["benchmarks"] if row["aggregate_name"] == "median"}
    figures = {name: {"us": row["cpu_time"], "bytes": row.get("bytes")} for name, row in rows.items()}
    goals = []
    for name, counter, title, most in SUMMARY_GOALS:
        reached = figures[name][counter or "us"]
        goals.append({"of": title, "against": counter, "goal": most, "reached": reached, "met": reached <= most})
    return {"figures": figures, "goals": goals}


def show_summaries(result: dict) -> None:
    print("\nmerging and encoding, by documents a profile or subject")
    for name, row in result["figures"].items():
        size = f"{row['bytes']:12,.0f} bytes" if row["bytes"] else ""
        print(f"  {name.removeprefix('BM_'):<30}{row['us']:10.0f} µs{size}")
    for goal in result["goals"]:
        unit = goal["against"] or "µs"
        mark = "met   " if goal["met"] else "MISSED"
        print(f"  {mark} {goal['of']}: {goal['reached']:,.0f} {unit}, goal ≤ {goal['goal']:,.0f}")


def show(size: int, result: dict) -> None:
    print(f"\n{size} bytes, {result['leaves']:.0f} leaves")
    print(f"  {'':<30}{'ns a leaf':>10}{'quartiles':>18}{'of orjson':>11}")
    for title, row in sorted(result["variants"].items(), key=lambda pair: pair[1]["leaf_ns"]):
        low, high = row["leaf_ns_quartiles"]
        between = f"{low:.1f}–{high:.1f}"
        print(f"  {title:<30}{row['leaf_ns']:10.1f}{between:>18}{row['of_orjson_ratio']:11.2f}")
    for goal in result["goals"]:
        unit = "ns a leaf" if goal["against"] is None else f"of {goal['against']}"
        reached, most = f"{goal['reached']:.3g}", f"{goal['goal']:.3g}"
        print(f"  {'met   ' if goal['met'] else 'MISSED'} {goal['of']}: {reached} {unit}, goal ≤ {most}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", required=True, help="the program that measures without Python")
    parser.add_argument("--summaries", required=True, help="the micro-benchmarks of merging and encoding")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds: a spread needs two at least")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # the engine's program inherits it
    peers = load_rivals()
    results: dict[object, dict] = {}
    for size in MAKERS:
        results[size] = report(*measure_size(size, arguments.rounds, arguments.engine, peers))
        if not arguments.json:
            show(size, results[size])
    results["summaries"] = measure_summaries(arguments.summaries)
    if arguments.json:
        print(json.dumps(results))
    else:
        show_summaries(results["summaries"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
