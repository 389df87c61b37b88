"""Single questions with one right answer: a known change of a known size in a family that otherwise stays as it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from generator.service import DAY, HOUR, START, STEP_S, STEPS, Deployment, Maker, Truth, drift
from series import Judge, Signal, Timeline, changed_signals, text_of

NULLS_FAMILY = 50
TIMELINE = Timeline(START, STEP_S)


def moment(random: np.random.Generator) -> int:
    """A step in the working hours of the last day."""
    return 14 * DAY + int(random.uniform(8, 18) * HOUR)


def rates(
    maker: Maker, size: int, odds: float, deviation: float, an_hour: float, statistic: str
) -> list[tuple[Signal, Truth]]:
    held = []
    for i in range(size):
        name = f"POST /orders request f{i} {statistic}"
        documents = maker.random.poisson(an_hour / HOUR, STEPS).astype(float)
        memory_h = maker.random.uniform(1, 12)
        walk = drift(maker.random, deviation, memory_h)
        truth = Truth("rate", np.full(STEPS, odds), walk, deviation, memory_h, documents)
        held.append((Signal(name, "rate", "POST /orders request", f"f{i}", statistic), truth))
    return held


def asked(judge: Judge, maker: Maker, family: list[tuple[Signal, Truth]], at: int, look: str) -> list[str]:
    """Signals found Changed at `at`, after drawing all of them."""
    for signal, truth in family:
        maker.draw(signal, truth)
    (answer,) = judge.ask(text_of(TIMELINE, [signal for signal, _ in family]), [TIMELINE.time_of(at)], look)
    return changed_signals(answer)


def nulls_found(judge: Judge, seed: int, deviation: float, look: str) -> bool:
    """Nulls 1 → 2 % at 10 000 documents an hour."""
    maker = Maker(seed, 0, calm=True)
    family = rates(maker, NULLS_FAMILY, np.log(0.01 / 0.99), deviation, 10_000, "null")
    at = moment(maker.random)
    family[0][1].effect[at:] += np.log(0.02 / 0.98) - np.log(0.01 / 0.99)
    return family[0][0].name in asked(judge, maker, family, at, look)


def type_flip_found(judge: Judge, seed: int, look: str) -> bool:
    """A type never seen before in 1 % of 10 000 documents an hour."""
    maker = Maker(seed, 0, calm=True)
    family = rates(maker, NULLS_FAMILY, -40, 0.1, 10_000, "type string")
    at = moment(maker.random)
    family[0][1].effect[at:] += 40 + np.log(0.01 / 0.99)
    return family[0][0].name in asked(judge, maker, family, at, look)


def unit_found(judge: Judge, seed: int, factor: float, look: str) -> bool:
    """Values times a constant, among all signals of a service."""
    maker = Maker(seed, 100)
    truths, signals = maker.plan()
    value = next(name for name in signals if name.endswith(" latency"))
    signals[value].unit = ""
    at = moment(maker.random)
    truths[value].effect[at:] += np.log(factor)
    family = [(signals[name], truths[name]) for name in signals]
    return value in asked(judge, maker, family, at, look)


def reach_found(judge: Judge, seed: int, look: str) -> Iterator[tuple[str, bool]]:
    """Whether a move as large as the verdict said it could have seen is found, signal by signal: (kind, found)."""
    maker = Maker(seed, 100, calm=True)
    truths, signals = maker.plan()
    at = moment(maker.random)
    change = [TIMELINE.time_of(at)]
    for name in list(signals)[::4]:
        signal, truth = signals[name], truths[name]
        maker.draw(signal, truth)
        (answer,) = judge.ask(text_of(TIMELINE, [signal]), change, look)
        reach = answer["could_have_seen"]
        if answer["state"] != "no_change" or reach >= 1:
            continue
        if truth.kind in ("volume", "level"):
            truth.effect[at:] += np.log1p(reach)
        else:
            share = 1 / (1 + np.exp(-(truth.usual + truth.drift)[at:]))
            moved = np.clip(share + (reach if np.median(share) <= 0.5 else -reach), 1e-9, 1 - 1e-9)
            truth.effect[at:] += np.log(moved / (1 - moved)) - np.log(share / (1 - share))
        maker.draw(signal, truth)
        (answer,) = judge.ask(text_of(TIMELINE, [signal]), change, look)
        yield truth.kind, name in changed_signals(answer)


def under_load(judge: Judge, seed: int, power: float, look: str) -> Iterator[tuple[Deployment, list[str]]]:
    """Deployments that move latencies, of a service whose latencies and failures grow as this power of a route's load,
    and what is called Changed of these and of requests."""
    maker = Maker(seed, 300, under_load=power)
    truths, signals = maker.plan()
    kept = {name: signal for name, signal in signals.items() if not signal.field}
    maker.random = np.random.default_rng([seed, 1])  # the same deployments under any load
    deployments = maker.deploy({name: truths[name] for name, signal in kept.items() if signal.statistic == "latency"})
    for name, signal in kept.items():
        maker.draw(signal, truths[name])
    judged = [held for held in deployments if 6 * DAY <= held.step <= STEPS - HOUR]
    timeline = Timeline(START, STEP_S, [TIMELINE.time_of(held.step) for held in deployments])
    answers = judge.ask(text_of(timeline, kept.values()), [TIMELINE.time_of(held.step) for held in judged], look)
    yield from zip(judged, map(changed_signals, answers), strict=True)
