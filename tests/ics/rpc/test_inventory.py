from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from chassis.caller import Caller
from chassis.clock import FixedClock
from chassis.errors import (
    Conflict,
    ExpectedRevisionRequired,
    Forbidden,
    Invalid,
    NotFound,
    Refusal,
    StaleRevision,
    Unauthorized,
)
from chassis.http.idempotency import IDEMPOTENCY
from chassis.rpc.context import acting_for
from chassis.testing.client import ServiceClient
from retailstack.ics.v1 import stock_pb2 as pb
from retailstack.ics.v1.stock_pb2_grpc import InventoryStub
from services.ics.words import InsufficientStock
from tests.ics.asking import acting_as, channel_to, service_of
from tests.ics.floor import Floor
from tests.ics.given import an_id

DAYS_90 = 90 * 24 * 3600


class Neighbour:
    """Another service, asking for the test's org."""

    def __init__(self, ics: ServiceClient, channel: Any) -> None:
        self.ics = ics
        self.stub = InventoryStub(channel)

    async def ask(self, method: str, request: Any, caller: Caller | None = None) -> Any:
        with acting_for(acting_as(caller or service_of(self.ics))):
            return await getattr(self.stub, method)(request)

    async def commit(self, quantity: int, key: str | None = None, variant_id: str = "V1") -> Any:
        about = pb.CallContext(logical_guid="FAC-A", channel_code="WEB", idempotency_key=key)
        asked = pb.CommitCreateDirectRequest(
            context=about, variant_id=variant_id, quantity=quantity, order_ref="O-1", order_line_ref="1"
        )
        return await self.ask("CommitCreateDirect", asked)

    async def refused(self, kind: type[Refusal], method: str, request: Any, caller: Caller | None = None) -> Refusal:
        with pytest.raises(kind) as told:
            await self.ask(method, request, caller)
        return told.value


@pytest_asyncio.fixture(loop_scope="module")
async def slc(ics: ServiceClient) -> AsyncIterator[Neighbour]:
    async with channel_to(ics) as channel:
        yield Neighbour(ics, channel)


def here(key: str | None = None) -> pb.CallContext:
    return pb.CallContext(logical_guid="FAC-A", idempotency_key=key)


async def test_an_order_goes_out_and_comes_back(ics: ServiceClient, slc: Neighbour) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)

    made = await slc.commit(6)
    named = {"commit_id": made.commit.commit_id, "context": here()}
    shipped = await slc.ask(
        "ShipRecord", pb.ShipRecordRequest(**named, expected_revision=1, quantity=4, from_stage="open", carrier="DHL")
    )
    release = pb.CommitReleaseRequest(**named, expected_revision=2, reason="cancelled")
    released = await slc.ask("CommitRelease", release)
    line = pb.ReceiveLineInput(variant_id="V1", quantity=1)
    restock = pb.ReceiveRecordRequest(context=here(), source="customer", source_ref="O-1", lines=[line])
    received = await slc.ask("ReceiveRecord", restock)

    assert (made.commit.open, made.commit.source, made.balances[0].buckets.committed) == (6, "direct", 6)
    assert (shipped.commit.shipped, shipped.entries[0].kind, shipped.balances[0].on_hand) == (4, "ship", 6)
    assert shipped.commit.ships[0].carrier == "DHL"
    assert (released.commit.status, released.commit.released) == ("shipped", 2)
    (remark,) = released.commit.remarks
    assert (remark.text, remark.call, remark.revision) == ("cancelled", "ics_commit_release", 3)
    assert [entry.order_ref for entry in shipped.entries] == [made.commit.order_ref]
    assert (received.receive.source, received.receive.lines[0].pending) == ("customer", 1)
    assert not received.receive.HasField("code")
    assert await floor.totals() == (6, 1, 0, 0, 0, 0, 0, 7)


async def test_availability_is_what_http_says(ics: ServiceClient, slc: Neighbour) -> None:
    for number in range(3):
        await Floor(ics, f"V{number}").stocked(10 + number)
    variants = ["V0", "V1", "V2", "V-NONE"]

    one = await slc.ask("AtpQuery", pb.AtpQueryRequest(variant_ids=["V1"], channel_code="WEB"))
    many = await slc.ask("AtpQuery", pb.AtpQueryRequest(variant_ids=variants))
    over_http = (await ics.plain.post("/atp/query", variant_ids=variants)).data

    assert (one.items[0].promisable, one.channel_code) == (11, "WEB")
    assert [item.promisable for item in many.items] == [item["promisable"] for item in over_http["items"]]
    assert not many.HasField("by_date")


