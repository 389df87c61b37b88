"""A canary: for the whole look both versions run, each on instances of its own that differ among themselves.

Who asks which instance is left to chance, drift and failures reach all of them, and an instance keeps what sets it
apart. The past is that of the version before on all instances.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from generator.service import DAY, HOUR, SCALE, START, STEP_S, Array, Maker, Truth
from rivals import benjamini_hochberg
from series import Judge, Signal, Timeline, changed_signals, text_of

SIGNALS = 100
INSTANCES = 10
# Between instances of one version, of log odds or of the logarithm of values. A guess: nobody publishes any.
SPREADS = {"rate": [0, 0.03, 0.1, 0.2], "share": [0, 0.03, 0.1], "level": [0.02, 0.05, 0.1]}
LOAD_SPREAD = 0.1  # of the logarithm of an instance's traffic
DOUBT = 4  # as the judge's own tests have it (shares.cc)
TIMELINE = Timeline(START, STEP_S)


@dataclass
class Canary:
    at: int
    effects: dict[str, float]
    new: dict[str, Signal]  # with the past
    earlier: dict[str, Signal]  # with the past, too
    spreads: dict[str, float]  # of the difference of both, as a standard deviation


def canaries(seed: int, spread: float) -> list[Canary]:
    """One on each of the last seven days of one service, on one to five instances of ten; three in five change
    nothing. `spread` multiplies what sets instances apart."""
    maker = Maker(seed, SIGNALS)
    truths, signals = maker.plan()
    for name, signal in signals.items():
        maker.draw(signal, truths[name])
    return [_canary(maker, truths, signals, day, spread) for day in range(8, 15)]


def _canary(maker: Maker, truths: dict[str, Truth], signals: dict[str, Signal], day: int, spread: float) -> Canary:
    random = maker.random
    at = day * DAY + int(random.uniform(8, 18) * HOUR)
    look = slice(at, at + HOUR)
    count = int(random.integers(1, INSTANCES // 2 + 1))
    instance_spreads = {
        name: spread * float(random.choice(SPREADS[truth.kind])) if truth.kind in SPREADS else 0.0
        for name, truth in truths.items()
    }  # fmt: skip
    made = Canary(at, {}, {}, {}, {})
    if random.random() > 0.6:
        contents = [name for name in signals if truths[name].kind != "volume"]
        for name in random.choice(contents, random.integers(1, 6), replace=False):
            made.effects[str(name)] = maker.size_of(truths[str(name)])
    traffic: dict[str, list[Array]] = {}
    for name, signal in signals.items():
        truth = truths[name]
        if signal.subject not in traffic:
            traffic[signal.subject] = _shared(random, truth.documents[look])
        apart = _apart(random, count) * instance_spreads[name]
        parts = []
        for i, documents in enumerate(traffic[signal.subject]):
            own = replace(
                truth, usual=truth.usual[look] + apart[i], drift=truth.drift[look], documents=documents,
                effect=np.full(HOUR, made.effects.get(name, 0.0) if i < count else 0.0),
            )  # fmt: skip
            parts.append(replace(signal))
            maker.draw(parts[-1], own)
        made.new[name] = _followed(signal, at, parts[:count])
        made.earlier[name] = replace(_followed(signal, at, parts[count:]), earlier=True)
        made.spreads[name] = instance_spreads[name] * float(np.sqrt(1 / count + 1 / (INSTANCES - count)))
    return made


def _shared(random: np.random.Generator, documents: Array) -> list[Array]:
    """The documents of each instance."""
    load = np.exp(random.normal(size=INSTANCES) * LOAD_SPREAD)
    return list(random.multinomial(documents.astype(int), load / load.sum()).T.astype(float))


def _apart(random: np.random.Generator, count: int) -> Array:
    """What sets each instance apart: the new ones first, then those that are left of the ones the past is about."""
    old = random.normal(size=INSTANCES)
    return np.r_[random.normal(size=count), (old - old.mean())[count:]]


def _followed(past: Signal, at: int, parts: list[Signal]) -> Signal:
    """The past, and from `at` on what these instances saw."""
    held: dict[str, Any] = {}
    for key in ("values", "numerators", "weights", "counts"):
        if (before := getattr(past, key)) is not None:
            held[key] = np.concatenate([before[:at], sum(getattr(part, key) for part in parts)])
    return replace(past, **held)


def found(judge: Judge, canary: Canary, look: str) -> set[str]:
    text = text_of(TIMELINE, [*canary.new.values(), *canary.earlier.values()])
    (answer,) = judge.ask(text, [TIMELINE.time_of(canary.at)], look)
    return set(changed_signals(answer))


def found_beside(canary: Canary) -> set[str]:
    """What the same minutes of both versions tell whoever knows the spread of instances; the past is not asked."""
    p = {
        name: _p_value(new, canary.earlier[name], slice(canary.at, None), canary.spreads[name])
        for name, new in canary.new.items()
        if new.kind != "count" and min(_documents(new, canary), _documents(canary.earlier[name], canary)) >= 30
    }
    return {name for name, flag in zip(p, benjamini_hochberg(list(p.values())), strict=True) if flag}


def _documents(signal: Signal, canary: Canary) -> float:
    return float(signal.weights[canary.at :].sum())


def _p_value(new: Signal, earlier: Signal, look: slice, spread: float) -> float:
    if new.kind == "distribution":
        return _p_of_levels(new, earlier, look, spread)
    events, documents = _tally(new, look)
    events_beside, documents_beside = _tally(earlier, look)
    share, beside = events / documents, events_beside / documents_beside
    least = 0.001 if new.kind == "rate" else 0.05
    moved = abs(share - beside) >= max(0.2 * min(share, beside, 1 - share, 1 - beside), least)
    few = max(min(events, documents - events), min(events_beside, documents_beside - events_beside)) < 5
    if not moved or few:
        return 1.0
    mean = (events_beside + 0.5) / (documents_beside + 1)
    correlation = mean * (1 - mean) * spread**2 + 1 / documents_beside
    categories = 1 if new.kind == "rate" else new.counts.shape[1]
    return min(1.0, DOUBT * categories * _two_sided(events, documents, mean, correlation))


def _tally(signal: Signal, look: slice) -> tuple[float, float]:
    events = signal.numerators[look] if signal.kind == "rate" else signal.counts[look, 0]
    return float(events.sum()), float(signal.weights[look].sum())


def _two_sided(events: float, documents: float, mean: float, correlation: float) -> float:
    """Beta-binomial mid-p, from 200 events on the normal distribution's."""
    expected = documents * mean
    if min(expected, documents - expected) > 200:
        variance = expected * (1 - mean) * (1 + (documents - 1) * correlation)
        return float(2 * stats.norm.sf(abs(events - expected) / np.sqrt(variance)))
    size = 1 / correlation - 1
    count = stats.betabinom(int(documents), mean * size, (1 - mean) * size)
    half = count.pmf(events) / 2
    return float(2 * min(count.sf(events) + half, count.cdf(events) - half))


def _p_of_levels(new: Signal, earlier: Signal, look: slice, spread: float) -> float:
    middles = (new.buckets + 0.5) * np.log(2) / 2**SCALE
    counts, beside = new.counts[look].sum(axis=0), earlier.counts[look].sum(axis=0)
    level, usual = (counts * middles).sum() / counts.sum(), (beside * middles).sum() / beside.sum()
    variance = (beside * (middles - usual) ** 2).sum() / beside.sum()
    move, quartile = abs(np.exp(level) - np.exp(usual)), 0.674 * np.sqrt(variance)
    latency = new.statistic == "latency"
    least = max(5, 0.1 * np.exp(usual)) if latency else 0.2 * np.sinh(quartile) * np.exp(usual)
    if move < least:
        return 1.0
    error = np.sqrt(variance * (1 / counts.sum() + 1 / beside.sum()) + spread**2)
    return float(min(1.0, DOUBT * 2 * 2 * stats.norm.sf(abs(level - usual) / error)))
