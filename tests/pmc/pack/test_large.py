"""Uploads that are too large for a call: a worker validates them while they stream by."""

import asyncio
import json
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest

from services.pmc.pack.domain import INLINE_BYTES_MAX
from tests.pmc.given import Catalogue, some
from tests.pmc.pack.test_upload import as_lines, uploaded
from tests.waiting import stretched

STYLES = 1_100
VALIDATION_SECONDS_MAX = 120.0


def large() -> dict[str, Any]:
    """A document of more than 8 MiB, its styles in no order."""
    styles = [
        {
            "style_id": f"s-{(number * 7919) % STYLES:05d}",
            "style_code": f"S-{number}",
            "title": f"Thing {number}",
            "description_html": "x" * 8_000,
            "variants": [
                {
                    "variant_id": f"v-{number}",
                    "variant_code": f"V-{number}",
                    "sku": f"SKU-{number}",
                    "channels": [{"channel_code": "WEB", "price": {"amount": "1.00", "currency": "EUR"}}],
                }
            ],
        }
        for number in range(STYLES)
    ]
    channels = [{"channel_code": "WEB", "currency": "EUR"}]
    return {"styles": styles, "format": "retailstack.pack/1", "channels": channels, "name": "Large"}


async def settled(pmc: Catalogue, pack: Any) -> Any:
    """The version once the worker is done with it."""
    deadline = monotonic() + stretched(VALIDATION_SECONDS_MAX)
    while pack["state"] == "validating" and monotonic() < deadline:
        await asyncio.sleep(0.1)
        pack = (await pmc.good(await pmc.get("/pack/get", pack_id=pack["pack_id"])))["pack"]
    return pack


@pytest.mark.parametrize("form", ["application/json", "application/x-ndjson"])
async def test_a_large_upload_is_validated_by_a_worker_and_publishes(pmc: Catalogue, form: str) -> None:
    document = large()
    data = json.dumps(document).encode() if form == "application/json" else as_lines(document)
    assert len(data) > INLINE_BYTES_MAX

    pack = await uploaded(pmc, data, form)
    assert pack["state"] == "validating"
    pack = await settled(pmc, pack)

    assert pack["state"] == "ready", pack
    assert pack["counts"] == {"channels": 1, "styles": STYLES, "variants": STYLES, "items": STYLES}
    await pmc.profile("WEB")
    run = await pmc.start(pack_id=pack["pack_id"], style_ids=["s-00000", "s-00500", "s-01099"])
    run = await pmc.step(run)
    assert (run["total"], some(run["outcomes"])) == (3, {"created": 3})


async def test_a_large_upload_with_a_problem_is_rejected_with_its_line(pmc: Catalogue) -> None:
    document = large()
    document["styles"][1_000]["variants"][0]["sku"] = "sku-1"
    pack = await settled(pmc, await uploaded(pmc, as_lines(document), "application/x-ndjson"))

    assert (pack["state"], pack["problem_count"]) == ("rejected", 1)
    problem = pack["problems"][0]
    assert (problem["path"], problem["line"], problem["code"]) == (
        "styles.1000.variants.0.sku",
        1_002,
        "duplicate",
    )
    bodies = pmc.client.application.runtime.database.collection("pmc_pack_style_bodies")
    assert pmc.client.caller is not None
    assert [each async for each in _bodies_of(bodies, pmc.client.caller.orgcode)] == []


async def _bodies_of(bodies: Any, orgcode: str | None) -> AsyncIterator[str]:
    """The styles that are stored of any version of an org."""
    for each in await bodies.find({"_id": {"$gt": ""}}):
        if each.get("orgcode") == orgcode:
            yield each["_id"]
