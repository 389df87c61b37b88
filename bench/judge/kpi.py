"""Real signals: published KPIs of web services, into which a change is injected at a moment, or none.

folder of CSV files `timestamp,value,label`, a minute each (alumik/AnoTransfer-data, real-world): of the sorted
list only the first, third, fifth … are read; the others are kept for an independent check
folder of fieldmark.series/1 files, one signal each, and labels.json
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from intervals import Tally
from rivals import RIVALS, Sides
from series import Judge, Signal, Timeline, changed_signals, text_of

Array = np.ndarray[Any, np.dtype[np.float64]]

STEP_S = 300
DAY = 86_400 // STEP_S
HISTORY_DAYS = 14
LOOKS = {"1h": 3600 // STEP_S, "4h": 4 * 3600 // STEP_S}
EFFECTS = {"+25 %": 1.25, "+50 %": 1.5, "×2": 2.0}
FAMILY = 20


@dataclass
class Kpi:
    name: str
    start_unix_s: int
    values: Array  # five-minute means
    labelled: Array  # share of the step that its publishers call anomalous


def read_kpis(folder: Path, every: int) -> list[Kpi]:
    files = sorted(folder.glob("*.csv"), key=lambda path: path.name)[0::2][::every]
    return [_read_kpi(path) for path in files]


def _read_kpi(path: Path) -> Kpi:
    rows = np.genfromtxt(path, delimiter=",", skip_header=1)
    slots = (rows[:, 0] // STEP_S).astype(int)
    first = int(slots[0])
    size = int(slots[-1]) - first + 1
    held = np.isfinite(rows[:, 1])
    count = np.bincount(slots[held] - first, minlength=size)
    total = np.bincount(slots[held] - first, weights=rows[held, 1], minlength=size)
    marked = np.bincount(slots - first, weights=np.nan_to_num(rows[:, 2]), minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Kpi(path.stem, first * STEP_S, total / count, marked)


def moments(kpi: Kpi, count: int, random: np.random.Generator) -> list[int]:
    """Steps with two weeks before and four hours after them, at least half a day apart, where there are data."""
    first, last = HISTORY_DAYS * DAY, len(kpi.values) - LOOKS["4h"]
    slots = np.arange(first, last, DAY // 2)
    chosen = []
    for slot in random.permutation(slots)[: 3 * count]:
        at = int(slot + random.integers(0, DAY // 2 - LOOKS["4h"]))
        if at < last and np.isfinite(kpi.values[at : at + LOOKS["1h"]]).mean() > 0.8:
            chosen.append(at)
        if len(chosen) == count:
            break
    return chosen


def excerpt(kpi: Kpi, at: int, look: int, factor: float) -> Signal:
    """Two weeks before `at` and the look, times `factor` from `at` on."""
    values = kpi.values[at - HISTORY_DAYS * DAY : at + look].copy()
    values[HISTORY_DAYS * DAY :] *= factor
    return Signal(kpi.name, "mean", values=values)


class Kpis:
    """Recall and false alarms, each signal a family of its own."""

    def __init__(self) -> None:
        self.noop: dict[tuple[str, str], Tally] = {}  # (method, look)
        self.unlabelled: dict[tuple[str, str], Tally] = {}
        self.found: dict[tuple[str, str, str], Tally] = {}  # (method, look, effect)

    def measure(self, kpis: list[Kpi], count: int, judge: Judge, seed: int) -> None:
        random = np.random.default_rng(seed)
        for kpi in kpis:
            for at in moments(kpi, count, random):
                for look in LOOKS:
                    self._moment(kpi, at, look, judge)

    def _moment(self, kpi: Kpi, at: int, look: str, judge: Judge) -> None:
        cluster = (kpi.start_unix_s + at * STEP_S) // 43_200
        calm = kpi.labelled[at : at + LOOKS[look]].sum() == 0
        for effect, factor in {"none": 1.0, **EFFECTS}.items():
            signal = excerpt(kpi, at, LOOKS[look], factor)
            for method, flag in self._flags(kpi, at, look, signal, judge):
                if effect != "none":
                    self.found.setdefault((method, look, effect), Tally()).add(cluster, flag)
                    continue
                self.noop.setdefault((method, look), Tally()).add(cluster, flag)
                if calm:
                    self.unlabelled.setdefault((method, look), Tally()).add(cluster, flag)

    @staticmethod
    def _flags(kpi: Kpi, at: int, look: str, signal: Signal, judge: Judge) -> Iterator[tuple[str, bool]]:
        timeline = Timeline(kpi.start_unix_s + (at - HISTORY_DAYS * DAY) * STEP_S, STEP_S)
        change = timeline.time_of(HISTORY_DAYS * DAY)
        (answer,) = judge.ask(text_of(timeline, [signal]), [change], look)
        yield "Fieldmark", bool(changed_signals(answer))
        sides = Sides.of(signal.level(), HISTORY_DAYS * DAY, LOOKS[look], DAY)
        for name, flags in RIVALS.items():
            yield name, flags([sides])[0]


class KpiFamilies:
    """The same among others: twenty KPIs that run at one time, one of which changes."""

    def __init__(self) -> None:
        self.noop: dict[str, Tally] = {}
        self.found: dict[tuple[str, str], Tally] = {}

    def measure(self, kpis: list[Kpi], count: int, judge: Judge, seed: int) -> None:
        random = np.random.default_rng(seed)
        look = LOOKS["1h"]
        for _ in range(count):
            pivot = kpis[int(random.integers(len(kpis)))]
            ats = moments(pivot, 1, random)
            if not ats:
                continue
            time = pivot.start_unix_s + ats[0] * STEP_S
            family = [
                (kpi, at) for kpi in kpis
                if (at := (time - kpi.start_unix_s) // STEP_S) >= HISTORY_DAYS * DAY and at + look <= len(kpi.values)
            ]  # fmt: skip
            chosen = [family[i] for i in random.permutation(len(family))[:FAMILY]]
            changed = int(random.integers(len(chosen)))
            for effect, factor in {"none": 1.0, **EFFECTS}.items():
                signals = [
                    excerpt(kpi, at, look, factor if i == changed else 1.0) for i, (kpi, at) in enumerate(chosen)
                ]
                self._family(signals, signals[changed].name, effect, time, judge)

    def _family(self, signals: list[Signal], changed: str, effect: str, time: int, judge: Judge) -> None:
        timeline = Timeline(time - HISTORY_DAYS * 86_400, STEP_S)
        (answer,) = judge.ask(text_of(timeline, signals), [time], "1h")
        flagged = {"Fieldmark": changed_signals(answer)}
        sides = [Sides.of(signal.level(), HISTORY_DAYS * DAY, LOOKS["1h"], DAY) for signal in signals]
        for name, flags in RIVALS.items():
            flagged[name] = [s.name for s, flag in zip(signals, flags(sides), strict=True) if flag]
        for name, names in flagged.items():
            if effect == "none":
                self.noop.setdefault(name, Tally()).add(time // 43_200, bool(names))
            else:
                self.found.setdefault((name, effect), Tally()).add(time // 43_200, changed in names)


def published_series(folder: Path, looks: dict[str, int], count: int, judge: Judge, seed: int) -> dict[str, Tally]:
    """False alarms on files of fieldmark.series/1 by look, at moments outside labelled stretches."""
    labels = json.loads((folder / "labels.json").read_text())
    random = np.random.default_rng(seed)
    tallies = {look: Tally() for look in looks}
    for path in sorted(folder.glob("*.jsonl")):
        text = path.read_text()
        header, signal = (json.loads(line) for line in text.splitlines()[:2])
        start = int(datetime.fromisoformat(header["start"].replace("Z", "+00:00")).astimezone(timezone.utc).timestamp())
        step_s, steps = header["step_s"], len(signal["values"])
        for look, seconds in looks.items():
            length = max(1, seconds // step_s)
            chosen = []
            for at in random.permutation(np.arange(steps // 3, steps - length))[: 3 * count].tolist():
                calm = not any(begin < at + length and at < end for begin, end in labels.get(path.stem, []))
                if calm and len(chosen) < count:
                    chosen.append(start + at * step_s)
            for change, answer in zip(chosen, judge.ask(text, chosen, look), strict=True):
                tallies[look].add((path.stem, change // 43_200), bool(changed_signals(answer)))
    return tallies
