from chassis.caller import ANONYMOUS
from chassis.testing.client import serve
from services.visualgrid.app import VISUALGRID


async def test_ping_answers_in_an_envelope_of_its_own(
    mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str
) -> None:
    async with serve(
        VISUALGRID,
        mongodb_uri=mongodb_uri,
        database=database_name,
        amqp_url=amqp_url,
        prefix=bus_prefix,
        build_id="7",
        build_major=1,
        build_minor=2,
    ) as grid:
        grid.caller = ANONYMOUS
        pong = await grid.get("/ping")
        wrong = await grid.get("/ping", colour="red")

    build = {"service": "visualgrid", "version": "1.2+7"}
    assert pong.body == {"ok": True, "data": {"status": "ok"}, "build": build}
    assert wrong.status == 400
    assert wrong.body == {
        "ok": False,
        "error": {"tag": "invalid-input", "message": "colour: is not a known field"},
        "build": build,
    }
