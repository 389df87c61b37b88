"""whylogs profiles flat rows: an object's members, nested ones by dotted name. Each object of a list is a row."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.update(WHYLOGS_NO_ANALYTICS="True", DO_NOT_TRACK="1")  # it reports its use to its makers

import orjson
from whylogs.core import DatasetProfile

TITLE = "whylogs on orjson"
COLD = False


class Rows:
    def __init__(self) -> None:
        self.profiles: dict[str, DatasetProfile] = {}

    def observe(self, body: bytes) -> None:
        self._track("", orjson.loads(body))

    def _track(self, subject: str, document: dict[str, Any]) -> None:
        row: dict[str, Any] = {}
        self._flatten(subject, "", document, row)
        self.profiles.setdefault(subject, DatasetProfile()).track(row=row)

    def _flatten(self, subject: str, prefix: str, members: dict[str, Any], row: dict[str, Any]) -> None:
        for key, value in members.items():
            if isinstance(value, dict):
                self._flatten(subject, f"{prefix}{key}.", value, row)
            elif isinstance(value, list):
                for item in value:
                    self._track(f"{subject}{prefix}{key}[]", item)
            else:
                row[prefix + key] = value


def observer() -> Callable[[bytes], object]:
    return Rows().observe
