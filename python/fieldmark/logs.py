"""What Fieldmark tells the application's operator: little, and never a payload's value."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger("fieldmark")

SECONDS_BETWEEN_LINES = 60.0


class Limited:
    """At most one line a minute of its kind; says how many it kept back."""

    def __init__(self) -> None:
        self._next_at = 0.0
        self._kept_back = 0

    def warning(self, text: str) -> None:
        now = time.monotonic()
        if now < self._next_at:
            self._kept_back += 1
            return
        again = f" ({self._kept_back} more since the last such line)" if self._kept_back else ""
        self._next_at = now + SECONDS_BETWEEN_LINES
        self._kept_back = 0
        logger.warning("%s%s", text, again)
