"""A person logs in on the page of a server that has tokens, and out again: a real browser, a real server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from binary import port_of, run, serving
from traffic import batch, send

CHECK = Path(__file__).parent.parent.parent / "web" / "browser" / "login_check.mjs"
SECONDS_MAX = 180


def test_a_person_logs_in_and_out(tmp_path):
    assert shutil.which("node"), "looking for node: it is not on the PATH; ./dev setup installs one"
    folder = tmp_path / "data"
    read = run("token", "create", "--data", str(folder), "--name", "ada").stdout.strip()
    write = run("token", "create", "--data", str(folder), "--service", "shop", "--environment", "test").stdout.strip()
    with serving(folder) as (_, url):
        sent = send(port_of(url), batch("shop", "test", "v1"), {"Authorization": f"Bearer {write}"})
        assert sent == 200
        done = subprocess.run(["node", str(CHECK), url, read], capture_output=True, text=True, timeout=SECONDS_MAX)
        assert done.returncode == 0, done.stdout + done.stderr
    audit = (folder / "audit.log").read_text()
    assert "logged in" in audit
    assert "logged out" in audit
