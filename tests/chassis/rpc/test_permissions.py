"""What a service of the stack may call is a list for each servicer; the operator may call everything."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis.caller import SYSTEM, Caller
from chassis.errors import Forbidden, Unauthorized
from chassis.rpc.bus import BusServicer
from chassis.rpc.client import PEERS, Channels, Sign
from chassis.rpc.graph.servicer import GraphServicer
from chassis.rpc.interceptors import EVERY_SERVICE
from chassis.rpc.jobs import JobsServicer
from chassis.rpc.process_status import StatusServicer
from chassis.rpc.vacuum import VacuumServicer
from chassis.rpc.work import WorkServicer
from chassis.service import collect
from chassis.testing.keys import signer_of, signs_as, token, verifier_of
from gateway.app import GATEWAY
from retailstack.chassis.v1 import vacuum_pb2_grpc
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from services.ops.app import OPS
from tests.chassis.rpc.given import SECRET, ScriptedServicer, a_server
from tests.contract.services import SERVICES

ANN = Caller(kind="user", actor="ann", orgcode="DEMO0001", owner=True)


def test_services_may_do_what_they_need_and_nothing_else() -> None:
    generic = (BusServicer, GraphServicer, JobsServicer, StatusServicer, VacuumServicer, WorkServicer)
    found: dict[str, Collection[str]] = {each.__name__: getattr(each, "callers", ()) for each in generic}
    for service in (GATEWAY, OPS, *SERVICES.values()):
        for declared in collect(service).servicers:
            name = f"{service.name} {declared.servicer.__name__}"
            found[name] = getattr(declared.servicer, "callers", ())
    assert found == {
        "BusServicer": (),
        "GraphServicer": ("visualgrid",),
        "JobsServicer": (),
        "StatusServicer": EVERY_SERVICE,
        "VacuumServicer": ("ops",),
        "WorkServicer": (),
        "gateway AdministrationServicer": (),
        "gateway DirectoryServicer": ("gateway", "ops", "slc"),
        "ics InventoryServicer": ("slc",),
        "ops ClosuresServicer": EVERY_SERVICE,
        "ops MaintenanceServicer": EVERY_SERVICE,
        "ops SecretServicer": EVERY_SERVICE,
        "ops VacuumAdminServicer": (),
        "pmc CatalogueServicer": ("slc",),
        "pmc PublishingServicer": (),
        "slc ChannelsServicer": ("pmc", "visualgrid"),
    }


class OfOps(ScriptedServicer):
    """Answers OPS alone."""

    callers = ("ops",)


@asynccontextmanager
async def asking(**options: Any) -> AsyncIterator[Any]:
    """ICS, which checks real tokens."""
    add = vacuum_pb2_grpc.add_VacuumServicer_to_server
    server = a_server((add, OfOps()), verify=verifier_of("ics").verify, any_caller=False)
    await server.start()
    channels = Channels({"ics": [f"127.0.0.1:{server.port}"]}, **options)
    try:
        yield vacuum_pb2_grpc.VacuumStub(channels.channel("ics"))
    finally:
        await channels.close()
        await server.stop(0)


async def test_ops_alone_may_vacuum() -> None:
    async with asking(sign=signs_as("ops")) as vacuum:
        await vacuum.Count(VacuumRequest(all=True))
    for service in set(PEERS) - {"ops"}:
        async with asking(sign=signs_as(service)) as vacuum:
            with pytest.raises(Forbidden, match=f"{service} may not call this"):
                await vacuum.Count(VacuumRequest(all=True))
            with pytest.raises(Forbidden):
                async for _ in vacuum.Delete(VacuumRequest(all=True)):
                    pass


async def test_the_operator_may_with_the_secret_code() -> None:
    async with asking(secret_code=lambda: SECRET) as vacuum:
        await vacuum.Count(VacuumRequest(all=True))
    async with asking(secret_code=lambda: "wrong") as vacuum:
        with pytest.raises(Unauthorized):
            await vacuum.Count(VacuumRequest(all=True))


async def test_a_user_gains_nothing_by_the_token_that_the_gateway_made() -> None:
    async with asking(sign=lambda *_: token(ANN, "ics")) as vacuum:
        with pytest.raises(Forbidden):
            await vacuum.Count(VacuumRequest(all=True))


def wrong_tokens() -> dict[str, Sign]:
    ops = signer_of("ops")
    return {
        "made for another service": lambda *_: ops.sign(SYSTEM, "pmc"),
        "nothing": lambda *_: "",
    }


@pytest.mark.parametrize("kind", wrong_tokens())
async def test_wrong_tokens_are_refused(kind: str) -> None:
    async with asking(sign=wrong_tokens()[kind]) as vacuum:
        with pytest.raises(Unauthorized):
            await vacuum.Count(VacuumRequest(all=True))
