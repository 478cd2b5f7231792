"""Numbers that the worker processes of one gateway share, in memory that all of them have mapped.

A cell belongs to one worker: only it writes the cell, and everybody reads the sum over the workers. A table holds
numbers of keys in groups of eight slots; a group is changed under a lock of its own in the memory's file, which the
system releases if a worker dies while it holds it. What a dead worker counted is forgotten.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from struct import Struct
from tempfile import TemporaryFile
from typing import BinaryIO

CELLS = ("connections", "unread", "in_flight", "streams", "private_port")
RATE_GROUPS = 8192
ADDRESS_GROUPS = 1024
SLOTS = 8
"""Slots of a group. Where more keys than that are alive in one group, the one that limits least is dropped."""

ADDRESS_TABLES = ("connections", "unread")
DIGEST = 16
_NUMBER = Struct("=q")
_RATE = Struct(f"={DIGEST}sd")
_NOBODY = bytes(DIGEST)


class SharedMemory:
    """The memory, as one of `workers` processes sees it. `worker` counts from 0."""

    def __init__(self, file: BinaryIO, workers: int, worker: int) -> None:
        self.workers = workers
        self.worker = worker
        self._file = file
        self._map = mmap.mmap(file.fileno(), size_of(workers))
        self._rates_at = len(CELLS) * workers * _NUMBER.size
        self._addresses_at = self._rates_at + RATE_GROUPS * SLOTS * _RATE.size
        self._address = Struct(f"={DIGEST}s{workers}I")
        self._none = (0,) * workers

    @classmethod
    def attach(cls, descriptor: int, workers: int, worker: int) -> "SharedMemory":
        """The memory behind a file descriptor that this process has inherited."""
        return cls(os.fdopen(descriptor, "r+b"), workers, worker)

    def close(self) -> None:
        """Give the memory back."""
        self._map.close()
        self._file.close()

    # -- cells -------------------------------------------------------------------------------------------------------

    def add(self, cell: str, number: int) -> int:
        """Add to this worker's cell; the sum over all workers."""
        at = self._cell(cell, self.worker)
        _NUMBER.pack_into(self._map, at, _NUMBER.unpack_from(self._map, at)[0] + number)
        return self.total(cell)

    def total(self, cell: str) -> int:
        """The sum over all workers."""
        return sum(self.of_worker(cell, worker) for worker in range(self.workers))

    def of_worker(self, cell: str, worker: int) -> int:
        """The number in a worker's cell."""
        found: int = _NUMBER.unpack_from(self._map, self._cell(cell, worker))[0]
        return found

    def put(self, cell: str, number: int) -> None:
        """Set this worker's cell."""
        _NUMBER.pack_into(self._map, self._cell(cell, self.worker), number)

    def forget(self, worker: int) -> None:
        """Set everything that a worker has counted to 0."""
        for cell in CELLS:
            _NUMBER.pack_into(self._map, self._cell(cell, worker), 0)
        for table in range(len(ADDRESS_TABLES)):
            for group in range(ADDRESS_GROUPS):
                at = self._address_group(table, group)
                if any(self._map[at : at + SLOTS * self._address.size]):
                    with self._locked(RATE_GROUPS + table * ADDRESS_GROUPS + group):
                        self._forget_in(at, worker)

    def _cell(self, cell: str, worker: int) -> int:
        return (CELLS.index(cell) * self.workers + worker) * _NUMBER.size

    # -- rates -------------------------------------------------------------------------------------------------------

    @contextmanager
    def rate(self, name: str, key: object, now: float) -> Iterator["RateSlot"]:
        """The slot of a key's bucket: nobody else changes it within the block."""
        digest = _digest(f"{name}\0{key}")
        group = int.from_bytes(digest[:4], "big") % RATE_GROUPS
        with self._locked(group):
            yield self._rate_slot(self._rates_at + group * SLOTS * _RATE.size, digest, now)

    def _rate_slot(self, group_at: int, digest: bytes, now: float) -> "RateSlot":
        spare, spare_until = group_at, float("inf")
        for place in range(SLOTS):
            at = group_at + place * _RATE.size
            found, empty_at = _RATE.unpack_from(self._map, at)
            if found == digest:
                return RateSlot(self._map, at, digest, empty_at)
            if empty_at < spare_until:
                spare, spare_until = at, empty_at
        return RateSlot(self._map, spare, digest, now)

    # -- addresses ---------------------------------------------------------------------------------------------------

    def add_to_address(self, table: str, address: str, number: int) -> int:
        """Add to what this worker counts of an address; the sum over all workers."""
        digest = _digest(address)
        index = ADDRESS_TABLES.index(table)
        group = int.from_bytes(digest[:4], "big") % ADDRESS_GROUPS
        with self._locked(RATE_GROUPS + index * ADDRESS_GROUPS + group):
            return self._add_in(self._address_group(index, group), digest, number)

    def _add_in(self, group_at: int, digest: bytes, number: int) -> int:
        free = None
        for place in range(SLOTS):
            at = group_at + place * self._address.size
            found, *counts = self._address.unpack_from(self._map, at)
            if found == digest:
                counts[self.worker] = max(0, counts[self.worker] + number)
                return self._store(at, digest, counts)
            if free is None and found == _NOBODY:
                free = at
        if free is None or number <= 0:
            # No room for the address: it counts among all, and has no limit of its own.
            return 0
        counts = list(self._none)
        counts[self.worker] = number
        return self._store(free, digest, counts)

    def _forget_in(self, group_at: int, worker: int) -> None:
        for place in range(SLOTS):
            at = group_at + place * self._address.size
            found, *counts = self._address.unpack_from(self._map, at)
            if found != _NOBODY and counts[worker]:
                counts[worker] = 0
                self._store(at, found, counts)

    def _store(self, at: int, digest: bytes, counts: list[int]) -> int:
        total = sum(counts)
        self._address.pack_into(self._map, at, digest if total else _NOBODY, *counts)
        return total

    def _address_group(self, table: int, group: int) -> int:
        return self._addresses_at + (table * ADDRESS_GROUPS + group) * SLOTS * self._address.size

    @contextmanager
    def _locked(self, number: int) -> Iterator[None]:
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, number)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)


class RateSlot:
    """When the bucket of a key is empty; kept with `keep`."""

    __slots__ = ("_at", "_digest", "_map", "empty_at")

    def __init__(self, memory: mmap.mmap, at: int, digest: bytes, empty_at: float) -> None:
        self._map = memory
        self._at = at
        self._digest = digest
        self.empty_at = empty_at

    def keep(self, empty_at: float) -> None:
        """Set when the bucket is empty."""
        _RATE.pack_into(self._map, self._at, self._digest, empty_at)


def size_of(workers: int) -> int:
    """Bytes of the memory of `workers` workers."""
    address = Struct(f"={DIGEST}s{workers}I").size
    return (
        len(CELLS) * workers * _NUMBER.size
        + RATE_GROUPS * SLOTS * _RATE.size
        + len(ADDRESS_TABLES) * ADDRESS_GROUPS * SLOTS * address
    )


def new_file(workers: int) -> BinaryIO:
    """A file for the memory, without a name; it is gone with the last process that has it open."""
    file = TemporaryFile()  # noqa: SIM115  its users close it
    file.truncate(size_of(workers))
    return file


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=DIGEST).digest()
