"""What could be found at best: a judge that knows rhythm, failures and each drift up to the moment of the change.

Only sampling and the drift's own way from there on are left to chance. Same family, same adjustment, same budget.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from generator.service import SCALE, STEP_S, Service, Truth
from rivals import benjamini_hochberg
from series import Signal

Array = np.ndarray[Any, np.dtype[np.float64]]


def drift_ahead(truth: Truth, step: int, look: int) -> tuple[Array, float]:
    """The drift expected in each step of the look, and the variance of its mean around that."""
    keep = np.exp(-STEP_S / 3600 / truth.memory_h)
    expected = truth.drift[step - 1] * keep ** np.arange(1, look + 1)
    sums = np.array([(keep ** np.arange(look - j)).sum() / look for j in range(look)])
    return expected, float(truth.deviation**2 * (1 - keep**2) * (sums**2).sum())


def p_value(signal: Signal, truth: Truth, step: int, look: int) -> float:
    window = slice(step, step + look)
    ahead, variance = drift_ahead(truth, step, look)
    # What earlier deployments did is known; what this one did is the question.
    usual = truth.usual[window] + ahead + truth.effect[step - 1]
    documents = truth.documents[window]
    if truth.kind == "volume":
        return _counts(float(signal.values[window].sum()), float(np.exp(usual).sum()), variance)
    if truth.kind == "level":
        middles = (signal.buckets + 0.5) * np.log(2) / 2**SCALE
        count = max(1.0, float(documents.sum()))
        seen = (signal.counts[window] * middles).sum() / count
        expected = (usual * documents).sum() / count
        error = np.sqrt(variance + truth.spread**2 / count)
        return float(2 * stats.norm.sf(abs(seen - expected) / error))
    events = float((signal.numerators[window] if truth.kind == "rate" else signal.counts[window, 0]).sum())
    share = 1 / (1 + np.exp(-usual))
    total, expected_events = float(documents.sum()), float((documents * share).sum())
    if expected_events > total / 2:  # the rarer outcome is the one that tells
        events, expected_events = total - events, total - expected_events
    rarer = expected_events / max(total, 1)
    return _counts(events, expected_events, variance * (1 - rarer) ** 2, thinned=1 - rarer)


def moved_enough(signal: Signal, truth: Truth, step: int, look: int) -> bool:
    """Whether what was seen is as far from what was expected as the judge's minimum effects ask."""
    window = slice(step, step + look)
    ahead, _ = drift_ahead(truth, step, look)
    usual = truth.usual[window] + ahead + truth.effect[step - 1]
    documents = truth.documents[window]
    count = max(1.0, float(documents.sum()))
    if truth.kind == "volume":
        return abs(float(signal.values[window].sum()) / float(np.exp(usual).sum()) - 1) >= 0.05
    if truth.kind == "level":
        middles = (signal.buckets + 0.5) * np.log(2) / 2**SCALE
        expected = float(np.exp((usual * documents).sum() / count))
        move = abs(float(np.exp((signal.counts[window] * middles).sum() / count)) - expected)
        quartiles = np.exp(truth.spread * stats.norm.ppf([0.25, 0.75])) * expected
        if signal.statistic == "latency":
            return bool(move >= max(5, 0.1 * expected))
        return bool(move >= 0.1 * (quartiles[1] - quartiles[0]))
    events = float((signal.numerators[window] if truth.kind == "rate" else signal.counts[window, 0]).sum())
    share, expected = events / count, float((documents / (1 + np.exp(-usual))).sum()) / count
    smaller = min(share, expected, 1 - share, 1 - expected)
    return abs(share - expected) >= max(0.2 * smaller, 0.001 if truth.kind == "rate" else 0.05)


def _counts(events: float, expected: float, variance: float, thinned: float = 1.0) -> float:
    """Two-sided mid-p of a count with this mean, whose logarithm varies by `variance`."""
    if expected <= 0:
        return 1.0
    if expected > 200:
        error = np.sqrt(thinned / expected + variance)
        return float(2 * stats.norm.sf(abs(np.log(max(events, 0.5) / expected)) / error))
    size = 1 / max(np.expm1(variance), 1e-9)
    negative = stats.nbinom(size, size / (size + expected))
    half = negative.pmf(events) / 2
    return float(min(1.0, 2 * min(negative.sf(events) + half, negative.cdf(events) - half)))


def found(service: Service, step: int, look: int) -> set[str]:
    names = [signal.name for signal in service.signals]
    p = [p_value(signal, service.truths[signal.name], step, look) for signal in service.signals]
    return {name for name, flag in zip(names, benjamini_hochberg(p), strict=True) if flag}
