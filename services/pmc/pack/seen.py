"""The values of a large pack that may occur once, in bounded memory: a table of 64-bit digests."""

from array import array
from hashlib import blake2b

SLOTS_FIRST = 1 << 16
FILLED_MAX = 0.6


class DigestSeen:
    """Remembers values by digest. At 3 million values two different ones collide with a chance of 1 to 4 million."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * SLOTS_FIRST))
        self._count = 0

    def add(self, kind: str, value: str) -> bool:
        """Note a value; whether it was new."""
        digest = int.from_bytes(blake2b(f"{kind}\n{value}".encode(), digest_size=8).digest()) or 1
        if not self._put(digest):
            return False
        self._count += 1
        if self._count > FILLED_MAX * len(self._slots):
            self._grow()
        return True

    def _put(self, digest: int) -> bool:
        slots = self._slots
        mask = len(slots) - 1
        place = digest & mask
        while slots[place]:
            if slots[place] == digest:
                return False
            place = (place + 1) & mask
        slots[place] = digest
        return True

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("Q", bytes(16 * len(old)))
        for digest in old:
            if digest:
                self._put(digest)
