"""Identifiers: UUIDv7 (RFC 9562), which sort by the time they were made."""

import os
import threading
from array import array

from chassis.clock import Utc, to_millis

_COUNTER_MAX = (1 << 42) - 1
_NOISE_BYTES = 1024
_VARIANT = 0b10 << 62


class IdSource:
    """Mints UUIDv7 text that never falls within this process, whatever the clock does.

    Layout: 48 bits of Unix milliseconds, then a 42-bit counter seeded at random each millisecond (RFC 9562, method 1:
    fixed bit-length dedicated counter, here in rand_a and the head of rand_b), then 32 random bits.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millis = 0
        self._counter = 0
        self._noise = array("I")
        self._head = ""

    def new(self, at: Utc) -> str:
        """A new id. Its time is `at`, or that of the newest id made before if that is later."""
        return self.new_at(to_millis(at))

    def new_at(self, millis: int) -> str:
        """A new id for a Unix time in milliseconds; see `new`."""
        with self._lock:
            if len(self._noise) < 3:
                # Random bytes for many ids at a time: a system call costs more than an id.
                self._noise.frombytes(os.urandom(_NOISE_BYTES))
            take = self._noise.pop
            if millis > self._millis or not self._head:
                seed = (take() << 32 | take()) & (_COUNTER_MAX >> 2)
                self._millis, self._counter = max(millis, self._millis), seed
                text = f"{self._millis:012x}"
                self._head = f"{text[:8]}-{text[8:]}-7"
            else:
                self._counter += 1
            head, counter, noise = self._head, self._counter, take()
        tail = f"{_VARIANT | (counter & 0x3FFFFFFF) << 32 | noise & 0xFFFFFFFF:016x}"
        return f"{head}{counter >> 30:03x}-{tail[:4]}-{tail[4:]}"


IDS = IdSource()


def new_id(at: Utc) -> str:
    """A new id from this process's own source."""
    return IDS.new(at)


def millis_of(identifier: str) -> int:
    """The Unix milliseconds of a UUIDv7."""
    return int(identifier[:8] + identifier[9:13], 16)
