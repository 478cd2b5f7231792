"""`stackctl status`: the state of every replica of every service; needs no secret code."""

import asyncio
from typing import Any

from chassis.errors import Refusal
from chassis.rpc.client import Channels
from retailstack.chassis.v1.status_pb2 import GetStatusRequest
from retailstack.chassis.v1.status_pb2_grpc import StatusStub
from services.ops.cli.options import DONE, UNREACHABLE
from services.ops.cli.output import CommandOutcome, plain
from services.ops.cli.stack import Given, Stack

ASK_SECONDS = 3.0


async def status(*, stack: Given) -> CommandOutcome:
    """Show build, health, gate, relay lag and queue depth of every service."""
    asked = [(peer, address) for peer in stack.peers for address in stack.options.addresses[peer]]
    services = await asyncio.gather(*(_ask(stack, peer, address) for peer, address in asked))
    silent = any("error" in service for service in services)
    return CommandOutcome(
        document={"services": services},
        rows=[_row(service) for service in services],
        status=UNREACHABLE if silent else DONE,
    )


async def _ask(stack: Stack, peer: str, address: str) -> dict[str, Any]:
    """The state of one replica, asked at its own address."""
    channels = Channels({peer: (address,)}, tls=stack.tls)
    try:
        answer = await StatusStub(channels.channel(peer)).Get(GetStatusRequest(), timeout=ASK_SECONDS)
    except Refusal as refused:
        return {"service": peer, "address": address, "ok": False, "error": refused.message}
    finally:
        await channels.close()
    said = plain(answer)
    return {**said, "service": peer, "address": address, "ok": all(part["ok"] for part in said["parts"])}


def _row(service: dict[str, Any]) -> dict[str, Any]:
    if "error" in service:
        return {"service": service["service"], "address": service["address"], "ok": False, "note": service["error"]}
    down = [part["part"] for part in service["parts"] if not part["ok"]]
    return {
        "service": service["service"],
        "address": service["address"],
        "ok": service["ok"],
        "build": service["build_id"],
        "gate": service["gate"],
        "relay": f"{service['relay_pending']} waiting, {service['relay_lag_seconds']:.1f} s",
        "queues": " ".join(f"{each['queue']}={each['messages']}" for each in service["queues"]) or None,
        "note": f"down: {' '.join(down)}" if down else None,
    }
