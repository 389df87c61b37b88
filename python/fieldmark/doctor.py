"""Doctor: what this process would send, where to, as which version and why; and what is wrong.

Exit: 0 nothing is wrong · 1 something is · 2 could not look.
"""

from __future__ import annotations

import argparse
import importlib
import ipaddress
import json
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from fieldmark import version
from fieldmark._about import __version__
from fieldmark.client import Client, Reply
from fieldmark.middleware import FieldmarkMiddleware
from fieldmark.settings import OTHER_KEY, Settings, SettingsError, is_other_key, misspelt, resolve, service_name
from fieldmark.transport import FORMATS, HELLO, newest_format

NOTHING_WRONG = 0
WRONG = 1
COULD_NOT_LOOK = 2

# As the server has it: so much is left as it is, so much is shifted by whole minutes.
CLOCK_SKEW_S_MAX = 30
CLOCK_SHIFT_S_MAX = 24 * 60 * 60

PACKAGES = ("fastapi", "starlette", "uvicorn", "gunicorn", "pydantic")


class CouldNotLook(Exception):
    """The text says at what, and what to do."""


@dataclass
class Report:
    """What is so, each with the rule that made it so, and what is wrong with it."""

    service: str = ""
    service_by: str = ""
    environment: str = ""
    environment_by: str = ""
    version: str = ""
    version_by: str = ""
    url: str = ""
    url_by: str = ""
    answer: str = ""
    arrived: str = ""  # of this service, as the server has it
    notices: list[str] = field(default_factory=list)  # of what was not recorded as it should have been, in its words
    token: bool = False
    bodies: bool = True
    include: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    reveal: list[str] = field(default_factory=list)
    drop: list[str] = field(default_factory=list)
    sample: float = 1.0
    clock_ahead_s: float | None = None  # of the server's; None: it did not say
    packages: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Application:
    """What was found where uvicorn would look for it."""

    title: object
    arguments: list[Mapping[str, Any]]  # of each of our layers


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "doctor",
        help="what would be sent, where to, as which version, and what is wrong",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("app", nargs="?", metavar="MODULE:APP", help="the application as uvicorn takes it; is imported")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    try:
        application = load(options.app) if options.app else None
        report = examine(os.environ, Path.cwd(), application)
    except CouldNotLook as reason:
        print(f"fieldmark: {reason}", file=sys.stderr)
        return COULD_NOT_LOOK
    print(json.dumps(asdict(report), indent=2) if options.json else words(report))
    return WRONG if report.wrong else NOTHING_WRONG


# ------------------------------------------------------------------ looking


def load(name: str) -> Application:
    """Imports the application, as the server does."""
    module_name, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in (path or "app").split("."):
            found = getattr(found, part)
    except Exception as error:
        raise CouldNotLook(
            f"importing {name}: {type(error).__name__}: {error}; "
            "name it as for uvicorn, in the folder where the service starts"
        ) from None
    layers = getattr(found, "user_middleware", None)
    if isinstance(found, FieldmarkMiddleware):
        raise CouldNotLook(f"looking at {name}: it is wrapped by hand; name the application inside")
    if layers is None:
        raise CouldNotLook(f"looking at {name}: found a {type(found).__name__}, not an application of FastAPI's kind")
    ours = [layer for layer in layers if getattr(layer, "cls", None) is FieldmarkMiddleware]
    return Application(getattr(found, "title", None), [getattr(layer, "kwargs", {}) for layer in ours])


