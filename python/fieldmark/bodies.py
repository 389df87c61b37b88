"""The bytes of a body on their way past, kept while they may be profiled."""

from __future__ import annotations

import zlib
from typing import Any

from fieldmark import _core
from fieldmark.agent import HELD_BYTES_MAX, Agent

_NONE = _core.BODY_NONE
_CAPTURED = _core.BODY_CAPTURED
_NOT_JSON = _core.BODY_NOT_JSON
_COMPRESSED = _core.BODY_COMPRESSED
_NOT_CAPTURED = _core.BODY_NOT_CAPTURED
_BODY_BYTES_MAX = _core.BODY_BYTES_MAX

# Of a compressed body, unpacked; larger ones count as compressed. Unpacking so much takes the serving thread less than
# half a millisecond, whatever a hostile client packed.
UNPACKED_BYTES_MAX = 256 << 10
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_UNPACKED = frozenset({b"gzip", b"x-gzip", b"deflate"})


class Body:
    """One body. The agent's ``held_bytes`` counts what is kept of all of them, until release()."""

    __slots__ = ("_agent", "_first", "_held", "_packed", "_rest", "_state", "size")

    def __init__(self, agent: Agent, headers: Any) -> None:
        self._agent = agent
        self._first: bytes | None = None
        self._rest: list[bytes] | None = None  # most bodies come in one piece
        self._held = 0
        self.size = 0  # bytes that passed
        self._state, self._packed = _state_by_headers(headers) if agent.bodies else (_NONE, False)

    def add(self, chunk: bytes) -> None:
        size = len(chunk)
        self.size += size
        if self._state != _CAPTURED:
            return
        agent = self._agent
        if self.size > _BODY_BYTES_MAX or agent.held_bytes + size > HELD_BYTES_MAX:
            self.skip()
            return
        agent.held_bytes += size
        self._held += size
        if type(chunk) is not bytes:
            chunk = bytes(chunk)
        if self._first is None:
            self._first = chunk
        elif self._rest is None:
            self._rest = [chunk]
        else:
            self._rest.append(chunk)

    def skip(self) -> None:
        """Not to be profiled after all."""
        if self._state == _CAPTURED:
            self._state = _NOT_CAPTURED
        self.release()

    def state_at_end(self, complete: bool) -> int:
        if self._state == _CAPTURED:
            if not complete:
                self._state = _NOT_CAPTURED
            elif self._packed:
                self._unpack()
        return self._state

    def content(self) -> bytes:
        """Unpacked, after state_at_end()."""
        if self._rest is None:
            return self._first or b""
        return b"".join([self._first or b"", *self._rest])

    def release(self) -> None:
        self._agent.held_bytes -= self._held
        self._held = 0
        self._first = self._rest = None

    def _unpack(self) -> None:
        unpacked = _unpacked(self.content())
        self._rest = None
        self._first = unpacked
        if unpacked is None:
            self._state = _COMPRESSED


def _unpacked(packed: bytes) -> bytes | None:
    """None for what is cut off, damaged, in a form of its own, or too large when unpacked."""
    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        content = decoder.decompress(packed, UNPACKED_BYTES_MAX)
    except zlib.error:
        return None
    return content if decoder.eof and not decoder.unused_data else None


_content_types: dict[bytes, bool] = {}
_CONTENT_TYPES_MAX = 256  # clients choose them


def _state_by_headers(headers: Any) -> tuple[int, bool]:
    """Captured, not JSON, or compressed; and whether what is captured must be unpacked."""
    content_type = encoding = b""
    if not isinstance(headers, (list, tuple)):
        return _NOT_JSON, False  # reading an iterator would take it away from the server
    for name, value in headers:
        size = len(name)  # of the two names we look for; most others end here
        if size == 12:
            if name == b"content-type" or name.lower() == b"content-type":
                content_type = value
        elif size == 16 and name.lower() == b"content-encoding":
            encoding = value
    json = _content_types.get(content_type)
    if json is None:
        json = _is_json(content_type)
        if len(_content_types) < _CONTENT_TYPES_MAX:
            _content_types[bytes(content_type)] = json
    if not json:
        return _NOT_JSON, False
    if not encoding:
        return _CAPTURED, False
    coding = encoding.strip().lower()
    if coding in _UNPACKED:
        return _CAPTURED, True
    return (_CAPTURED if coding in (b"", b"identity") else _COMPRESSED), False


def _is_json(content_type: bytes) -> bool:
    """``application/json`` and what says it is JSON by its suffix; streams of many documents are not one."""
    essence = content_type.partition(b";")[0].strip().lower()
    kind, _, name = essence.partition(b"/")
    return essence in (b"application/json", b"text/json") or (kind == b"application" and name.endswith(b"+json"))
