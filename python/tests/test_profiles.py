"""Profiles of documents: what goes in, what can be read, how they merge, what they never hold."""

from __future__ import annotations

import json
import random
import threading
import time
from typing import Any

import pytest

import fieldmark
from support import HASH_KEY

ORDERS: list[dict[str, Any]] = [
    {"id": 7, "customer": {"phone": "+49 30 1234567"}, "items": [{"price": 9.5}, {"price": 3}]},
    {"id": 8, "customer": {"phone": None}, "items": [], "paid": True},
]


def fields(profile: fieldmark.Profile) -> dict[str, Any]:
    return {field["field"]: field for field in profile.to_dict()["fields"]}


def test_documents_are_profiled_field_by_field() -> None:
    profile = fieldmark.profile(ORDERS)
    assert profile.documents == 2
    assert repr(profile) == "<fieldmark.Profile of 2 documents>"
    found = fields(profile)
    assert set(found) == {"", "id", "customer", "customer.phone", "items", "items[]", "items[].price", "paid"}
    assert found["customer.phone"]["types"] == {"null": 1, "string": 1}
    assert found["customer.phone"]["formats"]["phone"] == 1
    assert found["paid"]["missing"] == {"objects": 2, "min": 1, "max": 1}
    assert found["items"]["array_items"]["max"] == 2
    assert found["items[].price"]["types"] == {"float": 1, "integer": 1}
    assert found["id"]["distinct"] == {"count": 2, "exact": True}
    assert "missing" not in found["items[]"]


def test_bytes_text_and_objects_give_the_same() -> None:
    given = [ORDERS, [json.dumps(order) for order in ORDERS], [json.dumps(order).encode() for order in ORDERS]]
    profiles = [fieldmark.profile(iter(documents), hash_key=HASH_KEY).encode() for documents in given]
    assert profiles[0] == profiles[1] == profiles[2]


def test_what_is_no_json_is_counted_and_touches_no_field() -> None:
    profile = fieldmark.Profile()
    assert profile.observe(b'{"a":1}') is True
    assert profile.observe(b'{"b":') is False
    assert profile.observe(b"what") is False
    read = profile.to_dict()
    assert (read["documents"], read["malformed"]) == (1, {"truncated": 1, "not json": 1})
    assert set(fields(profile)) == {"", "a"}


def test_strange_values_are_statistics() -> None:
    profile = fieldmark.profile([{"a": float("nan")}, {"a": 2**70}, {"a": "\ud800"}, b'{"a":1,"a":2}'])
    assert profile.documents == 4
    odd = fields(profile)["a"]["oddities"]
    assert odd == {"big_integers": 1, "non_finites": 1, "duplicate_keys": 1, "invalid_utf8": 1}


def test_they_merge_the_same_in_any_order_and_partition() -> None:
    shuffled = random.Random(5)
    documents = [{"id": i, "note": "x" * (i % 9), "maybe": None if i % 3 else i / 7} for i in range(500)]
    whole = fieldmark.profile(documents, hash_key=HASH_KEY).to_dict()
    for _ in range(5):
        shuffled.shuffle(documents)
        cut = shuffled.randrange(len(documents))
        left = fieldmark.profile(documents[:cut], hash_key=HASH_KEY)
        right = fieldmark.profile(documents[cut:], hash_key=HASH_KEY)
        assert right.merge(left) is True
        assert right.to_dict() == whole
        assert left.documents == cut
        left.merge(left)
        assert left.documents == 2 * cut


def test_they_come_back_from_their_bytes_and_go_on() -> None:
    saved = fieldmark.profile(ORDERS).encode()
    back = fieldmark.Profile.decode(saved)
    assert back.encode() == saved
    back.observe(json.dumps(ORDERS[0]).encode())
    assert back.documents == 3
    assert fields(back)["id"]["distinct"] == {"count": 2, "exact": True}  # hashed alike: the key is inside


def test_a_key_that_was_chosen_is_not_in_the_bytes() -> None:
    chosen = fieldmark.profile(ORDERS, hash_key=HASH_KEY).encode()
    assert bytes.fromhex(HASH_KEY) not in chosen
    without = fieldmark.Profile.decode(chosen)
    without.observe(b'{"id":9}')
    assert without.to_dict()["hash_key_id"] is None
    assert "distinct" not in fields(without)["id"]
    again = fieldmark.Profile.decode(chosen, hash_key=HASH_KEY)
    again.observe(b'{"id":9}')
    assert fields(again)["id"]["distinct"] == {"count": 3, "exact": True}


