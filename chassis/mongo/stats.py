"""Counts of the engine since its start, for metrics."""

from collections import deque
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

BATCHES_KEPT_MAX = 10_000
"""Most sizes kept until they are taken; the oldest are dropped first."""

Lane = Literal["shared", "large"]


class BatchSize(NamedTuple):
    """A committed batch: where it was committed, seconds from its begin to its commit, and what it wrote: documents,
    and estimated bytes."""

    lane: Lane
    seconds: float
    documents: int
    bytes: int


class UnitStats(Struct):
    """Counts since the start.

    batches          transactions committed; operations: changes in them; largest: most in one
    conflicts        transactions void because another process was faster
    duplicates       transactions void because of a taken unique key
    splits           batches split because of an error of one operation
    too_large        transactions void because they changed more than the server holds in one
    heavy            operations that got a transaction beside the shared batch
    deferrals        operations moved to the next batch because of another operation's write
    refusals         operations refused; defects: operations that failed unexpectedly (each run counts)
    unknown_commits  commits whose answer was lost
    views            views answered; view_batches: rounds of reading they shared
    large_views      views taken out of a shared round because they read far more than others
    sizes            of the batches committed since `take_sizes`
    """

    batches: int = 0
    operations: int = 0
    largest: int = 0
    conflicts: int = 0
    duplicates: int = 0
    splits: int = 0
    too_large: int = 0
    heavy: int = 0
    deferrals: int = 0
    refusals: int = 0
    defects: int = 0
    unknown_commits: int = 0
    views: int = 0
    view_batches: int = 0
    large_views: int = 0
    sizes: deque[BatchSize] = msgspec.field(default_factory=lambda: deque(maxlen=BATCHES_KEPT_MAX))

    def take_sizes(self) -> list[BatchSize]:
        """The sizes of the batches that were committed since this was asked last."""
        taken = list(self.sizes)
        self.sizes.clear()
        return taken