def examine(environ: Mapping[str, str], folder: Path, application: Application | None) -> Report:
    report = Report(packages=_packages())
    arguments = dict(application.arguments[0]) if application and application.arguments else {}
    if application is not None and not application.arguments:
        report.wrong.append("the application is not watched: add app.add_middleware(FieldmarkMiddleware)")
    if application is not None and len(application.arguments) > 1:
        report.wrong.append(f"the application has {len(application.arguments)} layers of FieldmarkMiddleware: keep one")
    report.wrong += misspelt(environ)
    try:
        settings = resolve(environ, **arguments)
    except SettingsError as error:
        report.wrong.append(f"{error}; until then the service runs without Fieldmark")
        return report
    _describe(report, settings, environ, arguments)
    _name_service(report, settings, environ, arguments, folder, application)
    _find_version(report, settings, environ, arguments, folder, application)
    if settings.disabled:
        report.answer = "not asked"
        report.wrong.append("Fieldmark is switched off, by FIELDMARK_DISABLED or disabled=: nothing is sent")
        return report
    if settings.token and urlsplit(settings.url).scheme == "http" and not _is_loopback(settings.url):
        report.wrong.append("the token goes to another machine unencrypted: write https:// in FIELDMARK_URL")
    _ask_server(report, settings)
    return report


def _describe(report: Report, settings: Settings, environ: Mapping[str, str], arguments: Mapping[str, Any]) -> None:
    report.url, report.url_by = settings.url, _rule("url", environ, arguments)
    report.environment, report.environment_by = settings.environment, _rule("environment", environ, arguments)
    report.token = settings.token is not None
    report.bodies = settings.bodies
    report.include, report.exclude = list(settings.include), list(settings.exclude)
    report.reveal, report.drop, report.sample = list(settings.reveal), list(settings.drop), settings.sample


def _name_service(
    report: Report,
    settings: Settings,
    environ: Mapping[str, str],
    arguments: Mapping[str, Any],
    folder: Path,
    application: Application | None,
) -> None:
    if settings.service:
        report.service, report.service_by = settings.service, _rule("service", environ, arguments)
        return
    title = application.title if application else None
    report.service = service_name(title, folder.name)
    named_by_title = report.service != service_name(None, folder.name)
    report.service_by = "the application's title" if named_by_title else "the folder's name"
    if application is None:
        report.service_by += ", unless the application has a title"


def _find_version(
    report: Report,
    settings: Settings,
    environ: Mapping[str, str],
    arguments: Mapping[str, Any],
    folder: Path,
    application: Application | None,
) -> None:
    own = {name: module for name, module in sys.modules.items() if name != "__main__"}
    found = version.detect(settings.version, environ, folder, own)
    report.version = found.name
    report.version_by = _rule("version", environ, arguments) if found.rule == "setting" else found.rule
    if found.rule == "code" and application is None:
        report.version, report.version_by = "", "a hash of the application's code: name the application to see it"


def _ask_server(report: Report, settings: Settings) -> None:
    client = Client(settings.url, settings.token)
    introduction = {"service": report.service, "environment": report.environment}
    reply = client.post(HELLO, json.dumps(introduction).encode(), "application/json")
    if reply.ok:
        _tell_what_arrived(report, client.get(_status_path(report)))
    client.close()
    if not reply.ok:
        report.answer = reply.found
        advice = "set FIELDMARK_TOKEN to one that may write for this service" if reply.status in (401, 403) else ""
        report.wrong.append(f"asking {settings.url}: {reply.found}" + (f"; {advice}" if advice else ""))
        return
    _compare_clocks(report, settings, reply.body.get("server_time"))
    if settings.hash_key and is_other_key(reply.body.get("hash_key"), settings.hash_key):
        report.wrong.append(f"asking {settings.url}: {OTHER_KEY}")
    formats = reply.body.get("formats", [])
    report.answer = "takes what we send"
    if newest_format(formats) is None:
        report.answer = f"reads formats {formats}"
        report.wrong.append(
            f"asking {settings.url}: it reads formats {formats}, none of {list(FORMATS)}: upgrade the server"
        )
    elif reply.body.get("paused") is True:
        report.answer = "asks to wait"
        report.wrong.append(f"asking {settings.url}: it asks to wait: look at its own status")


def _status_path(report: Report) -> str:
    return f"/api/v1/services/{quote(report.service, safe='')}/{quote(report.environment, safe='')}/status"


