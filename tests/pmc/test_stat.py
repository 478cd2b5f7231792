from pathlib import Path

from chassis.testing.client import serve
from services.pmc.app import PMC


async def test_stat_tells_of_every_part(
    mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str, tmp_path: Path
) -> None:
    async with serve(
        PMC,
        mongodb_uri=mongodb_uri,
        database=database_name,
        amqp_url=amqp_url,
        prefix=bus_prefix,
        pmc_objects_folder=str(tmp_path),
    ) as pmc:
        answer = await pmc.as_caller(orgcode=None, roles=frozenset()).get("/stat")

    assert answer.status == 200, answer
    assert {check["name"] for check in answer.data["checks"]} == {"database", "bus", "rpc", "object_store"}
    assert answer.body["stats"]["call"] == "pmc_stat"
