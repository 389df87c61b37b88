"""Profiles of JSON documents outside a service: what is in them, field by field, as summaries that merge.

profile = fieldmark.profile(orders)
print(profile.to_dict()["fields"])
Path("orders.profile").write_bytes(profile.encode())  # fieldmark profile --compare orders.profile today.ndjson
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict, cast

from fieldmark import _core

Document = bytes | str | Mapping[str, object] | Sequence[object]


class Missing(TypedDict):
    """Of ``objects`` that could have held the field, between ``min`` and ``max`` did not."""

    objects: int
    min: int
    max: int


class Values(TypedDict):
    """A distribution: ints where all values are whole. Every figure is within 1.1 % of a value's own."""

    count: int
    min: float
    max: float
    p01: float
    p05: float
    p25: float
    p50: float
    p75: float
    p95: float
    p99: float


class Distinct(TypedDict):
    """How many different values; ``exact`` up to 64 of them, else with a standard error of 2.3 %."""

    count: int
    exact: bool


class Revealed(TypedDict):
    """A value of a field that is revealed, and how often it occurred. One longer than 64 bytes is cut short."""

    value: str
    type: str
    count: int


class _FieldCounts(TypedDict):
    field: str
    documents: int
    seen: int
    types: dict[str, int]
    oddities: dict[str, int]
    formats: dict[str, int]


class Field(_FieldCounts, total=False):
    """One field; what it has nothing of is left out. ``field`` is its path: ``customer.phone``, ``items[].price``.

    ``age_ms`` is how old values were that name a time (date-times with seconds; seconds and milliseconds since 1970
    from 2001 to 2033) when they were observed; below 0, they were in the future.
    """

    missing: Missing
    numbers: Values
    string_bytes: Values
    array_items: Values
    age_ms: Values
    distinct: Distinct
    revealed: list[Revealed]


class ProfileDict(TypedDict):
    """As ``fieldmark profile --json`` prints it, without remarks."""

    format: str
    documents: int
    malformed: dict[str, int]
    hash_key_id: str | None
    fields: list[Field]


class Profile:
    """Summaries of JSON documents. Not safe for use by several threads at once.

    It holds counts, distributions in buckets of 2 %, and keyed hashes: no value of a document can be read from it, but
    for the fields in ``reveal``.

    Args:
        hash_key: 32 hexadecimal digits under which values are hashed. Profiles under one key compare and merge in
            full. Left out, it is ``FIELDMARK_HASH_KEY``, else a new random one, which then is part of what ``encode``
            gives, so that later documents can be hashed alike.
        reveal: fields whose values may be shown and saved as they are, like ``customer.country`` or
            ``items[].currency``: up to 64 values with their counts, and the exact range.

    Raises:
        ValueError: ``hash_key`` or ``reveal`` is something else.
    """

    __slots__ = ("_core",)

    def __init__(self, *, hash_key: str | None = None, reveal: Iterable[str] = ()) -> None:
        chosen = hash_key or os.environ.get("FIELDMARK_HASH_KEY")
        self._core = _core.Profile(chosen or secrets.token_hex(16), not chosen, _fields(reveal))

    def observe(self, body: bytes) -> bool:
        """Add one JSON document, as bytes. Costs about as much as parsing it.

        Returns:
            Whether it was one. What is no JSON, or over 16 MiB, is counted by kind and touches no field.
        """
        return self._core.observe(body)

    def merge(self, other: Profile) -> bool:
        """Add everything ``other`` has observed; it stays as it is. Exact, in any order.

        Returns:
            Whether hashes were kept. Of profiles under different keys they do not compare, and the number of distinct
            values is gone from the result.

        Raises:
            TypeError: ``other`` is no profile.
        """
        if not isinstance(other, Profile):
            raise TypeError(f"merging profiles: expected a fieldmark.Profile, found {type(other).__name__}")
        return self._core.merge(other._core)

    def encode(self) -> bytes:
        """Give the profile as bytes, the format of ``fieldmark profile --save``.

        Raises:
            OverflowError: it takes more than the 32 MiB that are read again.
        """
        return self._core.encode()

    @classmethod
    def decode(cls, data: bytes, *, hash_key: str | None = None, reveal: Iterable[str] = ()) -> Profile:
        """Read what ``encode`` or ``fieldmark profile --save`` wrote.

        Args:
            data: the bytes.
            hash_key: the key they were hashed under, to go on observing; left out, the key inside ``data``, if any.
            reveal: as of the class, of what is observed from now on.

        Raises:
            ValueError: ``data`` is something else, or damaged.
            NotImplementedError: it is of a format version that this one does not read.
            OverflowError: it takes more memory than any profile does.
        """
        decoded = cls.__new__(cls)
        chosen = hash_key or os.environ.get("FIELDMARK_HASH_KEY") or None
        decoded._core = _core.Profile.decode(data, chosen, _fields(reveal))
        return decoded

    def to_dict(self) -> ProfileDict:
        """Give everything as numbers and names, fields ascending by path; an object that is a map shows one, ``{}``."""
        return cast(ProfileDict, self._core.to_dict())

    @property
    def documents(self) -> int:
        """Documents profiled, without those that were no JSON."""
        return self._core.documents

    def __repr__(self) -> str:
        return f"<fieldmark.Profile of {self.documents} documents>"


def profile(documents: Iterable[Document], *, hash_key: str | None = None, reveal: Iterable[str] = ()) -> Profile:
    """Profile documents: dicts, lists, or JSON as bytes or text, one after the other; any iterable, read once.

    Args:
        documents: what to profile. Bytes and text are JSON; everything else is written as JSON first.
        hash_key: as of :class:`Profile`.
        reveal: as of :class:`Profile`.

    Raises:
        TypeError: a document holds something that JSON does not know, or ``documents`` is one document.
        ValueError: a document holds itself, or ``hash_key`` is no key, or ``reveal`` names no field.
    """
    if isinstance(documents, (bytes, str, Mapping)):
        raise TypeError("profiling documents: expected an iterable of documents, found one; put it into a list")
    result = Profile(hash_key=hash_key, reveal=reveal)
    observe = result.observe
    for document in documents:
        observe(_json(document))
    return result


def _fields(reveal: Iterable[str]) -> list[str]:
    if isinstance(reveal, str):
        raise TypeError("revealing fields: expected an iterable of fields, found one text; put it into a list")
    return list(reveal)


def _json(document: Document) -> bytes:
    if isinstance(document, bytes):
        return document
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    # A lone surrogate becomes invalid UTF-8, which is counted.
    return text.encode("utf-8", "surrogatepass")
