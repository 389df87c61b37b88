"""The fieldmark binary: FIELDMARK_BINARY, else the one on the PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARY = os.environ.get("FIELDMARK_BINARY") or shutil.which("fieldmark") or "fieldmark"
SECONDS_MAX = 60


def run(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FIELDMARK_")}
    return subprocess.run(
        [BINARY, *arguments], capture_output=True, text=True, timeout=SECONDS_MAX, cwd=folder, env=environment
    )


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [BINARY, "serve", "--data", str(folder), "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert " is ready at http://127.0.0.1:" in ready, process.stderr and process.stderr.read()
        yield process, ready.split(" at ")[1].split(",")[0]
    finally:
        process.kill()
        process.communicate()


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1])
