"""What the package is where its extension cannot be loaded, as with a wheel of another system: an application must not
stop for that. Everything passes through; profiles, which somebody asks for, say what is wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from fieldmark.logs import logger

Function = TypeVar("Function")


def say(error: ImportError) -> None:
    logger.error("%s; this application runs without Fieldmark", reason(error))


def reason(error: ImportError) -> str:
    return f"loading fieldmark's extension: {error}; install the package for this very Python and system again"


class FieldmarkMiddleware:
    def __init__(self, app: Any, **_: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class LogCounter(logging.NullHandler):
    pass


def job(_: str) -> Callable[[Function], Function]:
    return lambda function: function


class Profile:
    def __init__(self, *_: Any, **__: Any) -> None:
        raise _missing()

    @classmethod
    def decode(cls, *_: Any, **__: Any) -> Profile:
        raise _missing()


def profile(*_: Any, **__: Any) -> Profile:
    raise _missing()


def _missing() -> ImportError:
    try:
        from fieldmark import _core  # noqa: F401
    except ImportError as error:
        return ImportError(reason(error))
    return ImportError("loading fieldmark's extension: it was not there at first; start the program again")
