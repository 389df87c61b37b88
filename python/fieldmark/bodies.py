"""Compressed bodies, unpacked for the profile."""

from __future__ import annotations

import zlib

from fieldmark import _core

UNPACKED_BYTES_MAX = _core.UNPACKED_BYTES_MAX  # larger ones count as compressed
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


def unpacked(packed: bytes) -> bytes | None:
    """None for what is cut off, damaged, in a form of its own, or too large when unpacked."""
    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        content = decoder.decompress(packed, UNPACKED_BYTES_MAX)
    except zlib.error:
        return None
    return content if decoder.eof and not decoder.unused_data else None
