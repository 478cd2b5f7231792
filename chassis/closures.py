"""Keeps the gate told of what is being emptied, by asking OPS every second.

What a vacuum empties is written by nobody meanwhile. Unlike a maintenance window, which opens where OPS can't be asked,
what was closed stays closed until OPS says otherwise: half an org must not come back to life because OPS is down.
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
    """Keeps one process's gate told."""

    def __init__(self, gate: Gate, channels: Channels) -> None:
        self._gate = gate
        self._channels = channels
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Ask once, so that a process that starts in the middle of a vacuum takes no work it must not; then go on."""
        if "ops" in self._channels.addresses:
            await self._try()
            self._task = asyncio.create_task(self._ask_on(), name="closures")

    async def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def ask(self) -> None:
        """Ask OPS once, and set the gate accordingly; Refusal where OPS can't be asked."""
        stub = ClosuresStub(self._channels.channel("ops"))
        # In our own name: it is the process that asks, not whoever it works for.
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
            # It goes on asking, whatever an answer did to it: what is closed would never be opened again otherwise.
            log.exception("asking OPS what is being emptied failed")


def closures_of(answer: GetClosuresResponse) -> Closures:
    """The answer in our words."""
    return Closures(
        all=answer.all,
        orgcodes=frozenset(answer.orgcodes),
        erased={each.orgcode: Utc(each.completed_utc) for each in answer.erased},
    )
