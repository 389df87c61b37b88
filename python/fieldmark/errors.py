"""What exceptions are called: types only, never their texts."""

from __future__ import annotations

from typing import Any


def type_name(error: BaseException) -> str:
    """Of the exception itself where a task group wraps it alone, as older Starlette does for streams."""
    return type(innermost(error)).__qualname__


def innermost(error: BaseException) -> BaseException:
    for _ in range(8):  # no more than anyone nests, and an end for a group that holds itself
        inside: Any = getattr(error, "exceptions", None)
        if not isinstance(inside, (tuple, list)) or len(inside) != 1 or not isinstance(inside[0], BaseException):
            break
        error = inside[0]
    return error
