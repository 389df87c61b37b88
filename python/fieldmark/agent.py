"""What a process holds of Fieldmark: a recorder for the serving thread, and the sender that empties it.

It starts at first use in the process that serves, and anew in a child after fork. Everything here fails open: a fault
of ours is counted and logged at most once a minute, and the application goes on.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time

from fieldmark import _core
from fieldmark.faults import Faults
from fieldmark.filters import Filter
from fieldmark.settings import Settings, resolve, service_name, working_folder
from fieldmark.transport import Sender

FLUSH_SECONDS_MAX = 1.0  # at the end of a process, all together
LOCK_SECONDS_MAX = 0.2  # of them, for what is under way in the extension
SECONDS_BETWEEN_STARTS = 60.0


class Agent:
    """One per settings and service in a process. ``recorder`` is for the serving thread."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._settings = settings
        self._service = service
        self.bodies = settings.bodies
        self.filter = Filter(settings.include, settings.exclude) if settings.include or settings.exclude else None
        self.serves = False  # an application, whose other work is this agent's too
        self.begin()

    def begin(self) -> None:
        """Empty, as in a process that just started: what a parent recorded is the parent's to send."""
        settings = self._settings
        self.recorder = _core.Recorder(settings.hash_key, settings.reveal, settings.drop, settings.sample)
        self._faults = Faults()
        self.started = False
        self.exit_seconds_left = FLUSH_SECONDS_MAX
        self.fork_lock = threading.Lock()
        self._start_lock = threading.Lock()
        self._start_again_at_s = 0.0
        self._sender: Sender | None = None

    @property
    def faults(self) -> int:
        """Of Fieldmark's own in this process, so far."""
        return self._faults.total

    @property
    def held_bytes(self) -> int:
        """Of bodies that are kept while their requests run."""
        return self.recorder.held_bytes

    def is_same_service(self, other: object) -> bool:
        """Whether what ``other`` counts is what this one would: two layers may differ in other settings."""
        return other is self or (
            isinstance(other, Agent)
            and other._service == self._service
            and other._settings.environment == self._settings.environment
            and other._settings.url == self._settings.url
        )

    def start(self) -> None:
        """Starts sending, once. Cheap to call again."""
        with self._start_lock:
            if self.started or time.monotonic() < self._start_again_at_s:
                return
            try:
                sender = Sender(self._settings, self._service, self.recorder, self.fork_lock, self._faults)
                sender.start()
            except Exception as error:  # no thread to be had, or the interpreter is going down
                self._start_again_at_s = time.monotonic() + SECONDS_BETWEEN_STARTS
                self.fault(error)
                return
            self._sender = sender
            self.started = True
            _flush_in_multiprocessing_child()

    def flush(self, seconds_max: float | None = None) -> bool:
        """Sends what there is, before the server ends the process. False when there was no time for all of it; what
        the attempt took is then off the time that the exit may take."""
        started_s = time.monotonic()
        try:
            done = self._sender is not None and self._sender.flush(
                FLUSH_SECONDS_MAX if seconds_max is None else seconds_max
            )
        except Exception as error:
            self.fault(error)
            done = False
        self.exit_seconds_left = FLUSH_SECONDS_MAX if done else FLUSH_SECONDS_MAX - (time.monotonic() - started_s)
        return done

    def stop(self, seconds_max: float) -> None:
        try:
            if self._sender is not None:
                self._sender.stop(seconds_max)
            self.recorder.close(0.0)  # its thread must not outlive the interpreter
        except Exception as error:
            self.fault(error)

    def fault(self, error: BaseException) -> None:
        """Counts a fault of ours and says so, at most once a minute. Never raises."""
        self._faults.add(error)


# Of what could not even have an agent.
orphaned = Faults()

_agents: dict[tuple[Settings, str], Agent] = {}
_agents_lock = threading.Lock()
# Recorders and outboxes of a parent process. A child never touches them, not even to free them: the parent may have
# been at work on one.
_inherited: list[object] = []


def agent_for(settings: Settings, service: str) -> Agent:
    """Always the same one for the same arguments, so that applications built again share it."""
    with _agents_lock:
        agent = _agents.get((settings, service))
        if agent is None:
            agent = _agents[settings, service] = Agent(settings, service)
        return agent


_off = threading.Event()  # an application here said that it wants none of us


def switch_off() -> None:
    """For what runs outside requests, unless another application of this process is watched."""
    _off.set()


def agent_of_process() -> Agent | None:
    """Of what runs outside requests: the first watched application's, else one by the environment's settings alone.

    None when we are switched off. Raises SettingsError.
    """
    for agent in list(_agents.values()):
        if agent.serves:
            return agent
    settings = resolve(os.environ)
    if settings.disabled or _off.is_set():
        return None
    return agent_for(settings, settings.service or service_name(None, working_folder().name))


_held_for_fork: list[threading.Lock] = []


def _before_fork() -> None:
    for agent in list(_agents.values()):
        if agent.fork_lock.acquire(timeout=1.0):
            _held_for_fork.append(agent.fork_lock)


def _after_fork_in_parent() -> None:
    while _held_for_fork:
        _held_for_fork.pop().release()


def _after_fork_in_child() -> None:
    global _agents_lock
    _agents_lock = threading.Lock()
    _held_for_fork.clear()
    for agent in list(_agents.values()):
        _inherited.append((agent.recorder, agent._sender))
        agent.begin()


def stop_all() -> None:
    """A last flush of every agent, together within the time that an exit may take."""
    agents = list(_agents.values())
    started_s = time.monotonic()
    for agent in agents:
        until_s = started_s + agent.exit_seconds_left - LOCK_SECONDS_MAX
        agent.stop(max(until_s - time.monotonic(), 0.0))
    # Kept from now on: a thread that came back from the extension into an interpreter that is going down would take
    # the process with it.
    until_s = time.monotonic() + LOCK_SECONDS_MAX
    for agent in agents:
        agent.fork_lock.acquire(timeout=max(until_s - time.monotonic(), 0.0))


def _at_exit() -> None:
    stop_all()
    # What other exit handlers do is nobody's to send. Forgotten, recorders are freed with their last application.
    _agents.clear()
    _off.set()


def _flush_in_multiprocessing_child() -> None:
    """A child forked by multiprocessing leaves without atexit; it has an exit list of its own."""
    if "multiprocessing.process" in sys.modules:
        from multiprocessing import process, util

        if process.parent_process() is not None:
            util.Finalize(None, stop_all, exitpriority=0)


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
