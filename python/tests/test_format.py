"""That FORMAT.md is enough to read what we write: a reader made from that page agrees with the engine on whole profiles
and batches, and on which bytes are none."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fieldmark
from format_reader import (
    COUNTS,
    DISTRIBUTIONS,
    HASHED,
    MIXED_KEYS,
    Reader,
    RefusedError,
    key_id,
    open_envelope,
    read_batch,
    read_families,
    read_histogram,
    read_saved_profile,
    read_subject,
    sip_hash,
)

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
KEY = "000102030405060708090a0b0c0d0e0f"


def documents(seed: int) -> Iterator[bytes]:
    """Of every type, many values and few, strange ones too."""
    draw = random.Random(seed)
    for number in range(draw.choice([0, 1, 3, 100, 400])):
        few = {"status": draw.choice(["new", "paid"]), "odd.name": None, "ok": draw.random() < 0.5}
        many = {"id": f"{draw.getrandbits(128):032x}", "total": draw.lognormvariate(2, draw.choice([1, 30]))}
        strange = {"big": 10 ** draw.randrange(30), "at": 1_790_000_000 + number, "n": -number, "items": [[], {}, 0.5]}
        body = json.dumps(few | many | strange).encode()
        yield draw.choice([body, body, body, body[:-1], b'{"a":NaN,"a":1}', b'["\xff"]'])


def profile_of(seed: int, reveal: tuple[str, ...] = ()) -> bytes:
    return fieldmark.profile(documents(seed), hash_key=KEY, reveal=reveal).encode()


def expect_same(read: dict[str, Any], told: dict[str, Any]) -> None:
    """What the engine tells of a profile against what the reader found in its bytes."""
    families = {family: sections[2] for family, sections in read["families"].items()}
    counts = families[COUNTS]
    assert counts["documents"] == told["documents"]
    assert {kind: times for kind, times in counts["malformed"].items() if times} == told["malformed"]
    assert list(counts["fields"]) == [field["field"] for field in told["fields"]]
    for field in told["fields"]:
        path = field["field"]
        counted = counts["fields"][path]
        assert counted["seen"] == field["seen"]
        assert counted["strings"] == field["types"].get("string", 0)
        assert counted["formats"] == field["formats"]
        assert {name: counted[name] for name in field["oddities"]} == field["oddities"]
        distributions = families.get(DISTRIBUTIONS, {"fields": {}})["fields"].get(path, {})
        for name in ("numbers", "string_bytes", "array_items", "age_ms"):
            assert (name in distributions) == (name in field), (path, name)
            if name not in field:
                continue
            assert distributions[name]["count"] == field[name]["count"]
            for end in ("min", "max"):  # of whole numbers, the whole ones inside of the bucket's edges
                whole = isinstance(field[name][end], int)
                assert abs(distributions[name][end] - field[name][end]) < (1 if whole else 1e-300), (path, name)
        hashed = families.get(HASHED, {"fields": {}})["fields"].get(path)
        assert (hashed is not None) == ("distinct" in field)
        if hashed is not None:
            assert hashed["categories"]["overflowed"] != field["distinct"]["exact"]
            revealed = {text for _, _, text in hashed["texts"]}
            assert revealed == {value["value"] for value in field.get("revealed", [])}


@pytest.mark.parametrize("seed", range(20))
def test_a_stranger_reads_profiles(seed: int) -> None:
    data = profile_of(seed, ("status", "total") if seed % 2 else ())
    expect_same(read_saved_profile(data), fieldmark.Profile.decode(data).to_dict())


@pytest.mark.parametrize("version", [1, 2])
def test_a_stranger_reads_golden_profiles(version: int) -> None:
    data = (GOLDEN / f"v{version}" / "orders.profile").read_bytes()
    read = read_saved_profile(data)
    assert read["version"] == version
    expect_same(read, fieldmark.Profile.decode(data).to_dict())


def test_a_stranger_reads_golden_batches() -> None:
    """Against what `batch_test.cc` put into them."""
    for version in (1, 2):
        batch = read_batch((GOLDEN / f"v{version}" / "orders.batch").read_bytes())
        assert batch["format"] == version
        first, last = sorted(batch["minutes"])
        assert last == first + 3
        requests = batch["minutes"][first][b"POST /orders"]
        assert requests[COUNTS][1] == {
            "statuses": {0: 1, 201: 1190, 422: 9, 500: 1},
            "exceptions": {b"KeyError": 1},
            "cancelled": 1,
            "busy_us": 8_123_456,
        }
        latency = requests[DISTRIBUTIONS][1]["last_byte_ms"]
        durations = [4 + 0.125 * (i % 31) for i in range(1200)]
        assert (latency["count"], latency["min"], latency["max"]) == (1200, min(durations), max(durations))
        assert latency["sum"] == sum(durations)
        body = batch["minutes"][first][b"POST /orders request"]
        assert body[COUNTS][2]["fields"]["customer.phone"]["nulls"] == 456
        assert body[HASHED][2]["fields"]["customer.phone"]["categories"]["overflowed"]
        assert batch["minutes"][first][b""][COUNTS][3] == [60_000, 2, 3]
        job = batch["minutes"][last][b"job nightly-export"]
        assert job[COUNTS][4] | {"last_finished_unix_ms": 0} == {
            "started": 2,
            "succeeded": 1,
            "failed": 1,
            "last_finished_unix_ms": 0,
        }
        assert job[COUNTS][5] == {b"exit 1": 1}
        assert read_batch((GOLDEN / f"v{version}" / "empty.batch").read_bytes())["minutes"] == {}
        extremes = read_batch((GOLDEN / f"v{version}" / "extremes.batch").read_bytes())
        assert list(extremes["minutes"]) == [-5, -4, 0]
    violations = read_batch((GOLDEN / "v2" / "violations.batch").read_bytes())["minutes"].popitem()[1][b"POST /orders"]
    assert violations[COUNTS][64][b"body.items[].price", b"missing"]["count"] == 2**64 - 1
    assert len(violations[COUNTS][65]["failed"]) == 4


def vectors() -> dict[str, bytes]:
    page = (ROOT / "fieldmark" / "bucket" / "FORMAT.md").read_text()
    block = page.split("```vectors\n")[1].split("```")[0]
    return {name: bytes.fromhex(value) for name, value in re.findall(r"^(.*): ([0-9a-f ]+)$", block, re.MULTILINE)}


def test_the_vectors_of_the_page() -> None:
    named = vectors()
    key = bytes.fromhex("af90cd68d34f50dcc1e999fe9fbb20b9")
    assert sip_hash(b"spaid", key) == int.from_bytes(named['hash of string "paid"'], "little")
    assert key_id(key) == int.from_bytes(named["id of the key"], "little")
    one = read_histogram(Reader(named["histogram of 1"]))
    assert (one["count"], one["min"], one["max"], one["sum"]) == (1, 1, 1, 1)
    ends = read_histogram(Reader(named["histogram of 2^-1074 and the largest double, concealed"]))
    assert (ends["min"], ends["max"]) == (0, 1.7976931348623157e308)
    counts = read_subject(Reader(named["subject, counts"]), COUNTS, 2)
    assert counts[1]["statuses"] == {200: 7, 201: 1, 500: 2}
    assert counts[2]["fields"]["phone"]["formats"] == {"phone": 5}
    assert counts[64] == {(b"body.items[].price", b"missing"): {"count": 2, "traces": [b"\x01" + bytes(15)]}}
    hashed = read_subject(Reader(named["subject, hashed"]), HASHED, 2)
    assert hashed[2]["fields"]["phone"] == {
        "categories": {"entries": [(255, 5)], "overflowed": False},
        "texts": [(255, "s", "+1")],
    }


# ---------------------------------------------------------------- which bytes are none


def packed(envelope: bytes, body: bytes) -> bytes:
    """The body in one frame of RFC 8878, as it is."""
    pieces = [body[at : at + (128 << 10)] for at in range(0, len(body), 128 << 10)] or [b""]
    frame = b"\x28\xb5\x2f\xfd\xa0" + len(body).to_bytes(4, "little")
    for number, piece in enumerate(pieces, 1):
        frame += (len(piece) << 3 | (number == len(pieces))).to_bytes(3, "little") + piece
    return envelope + frame


def is_profile(data: bytes) -> bool:
    try:
        fieldmark.Profile.decode(data)
    except (ValueError, NotImplementedError, OverflowError):
        return False
    return True


def stranger_reads(data: bytes) -> str:
    try:
        read_saved_profile(data)
    except RefusedError as refused:
        return str(refused)
    return ""


def changed(body: bytes, draw: random.Random) -> bytes:
    """With a few bytes altered, taken out or put in."""
    out = bytearray(body)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        at = draw.randrange(len(out) + 1)
        way = draw.randrange(5)
        if way == 0:
            out[at:at] = bytes([draw.choice([0, 1, 2, 127, 128, 255])])
        elif at == len(out):
            continue
        elif way == 1:
            del out[at]
        elif way == 2:
            out[at] ^= 1 << draw.randrange(8)
        elif way == 3:
            out[at] = (out[at] + draw.choice([-1, 1])) & 0xFF
        else:
            out[at : at + 8] = out[at : at + 8][::-1]
    return bytes(out)


SOURCES = {
    "hashed": profile_of(3),
    "revealed": profile_of(5, ("status", "total", "id")),
    "small": fieldmark.profile([{"a": 1}, {"a": "x"}, {"a": [2.5]}], hash_key=KEY, reveal=["a"]).encode(),
    "golden v1": (GOLDEN / "v1" / "orders.profile").read_bytes(),
    "golden v2": (GOLDEN / "v2" / "orders.profile").read_bytes(),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_stranger_refuses_what_the_engine_refuses(source: str) -> None:
    data = SOURCES[source]
    _, _, body = open_envelope(data, "FMPF")
    envelope = data[: data.index(b"\x28\xb5\x2f\xfd")]
    assert stranger_reads(packed(envelope, body.data)) == ""
    draw = random.Random(source)
    taken = 0
    for _ in range(1_000 if len(body.data) < 2_000 else 100):
        other = packed(envelope, changed(body.data, draw))
        refused = stranger_reads(other)
        assert is_profile(other) == (refused == ""), (refused, other.hex())
        taken += refused == ""
    assert taken > 3  # some changes are of counts alone


def test_mixed_keys_and_families_are_as_the_page_says() -> None:
    _, _, body = open_envelope(SOURCES["small"], "FMPF")
    families = read_families(body, 2)
    assert set(families) == {COUNTS, DISTRIBUTIONS, HASHED}
    assert families[HASHED][2]["hash_key_id"] not in (0, MIXED_KEYS)
