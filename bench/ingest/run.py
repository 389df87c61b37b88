#!/usr/bin/env python3
"""How much a server takes in on one core, for how long, and what reading costs meanwhile.

    ./dev bench ingest [PART...] [--seconds N] [--minutes N] [--days N] [--history FOLDER]
                                  [--requests N]

minute       2 000 batches a second for a minute
ever         300 a second, of 30 services with 50 workers each, with folding keeping up (--minutes, 10 by default)
services     the same 300 of 750 services with 2 workers each: how many services one server carries
connections  2 000 idle connections and 200 busy ones: memory
history      15 days of 2 000 fields: disk, start-up, and every query of the page while batches come in
verdict      on the first hour of a deployment, with 2 000 signals and 15 days before it, on one core and on two

The batches were recorded from the shop, behind the real middleware: record.py. The server is the real program on one
core, the load has the others. CPU is that of the whole server, the kernel's work for it included, by batch: the figure
that holds on a machine with other work. With no PART all of them run. --history keeps the folder of 15 days, and takes
it from there the next time.

Exit: 0 within all targets · 1 not · 2 could not run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from server import CORE, OTHERS, Server, allow_descriptors  # noqa: E402

PARTS = ("minute", "ever", "services", "connections", "history", "verdict")
RECORDED = 96
REQUESTS = 1  # of a kind at least one: all fifty subjects, 10 kB; with 40 it is 15 kB
REPLY_MS_MAX = 50
QUERY_MS_MAX = 200
START_S_MAX = 2
MEMORY_MB_MAX = 300
HISTORY_GB_MAX = 3
VERDICT_S_MAX = 1
VERDICT_FIELDS = 420  # whose signals are about 2 000
LAG_S_MAX = 120  # what waits to be folded waits a minute by intention
RANGES = (15, 60, 360, 1440, 20160)  # of the page, in minutes
FAMILIES = ("counts", "distributions", "hashed")
STEPS = ("minutes", "five minutes", "hours", "days")


class Bench:
    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.arguments = arguments
        self.folder = folder
        self.missed = 0
        self.batches = Path(arguments.recording or folder / "batches")
        if not self.batches.exists():
            count = ["--batches", str(RECORDED), "--requests", str(arguments.requests)]
            subprocess.run([sys.executable, str(HERE / "record.py"), str(self.batches), *count], check=True)

    def target(self, what: str, found: float, least: float | None = None, most: float | None = None) -> None:
        met = (least is None or found >= least) and (most is None or found <= most)
        self.missed += not met
        bound = f"at least {least:g}" if least is not None else f"at most {most:g}"
        print(f"  {'✓' if met else '✗'} {what}: {found:,.1f} ({bound})", flush=True)

    def server(
        self,
        stack: ExitStack,
        folder: Path | None = None,
        settings: list[str] | None = None,
        cores: set[int] | None = None,
    ) -> Server:
        folder = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self.folder)))
        return stack.enter_context(Server(self.arguments.server, folder, settings, cores))

    def load(self, server: Server, **options: int) -> subprocess.Popen[str]:
        command = [self.arguments.load, "--port", str(server.port), "--batches", str(self.batches)]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, OTHERS)
        )

    def run_load(self, server: Server, **options: int) -> dict[str, float]:
        """Of the load's own figures, and of what the server took and did meanwhile."""
        cpu, disk = server.cpu_s(), server.disk_mb()
        loading = self.load(server, **options)
        lag = [0.0]
        resident = []
        progress = Progress(server, options["seconds"])
        while loading.poll() is None:
            time.sleep(1)
            lag.append(server.metric("fieldmark_fold_lag_seconds"))
            resident.append(server.resident_mb())
            progress.show(lag[-1])
        assert loading.stdout
        if loading.returncode:
            raise SystemExit("loading: it ended with an error, which stands above")
        figures = json.loads(loading.stdout.read())
        applied = max(figures["applied"], 1)
        figures["cpu_us"] = (server.cpu_s() - cpu) * 1e6 / applied
        figures["core"] = (server.cpu_s() - cpu) / figures["seconds"]
        figures["lag_s"] = max(lag)
        figures["disk_mb"] = server.disk_mb() - disk
        half = resident[len(resident) // 2 :] or [server.resident_mb()]
        figures["resident_mb"], figures["resident_growth_mb"] = max(half), half[-1] - half[0]
        print(
            f"  {applied:,} batches of {figures['batch_bytes'] / 1000:.1f} kB, {figures['per_s']:,.0f} a second; reply"
            f" {figures['p50_ms']:.1f} ms median, {figures['p99_ms']:.1f} p99, {figures['max_ms']:.0f} max;"
            f" {figures['cpu_us']:,.0f} µs of CPU a batch, {figures['core']:.0%} of a core;"
            f" {figures['resident_mb']:.0f} MB resident; {figures['disk_mb']:+,.0f} MB on disk;"
            f" waiting to be folded up to {figures['lag_s']:.0f} s; answers {figures['by_status']}"
        )
        return dict(figures)

    def minute(self) -> None:
        seconds = self.arguments.seconds
        print(f"2 000 batches a second for {seconds} s", flush=True)
        with ExitStack() as stack:
            server = self.server(stack)
            figures = self.run_load(server, rate=2000, seconds=seconds, services=30, workers=10_000, connections=200)
            self.target("batches a second", figures["per_s"], least=1980)
            self.target("p99 of a reply, ms", figures["p99_ms"], most=REPLY_MS_MAX)
            self.target("batches that were not taken", figures["sent"] - figures["applied"], most=0)

    def ever(self) -> None:
        self.steady("of 30 services with 50 workers each", services=30, workers=1500)

    def services(self) -> None:
        figures = self.steady("of 750 services with 2 workers each", services=750, workers=1500)
        print(f"  services of the shop's kind at 80 % of the core: {750 * 0.8 / figures['core']:,.0f}")

    def steady(self, what: str, **options: int) -> dict[str, float]:
        minutes = self.arguments.minutes
        print(f"300 batches a second {what}, {minutes} minutes", flush=True)
        with ExitStack() as stack:
            server = self.server(stack)
            figures = self.run_load(server, rate=300, seconds=60 * minutes, connections=1500, **options)
            self.target("batches a second", figures["per_s"], least=297)
            self.target("p99 of a reply, ms", figures["p99_ms"], most=REPLY_MS_MAX)
            self.target("longest wait to be folded, s", figures["lag_s"], most=LAG_S_MAX)
            self.target("share of the core, %", 100 * figures["core"], most=100)
            return figures

    def connections(self) -> None:
        print("2 000 idle connections, 200 busy", flush=True)
        with ExitStack() as stack:
            server = self.server(stack)
            print(f"  {server.resident_mb():.0f} MB resident before")
            self.run_load(
                server, seconds=self.arguments.seconds // 2, services=30, workers=1500, connections=200, idle=2000
            )
            self.target("MB resident at the most", server.resident_mb(highest=True), most=MEMORY_MB_MAX)

    def history(self) -> None:
        days = self.arguments.days
        print(f"{days} days of 2 000 fields, 300 observations a field and minute", flush=True)
        with ExitStack() as stack:
            folder = self.arguments.history or Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self.folder)))
            if not (folder / "fieldmark.db").exists():
                subprocess.run([self.arguments.make_history, str(folder), "--days", str(days)], check=True)
            print_growth(folder)
            server = self.server(stack, folder)
            self.target("GB on disk", server.disk_mb() / 1000, most=HISTORY_GB_MAX)
            server.stop()
            starts = []
            for _ in range(3):
                server = self.server(stack, folder)
                starts.append(server.start_s)
                server.stop()
            self.target("start-up, s", statistics.median(starts), most=START_S_MAX)
            server = self.server(stack, folder)
            loading = self.load(
                server, rate=300, seconds=self.arguments.seconds, services=30, workers=1500, connections=200
            )
            took = ask_as_the_page(server, loading)
            for name, times in sorted(took.items()):
                print(
                    f"    {name}: first {times[0]:.0f}, median {statistics.median(times):.0f}, p95 {p95(times):.0f} ms"
                )
            self.target("p95 of the page's slowest query, ms", max(map(p95, took.values())), most=QUERY_MS_MAX)
            print(f"  {server.resident_mb(highest=True):.0f} MB resident at the most")

    def verdict(self) -> None:
        days = self.arguments.days
        print(
            f"verdicts on some 70 minutes of a deployment, {days} days before it, 300 observations a field and minute"
        )
        folder = Path(self.folder) / "verdict"
        make = [self.arguments.make_history, str(folder), "--days", str(days), "--fields", str(VERDICT_FIELDS)]
        subprocess.run([*make, "--deployed-hours-ago", "3"], check=True)
        two = [{CORE, max(OTHERS)}] if {CORE} != OTHERS else []
        for cores in [{CORE}, *two]:
            with ExitStack() as stack:
                server = self.server(stack, folder, ["--watch-alarms-a-week", "0"], cores)
                wait_for_verdict(server, 3600)  # the first one has cold caches, and is not counted
                cpu, took = server.cpu_s(), []
                for minutes in (65, 70, 75):
                    started = time.monotonic()
                    verdict = wait_for_verdict(server, 60 * minutes)
                    took.append(time.monotonic() - started)
                signals = verdict["judged"] + verdict["not_enough"] + verdict["cannot_compare"]
                print(
                    f"  {signals:,} signals, {verdict['judged']:,} of them judged, on {len(cores)} cores:"
                    f" {', '.join(f'{s:.2f}' for s in took)} s, {(server.cpu_s() - cpu) / len(took):.2f} s of CPU each,"
                    f" {server.resident_mb(highest=True):.0f} MB resident at the most"
                )
                if not verdict["judged"]:
                    raise SystemExit("asking for a verdict: it judged nothing, so its time says nothing")
                most = VERDICT_S_MAX if len(cores) > 1 else math.inf
                self.target("s for 2 000 signals", statistics.median(took) * 2000 / signals, most=most)


