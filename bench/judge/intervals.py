"""Rates with intervals that know that moments of one half day, or of one service, are not independent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

import numpy as np

RESAMPLES = 2000


class Tally:
    """So many of so many, by cluster."""

    def __init__(self) -> None:
        self._clusters: dict[Hashable, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(self, cluster: Hashable, hit: bool | float, of: float = 1) -> None:
        held = self._clusters[cluster]
        held[0] += float(hit)
        held[1] += of

    @property
    def count(self) -> float:
        return sum(of for _, of in self._clusters.values())

    @property
    def rate(self) -> float:
        return sum(hits for hits, _ in self._clusters.values()) / max(1e-12, self.count)

    def interval(self) -> tuple[float, float]:
        """95 %: clusters drawn with replacement; where none or all were hit, the rule of three over clusters."""
        held = np.array(list(self._clusters.values()))
        if len(held) == 0:
            return 0.0, 1.0
        random = np.random.default_rng(1)
        drawn = held[random.integers(0, len(held), (RESAMPLES, len(held)))].sum(axis=1)
        low, high = np.quantile(drawn[:, 0] / np.maximum(drawn[:, 1], 1e-12), [0.025, 0.975])
        if self.rate == 0:
            high = min(1.0, 3 / len(held))
        if self.rate == 1:
            low = max(0.0, 1 - 3 / len(held))
        return float(low), float(high)

    def __str__(self) -> str:
        if self.count == 0:
            return "–"
        low, high = self.interval()
        return f"{self.rate:.3f} [{low:.3f}, {high:.3f}] of {self.count:.0f}"
