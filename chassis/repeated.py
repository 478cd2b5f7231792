"""For code that knows that its handler may run again: a read that is no coroutine, and work before the next run."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from chassis.defects import HeldUp
from chassis.unit import Units

T = TypeVar("T")


def loaded(read: Coroutine[Any, Any, T]) -> T:
    """The result of a read of a View or Change, for a decision that is no coroutine. Such a read never suspends: it has
    its result, or ends the run, which is repeated once that is loaded. Raises `HeldUp` if it awaits something else."""
    try:
        read.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    read.close()
    raise HeldUp("a read of a view or change awaits something other than data")


class Beforehand(Exception):
    """Raised by a handler that needs work done first, in transactions of its own.

    The handler's writes are dropped, `work` is awaited, and the handler is run again. The effects of `work` stay, even
    if the call is then refused.
    """

    def __init__(self, work: Callable[[Units], Awaitable[None]]) -> None:
        super().__init__("something has to be done before this call")
        self.work = work
