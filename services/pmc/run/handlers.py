"""The run endpoints. What each promises its callers is in the contract's pmc.yaml."""

from collections.abc import Sequence
from time import monotonic
from typing import Annotated, Literal

from msgspec import Meta

from chassis.caller import Call
from chassis.clock import Clock, Utc
from chassis.endpoint import Answer, Endpoints, Request, Revised
from chassis.errors import ExpectedRevisionRequired, InvalidState, StaleRevision
from chassis.page import PageRequest
from chassis.unit import Change, Units, View
from chassis.values import Code, Count, Guid, Id, Reason, Revision, Token
from chassis.values import Utc as UtcText
from services.pmc.objects.port import ObjectStore, SignedRequest
from services.pmc.run.current import load_run
from services.pmc.run.domain import (
    SELECTED_MAX,
    STEP_ITEMS_DEFAULT,
    STEP_ITEMS_MAX,
    Driver,
    PublishRun,
    RunOutcomes,
    StoredRun,
    Target,
    cancelled,
    to_answer,
)
from services.pmc.run.events import RUN_EVENTS
from services.pmc.run.manifest import DOWNLOAD_SECONDS, end_early
from services.pmc.run.manifest import to_answer as part_answer
from services.pmc.run.manifest_records import ManifestPart
from services.pmc.run.starting import Asked, start_publish, start_undo
from services.pmc.run.step import step
from services.pmc.run.store import RUNS, list_parts, load_part
from services.pmc.words import CHANNELS_MAX, PUBLISH, VIEW, Rev

endpoints = Endpoints("pmc", "/publish/run")

Selected = Annotated[list[Guid], Meta(min_length=1, max_length=SELECTED_MAX)]
_SELECTORS = ("style_ids", "style_id", "variant_id", "variant_ids", "channel_code", "channel_codes")
_WITHOUT_UNDO = ("pack_rev", *_SELECTORS, "target", "start_utc")


class PublishRunStartRequest(Request):
    pack_id: Id | None = None
    pack_rev: Rev | None = None
    style_ids: Selected | None = None
    style_id: Guid | None = None
    variant_id: Guid | None = None
    variant_ids: Selected | None = None
    channel_code: Code | None = None
    channel_codes: Annotated[list[Code], Meta(min_length=1, max_length=CHANNELS_MAX)] | None = None
    target: Target | None = None
    dry_run: bool | None = None
    undo_of: Id | None = None
    start_utc: UtcText | None = None
    driver: Driver | None = None
    reason: Reason | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        if (self.pack_id is None) == (self.undo_of is None):
            found.append(("pack_id", "exactly one of pack_id and undo_of is required"))
        if self.undo_of is not None:
            found += [(name, "can't stand beside undo_of") for name in _WITHOUT_UNDO if getattr(self, name) is not None]
        for one, other in (
            ("style_id", "style_ids"),
            ("variant_id", "variant_ids"),
            ("channel_code", "channel_codes"),
        ):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                found.append((other, f"can't stand beside {one}"))
        for name in ("variant_id", "variant_ids"):
            if getattr(self, name) is not None and self.style_id is None:
                found.append((name, "is taken only with style_id"))
        return found


class PublishRunStartEnvelope(Answer):
    run_id: Id
    revision: Revision
    status: Literal["running", "scheduled"]
    run: PublishRun


@endpoints.post(
    "/start",
    roles=PUBLISH,
    idempotent=True,
    emits=["pmc.run.started", "pmc.run.scheduled"],
    refusals={
        "invalid-input": "fields that exclude each other; start_utc not later than now, or more than 400 days ahead",
        "not-found": "no such pack, version or run; or details.missing lists what the version does not hold",
        "conflict": "a running run works on one of the channels; or the org has 100 scheduled runs",
        "invalid-state": "the version is not ready; a channel has no profile; the run cannot be undone",
    },
)
async def pmc_publish_run_start(change: Change, body: PublishRunStartRequest) -> PublishRunStartEnvelope:
    """Start or schedule a run over a pack version, or one that undoes another."""
    driver = body.driver or "client"
    if body.undo_of is not None:
        run = await start_undo(change, body.undo_of, dry_run=bool(body.dry_run), driver=driver, reason=body.reason)
    else:
        run = await start_publish(change, _asked(body, driver))
    answer = to_answer(run)
    change.emit("pmc.run.started" if run.status == "running" else "pmc.run.scheduled", run.run_id, run=answer)
    status: Literal["running", "scheduled"] = "running" if run.status == "running" else "scheduled"
    return PublishRunStartEnvelope(run_id=run.run_id, revision=run.revision, status=status, run=answer)


def _asked(body: PublishRunStartRequest, driver: Driver) -> Asked:
    assert body.pack_id is not None
    return Asked(
        pack_id=body.pack_id,
        pack_rev=body.pack_rev,
        style_ids=body.style_ids,
        style_id=body.style_id,
        variant_ids=body.variant_ids if body.variant_id is None else [body.variant_id],
        channel_codes=body.channel_codes if body.channel_code is None else [body.channel_code],
        target=body.target or "live",
        dry_run=bool(body.dry_run),
        start_utc=None if body.start_utc is None else Utc(body.start_utc),
        driver=driver,
        reason=body.reason,
    )


