"""Reading and writing on behalf of one run of work, which must not write once another worker has its item."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from chassis.caller import Call
from chassis.unit import Change, Units, View
from chassis.work.handle import Work

T = TypeVar("T")


class Fenced:
    """Views and changes of one run; each change begins with the fence of its work, so it may raise `LeaseLost`.

    An order is reconciled by one worker at a time. A worker that was held up, and whose order another one has by now,
    would else store a posting that the other one has stored too.
    """

    def __init__(self, units: Units, work: Work[Any]) -> None:
        self.units = units
        self.call: Call = work.call
        self._work = work

    async def view(self, handler: Callable[[View], Awaitable[T]]) -> T:
        """Run a reading handler."""
        return await self.units.view(self.call, handler)

    async def change(self, handler: Callable[[Change], Awaitable[T]]) -> T:
        """Run a writing handler behind the fence."""

        async def fenced(change: Change) -> T:
            await self._work.checkpoint(change)
            return await handler(change)

        return await self.units.change(self.call, fenced)
