"""What processes of the stack must know of OPS at any time: the maintenance window, what is being vacuumed, and which
secret code is set.

Processes keep a question open, which is answered when this changes.
"""

from collections.abc import AsyncIterator, Callable
from hashlib import blake2b

import msgspec

from chassis.caller import SYSTEM, Call
from chassis.clock import Clock, Utc
from chassis.entity import Value
from chassis.ids import new_id
from chassis.long_polling import Watched
from chassis.resource import resource
from chassis.unit import Commits, Units, View
from services.ops.maintenance.domain import MaintenanceState
from services.ops.maintenance.store import state_of
from services.ops.secret.store import the_secret
from services.ops.vacuum.domain import ClosureState, closures_of
from services.ops.vacuum.store import erased_since, running

MARK_BYTES = 12


class Announced(Value):
    """What is announced now."""

    maintenance: MaintenanceState
    closures: ClosureState
    code_id: str


class Announcements:
    """Answers when what is announced changes. `release` answers all who wait, before the process stops."""

    def __init__(self, units: Units, clock: Clock, shared: Callable[[], bool] = lambda: True) -> None:
        self._units = units
        self._clock = clock
        self._watched = Watched(self._look, shared)
        self.wake, self.release, self.stop = self._watched.wake, self._watched.release, self._watched.stop

    async def maintenance(self, known: str, seconds: float) -> tuple[MaintenanceState, str]:
        """The windows and their mark, once it is not the known one; at the latest after the seconds."""
        found = await self._read(lambda announced: announced.maintenance, known, seconds)
        return found.maintenance, mark_of(found.maintenance)

    async def closures(self, known: str, seconds: float) -> tuple[ClosureState, str]:
        """What is being vacuumed and its mark, once it is not the known one; at the latest after the seconds."""
        found = await self._read(lambda announced: announced.closures, known, seconds)
        return found.closures, mark_of(found.closures)

    async def code_id(self, known: str, seconds: float) -> str:
        """The id of the secret code, once it is not the known one; at the latest after the seconds. Empty if none."""
        return (await self._watched.read(lambda announced: announced.code_id == known, seconds)).code_id

    async def _read(self, part: Callable[[Announced], Value], known: str, seconds: float) -> Announced:
        return await self._watched.read(lambda announced: mark_of(part(announced)) == known, seconds)

    async def _look(self) -> Announced:
        now = Utc(self._clock.now())
        call = Call(caller=SYSTEM, name="announced", request_id=new_id(now), started_utc=now)
        return await self._units.view(call, _announced)


async def _announced(view: View) -> Announced:
    state, under_way, erased = await state_of(view), await running(view), await erased_since(view, view.now)
    secret = await the_secret(view)
    return Announced(
        maintenance=state,
        closures=closures_of(under_way, erased),
        code_id=secret.code_id if secret is not None else "",
    )


def mark_of(value: Value) -> str:
    """Changes with the value."""
    return blake2b(msgspec.json.encode(value), digest_size=MARK_BYTES).hexdigest()


@resource
async def announcements(units: Units, clock: Clock, commits: Commits) -> AsyncIterator[Announcements]:
    """What every process must know, and who waits for it to change."""
    made = Announcements(units, clock, lambda: commits.shared)
    commits.on_commit(made.wake)
    try:
        yield made
    finally:
        await made.stop()