class PublishRunStepRequest(Revised):
    run_id: Id
    max_items: Annotated[int, Meta(ge=1, le=STEP_ITEMS_MAX)] | None = None


class RunStep(Answer):
    items: Count
    outcomes: RunOutcomes
    duration_ms: float


class PublishRunStepEnvelope(Answer):
    run: PublishRun
    step: RunStep


@endpoints.post(
    "/step",
    schema="Envelope",
    roles=PUBLISH,
    emits=RUN_EVENTS,
    refusals={
        "conflict": "expected_revision is stale",
        "invalid-state": "the run is not running, whatever the revision given",
        "upstream-failed": "a manifest part could not be stored; items of this step are kept",
    },
)
async def pmc_publish_run_step(
    call: Call, units: Units, store: ObjectStore, clock: Clock, body: PublishRunStepRequest
) -> PublishRunStepEnvelope:
    """Do the next items of a run."""
    began = monotonic()
    done = await step(
        units, call, store, clock, body.run_id, body.expected_revision, body.max_items or STEP_ITEMS_DEFAULT
    )
    duration = round((monotonic() - began) * 1000, 3)
    return PublishRunStepEnvelope(
        run=to_answer(done.run), step=RunStep(items=done.items, outcomes=done.outcomes, duration_ms=duration)
    )


class PublishRunGetRequest(Request):
    run_id: Id


class PublishRunGetEnvelope(Answer):
    run: PublishRun


@endpoints.get("/get", roles=VIEW)
async def pmc_publish_run_get(view: View, body: PublishRunGetRequest) -> PublishRunGetEnvelope:
    """Show a run."""
    return PublishRunGetEnvelope(run=to_answer(await view.load(RUNS, body.run_id)))


class PublishRunCancelRequest(Revised):
    run_id: Id
    reason: Reason | None = None


class PublishRunCancelEnvelope(Answer):
    run: PublishRun


@endpoints.post(
    "/cancel",
    schema="Envelope",
    roles=PUBLISH,
    emits=["pmc.run.cancelled"],
    refusals={
        "invalid-state": "the run is completed or failed, whatever the revision given",
        "upstream-failed": "the last part could not be stored; the run is still running",
    },
)
async def pmc_publish_run_cancel(
    call: Call, units: Units, store: ObjectStore, clock: Clock, body: PublishRunCancelRequest
) -> PublishRunCancelEnvelope:
    """End a run; what its steps have written stays."""
    run = await load_run(units, call, body.run_id)
    if run.status == "cancelled":
        return PublishRunCancelEnvelope(run=to_answer(run))
    cancelled(run, body.reason, clock.now())
    if body.expected_revision is None:
        raise ExpectedRevisionRequired(run.revision)
    if body.expected_revision != run.revision:
        raise StaleRevision(run.revision)

    def cancel(current: StoredRun, now: Utc) -> StoredRun:
        return cancelled(current, body.reason, now)

    run = await end_early(units, call, store, run, cancel, ("pmc.run.cancelled",))
    if run.status != "cancelled":
        raise InvalidState(f"the run is {run.status}", status=run.status)
    return PublishRunCancelEnvelope(run=to_answer(run))


class PublishRunManifestListRequest(Request, PageRequest):
    run_id: Id


class PublishRunManifestListEnvelope(Answer):
    items: list[ManifestPart]
    count: Count
    next_token: Token | None


@endpoints.get("/manifest/list", roles=VIEW)
async def pmc_publish_run_manifest_list(
    view: View, body: PublishRunManifestListRequest
) -> PublishRunManifestListEnvelope:
    """List the parts of a run's manifest."""
    await view.load(RUNS, body.run_id)
    page = await list_parts(view, body.run_id, body)
    items = [part_answer(each) for each in page.items]
    return PublishRunManifestListEnvelope(items=items, count=page.count, next_token=page.next_token)


class PublishRunManifestPresignRequest(Request):
    run_id: Id
    part: Annotated[int, Meta(ge=1, le=1_000_000)]


class PublishRunManifestPresignEnvelope(Answer):
    part: ManifestPart
    download: SignedRequest


@endpoints.get("/manifest/presign", roles=VIEW, schema="Envelope")
async def pmc_publish_run_manifest_presign(
    call: Call, units: Units, store: ObjectStore, clock: Clock, body: PublishRunManifestPresignRequest
) -> PublishRunManifestPresignEnvelope:
    """Give a signed download of one part, valid for 15 minutes."""
    part = await units.view(call, lambda view: load_part(view, body.run_id, body.part))
    download = store.sign_get(part.object_key, now=clock.now(), seconds=DOWNLOAD_SECONDS)
    return PublishRunManifestPresignEnvelope(part=part_answer(part), download=download)
