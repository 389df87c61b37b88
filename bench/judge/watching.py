"""Between changes: how often a service on which nothing happens raises an alarm, and how soon a fault is found.

Generated services without deployments, in steps of five minutes as the server reads them; they are looked at as the
server looks, by `fieldmark judge --watch-from`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from generator.service import DAY, HOUR, START, STEP_S, STEPS, Array, Maker, Truth
from series import Incident, Judge, Signal, Timeline, text_of

FINE = 3  # steps of five minutes in one of the generator's
WEEK = 7 * DAY
WATCHED = 6 * HOUR  # after a fault
HAPPENED = 0.5  # of a log or log odds, between this hour and that of the week before


def fine(random: np.random.Generator, signal: Signal) -> Signal:
    """The same counts, each quarter of an hour's thrown into three parts at random."""

    def parts(whole: Array) -> Array:
        first = random.binomial(whole.astype(int), 1 / 3)
        second = random.binomial(whole.astype(int) - first, 1 / 2)
        three = np.stack([first, second, whole.astype(int) - first - second], axis=1)
        return np.asarray(three.reshape(-1, *whole.shape[1:]), float)

    if signal.numerators is not None and signal.weights is not None:
        events, others = parts(signal.numerators), parts(signal.weights - signal.numerators)
        return replace(signal, numerators=events, weights=events + others)
    if signal.counts is not None:
        counts = parts(signal.counts)
        return replace(signal, counts=counts, weights=counts.sum(axis=1))
    assert signal.values is not None
    return replace(signal, values=parts(signal.values))


def watched(
    judge: Judge, maker: Maker, signals: dict[str, Signal], truths: dict[str, Truth], span: tuple[int, int], late_s: int
) -> list[Incident]:
    """What looks in the generator's steps `span` find. Looks come at quarters; `late_s` moves the data against them."""
    lines = []
    for name, signal in signals.items():
        maker.draw(signal, truths[name])
        lines.append(fine(maker.random, signal).until(span[1] * FINE))
    timeline = Timeline(START + late_s, STEP_S // FINE)
    return judge.watch(text_of(timeline, lines), START + late_s + span[0] * STEP_S)


def step_of(time: str) -> int:
    return int(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() - START) // STEP_S


def happened(truth: Truth, found: int) -> bool:
    """Whether the signal itself was elsewhere than a week before, in the five quarters before it was found."""
    now = np.arange(found - 5, min(found + 1, STEPS))
    return bool(np.abs(truth.usual[now] - truth.usual[now - WEEK]).max() > HAPPENED)


def alarms(judge: Judge, seed: int, signals: int, calm: bool) -> tuple[int, int]:
    """False alarms of a week, and those at which something did happen. Incidents found at once are one alarm."""
    maker = Maker(seed, signals, calm)
    truths, drawn = maker.plan()
    incidents = watched(judge, maker, drawn, truths, (STEPS - WEEK, STEPS), 0)
    moments: dict[str, bool] = {}
    for incident in incidents:
        real = happened(truths[incident["signal"]], step_of(incident["found_at"]))
        moments[incident["found_at"]] = moments.get(incident["found_at"], False) or real
    return sum(not real for real in moments.values()), sum(moments.values())


def logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


# By what ends the signal's name, its usual value if that is to be set, and the move of its transform.
FAULTS: dict[str, tuple[str, float | None, float]] = {
    "errors 1 → 1.5 %": ("status 5xx", logit(0.01), logit(0.015) - logit(0.01)),
    "errors 1 → 3 %": ("status 5xx", logit(0.01), logit(0.03) - logit(0.01)),
    "a field turns null": (" null", logit(0.01), logit(0.99) - logit(0.01)),
    "latency × 2": (" latency", None, float(np.log(2))),
}


def minutes_to_detection(judge: Judge, seed: int, fault: str, an_hour: float) -> float | None:
    """After a fault of the route whose traffic is nearest to so many requests an hour; None within six hours."""
    ending, usual, move = FAULTS[fault]
    maker = Maker(seed, 50, calm=True)
    truths, signals = maker.plan()
    at = STEPS - DAY - int(maker.random.integers(0, DAY))

    def distance(name: str) -> float:
        return float(abs(np.log(truths[name].documents[at : at + HOUR].sum() / an_hour + 1e-9)))

    name = min((name for name in signals if name.endswith(ending)), key=distance)
    factor = an_hour / max(1.0, truths[name].documents[at : at + HOUR].sum())
    _scale_traffic(maker, signals[name].subject, signals, truths, factor)
    if usual is not None:
        truths[name].usual = np.full(STEPS, usual)
    truths[name].effect[at:] += move
    late_s = int(maker.random.integers(0, FINE)) * STEP_S // FINE
    found = watched(judge, maker, signals, truths, (at - HOUR, at + WATCHED), late_s)
    began = START + late_s + at * STEP_S
    times = [datetime.fromisoformat(one["found_at"].replace("Z", "+00:00")).timestamp() for one in found
             if name in (one["signal"], *one["also"])]  # fmt: skip
    after = [time for time in times if time > began]
    return (min(after) - began) / 60 if after else None


def _scale_traffic(
    maker: Maker, subject: str, signals: dict[str, Signal], truths: dict[str, Truth], factor: float
) -> None:
    volume = truths[f"{subject} requests"]
    volume.usual = volume.usual + np.log(factor)
    documents = maker.random.poisson(np.exp(volume.usual + volume.drift)).astype(float)
    for name, signal in signals.items():
        if signal.subject == subject:
            truths[name].documents = documents
