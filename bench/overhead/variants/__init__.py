"""What is compared, a file each. ``TITLE`` names it; ``install(build)`` builds the application and gives what a server
would serve. Each runs in a process of its own. Where there is a ``check(driven)``, it is told in the end how many
requests each route had."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

ASGIApp = Callable[[Any, Any, Any], Any]


def load(name: str) -> ModuleType:
    return importlib.import_module(f"variants.{name}")


def names() -> list[str]:
    """The two that others are compared with first; those whose packages are not installed are left out."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    usable = []
    for name in sorted(found, key=lambda name: (name != "bare", name != "noop", name != "ours", name)):
        try:
            load(name)
        except ImportError as error:
            print(f"left out {name}: {error}", file=sys.stderr)
        else:
            usable.append(name)
    return usable
