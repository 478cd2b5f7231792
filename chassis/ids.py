"""Identifiers: UUIDv7 (RFC 9562), which sort by the time they were made."""

import os
import threading
from array import array

from chassis.clock import Utc, to_millis

COUNTER_BITS = 42
_COUNTER_MAX = (1 << COUNTER_BITS) - 1
_NOISE_BYTES = 1024
_VARIANT = 0b10 << 62
_TAIL_BITS = 30
_TAIL_MASK = (1 << _TAIL_BITS) - 1


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
        return _text(head, counter, noise & 0xFFFFFFFF)


def _text(head: str, counter: int, noise: int) -> str:
    """An id whose text up to the version is `head`."""
    tail = f"{_VARIANT | (counter & _TAIL_MASK) << 32 | noise:016x}"
    return f"{head}{counter >> _TAIL_BITS:03x}-{tail[:4]}-{tail[4:]}"


IDS = IdSource()


def new_id(at: Utc) -> str:
    """A new id from this process's own source."""
    return IDS.new(at)


def millis_of(identifier: str) -> int:
    """The Unix milliseconds of a UUIDv7."""
    return int(identifier[:8] + identifier[9:13], 16)


def place_of(identifier: str) -> int:
    """Milliseconds and counter of a UUIDv7 as one number, which grows with the ids of a process. Raises `ValueError`
    for other text."""
    counter = int(identifier[15:18], 16) << _TAIL_BITS | int(identifier[19:23] + identifier[24:28], 16) & _TAIL_MASK
    return millis_of(identifier) << COUNTER_BITS | counter


def id_at(place: int) -> str:
    """The least UUIDv7 of a place (see `place_of`)."""
    text = f"{place >> COUNTER_BITS:012x}"
    return _text(f"{text[:8]}-{text[8:]}-7", place & _COUNTER_MAX, 0)
