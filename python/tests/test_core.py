"""The extension: what its calls take, give and refuse."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from fieldmark import _core
from support import HASH_KEY

NOW = 1_795_540_000_000
MINUTE = NOW // 60_000


def outbox(**labels: Any) -> _core.Outbox:
    return _core.Outbox("orders", "production", "v1", os.urandom(16), **labels)


def sent(recorder: _core.Recorder, **labels: Any) -> dict[str, Any]:
    box = outbox(**labels)
    box.collect(recorder)
    frozen = box.freeze(NOW)
    assert frozen is not None
    return _core.read_batch(frozen[1])


def test_what_was_recorded_by_position_or_by_name_arrives_the_same() -> None:
    by_position, by_name = _core.Recorder(), _core.Recorder()
    by_position.record("POST /o", 201, NOW, 1.0, 2.0, 3.0, False, "", 1, b'{"a":1}', 7, 1, b"[null]", 6)
    by_name.record(
        route="POST /o", status=201, ended_unix_ms=NOW, first_byte_ms=1.0, last_byte_ms=2.0, app_return_ms=3.0,
        request_state=_core.BODY_CAPTURED, request=b'{"a":1}', request_wire_bytes=7,
        response_state=_core.BODY_CAPTURED, response=b"[null]", response_wire_bytes=6,
    )  # fmt: skip
    first, second = sent(by_position), sent(by_name)
    assert first["minutes"] == second["minutes"]
    subjects = first["minutes"][MINUTE]
    assert subjects["POST /o"]["request"]["by_status"] == {201: 1}
    assert subjects["POST /o request"]["body"]["fields"]["a"]["integers"] == 1
    assert subjects["POST /o response 2xx"]["body"]["fields"]["[]"]["nulls"] == 1


def test_times_records_the_same_event_so_often() -> None:
    recorder = _core.Recorder()
    recorder.record("GET /o", 200, NOW, response_state=_core.BODY_CAPTURED, response=b'{"a":"x"}', times=1000)
    subjects = sent(recorder)["minutes"][MINUTE]
    assert subjects["GET /o"]["request"]["by_status"] == {200: 1000}
    assert subjects["GET /o response 2xx"]["body"]["fields"]["a"]["strings"] == 1000


def test_watching_runs_events_and_drops_are_counted() -> None:
    recorder = _core.Recorder()
    recorder.watch(NOW, NOW + 2_500)
    recorder.run("nightly", NOW, 12.5, True)
    recorder.run("nightly", NOW, 12.5, False)
    recorder.event("POST /o", "invalid: body.phone", NOW, 3)
    recorder.count_dropped(NOW)
    subjects = sent(recorder)["minutes"][MINUTE]
    assert subjects[""]["watch"] == {"observed_ms": 2_500, "dropped_events": 1}
    assert subjects["job nightly"]["run"] == {"succeeded": 1, "failed": 1}
    assert subjects["POST /o"]["events"] == {"invalid: body.phone": 3}


def test_a_batch_carries_who_sent_it() -> None:
    recorder = _core.Recorder(HASH_KEY)
    recorder.watch(NOW, NOW + 1)
    batch = sent(recorder, host="web-1", pid=7, started_unix_ms=NOW, source="replay", sdk="python 0.1.0")
    assert {key: batch[key] for key in ("service", "environment", "version", "host", "pid", "source", "sdk")} == {
        "service": "orders", "environment": "production", "version": "v1",
        "host": "web-1", "pid": 7, "source": "replay", "sdk": "python 0.1.0",
    }  # fmt: skip
    assert batch["hash_key_id"] == recorder.hash_key_id != 0


def test_an_outbox_keeps_a_batch_byte_for_byte_until_it_is_answered() -> None:
    recorder, box = _core.Recorder(), outbox()
    assert box.empty
    assert box.freeze(NOW) is None
    recorder.watch(NOW, NOW + 1)
    box.collect(recorder)
    first = box.freeze(NOW)
    recorder.watch(NOW, NOW + 1)
    box.collect(recorder)
    box.answer(503)
    assert box.freeze(NOW + 60_000) == first
    box.answer(200)
    second = box.freeze(NOW)
    assert first is not None and second is not None
    assert (first[0], second[0]) == (1, 2)
    box.answer(200)
    assert box.empty
    assert (box.uncertain_batches, box.rejected_batches, box.pending_minutes) == (0, 0, 0)


@pytest.mark.parametrize(
    ("call", "raises", "says"),
    [
        (lambda: _core.Recorder("short"), ValueError, "hash key"),
        (lambda: _core.Recorder().set_hash_key("x" * 32), ValueError, "hash key"),
        (lambda: _core.Outbox("a", "b", "c", b"15 bytes, no more"[:15]), ValueError, "16 bytes"),
        (lambda: outbox(source="dead"), ValueError, "live"),
        (lambda: _core.Recorder().record("GET /", 200, NOW, request_state=6), ValueError, "state"),
        (lambda: _core.Recorder().record("GET /", 70_000, NOW), TypeError, "incompatible"),
        (
            lambda: _core.Recorder().record("GET /", 200, NOW, request_state=1, request=bytearray(b"{}")),
            TypeError,
            "incompatible",
        ),
        (lambda: _core.read_batch(b""), ValueError, "batch"),
        (lambda: _core.read_batch(os.urandom(200)), ValueError, "batch"),
    ],
)
def test_what_cannot_be_meant_raises_and_says_why(call: Callable[[], Any], raises: type[Exception], says: str) -> None:
    with pytest.raises(raises, match=says):
        call()
