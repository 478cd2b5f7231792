"""Operating-system processes: started detached, found again by a later launcher, stopped.

A process is identified by pid and start time, so a pid that the system has reused is never taken for ours.
"""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psutil

from deploy.local import journal
from deploy.local.running import Running

STOP_SECONDS = 25.0
KILL_SECONDS = 5.0
POLL_SECONDS = 0.02
LOG_TAIL_LINES = 12
# Start times are relative to boot time, which the system corrects now and then.
STARTED_TOLERANCE_SECONDS = 3.0

GIVEN_UP = threading.Event()
"""Set when the user interrupts the launcher: threads stop waiting for processes to become ready."""


class Failed(Exception):
    """A process or engine could not be started or stopped. The message is the line shown to the user."""


PRIVATE_UMASK = 0o077

Ended = Literal["stopped", "killed", "gone"]


def start(
    name: str,
    command: Sequence[object],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    ports: Mapping[str, int] | None = None,
) -> Running:
    """Start the command in its own session and append its output to the log. Raises Failed if it cannot be executed."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(log, "ab", opener=_privately) as output:
        try:
            child = subprocess.Popen(
                [str(part) for part in command],
                env=None if env is None else dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # What it writes is its owner's alone.
                umask=PRIVATE_UMASK,
            )
        except OSError as cause:
            raise Failed(f"{name} could not be started: {cause.strerror or cause}: {command[0]}") from cause
    # The handle is dropped on purpose: the process outlives the launcher; if it does not, psutil reaps it.
    child.returncode = 0
    try:
        started = psutil.Process(child.pid).create_time()
    except psutil.NoSuchProcess:
        started = time.time()
    running = Running(name=name, pid=child.pid, started=started, log=str(log), ports=dict(ports or {}))
    journal.record(running)
    return running


def _privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def find(running: Running) -> psutil.Process | None:
    """The live process, or None if it has ended. A zombie counts as ended once all its threads have."""
    try:
        process = psutil.Process(running.pid)
        if abs(process.create_time() - running.started) > STARTED_TOLERANCE_SECONDS:
            return None
        if process.status() == psutil.STATUS_ZOMBIE and _reaped(process):
            return None
    except psutil.NoSuchProcess:
        return None
    return process


def _reaped(zombie: psutil.Process) -> bool:
    """Whether all threads of a zombie have ended; until then it holds its port and its files."""
    try:
        return os.waitpid(zombie.pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        # Not our child: its parent has not reaped it yet.
        return zombie.num_threads() <= 1


def alive(running: Running) -> bool:
    """Whether the process still runs."""
    return find(running) is not None


def stop(running: Running, seconds: float = STOP_SECONDS) -> Ended:
    """Send SIGTERM, and SIGKILL if the process has not ended after `seconds`; then kill its descendants."""
    process = find(running)
    if process is None:
        return "gone"
    descendants = _descendants(process)
    with suppress(psutil.NoSuchProcess):
        process.terminate()
    ended: Ended = "stopped"
    if not wait_until(lambda: not alive(running), seconds):
        ended = "killed"
        kill(running)
    _kill_all(descendants)
    return ended


def kill(running: Running) -> None:
    """Kill the process and its descendants and wait for the end. Raises Failed if it survives."""
    process = find(running)
    if process is None:
        return
    descendants = _descendants(process)
    with suppress(psutil.NoSuchProcess):
        process.kill()
    _kill_all(descendants)
    if not wait_until(lambda: not alive(running), KILL_SECONDS):
        raise Failed(f"{running.name} (pid {running.pid}) cannot be killed")


def wait_until(true: Callable[[], bool], seconds: float, *, every: float = POLL_SECONDS) -> bool:
    """Poll the condition; whether it became true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def wait_ready(running: Running, ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until the process is ready. Raises Failed with the end of its log if it ends or takes too long."""
    ended = False

    def settled() -> bool:
        nonlocal ended
        if GIVEN_UP.is_set():
            raise Failed(f"{running.name}: interrupted while it started")
        ended = not alive(running)
        return ended or ready()

    if not wait_until(settled, seconds, every=0.05):
        raise Failed(f"{running.name} did not {what} within {seconds:.0f} s{tail(Path(running.log))}")
    if ended:
        raise Failed(f"{running.name} ended while it started{tail(Path(running.log))}")


def wait_listening(running: Running, port: int, seconds: float, ready: Callable[[], bool] = lambda: True) -> None:
    """Wait until this process, not another one, listens on the port and is ready. Raises Failed like `wait_ready`."""
    wait_ready(running, lambda: listens(running, port) and ready(), seconds, f"answer on port {port}")


def listens(running: Running, port: int) -> bool:
    """Whether this process, and not another one, listens on the port."""
    process = find(running)
    try:
        sockets = process.net_connections("tcp") if process else []
    except psutil.Error:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in sockets)


def tail(log: Path) -> str:
    """The end of a log, for an error message: `; its log LOG ends with:` and the last lines, or that it is empty."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            lines = file.read().decode("utf-8", "replace").rstrip().splitlines()[-LOG_TAIL_LINES:]
    except OSError:
        lines = []
    if not lines:
        return f"; its log {log} is empty"
    return f"; its log {log} ends with:\n" + "\n".join(f"    {line[:400]}" for line in lines)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _kill_all(processes: Sequence[psutil.Process]) -> None:
    # psutil compares start times before it sends a signal, so a reused pid is safe.
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
