"""Settings: an argument wins over an environment variable, which wins over the default."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

from fieldmark.filters import is_pattern

if TYPE_CHECKING:
    from typing_extensions import Unpack

URL_DEFAULT = "http://127.0.0.1:3435"
ENVIRONMENT_DEFAULT = "production"
NAME_BYTES_MAX = 200  # of a service, an environment or a version, in UTF-8, as the server takes them

# A field as findings name it (the recorder reads the same): a path, perhaps behind the bodies that it is of.
_STEP = r"""(?:\{\}|"(?:[^"\\]|\\.)*"|[^.\[\]{}"\x00-\x20\x7f]+)(?:\[\])*"""
_LISTED = re.compile(rf"(?:.+ (?:request|response (?:[1-5]xx|none|other)) )?(?:{_STEP}|(?:\[\])+)(?:\.{_STEP})*")

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


class SettingsError(ValueError):
    """A setting that cannot be meant. The text says which and what to write instead."""


@dataclass(frozen=True)
class Settings:
    service: str | None = None  # None: named after the application, see service_name()
    environment: str = ENVIRONMENT_DEFAULT
    version: str | None = None  # None: detected, see version.py
    url: str = URL_DEFAULT
    token: str | None = field(default=None, repr=False)
    hash_key: str | None = field(default=None, repr=False)  # None: the server's
    disabled: bool = False
    bodies: bool = True  # profile them; False: only their sizes are counted
    include: tuple[str, ...] = ()  # routes, see filters.py; none: all
    exclude: tuple[str, ...] = ()
    reveal: tuple[str, ...] = ()  # fields whose values may leave the process
    drop: tuple[str, ...] = ()  # fields that are not recorded
    sample: float = 1.0  # share of requests whose bodies are profiled; all are counted


class Arguments(TypedDict, total=False):
    """What a layer takes by name, and the environment as ``FIELDMARK_<NAME>``."""

    service: str | None
    environment: str | None
    version: str | None
    url: str | None
    token: str | None
    hash_key: str | None
    disabled: bool | None
    bodies: bool | None
    include: str | Iterable[str] | None
    exclude: str | Iterable[str] | None
    reveal: str | Iterable[str] | None
    drop: str | Iterable[str] | None
    sample: float | str | None


NAMES = tuple(Arguments.__annotations__)


def resolve(environ: Mapping[str, str], **arguments: Unpack[Arguments]) -> Settings:
    """Arguments over ``FIELDMARK_*`` in ``environ`` over defaults; empty counts as not given.

    Raises SettingsError.
    """
    for name in arguments:
        if name not in NAMES:
            raise SettingsError(f"reading settings: there is no {name}={_perhaps(name, '{}=')}")

    def given(name: str) -> Any:
        argument = arguments.get(name)
        return environ.get(variable(name), "") if argument is None else argument

    def text(name: str) -> str | None:
        return str(arguments.get(name) or "").strip() or environ.get(variable(name), "").strip() or None

    def flag(name: str, default: str) -> bool:
        value = given(name)
        return value if isinstance(value, bool) else _flag(variable(name), str(value).strip() or default)

    return Settings(
        service=_name("service", text("service")),
        environment=_name("environment", text("environment")) or ENVIRONMENT_DEFAULT,
        version=_name("version", text("version")),
        url=_url(text("url") or URL_DEFAULT),
        token=text("token"),
        hash_key=_hash_key(text("hash_key")),
        disabled=flag("disabled", "no"),
        bodies=flag("bodies", "yes"),
        include=_routes("INCLUDE", given("include")),
        exclude=_routes("EXCLUDE", given("exclude")),
        reveal=_fields("reveal", given("reveal")),
        drop=_fields("drop", given("drop")),
        sample=_share(given("sample")),
    )


def variable(name: str) -> str:
    return f"FIELDMARK_{name.upper()}"


def misspelt(environ: Mapping[str, str]) -> list[str]:
    """One text for each variable that looks like a setting and is none; what looks like none may be anybody's."""
    found = []
    for each in sorted(environ):
        if each.startswith("FIELDMARK_") and each.removeprefix("FIELDMARK_").lower() not in NAMES:
            perhaps = _perhaps(each.removeprefix("FIELDMARK_").lower(), "FIELDMARK_{}", upper=True)
            if perhaps:
                found.append(f"reading settings: there is no {each}{perhaps}")
    return found


