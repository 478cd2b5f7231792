"""How much is worked on at once, with a reserve that is kept for operators and health."""

from chassis.errors import Unavailable


class Admission:
    """Counts requests in flight; the one too many is refused at once instead of waiting behind all others."""

    def __init__(self, most: int, reserve: int) -> None:
        self.in_flight = 0
        self.refused = 0
        self._most = most
        self._usual = max(1, most - reserve)

    def enter(self) -> None:
        """A request has come in. It counts until `leave`, also if it is refused."""
        self.in_flight += 1

    def check(self, *, reserved: bool) -> None:
        """Let it be worked on, or refuse it."""
        if self.in_flight > (self._most if reserved else self._usual):
            self.refused += 1
            raise Unavailable("too many requests are being worked on", 1)

    def leave(self) -> None:
        """A request has been answered, or its caller is gone."""
        self.in_flight -= 1
