"""`stackctl keys rotate`: other keys to sign callers with, while the stack runs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from secrets import token_hex
from typing import Annotated, Any

from cyclopts import Parameter

from chassis.auth.keys import public_text
from chassis.errors import Unavailable
from chassis.key_ring import new_key
from chassis.rpc.client import PEERS
from services.ops.cli.cluster import Cluster
from services.ops.cli.keys import PUBLIC_ENTRY, keys, signing_entry
from services.ops.cli.stack import Given

SPREAD_SECONDS = 180.0
"""After so long, every pod has the changed Secret in its files: kubelet looks every minute, and its cache is as old."""

Wait = Callable[[float], Awaitable[None]]


@keys.command(name="rotate")
async def rotate(
    *,
    kubernetes_secret: Annotated[str, Parameter(help="The Secret that has the keys.")],
    spread_seconds: Annotated[float, Parameter(help="How long it takes until every pod has a changed Secret.")] = (
        SPREAD_SECONDS
    ),
    stack: Given,  # noqa: ARG001  every command is given the stack
) -> dict[str, Any]:
    """Give the gateway and each service another key to sign callers with. No call is refused meanwhile.

    The new public keys are added, the private keys are exchanged, and the former public keys are removed, with time
    between the steps for the pods to see them. If it is interrupted, run it again.
    """
    async with Cluster() as cluster:
        await exchange(cluster, kubernetes_secret, spread_seconds)
    return {"secret": kubernetes_secret, "rotated": sorted(PEERS)}


async def exchange(cluster: Cluster, secret: str, spread_seconds: float, wait: Wait = asyncio.sleep) -> None:
    """The three steps, with `spread_seconds` between them. Raises `Unavailable` if the Secret has no such keys."""
    key_id = f"{datetime.now(UTC):%Y%m%d}-{token_hex(4)}"
    fresh = {signing_entry(holder): new_key(key_id) for holder in PEERS}
    await cluster.change_secret(secret, lambda found: {PUBLIC_ENTRY: _public(found) + _public(fresh)})
    await wait(spread_seconds)
    await cluster.change_secret(secret, lambda _: fresh)
    await wait(spread_seconds)
    await cluster.change_secret(secret, lambda found: {PUBLIC_ENTRY: _public(found)})


def _public(entries: Mapping[str, str]) -> str:
    """The public keys of the private ones among the entries."""
    try:
        return "".join(f"{public_text(holder, entries[signing_entry(holder)])}\n" for holder in PEERS)
    except (KeyError, ValueError) as problem:
        raise Unavailable(f"the Secret has no keys to sign callers with: {problem}") from None