async def test_a_stream_tells_of_any_number_of_variants(ics: ServiceClient, slc: Neighbour) -> None:
    await Floor(ics, "V-150").stocked(7)
    variants = [f"V-{number}" for number in range(250)]
    with acting_for(acting_as(service_of(ics))):
        answers = [answer async for answer in slc.stub.AtpStream(pb.AtpQueryRequest(variant_ids=variants))]

    assert [len(answer.items) for answer in answers] == [100, 100, 50]
    told = {item.variant_id: item.promisable for answer in answers for item in answer.items}
    assert list(told) == variants
    assert {name: units for name, units in told.items() if units} == {"V-150": 7}

    for wrong in (["V1", "V1"], [f"V-{number}" for number in range(10_001)], [], ["V1\n"]):
        with acting_for(acting_as(service_of(ics))), pytest.raises(Invalid):
            async for _ in slc.stub.AtpStream(pb.AtpQueryRequest(variant_ids=wrong)):
                pass


async def test_a_key_moves_stock_once_over_grpc_and_http_alike(ics: ServiceClient, slc: Neighbour) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)

    first, again = await slc.commit(2, "line-1"), await slc.commit(2, "line-1")
    over_http = await ics.post(
        "/commit/create-direct",
        headers={"x-channel-code": "WEB"},
        variant_id="V1",
        quantity=2,
        order_ref="O-1",
        order_line_ref="1",
        idempotency_key="line-1",
    )

    assert first == again
    assert over_http.data["commit"]["commit_id"] == first.commit.commit_id
    assert over_http.headers["Idempotent-Replayed"] == "true"
    assert (await floor.totals())[5] == 2
    with pytest.raises(Conflict):
        await slc.commit(3, "line-1")


async def test_refusals_are_kept_with_their_key_too(ics: ServiceClient, slc: Neighbour) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(1)
    for _ in range(2):
        with pytest.raises(InsufficientStock) as told:
            await slc.commit(5, "line-2")
        (shortage,) = told.value.details["shortages"]
        assert (shortage["requested"], shortage["available"]) == (5, 1)
        await floor.stocked(10)
    assert (await floor.totals())[5] == 0


async def test_keys_of_services_are_kept_for_90_days(ics: ServiceClient, slc: Neighbour, clock: FixedClock) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)
    first = await slc.commit(2, "line-3")
    clock.advance(DAYS_90 - 1)
    assert await slc.commit(2, "line-3") == first
    assert ics.caller is not None
    kept = ics.application.runtime.database.collection(IDEMPOTENCY.collection)
    (outcome,) = await kept.find({"orgcode": ics.caller.orgcode})
    assert outcome["endpoint"] == "ics_commit_create_direct"


async def test_the_rows_rules_and_errors_hold(ics: ServiceClient, slc: Neighbour) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(10)
    commit_id = (await slc.commit(2)).commit.commit_id
    release = "CommitRelease"

    missing = await slc.refused(
        ExpectedRevisionRequired, release, pb.CommitReleaseRequest(context=here(), commit_id=commit_id)
    )
    stale = await slc.refused(
        StaleRevision, release, pb.CommitReleaseRequest(context=here(), commit_id=commit_id, expected_revision=9)
    )
    unknown = pb.CommitReleaseRequest(context=here(), commit_id=an_id(), expected_revision=1)
    elsewhere = pb.CommitReleaseRequest(
        context=pb.CallContext(logical_guid="FAC-B"), commit_id=commit_id, expected_revision=1
    )
    nowhere = await slc.refused(Invalid, release, pb.CommitReleaseRequest(commit_id=commit_id, expected_revision=1))
    empty = await slc.refused(
        Invalid, "CommitCreateDirect", pb.CommitCreateDirectRequest(context=pb.CallContext(logical_guid="FAC-A"))
    )

    assert missing.details == stale.details == {"current_revision": 1}
    await slc.refused(NotFound, release, unknown)
    await slc.refused(NotFound, release, elsewhere)
    assert [field["path"] for field in nowhere.details["fields"]] == ["logical_guid"]
    assert {field["path"] for field in empty.details["fields"]} >= {"channel_code"}
    assert await floor.totals() == (8, 0, 0, 0, 0, 2, 0, 10)


async def test_roles_are_those_of_the_row(ics: ServiceClient, slc: Neighbour) -> None:
    assert ics.caller is not None
    asked = pb.AtpQueryRequest(variant_ids=["V1"])
    receive = pb.ReceiveRecordRequest(context=here(), lines=[pb.ReceiveLineInput(variant_id="V1", quantity=1)])
    viewer = Caller(kind="user", actor="anna", orgcode=ics.caller.orgcode, roles=frozenset({"ics_view"}))
    stranger = Caller(kind="user", actor="otto", orgcode=ics.caller.orgcode)

    assert (await slc.ask("AtpQuery", asked, viewer)).items[0].promisable == 0
    await slc.refused(Forbidden, "ReceiveRecord", receive, viewer)
    await slc.refused(Forbidden, "AtpQuery", asked, stranger)
    await slc.refused(Unauthorized, "AtpQuery", asked, Caller(kind="anonymous", actor="anonymous"))
    await slc.refused(Invalid, "AtpQuery", asked, Caller(kind="service", actor="slc"))
