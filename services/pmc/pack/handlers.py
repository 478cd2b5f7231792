"""The pack endpoints. What each promises its callers is in the contract's pmc.yaml."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from chassis.caller import Call
from chassis.clock import Clock
from chassis.cpu_pool import CpuPool
from chassis.endpoint import Answer, Endpoints, Request
from chassis.errors import invalid_field
from chassis.page import PageRequest
from chassis.unit import Change, Units, View
from chassis.values import Count, Id, Name, Token
from services.pmc.objects.port import ObjectStore, SignedRequest, pack_key
from services.pmc.pack.document import PackDocument
from services.pmc.pack.domain import INLINE_BYTES_MAX, LINK_SECONDS, Pack, to_answer
from services.pmc.pack.inline import Sound, create_awaiting, create_inline, prepare_document
from services.pmc.pack.store import list_newest, list_versions, load_version
from services.pmc.pack.uploads import EVENTS_OF_VALIDATION, complete
from services.pmc.settings import PmcSettings
from services.pmc.words import PUBLISH, VIEW, Part, Rev, Sha256

endpoints = Endpoints("pmc", "/pack")


class PackUpload(Part):
    """An upload that is announced."""

    content_type: Literal["application/json", "application/x-ndjson"]
    content_encoding: Literal["gzip"] | None = None
    size_bytes: Annotated[int, Meta(ge=1, le=1_073_741_824)]
    sha256: Sha256


class PackCreateRequest(Request):
    pack_id: Id | None = None
    name: Name | None = None
    document: PackDocument | None = None
    upload: PackUpload | None = None


class PackCreateEnvelope(Answer, omit_defaults=True):
    pack: Pack
    upload: SignedRequest | None = None


class Prepared(Part, forbid_unknown_fields=False):
    """What pack/create does before its change: a sound document, or the store that signs the upload."""

    sound: Sound | None
    store: Any


async def _prepare(
    call: Call, body: PackCreateRequest, units: Units, settings: PmcSettings, store: ObjectStore, cpu: CpuPool
) -> Prepared:
    if (body.document is None) == (body.upload is None):
        raise invalid_field("document", "exactly one of document and upload is required")
    if body.document is None:
        return Prepared(sound=None, store=store)
    text: Any = body.document  # Given unread, as its JSON text.
    sound = await prepare_document(units, cpu, call, body.pack_id, bytes(text), settings.pmc_http_media)
    return Prepared(sound=sound, store=store)


@endpoints.post(
    "/create",
    roles=PUBLISH,
    idempotent=True,
    body_bytes_max=INLINE_BYTES_MAX,
    unread=["document"],
    prepare=_prepare,
    emits=["pmc.pack.created", "pmc.pack.ready"],
    refusals={
        "invalid-input": "neither or both of document and upload; or the document is invalid",
        "not-found": "no pack with that pack_id",
    },
)
async def pmc_pack_create(
    call: Call, change: Change, body: PackCreateRequest, prepared: Prepared
) -> PackCreateEnvelope:
    """Create a pack, or a new version of one, from a document or an upload to come."""
    if prepared.sound is not None:
        version = to_answer(await create_inline(change, prepared.sound, body.name, body.pack_id))
        change.emit("pmc.pack.created", version.pack_id, pack=version)
        change.emit("pmc.pack.ready", version.pack_id, pack=version)
        return PackCreateEnvelope(pack=version)
    upload = body.upload
    assert upload is not None
    version = to_answer(
        await create_awaiting(
            change,
            body.pack_id,
            body.name,
            upload.content_type,
            upload.content_encoding,
            upload.size_bytes,
            upload.sha256,
        )
    )
    change.emit("pmc.pack.created", version.pack_id, pack=version)
    headers: dict[str, str] = {"Content-Type": upload.content_type}
    if upload.content_encoding is not None:
        headers["Content-Encoding"] = upload.content_encoding
    link = prepared.store.sign_put(
        pack_key(call.orgcode, version.pack_id, version.pack_rev),
        size=upload.size_bytes,
        sha256=upload.sha256,
        headers=headers,
        now=change.now,
        seconds=LINK_SECONDS,
    )
    return PackCreateEnvelope(pack=version, upload=link)


class PackGetRequest(Request):
    pack_id: Id
    pack_rev: Rev | None = None


class PackGetEnvelope(Answer):
    pack: Pack


@endpoints.get("/get", roles=VIEW)
async def pmc_pack_get(view: View, body: PackGetRequest) -> PackGetEnvelope:
    """Show a pack version, the newest unless `pack_rev` is given."""
    return PackGetEnvelope(pack=to_answer(await load_version(view, body.pack_id, body.pack_rev)))


class PackListRequest(Request, PageRequest):
    pack_id: Id | None = None


class PackListEnvelope(Answer):
    items: list[Pack]
    count: Count
    next_token: Token | None


@endpoints.get("/list", roles=VIEW)
async def pmc_pack_list(view: View, body: PackListRequest) -> PackListEnvelope:
    """List the versions of a pack, or the newest version of every pack."""
    if body.pack_id is None:
        page = await list_newest(view, body)
    else:
        page = await list_versions(view, body.pack_id, body)
    items = [to_answer(each) for each in page.items]
    return PackListEnvelope(items=items, count=page.count, next_token=page.next_token)


class PackCompleteRequest(Request):
    pack_id: Id
    pack_rev: Rev
    sha256: Sha256 | None = None


class PackCompleteEnvelope(Answer):
    pack: Pack


@endpoints.post(
    "/complete",
    roles=PUBLISH,
    schema="Envelope",
    emits=EVENTS_OF_VALIDATION,
    refusals={
        "invalid-input": "size or SHA-256 differ from what was announced; the state stays awaiting_upload",
        "invalid-state": "nothing was uploaded, or the upload expired",
        "upstream-failed": "the object store did not answer",
    },
)
async def pmc_pack_complete(
    call: Call,
    units: Units,
    store: ObjectStore,
    clock: Clock,
    settings: PmcSettings,
    cpu: CpuPool,
    body: PackCompleteRequest,
) -> PackCompleteEnvelope:
    """Validate an upload: within the call where it is small, else a worker goes on."""
    version = await complete(
        units, call, store, clock, cpu, body.pack_id, body.pack_rev, body.sha256, settings.pmc_http_media
    )
    return PackCompleteEnvelope(pack=to_answer(version))
