"""The name of the route that served a request, read from its scope after the application ran; never the raw path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNMATCHED = "(unmatched)"
WEBSOCKET = "WEBSOCKET"  # stands for the method, which a handshake does not have

# Others reach an application only where a client made them up: they must not make names.
_METHODS = frozenset(
    {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "QUERY", WEBSOCKET}
)


def route_of(scope: Mapping[str, Any]) -> str:
    """``POST /orders/{id}``, ``WEBSOCKET /feed``, or ``(unmatched)``.

    The extension remembers it by ``route``, ``fastapi``'s ``effective_route_context`` and ``method``, where there is no
    ``app_root_path``: nothing else of the scope may then have a say.
    """
    template = _template(scope)
    if template is None:
        return UNMATCHED
    method = scope.get("method", WEBSOCKET)
    return f"{method if method in _METHODS else '(other)'} {template}"


def _template(scope: Mapping[str, Any]) -> str | None:
    route = scope.get("route")
    path = _effective_path(scope, route)
    if path is None and route is not None:
        if hasattr(route, "routes") and hasattr(route, "path"):  # a mount, whose own path is already in the prefix
            return _mount_prefix(scope, "") + "/{path}"
        path = _path_of(route)
    if path is None:
        return _endpoint_name(scope)
    return path if "app_root_path" not in scope else _mount_prefix(scope, path) + path


def _effective_path(scope: Mapping[str, Any], route: Any) -> str | None:
    """With the prefixes of the routers that include it; newer FastAPI keeps it apart from the route."""
    fastapi = scope.get("fastapi")
    context = fastapi.get("effective_route_context") if isinstance(fastapi, dict) else None
    if context is None:
        return None
    if route is not None:
        # One of an outer application stays in the scope when a mounted one routes on.
        return _path_of(context) if getattr(context, "original_route", None) is route else None
    inner = getattr(context, "starlette_route", None)
    if inner is None or getattr(inner, "endpoint", None) is not scope.get("endpoint"):
        return None
    return _path_of(inner)


def _path_of(route: Any) -> str | None:
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    return path if isinstance(path, str) else None


def _endpoint_name(scope: Mapping[str, Any]) -> str | None:
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return None
    name = getattr(endpoint, "__qualname__", None)
    if name is not None:
        return f"{getattr(endpoint, '__module__', '?')}.{name}"
    if hasattr(endpoint, "router") or hasattr(endpoint, "routes"):
        return None  # a mounted application that knows no such path
    return _mount_prefix(scope, "") + "/{path}"


def _mount_prefix(scope: Mapping[str, Any], template: str) -> str:
    """Where the application that has ``template`` is mounted, parameters by name."""
    base = scope.get("app_root_path", "")
    prefix = str(scope.get("root_path", ""))
    if not prefix.startswith(base):
        return ""
    segments = prefix[len(base) :].split("/")
    for name, value in (scope.get("path_params") or {}).items():
        if f"{{{name}}}" in template:
            continue
        if str(value) not in segments:
            return "/{mount}"  # a converted value: what it looked like is not known
        segments[segments.index(str(value))] = f"{{{name}}}"
    return "/".join(segments)
