"""Which routes are left out, by patterns: ``/health``, ``GET /internal/*``, ``(unmatched)``.

A pattern without a method stands for every method; ``*`` stands for anything, slashes too. Patterns match the route's
template, never the path that a client sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fieldmark.routes import UNMATCHED

_PATTERN = re.compile(r"(?:(?:[A-Z]+|\(other\)|\*) )?[/*]\S*|" + re.escape(UNMATCHED))
_DECIDED_MAX = 4_096


def is_pattern(text: str) -> bool:
    return _PATTERN.fullmatch(text) is not None


class Filter:
    """Whether a route is left out. Decides once a name."""

    def __init__(self, include: Iterable[str], exclude: Iterable[str]) -> None:
        self._include = [_compiled(pattern) for pattern in include]
        self._exclude = [_compiled(pattern) for pattern in exclude]
        self._decided: dict[str, bool] = {}

    def leaves_out(self, route: str) -> bool:
        decided = self._decided.get(route)
        if decided is None:
            decided = self._decide(route)
            if len(self._decided) < _DECIDED_MAX:
                self._decided[route] = decided
        return decided

    def _decide(self, route: str) -> bool:
        def matches(patterns: list[re.Pattern[str]]) -> bool:
            return any(pattern.fullmatch(route) for pattern in patterns)

        return matches(self._exclude) or (bool(self._include) and not matches(self._include))


def _compiled(pattern: str) -> re.Pattern[str]:
    any_method = "" if " " in pattern or pattern == UNMATCHED else r"\S+ "
    return re.compile(any_method + ".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
