"""The demo's child processes: started with a log each, ended by their process group, whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


class StartError(Exception):
    """A process did not come up; the text says which, and shows the end of its log."""


class Process:
    """One child in a group of its own: what it starts ends with it."""

    def __init__(self, name: str, child: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._child = child

    @classmethod
    async def start(cls, name: str, command: list[str], folder: Path, environment: dict[str, str]) -> Process:
        log = folder / f"{name}.log"
        with log.open("ab") as output:
            try:
                child = await asyncio.create_subprocess_exec(
                    *command, stdout=output, stderr=output, env=environment, start_new_session=True
                )
            except FileNotFoundError:
                raise StartError(f"starting {name}: there is no program {command[0]}; run ./dev build") from None
        return cls(name, child, log)

    async def until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Waits until it is ready; raises StartError when it ended, or took too long."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not ready():
            if self._child.returncode is not None:
                raise StartError(f"{self.name} ended with {self._child.returncode}:\n{self.end_of_log()}")
            if asyncio.get_running_loop().time() > deadline:
                raise StartError(f"{self.name} was not ready after {seconds:.0f} s:\n{self.end_of_log()}")
            await asyncio.sleep(0.05)

    def end_of_log(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-12:]
        return "\n".join([f"  {line}" for line in lines] + [f"  ({self.log})"])

    async def stop(self, patience_s: float = 10) -> None:
        """Asks it to end, then makes it."""
        if self._child.returncode is None:
            self._child.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._child.wait(), patience_s)
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        await self._child.wait()


def free_port(wanted: int = 0) -> int:
    """`wanted` if nobody listens there, else one that the system picks."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise StartError("no free port on 127.0.0.1")