def _tell_what_arrived(report: Report, reply: Reply) -> None:
    """By the server's status of this service. A service's own token may write it, not read it."""
    notices = reply.body.get("notices")
    if reply.ok and isinstance(notices, list):
        report.arrived = f"last at {reply.body.get('last_data_at')}, of version {reply.body.get('version')}"
        report.notices = [str(notice) for notice in notices]
    elif reply.status == 404:
        report.arrived = "nothing of this service yet"
    elif reply.status in (401, 403):
        report.arrived = "told to tokens for reading alone: ask with one by fieldmark status"
    else:
        report.arrived = f"not known: {reply.found}"


def _compare_clocks(report: Report, settings: Settings, server_time: object) -> None:
    """To a second or so, which is what the time that is told and the way that it takes allow."""
    try:
        server = datetime.fromisoformat(str(server_time).replace("Z", "+00:00"))
        ahead_s = (datetime.now(timezone.utc) - server).total_seconds()
    except (TypeError, ValueError):
        return
    report.clock_ahead_s = round(ahead_s)
    if abs(ahead_s) > CLOCK_SKEW_S_MAX:
        side = "ahead of" if ahead_s > 0 else "behind"
        what = "shifted" if abs(ahead_s) <= CLOCK_SHIFT_S_MAX else "kept apart as (bad clock) and never judged"
        report.wrong.append(
            f"asking {settings.url}: the clock here is {abs(ahead_s):.0f} s {side} the server's: "
            f"set the wrong one right; until then what is sent is {what}"
        )


def _rule(name: str, environ: Mapping[str, str], arguments: Mapping[str, Any]) -> str:
    """Which of the three gave a setting."""
    if arguments.get(name):
        return f"{name}="
    return f"FIELDMARK_{name.upper()}" if environ.get(f"FIELDMARK_{name.upper()}", "").strip() else "by default"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _packages() -> dict[str, str]:
    found = {"fieldmark": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


# ------------------------------------------------------------------ telling


def words(report: Report) -> str:
    lines = [
        ("service", _with(report.service, report.service_by)),
        ("environment", _with(report.environment, report.environment_by)),
        ("version", _with(report.version or "?", report.version_by)),
        ("server", _with(report.url, report.url_by)),
        ("", report.answer),
        ("arrived", report.arrived),
        *(("not recorded", notice) for notice in report.notices),
        ("clock", _clock(report)),
        ("token", "sent along" if report.token else "none"),
        ("routes", _routes(report)),
        ("sends", _sends(report)),
        ("with", ", ".join(f"{name} {number}" for name, number in report.packages.items())),
    ]
    if not report.url:
        lines = lines[-1:]
    found = [f"{name:<12} {value}".rstrip() for name, value in lines if value]
    verdict = [f"✗ {each}" for each in report.wrong] or ["✓ nothing is wrong"]
    return "\n".join([*found, "", *verdict])


def _with(value: str, rule: str) -> str:
    return f"{value} ({rule})" if value else ""


def _routes(report: Report) -> str:
    chosen = ", ".join(report.include) or "all"
    return chosen + (f" · except {', '.join(report.exclude)}" if report.exclude else "")


def _sends(report: Report) -> str:
    requests = "requests: counts, sizes and times by route; "
    if not report.bodies:
        return requests + "nothing of bodies"
    bodies = "the fields of JSON bodies: counts, distributions and keyed hashes, "
    values = f"values of {', '.join(report.reveal)} alone" if report.reveal else "never a value"
    dropped = f"; nothing of {', '.join(report.drop)}" if report.drop else ""
    sampled = f"; of {report.sample:.3g} of the requests" if report.sample < 1 else ""
    return requests + bodies + values + dropped + sampled


def _clock(report: Report) -> str:
    ahead_s = report.clock_ahead_s
    if ahead_s is None:
        return ""
    return f"{abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} the server's" if ahead_s else "the server's"
