"""Work queues and their workers, as a feature declares them.

Work is what outlasts the call that caused it: a pack to validate, a variant to sync. One thing to be done is one row,
written in the change that causes it and deleted in the change that finishes it. The queue is declared beside the
records, in the feature's `store.py`:

    PACKS_TO_VALIDATE = WorkQueue("pmc", "validation", payload=PackToValidate)

Any change may add to it. The row commits with everything else the change writes, or not at all:

    await enqueue(change, PACKS_TO_VALIDATE, pack.pack_id, PackToValidate(size_bytes=pack.size_bytes))

The worker is declared in the feature's `work.py`, and is run by every replica of the service:

    workers = Workers("pmc")

    @workers.on(PACKS_TO_VALIDATE, concurrency=4)
    async def validate(units: Units, work: Work[PackToValidate]) -> Continue | None:
        '''Validate an uploaded pack.'''

        async def bite(change: Change) -> bool:
            await work.checkpoint(change, progress)
            ...

Further parameters (the settings struct, a resource) are found by their type, as those of jobs are.

How a worker ends decides what becomes of the row:

    return None                 done: the row is deleted, or runs once more if it was enqueued again meanwhile
    return Continue()           not finished: other orgs' work goes first, then the same item again with its progress
    raise Abandon(why)          a dead letter at once: trying again cannot help
    raise anything else         a failed attempt: tried again after a growing delay, and a dead letter after too many

A worker may be cut off at any point (its process dies, its lease is lost) and the item run again elsewhere, so every
bite is a change of its own that begins with `work.checkpoint(change)`. That call is the fence: it raises `LeaseLost`,
and the change writes nothing, if the item has been given to another worker.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import getdoc, signature
from re import compile as pattern_of
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

from chassis.entity import Value
from chassis.provided import asks_of

Lane = Literal["high", "normal", "low"]
LANES: tuple[Lane, ...] = ("high", "normal", "low")

LEASE_SECONDS_DEFAULT = 60.0
ATTEMPTS_MAX_DEFAULT = 8
DELAY_SECONDS_DEFAULT = 5.0
DELAY_SECONDS_MAX_DEFAULT = 3600.0
RUN_SECONDS_MAX_DEFAULT = 900.0
GROUP_ITEMS_MAX_DEFAULT = 100
CONCURRENCY_DEFAULT = 4

P = TypeVar("P")
WorkHandler = Callable[..., Awaitable["Continue | None"]]

_WORD = pattern_of(r"[a-z0-9][a-z0-9_-]*")


class NoPayload(Value):
    """The payload of a queue whose keys say everything."""


class Continue(Value):
    """A worker's answer: not finished. The item is due again `after_seconds` from now, and no attempt is counted."""

    after_seconds: float = 0.0


class WorkQueue(Generic[P]):
    """A queue of work.

    service, name       together its full name, `pmc.validation`
    payload             the struct of what goes with a key. The newest payload replaces older ones, so it should only
                        say what to look at: the truth is in the records
    progress            the struct a worker saves between bites, if it saves any
    lanes               priorities this queue uses, first one first. Lower lanes still get every eighth turn
    lease_seconds       how long after a crash an item waits for another worker; renewed while its worker lives
    attempts_max        failed or crashed attempts without progress after which the item becomes a dead letter
    delay_seconds       pause after the first failed attempt; doubled by each further one, with jitter,
    delay_seconds_max   up to this
    group_items_max     items of one group that are leased together; 1 or more
    kept                True for work that carries out vacuums: a vacuum of everything leaves its rows alone
    """

    def __init__(
        self,
        service: str,
        name: str,
        *,
        payload: type[P] | None = None,
        progress: type[Any] | None = None,
        lanes: Sequence[Lane] = ("normal",),
        lease_seconds: float = LEASE_SECONDS_DEFAULT,
        attempts_max: int = ATTEMPTS_MAX_DEFAULT,
        delay_seconds: float = DELAY_SECONDS_DEFAULT,
        delay_seconds_max: float = DELAY_SECONDS_MAX_DEFAULT,
        group_items_max: int = GROUP_ITEMS_MAX_DEFAULT,
        kept: bool = False,
    ) -> None:
        for word in (service, name):
            if not _WORD.fullmatch(word):
                raise TypeError(f"{word!r} cannot name a work queue: small letters, digits, - and _ can")
        if not lanes or min(lease_seconds, attempts_max, delay_seconds, group_items_max) <= 0:
            raise TypeError(f"work queue {name} needs lanes, and numbers above zero")
        self.service = service
        self.name = f"{service}.{name}"
        self.payload: type[Any] = payload or NoPayload
        self.progress = progress
        self.lanes = tuple(lane for lane in LANES if lane in lanes)
        self.lane_default: Lane = lanes[0] if "normal" not in lanes else "normal"
        self.lease_seconds = lease_seconds
        self.attempts_max = attempts_max
        self.delay_seconds = delay_seconds
        self.delay_seconds_max = delay_seconds_max
        self.group_items_max = group_items_max
        self.kept = kept

    def __repr__(self) -> str:
        return f"WorkQueue({self.name!r})"


class Worker(Value):
    """A declared worker.

    queue, handler  what it works on, and the function that does
    summary         the first line of the handler's docstring
    concurrency     handlers a replica runs at once
    org_concurrency of these, how many may work for one org at a time
    run_seconds_max how long one run of the handler may take until it is cancelled and counts as failed
    asks            names of further parameters -> their types
    """

    queue: WorkQueue[Any]
    handler: WorkHandler
    summary: str
    concurrency: int
    org_concurrency: int
    run_seconds_max: float
    asks: Mapping[str, type] = {}

    @property
    def who(self) -> str:
        """What it is called where it asks for something that is not there."""
        return f"the worker of {self.queue.name}"


class Workers:
    """The workers of one feature."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.declared: list[Worker] = []

    def on(
        self,
        queue: WorkQueue[Any],
        *,
        concurrency: int = CONCURRENCY_DEFAULT,
        org_concurrency: int | None = None,
        run_seconds_max: float = RUN_SECONDS_MAX_DEFAULT,
    ) -> Callable[[WorkHandler], WorkHandler]:
        """Declare the worker of a queue; its parameters are `units: Units, work: Work[...]`, then what else it needs.

        Raises TypeError for a worker of another service's queue, without a docstring, or with other parameters.
        """
        if queue.service != self.service:
            raise TypeError(f"{queue.name} is not a queue of {self.service}")
        if concurrency < 1 or (org_concurrency is not None and org_concurrency < 1) or run_seconds_max <= 0:
            raise TypeError(f"the worker of {queue.name} needs numbers above zero")

        def keep(handler: WorkHandler) -> WorkHandler:
            summary = (getdoc(handler) or "").partition("\n")[0]
            if not summary:
                raise TypeError(f"the worker of {queue.name} has no docstring; its first line tells operators about it")
            names = list(signature(handler).parameters)
            if names[:2] != ["units", "work"]:
                raise TypeError(f"{handler.__qualname__} must take (units: Units, work: Work[...]) first")
            self.declared.append(
                Worker(
                    queue=queue,
                    handler=handler,
                    summary=summary,
                    concurrency=concurrency,
                    org_concurrency=min(org_concurrency or concurrency, concurrency),
                    run_seconds_max=run_seconds_max,
                    asks=asks_of(handler, skip=2),
                )
            )
            return handler

        return keep


def payload_struct(queue: WorkQueue[Any]) -> type[Struct]:
    """The struct of a queue's payloads."""
    found: type[Struct] = queue.payload
    return found
