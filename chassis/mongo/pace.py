"""What the committer learns from its batches: how many operations fit into one, and which calls are large."""

from chassis.mongo.limits import BATCH_OPERATIONS_MAX, BATCH_OPERATIONS_MIN, BATCH_SECONDS_MAX

SHARE_OF_NEWEST = 0.2
"""Weight of the newest batch in the mean."""

EXPECTED_AFTER = 3
"""Large operations of one call, one after the other, from which on the next is expected to be large."""

CALLS_MAX = 1_000


class BatchPace:
    """How many operations a batch may take: those that were completed in `BATCH_SECONDS_MAX` lately."""

    def __init__(self) -> None:
        self.operations = BATCH_OPERATIONS_MAX
        self._seconds_each = 0.0

    def note(self, operations: int, seconds: float) -> None:
        """A batch was committed."""
        if operations < BATCH_OPERATIONS_MIN:
            # The time of a small one is that of the commit, and says little of more operations.
            return
        self._seconds_each += SHARE_OF_NEWEST * (seconds / operations - self._seconds_each)
        fitting = int(BATCH_SECONDS_MAX / max(self._seconds_each, 1e-6))
        self.operations = min(max(fitting, BATCH_OPERATIONS_MIN), BATCH_OPERATIONS_MAX)


class LargeCalls:
    """Calls whose operations are large as a rule: they begin beside the shared batch, and so are run only once."""

    def __init__(self) -> None:
        self._in_a_row: dict[str, int] = {}

    def expected(self, call: str) -> bool:
        """Whether the next operation of this call is expected to be large."""
        return self._in_a_row.get(call, 0) >= EXPECTED_AFTER

    def note(self, call: str, *, large: bool) -> None:
        """An operation was committed beside the shared batch; whether it was large indeed."""
        if not large:
            self._in_a_row.pop(call, None)
        elif call in self._in_a_row or len(self._in_a_row) < CALLS_MAX:
            self._in_a_row[call] = self._in_a_row.get(call, 0) + 1
