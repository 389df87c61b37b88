import asyncio
import os
import socket
import sys
import time
from pathlib import Path

import pytest

from shop.processes import Process, StartError, free_port


async def _start(tmp_path: Path, code: str) -> Process:
    return await Process.start("child", [sys.executable, "-c", code], tmp_path, dict(os.environ))


def test_a_process_that_ends_early_is_named_with_the_end_of_its_log(tmp_path):
    async def run() -> None:
        process = await _start(tmp_path, "print('no luck'); raise SystemExit(3)")
        await process.until(lambda: False, 30)

    with pytest.raises(StartError, match=r"child ended with 3:\n  no luck"):
        asyncio.run(run())


def test_a_program_that_is_not_there_says_what_to_do(tmp_path):
    async def run() -> None:
        await Process.start("server", ["no-such-program"], tmp_path, dict(os.environ))

    with pytest.raises(StartError, match=r"no program no-such-program; run \./dev build"):
        asyncio.run(run())


def test_what_a_process_started_ends_with_it(tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )

    async def run() -> int:
        process = await _start(tmp_path, code)
        await process.until(lambda: process.log.read_text().strip() != "", 30)
        await process.stop()
        await process.stop()  # again does no harm
        return int(process.log.read_text())

    grandchild = asyncio.run(run())
    deadline = time.monotonic() + 30
    while _runs(grandchild):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_port_in_use_gives_way_to_a_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) not in (0, port)
