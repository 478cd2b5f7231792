"""Publishing through the gateway: storing packs, and stepping runs to their end."""

from typing import Any

from demo.stack import Shop

STEP_ITEMS = 200


async def store_pack(shop: Shop, document: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Store a document as a new pack version. Raises Refused where it has a problem."""
    pack: dict[str, Any] = (await shop.call("/pmc/pack/create", document=document, **fields))["pack"]
    return pack


async def start_run(shop: Shop, **fields: Any) -> dict[str, Any]:
    """Start a publish run."""
    run: dict[str, Any] = (await shop.call("/pmc/publish/run/start", **fields))["run"]
    return run


async def step_to_the_end(shop: Shop, run: dict[str, Any]) -> dict[str, Any]:
    """Step a run until it has ended; the run then. Raises Refused where somebody else steps it."""
    while run["status"] == "running":
        step = {"run_id": run["run_id"], "expected_revision": run["revision"], "max_items": STEP_ITEMS}
        run = (await shop.call("/pmc/publish/run/step", **step))["run"]
    return run
