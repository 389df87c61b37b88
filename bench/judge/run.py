#!/usr/bin/env python3
"""Does the judge find what changed, and keep quiet about the rest? Rivals are asked about the same data.

    python bench/judge/run.py [--full] [--kpi FOLDER] [--series FOLDER] [--only PART,…] [--json FILE]

One fixed configuration for all rows. The fast mode takes about two minutes; the full one measures what
docs/reference/judge.md publishes. --kpi: alumik/AnoTransfer-data's `real-world`; --series: a folder of
fieldmark.series/1 files with labels.json. Neither is part of the project.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import watching  # noqa: E402
from generator import canary, decoys, oracle, questions, service  # noqa: E402
from intervals import Tally  # noqa: E402
from kpi import EFFECTS, LOOKS, KpiFamilies, Kpis, published_series, read_kpis  # noqa: E402
from rivals import RIVALS, Sides  # noqa: E402
from series import Judge, changed_signals, text_of  # noqa: E402

LOOK_STEPS = {"1h": service.HOUR, "schedule": 24 * service.HOUR}
RIVAL_SERVICES = 4  # rivals call almost every no-op change Changed: a few services show that


class Report:
    """Rows as they are measured: printed, and kept for --json."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def title(self, text: str) -> None:
        print(f"\n{text}")

    def row(self, part: str, what: str, tally: Tally, target: str = "") -> None:
        low, high = tally.interval()
        self.rows.append(
            {
                "part": part,
                "what": what,
                "rate": tally.rate,
                "low": low,
                "high": high,
                "n": tally.count,
                "target": target,
            }
        )
        print(f"  {what:<58} {tally!s:<40} {target}", flush=True)


def measure_kpis(report: Report, judge: Judge, folder: Path, full: bool, seed: int) -> None:
    kpis = read_kpis(folder, 1 if full else 10)
    alone = Kpis()
    alone.measure(kpis, 8 if full else 2, judge, seed)
    report.title(f"Real KPIs, {len(kpis)} signals, each alone, five-minute steps, two weeks before")
    targets = {("1h", "+25 %"): "≥ .40", ("1h", "+50 %"): "≥ .85", ("1h", "×2"): "≥ .97", ("4h", "+50 %"): "≥ .65"}
    for method in ["Fieldmark", *RIVALS]:
        for look in LOOKS:
            own = method == "Fieldmark"
            report.row("kpi", f"{method}, {look}, nothing changed", alone.noop[method, look], "≤ .05" if own else "")
            if own:
                calm = alone.unlabelled[method, look]
                report.row("kpi", f"{method}, {look}, nothing changed, outside labels", calm)
            for effect in EFFECTS:
                target = targets.get((look, effect), "") if own else ""
                report.row("kpi", f"{method}, {look}, {effect}", alone.found[method, look, effect], target)
    families = KpiFamilies()
    families.measure(kpis, 200 if full else 4, judge, seed)
    report.title("Real KPIs, one that changes among twenty that do not, 1 h")
    for method in ["Fieldmark", *RIVALS]:
        report.row("kpi family", f"{method}, nothing changed", families.noop[method])
        for effect in EFFECTS:
            report.row("kpi family", f"{method}, {effect}", families.found[method, effect])


def measure_series(report: Report, judge: Judge, folder: Path, full: bool, seed: int) -> None:
    report.title("Published series, each alone, moments outside labelled stretches")
    tallies = published_series(folder, {"1h": 3600, "4h": 14_400}, 60 if full else 4, judge, seed)
    for look, tally in tallies.items():
        report.row("series", f"Fieldmark, {look}, nothing changed", tally, "≤ .05")


