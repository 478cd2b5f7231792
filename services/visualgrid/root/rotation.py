"""Knows which secret code is set, so that root tokens end with the code they were given for.

OPS is asked every second. While it cannot be asked, the code known last counts as the current one: a code is only
rotated by OPS.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from chassis.errors import Refusal
from chassis.resource import resource
from chassis.rpc.client import Channels
from chassis.telemetry.log import get_logger
from retailstack.ops.v1.secret_pb2 import CurrentSecretRequest
from retailstack.ops.v1.secret_pb2_grpc import SecretStub

ASK_EVERY_SECONDS = 1.0
ASK_SECONDS = 1.0

log = get_logger("visualgrid.rotation")


class Rotation:
    """The id of the current secret code, as far as known; None until OPS has answered."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self.code_id: str | None = None

    async def is_current(self, code_id: str) -> bool:
        """Whether a code is still the one that is set. Asks OPS only where the code known last is another."""
        if self.code_id is not None and self.code_id != code_id:
            # The token may be newer than the last answer.
            await self.ask()
        return self.code_id is None or self.code_id == code_id

    async def ask(self) -> None:
        """Ask OPS once; keep what was known if it does not answer."""
        with suppress(Refusal):
            stub = SecretStub(self._channels.channel("ops"))
            request = CurrentSecretRequest()
            answer = await stub.Current(request, timeout=ASK_SECONDS, metadata=self._channels.own_name())
            self.code_id = answer.code_id

    async def keep_asking(self) -> None:
        """Ask now and every second, for ever."""
        while True:
            try:
                await self.ask()
            except Exception:
                # The loop must not end, because tokens would outlive a rotation.
                log.exception("asking OPS for the current code failed")
            await asyncio.sleep(ASK_EVERY_SECONDS)


@resource
async def rotation(channels: Channels) -> AsyncIterator[Rotation]:
    """Follows rotations of the secret code."""
    follower = Rotation(channels)
    task = asyncio.create_task(follower.keep_asking(), name="secret rotation")
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
