"""Keeps the gate up to date about vacuums, by asking OPS every second.

An org must not be written while it is vacuumed. Unlike a maintenance window, a closure stays in force while OPS cannot
be asked: a half-erased org must not be opened because OPS is down.
"""

import asyncio

from chassis.clock import Utc
from chassis.errors import Refusal
from chassis.gate import Closures, Gate
from chassis.rpc.client import Channels
from chassis.telemetry.log import get_logger
from retailstack.ops.v1.vacuum_pb2 import GetClosuresRequest, GetClosuresResponse
from retailstack.ops.v1.vacuum_pb2_grpc import ClosuresStub

ASK_EVERY_SECONDS = 1.0
ASK_SECONDS = 1.0

log = get_logger("chassis.closures")


class ClosureSync:
    """Keeps the closures of one process up to date."""

    def __init__(self, gate: Gate, channels: Channels) -> None:
        self._gate = gate
        self._channels = channels
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Ask once, so that a process that starts during a vacuum is closed from the start; then ask every second."""
        if "ops" in self._channels.addresses:
            await self._try()
            self._task = asyncio.create_task(self._ask_on(), name="closures")

    async def stop(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def ask(self) -> None:
        """Ask OPS once and set the gate. Raises a refusal if OPS does not answer."""
        stub = ClosuresStub(self._channels.channel("ops"))
        # As the service itself, not on behalf of the current caller.
        answer = await stub.Get(GetClosuresRequest(), timeout=ASK_SECONDS, metadata=self._channels.own_name())
        closures = closures_of(answer)
        before = self._gate.emptied
        if (closures.all, closures.orgcodes) != (before.all, before.orgcodes):
            log.info("what is being emptied has changed", all=closures.all, orgs=sorted(closures.orgcodes))
        self._gate.empty(closures)

    async def _ask_on(self) -> None:
        while True:
            await asyncio.sleep(ASK_EVERY_SECONDS)
            await self._try()

    async def _try(self) -> None:
        try:
            await self.ask()
        except Refusal:
            log.debug("OPS can't be asked what is being emptied")
        except Exception:
            # This loop must not end, or closed orgs would never be opened again.
            log.exception("asking OPS what is being emptied failed")


def closures_of(answer: GetClosuresResponse) -> Closures:
    """Closures from the answer's message."""
    return Closures(
        all=answer.all,
        orgcodes=frozenset(answer.orgcodes),
        erased={each.orgcode: Utc(each.completed_utc) for each in answer.erased},
    )
