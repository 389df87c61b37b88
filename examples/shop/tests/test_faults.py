import json

import pytest

from shop.faults import FAULTS_FILE, problems_of

SIGNALS = {
    "phone": "POST /orders response 2xx customer.phone null",
    "cents": "GET /orders/{order_id} response 2xx items[].price value",
    "renamed": "GET /products/{product_id} response 2xx available missing",
    "slow": "GET /search latency",
    "errors": "GET /orders status 5xx",
}


def verdict(*signals: str, state: str = "changed", suspected: tuple[str, ...] = ()) -> dict[str, object]:
    findings = [{"signal": signal, "state": "changed"} for signal in signals]
    return {
        "state": state,
        "findings": findings + [{"signal": name, "state": "suspected"} for name in suspected],
    }


def test_a_verdict_with_a_finding_for_each_fault_holds():
    assert problems_of("bad", verdict(*SIGNALS.values())) == []


@pytest.mark.parametrize("missing", SIGNALS)
def test_a_fault_without_a_finding_is_a_problem(missing):
    assert (
        len(
            problems_of(
                "bad",
                verdict(*(SIGNALS.keys() - {missing} and [s for n, s in SIGNALS.items() if n != missing])),
            )
        )
        == 1
    )


def test_a_suspected_finding_does_not_stand_for_a_fault():
    others = [signal for name, signal in SIGNALS.items() if name != "phone"]
    assert len(problems_of("bad", verdict(*others, suspected=(SIGNALS["phone"],)))) == 1


def test_a_changed_finding_without_a_fault_is_a_problem_and_a_suspected_one_is_not():
    odd = "GET /orders response 2xx spent value"
    assert problems_of("bad", verdict(*SIGNALS.values(), odd)) == [f"bad: a finding without a fault: {odd}"]
    assert problems_of("bad", verdict(*SIGNALS.values(), suspected=(odd,))) == []


def test_the_decoy_must_show_no_change_and_no_finding():
    assert problems_of("decoy", verdict(state="no_change")) == []
    assert len(problems_of("decoy", verdict(state="suspected"))) == 1
    assert len(problems_of("decoy", verdict(SIGNALS["phone"], state="changed"))) == 2


def test_every_release_with_faults_says_which_signals_may_report_each():
    for faults in json.loads(FAULTS_FILE.read_text()).values():
        assert all(fault["fault"] and fault["signals"] for fault in faults)
