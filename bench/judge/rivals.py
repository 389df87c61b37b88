"""What others would say of the same steps: for each signal before and after, whether it is flagged.

Each is given what it is used to: the steps of the day before, and those of the look. The same-hour t-test is given the
same clock time of the seven days before. All run at 5 % over the family where they have a p (Benjamini and Hochberg).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

Array = np.ndarray[Any, np.dtype[np.float64]]

BUDGET = 0.05
KAYENTA_CONFIDENCE = 0.98
KAYENTA_TOLERANCE = 0.25
CUSUM_SLACK = 0.5
CUSUM_LIMIT = 5.0
PSI_LIMIT = 0.2


@dataclass
class Sides:
    before: Array  # steps of the day before
    after: Array
    same_hour: Array  # the level of the same clock time, one number a day

    @staticmethod
    def of(level: Array, at: int, look: int, day: int) -> Sides:
        def finite(values: Array) -> Array:
            return values[np.isfinite(values)]

        days = [finite(level[at - d * day : at - d * day + look]) for d in range(1, 8) if at - d * day >= 0]
        return Sides(
            finite(level[max(0, at - day) : at]), finite(level[at : at + look]),
            np.array([values.mean() for values in days if len(values)]),
        )  # fmt: skip


def benjamini_hochberg(p: Sequence[float]) -> list[bool]:
    values = np.nan_to_num(np.asarray(p), nan=1.0)
    order = np.argsort(values)
    passed = values[order] <= BUDGET * np.arange(1, len(values) + 1) / len(values)
    flagged = np.zeros(len(values), bool)
    if passed.any():
        flagged[order[: np.flatnonzero(passed)[-1] + 1]] = True
    return [bool(flag) for flag in flagged]


def welch(sides: Sides) -> float:
    if min(len(sides.before), len(sides.after)) < 2 or np.ptp(np.r_[sides.before, sides.after]) == 0:
        return 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # sides that are each constant
        return float(stats.ttest_ind(sides.before, sides.after, equal_var=False).pvalue)


def kolmogorov_smirnov(sides: Sides) -> float:
    if min(len(sides.before), len(sides.after)) < 2:
        return 1.0
    return float(stats.ks_2samp(sides.before, sides.after).pvalue)


def same_hour_t(sides: Sides) -> float:
    days = sides.same_hour
    if len(days) < 3 or len(sides.after) == 0:
        return 1.0
    error = days.std(ddof=1) * np.sqrt(1 + 1 / len(days))
    if error == 0:
        return 1.0 if sides.after.mean() == days.mean() else 0.0
    return float(2 * stats.t.sf(abs(sides.after.mean() - days.mean()) / error, len(days) - 1))


def kayenta(sides: Sides) -> bool:
    """Mann and Whitney's interval of the shift at 98 %, wholly beyond a quarter of the estimated shift."""
    n, m = len(sides.before), len(sides.after)
    if min(n, m) < 2:
        return False
    shifts = np.sort((sides.after[:, None] - sides.before[None, :]).ravel())
    z = stats.norm.ppf((1 + KAYENTA_CONFIDENCE) / 2)
    rank = int(max(0, np.floor(n * m / 2 - z * np.sqrt(n * m * (n + m + 1) / 12))))
    low, high, estimate = shifts[rank], shifts[n * m - 1 - rank], np.median(shifts)
    tolerance = KAYENTA_TOLERANCE * abs(estimate)
    return bool(low > tolerance or high < -tolerance)


def cusum(sides: Sides) -> bool:
    """Page's sums of standard deviations from the day before."""
    if len(sides.before) < 2 or sides.before.std() == 0:
        return False
    up = down = 0.0
    for z in (sides.after - sides.before.mean()) / sides.before.std():
        up = max(0.0, up + z - CUSUM_SLACK)
        down = max(0.0, down - z - CUSUM_SLACK)
        if max(up, down) > CUSUM_LIMIT:
            return True
    return False


def psi(sides: Sides) -> bool:
    """The population stability index over the deciles of the day before."""
    if min(len(sides.before), len(sides.after)) < 2:
        return False
    edges = np.unique(np.quantile(sides.before, np.arange(1, 10) / 10))
    shares = [
        np.maximum(np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) / len(side), 1e-4)
        for side in (sides.before, sides.after)
    ]
    return bool(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum() > PSI_LIMIT)


def _by_p(test: Callable[[Sides], float]) -> Callable[[list[Sides]], list[bool]]:
    return lambda family: benjamini_hochberg([test(sides) for sides in family])


def _by_rule(rule: Callable[[Sides], bool]) -> Callable[[list[Sides]], list[bool]]:
    return lambda family: [rule(sides) for sides in family]


# Name → the flags of a whole family.
RIVALS: dict[str, Callable[[list[Sides]], list[bool]]] = {
    "Welch + BH": _by_p(welch),
    "Mann–Whitney, Kayenta's rule": _by_rule(kayenta),
    "Kolmogorov–Smirnov + BH": _by_p(kolmogorov_smirnov),
    "CUSUM": _by_rule(cusum),
    "same-hour t-test + BH": _by_p(same_hour_t),
    "PSI > 0.2": _by_rule(psi),
}
