"""`fieldmark judge FILE`: what it prints and how it ends, for good input and bad."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from binary import run

HEADER = {"format": "fieldmark.series/1", "step_s": 300, "start": "2026-01-01T00:00:00Z"}
STEPS = 12 * 24 * 4
CHANGE = STEPS - 12
CHANGE_AT = "2026-01-04T23:00:00Z"


def level(factor: float = 1.0, seed: int = 1) -> dict[str, Any]:
    draw = random.Random(seed)
    values = [draw.lognormvariate(4, 0.1) * (factor if i >= CHANGE else 1) for i in range(STEPS)]
    return {"signal": f"load {seed}", "kind": "mean", "values": values}


def nulls(after: float = 0.01, seed: int = 1, **more: Any) -> dict[str, Any]:
    draw = random.Random(seed)
    counts = [sum(draw.random() < (after if i >= CHANGE else 0.01) for _ in range(100)) for i in range(STEPS)]
    weights = [100] * STEPS
    values = [count / 100 for count in counts]
    return {"signal": f"f{seed} null", "kind": "rate", "values": values, "weights": weights, **more}


def asked(folder: Path, signals: list[Any], *arguments: str, header: Any = None) -> tuple[int, list[Any], str]:
    path = folder / "series.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in [header or HEADER, *signals]))
    done = run("judge", str(path), *(arguments or ("--change-at", CHANGE_AT)))
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_nothing_changed(tmp_path: Path) -> None:
    code, (answer,), _ = asked(tmp_path, [level(), nulls()])
    assert (code, answer["state"], answer["judged"]) == (0, "no_change", 2)
    assert "could have seen ≥ " in answer["sentence"]


def test_what_changed_is_named_with_all_that_the_contract_promises(tmp_path: Path) -> None:
    code, (answer,), _ = asked(tmp_path, [level(), nulls(after=0.2, seed=2), nulls(seed=3)])
    assert (code, answer["state"], answer["change_at"], answer["look_s"]) == (1, "changed", CHANGE_AT, 3600)
    (finding,) = answer["findings"]
    assert finding["signal"] == "f2 null" and finding["state"] == "changed" and finding["qualifier"] is None
    assert finding["from"] == pytest.approx(0.01, abs=0.003) and finding["to"] == pytest.approx(0.2, abs=0.05)
    assert finding["n_after"] == 1200 and 0 <= finding["q_value"] <= 0.05 and finding["could_have_seen"] > 0
    assert finding["since"][0] <= CHANGE_AT <= finding["since"][1]


def test_a_level_that_rose_by_half_is_found(tmp_path: Path) -> None:
    code, (answer,), _ = asked(tmp_path, [level(1.5)])
    assert (code, answer["state"]) == (1, "changed")
    assert answer["findings"][0]["effect"] == pytest.approx(0.5, abs=0.2)


def test_each_change_is_a_question_of_its_own(tmp_path: Path) -> None:
    earlier = "2026-01-04T12:00:00Z"
    code, answers, _ = asked(tmp_path, [nulls(after=0.2)], "--change-at", earlier, CHANGE_AT)
    assert [answer["state"] for answer in answers] == ["no_change", "changed"]
    assert code == 1


def test_the_schedule_says_its_looks(tmp_path: Path) -> None:
    code, (answer,), _ = asked(tmp_path, [nulls(after=0.2)], "--change-at", CHANGE_AT, "--schedule")
    assert code == 1
    assert answer["looks"] == [{"look_s": 900, "state": "changed"}]


def test_it_says_how_often_it_would_have_been_wrong_where_that_is_asked_for(tmp_path: Path) -> None:
    """Every third hour from the fourth day on, but one that is excluded; and one at which something moved."""
    draw = random.Random(6)
    hours = 8 * 24
    moved = 5 * 24 + 22
    shares = [0.3 if hour == moved else 0.01 for hour in range(hours) for _ in range(12)]
    counts = [sum(draw.random() < share for _ in range(100)) for share in shares]
    rate = {"signal": "a", "kind": "rate", "values": [n / 100 for n in counts], "weights": [100] * len(counts)}
    header = {**HEADER, "excluded": [["2026-01-07T03:00:00Z", "2026-01-07T04:00:00Z"]]}
    question = ("--change-at", "2026-01-08T23:00:00Z")
    _, (answer,), _ = asked(tmp_path, [rate], *question, header=header)
    assert "moments" not in answer
    code, (answer,), _ = asked(tmp_path, [rate], *question, "--moments", header=header)
    assert (code, answer["state"]) == (0, "no_change")
    sentence = (
        "On 38 comparable hours of the last 14 days, without a change or an incident, this check would have flagged 1."
    )
    assert answer["moments"] == {"asked": 38, "flagged": 1, "sentence": sentence}
    _, (answer,), _ = asked(tmp_path, [rate], "--change-at", "2026-01-05T23:00:00Z", "--moments")
    assert answer["moments"] is None, "fewer than twenty"


def test_what_follows_another_change_is_not_this_ones(tmp_path: Path) -> None:
    header = {**HEADER, "known_changes": [CHANGE_AT]}
    before = "2026-01-04T22:30:00Z"
    code, (answer,), _ = asked(tmp_path, [nulls(after=0.2)], "--change-at", before, header=header)
    assert (code, answer["state"], answer["findings"]) == (0, "no_change", [])


def earlier(after: float, seed: int = 4) -> dict[str, Any]:
    """What the version before sees of the first signal beside the new one."""
    return {**nulls(after=after, seed=seed), "signal": "f1 null", "version": "earlier"}


def test_what_the_earlier_version_shows_as_well_is_not_the_changes(tmp_path: Path) -> None:
    code, (answer,), _ = asked(tmp_path, [nulls(after=0.2), nulls(seed=2), earlier(0.2)])
    assert (code, answer["state"]) == (1, "suspected")
    assert answer["findings"][0]["qualifier"] == "environment moved"


def test_what_the_earlier_version_does_not_show_is_changed_side_by_side(tmp_path: Path) -> None:
    code, (answer,), _ = asked(tmp_path, [nulls(after=0.2), nulls(seed=2), earlier(0.01)])
    assert (code, answer["state"]) == (1, "changed")
    assert answer["findings"][0]["qualifier"] == "side by side"


def test_a_line_of_the_earlier_version_needs_its_signal(tmp_path: Path) -> None:
    code, _, said = asked(tmp_path, [nulls(seed=2), earlier(0.2)])
    assert code == 2 and "an earlier version's line follows one of the same signal and kind" in said


@pytest.mark.parametrize(
    ("signal", "change_at"),
    [
        ({"signal": "a", "kind": "mean", "values": [None] * STEPS}, CHANGE_AT),
        ({"signal": "a", "kind": "mean", "values": [5.0]}, "2026-01-01T00:00:00Z"),
        ({"signal": "a", "kind": "count", "values": []}, CHANGE_AT),
        (nulls(), "2025-12-01T00:00:00Z"),
        (nulls(), "2027-01-01T00:00:00Z"),
    ],
    ids=["no data", "one point", "no steps", "a change before the data", "a change in the future"],
)
def test_silence_is_never_green(tmp_path: Path, signal: dict[str, Any], change_at: str) -> None:
    code, (answer,), _ = asked(tmp_path, [signal], "--change-at", change_at)
    assert code == 3
    assert answer["state"] in ("not_enough", "cannot_compare")
    assert answer["title"].startswith(("Not enough traffic yet (", "Cannot compare ("))


def test_gaps_and_constants_are_judged(tmp_path: Path) -> None:
    gaps = level()
    gaps["values"] = [None if i % 7 == 0 else value for i, value in enumerate(gaps["values"])]
    code, (answer,), _ = asked(tmp_path, [gaps, {"signal": "c", "kind": "mean", "values": [3.0] * STEPS}])
    assert (code, answer["state"], answer["judged"]) == (0, "no_change", 2)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "no header"),
        ([{"format": "other"}], "the header is"),
        ([HEADER], "no signal after the header"),
        ([HEADER, {"signal": "a", "kind": "mean"}], '"values" is missing'),
        ([HEADER, {"signal": "a", "kind": "mood", "values": [1]}], '"kind" is none of'),
        ([HEADER, {"signal": "a", "kind": "mean", "values": ["x"]}], "neither a finite number nor null"),
        ([HEADER, nulls(), nulls()], "the second signal of its name"),
        ([HEADER, nulls(numerators=[101] * STEPS)], "a numerator is above its weight"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, lines: list[Any], said: str) -> None:
    path = tmp_path / "series.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = run("judge", str(path), "--change-at", CHANGE_AT)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_nan_is_not_json(tmp_path: Path) -> None:
    path = tmp_path / "series.jsonl"
    path.write_text(json.dumps(HEADER) + '\n{"signal":"a","kind":"mean","values":[NaN]}\n')
    done = run("judge", str(path), "--change-at", CHANGE_AT)
    assert done.returncode == 2
    assert "line 2: not JSON" in done.stderr
