"""Resources of a running service: started in order, given to everything that asks, part of readiness, stopped last."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from chassis.resource import resource
from chassis.resource_runner import ResourceFailed
from chassis.rpc.declaration import Servicer
from chassis.rpc.endpoints import RpcEndpoints
from chassis.testing.client import serve
from tests.chassis.bus_given import eventually
from tests.chassis.resources.given import EVENTS, Lent, Library, Shelf, a_service, declared


async def test_everything_is_given_a_resource_and_outlived_by_it(
    monkeypatch: pytest.MonkeyPatch,
    resources: list[Any],
    steps: list[str],
    place: dict[str, Any],
) -> None:
    made: list[Library] = []

    class Desk:
        """A servicer."""

        def __init__(self, library: Library, endpoints: RpcEndpoints) -> None:
            made.append(library)

    parts = declared()
    service = a_service(
        monkeypatch,
        resources,
        events=EVENTS,
        handlers={"endpoints": parts["endpoints"]},
        jobs={"jobs": parts["jobs"]},
        consumers={"consumers": parts["consumers"]},
        rpc={"servicers": [Servicer(lambda _servicer, _server: None, Desk)]},
    )
    async with serve(service, **place) as client:
        runtime = client.application.runtime
        [library] = made
        for path in ("/lend", "/lend/view", "/lend/change"):
            assert (await client.post(path, to="ann")).data == {"lent": "books of 20 to ann"}
        assert await runtime.jobs.run("lend", {}, dry_run=False) == Lent(lent="books of 20 to job")
        async with aiohttp.ClientSession() as session:
            private = f"http://127.0.0.1:{runtime.private_port}"
            async with session.get(f"{private}/readyz") as ready:
                assert (await ready.json())["parts"]["shelf"] is True
            library.shelf.up = False
            async with session.get(f"{private}/readyz") as ready:
                assert (ready.status, (await ready.json())["parts"]["shelf"]) == (503, False)
            async with session.get(f"{private}/metrics") as metrics:
                text = await metrics.text()
            await eventually(lambda: "consumer" in library.seen)
        assert "test_books_lent_total" in text
        assert 'retailstack_part_up{part="shelf"} 0.0' in text
        assert steps == ["shelf up", "library up"]
    assert steps == ["shelf up", "library up", "library down", "shelf down"]


async def test_a_double_takes_the_place_of_a_resource(
    monkeypatch: pytest.MonkeyPatch,
    resources: list[Any],
    steps: list[str],
    place: dict[str, Any],
) -> None:
    service = a_service(monkeypatch, resources, events=EVENTS, handlers={"endpoints": declared()["endpoints"]})
    double = {Shelf: Shelf("blank books")}
    async with serve(service, **place, doubles=double) as client:
        assert (await client.post("/lend", to="ann")).data == {"lent": "blank books to ann"}
    assert steps == ["library up", "library down"]


async def test_a_resource_that_fails_stops_the_start_and_those_before_it(
    monkeypatch: pytest.MonkeyPatch,
    resources: list[Any],
    steps: list[str],
    place: dict[str, Any],
) -> None:
    class Broken:
        """Never there."""

    @resource
    async def broken(shelf: Shelf) -> AsyncIterator[Broken]:
        """Does not come up."""
        if shelf.up:
            raise ConnectionError("nobody answers")
        yield Broken()

    service = a_service(monkeypatch, [*resources, broken])
    with pytest.raises(ResourceFailed, match="broken did not start: nobody answers"):
        async with serve(service, **place):
            pass
    assert steps == ["shelf up", "library up", "library down", "shelf down"]
