"""Publish runs as an operator drives them with `stackctl pmc publish`: started or taken up again, and stepped."""

from typing import Any

import msgspec

from chassis.caller import Call
from chassis.clock import Clock
from chassis.errors import NotFound, invalid_field
from chassis.jobs.orgs import within
from chassis.rpc.context import require_stack
from chassis.rpc.declaration import Servicer
from chassis.unit import Change, Units, View
from retailstack.pmc.v1 import publishing_pb2 as pb
from retailstack.pmc.v1 import publishing_pb2_grpc
from services.pmc.objects.port import ObjectStore
from services.pmc.pack.store import SERIES
from services.pmc.run.current import load_run
from services.pmc.run.domain import STEP_ITEMS_MAX, StoredRun, Target, to_answer
from services.pmc.run.starting import Asked, start_publish
from services.pmc.run.step import step
from services.pmc.run.store import running_runs_of


class PublishingServicer(publishing_pb2_grpc.PublishingServicer):
    """Answers the operator, in the org of the pack or the run."""

    def __init__(self, units: Units, store: ObjectStore, clock: Clock) -> None:
        self._units = units
        self._store = store
        self._clock = clock

    async def Take(self, request: pb.TakeRunRequest, context: Any) -> pb.RunAnswer:
        call = require_stack()

        async def look(view: View) -> str:
            series = await view.every_org().get(SERIES, request.pack_id)
            if series is None:
                raise NotFound("there is no such pack")
            return series.orgcode

        call = within(call, await self._units.view(call, look))

        async def take(change: Change) -> StoredRun:
            for run in await running_runs_of(change, request.pack_id):
                if _is_asked_for(run, request):
                    return run
            run = await start_publish(change, _asked(request))
            change.emit("pmc.run.started", run.run_id, run=to_answer(run))
            return run

        return _answer(call, await self._units.change(call, take, emits=["pmc.run.started"]))

    async def Step(self, request: pb.StepRunRequest, context: Any) -> pb.RunAnswer:
        if not 1 <= request.max_items <= STEP_ITEMS_MAX:
            raise invalid_field("max_items", f"must be 1 to {STEP_ITEMS_MAX}")
        call = within(require_stack(), request.orgcode)
        done = await step(
            self._units,
            call,
            self._store,
            self._clock,
            request.run_id,
            request.expected_revision,
            request.max_items,
        )
        return _answer(call, done.run)

    async def Get(self, request: pb.GetRunRequest, context: Any) -> pb.RunAnswer:
        call = within(require_stack(), request.orgcode)
        return _answer(call, await load_run(self._units, call, request.run_id))


servicers = [Servicer(publishing_pb2_grpc.add_PublishingServicer_to_server, PublishingServicer)]


def _target(request: pb.TakeRunRequest) -> Target:
    return "staged" if request.staged else "live"


def _is_asked_for(run: StoredRun, request: pb.TakeRunRequest) -> bool:
    """Whether a running run does what the request asks for. Without a channel, the run's channels do not matter."""
    return (
        run.undo_of is None
        and run.selector.kind == "pack"
        and run.target == _target(request)
        and run.dry_run == request.dry_run
        and (not request.HasField("channel_code") or run.selector.channel_codes == [request.channel_code.upper()])
    )


def _asked(request: pb.TakeRunRequest) -> Asked:
    return Asked(
        pack_id=request.pack_id,
        pack_rev=None,
        style_ids=None,
        style_id=None,
        variant_ids=None,
        channel_codes=[request.channel_code.upper()] if request.HasField("channel_code") else None,
        target=_target(request),
        dry_run=request.dry_run,
        start_utc=None,
        driver="client",
        reason=None,
    )


def _answer(call: Call, run: StoredRun) -> pb.RunAnswer:
    return pb.RunAnswer(orgcode=call.orgcode, run=msgspec.json.encode(to_answer(run)))
