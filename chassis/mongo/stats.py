"""What the engine has done since it started, for metrics."""

from msgspec import Struct


class UnitStats(Struct):
    """Counts since the start.

    batches          transactions tried to the end; operations: changes they answered; largest: most in one
    conflicts        transactions void because another process was quicker
    duplicates       transactions void because of a taken unique key
    splits           batches split because one operation spoiled it
    too_large        transactions void because they changed more than the server holds in one
    heavy            operations that were given a transaction beside the shared batch
    deferrals        operations put off to the next batch by a neighbour's write
    refusals         operations refused; defects: operations that failed unexpectedly (each counts every run of them)
    unknown_commits  commits whose answer was lost
    views            views answered; view_batches: rounds of reading they shared
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
