"""The checker: do a release's verdict and `faults.json` agree? In the patterns `*` stands for anything."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FAULTS_FILE = Path(__file__).parent.parent / "faults.json"


def problems_of(release: str, verdict: dict[str, Any]) -> list[str]:
    """Why the verdict is wrong: empty when every fault has a finding and every finding a fault."""
    faults = json.loads(FAULTS_FILE.read_text())[release] if release != "decoy" else []
    state = "changed" if faults else "no_change"
    changed = [finding["signal"] for finding in verdict["findings"] if finding["state"] == "changed"]
    problems = [] if verdict["state"] == state else [f"{release}: {verdict['state']}, not {state}"]
    problems += [
        f"{release}: not found: {fault['fault']}"
        for fault in faults
        if not any(_matches(fault["signals"], signal) for signal in changed)
    ]
    patterns = [pattern for fault in faults for pattern in fault["signals"]]
    problems += [
        f"{release}: a finding without a fault: {signal}" for signal in changed if not _matches(patterns, signal)
    ]
    return problems


def _matches(patterns: list[str], signal: str) -> bool:
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), signal) for pattern in patterns)
