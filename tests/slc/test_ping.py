from chassis.caller import ANONYMOUS
from chassis.key_ring import KeyRing, new_key
from chassis.testing.client import serve
from services.slc.app import SLC


async def test_ping_asks_for_nothing(mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str) -> None:
    async with serve(
        SLC,
        mongodb_uri=mongodb_uri,
        database=database_name,
        amqp_url=amqp_url,
        prefix=bus_prefix,
        slc_keys=KeyRing.from_text(new_key("k1")),
    ) as slc:
        slc.caller = ANONYMOUS
        pong = await slc.post("", action="ping")
        unknown = await slc.post("", action="pong")
        more = await slc.post("", action="ping", shop="x")

    assert (pong.status, pong.data) == (200, {"status": "ok"})
    assert pong.body["stats"]["call"] == "slc_ping"
    assert (unknown.status, unknown.tag, unknown.error_code) == (400, "invalid-input", "slc.validation_failed")
    assert unknown.problems == {"action": "is not a known action"}
    assert more.problems == {"shop": "is not a known field"}
