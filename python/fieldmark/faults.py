"""Faults of Fieldmark's own: the application never sees one, its operator a line a minute, the server how many."""

from __future__ import annotations

from fieldmark.logs import Limited


class Faults:
    """Of one agent in one process. Safe for use by several threads at once; nothing here raises."""

    def __init__(self) -> None:
        self.total = 0
        self._told = 0  # of them, to the server
        self._limited = Limited()

    def add(self, error: BaseException) -> None:
        self.total += 1
        try:
            self._limited.warning(
                f"watching: a fault of Fieldmark's own, {type(error).__name__}; "
                f"the application is not affected ({self.total} so far)"
            )
        except Exception:  # a logging handler of the host's
            return

    def untold(self) -> int:
        return self.total - self._told

    def told(self, count: int) -> None:
        self._told += count
