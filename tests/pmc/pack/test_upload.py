"""Uploads: signed requests, completion, and validation in both forms."""

import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from chassis.auth.token import HEADER
from chassis.caller import ANONYMOUS
from chassis.testing.keys import token
from tests.pmc.given import Catalogue, spring


def as_lines(document: dict[str, Any]) -> bytes:
    header = {name: value for name, value in document.items() if name != "styles"}
    return b"\n".join(json.dumps(each).encode() for each in [header, *document["styles"]]) + b"\n"


async def announce(pmc: Catalogue, data: bytes, content_type: str, **upload: Any) -> Any:
    fields = {"content_type": content_type, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return await pmc.good(await pmc.post("/pack/create", upload={**fields, **upload}))


async def send(
    pmc: Catalogue, method: str, url: str, data: bytes | AsyncIterator[bytes] | None = None, length: int | None = None
) -> tuple[int, bytes]:
    """Send a signed request to the service itself, as the gateway passes it on; `length` is that of an iterator."""
    path = url[url.index("/pmc/") :]
    base = f"http://127.0.0.1:{pmc.client.application.http_port}"
    headers = {HEADER: token(ANONYMOUS, "pmc"), **({} if length is None else {"Content-Length": str(length)})}
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            method, base + path, data=BytesIO(data) if isinstance(data, bytes) else data, headers=headers
        ) as answer,
    ):
        return answer.status, await answer.read()


async def uploaded(pmc: Catalogue, data: bytes, content_type: str, **upload: Any) -> Any:
    """The pack version after its upload was completed."""
    created = await announce(pmc, data, content_type, **upload)
    status, _ = await send(pmc, "PUT", created["upload"]["url"], data)
    assert status == 200
    pack = created["pack"]
    answer = await pmc.post("/pack/complete", pack_id=pack["pack_id"], pack_rev=pack["pack_rev"])
    return (await pmc.good(answer))["pack"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["application/json", "application/x-ndjson"])
async def test_an_upload_becomes_ready_in_either_form(pmc: Catalogue, form: str, packed: bool) -> None:
    data = json.dumps(spring()).encode() if form == "application/json" else as_lines(spring())
    if packed:
        pack = await uploaded(pmc, gzip.compress(data), form, content_encoding="gzip")
    else:
        pack = await uploaded(pmc, data, form)

    assert pack["state"] == "ready", pack
    assert pack["counts"] == {"channels": 2, "styles": 2, "variants": 4, "items": 7}
    assert pack["name"] == "Spring"


async def test_an_upload_publishes_what_the_inline_document_would(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    inline = await pmc.pack(spring())
    await pmc.run(pack_id=inline["pack_id"])
    pack = await uploaded(pmc, as_lines(spring()), "application/x-ndjson")

    run = await pmc.run(pack_id=pack["pack_id"])

    assert (run["outcomes"]["unchanged"], run["outcomes"]["blocked"], run["new_revisions"]) == (6, 1, 0)


async def test_problems_of_lines_name_path_line_and_code(pmc: Catalogue) -> None:
    header, tee, mug = as_lines(spring()).strip().split(b"\n")
    broken = json.loads(mug)
    broken["variants"][0]["sku"] = "tee-red-m"
    data = b"\n\n".join([header, tee, json.dumps(broken).encode(), b"{"])

    pack = await uploaded(pmc, data, "application/x-ndjson")

    assert (pack["state"], pack["problem_count"]) == ("rejected", 2)
    assert [(each["path"], each["line"], each["code"]) for each in pack["problems"]] == [
        ("styles.1.variants.0.sku", 5, "duplicate"),
        ("styles.2", 7, "malformed"),
    ]


async def test_a_link_is_good_once_for_its_own_body_key_and_method_alone(pmc: Catalogue) -> None:
    data = json.dumps(spring()).encode()
    link = (await announce(pmc, data, "application/json"))["upload"]["url"]
    other_key = link.replace("/packs/", "/runs/")
    other_pack = (await announce(pmc, data, "application/json"))["upload"]["url"]
    assert urlsplit(other_pack).path != urlsplit(link).path
    of_another = urlsplit(other_pack)._replace(query=urlsplit(link).query).geturl()

    assert (await send(pmc, "PUT", of_another, data))[0] == 403
    assert (await send(pmc, "PUT", link.replace(f"size={len(data)}", f"size={len(data) + 1}"), data + b" "))[0] == 403
    assert (await send(pmc, "PUT", link, data + b" "))[0] == 403
    assert (await send(pmc, "PUT", link, data[:-1] + b" "))[0] == 400
    assert (await send(pmc, "GET", link))[0] == 403
    assert (await send(pmc, "PUT", other_key, data))[0] == 404
    assert (await send(pmc, "PUT", link.replace("signature=", "signature=A"), data))[0] == 403
    assert (await send(pmc, "PUT", link, data))[0] == 200
    assert (await send(pmc, "PUT", link, data))[0] == 403


async def test_nothing_uploaded_is_told_and_changes_nothing(pmc: Catalogue) -> None:
    pack = (await announce(pmc, b"{}", "application/json"))["pack"]

    answer = await pmc.post("/pack/complete", pack_id=pack["pack_id"], pack_rev=1)

    assert (answer.status, answer.tag) == (409, "invalid-state")
    assert (await pmc.get("/pack/get", pack_id=pack["pack_id"])).data["pack"]["state"] == "awaiting_upload"


async def test_a_manifest_part_is_downloaded_without_a_session(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    run = await pmc.run(pack_id=(await pmc.pack(spring()))["pack_id"])
    signed = await pmc.good(await pmc.get("/publish/run/manifest/presign", run_id=run["run_id"], part=1))

    status, data = await send(pmc, "GET", signed["download"]["url"])

    lines = [json.loads(line) for line in data.splitlines()]
    assert status == 200
    assert hashlib.sha256(data).hexdigest() == signed["part"]["sha256"]
    assert [line["n"] for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert [line["rule_id"] for line in lines[3]["reasons"]] == ["REQUIRED.PRICE.AMOUNT"]
    assert (lines[3]["variant_id"], lines[3]["quality_score"]) == ("v-mug", 66)