OTHER_KEY = (
    "FIELDMARK_HASH_KEY (or hash_key=) is another key than the server's, which never changes for a service; "
    "what values occur, and how many, is left out there; unset it, and the server's is used"
)


def is_other_key(key: object, own: str) -> bool:
    return isinstance(key, str) and key.lower() != own.lower()


def _perhaps(name: str, form: str, upper: bool = False) -> str:
    near = difflib.get_close_matches(name.lower(), NAMES, n=1, cutoff=0.75)
    return f"; is it {form.format(near[0].upper() if upper else near[0])}?" if near else ""


def service_name(title: object, folder: str) -> str:
    """A name for a service that was not given one: its title where the team chose one, else its folder's name."""
    chosen = title if isinstance(title, str) and title not in ("", "FastAPI") else folder
    slug = re.sub(r"[^\w.]+", "-", chosen.lower()).strip("-.")
    return fitting(slug) or "service"


def working_folder() -> Path:
    """Never raises: of a folder that is gone, as some deployments leave it to the former version, the root."""
    try:
        return Path.cwd()
    except OSError:
        return Path("/")


def fitting(name: str) -> str:
    """What the server would take of ``name``: printable, and not too long."""
    printable = "".join(character for character in name if character.isprintable())
    return printable.encode()[:NAME_BYTES_MAX].decode(errors="ignore")


def _name(what: str, value: str | None) -> str | None:
    if value is not None and fitting(value) != value:
        raise SettingsError(
            f"reading settings: {what} has {len(value)} characters; "
            f"it takes printable ones, {NAME_BYTES_MAX} bytes of them at the most"
        )
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no port
        usable = False
    if not usable or parts.query or parts.fragment:
        raise SettingsError(
            f"reading settings: FIELDMARK_URL (or url=) is not the address of a server; write it like {URL_DEFAULT}"
        )
    return value.rstrip("/")


def _hash_key(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[0-9a-fA-F]{32}", value):
        raise SettingsError(
            "reading settings: FIELDMARK_HASH_KEY (or hash_key=) is not a key; a key is 32 hexadecimal digits"
        )
    return value


def _routes(name: str, value: str | Iterable[str]) -> tuple[str, ...]:
    """Of a text, those between commas."""
    patterns = value.split(",") if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
    found = tuple(pattern.strip() for pattern in patterns if isinstance(pattern, str) and pattern.strip())
    if not all(map(is_pattern, found)) or not all(isinstance(pattern, str) for pattern in patterns):
        raise SettingsError(
            f"reading settings: FIELDMARK_{name} (or {name.lower()}=) has what is no route; "
            "write routes like /health or GET /internal/*, with commas between"
        )
    return found


def _fields(name: str, value: str | Iterable[str]) -> tuple[str, ...]:
    """Of a text, the fields between commas."""
    listed = value.split(",") if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
    if not all(isinstance(field, str) for field in listed):
        raise SettingsError(f"reading settings: {name}= is no list of fields; write it like ['order.status']")
    found = tuple(field.strip() for field in listed if field.strip())
    for path in found:
        if not _LISTED.fullmatch(path):
            raise SettingsError(
                f"reading settings: {variable(name)} (or {name}=): '{path}' names no field; write it as findings do, "
                "like customer.country or POST /orders request customer.country"
            )
    return found


def _share(value: float | str) -> float:
    """Of requests. Nothing written is all of them."""
    try:
        share = 1.0 if isinstance(value, str) and not value.strip() else float(value)
    except (TypeError, ValueError):
        share = -1.0
    if not 0 <= share <= 1:
        raise SettingsError(
            "reading settings: FIELDMARK_SAMPLE (or sample=) is no share; write 1 for all, 0.1 for a tenth"
        )
    return share


def _flag(name: str, value: str) -> bool:
    word = value.strip().lower()
    if word not in _TRUE | _FALSE:
        raise SettingsError(f"reading settings: {name} is neither yes nor no; write 1 or 0")
    return word in _TRUE