def test_hashes_under_different_keys_are_dropped_and_it_says_so() -> None:
    one, other = fieldmark.profile(ORDERS), fieldmark.profile(ORDERS)
    assert one.to_dict()["hash_key_id"] != other.to_dict()["hash_key_id"]
    assert one.merge(other) is False
    assert one.documents == 4
    assert "distinct" not in fields(one)["id"]


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDMARK_HASH_KEY", HASH_KEY)
    assert fieldmark.profile(ORDERS).encode() == fieldmark.profile(ORDERS, hash_key=HASH_KEY).encode()


def test_nothing_planted_is_in_the_bytes_or_the_figures() -> None:
    secret = {"note": "hunter2-hunter2", "4111111111111111": 1, "x@example.org": 1, "pin": 77001133}
    profile = fieldmark.profile([secret] * 3)
    shown = profile.encode() + json.dumps(profile.to_dict()).encode()
    for planted in (b"hunter2", b"4111111", b"x@example", b"77001133", (77001133).to_bytes(4, "little")):
        assert planted not in shown


def test_values_of_revealed_fields_are_given_and_no_others() -> None:
    documents = [{"status": "paid", "code": 7, "price": 12.5}] * 3 + [{"status": "open", "code": 7, "price": 99.75}]
    found = fields(fieldmark.profile(documents, reveal=["status", "price"]))
    assert found["status"]["revealed"] == [
        {"value": "paid", "type": "string", "count": 3},
        {"value": "open", "type": "string", "count": 1},
    ]
    assert [value["value"] for value in found["price"]["revealed"]] == ["12.5", "99.75"]
    assert (found["price"]["numbers"]["min"], found["price"]["numbers"]["max"]) == (12.5, 99.75)
    assert "revealed" not in found["code"]
    decoded = fieldmark.Profile.decode(fieldmark.profile(documents, reveal=["status"]).encode(), reveal=["status"])
    decoded.observe(b'{"status": "sent"}')
    assert [value["value"] for value in fields(decoded)["status"]["revealed"]] == ["paid", "open", "sent"]


@pytest.mark.parametrize("reveal", [["a..b"], ["POST /a request b"], [""]])
def test_what_cannot_be_revealed_is_refused(reveal: list[str]) -> None:
    with pytest.raises(ValueError, match=r"reading what to reveal: .* names no field"):
        fieldmark.Profile(reveal=reveal)
    with pytest.raises(TypeError, match="put it into a list"):
        fieldmark.Profile(reveal="status")


def test_times_have_an_age() -> None:
    now = time.time()
    found = fields(fieldmark.profile([{"at": now - 3600, "updated_at": "2001-02-03T04:05:06Z", "day": "2001-02-03"}]))
    assert found["at"]["age_ms"]["p50"] == pytest.approx(3.6e6, rel=0.03)
    assert found["updated_at"]["age_ms"]["p50"] == pytest.approx((now - 981_173_106) * 1000, rel=0.03)
    assert "age_ms" not in found["day"]


def test_a_map_is_one_field() -> None:
    documents = [{"prices": {f"{a}{b}": 1}} for a in "abcdefghij" for b in "klmnopqrst"]
    assert set(fields(fieldmark.profile(documents))) == {"", "prices", "prices.{}"}


@pytest.mark.parametrize("data", [b"", b"no profile", b"FMPF", b"FMPF\x01\x00\x09"])
def test_bytes_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="reading a saved profile: "):
        fieldmark.Profile.decode(data)


def test_damaged_bytes_never_give_another_profile() -> None:
    saved = fieldmark.profile(ORDERS).encode()
    changed = random.Random(1)
    for _ in range(500):
        damaged = bytearray(saved)
        damaged[changed.randrange(len(damaged))] ^= 1 << changed.randrange(8)
        try:
            assert fieldmark.Profile.decode(bytes(damaged)).encode() == saved
        except (ValueError, NotImplementedError, OverflowError):
            continue


def test_mistakes_are_told() -> None:
    with pytest.raises(TypeError, match="put it into a list"):
        fieldmark.profile(ORDERS[0])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="put it into a list"):
        fieldmark.profile(b"{}")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        fieldmark.profile([object()])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        fieldmark.Profile().observe("text")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"fieldmark\.Profile"):
        fieldmark.Profile().merge(b"")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="32 hex"):
        fieldmark.Profile(hash_key="secret")


def test_one_profile_a_thread_merged_afterwards() -> None:
    profiles = [fieldmark.Profile(hash_key=HASH_KEY) for _ in range(4)]

    def observe(profile: fieldmark.Profile) -> None:
        for i in range(300):
            profile.observe(b'{"id":%d}' % i)

    threads = [threading.Thread(target=observe, args=(profile,)) for profile in profiles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for profile in profiles[1:]:
        profiles[0].merge(profile)
    assert profiles[0].documents == 1200
    assert fields(profiles[0])["id"]["types"] == {"integer": 1200}
