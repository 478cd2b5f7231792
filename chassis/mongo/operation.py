"""One operation: its caller, its handler, and how the handler is run."""

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

from chassis.caller import Call
from chassis.clock import Utc
from chassis.defects import HeldUp
from chassis.mongo.working_set import PendingReads, WorkingSet
from chassis.telemetry.notes import note


class BatchedOperation:
    """One view or change that waits for its batch.

    heavy          its handler runs in a thread
    in_place       a large view that keeps the transaction it began with
    shares         it is heavy only because of a record it reads
    held           what a view handed over by a shared batch has loaded there
    halvings       how often its bites were halved, see `Change.bite`; `largest_bite`: its largest in the last run
    """

    __slots__ = (
        "call",
        "careful",
        "context",
        "deferrals",
        "emits",
        "events",
        "failure",
        "future",
        "halvings",
        "handler",
        "heavy",
        "held",
        "in_place",
        "largest_bite",
        "minted",
        "moment",
        "passes",
        "queue",
        "reads",
        "result",
        "shares",
    )

    def __init__(self, call: Call, handler: Callable[[Any], Any], emits: frozenset[str] | None) -> None:
        self.call = call
        self.handler = handler
        self.emits = emits
        self.context: Context = copy_context()
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.reads = PendingReads()
        self.minted: list[str] = []
        self.moment = Utc("")
        self.careful = False
        self.heavy = False
        self.shares = False
        self.halvings = 0
        self.largest_bite = 0
        self.held: WorkingSet | None = None
        self.in_place = False
        self.queue: Any = None
        self.deferrals = 0
        self.passes = 0
        self.result: Any = None
        self.failure: BaseException | None = None
        self.events: list[dict[str, Any]] = []

    def settle(self) -> None:
        """Set the result or the error of the caller's future."""
        if self.future.done():
            return
        if self.failure is not None:
            self.future.set_exception(self.failure)
            # Break the reference cycle exception → traceback → frame.
            self.failure = None
        else:
            self.future.set_result(self.result)

    def fail(self, cause: BaseException) -> None:
        """Set an error for the caller."""
        self.failure = cause
        self.settle()


def drive(operation: BatchedOperation, data: Any) -> Any:
    """Run the handler to its end in its caller's context, without ever suspending; its result."""
    coroutine = operation.handler(data)
    note(operation.call.name)
    try:
        operation.context.run(coroutine.send, None)
    except StopIteration as done:
        return done.value
    except asyncio.CancelledError as cause:
        raise HeldUp(f"{operation.call.name} cancelled itself") from cause
    coroutine.close()
    raise HeldUp(
        f"{operation.call.name} awaits something other than data inside a View or Change; others wait behind it"
    )
