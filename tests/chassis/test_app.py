import ast
import asyncio
import json
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from chassis.auth.token import HEADER
from chassis.caller import Caller
from chassis.testing.keys import token
from tests.chassis.process_given import ROOT, a_process, free_port
from tests.chassis.proxy_given import Proxy
from tests.waiting import stretched, until

KEEPER = Caller(kind="user", actor="ann", orgcode="DEMO0001", roles=frozenset({"sample_keeper", "sample_view"}))
CLIENTS = 16


@pytest.fixture
def places(mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str) -> dict[str, str]:
    """Where the sample's engines are, as its environment says it."""
    return {
        "MONGODB_URI": mongodb_uri,
        "MONGODB_DATABASE": database_name,
        "AMQP_URL": amqp_url,
        "AMQP_PREFIX": bus_prefix,
    }


async def test_a_process_comes_up_and_goes_down_in_order(places: dict[str, str]) -> None:
    async with a_process(**places) as sample, aiohttp.ClientSession() as session:
        await sample.ready()
        async with session.get(f"{sample.private_url}/healthz") as alive:
            assert alive.status == 200

        async def parts() -> bool:
            async with session.get(f"{sample.private_url}/readyz") as ready:
                return bool((await ready.json())["parts"] == {"database": True, "bus": True, "rpc": True})

        # A process is ready without the broker, so the broker may be reached a moment later.
        await until(parts, 10, "not all parts are up")
        async with session.get(f"{sample.private_url}/metrics") as metrics:
            assert "retailstack_resident_bytes" in await metrics.text()
        sample.process.send_signal(signal.SIGTERM)
        code, out, err = await sample.ended()

    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [line["event"] for line in lines if line.get("part") == "chassis.app"] == ["ready", "stopped"]
    assert {line["service"] for line in lines} == {"sample"}


async def test_no_request_in_flight_is_lost_when_it_stops(places: dict[str, str]) -> None:
    answered: list[int] = []
    lost: list[str] = []
    stopping = asyncio.Event()

    async def keep_asking(number: int, session: aiohttp.ClientSession, url: str) -> None:
        count = 0
        while True:
            head = {HEADER: token(KEEPER, "sample"), "x-logical-guid": "FAC-A"}
            try:
                count += 1
                body = {"code": f"A-{number}-{count}"}
                async with session.post(f"{url}/crate/create", json=body, headers=head) as answer:
                    answered.append(answer.status)
                    await answer.read()
            except aiohttp.ClientConnectorError:
                return
            except aiohttp.ClientError as failure:
                lost.append(repr(failure))
                return
            if len(answered) == 200:
                stopping.set()

    async with a_process(**places) as sample, aiohttp.ClientSession() as session:
        await sample.ready()
        clients = [asyncio.create_task(keep_asking(number, session, sample.url)) for number in range(CLIENTS)]
        await asyncio.wait_for(stopping.wait(), stretched(30))
        sample.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(asyncio.gather(*clients), stretched(30))
        code, _, err = await sample.ended()

    assert (code, err, lost) == (0, "", [])
    assert set(answered) == {200}


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"MONGODB_URI": ""}, "sample: MONGODB_URI is not set (nor is MONGODB_URI_FILE)"),
        ({"SAMPLE_CRATES_MAX": "fifty"}, 'sample: SAMPLE_CRATES_MAX: "fifty" is not a whole number'),
        ({"CALLER_KEY": "short"}, "sample: CALLER_KEY is too short: 32 bytes or more are needed"),
    ],
)
async def test_a_wrong_setting_stops_it_with_one_line(environ: dict[str, str], said: str) -> None:
    async with a_process(**{"MONGODB_URI": "mongodb://x/", "AMQP_URL": "amqp://x/", **environ}) as sample:
        code, out, err = await sample.ended()

    assert (code, out, err) == (2, "", f"{said}\n")


async def test_a_taken_port_stops_it_with_one_line(places: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with a_process(**places, HTTP_PORT=str(taken.getsockname()[1])) as sample:
            code, _, err = await sample.ended()

    assert code == 1
    assert err.startswith("sample: can't start: ")
    assert "address already in use" in err
    assert err.count("\n") == 1


async def test_no_database_stops_it_with_one_line(places: dict[str, str]) -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}/"
    async with a_process(**{**places, "MONGODB_URI": uri, "START_SECONDS": "0"}) as sample:
        code, _, err = await sample.ended()

    assert code == 1
    assert err.startswith("sample: can't start: no MongoDB answers")
    assert err.count("\n") == 1


async def test_it_waits_for_a_database_that_comes_later_and_is_alive_meanwhile(
    places: dict[str, str], mongodb_uri: str
) -> None:
    server = urlsplit(mongodb_uri)
    port = free_port()
    late = f"mongodb://{server.netloc.replace(f':{server.port}', f':{port}')}/?{server.query or 'appName=late'}"
    async with (
        a_process(**{**places, "MONGODB_URI": late + "&directConnection=true"}) as sample,
        aiohttp.ClientSession() as session,
    ):
        await until(partial(_answers, session, f"{sample.private_url}/healthz"), 30.0)
        assert not await _answers(session, f"{sample.private_url}/readyz")
        async with Proxy(mongodb_uri, port=port):
            await sample.ready()


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_a_wrong_address_of_the_database_stops_it_at_once(places: dict[str, str]) -> None:
    async with a_process(**{**places, "MONGODB_URI": "mongo://nowhere"}) as sample:
        code, _, err = await sample.ended()

    assert code == 1
    assert err.startswith("sample: can't start: the database's address can't be used")


async def test_it_is_ready_and_takes_changes_while_the_broker_is_away(places: dict[str, str]) -> None:
    away = {**places, "AMQP_URL": f"amqp://127.0.0.1:{free_port()}/"}
    async with a_process(**away) as sample, aiohttp.ClientSession() as session:
        await sample.ready()
        async with session.get(f"{sample.private_url}/readyz") as ready:
            assert (await ready.json())["parts"]["bus"] is False
        head = {HEADER: token(KEEPER, "sample"), "x-logical-guid": "FAC-A"}
        async with session.post(f"{sample.url}/crate/create", json={"code": "A-1"}, headers=head) as answer:
            assert answer.status == 200


async def test_sigterm_ends_it_from_the_first_line_on() -> None:
    code = "import chassis.exit_on_sigterm, signal, os; os.kill(os.getpid(), signal.SIGTERM); print('deaf')"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()

    assert (process.returncode, out) == (0, b"")


@pytest.mark.parametrize("main", [*ROOT.glob("services/*/__main__.py"), ROOT / "gateway" / "__main__.py"], ids=str)
def test_every_process_begins_with_the_signal(main: Path) -> None:
    first = next(node for node in ast.parse(main.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom))

    assert ast.unparse(first) == "import chassis.exit_on_sigterm"


async def test_calls_are_still_accepted_for_a_while_after_it_was_told_to_stop(places: dict[str, str]) -> None:
    async with a_process(**places, DRAIN_SECONDS="600") as sample, aiohttp.ClientSession() as session:
        await sample.ready()
        sample.process.send_signal(signal.SIGTERM)
        await until(partial(_unready, session, f"{sample.private_url}/readyz"), 30.0)
        async with aiohttp.ClientSession() as other:
            head = {HEADER: token(KEEPER, "sample"), "x-logical-guid": "FAC-A"}
            async with other.post(f"{sample.url}/crate/create", json={"code": "A-1"}, headers=head) as answer:
                assert answer.status == 200


async def _unready(session: aiohttp.ClientSession, url: str) -> bool:
    return not await _answers(session, url)
