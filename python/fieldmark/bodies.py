"""Compressed bodies, unpacked for the profile."""

from __future__ import annotations

import zlib

from fieldmark import _core

UNPACKED_BYTES_MAX = _core.UNPACKED_BYTES_MAX  # larger ones count as compressed
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS  # RFC 1951 alone, as many clients understand "deflate"


def unpacked(packed: bytes) -> bytes | None:
    """None for what is cut off, damaged, in a form of its own, or too large when unpacked."""
    for form in (_GZIP_OR_ZLIB, _RAW):
        decoder = zlib.decompressobj(form)
        try:
            content = decoder.decompress(packed, UNPACKED_BYTES_MAX)
        except zlib.error:
            continue
        return content if decoder.eof and not decoder.unused_data else None
    return None
