"""Runs as an operator drives them over gRPC."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from chassis.caller import SYSTEM, Caller
from chassis.clock import SystemClock
from chassis.errors import Forbidden, NotFound, Refusal
from chassis.rpc.client import Channels
from chassis.rpc.context import OPERATOR_ACTOR
from chassis.testing.keys import signs_as
from chassis.testing.operator import operator_channels
from retailstack.pmc.v1 import publishing_pb2 as pb
from retailstack.pmc.v1.publishing_pb2_grpc import PublishingStub
from tests.pmc.given import Catalogue, some, spring


def channels_of(pmc: Catalogue, caller: Caller) -> Channels:
    return Channels(
        {"pmc": (f"127.0.0.1:{pmc.client.application.runtime.grpc_port}",)},
        sign=signs_as("slc"),
        caller=caller,
        clock=SystemClock(),
    )


@pytest_asyncio.fixture(loop_scope="module")
async def publishing(pmc: Catalogue) -> AsyncIterator[Any]:
    """PMC as the operator asks it."""
    channels = operator_channels(pmc.client.application)
    yield PublishingStub(channels.channel("pmc"))
    await channels.close()


async def stepped(publishing: Any, answer: pb.RunAnswer, max_items: int) -> tuple[pb.RunAnswer, Any]:
    run = json.loads(answer.run)
    after = await publishing.Step(
        pb.StepRunRequest(
            orgcode=answer.orgcode, run_id=run["run_id"], expected_revision=run["revision"], max_items=max_items
        )
    )
    return after, json.loads(after.run)


async def test_a_pack_is_published_by_its_id_alone_and_taken_up_where_it_stopped(
    pmc: Catalogue, publishing: Any
) -> None:
    await pmc.scenario_profiles()
    pack = await pmc.pack(spring())
    taken = await publishing.Take(pb.TakeRunRequest(pack_id=pack["pack_id"]))
    assert pmc.client.caller is not None
    assert taken.orgcode == pmc.client.caller.orgcode
    await stepped(publishing, taken, 3)

    again = await publishing.Take(pb.TakeRunRequest(pack_id=pack["pack_id"]))
    assert json.loads(again.run)["processed"] == 3
    _, run = await stepped(publishing, again, 200)

    assert (run["status"], run["created_by"], run["steps"]) == ("completed", OPERATOR_ACTOR, 2)
    assert some(run["outcomes"]) == {"created": 6, "blocked": 1}
    shown = (await pmc.good(await pmc.get("/publish/run/get", run_id=run["run_id"])))["run"]
    assert shown == run
    events = await pmc.client.collect_events()
    assert (events.count("pmc.run.started"), events.count("pmc.run.completed")) == (1, 1)


async def test_only_a_run_that_does_the_same_is_taken_up(pmc: Catalogue, publishing: Any) -> None:
    await pmc.scenario_profiles()
    pack_id = (await pmc.pack(spring()))["pack_id"]
    live = json.loads((await publishing.Take(pb.TakeRunRequest(pack_id=pack_id, channel_code="web"))).run)
    dry = json.loads((await publishing.Take(pb.TakeRunRequest(pack_id=pack_id, dry_run=True))).run)
    store = json.loads((await publishing.Take(pb.TakeRunRequest(pack_id=pack_id, channel_code="STORE"))).run)

    assert len({live["run_id"], dry["run_id"], store["run_id"]}) == 3
    assert (dry["dry_run"], store["selector"]["channel_codes"]) == (True, ["STORE"])
    with pytest.raises(Refusal) as taken:
        await publishing.Take(pb.TakeRunRequest(pack_id=pack_id, channel_code="WEB", staged=True))
    assert (taken.value.tag, taken.value.details["run_id"]) == ("conflict", live["run_id"])


async def test_a_lost_answer_shows_as_a_stale_revision(pmc: Catalogue, publishing: Any) -> None:
    await pmc.scenario_profiles()
    taken = await publishing.Take(pb.TakeRunRequest(pack_id=(await pmc.pack(spring()))["pack_id"]))
    after, run = await stepped(publishing, taken, 3)

    with pytest.raises(Refusal) as stale:
        await stepped(publishing, taken, 3)
    found = await publishing.Get(pb.GetRunRequest(orgcode=after.orgcode, run_id=run["run_id"]))

    assert (stale.value.tag, stale.value.details["current_revision"]) == ("conflict", run["revision"])
    assert json.loads(found.run) == run


async def test_strangers_are_refused_and_unknown_packs_are_not_found(pmc: Catalogue, publishing: Any) -> None:
    unknown = pb.TakeRunRequest(pack_id="0192e4a0-0000-7000-8000-000000000000")
    with pytest.raises(NotFound):
        await publishing.Take(unknown)
    assert pmc.client.caller is not None
    for caller in (pmc.client.caller, SYSTEM):
        channels = channels_of(pmc, caller)
        try:
            with pytest.raises(Forbidden):
                await PublishingStub(channels.channel("pmc")).Take(unknown)
        finally:
            await channels.close()
