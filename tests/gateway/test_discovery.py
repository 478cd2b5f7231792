"""The replicas of a service follow the addresses that its name stands for."""

from collections.abc import Sequence

import pytest

from gateway.upstream import discovery
from gateway.upstream.balance import Replica, Upstream
from gateway.upstream.discovery import Discovery
from tests.gateway.given import SIGNED_IN, a_house, request, send, until
from tests.gateway.given import Upstream as Service

NAME = "http://ics-headless:8080"


class Names:
    """What a name stands for, as set by a test; nothing: it cannot be looked up."""

    def __init__(self, *hosts: str) -> None:
        self.hosts: Sequence[str] = hosts
        self.asked = 0

    async def look(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        if not self.hosts:
            raise OSError("no such name")
        return self.hosts


def made(service: str, address: str) -> Replica:
    return Replica(service, address)


async def test_each_address_of_a_name_is_a_replica_and_those_that_stay_are_kept() -> None:
    upstream, names = Upstream("ics"), Names("10.0.0.1", "10.0.0.2")
    follows = Discovery(upstream, [NAME], made, names.look)
    await follows.refresh()
    first = {replica.authority: replica for replica in upstream.replicas}
    names.hosts = ("10.0.0.2", "10.0.0.3")
    await follows.refresh()

    assert set(first) == {"10.0.0.1:8080", "10.0.0.2:8080"}
    assert [replica.authority for replica in upstream.replicas] == ["10.0.0.2:8080", "10.0.0.3:8080"]
    assert upstream.replicas[0] is first["10.0.0.2:8080"]


async def test_a_name_that_cannot_be_looked_up_changes_nothing() -> None:
    upstream, names = Upstream("ics"), Names("10.0.0.1", "::1")
    follows = Discovery(upstream, [NAME], made, names.look)
    await follows.refresh()
    names.hosts = ()
    await follows.refresh()

    assert [replica.authority for replica in upstream.replicas] == ["10.0.0.1:8080", "[::1]:8080"]


async def test_numeric_addresses_are_never_looked_up() -> None:
    upstream, names = Upstream("ics"), Names()
    follows = Discovery(upstream, ["http://10.0.0.1:80", "http://[::1]:81"], made, names.look)
    await follows.start()
    await follows.stop()

    assert [replica.authority for replica in upstream.replicas] == ["10.0.0.1:80", "[::1]:81"]
    assert names.asked == 0


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """The names that the gateway looks up, often."""
    found = Names()
    monkeypatch.setattr(discovery, "look_up", found.look)
    monkeypatch.setattr(discovery, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(discovery, "ABSENT_SECONDS", 0.02)
    monkeypatch.setattr(discovery, "PAUSE_SECONDS", 0.0)
    return found


@pytest.mark.parametrize("proxy", ["lean", "session"])
async def test_a_new_replica_has_its_share_and_a_lost_one_costs_no_call(names: Names, proxy: str) -> None:
    old, new = Service(), Service(host="127.0.0.2")
    await old.start()
    new.port = old.port
    names.hosts = ("127.0.0.1",)
    async with a_house(upstreams={"pmc": old}, PMC_HTTP=f"http://pmc-headless:{old.port}", PROXY=proxy) as house:
        # A safe call and one that changes something: neither was sent to a replica that refuses connections.
        calls = [request(method, "/pmc/x", SIGNED_IN, body) for method, body in (("GET", None), ("POST", b"{}"))]

        async def statuses() -> set[int]:
            return {(await send(house.port, call)).status for _ in range(4) for call in calls}

        assert await statuses() == {200}
        await new.start()
        names.hosts = ("127.0.0.1", "127.0.0.2")
        pmc = house.entrance.upstreams["pmc"]
        await until(lambda: len(pmc.replicas) == 2)
        assert await statuses() == {200}
        assert len(new.seen) >= 3

        await old.stop()
        assert await statuses() == {200}
        names.hosts = ("127.0.0.2",)
        await until(lambda: len(pmc.replicas) == 1)
        assert await statuses() == {200}
        await new.stop()


async def test_a_name_that_comes_later_is_found(names: Names) -> None:
    service = Service()
    await service.start()
    async with a_house(upstreams={"pmc": service}, PMC_HTTP=f"http://pmc-headless:{service.port}") as house:
        absent = await house.get("/pmc/x")
        names.hosts = ("127.0.0.1",)
        await until(lambda: house.entrance.upstreams["pmc"].replicas)
        there = await house.get("/pmc/x")

    assert (absent.status, there.status) == (503, 200)
