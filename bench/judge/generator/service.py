"""A service of many signals over fifteen days of quarter hours, with deployments of which most change nothing.

Volumes run from 10 to 100 000 documents an hour, with a daily and a weekly rhythm, drift that remembers for hours, and
sometimes a holiday. Contents drift likewise, each by its own amount. Rare events come in bursts, and now and then a
failure reaches a third of the service at once. Everything that is not sampling is kept, for the oracle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import ndtr

from series import Signal, Timeline

Array = np.ndarray[Any, np.dtype[np.float64]]

STEP_S = 900
HOUR = 3600 // STEP_S
DAY = 24 * HOUR
DAYS = 15
STEPS = DAYS * DAY
START = 1_767_571_200  # 2026-01-05T00:00:00Z, a Monday
BUCKETS = np.arange(-16, 144, dtype=float)  # at scale 3: 0.25 to 260 000
SCALE = 3


def drift(random: np.random.Generator, deviation: float, memory_h: float, steps: int = STEPS) -> Array:
    """Ornstein and Uhlenbeck's walk in its stationary state."""
    keep = np.exp(-STEP_S / 3600 / memory_h)
    noise = random.normal(size=steps) * deviation
    noise[1:] *= np.sqrt(1 - keep * keep)
    for i in range(1, steps):
        noise[i] += keep * noise[i - 1]
    return noise


def rhythm(peak_h: float, sharpness: float = 1.0) -> Array:
    """-1 … 1 over the day, highest at `peak_h`."""
    hours = np.arange(STEPS) / HOUR % 24
    wave = np.cos((hours - peak_h) / 24 * 2 * np.pi)
    return np.asarray(np.sign(wave) * np.abs(wave) ** sharpness)


