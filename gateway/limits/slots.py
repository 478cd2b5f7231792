"""Limits of how many things there may be at once, in all and for each client address."""

from collections import Counter

from gateway.limits.shared import SharedMemory


class Slots:
    """Counts things of addresses; `refused` counts those over a limit. A limit of 0 for an address is none."""

    def __init__(self, most: int, of_address: int) -> None:
        self.taken = 0
        self.refused = 0
        self._most = most
        self._of_address = of_address
        self._by_address: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """Count one, until `leave`, and say whether it is within the limits."""
        self.taken += 1
        self._by_address[address] += 1
        within = self.taken <= self._most and (not self._of_address or self._by_address[address] <= self._of_address)
        self.refused += not within
        return within

    def leave(self, address: str) -> None:
        """Stop counting one."""
        self.taken -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class SharedSlots(Slots):
    """The limits hold for all workers of a gateway together; `refused` counts those of this worker."""

    def __init__(self, name: str, most: int, of_address: int, memory: SharedMemory) -> None:
        super().__init__(most, of_address)
        self._name = name
        self._memory = memory

    def take(self, address: str) -> bool:
        """Count one, until `leave`, and say whether it is within the limits."""
        self.taken += 1
        within = self._memory.add(self._name, 1) <= self._most
        if self._of_address:
            within &= self._memory.add_to_address(self._name, address, 1) <= self._of_address
        self.refused += not within
        return within

    def leave(self, address: str) -> None:
        """Stop counting one."""
        self.taken -= 1
        self._memory.add(self._name, -1)
        if self._of_address:
            self._memory.add_to_address(self._name, address, -1)
