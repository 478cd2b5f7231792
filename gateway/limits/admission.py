"""The limit of requests in flight, with a reserve for operators and health."""

from chassis.errors import Unavailable


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
        if self.in_flight >= (self._most if reserved else self._usual):
            self.refused += 1
            raise Unavailable("too many requests are being worked on", 1)

    def enter(self, *, reserved: bool) -> None:
        """Count a request until `leave`. Raises `Unavailable` if too many are in flight."""
        self.check(reserved=reserved)
        self.in_flight += 1

    def leave(self) -> None:
        """Stop counting a request."""
        self.in_flight -= 1
