"""fieldmark.series/1 as text: what `fieldmark judge` reads, and how the benchmark asks it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Answer = dict[str, Any]
Incident = dict[str, Any]


def time_text(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Signal:
    """One signal over all steps. A rate has numerators and weights; a mean and a count values; a distribution bucket
    counts (steps × buckets) of `buckets` at `scale`; a mix counts (steps × categories)."""

    name: str
    kind: str
    subject: str = ""
    field: str = ""
    statistic: str = ""
    unit: str = ""
    more_is_worse: bool = False
    values: Array | None = None
    numerators: Array | None = None
    weights: Array | None = None
    counts: Array | None = None
    buckets: Array | None = None
    scale: int = 3
    earlier: bool = False  # what the version before saw, beside the new one

    def level(self) -> Array:
        """One number a step, as a dashboard would show it and a rival reads it; NaN without data."""
        if self.kind == "rate":
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray(self.numerators / self.weights)
        if self.kind in ("distribution", "mix"):
            assert self.counts is not None
            total = self.counts.sum(axis=1)
            with np.errstate(invalid="ignore", divide="ignore"):
                if self.kind == "mix":
                    return np.asarray(self.counts[:, 0] / total)
                middles = np.exp2((self.buckets + 0.5) / 2**self.scale)
                return np.asarray((self.counts * middles).sum(axis=1) / total)
        return np.asarray(self.values)

    def until(self, step: int) -> Signal:
        held = {key: value for key in ("values", "numerators", "weights", "counts")
                if (value := getattr(self, key)) is not None}  # fmt: skip
        return replace(self, **{key: value[:step] for key, value in held.items()})

    def text(self) -> str:
        line: dict[str, Any] = {"signal": self.name, "kind": self.kind}
        for key in ("subject", "field", "statistic", "unit"):
            if getattr(self, key):
                line[key] = getattr(self, key)
        if self.earlier:
            line["version"] = "earlier"
        if self.more_is_worse:
            line["polarity"] = "more_is_worse"
        if self.kind == "rate":
            line["values"] = numbers(self.level())
            line["numerators"] = numbers(self.numerators)
        elif self.kind == "distribution":
            line["values"] = [self._histogram(row) for row in self.counts.astype(int)]
        elif self.kind == "mix":
            line["values"] = [{f"c{i}": int(n) for i, n in enumerate(row) if n} for row in self.counts.astype(int)]
        else:
            line["values"] = numbers(self.values)
        if self.weights is not None:
            line["weights"] = numbers(self.weights)
        return json.dumps(line, separators=(",", ":"))

    def _histogram(self, row: Array) -> dict[str, Any] | None:
        held = np.flatnonzero(row)
        pairs = [[int(self.buckets[i]), int(row[i])] for i in held]
        return {"scale": self.scale, "zero": 0, "pos": pairs, "neg": []} if pairs else None


def numbers(values: Array) -> list[float | int | None]:
    """Whole numbers without a point, six digits of others, null without data."""
    if np.array_equal(values, np.round(values)):
        return [int(value) for value in values]
    return [None if value != value else float(f"{value:.6g}") for value in values.tolist()]


@dataclass
class Timeline:
    start_unix_s: int
    step_s: int
    known_changes: list[int] = field(default_factory=list)

    def time_of(self, step: int) -> int:
        return self.start_unix_s + step * self.step_s

    def text(self) -> str:
        header: dict[str, Any] = {
            "format": "fieldmark.series/1", "step_s": self.step_s, "start": time_text(self.start_unix_s)
        }  # fmt: skip
        if self.known_changes:
            header["known_changes"] = [time_text(at) for at in self.known_changes]
        return json.dumps(header)


def text_of(timeline: Timeline, signals: Iterable[Signal]) -> str:
    return "\n".join([timeline.text(), *(signal.text() for signal in signals)]) + "\n"


class Judge:
    """The binary under test."""

    def __init__(self, binary: str) -> None:
        self._binary = binary

    def ask(self, text: str, changes: Sequence[int], look: str) -> list[Answer]:
        """One answer a change. `look` is a duration, or "schedule"."""
        command = [self._binary, "judge", "-"]
        command += ["--schedule"] if look == "schedule" else ["--look", look]
        for change in changes:
            command += ["--change-at", time_text(change)]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if len(answers) != len(changes):
            raise SystemExit(f"asking {self._binary} judge: {done.stderr.strip() or 'it gave no answer a change'}")
        return answers

    def watch(self, text: str, from_unix_s: int) -> list[Incident]:
        """What it finds between changes from then on."""
        command = [self._binary, "judge", "-", "--watch-from", time_text(from_unix_s)]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(f"asking {self._binary} judge to watch: {done.stderr.strip() or 'nothing was judged'}")
        return [json.loads(line) for line in done.stdout.splitlines()]


def changed_signals(answer: Answer) -> list[str]:
    """Findings that raise an alarm."""
    changed = [finding for finding in answer["findings"] if finding["state"] == "changed"]
    return [signal for finding in changed for signal in [finding["signal"], *finding.get("also", [])]]
