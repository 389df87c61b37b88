"""The server under test: the real program, on a core of its own, and what it takes."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

START_S_MAX = 120.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# The load has the other cores.
CORE = max(os.sched_getaffinity(0))
OTHERS = os.sched_getaffinity(0) - {CORE} or {CORE}


class Server:
    def __init__(
        self, program: str, folder: Path, settings: list[str] | None = None, cores: set[int] | None = None
    ) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = int(listener.getsockname()[1])
        self.folder = folder
        command = [program, "serve", "--data", str(folder), "--port", str(self.port), *(settings or [])]
        started = time.monotonic()
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores or {CORE})
        )
        assert self._process.stdout
        ready = self._process.stdout.readline()
        if "is ready" not in ready:
            raise SystemExit(f"starting the server: it ended with {self._process.wait()}")
        self.start_s = time.monotonic() - started

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return bytes(answer.read())

    def metric(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics").decode(), re.MULTILINE)
        if not found:
            raise SystemExit(f"reading /metrics: it has no {name}")
        return float(found[1])

    def cpu_s(self) -> float:
        """Of all its threads so far, the kernel's work for them included."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND

    def resident_mb(self, highest: bool = False) -> float:
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(rf"^Vm{'HWM' if highest else 'RSS'}:\s+(\d+) kB", text, re.MULTILINE)
        assert found
        return int(found[1]) * 1024 / 1e6

    def disk_mb(self) -> float:
        return sum(path.stat().st_size for path in self.folder.iterdir()) / 1e6

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def allow_descriptors() -> None:
    """Of the load's connections, as many as this user may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
