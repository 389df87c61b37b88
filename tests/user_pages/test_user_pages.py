"""The commands of the user pages run as they stand, in an empty folder, and print what the page says.

A block named ```python FILE is written to that file; all ```sh blocks of a page run in order in one shell. Ports are
moved to free ones.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

PAGES = Path(__file__).parent.parent.parent / "docs" / "user"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS_MAX = 400


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_page(name: str, folder: Path) -> str:
    """What the page's commands print."""
    server, app = free_port(), free_port()
    text = (PAGES / name).read_text().replace("127.0.0.1:8000", f"127.0.0.1:{app}")
    text = text.replace("--port 8000", f"--port {app}").replace("fieldmark serve", f"fieldmark serve --port {server}")
    commands = ["set -eu"]
    for language, file, body in BLOCK.findall(text):
        if file:
            (folder / file).write_text(body)
        elif language == "sh":
            commands.append(body)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FIELDMARK_")}
    environment["FIELDMARK_URL"] = f"http://127.0.0.1:{server}"
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    # A group of its own: what the page starts in the background ends with it.
    shell = subprocess.Popen(
        ["bash", "-c", "\n".join(commands)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        # Background processes keep the pipe open: the shell is waited for, not the end of its output.
        with (folder / "output.txt").open("w") as log:
            reader = subprocess.Popen(["cat"], stdin=shell.stdout, stdout=log)
            status = shell.wait(timeout=SECONDS_MAX)
    finally:
        with suppress(ProcessLookupError):  # nothing in the background
            os.killpg(shell.pid, signal.SIGTERM)
        reader.wait(timeout=30)
    output = (folder / "output.txt").read_text()
    assert status == 0, output
    return output


def test_the_page_on_deployments_names_the_field(tmp_path):
    output = run_page("deployments.md", tmp_path)
    assert "exit status 3" in output
    assert "Cannot compare (no earlier version)" in output
    assert re.search(r"GET /orders/\{order_id\} response 2xx customer\.phone null 0 % → 3\d %", output), output
    assert "exit status 1" in output


def test_the_page_on_profiles_finds_what_it_says(tmp_path):
    output = run_page("profile.md", tmp_path)
    assert output.startswith("monday.ndjson: 2000 documents, 8 fields\n")
    assert "standard input: 4000 documents" in output
    assert "tuesday.profile is not hashed under the key" in output
    assert "No change seen  tuesday.ndjson compared with monday.profile" in output
    said = re.search(r"prints `([^`]*)`", (PAGES / "profile.md").read_text())
    assert said is not None and said.group(1) in output
    assert "exit status 1" in output
    assert "2000 customer\n" in output
    assert "No change seen  tuesday.ndjson compared with python.profile" in output


def test_the_page_on_jobs_counts_them(tmp_path):
    output = run_page("jobs.md", tmp_path)
    assert "tuesday failed" in output
    assert "1 run of 3 failed in 24 h" in output
    assert "exit status 1" in output


def test_the_page_on_doctor_is_told_what_it_says(tmp_path):
    before, _, after = run_page("doctor.md", tmp_path).partition("exit status 1")
    assert "nothing listens there" in before
    assert "orders (the application's title)" in after
    assert "v1 (FIELDMARK_VERSION)" in after
    assert "nothing is wrong" in after


def test_the_page_on_changes_lists_what_was_announced(tmp_path):
    output = run_page("changes.md", tmp_path)
    assert "announced 1: deploy 1.2.3: 9f2c1ab\n" in output
    assert "announced 2: add an index on orders.customer_id" in output
    assert "amended 2: add an index on orders.customer_id" in output
    assert re.search(r"Z  migration   2  add an index on orders\.customer_id *\n", output), output
    assert re.search(
        r"Z  deployment  1  deploy 1\.2\.3: 9f2c1ab, not seen yet  https://ci\.example\.org/runs/71\n", output
    )


def test_the_page_on_the_server_names_every_setting(tmp_path):
    printed = run_page("server.md", tmp_path)
    keys = set(re.findall(r"^(\w+) = .*  # default$", printed, re.MULTILINE))
    assert len(keys) > 8
    rows = [line for line in (PAGES / "server.md").read_text().splitlines() if line.startswith("| `")]
    for key in keys:
        row = f"| `{key}` | `FIELDMARK_SERVE_{key.upper()}` | `--{key.replace('_', '-')}` |"
        assert any(line.startswith(row) for line in rows), key


def test_the_page_on_the_server_shows_where_settings_are_from(tmp_path):
    output = run_page("server.md", tmp_path)
    assert "data = 'fieldmark-data'  # default" in output
    assert "keep_days = 300  # environment FIELDMARK_SERVE_KEEP_DAYS" in output
    assert "looks = ['15m', '1h', '4h', '24h']  # fieldmark.toml, line 3" in output
    assert "connections_max = 1000  # flag --connections-max" in output
    assert len(re.findall(r"^fm_[0-9a-f]{8}_\S{43}$", output, re.MULTILINE)) == 3
    assert "writes for orders in production" in output
    assert "reads everything" in output
    assert "monday.db is whole" in output
    assert "another-folder/fieldmark.db is whole" in output
    assert "nothing of that name is kept there" in output
    assert "hosts = ['fieldmark.example.org']  # flag --hosts" in output
    assert "there is no setting prot; did you mean port" in output
    assert "exit status 2" in output
