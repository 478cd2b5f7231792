"""What is being emptied is written by nobody: the gate, how it is told, and who asks it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis.caller import SYSTEM, Call, Caller
from chassis.clock import FixedClock, SystemClock, Utc, later
from chassis.closure_sync import ClosureSync
from chassis.entity import Entity, Record, Value
from chassis.errors import MaintenanceActive, Refusal
from chassis.gate import Closures, Gate, GateWindow
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.runner import JobRunner
from chassis.jobs.state import JOB_STATES
from chassis.mongo.client import Database
from chassis.mongo.leases import Leases
from chassis.mongo.unit import MongoUnits
from chassis.provided import Provided
from chassis.rpc.client import Channels
from chassis.rpc.server import RpcServer
from chassis.unit import Change, Units
from retailstack.ops.v1 import vacuum_pb2 as pb
from retailstack.ops.v1 import vacuum_pb2_grpc
from tests.chassis.rpc.given import a_server, sign

NOON = Utc("2026-03-01T12:00:00.000Z")
ANN = Caller(kind="user", actor="ann", orgcode="GONE")


class Slip(Record):
    """Something to write."""

    slip_id: str


SLIPS = Entity("slip", Slip, collection="slips", id="slip_id")


def a_gate(**closures: Any) -> Gate:
    gate = Gate(FixedClock(NOON))
    gate.set_closures(Closures(**closures))
    return gate


def test_an_org_that_is_emptied_is_closed_and_no_other() -> None:
    gate = a_gate(orgcodes=frozenset({"GONE"}))
    with pytest.raises(MaintenanceActive) as refused:
        gate.check("GONE")
    assert refused.value.headers()["Retry-After"] == "60"
    gate.check("ACME")
    gate.check(None)
    assert (gate.is_closed_for("GONE"), gate.is_closed_for("ACME"), gate.open) == (True, False, True)
    gate.set_closures(Closures())
    gate.check("GONE")


def test_while_everything_is_emptied_all_are_closed_and_background_work_pauses() -> None:
    gate = a_gate(all=True)
    for orgcode in ("ACME", None):
        with pytest.raises(MaintenanceActive):
            gate.check(orgcode)
    assert not gate.open
    gate.reopen()
    assert not gate.open, "the end of a maintenance window is not the end of this"


def test_a_window_closes_on_top_of_it() -> None:
    gate = a_gate(orgcodes=frozenset({"GONE"}))
    gate.close(GateWindow(maintenance_id="m", expected_end_utc=later(NOON, 600)))
    with pytest.raises(MaintenanceActive) as refused:
        gate.check("GONE")
    assert refused.value.details["maintenance_id"] == "m"


def test_nothing_is_written_for_who_is_emptied_whoever_asks() -> None:
    gate = a_gate(orgcodes=frozenset({"GONE"}))
    for caller in (ANN, Caller(kind="service", actor="system", orgcode="GONE")):
        with pytest.raises(MaintenanceActive):
            gate.check_write(caller)
    gate.check_write(SYSTEM)
    gate.check_write(Caller(kind="user", actor="ann", orgcode="ACME"))


def test_while_everything_is_emptied_only_processes_write_of_themselves() -> None:
    gate = a_gate(all=True)
    gate.check_write(SYSTEM)
    for caller in (ANN, Caller(kind="service", actor="operator"), Caller(kind="service", actor="system", orgcode="A")):
        with pytest.raises(MaintenanceActive):
            gate.check_write(caller)


def test_news_of_before_an_erasure_are_of_nobody() -> None:
    gate = a_gate(erased={"GONE": NOON})
    assert gate.is_erased("GONE", NOON)
    assert not gate.is_erased("GONE", later(NOON, 1)), "the code may have been given to another since"
    assert not gate.is_erased("ACME", NOON)
    assert a_gate(erased={"": NOON}).is_erased("ACME", NOON), "everything was"


class Ops(vacuum_pb2_grpc.ClosuresServicer):
    """Says what is being emptied."""

    answer = pb.GetClosuresResponse()

    async def Get(self, request: pb.GetClosuresRequest, context: Any) -> pb.GetClosuresResponse:
        return self.answer


@asynccontextmanager
async def an_ops(servicer: Ops) -> AsyncIterator[RpcServer]:
    add = vacuum_pb2_grpc.add_ClosuresServicer_to_server
    server = a_server((add, servicer))
    await server.start()
    yield server
    await server.stop(0)


async def test_what_is_closed_stays_closed_while_ops_is_down() -> None:
    ops, gate = Ops(), Gate(SystemClock())
    ops.answer = pb.GetClosuresResponse(orgcodes=["GONE"], erased=[pb.Erased(orgcode="PAST", completed_utc=NOON)])
    async with an_ops(ops) as server:
        channels = Channels({"ops": [f"127.0.0.1:{server.port}"]}, sign=sign)
        watch = ClosureSync(gate, channels)
        await watch.ask()
        assert gate.is_closed_for("GONE")
        assert gate.is_erased("PAST", NOON)
    for _ in range(3):
        with pytest.raises(Refusal):
            await watch.ask()
    assert gate.is_closed_for("GONE")
    await channels.close()


async def test_what_is_emptied_no_more_is_open_again() -> None:
    ops, gate = Ops(), Gate(SystemClock())
    async with an_ops(ops) as server:
        channels = Channels({"ops": [f"127.0.0.1:{server.port}"]}, sign=sign)
        watch = ClosureSync(gate, channels)
        for answer, closed in ((pb.GetClosuresResponse(all=True), True), (pb.GetClosuresResponse(), False)):
            ops.answer = answer
            await watch.ask()
            assert gate.is_closed_for("ACME") is closed
        await channels.close()


async def test_a_process_knows_what_is_emptied_before_it_takes_work() -> None:
    ops, gate = Ops(), Gate(SystemClock())
    ops.answer = pb.GetClosuresResponse(orgcodes=["GONE"])
    async with an_ops(ops) as server:
        channels = Channels({"ops": [f"127.0.0.1:{server.port}"]}, sign=sign)
        watch = ClosureSync(gate, channels)
        await watch.start()
        assert gate.is_closed_for("GONE")
        await watch.stop()
        await channels.close()


class Seen(Value):
    """Which orgs a job found open."""

    orgs: list[str]


async def test_units_and_jobs_ask_the_gate(mongodb_uri: str, database_name: str) -> None:
    clock, gate = SystemClock(), a_gate(orgcodes=frozenset({"GONE"}))
    database = await Database.connect(mongodb_uri, database_name)
    units = MongoUnits(database, [SLIPS, JOB_STATES], clock, "test", admit=lambda call: gate.check_write(call.caller))
    await units.start()
    jobs = Jobs("test")

    @jobs.by_hand(name="look")
    async def look(units: Units, call: Call, params: NoParams, gate: Gate) -> Seen:
        """See which orgs are open."""
        return Seen(orgs=[org for org in ("ACME", "GONE") if not gate.is_closed_for(org)])

    async def write(change: Change) -> None:
        await change.insert(SLIPS, Slip(slip_id=change.new_id()))

    leases = Leases(database, clock, "here")
    provided = Provided()
    provided.add(Gate, gate)
    runner = JobRunner(
        jobs.declared, units=units, leases=leases, clock=clock, gate=gate, replica="here", provided=provided
    )
    call = Call(caller=ANN, name="t", request_id="r", started_utc=NOON)
    with pytest.raises(MaintenanceActive):
        await units.change(call, write)
    assert await runner.run("look", {}, dry_run=False) == Seen(orgs=["ACME"])
    assert await database.collection("slips").count({}) == 0
    await units.stop()
    await database.close()
