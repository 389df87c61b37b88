"""What exceptions are called, and where they found data invalid: types and locations only, never texts or values."""

from __future__ import annotations

import json
import sys
from typing import Any

_ERRORS_MAX = 1000  # of one exception: a response that is a list has one an item


def type_name(error: BaseException) -> str:
    """Of the exception itself where a task group wraps it alone, as older Starlette does for streams."""
    return type(innermost(error)).__qualname__


def validation_errors(error: BaseException) -> bytes | None:
    """Of FastAPI's own exceptions, as an answer to an invalid request lists them; None of any other.

    Most never come this far, since FastAPI answers them; that a response is not what was declared does.
    """
    fastapi = sys.modules.get("fastapi.exceptions")
    kind = getattr(fastapi, "ValidationException", None)
    error = innermost(error)
    if kind is None or not isinstance(error, kind):
        return None
    details = [{"loc": each["loc"], "type": each["type"]} for each in error.errors()[:_ERRORS_MAX]]
    return json.dumps({"detail": details}).encode()


def innermost(error: BaseException) -> BaseException:
    for _ in range(8):  # no more than anyone nests, and an end for a group that holds itself
        inside: Any = getattr(error, "exceptions", None)
        if not isinstance(inside, (tuple, list)) or len(inside) != 1 or not isinstance(inside[0], BaseException):
            break
        error = inside[0]
    return error
