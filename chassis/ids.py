"""Identifiers: UUIDv7 (RFC 9562), which sort by the time they were made."""

import os
import threading

from chassis.clock import Utc, to_millis

_COUNTER_MAX = (1 << 42) - 1
_NOISE_BYTES = 576


class IdSource:
    """Mints UUIDv7 text that never falls within this process, whatever the clock does.

    Layout: 48 bits of Unix milliseconds, then a 42-bit counter seeded at random each millisecond (RFC 9562, method 1:
    fixed bit-length dedicated counter, here in rand_a and the head of rand_b), then 32 random bits.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millis = 0
        self._counter = 0
        self._noise = b""

    def new(self, at: Utc) -> str:
        """A new id, whose time is `at` or that of the newest id made before, whichever is later."""
        return self.new_at(to_millis(at))

    def new_at(self, millis: int) -> str:
        """A new id for a Unix time in milliseconds; see `new`."""
        with self._lock:
            noise = int.from_bytes(self._random(9), "big")
            if millis > self._millis:
                self._millis, self._counter = millis, (noise >> 32) & (_COUNTER_MAX >> 2)
            else:
                self._counter += 1
            millis, counter = self._millis, self._counter
        high, low = counter >> 30, counter & 0x3FFFFFFF
        text = f"{millis:012x}7{high:03x}{(0b10 << 62) | (low << 32) | (noise & 0xFFFFFFFF):016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _random(self, count: int) -> bytes:
        """Random bytes of the system's, fetched for many ids at a time: asking costs more than an id does."""
        if len(self._noise) < count:
            self._noise = os.urandom(_NOISE_BYTES)
        taken, self._noise = self._noise[:count], self._noise[count:]
        return taken


IDS = IdSource()


def new_id(at: Utc) -> str:
    """A new id from this process's own source."""
    return IDS.new(at)


def millis_of(identifier: str) -> int:
    """The Unix milliseconds a UUIDv7 carries."""
    return int(identifier[:8] + identifier[9:13], 16)
