"""Raw endpoints of every kind."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from chassis.caller import Call
from chassis.clock import Utc
from chassis.endpoint import Answer, Endpoints, Request
from chassis.errors import NotFound, Unauthorized
from chassis.raw import BodyStream, Content, Cookie, FileContent, RawRequest, Redirect, StreamContent
from chassis.unit import Units, View
from chassis.values import Id
from tests.chassis.sample.app import SampleSettings
from tests.chassis.sample.crate.store import CRATES

PARCEL_BYTES_MAX = 2_000_000
DOZEN = b"twelve bytes"

endpoints = Endpoints("sample")


class StoredAnswer(Answer):
    size_bytes: int
    sha256: str
    chunks: int


@endpoints.raw("PUT", "/parcel/{key:path}", body_bytes_max=PARCEL_BYTES_MAX)
async def sample_parcel_put(settings: SampleSettings, key: str, body: BodyStream) -> StoredAnswer:
    """Keep a parcel."""
    target = Path(settings.sample_folder) / sha256(key.encode()).hexdigest()
    digest, chunks = sha256(), 0
    with target.open("wb") as file:
        async for part in body:
            digest.update(part)
            chunks += 1
            await asyncio.to_thread(file.write, part)
    return StoredAnswer(size_bytes=body.bytes_read, sha256=digest.hexdigest(), chunks=chunks)


@endpoints.raw("GET", "/parcel/{key:path}", produces=["application/octet-stream"])
async def sample_parcel_get(settings: SampleSettings, key: str) -> FileContent:
    """A parcel as it was kept."""
    path = Path(settings.sample_folder) / sha256(key.encode()).hexdigest()
    return FileContent(path=path, etag="v1", modified_utc=Utc("2026-01-01T12:00:00.250Z"))


class RowsQuery(Request):
    size: Annotated[int, Meta(ge=1, le=100_000)] = 10
    announced: bool = True


@endpoints.raw("GET", "/rows/{first}", produces=["text/plain"])
async def sample_rows(http: RawRequest, first: Annotated[int, Meta(ge=0, le=1000)], query: RowsQuery) -> StreamContent:
    """Dozens of bytes, made while they are sent; they fail where the header `x-broken` asks for it."""

    async def read(start: int, stop: int | None) -> AsyncIterator[bytes]:
        whole = DOZEN * query.size
        end = len(whole) if stop is None else stop
        for place in range(start, end, 1000):
            if "x-broken" in http.headers and place > start:
                raise RuntimeError(f"row {first} can't be read")
            yield whole[place : min(place + 1000, end)]

    length = len(DOZEN) * query.size if query.announced else None
    return StreamContent(read=read, length=length, content_type="text/plain", etag=f"rows-{query.size}")


class GoQuery(Request):
    to: str


@endpoints.raw("GET", "/go", lenient=True, produces=[], refusals={"unauthorized": "the cookie is missing"})
async def sample_go(http: RawRequest, query: GoQuery) -> Redirect:
    """Send the caller on."""
    if http.query.endswith("strict=true") and http.cookies.get("seen") != "yes":
        raise Unauthorized("come again with the cookie")
    there = f"https://there.example/?to={sha256(query.to.encode()).hexdigest()[:8]}"
    return Redirect(location=there, cookies=(Cookie(name="seen", value="yes", max_age_seconds=60),))


@endpoints.raw(
    "POST",
    "/hook",
    consumes=["application/json"],
    produces=[],
    statuses={401: "The signature is missing or wrong."},
    body_bytes_max=1000,
)
async def sample_hook(call: Call, http: RawRequest, body: BodyStream) -> Content:
    """Take what another system tells, if it is signed."""
    read = await body.read()
    if http.headers.get("x-signature") != sha256(read).hexdigest():
        return Content(status=401, headers={"x-asked-by": call.caller.kind})
    return Content()


@endpoints.raw("GET", "/label/{crate_id}.txt", roles=["sample_view"], produces=["text/plain"])
async def sample_label(call: Call, units: Units, crate_id: Id) -> Content:
    """What stands on a crate."""

    async def look(view: View) -> str:
        crate = await view.get(CRATES, crate_id)
        if crate is None:
            raise NotFound("there is no such crate")
        return crate.code

    code = await units.view(call, look)
    return Content(body=code.encode(), content_type="text/plain", headers={"Cache-Control": "private, max-age=60"})