def measure_service(report: Report, judge: Judge, full: bool, seed: int) -> None:
    # Some seven no-op changes a service: more than a thousand of them in the full mode.
    seeds, signals = (range(seed, seed + 157), 300) if full else (range(seed, seed + 2), 200)
    for look in ["1h", "schedule"]:
        tallies: dict[str, Tally] = {}

        def add(key: str, cluster: int, hit: bool | float, of: float = 1, held: dict[str, Tally] = tallies) -> None:
            held.setdefault(key, Tally()).add(cluster, hit, of)

        for number in seeds if look == "1h" else list(seeds)[: max(1, len(seeds) // 4)]:
            _one_service(number, signals, look, judge, add, rivals=look == "1h" and number < seed + RIVAL_SERVICES)
        report.title(f"Generated services of {signals} signals, {len(seeds)} seeds, {look}")
        for key, target in {"Fieldmark, nothing changed": "≤ .05", "Fieldmark, found": "≥ .8 × oracle"}.items():
            if key in tallies:
                report.row(f"service {look}", key, tallies.pop(key), target)
        for key in sorted(tallies):
            report.row(f"service {look}", key, tallies[key])


def _one_service(seed: int, signals: int, look: str, judge: Judge, add: Callable[..., None], rivals: bool) -> None:
    made = service.make_service(seed, signals)
    judged = [
        deployment for deployment in made.deployments
        if 6 * service.DAY <= deployment.step <= service.STEPS - LOOK_STEPS[look]
    ]  # fmt: skip
    answers = judge.ask(
        text_of(made.timeline, made.signals), [made.timeline.time_of(deployment.step) for deployment in judged], look
    )
    levels = {signal.name: signal.level() for signal in made.signals} if rivals else {}
    drawn = {signal.name: signal for signal in made.signals}
    for deployment, answer in zip(judged, answers, strict=True):
        flagged = {"Fieldmark": set(changed_signals(answer))}
        if look == "1h":
            flagged["an oracle"] = oracle.found(made, deployment.step, service.HOUR)
            flagged["an oracle with our minimum effects"] = {
                name for name in flagged["an oracle"]
                if oracle.moved_enough(drawn[name], made.truths[name], deployment.step, service.HOUR)
            }  # fmt: skip
        if rivals:
            sides = [Sides.of(levels[s.name], deployment.step, service.HOUR, service.DAY) for s in made.signals]
            for name, flags in RIVALS.items():
                held = zip(made.signals, flags(sides), strict=True)
                flagged[name] = {signal.name for signal, flag in held if flag}
        for method, names in flagged.items():
            _count(add, method, seed, names, deployment.effects, made.truths)


def _count(
    add: Callable[..., None], method: str, seed: int, names: set[str], effects: dict[str, float], truths: dict[str, Any]
) -> None:
    if not effects:
        add(f"{method}, nothing changed", seed, bool(names))
        return
    for name in effects:
        add(f"{method}, found", seed, name in names)
        if method == "Fieldmark" or method.startswith("an oracle"):
            add(f"{method}, found, {truths[name].kind}", seed, name in names)
    if names:
        add(f"{method}, false among what it found", seed, len(names - set(effects)), len(names))


def measure_questions(report: Report, judge: Judge, full: bool, seed: int) -> None:
    count = 100 if full else 5
    report.title("Single questions, one signal that changes in its family, 1 h")
    drifts = {0.05: "≥ .90", 0.10: "≥ .90", 0.15: "≥ .75", 0.30: "printed"}
    rows: list[tuple[str, str, Callable[[int], bool]]] = []
    for deviation, target in drifts.items():
        rows.append((
            f"nulls 1 → 2 %, 10 000 an hour, logit drift {deviation:.2f}", target,
            lambda s, d=deviation: questions.nulls_found(judge, s, d, "1h"),  # type: ignore[misc]
        ))  # fmt: skip
    rows.append(("a new type in 1 %, 10 000 an hour", "≥ .90", lambda s: questions.type_flip_found(judge, s, "1h")))
    for factor in (10, 60, 1000):
        rows.append((
            f"unit × {factor}", "1.0",
            lambda s, f=factor: questions.unit_found(judge, s, f, "1h"),  # type: ignore[misc]
        ))  # fmt: skip
    for what, target, ask in rows:
        tally = Tally()
        for number in range(seed, seed + count):
            tally.add(number, ask(number))
        report.row("questions", what, tally, target)
    reach: dict[str, Tally] = {"all": Tally()}
    for number in range(seed, seed + (40 if full else 2)):
        for kind, hit in questions.reach_found(judge, number, "1h"):
            reach["all"].add(number, hit)
            reach.setdefault(kind, Tally()).add(number, hit)
    for kind, tally in reach.items():
        report.row("reach", f"a move as large as it could have seen, {kind}", tally, ".75–.90" if kind == "all" else "")


def measure_decoys(report: Report, judge: Judge, full: bool, seed: int) -> None:
    report.title(f"Decoys: Changed though the change did nothing, {decoys.SIGNALS} signals, 1 h")
    for name in decoys.DECOYS:
        tally = Tally()
        for number in range(seed, seed + (60 if full else 2)):
            tally.add(number, bool(decoys.alarm(judge, name, number, "1h")))
        report.row("decoys", name, tally, "≤ .05")


def _add(tallies: dict[str, Tally], what: str, seed: int, names: set[str], effects: dict[str, float]) -> None:
    if not effects:
        tallies.setdefault(f"{what}, nothing changed", Tally()).add(seed, bool(names))
        return
    for name in effects:
        tallies.setdefault(f"{what}, found", Tally()).add(seed, name in names)
    if names:
        false = tallies.setdefault(f"{what}, false among what was found", Tally())
        false.add(seed, len(names - set(effects)), len(names))


def measure_canaries(report: Report, judge: Judge, full: bool, seed: int) -> None:
    report.title(f"Canaries, {canary.SIGNALS} signals on {canary.INSTANCES} instances, both versions alive, 1 h")
    for spread in (0.0, 0.5, 1.0):
        tallies: dict[str, Tally] = {}
        for number in range(seed, seed + (35 if full else 1)):
            for one in canary.canaries(number, spread):
                _add(tallies, "Fieldmark", number, canary.found(judge, one, "1h"), one.effects)
                _add(tallies, "who knows the spread", number, canary.found_beside(one), one.effects)
        for key in sorted(tallies):
            report.row("canary", f"spread × {spread:g}, {key}", tallies[key])


def measure_load(report: Report, judge: Judge, full: bool, seed: int) -> None:
    report.title("Latencies that follow the load, 1 h")
    for power in (0.0, 0.5, 1.0):
        tallies: dict[str, Tally] = {}
        for number in range(seed, seed + (20 if full else 1)):
            for deployment, names in questions.under_load(judge, number, power, "1h"):
                _add(tallies, "Fieldmark", number, set(names), deployment.effects)
        for key in sorted(tallies):
            report.row("load", f"load to the power of {power:g}, {key}", tallies[key])


def measure_watch(report: Report, judge: Judge, full: bool, seed: int) -> None:
    signals, weeks = 50, 40 if full else 2
    report.title(f"Between changes: alarms of services of {signals} signals, a week each")
    for what, calm in {"nothing happens": True, "holidays, failures and bursts": False}.items():
        false, real = Tally(), Tally()
        for number in range(seed, seed + weeks):
            of_week = watching.alarms(judge, number, signals, calm)
            false.add(number, of_week[0])
            real.add(number, of_week[1])
        report.row("watch", f"false alarms a week, {what}", false, "≤ 1")
        if not calm:
            report.row("watch", "alarms a week at which something happened", real)
    report.title("Between changes: faults found within six hours, and the minutes until half of them were")
    for fault in watching.FAULTS:
        for an_hour in (1000, 10_000):
            found, minutes = Tally(), []
            for number in range(seed, seed + (40 if full else 2)):
                took = watching.minutes_to_detection(judge, number, fault, an_hour)
                found.add(number, took is not None)
                minutes.append(math.inf if took is None else took)
            report.row("watch", f"{fault}, {an_hour} an hour", found, f"{statistics.median(minutes):.0f} min")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="what is published; takes an hour and a half")
    parser.add_argument("--kpi", type=Path, help="folder of CSV files")
    parser.add_argument("--series", type=Path, help="folder of fieldmark.series/1 files and labels.json")
    all_parts = "kpi,series,service,questions,decoys,canary,load,watch"
    parser.add_argument("--only", default=all_parts, help="parts, by comma")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", default="fieldmark")
    parser.add_argument("--json", type=Path, help="rows, as JSON")
    options = parser.parse_args()
    judge, report, parts = Judge(options.binary), Report(), options.only.split(",")
    started = time.monotonic()
    if "kpi" in parts and options.kpi:
        measure_kpis(report, judge, options.kpi, options.full, options.seed)
    if "series" in parts and options.series:
        measure_series(report, judge, options.series, options.full, options.seed)
    if "service" in parts:
        measure_service(report, judge, options.full, options.seed)
    if "questions" in parts:
        measure_questions(report, judge, options.full, options.seed)
    if "decoys" in parts:
        measure_decoys(report, judge, options.full, options.seed)
    if "canary" in parts:
        measure_canaries(report, judge, options.full, options.seed)
    if "load" in parts:
        measure_load(report, judge, options.full, options.seed)
    if "watch" in parts:
        measure_watch(report, judge, options.full, options.seed)
    print(f"\nmeasured in {time.monotonic() - started:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(report.rows, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
