"""Measures how long callbacks hold the event loop, and finds the call that held it.

A timer of the loop itself is due a few milliseconds after work on a call has begun or gone on, and rarely otherwise, so
that a process at rest costs nothing. Its lateness is the time that everybody else waited too. Calls say by `note` that
they go on, so a late timer can name the one after whose note the time passed.
"""

import asyncio
from collections import deque
from threading import get_ident
from time import perf_counter, process_time, thread_time

from chassis.telemetry.log import get_logger
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import LOOP_HELD, LOOP_HELD_LARGEST, LOOP_LAG, LOOP_LAG_LARGEST
from chassis.telemetry.notes import longest_cpu, noted_at, notes_since, on_note

BUSY_SECONDS = 0.005
QUIET_SECONDS = 0.05
IDLE_SECONDS = 2.0
BUSY_NOTES = 32
BUSY_WITHIN_SECONDS = 0.25
"""Notes within `BUSY_WITHIN_SECONDS` from which on a process is busy; jobs and polls at rest take fewer."""

WARN_SECONDS = 0.025
"""Longest hold that nobody is warned about."""

log = get_logger("chassis.loop_watch")


class LoopWatch:
    """The watchdog of one event loop.

    largest         the longest lateness so far, in seconds
    largest_held    the most CPU time that the loop's own thread took within one lateness: unlike `largest` it does not
                    grow because other threads or processes had the processor
    largest_cpu     the same for all threads of the process, since one that does not let go of the interpreter holds up
                    the loop as well
    """

    def __init__(self, metrics: Metrics | None = None, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self.largest = 0.0
        self.largest_held = 0.0
        self.largest_cpu = 0.0
        self.recent: deque[tuple[str, float]] = deque(maxlen=16)
        self._idle_seconds = idle_seconds
        self._lag = metrics.histogram(LOOP_LAG) if metrics is not None else None
        self._held = metrics.histogram(LOOP_HELD) if metrics is not None else None
        if metrics is not None:
            metrics.gauge(LOOP_LAG_LARGEST).set_function(lambda: self.largest)
            metrics.gauge(LOOP_HELD_LARGEST).set_function(lambda: self.largest_held)
        self._timer: asyncio.TimerHandle | None = None
        self._thread = 0
        self._due = self._set_at = self._cpu_at = self._held_at = 0.0

    def start(self) -> None:
        """Begin to watch the running loop."""
        self._thread = get_ident()
        self._set(BUSY_SECONDS)
        on_note.append(self._noted)

    async def stop(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            on_note.remove(self._noted)
            self._timer.cancel()
            self._timer = None

    def _noted(self, now: float, thread: int) -> None:
        """Work begins or goes on: look soon, since a timer that is due much later would not be late."""
        if thread == self._thread and self._due - now > BUSY_SECONDS and self._timer is not None:
            self._timer.cancel()
            self._set(BUSY_SECONDS)

    def _set(self, wait: float) -> None:
        self._set_at = now = perf_counter()
        self._cpu_at = process_time()
        self._held_at = thread_time()
        wait = min(self._idle_seconds, wait)
        self._due = now + wait
        self._timer = asyncio.get_running_loop().call_later(wait, self._look)

    def _look(self) -> None:
        now = perf_counter()
        # The loop keeps time in milliseconds and may call a timer a little early.
        late = max(0.0, now - self._due)
        held = min(late, longest_cpu(self._set_at, self._held_at, thread_time()))
        if self._lag is not None and self._held is not None:
            self._lag.observe(late)
            self._held.observe(held)
        self.largest = max(self.largest, late)
        self.largest_held = max(self.largest_held, held)
        cpu = min(late, process_time() - self._cpu_at)
        self.largest_cpu = max(self.largest_cpu, cpu)
        if late > WARN_SECONDS:
            call = holder(notes_since(self._set_at), now)
            self.recent.append((call, late))
            # Much less CPU time than that: the processor was with other programs, or the call waited for a file. Much
            # less of it held by the loop: other threads of this process had the interpreter.
            log.warning(
                "the event loop was held up",
                call=call,
                milliseconds=_ms(late),
                cpu_milliseconds=_ms(cpu),
                held_milliseconds=_ms(held),
            )
        # The next note sets the timer anew.
        self._set(_pause(now) if noted_at(0) > self._set_at else IDLE_SECONDS)


def _pause(now: float) -> float:
    if now - noted_at(BUSY_NOTES) < BUSY_WITHIN_SECONDS:
        return BUSY_SECONDS
    return QUIET_SECONDS if now - noted_at(0) < QUIET_SECONDS else IDLE_SECONDS


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def holder(notes: list[tuple[float, str]], now: float) -> str:
    """The call after whose note the longest time passed; empty without notes."""
    ends = [*(at for at, _ in notes[1:]), now]
    gaps = [(end - at, call) for (at, call), end in zip(notes, ends, strict=False)]
    return max(gaps, key=lambda gap: gap[0])[1] if gaps else ""
