"""A reader of saved profiles and batches, written from fieldmark/bucket/FORMAT.md alone, as a stranger would.

It refuses what that page says that no writer writes. Slow, and nothing of ours but the bytes goes in.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools
import math
from collections.abc import Callable
from typing import Any

BODY_BYTES_MAX = {"FMBT": 8 << 20, "FMPF": 32 << 20}
COUNTS, DISTRIBUTIONS, HASHED = 0, 1, 2
FORMATS = ["uuid", "date", "date-time", "email", "url", "ip", "number", "boolean", "json", "hex", "base64", "blank"]
FORMATS += ["padded", "non-ascii", "control", "card", "iban", "phone", "jwt", "key"]
COUNTERS = ["documents", "seen", "nulls", "falses", "trues", "integers", "floats", "strings", "objects", "arrays"]
COUNTERS += ["big_integers", "non_finites", "duplicate_keys", "invalid_utf8", "folded", "cut", "limited"]
MALFORMED = ["none", "empty", "truncated", "trailing", "not json", "invalid utf-8", "too deep", "too large"]
MIXED_KEYS = 2**64 - 1


class RefusedError(Exception):
    """The bytes are none that a writer writes."""


def require(holds: object, what: str) -> None:
    if not holds:
        raise RefusedError(what)


def text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise RefusedError("a text that is no UTF-8") from None


# ---------------------------------------------------------------- 1. primitives


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        require(size <= len(self.data) - self.at, "cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    def u8(self) -> int:
        return self.take(1)[0]

    def fixed64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def double(self) -> float:
        bits = ctypes.c_uint64(self.fixed64())
        value = ctypes.c_double.from_buffer(bits).value
        require(math.isfinite(value), "no finite number")
        return value

    def varint(self) -> int:
        value = 0
        for place in range(10):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                require(byte > 0 or place == 0, "varint with a zero at its end")
                require(value < 2**64, "varint beyond 64 bits")
                return value
        raise RefusedError("varint of more than ten bytes")

    def signed(self) -> int:
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def bytes(self) -> bytes:
        return self.take(self.varint())

    def done(self) -> None:
        require(self.at == len(self.data), "bytes left over")

    def whole(self, read: Callable[[Reader], Any]) -> Any:
        """What `read` makes of a string, all of it."""
        inner = Reader(self.bytes())
        value = read(inner)
        inner.done()
        return value


# ---------------------------------------------------------------- 2. histogram


def edge(index: int, scale: int) -> float:
    """2^(index / 2^scale), rounded down to a double."""
    if scale <= 0:
        exponent = index << -scale
        return math.ldexp(1, exponent) if exponent < 1024 else math.nextafter(math.inf, 0)
    exponent, fraction = index >> scale, index & ((1 << scale) - 1)
    root = 1 << ((52 << scale) + fraction)
    for _ in range(scale):
        root = math.isqrt(root)  # rounded down at each step is rounded down
    if exponent > 1023:
        return math.nextafter(math.inf, 0)
    if exponent < -1022:
        root >>= -1022 - exponent
        exponent = -1022
    return math.ldexp(root, exponent - 52)


def read_side(reader: Reader, scale: int) -> list[tuple[int, int]]:
    size = reader.varint()
    require(size <= 1024, "more than 1 024 buckets")
    buckets: list[tuple[int, int]] = []
    for _ in range(size):
        index = buckets[-1][0] + 1 + reader.varint() if buckets else reader.signed()
        require(-34369 >> (5 - scale) <= index <= 32767 >> (5 - scale), "index beyond all doubles")
        count = reader.varint()
        require(count > 0, "empty bucket")
        buckets.append((index, count))
    return buckets


def read_histogram(reader: Reader) -> dict[str, Any]:
    head = reader.u8()
    require(head < 16, "head")
    scale, concealed = 5 - (head & 7), bool(head & 8)
    zeros = reader.varint()
    positive, negative = read_side(reader, scale), read_side(reader, scale)
    require(scale == 5 or max(len(positive), len(negative)) > 512, "coarser than it need be")
    empty = not (zeros or positive or negative)
    require(not empty or head == 0, "an empty one with a head")
    count = min(zeros + sum(n for _, n in positive + negative), 2**64 - 1)
    out: dict[str, Any] = {"count": count, "scale": scale, "zeros": zeros, "positive": positive, "negative": negative}
    if empty:
        return out
    lowest, highest = outermost(scale, zeros, positive, negative)
    out |= {"min": lowest[0], "max": highest[1], "concealed": concealed}
    if not concealed:
        out["min"], out["max"] = reader.double(), reader.double()
        high, low = reader.double(), reader.double()
        require(high + low == high, "sum")
        out["sum"] = high + low
        require(within(out["min"], lowest) and within(out["max"], highest), "ends outside of their buckets")
        require(out["min"] <= out["max"], "ends in disorder")
    return out


Edges = tuple[float, float]


def outermost(
    scale: int, zeros: int, positive: list[tuple[int, int]], negative: list[tuple[int, int]]
) -> tuple[Edges, Edges]:
    """The edges of the lowest and of the highest occupied bucket."""
    edges = [(-edge(index + 1, scale), -edge(index, scale)) for index, _ in reversed(negative)]
    edges += [(0.0, 0.0)] if zeros else []
    edges += [(edge(index, scale), edge(index + 1, scale)) for index, _ in positive]
    return edges[0], edges[-1]


def within(value: float, edges: Edges) -> bool:
    """Upper inclusive by magnitude."""
    low, high = sorted(map(abs, edges))
    if high == 0:
        return value == 0 and math.copysign(1, value) > 0
    return low < abs(value) <= high and (value > 0) == (max(edges) > 0)


# ---------------------------------------------------------------- 3. categories and texts


def rank(hash_: int) -> int:
    return 48 - (hash_ >> 17).bit_length()


def read_registers(reader: Reader) -> list[int]:
    registers = [0] * 2048
    size = reader.varint()
    require(size <= 256, "too many registers listed")
    if size == 0:
        registers = list(reader.take(2048))
        require(sum(r > 0 for r in registers) > 256, "few registers, not listed")
    at = -1
    for _ in range(size):
        at += 1 + reader.varint()
        require(at < 2048, "no such register")
        registers[at] = reader.u8()
        require(registers[at] > 0, "an empty register")
    require(max(registers) <= 48, "rank")
    return registers


def read_categories(reader: Reader) -> dict[str, Any]:
    size = reader.varint()
    require(size <= 65, "more than 65 categories")
    entries: list[tuple[int, int]] = []
    for _ in range(min(size, 64)):
        entries.append((reader.fixed64(), reader.varint()))
        require(entries[-1][1] > 0, "an empty category")
        require(len(entries) < 2 or entries[-2][0] < entries[-1][0], "categories in disorder")
    out: dict[str, Any] = {"entries": entries, "overflowed": size == 65}
    if size < 65:
        return out
    cells = [reader.varint() for _ in range(64)]
    registers = read_registers(reader)
    explained_cells, explained = [0] * 64, [0] * 2048
    for hash_, count in entries:
        explained_cells[hash_ & 63] += count
        register = hash_ >> 6 & 2047
        explained[register] = max(explained[register], rank(hash_))
    limit = 2**64 - 1
    require(all(have >= min(want, limit) for have, want in zip(cells, explained_cells, strict=True)), "cells too small")
    largest = rank(entries[-1][0])
    others = 0
    for have, want in zip(registers, explained, strict=True):
        require(have >= want and (have == want or have <= largest), "register")
        others += have > want
    besides = min(sum(cells), limit) - min(sum(explained_cells), limit)
    saturated = min(sum(cells), limit) == limit
    require(saturated or besides >= max(1, others), "no occurrence besides the entries")
    return out | {"cells": cells, "registers": registers}


def read_texts(reader: Reader) -> list[tuple[int, str, str]]:
    size = reader.varint()
    require(size <= 64, "more than 64 texts")
    texts: list[tuple[int, str, str]] = []
    for _ in range(size):
        hash_, kind, shown = reader.fixed64(), chr(reader.u8()), reader.bytes()
        require(kind in "sd", "kind of text")
        require(len(shown) <= 64, "a text that was to be cut")
        require(not texts or texts[-1][0] < hash_, "texts in disorder")
        texts.append((hash_, kind, text(shown)))
    return texts


# ---------------------------------------------------------------- 5. field


def read_counts(reader: Reader, version: int) -> dict[str, Any]:
    names = COUNTERS[: 17 if version >= 2 else 16]
    size = reader.varint()
    require(size <= len(names), "more counters than there are")
    counts = [reader.varint() for _ in range(size)]
    require(not counts or counts[-1] > 0, "a zero at the end")
    bits = reader.varint()
    require(bits < 1 << len(FORMATS), "no such format")
    formats = {name: reader.varint() for place, name in enumerate(FORMATS) if bits >> place & 1}
    require(all(formats.values()), "an empty format")
    return dict(zip(names, counts + [0] * len(names), strict=False)) | {"formats": formats}


def read_distributions(reader: Reader, version: int) -> dict[str, Any]:
    names = ["numbers", "string_bytes", "array_items", "age_ms"][: 4 if version >= 2 else 3]
    bits = reader.varint()
    require(0 < bits < 1 << len(names), "no such distribution")
    out = {name: read_histogram(reader) for place, name in enumerate(names) if bits >> place & 1}
    require(all(histogram["count"] for histogram in out.values()), "an empty distribution")
    require("age_ms" not in out or "numbers" in out or "string_bytes" in out, "ages of nothing")
    return out


def read_hashed(reader: Reader, version: int) -> dict[str, Any]:
    categories = read_categories(reader)
    texts = read_texts(reader) if version >= 2 else []
    require(categories["entries"] or texts, "nothing hashed")
    require(categories["entries"] or not texts, "texts of nothing")
    return {"categories": categories, "texts": texts}


FIELD_READERS = (read_counts, read_distributions, read_hashed)


def read_named(reader: Reader, read: Callable[[Reader], Any]) -> dict[bytes, Any]:
    """`varint` n, then n times a name and what belongs to it; ascending by the bytes of the name."""
    out: dict[bytes, Any] = {}
    last: bytes | None = None
    for _ in range(reader.varint()):
        name = reader.bytes()
        require(last is None or last < name, "names in disorder")
        out[name] = read(reader)
        last = name
    return out


def read_fields(reader: Reader, family: int, version: int) -> dict[str, Any]:
    fields = read_named(reader, lambda inner: inner.whole(lambda field: FIELD_READERS[family](field, version)))
    return {text(path): field for path, field in fields.items()}


# ---------------------------------------------------------------- 6. subject


def above_zero(reader: Reader) -> int:
    count = reader.varint()
    require(count > 0, "a count of zero")
    return count


def read_traces(reader: Reader) -> list[bytes]:
    size = reader.varint()
    require(size <= 4, "more than four traces")
    traces = [reader.take(16) for _ in range(size)]
    require(all(any(trace) for trace in traces), "a trace of zeros")
    keyed = [(sip_hash(trace), trace) for trace in traces]
    require(all(a < b for a, b in itertools.pairwise(keyed)), "traces in disorder")
    return traces


def read_some_traces(reader: Reader) -> list[bytes]:
    traces = read_traces(reader)
    require(traces, "no trace")
    return traces


def read_request(reader: Reader, family: int) -> dict[str, Any]:
    if family == DISTRIBUTIONS:
        names = ["first_byte_ms", "last_byte_ms", "app_return_ms", "request_bytes", "response_bytes"]
        bits = reader.u8()
        require(0 < bits < 32, "no such distribution")
        out = {name: read_histogram(reader) for place, name in enumerate(names) if bits >> place & 1}
        require(all(histogram["count"] for histogram in out.values()), "an empty distribution")
        return out
    statuses: dict[int, int] = {}
    status = -1
    for _ in range(reader.varint()):
        status += 1 + reader.varint()
        require(status <= 65535, "no such status")
        statuses[status] = above_zero(reader)
    exceptions = read_named(reader, above_zero)
    return {"statuses": statuses, "exceptions": exceptions, "cancelled": reader.varint(), "busy_us": reader.varint()}


def read_body(reader: Reader, family: int, version: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if family == COUNTS:
        out["documents"] = reader.varint()
        size = reader.varint()
        require(size <= 8, "more kinds of malformed than there are")
        malformed = [reader.varint() for _ in range(size)]
        require(not malformed or malformed[-1] > 0, "a zero at the end")
        require(not malformed or malformed[0] == 0, "malformed: none")
        out["malformed"] = dict(zip(MALFORMED, malformed, strict=False))
        out |= {name: reader.varint() for name in ("not_json", "compressed", "not_captured")}
    if family == HASHED and version >= 2:
        out["hash_key_id"] = reader.fixed64()
    out["fields"] = read_fields(reader, family, version)
    if family == HASHED and version >= 2:
        require(bool(out["fields"]) != (out["hash_key_id"] == MIXED_KEYS), "hashes under mixed keys")
    elif family != COUNTS:
        require(out["fields"], "a body of nothing")
    return out


def read_run(reader: Reader, family: int) -> dict[str, Any]:
    if family == DISTRIBUTIONS:
        histogram = read_histogram(reader)
        require(histogram["count"], "an empty distribution")
        return {"duration_ms": histogram}
    counts = {name: reader.varint() for name in ("started", "succeeded", "failed")}
    return counts | {"last_finished_unix_ms": reader.signed()}


def read_violations(reader: Reader) -> dict[tuple[bytes, bytes], Any]:
    out: dict[tuple[bytes, bytes], Any] = {}
    names: list[tuple[bytes, bytes]] = []
    for _ in range(reader.varint()):
        names.append((reader.bytes(), reader.bytes()))
        require(len(names) < 2 or names[-2] < names[-1], "violations in disorder")
        out[names[-1]] = {"count": above_zero(reader), "traces": read_traces(reader)}
    require(out, "no violation")
    return out


def read_section_traces(reader: Reader) -> dict[str, Any]:
    failed = read_traces(reader)
    of_exceptions = read_named(reader, read_some_traces)
    require(failed or of_exceptions, "no trace")
    return {"failed": failed, "exceptions": of_exceptions}


def read_events(reader: Reader) -> dict[bytes, int]:
    events = read_named(reader, above_zero)
    require(events, "no event")
    return events


def read_subject(reader: Reader, family: int, version: int) -> dict[int, Any]:
    """Sections by their id."""
    require(reader.u8() == version, "version of the subject")
    sections: dict[int, Any] = {}
    last = 0
    while reader.at < len(reader.data):
        number = reader.varint()
        require(number > last, "sections in disorder")
        last = number
        known = number in SECTIONS and family in SECTIONS[number]
        require(known or number >= 64, "unknown section")
        if known:
            sections[number] = reader.whole(lambda inner, id_=number: SECTIONS[id_][family](inner, version))
        else:
            reader.bytes()
    require(66 not in sections or 2 in sections, "not sampled, of no body")
    if 65 in sections:
        require(1 in sections, "traces of no request")
        require(sections[65]["exceptions"].keys() <= sections[1]["exceptions"].keys(), "traces of no exception")
    return sections


Section = dict[int, Callable[[Reader, int], Any]]
SECTIONS: dict[int, Section] = {
    1: {COUNTS: lambda r, _: read_request(r, COUNTS), DISTRIBUTIONS: lambda r, _: read_request(r, DISTRIBUTIONS)},
    2: {family: lambda r, v, of=family: read_body(r, of, v) for family in (COUNTS, DISTRIBUTIONS, HASHED)},
    3: {COUNTS: lambda r, _: [r.varint() for _ in range(3)]},
    4: {COUNTS: lambda r, _: read_run(r, COUNTS), DISTRIBUTIONS: lambda r, _: read_run(r, DISTRIBUTIONS)},
    5: {COUNTS: lambda r, _: read_events(r)},
    64: {COUNTS: lambda r, _: read_violations(r)},
    65: {COUNTS: lambda r, _: read_section_traces(r)},
    66: {COUNTS: lambda r, _: above_zero(r)},
}


# ---------------------------------------------------------------- 4. hashes


def sip_hash(data: bytes, key: bytes = bytes(16)) -> int:
    """SipHash-1-3."""
    mask = 2**64 - 1
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rotated(value: int, by: int) -> int:
        return (value << by | value >> (64 - by)) & mask

    def round_() -> None:
        v[0] = (v[0] + v[1]) & mask
        v[2] = (v[2] + v[3]) & mask
        v[1], v[3] = rotated(v[1], 13) ^ v[0], rotated(v[3], 16) ^ v[2]
        v[0] = rotated(v[0], 32)
        v[2] = (v[2] + v[1]) & mask
        v[0] = (v[0] + v[3]) & mask
        v[1], v[3] = rotated(v[1], 17) ^ v[2], rotated(v[3], 21) ^ v[0]
        v[2] = rotated(v[2], 32)

    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xFF])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        round_()
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(3):
        round_()
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def key_id(key: bytes) -> int:
    found = sip_hash(b"", key)
    return 1 if found in (0, MIXED_KEYS) else found


# ---------------------------------------------------------------- 7. batch, 8. saved profile


def unpack(frame: bytes, bytes_max: int) -> bytes:
    library = ctypes.CDLL(ctypes.util.find_library("zstd"))
    library.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    library.ZSTD_decompress.restype = library.ZSTD_findFrameCompressedSize.restype = ctypes.c_size_t
    size = library.ZSTD_getFrameContentSize(frame, ctypes.c_size_t(len(frame)))
    require(size <= bytes_max, "size of the body")  # also where it is not said
    require(library.ZSTD_findFrameCompressedSize(frame, ctypes.c_size_t(len(frame))) == len(frame), "more than a frame")
    out = ctypes.create_string_buffer(max(size, 1))
    got = library.ZSTD_decompress(out, ctypes.c_size_t(size), frame, ctypes.c_size_t(len(frame)))
    require(got == size, "damaged body")
    return out.raw[:size]


def open_envelope(data: bytes, magic: str) -> tuple[int, Reader, Reader]:
    reader = Reader(data)
    require(reader.take(4) == magic.encode(), "magic")
    version = int.from_bytes(reader.take(2), "little")
    require(version in (1, 2), "version")
    header = Reader(reader.bytes())
    return version, header, Reader(unpack(data[reader.at :], BODY_BYTES_MAX[magic]))


def read_families(reader: Reader, version: int) -> dict[int, dict[int, Any]]:
    bits = reader.u8()
    require(bits < 8, "no such family")
    out: dict[int, dict[int, Any]] = {}
    for family in (COUNTS, DISTRIBUTIONS, HASHED):
        if bits >> family & 1:
            out[family] = reader.whole(lambda inner, of=family: read_subject(inner, of, version))
    return out


def read_saved_profile(data: bytes) -> dict[str, Any]:
    version, header, body = open_envelope(data, "FMPF")
    id_ = header.fixed64()
    has_key = header.u8()
    require(has_key < 2, "whether there is a key")
    key = header.take(16) if has_key else None
    header.done()
    require(key is None or key_id(key) == id_, "id of the key")
    families = read_families(body, version)
    body.done()
    require(COUNTS in families and (HASHED in families) == (id_ != 0), "families")
    for sections in families.values():
        require({number for number in sections if number < 64} == {2}, "another section than a body")
    require(id_ != MIXED_KEYS, "hashes under mixed keys")
    if version >= 2 and id_ != 0:
        require(families[HASHED][2]["hash_key_id"] == id_, "id of the key beside the hashes")
    return {"version": version, "hash_key_id": id_, "key": key, "families": families}


def read_batch(data: bytes) -> dict[str, Any]:
    version, header, body = open_envelope(data, "FMBT")
    out: dict[str, Any] = {"format": version}
    out |= {name: header.bytes() for name in ("environment", "service", "version")}
    out |= {"instance": header.take(16), "sequence": header.varint(), "sent_at_unix_ms": header.signed()}
    out |= {"source": header.u8(), "hash_key_id": header.fixed64(), "host": header.bytes()}
    out |= {"pid": header.varint(), "started_at_unix_ms": header.signed(), "sdk": header.bytes()}
    header.done()
    require(out["source"] < 2, "source")
    minutes: dict[int, dict[bytes, Any]] = {}
    minute: int | None = None
    for _ in range(body.varint()):
        minute = body.signed() if minute is None else minute + 1 + body.varint()
        minutes[minute] = read_named(body, lambda reader: read_families(reader, version))
        for families in minutes[minute].values():
            require(all(families.values()), "a family without sections")
            require(out["hash_key_id"] != 0 or HASHED not in families, "hashes without a key")
    body.done()
    return out | {"minutes": minutes}