def wait_for_verdict(server: Server, look_s: int) -> dict[str, Any]:
    while True:
        verdict: dict[str, Any] = json.loads(server.get(f"/api/v1/services/shop-0/bench/verdict?look_s={look_s}"))
        if verdict["title"] != "Judging":
            return verdict


class Progress:
    """Of a load that takes its time: a line now and then, of what happened since the last one."""

    def __init__(self, server: Server, seconds: int) -> None:
        self.server = server
        self.seconds = seconds
        self.every_s = 10 if seconds <= 300 else 60
        self.started = self.shown = time.monotonic()
        self.applied, self.cpu_s = self._so_far()

    def _so_far(self) -> tuple[float, float]:
        return self.server.metric('fieldmark_batches_total{outcome="applied"}'), self.server.cpu_s()

    def show(self, lag_s: float) -> None:
        now = time.monotonic()
        if now - self.shown < self.every_s:
            return
        applied, cpu_s = self._so_far()
        took = now - self.shown
        print(
            f"    {now - self.started:,.0f} of {self.seconds:,} s: {(applied - self.applied) / took:,.0f} a second,"
            f" {(cpu_s - self.cpu_s) / took:.0%} of a core, {lag_s:.0f} s to be folded,"
            f" {self.server.resident_mb():.0f} MB resident, {self.server.disk_mb():,.0f} MB on disk",
            file=sys.stderr,
            flush=True,
        )
        self.shown, self.applied, self.cpu_s = now, applied, cpu_s


