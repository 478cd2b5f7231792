"""The limit of requests in flight, with a reserve for operators and health."""

from chassis.errors import Unavailable
from gateway.limits.shared import SharedMemory


class Admission:
    """Counts requests in flight; those over the limit are refused at once instead of waiting.

    A request is in flight once its body has come: until then it costs nothing but its connection.
    """

    def __init__(self, most: int, reserve: int) -> None:
        self.in_flight = 0
        self.refused = 0
        self._most = most
        self._usual = max(1, most - reserve)

    def check(self, *, reserved: bool) -> None:
        """Raises `Unavailable` if too many requests are in flight."""
        if self._at_work() >= (self._most if reserved else self._usual):
            self.refused += 1
            raise Unavailable("too many requests are being worked on", 1)

    def enter(self, *, reserved: bool) -> None:
        """Count a request until `leave`. Raises `Unavailable` if too many are in flight."""
        self.check(reserved=reserved)
        self.in_flight += 1

    def leave(self) -> None:
        """Stop counting a request."""
        self.in_flight -= 1

    def _at_work(self) -> int:
        return self.in_flight


class SharedAdmission(Admission):
    """The limit holds for all workers of a gateway together; `in_flight` and `refused` are this worker's."""

    def __init__(self, name: str, most: int, reserve: int, memory: SharedMemory) -> None:
        super().__init__(most, reserve)
        self._name = name
        self._memory = memory

    def enter(self, *, reserved: bool) -> None:
        """Count a request until `leave`. Raises `Unavailable` if too many are in flight."""
        super().enter(reserved=reserved)
        self._memory.add(self._name, 1)

    def leave(self) -> None:
        """Stop counting a request."""
        super().leave()
        self._memory.add(self._name, -1)

    def _at_work(self) -> int:
        return self._memory.total(self._name)
