"""Interrupts PMC's work wherever a kill can leave something else behind: around its transactions and stored objects.

Between two such points nothing is kept, so a kill there leaves what one at the point before leaves.
"""

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from unittest.mock import patch

from chassis.caller import Call
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change
from services.pmc.objects.local import _Draft

When = Literal["before", "after"]
Reached = Callable[[str, When], None]

SHARE = 0.2
"""How many points are interrupted before what they do, and how many after it."""


class Interrupted(Exception):
    """The work ends here."""


@contextmanager
def points(reached: Reached) -> Iterator[None]:
    """Within the block `reached` is called before and after each transaction of PMC's own code, by the name of its
    handler, and each object that becomes visible (`object`). It may raise, or end the process."""
    change, keep = MongoUnits.change, _Draft.keep

    async def watched_change(
        units: MongoUnits,
        call: Call,
        handler: Callable[[Change], Awaitable[Any]],
        *,
        emits: Collection[str] | None = None,
    ) -> Any:
        if not handler.__module__.startswith("services.pmc.") or not call.caller.orgcode:
            return await change(units, call, handler, emits=emits)
        name = handler.__qualname__.partition(".")[0]
        reached(name, "before")
        answer = await change(units, call, handler, emits=emits)
        reached(name, "after")
        return answer

    def watched_keep(draft: _Draft) -> None:
        reached("object", "before")
        keep(draft)
        reached("object", "after")

    with patch.object(MongoUnits, "change", watched_change), patch.object(_Draft, "keep", watched_keep):
        yield


class Interruptions:
    """Interrupts each kind of point before what it does when it is first reached, after it when it is reached again,
    and then at random; counts at which. `only` names the points, where not all are to be interrupted."""

    def __init__(self, seed: int, only: Collection[str] = ()) -> None:
        self.counts: Counter[tuple[str, When]] = Counter()
        self._random = random.Random(seed)
        self._only = only
        self._times: Counter[str] = Counter()
        self._then: dict[str, When | None] = {}

    def reached(self, name: str, when: When) -> None:
        """Raise `Interrupted`, or let the work go on."""
        if self._only and name not in self._only:
            return
        if when == "before":
            self._then[name] = self._choice(name)
        if self._then.get(name) == when:
            self.counts[name, when] += 1
            raise Interrupted(f"{when} {name}")

    def _choice(self, name: str) -> When | None:
        self._times[name] += 1
        if self._times[name] <= 2:
            return "before" if self._times[name] == 1 else "after"
        return self._random.choices(("before", "after", None), (SHARE, SHARE, 1 - 2 * SHARE))[0]

    def around(self, *names: str) -> bool:
        """Whether each of these was interrupted both before and after."""
        return all(self.counts[name, when] for name in names for when in ("before", "after"))


@contextmanager
def interrupted(seed: int, only: Collection[str] = ()) -> Iterator[Interruptions]:
    """Interrupt PMC's work at random points within the block."""
    interruptions = Interruptions(seed, only)
    with points(interruptions.reached):
        yield interruptions
