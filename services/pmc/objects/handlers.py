"""The object routes of the folder store: signed uploads and downloads, without a session."""

from urllib.parse import parse_qsl

from chassis.clock import Clock, to_seconds
from chassis.endpoint import Endpoints
from chassis.errors import Forbidden, NotFound, invalid_field
from chassis.raw import BodyStream, Content, FileContent, RawRequest
from chassis.signed_links import check_length
from services.pmc.objects.local import LocalObjectStore
from services.pmc.objects.port import UPLOAD_BYTES_MAX, ObjectStore, is_key

endpoints = Endpoints("pmc", "/objects")

UPLOAD_SECONDS_MAX = 600.0


@endpoints.raw(
    "PUT",
    "/{key:path}",
    body_bytes_max=UPLOAD_BYTES_MAX,
    seconds=UPLOAD_SECONDS_MAX,
    lenient=True,
    refusals={
        "forbidden": "the link is altered, expired, used, or made for another method, key or size",
        "invalid-input": "the body has another SHA-256 than the link says",
        "not-found": "the key is of no known form",
    },
)
async def pmc_object_put(http: RawRequest, body: BodyStream, clock: Clock, store: ObjectStore, key: str) -> Content:
    """Upload the object that a signed link is for."""
    local = _local(store, key)
    permission = local.links.check("PUT", key, _query(http), to_seconds(clock.now()))
    check_length(permission, body.length)
    if await local.info(key) is not None:
        raise Forbidden("the link has been used: the object is stored")
    sha256 = permission.sha256 or ""
    if not await local.put_stream(key, body, sha256):
        raise invalid_field("body", "has another SHA-256 than the link says")
    return Content(etag=sha256)


@endpoints.raw(
    "GET",
    "/{key:path}",
    lenient=True,
    seconds=UPLOAD_SECONDS_MAX,
    refusals={
        "forbidden": "the link is altered, expired, or made for another method or key",
        "not-found": "the key is of no known form, or there is no such object",
    },
)
async def pmc_object_get(http: RawRequest, clock: Clock, store: ObjectStore, key: str) -> FileContent:
    """Download the object that a signed link is for."""
    local = _local(store, key)
    local.links.check("GET", key, _query(http), to_seconds(clock.now()))
    info = await local.info(key)
    if info is None:
        raise NotFound("there is no such object")
    return FileContent(
        path=local.path(key),
        content_type="application/x-ndjson" if key.endswith(".ndjson") else "application/octet-stream",
        etag=f"{info.size:x}-{info.modified_utc}",
        modified_utc=info.modified_utc,
    )


def _local(store: ObjectStore, key: str) -> LocalObjectStore:
    """The folder store. Links to objects of any other store do not point to these routes."""
    if not isinstance(store, LocalObjectStore) or not is_key(key):
        raise NotFound("there is no such object")
    return store


def _query(http: RawRequest) -> dict[str, str]:
    return dict(parse_qsl(http.query, keep_blank_values=True))
