"""What a team writes by hand first: per field how often it was there, of which types, and the ends of its numbers."""

from __future__ import annotations

from typing import Any


class Tally:
    def __init__(self) -> None:
        self.types: dict[tuple[str, type], int] = {}
        self.ends: dict[str, tuple[float, float]] = {}

    def count(self, document: Any) -> None:
        self._walk("", document)

    def _walk(self, path: str, value: Any) -> None:
        kind = type(value)
        self.types[path, kind] = self.types.get((path, kind), 0) + 1
        if kind is dict:
            for key, member in value.items():
                self._walk(f"{path}.{key}", member)
        elif kind is list:
            for item in value:
                self._walk(f"{path}[]", item)
        elif kind is int or kind is float:
            low, high = self.ends.get(path, (value, value))
            self.ends[path] = (min(low, value), max(high, value))
