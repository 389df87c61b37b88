"""Logs as a signal: how many records of which kind, so that a new error shows as new.

A record's kind is its level and its template, the text before arguments are put in; with an exception also the type
and the function that raised it. Texts that may hold values are never taken: where a text is no constant of the code
that logs, the kind names the place instead.
"""

from __future__ import annotations

import logging
import sys
from types import FrameType, TracebackType

from fieldmark.agent import agent_of_process, orphaned
from fieldmark.errors import innermost
from fieldmark.logs import logger as own_logger
from fieldmark.settings import SettingsError

TEMPLATE_CHARACTERS_MAX = 160
LOGGERS_MAX = 64  # of 256 subjects that a process may have; further ones count as one
_FRAMES_MAX = 32  # from the handler out to who wrote the text: logging's own, and wrappers of the application
_TEMPLATES_MAX = 4_096


class LogCounter(logging.Handler):
    """Counts records: ``logging.getLogger().addHandler(fieldmark.LogCounter())``, or by name in a dictConfig.

    level: from which on records count. Settings are the watched application's, else those of ``FIELDMARK_*``.
    """

    def __init__(self, level: int | str = logging.WARNING) -> None:
        super().__init__(level)
        self._loggers: set[str] = set()
        self._templates: set[str] = set()  # that were found to be constants

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises, and never logs but through our own logger, which it does not count."""
        if record.name == own_logger.name or record.name.startswith(f"{own_logger.name}."):
            return
        try:
            agent = agent_of_process()
        except SettingsError:
            return  # the middleware and jobs say so
        except Exception as fault:
            orphaned.add(fault)
            return
        if agent is None:
            return
        try:
            if not agent.started:
                agent.start()
            agent.recorder.event(self._subject(record.name), self._kind(record), int(record.created * 1000))
        except Exception as fault:
            agent.fault(fault)

    def _subject(self, name: str) -> str:
        if name not in self._loggers:
            if len(self._loggers) >= LOGGERS_MAX:
                return "log (other)"
            self._loggers.add(name)
        return f"log {name}"

    def _kind(self, record: logging.LogRecord) -> str:
        kind = f"{record.levelname} {self._template(record) or f'{record.module}:{record.lineno}'}"
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            error = innermost(error)
            kind += f" · {type(error).__qualname__}{_raised_in(error.__traceback__)}"
        return kind

    def _template(self, record: logging.LogRecord) -> str | None:
        """None for a text that may have been put together: without arguments, or not written down in the code."""
        text = record.msg
        if not record.args or not isinstance(text, str):
            return None
        if text not in self._templates:
            if not _is_constant(text):
                return None
            if len(self._templates) < _TEMPLATES_MAX:
                self._templates.add(text)
        return " ".join(text.split())[:TEMPLATE_CHARACTERS_MAX]


def _is_constant(text: str) -> bool:
    """Whether the code that led here has this very text in its source."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_FRAMES_MAX):
        if frame is None:
            return False
        if text in frame.f_code.co_consts:
            return True
        frame = frame.f_back
    return False


def _raised_in(traceback: TracebackType | None) -> str:
    """The innermost function, without its line: that moves with every edit above it."""
    if traceback is None:
        return ""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    frame = traceback.tb_frame
    name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
    return f" in {frame.f_globals.get('__name__', '?')}.{name}"