def weekend(start_unix_s: int = START) -> Array:
    days = (start_unix_s // 86_400 + np.arange(STEPS) // DAY + 3) % 7  # 1970-01-01 was a Thursday
    return np.asarray(days >= 5, float)


@dataclass
class Truth:
    """What made a signal: the mean of its transform without drift, and the drift. Rates: log odds; others: log."""

    kind: str  # "rate", "volume", "level" (of a distribution) or "share" (of a mix's first category)
    usual: Array
    drift: Array
    deviation: float
    memory_h: float
    documents: Array
    spread: float = 0  # of a distribution: standard deviation of the logarithm of values
    effect: Array = field(default_factory=lambda: np.zeros(STEPS))


@dataclass
class Deployment:
    step: int
    effects: dict[str, float] = field(default_factory=dict)  # signal → move of its transform


@dataclass
class Service:
    timeline: Timeline
    signals: list[Signal]
    truths: dict[str, Truth]
    deployments: list[Deployment]


@dataclass
class Subject:
    name: str
    volume: Truth
    failing: Array  # additional log odds of failure
    loaded: Array  # additional log odds of failure and log latency


class Maker:
    """Builds a service signal by signal; everything follows from the seed."""

    def __init__(self, seed: int, signals: int, calm: bool = False, under_load: float = 0) -> None:
        """A calm service has no holidays, failures or bursts. Latency and the odds of failure grow as the power
        `under_load` of what a route is asked."""
        self.random = np.random.default_rng(seed)
        self._wanted = signals
        self._calm = calm
        self._under_load = under_load
        self._holiday = np.zeros(STEPS)
        if self.random.random() < 0.3 and not calm:
            day = int(self.random.integers(8, DAYS))
            self._holiday[day * DAY : (day + 1) * DAY] = -0.9
        self._deviation = {"rate": [0.03, 0.05, 0.1, 0.15, 0.3], "level": [0.02, 0.05, 0.1]}
        self._failures = [
            (int(at), int(self.random.integers(1, 4)), self.random.uniform(2, 4.5))
            for at in self.random.integers(0, STEPS, self.random.poisson(DAYS / 4))
            if not calm
        ]

    def service(self) -> Service:
        truths, signals = self.plan()
        deployments = self.deploy(truths)
        for name, signal in signals.items():
            self.draw(signal, truths[name])
        timeline = Timeline(START, STEP_S, [START + d.step * STEP_S for d in deployments])
        return Service(timeline, list(signals.values()), truths, deployments)

    def plan(self) -> tuple[dict[str, Truth], dict[str, Signal]]:
        """Truths, and signals not yet drawn, by name."""
        subjects = [self._subject(i) for i in range(max(4, self._wanted // 25))]
        truths: dict[str, Truth] = {}
        signals: dict[str, Signal] = {}
        for i, subject in enumerate(subjects):
            truths[f"{subject.name} requests"] = subject.volume
            signals[f"{subject.name} requests"] = Signal(
                f"{subject.name} requests", "count", subject.name, "", "requests"
            )
            self._add_failures(subject, truths, signals)
            self._add_distribution(subject, "latency", truths, signals)
            for j in range((self._wanted - 3 * len(subjects)) // len(subjects) + 1):
                if len(signals) + 3 * (len(subjects) - i - 1) < self._wanted:
                    self._add_field(subject, j, truths, signals)
        return truths, signals

    def _pick(self, kind: str) -> float:
        return float(self.random.choice(self._deviation[kind]))

    def _subject(self, index: int) -> Subject:
        per_step = np.exp(self.random.uniform(np.log(10), np.log(100_000))) / HOUR
        usual = (
            np.log(per_step)
            + self.random.uniform(0.3, 1.0) * rhythm(self.random.normal(14, 2))
            + np.log(self.random.uniform(0.3, 1.0)) * weekend()
            + self._holiday
        )
        deviation, memory_h = self.random.uniform(0.03, 0.15), self.random.uniform(1, 8)
        walk = drift(self.random, deviation, memory_h)
        documents = self.random.poisson(np.exp(usual + walk)).astype(float)
        failing = np.zeros(STEPS)
        for at, length, size in self._failures:
            if self.random.random() < 1 / 3:
                failing[at : at + length] += size
        for at in self.random.integers(0, STEPS, 0 if self._calm else self.random.poisson(DAYS / 2)):
            failing[at] += self.random.uniform(1, 2.5)
        volume = Truth("volume", usual, walk, deviation, memory_h, documents)
        load = usual + walk
        return Subject(f"GET /r{index}", volume, failing, self._under_load * (load - load.mean()))

    def _add_failures(self, subject: Subject, truths: dict[str, Truth], signals: dict[str, Signal]) -> None:
        name = f"{subject.name} status 5xx"
        usual = self.random.uniform(np.log(1e-5), np.log(1e-2)) + subject.failing + subject.loaded
        deviation, memory_h = self._pick("rate"), self.random.uniform(1, 12)
        walk = drift(self.random, deviation, memory_h)
        truths[name] = Truth("rate", usual, walk, deviation, memory_h, subject.volume.documents)
        signals[name] = Signal(name, "rate", subject.name, "", "status 5xx", more_is_worse=True)

    def _add_distribution(
        self, subject: Subject, statistic: str, truths: dict[str, Truth], signals: dict[str, Signal], path: str = ""
    ) -> None:
        name = " ".join(filter(None, [subject.name, path, statistic]))
        deviation, memory_h = self._pick("level"), self.random.uniform(1, 12)
        timing = statistic == "latency"
        usual = np.full(STEPS, self.random.uniform(np.log(5), np.log(500)))
        usual += self.random.uniform(0, 0.15) * rhythm(14)
        if timing:
            usual = usual + 0.1 * np.minimum(subject.failing, 3) + subject.loaded
        truths[name] = Truth(
            "level", usual, drift(self.random, deviation, memory_h), deviation, memory_h, subject.volume.documents,
            spread=self.random.uniform(0.3, 0.9),
        )  # fmt: skip
        unit = "ms" if timing else ""
        signals[name] = Signal(name, "distribution", subject.name, path, statistic, unit, timing)

    def _add_field(self, subject: Subject, index: int, truths: dict[str, Truth], signals: dict[str, Signal]) -> None:
        path = f"f{index}"
        choice = self.random.random()
        if choice < 0.04:
            self._add_distribution(subject, "value", truths, signals, path)
            return
        deviation, memory_h = self._pick("rate"), self.random.uniform(1, 12)
        if choice < 0.10:
            name, kind, odds = f"{subject.name} {path} mix", "share", self.random.uniform(-1.5, 1)
            signals[name] = Signal(name, "mix", subject.name, path, "mix")
        else:
            statistic = str(self.random.choice(["null", "missing", "true", "type string", "looks like email"]))
            low, high = {"null": (-9, -1), "true": (-3, 3), "missing": (-6, 0)}.get(statistic, (-7, 7))
            name, kind, odds = f"{subject.name} {path} {statistic}", "rate", self.random.uniform(low, high)
            signals[name] = Signal(name, "rate", subject.name, path, statistic)
        usual = odds + self.random.choice([0, 0, 0.1, 0.3]) * rhythm(self.random.uniform(0, 24))
        walk = drift(self.random, deviation, memory_h)
        truths[name] = Truth(kind, usual, walk, deviation, memory_h, subject.volume.documents)

    def deploy(self, truths: dict[str, Truth]) -> list[Deployment]:
        """About three on a working day between 8 and 18 h, two hours apart; three in five change nothing."""
        deployments: list[Deployment] = []
        names = list(truths)
        for day in range(2, DAYS - 1):
            if weekend()[day * DAY]:
                continue
            hours = np.sort(self.random.uniform(8, 18, 3))
            for hour in hours:
                step = day * DAY + int(hour * HOUR)
                if deployments and step - deployments[-1].step < 2 * HOUR:
                    continue
                deployment = Deployment(step)
                if self.random.random() > 0.6:
                    for name in self.random.choice(names, self.random.integers(1, 6), replace=False):
                        deployment.effects[str(name)] = self._effect(truths[str(name)], step)
                deployments.append(deployment)
        return deployments

    def _effect(self, truth: Truth, step: int) -> float:
        """Kept for good."""
        move = self.size_of(truth)
        truth.effect[step:] += move
        return move

    def size_of(self, truth: Truth) -> float:
        """A move from hardly visible to drastic."""
        size = float(np.exp(self.random.uniform(np.log(0.2), np.log(2.5))))
        if truth.kind in ("volume", "level"):
            size *= 0.4
        # Errors and nulls rather come than go.
        return size if self.random.random() < 0.75 else -size

    def draw(self, signal: Signal, truth: Truth) -> None:
        """Samples the signal's steps from its truth."""
        at = truth.usual + truth.drift + truth.effect
        documents = truth.documents
        if truth.kind == "volume":
            # Contents were drawn on the volume before any effect; the volume itself shows it.
            moved = np.exp(truth.effect)
            kept = self.random.poisson(documents * np.maximum(moved - 1, 0))
            signal.values = np.where(moved >= 1, documents + kept, self.random.binomial(
                documents.astype(int), np.minimum(moved, 1)
            )).astype(float)  # fmt: skip
            return
        signal.weights = documents
        if truth.kind == "rate":
            share = 1 / (1 + np.exp(-at))
            signal.numerators = self.random.binomial(documents.astype(int), share).astype(float)
        elif truth.kind == "share":
            first = 1 / (1 + np.exp(-at))
            shares = np.stack([first, (1 - first) * 0.5, (1 - first) * 0.3, (1 - first) * 0.2], axis=1)
            signal.counts = self.random.multinomial(documents.astype(int), shares).astype(float)
        else:
            signal.buckets, signal.scale = BUCKETS, SCALE
            signal.counts = self._histograms(at, truth)

    def _histograms(self, at: Array, truth: Truth) -> Array:
        """Log-normal values, counted in buckets: the normal distribution between their edges."""
        edges = BUCKETS[1:] * np.log(2) / 2**SCALE
        z = (edges[None, :] - at[:, None]) / truth.spread
        below = normal_cdf(z)
        shares = np.diff(np.concatenate([np.zeros((len(at), 1)), below, np.ones((len(at), 1))], axis=1), axis=1)
        shares = np.maximum(shares, 0)
        shares /= shares.sum(axis=1, keepdims=True)
        return self.random.multinomial(truth.documents.astype(int), shares).astype(float)


def normal_cdf(z: Array) -> Array:
    return np.asarray(ndtr(z))


def make_service(seed: int, signals: int) -> Service:
    return Maker(seed, signals).service()