def p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def print_growth(folder: Path) -> None:
    """What a step takes, and what a day adds."""
    with closing(sqlite3.connect(f"file:{folder}/fieldmark.db?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT step, family, sum(length(bytes)) FROM chunk GROUP BY step, family").fetchall()
        parts = database.execute("SELECT ifnull(sum(length(bytes)), 0) FROM part").fetchone()[0]
    for step, name in enumerate(STEPS):
        sizes = {family: size / 1e6 for of_step, family, size in rows if of_step == step}
        parts_of_step = ", ".join(f"{what} {sizes.get(family, 0):.0f}" for family, what in enumerate(FAMILIES))
        print(f"  {name}: {parts_of_step} MB")
    print(f"  parts: {parts / 1e6:.0f} MB")


def queries() -> dict[str, str]:
    """What the page asks, by name: the list, a service's status, and its three charts over every range."""
    service = "/api/v1/services/shop-0/bench"
    asked = {"services": "/api/v1/services", "status": f"{service}/status"}
    for minutes in RANGES:
        for statistic in ("requests", "status 5xx", "latency"):
            asked[f"{statistic}, {minutes} min"] = f"{service}/series?" + urlencode(
                {"subject": "", "statistic": statistic, "minutes": minutes}
            )
        of_field = {
            "subject": "POST /orders3 request",
            "field": "totals.net",
            "statistic": "value",
            "minutes": minutes,
        }
        asked[f"a field, {minutes} min"] = f"{service}/series?" + urlencode(of_field)
    return asked


def ask_as_the_page(server: Server, loading: subprocess.Popen[str]) -> dict[str, list[float]]:
    """Milliseconds of each query, by name, one after the other while the load goes on."""
    took: dict[str, list[float]] = defaultdict(list)
    asked = queries()
    while loading.poll() is None:
        for name, path in asked.items():
            started = time.monotonic()
            server.get(path)
            took[name].append((time.monotonic() - started) * 1000)
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--seconds", type=int, default=60, help="of the short parts (default 60)")
    parser.add_argument("--minutes", type=int, default=10, help="of the long parts (default 10)")
    parser.add_argument("--days", type=int, default=15, help="of history (default 15)")
    parser.add_argument("--history", type=Path, help="a folder that keeps it for the next time")
    parser.add_argument(
        "--requests", type=int, default=REQUESTS, help=f"in each batch that is recorded, about (default {REQUESTS})"
    )
    parser.add_argument("--recording", type=Path, help="of batches, kept for the next time")
    parser.add_argument("--server", required=True, help="the program under test")
    parser.add_argument("--load", required=True, help="the program that sends batches")
    parser.add_argument("--make-history", required=True, help="the program that fills a data folder")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    allow_descriptors()
    with tempfile.TemporaryDirectory(prefix="fieldmark-ingest-") as folder:
        bench = Bench(arguments, Path(folder))
        for part in arguments.parts or PARTS:
            getattr(bench, part)()
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
