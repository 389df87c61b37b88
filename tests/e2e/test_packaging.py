"""The unit that systemd is given."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from binary import BINARY

UNIT = Path(__file__).parent.parent.parent / "packaging" / "fieldmark.service"
ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    def verify(text: str) -> str:
        unit = tmp_path / "fieldmark.service"
        unit.write_text(text.replace("/usr/local/bin/fieldmark", str(Path(BINARY).resolve())))
        assert ANALYZE is not None
        result = subprocess.run([ANALYZE, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)
        return "\n".join(line for line in result.stderr.splitlines() if "fieldmark.service" in line)

    text = UNIT.read_text()
    assert verify(text) == ""
    assert "PrivateTpm" in verify(text.replace("PrivateTmp", "PrivateTpm")), "a slip must be found"
